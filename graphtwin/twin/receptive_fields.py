"""Where each unit's receptive field lies, by reverse correlation: the start of readout positions, which decides how a fit ends."""

from __future__ import annotations

from dataclasses import dataclass

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
    longest_lag: int = Field(12, ge=0, description="Frames from stimulus to response, at most.")
    neighbours: int = Field(2, ge=0, description="Lags on either side of the one that tells most, which count with it.")
    radius: int = Field(3, ge=1, description="Grid steps around the peak that its centre of mass is taken over.")
    threshold: float = Field(0.3, ge=0, lt=1, description="Share of the peak below which a place counts for nothing.")


@dataclass(frozen=True)
class Fields:
    """Where and when units see.

    Attributes:
        centres: Of their fields, x rightwards and y downwards, edges of the video at -1 and 1.
        lag: Frames from the stimulus to the responses that tell most of it.
    """

    centres: Float[np.ndarray, "units 2"]
    lag: int


def locate(clips: Clips, config: ReverseCorrelationConfig | None = None, progress: bool = False) -> Fields:
    """Centres of the units' fields and the delay of their answers.

    Responses are correlated with two energies at every place of a grid, local contrast and temporal change, some frames before; how many
    is found from the data, because indicator and microscope delay answers by what no release tells. The sum of both correlations
    squared, where positive, is a map; the centre of mass around its peak is the field's place.

    Args:
        clips: Of the training tiers, read once.
        config: See `ReverseCorrelationConfig`.
        progress: Show a bar.
    """
    config = config or ReverseCorrelationConfig()
    lags = range(1 if clips.pictures else config.longest_lag + 1)
    n_energies = 2 * config.rows * config.columns
    cross = np.zeros((len(lags), clips.n_units, n_energies))
    sums = [np.zeros(n_energies), np.zeros(n_energies), np.zeros(clips.n_units), np.zeros(clips.n_units)]
    count = 0
    for _, window in tqdm(clips.whole(), total=len(clips.rows), desc="receptive fields", unit="trial", disable=not progress, leave=False):
        energies = np.sqrt(local_energies(window.video[0], config.rows, config.columns))
        if clips.pictures:
            energies, responses = energies[window.counted[0]], window.responses[0][window.counted[0]]
        else:
            responses = window.responses[0]
        first = len(lags) - 1
        later = responses[first:]
        for lag in lags:
            cross[lag] += later.T @ energies[first - lag : len(energies) - lag]
        seen = energies[first:]
        for total, values in zip(sums, (seen, seen**2, later, later**2), strict=True):
            total += values.sum(0)
        count += len(later)
    correlations = _correlations(cross, sums, max(count, 1))
    best = _lag_of(correlations)
    told = correlations[max(best - config.neighbours, 0) : best + config.neighbours + 1].mean(0)
    return Fields(_centres(told, config), best)


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


def _lag_of(correlations: np.ndarray) -> int:
    """The lag at which units correlate most with the place that correlates most with them over all lags."""
    place = np.maximum(correlations, 0).mean(0).argmax(1)
    return int(correlations[:, np.arange(len(place)), place].mean(1).argmax())


def _centres(told: np.ndarray, config: ReverseCorrelationConfig) -> np.ndarray:
    """Centres of mass around the peaks of units' maps."""
    maps = (np.maximum(told, 0.0) ** 2).reshape(-1, 2, config.rows, config.columns).sum(1)
    highest = np.maximum(maps.max((1, 2), keepdims=True), 1e-12)
    weights = np.maximum(maps / highest - config.threshold, 0.0) ** 2
    row, column = np.divmod(maps.reshape(len(maps), -1).argmax(1), config.columns)
    near_row = np.abs(np.arange(config.rows) - row[:, None]) <= config.radius
    near_column = np.abs(np.arange(config.columns) - column[:, None]) <= config.radius
    weights *= near_row[:, :, None] & near_column[:, None, :]
    total = np.maximum(weights.sum((1, 2)), 1e-12)
    x = (2 * np.arange(config.columns) + 1) / config.columns - 1
    y = (2 * np.arange(config.rows) + 1) / config.rows - 1
    return np.column_stack([(weights.sum(1) @ x) / total, (weights.sum(2) @ y) / total])
