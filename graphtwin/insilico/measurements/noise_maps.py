"""Where and when a unit sees: maps of space and lag from its answers to noise, by averages, ridge regression or gradients.

With noise s of independent patches and answers r, a map is

    average     linear_i = <(r - <r>) s_i>                      squared_i = <(r - <r>) (s_i^2 - 1)> / 2
    ridge       the coefficients of s_i and (s_i^2 - 1) / sqrt(2) in a ridge regression, whose penalty generalised cross-validation chooses
    gradient    linear_i = <dr / ds_i>                          squared_i = <(dr / ds_i)^2>

For Gaussian noise and a differentiable unit averages estimate mean derivatives (Bussgang 1952; Schwartz et al. 2006, doi:10.1167/6.4.13).
Units that do not care for polarity have no linear map, but one of squares: for the energy (w.s)^2 it is w^2, as is the square of the
linear map of w.s. The penalty is that of Golub, Heath & Wahba 1979, doi:10.1080/00401706.1979.10489751.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for
from graphtwin.insilico.responders import Responder, State, inputs_of, require_answers, require_differentiable
from graphtwin.progress import tqdm
from graphtwin.told import told_by_fields

Method = Literal["average", "ridge", "gradient"]
FRAMES_TOGETHER = 240  # frames of a batch of clips
# Patches of averages may be large, for the clips' patches begin elsewhere: they drive units more, which leaves less noise in the maps.
BY_METHOD: dict[Method, dict[str, float]] = {"average": {"patch_deg": 10.0, "held_s": 1 / 6}, "ridge": {}, "gradient": {"patterns": 1000}}
PENALTIES = np.logspace(-3, 3, 13)  # of ridge regressions, as multiples of the mean eigenvalue of the kernel


class NoiseConfig(BaseModel):
    """Noise of square patches, each of a grey level of its own, all of them new when the pattern changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    patterns: int = Field(12000, ge=100, description="Patterns that are shown and count; of gradients the last one of each clip does.")
    patch_deg: float = Field(6.0, gt=0, description="Edge of a patch, degrees, rounded to whole pixels, one at least.")
    held_s: float = Field(0.1, gt=0, description="Seconds for which a pattern stands, rounded to frames, one at least.")
    lags: int = Field(4, ge=1, description="Patterns, the present one and those before it, on which an answer may depend.")
    clip_patterns: int = Field(40, ge=2, description="Patterns of a clip, beside those at its start that do not count.")
    contrast_sd: float = Field(1.0, gt=0, description="Standard deviation, in standard deviations of the grey levels of training.")
    seed: int = Field(0, ge=0, description="Seed of the noise.")


@told_by_fields
@dataclass(frozen=True)
class NoiseMaps:
    """Maps of all units, in the units of their answers per standard deviation of the noise (squared: per its square).

    Attributes:
        linear: What a place adds by being lighter, at each lag; of averages all that is within a patch of it.
        squared: What a place adds by being lighter or darker, at each lag.
        lag_s: Seconds of each lag.
        edges: Edges of the places of a map, degrees: from the left of the screen to its right, and from its upper edge down to its lower
            one. Places are pixels for averages, for which the patches of each clip begin elsewhere, and else patches.
        method: How the maps were made.
        blur_deg2: Variance, along each side, of what blurs a map: of shifted patches the correlation of a patch with itself, else 0.
        inputs: Names of the places of a map, in their order, where these are inputs without places on a screen.
    """

    linear: Float[np.ndarray, "units lags rows columns"]
    squared: Float[np.ndarray, "units lags rows columns"]
    lag_s: Float[np.ndarray, " lags"]
    edges: tuple[Float[np.ndarray, " columns_and_one"], Float[np.ndarray, " rows_and_one"]]
    method: Method
    blur_deg2: float = 0.0
    inputs: tuple[str, ...] = ()


