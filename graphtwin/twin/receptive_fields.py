"""Where each unit's receptive field lies, by reverse correlation: the start of readout positions, which decides how a fit ends."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from tqdm import tqdm

from graphtwin.twin.recordings import Clips


class ReverseCorrelationConfig(BaseModel):
    """How responses are set against the stimulus."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(12, ge=2, description="Of the grid of places.")
    columns: int = Field(21, ge=2, description="Of the grid of places.")
    lags: tuple[int, ...] = Field((2, 3, 4, 5), description="Frames from stimulus to response.")
    sharpness: float = Field(12.0, gt=0, description="Of the soft maximum over places.")


def locate(clips: Clips, config: ReverseCorrelationConfig | None = None, progress: bool = False) -> Float[np.ndarray, "units 2"]:
    """Field centres, x rightwards and y downwards, edges of the video at -1 and 1.

    Responses are correlated with two energies at every place of a grid, local contrast and temporal change, some frames before. The
    sum of both correlations squared, where positive, is a map; its centre of mass, sharpened, is the field's place.

    Args:
        clips: Of the training tiers, read once.
        config: See `ReverseCorrelationConfig`.
        progress: Show a bar.
    """
    config = config or ReverseCorrelationConfig()
    lags = (0,) if clips.pictures else config.lags
    n_energies = 2 * config.rows * config.columns
    cross = np.zeros((len(lags), clips.n_units, n_energies))
    sums = [np.zeros(n_energies), np.zeros(n_energies), np.zeros(clips.n_units), np.zeros(clips.n_units)]
    count = 0
    for _, window in tqdm(clips.whole(), total=len(clips.rows), desc="receptive fields", unit="trial", disable=not progress, leave=False):
        counted = window.counted[0]
        first = -1 if clips.pictures else max(lags)
        energies = np.sqrt(local_energies(window.video[0], config.rows, config.columns))
        responses = window.responses[0][counted] if clips.pictures else window.responses[0]
        later = responses if clips.pictures else responses[first:]
        for index, lag in enumerate(lags):
            before = energies[-1:] if clips.pictures else energies[first - lag : len(energies) - lag]
            cross[index] += later.T @ before
        seen = energies[-1:] if clips.pictures else energies[first:]
        for total, values in zip(sums, (seen, seen**2, later, later**2), strict=True):
            total += values.sum(0)
        count += len(later)
    return _centres(_correlations(cross, sums, max(count, 1)), config)


def local_energies(video: Float[np.ndarray, "frames height width"], rows: int, columns: int) -> Float[np.ndarray, "frames energies"]:
    """Local contrast and change since the frame before, squared and averaged around each place of a grid of rows x columns."""
    blurred = (video - _blurred(video, 2.0)) ** 2
    changed = np.diff(video, axis=0, prepend=video[:1]) ** 2
    return np.concatenate([_at_grid(energy, rows, columns) for energy in (blurred, changed)], axis=1)


def _blurred(video: np.ndarray, width: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(gaussian_filter1d(video, width, axis=1, mode="nearest"), width, axis=2, mode="nearest"))


def _at_grid(energy: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Gaussian averages around grid points, half a grid step wide."""
    down, across = _weights(energy.shape[1], rows), _weights(energy.shape[2], columns)
    return np.asarray((down @ energy @ across.T).reshape(len(energy), -1), dtype=np.float32)


def _weights(pixels: int, points: int) -> np.ndarray:
    at = (np.arange(pixels) + 0.5) / pixels
    centres = (np.arange(points) + 0.5) / points
    width = max(0.5 / points, 0.7 / pixels)
    weights = np.exp(-0.5 * ((at - centres[:, None]) / width) ** 2)
    return np.asarray(weights / weights.sum(1, keepdims=True), dtype=np.float32)


def _correlations(cross: np.ndarray, sums: list[np.ndarray], count: int) -> np.ndarray:
    """Pearson correlation of every unit with every energy, (lags, units, energies)."""
    energy, energy_squares, response, response_squares = (total / count for total in sums)
    covariance = cross / count - response[:, None] * energy
    deviations = [
        np.sqrt(np.maximum(squares - mean**2, 1e-12)) for mean, squares in ((response, response_squares), (energy, energy_squares))
    ]
    return np.asarray(covariance / deviations[0][:, None] / deviations[1])


def _centres(correlations: np.ndarray, config: ReverseCorrelationConfig) -> np.ndarray:
    """The soft maximum of the maps of units."""
    maps = (np.maximum(correlations.mean(0), 0.0) ** 2).reshape(-1, 2, config.rows, config.columns).sum(1)
    weights = np.exp(config.sharpness * (maps / np.maximum(maps.max((1, 2), keepdims=True), 1e-12) - 1.0))
    weights = np.where(maps > 0.3 * maps.max((1, 2), keepdims=True), weights, 0.0)
    total = np.maximum(weights.sum((1, 2)), 1e-12)
    x = (2 * np.arange(config.columns) + 1) / config.columns - 1
    y = (2 * np.arange(config.rows) + 1) / config.rows - 1
    return np.column_stack([(weights.sum(1) @ x) / total, (weights.sum(2) @ y) / total])