def measure_noise_maps(
    responder: Responder,
    method: Method = "average",
    config: NoiseConfig | None = None,
    state: State | None = None,
    units: Sequence[int] | None = None,
    progress: bool = False,
) -> NoiseMaps:
    """Maps of the units of a responder, from noise that it is shown.

    Args:
        responder: Responder to videos or to single pictures; these have one lag.
        method: How maps are made; gradients ask the responder for derivatives, once a unit and clip.
        config: Settings of the noise; None takes the defaults, of gradients a twelfth of the patterns: each clip gives a whole map. Of
            averages patches are 10 degrees then and stand 1/6 s: of a simulated animal's twin they told centres better at equal cost.
        state: State in which the noise is seen, one number a channel.
        units: Rows of the units that are mapped; None takes all.
        progress: Show a progress bar.

    Examples:
        >>> graphtwin.insilico.measure_noise_maps(responder, "gradient", units=[0, 2])
        NoiseMaps
          linear: array of 2 x 4 x 16 x 24
          squared: array of 2 x 4 x 16 x 24
          lag_s: array of 4
          edges: 2: ndarray, ndarray
          method: gradient
          blur_deg2: 0.0
          inputs: ()
    """
    noise = PatchNoise(responder, config or NoiseConfig.model_validate(BY_METHOD[method]), shifted=method == "average")
    rows = np.arange(len(responder.units)) if units is None else np.asarray(units, dtype=np.int64)
    if method == "gradient":
        linear, squared = _gradients(responder, noise, state, rows, progress)
    else:
        answered = answered_noise(responder, noise, state, rows, progress)
        linear, squared = (_averages if method == "average" else _ridge)(answered)
    maps = [part.reshape(len(rows), noise.lags, *noise.grid) for part in (linear, squared)]
    return NoiseMaps(maps[0], maps[1], noise.lag_s, noise.edges(), method, noise.blur_deg2(), inputs_of(responder))


class PatchNoise:
    """The noise of some settings on the screen of a responder; where it is shifted, the patches of each clip begin elsewhere.

    Inputs without places are patches of their own, each with noise of its own.

    Shifted noise is told pixel by pixel: averages then are the map of single pixels, blurred alike in all directions by the patch.
    """

    def __init__(self, responder: Responder, config: NoiseConfig, shifted: bool) -> None:
        self.config, self.size, self.grey = config, responder.size, responder.grey
        moves = bool(np.isfinite(responder.frame_rate_hz))
        self.rate = responder.frame_rate_hz if moves else 1.0
        self.held = max(1, frames_of(config.held_s, responder.frame_rate_hz)) if moves else 1
        self.lags = config.lags if moves else 1
        self.of_a_pixel = responder.monitor.degrees_a_pixel(*responder.size)
        of_inputs = bool(inputs_of(responder))
        self.patch = (1, 1) if of_inputs else tuple(max(1, round(config.patch_deg / degrees)) for degrees in self.of_a_pixel)
        self.pixels = (1, 1) if shifted else self.patch
        self.grid = tuple(-(-side // edge) for side, edge in zip(self.size, self.pixels, strict=True))
        self.patterns = config.clip_patterns + self.lags if moves else 1  # of a clip; the first lags do not count
        self.clips = -(-config.patterns // (config.clip_patterns if moves else 1))
        self.together = max(1, FRAMES_TOGETHER // (self.patterns * self.held))

    @property
    def lag_s(self) -> Float[np.ndarray, " lags"]:
        """Seconds of each lag."""
        return self.held / self.rate * np.arange(self.lags)

    def drawn(self, clip: int, count: int) -> Float[np.ndarray, "clips patterns patches"]:
        """Patterns of some clips, of unit variance: of all patches, or where these are shifted of all pixels."""
        return np.stack([self._of_clip(rng_for(self.config.seed, "noise map", at)) for at in range(clip, clip + count)])

    def _of_clip(self, rng: np.random.Generator) -> Float[np.ndarray, "patterns patches"]:
        if self.pixels == self.patch:
            return rng.standard_normal((self.patterns, self.grid[0] * self.grid[1]), dtype=np.float32)
        (height, width), (down, across) = self.size, self.patch
        top, left = rng.integers(down), rng.integers(across)
        patches = rng.standard_normal((self.patterns, height // down + 2, width // across + 2), dtype=np.float32)
        pixels = patches.repeat(down, 1).repeat(across, 2)
        return pixels[:, top : top + height, left : left + width].reshape(self.patterns, -1)

    def shown(self, patterns: Float[np.ndarray, "clips patterns patches"]) -> Float[np.ndarray, "clips frames height width"]:
        """Grey levels of the clips of some patterns."""
        mean, deviation = self.grey
        grid = patterns.reshape(*patterns.shape[:2], *self.grid).repeat(self.held, 1)
        pixels = grid.repeat(self.pixels[0], 2).repeat(self.pixels[1], 3)[..., : self.size[0], : self.size[1]]
        return (mean + self.config.contrast_sd * deviation * pixels).astype(np.float32)

    def blur_deg2(self) -> float:
        """Variance of the triangle by which shifted patches blur maps, square degrees, as a mean over both sides."""
        if self.pixels == self.patch:
            return 0.0
        sides = [(edge * degrees) ** 2 - degrees**2 for edge, degrees in zip(self.patch, self.of_a_pixel, strict=True)]
        return float(np.mean(sides)) / 6

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Edges of the patches in degrees, along the columns and down the rows."""
        down, across = (
            (np.minimum(np.arange(n + 1) * edge, side) - side / 2) * degrees
            for n, edge, side, degrees in zip(self.grid, self.pixels, self.size, self.of_a_pixel, strict=True)
        )
        return across, -down


def answered_noise(
    responder: Responder, noise: PatchNoise, state: State | None, rows: np.ndarray, progress: bool
) -> Iterator[tuple[Float[np.ndarray, "samples inputs"], Float[np.ndarray, "samples units"]]]:
    """Patterns up to each that counts, lag after lag, and the mean answer while it stood, batch after batch.

    Args:
        responder: Responder that answers.
        noise: Noise that it is shown.
        state: State in which it is seen.
        rows: Rows of the units whose answers are kept.
        progress: Show a progress bar.
    """
    first = noise.lags if noise.patterns > 1 else 0
    for clip in tqdm(
        range(0, noise.clips, noise.together), desc=f"noise to {responder.name}", unit="batch", disable=not progress, leave=False
    ):
        patterns = noise.drawn(clip, min(noise.together, noise.clips - clip))
        shown = noise.shown(patterns)
        answers = responder.respond_clips(shown, state)
        require_answers(responder, answers, *shown.shape[:2])
        means = answers[..., rows].reshape(len(patterns), noise.patterns, noise.held, len(rows)).mean(2)[:, first:]
        seen = np.concatenate([patterns[:, first - lag : noise.patterns - lag] for lag in range(noise.lags)], axis=2)
        yield seen.reshape(-1, seen.shape[2]), means.reshape(-1, len(rows)).astype(np.float32)


def _averages(
    answered: Iterable[tuple[Float[np.ndarray, "samples inputs"], Float[np.ndarray, "samples units"]]],
) -> tuple[Float[np.ndarray, "units inputs"], Float[np.ndarray, "units inputs"]]:
    """Covariances of answers with patterns and with half of their squares; one batch is in memory at a time."""
    sums: list[np.ndarray | float] = [0.0] * 5
    samples = 0
    for patterns, answers in answered:
        about = answers.astype(np.float64)  # sums over samples are of many small differences
        halves = patterns**2 / 2
        parts = answers.T @ patterns, answers.T @ halves, about.sum(0), patterns.sum(0, dtype=np.float64), halves.sum(0, dtype=np.float64)
        sums = [one + part for one, part in zip(sums, parts, strict=True)]
        samples += len(answers)
    linear, squared, total, of_patterns, of_halves = (np.asarray(one) / samples for one in sums)
    return linear - np.outer(total, of_patterns), squared - np.outer(total, of_halves)


def _ridge(
    answered: Iterable[tuple[Float[np.ndarray, "samples inputs"], Float[np.ndarray, "samples units"]]],
) -> tuple[Float[np.ndarray, "units inputs"], Float[np.ndarray, "units inputs"]]:
    """Ridge regressions on patterns and their squares, the penalty of each unit the one of least generalised cross-validation error."""
    patterns, answers = (np.concatenate(part) for part in zip(*answered, strict=True))
    inputs = np.concatenate([patterns, (patterns**2 - 1) / np.sqrt(2)], axis=1)
    inputs -= inputs.mean(0)
    targets = (answers - answers.mean(0)).astype(np.float64)
    few_inputs = inputs.shape[1] < len(inputs)  # the smaller of both matrices of products is taken apart
    values, vectors = np.linalg.eigh((inputs.T @ inputs if few_inputs else inputs @ inputs.T).astype(np.float64))
    values = np.maximum(values, 1e-9 * values[-1])
    rotated = vectors.T @ (inputs.T @ targets if few_inputs else targets)
    of_targets = rotated**2 / values[:, None] if few_inputs else rotated**2  # squares of the targets along each vector
    beyond = (targets**2).sum(0) - of_targets.sum(0)
    best, weights = np.full(answers.shape[1], np.inf), np.zeros_like(rotated)
    for penalty in PENALTIES * values.mean():
        left = penalty / (values + penalty)
        free = len(inputs) - len(values) + left.sum()
        error = ((left[:, None] ** 2 * of_targets).sum(0) + beyond) / free**2
        better = error < best
        best[better] = error[better]
        weights[:, better] = (rotated / (values + penalty)[:, None])[:, better]
    found = (vectors @ weights).T
    linear, squared = np.split(found if few_inputs else found.astype(np.float32) @ inputs, 2, axis=1)
    return linear, squared / np.sqrt(2)


def _gradients(
    responder: Responder, noise: PatchNoise, state: State | None, rows: np.ndarray, progress: bool
) -> tuple[Float[np.ndarray, "units inputs"], Float[np.ndarray, "units inputs"]]:
    """Means over clips of the derivatives, and of their squares, of the answers while the last pattern of a clip stood."""
    import torch

    differentiable = require_differentiable(responder)
    deviation = noise.config.contrast_sd * noise.grey[1]
    linear, squared = np.zeros((2, len(rows), noise.lags * noise.grid[0] * noise.grid[1]))
    for clip in tqdm(
        range(0, noise.clips, noise.together), desc=f"gradients of {responder.name}", unit="batch", disable=not progress, leave=False
    ):
        patterns = noise.drawn(clip, min(noise.together, noise.clips - clip))[:, -2 * noise.lags :]
        shown = torch.as_tensor(noise.shown(patterns)).to(differentiable.device).requires_grad_()
        driven = differentiable.drive(shown, state)
        require_answers(responder, driven.detach().cpu().numpy(), *shown.shape[:2])
        answers = driven[:, -noise.held :].mean(1).sum(0)
        for at, unit in enumerate(rows):
            (slope,) = torch.autograd.grad(answers[unit], shown, retain_graph=at + 1 < len(rows))
            of_patches = _patch_sums(slope.cpu().numpy() * deviation, noise)[:, ::-1][:, : noise.lags].reshape(len(patterns), -1)
            linear[at] += of_patches.sum(0)
            squared[at] += (of_patches**2).sum(0)
    return linear / noise.clips, squared / noise.clips


def _patch_sums(slopes: Float[np.ndarray, "clips frames height width"], noise: PatchNoise) -> Float[np.ndarray, "clips patterns patches"]:
    """Derivatives to the patches of each pattern: sums over their pixels and frames."""
    starts = [np.arange(0, side, edge) for side, edge in zip(noise.size, noise.pixels, strict=True)]
    in_patches = np.add.reduceat(np.add.reduceat(slopes, starts[0], axis=2), starts[1], axis=3)
    return np.asarray(in_patches.reshape(len(slopes), -1, noise.held, noise.grid[0] * noise.grid[1]).sum(2))
