"""A ridge on the energies of the frames of movies, in closed form: what few minutes of few scenes teach.

Every unit looks through Gaussian windows over the frame and at a few times before its answer. How strong the penalty is, and how far each
window can be trusted, the squared error on stimuli that were left out says: a fold holds whole stimuli, because neighbouring frames of a
scene are alike. Predictions are averages over windows with their posterior probabilities, given how often the units of this animal look
there (empirical Bayes; Hoeting et al. 1999, doi:10.1214/ss/1009212519). Means of responses within `BIN_S`, over the repeats of a
stimulus, are one row; of many rows `MOST_ROWS` are taken, spread over all, because time grows with their cube.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Float, Int

from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for
from graphtwin.progress import tqdm
from graphtwin.twin.data import Clips
from graphtwin.twin.model import FINE_CELLS, LEAST_SHARE, MovieDrive, energies_of_frames, taps_of

BIN_S = 0.12  # seconds over which responses are averaged
LEFT_OUT_S = 0.4  # seconds at the start of each stimulus that are no rows
MOST_ROWS = 400
FEWEST_ROWS = 20  # rows below which nothing is fitted
WINDOWS_TOGETHER = 16  # windows whose kernels are in memory at once
BINS_TOGETHER = 16  # bins whose frames' energies are in memory at once
FOLDS = 4  # folds of stimuli; fewer where there are fewer stimuli, parts of it where there is one
SPANS_S = (0.16, 0.32)  # seconds before an answer at which a unit still looks
WIDE = ((0.35, 0.5), (1.0, 9.0))  # SD of the windows by which a span is chosen, and from one to the next, in half heights of the frame
WINDOWS = ((0.12, 0.2), (0.2, 0.3), *WIDE)  # those of all
PENALTIES = tuple(10.0 ** np.arange(-2.0, 3.5, 0.9))  # noise variances that are tried, times the mean variance a priori
ALIKE_S = 1.0  # seconds within which errors are alike: rows within count as one
STEPS = 30  # of finding how often units look through each window
EVEN = 0.1  # share of a priori probability that all windows have alike
TRUSTED = 0.01  # posterior probability below which a window is left out of a unit's average
FLOOR = 1e-6  # least deviation: quotients stay finite


@dataclass(frozen=True)
class Rows:
    """Means over bins of stimuli, each stimulus once.

    Attributes:
        energies: What was seen around each window in time before the bin; one entry for each span that is tried.
        responses: Mean response of each unit in the bin, over repeats, standardised; its mean over bins where it was held in no repeat.
        stimulus: Number of the stimulus that the bin is of.
        apart_s: Seconds from one bin of a stimulus to the next that is a row.
        aspect: Width of the frame over its height.
    """

    energies: tuple[Float[torch.Tensor, "rows lags channels cells"], ...]
    responses: Float[torch.Tensor, "rows units"]
    stimulus: Int[torch.Tensor, " rows"]
    apart_s: float
    aspect: float


@dataclass(frozen=True)
class Chosen:
    """What the stimuli that were left out say of the units of an animal.

    Attributes:
        error: Squared error of left-out stimuli, averaged over windows by their posterior probabilities.
        posterior: Posterior probability of each window.
        penalty: Penalty of the least error through each window.
    """

    error: Float[torch.Tensor, " units"]
    posterior: Float[torch.Tensor, "windows units"]
    penalty: Float[torch.Tensor, "windows units"]


def fit_movies(drive: MovieDrive, training: Clips, validation: Clips, progress: bool = False) -> Iterator[str]:
    """Set a drive, in place, to the ridges on the clips of training, and when asked again to those of both tiers.

    Args:
        drive: Drive of the animal's units.
        training: Trials of training.
        validation: Trials of validation.
        progress: Show progress bars.

    Yields:
        What the drive was fitted to; nothing where there are too few clips.
    """
    if fit_clips(drive, [training], progress=progress):
        yield "training"
        fit_clips(drive, [training, validation], progress=progress)
        yield "both tiers"


def fit_clips(drive: MovieDrive, clips: Sequence[Clips], seed: int = 0, progress: bool = False) -> bool:
    """Set a drive, in place, to the ridges on the stimuli of some clips; False, and nothing set, where they are too few.

    Args:
        drive: Drive of the animal's units.
        clips: Clips of one recording.
        seed: Seed of the folds.
        progress: Show progress bars.
    """
    rows = rows_of(clips, progress)
    if len(rows.responses) < FEWEST_ROWS:
        return False
    fold = _folds(rows, seed)
    spans = [standardised(energies) for energies in rows.energies]
    products = [seen @ seen.mT for seen, _, _ in spans]
    wide = windows_of(rows.aspect, WIDE)
    at = int(torch.stack([choose(of_span, rows, wide, fold).error.log().mean() for of_span in products]).argmin())
    drive.span_s.fill_(SPANS_S[at])
    windows = windows_of(rows.aspect, WINDOWS)
    _set(drive, rows, windows, products[at], *spans[at], choose(products[at], rows, windows, fold, progress))
    return True


def standardised(
    energies: Float[torch.Tensor, "rows lags channels cells"],
) -> tuple[
    Float[torch.Tensor, "cells rows features"], Float[torch.Tensor, "lags channels cells"], Float[torch.Tensor, "lags channels cells"]
]:
    """Energies less their mean over their deviation, cell by cell, with mean and deviation."""
    mean, deviation = energies.mean(0), energies.std(0).clamp(min=FLOOR)
    return ((energies - mean) / deviation).flatten(1, 2).permute(2, 0, 1).contiguous(), mean, deviation


def rows_of(clips: Sequence[Clips], progress: bool = False) -> Rows:
    """Rows of the stimuli of some clips of one recording."""
    hz = clips[0].frame_rate_hz
    size, skipped = max(1, frames_of(BIN_S, hz)), frames_of(LEFT_OUT_S, hz)
    lengths = [[int(part.n_frames()[np.isin(part.rows, rows)].min()) for rows in part.scenes()] for part in clips]
    every = max(1, -(-sum((frames - skipped) // size for of_part in lengths for frames in of_part) // MOST_ROWS))
    energies: list[list[torch.Tensor]] = [[] for _ in SPANS_S]
    responses, stimulus, number, aspect = [], [], 0, 1.0
    for part, of_part in zip(clips, lengths, strict=True):
        stimuli = tqdm(part.scenes(), desc="energies", unit="stimulus", disable=not progress, leave=False)
        for shown, frames in zip(stimuli, of_part, strict=True):
            begins = np.arange(skipped + number % every * size, frames - size + 1, every * size)
            number += 1
            if not len(begins):
                continue
            video, means = _answers(part, shown, begins, size)
            aspect = video.shape[2] / video.shape[1]
            for of_span, seen in zip(energies, _seen(video, begins, size, hz), strict=True):
                of_span.append(seen)
            responses.append(means)
            stimulus += [number] * len(begins)
    if not responses:
        return Rows((), torch.zeros(0, clips[0].n_units), torch.zeros(0, dtype=torch.int64), BIN_S, aspect)
    joined, means = tuple(torch.cat(of_span) for of_span in energies), torch.cat(responses)
    known = torch.where(means.isfinite(), means, means.nanmean(0).nan_to_num())
    return Rows(joined, known, torch.tensor(stimulus), every * size / hz, aspect)


def _answers(
    clips: Clips, shown: Int[np.ndarray, " repeats"], begins: Int[np.ndarray, " bins"], size: int
) -> tuple[Float[torch.Tensor, "frames height width"], Float[torch.Tensor, "bins units"]]:
    """Frames of a stimulus, and the mean responses in some of its bins over the repeats in which they count; NaN where none does."""
    total, often, video = 0.0, np.zeros((len(begins), clips.n_units)), None
    for row in shown:
        window = clips.read(int(row))
        video = window.video[0] if video is None else video
        within = begins[:, None] + np.arange(size)
        showings = window.cells[0][within] * window.n_repeats[0]
        total = total + (window.responses[0][within] * showings).sum(1)
        often += showings.sum(1)
    means = np.divide(total, often, out=np.full(often.shape, np.nan), where=often > 0)
    return torch.from_numpy(video), torch.from_numpy(means.astype(np.float32))


def _seen(
    video: Float[torch.Tensor, "frames height width"], begins: Int[np.ndarray, " bins"], size: int, hz: float
) -> list[Float[torch.Tensor, "bins lags channels cells"]]:
    """Energies around each window in time, averaged over the frames of each bin, for each span that is tried."""
    filters = [_over_bin(taps_of(span, hz), size) for span in SPANS_S]
    longest = max(of_span.shape[1] for of_span in filters)
    found: list[list[torch.Tensor]] = [[] for _ in SPANS_S]
    for start in range(0, len(begins), BINS_TOGETHER):
        frames = np.maximum(begins[start : start + BINS_TOGETHER, None] + np.arange(size - longest, size), 0)
        needed, at = np.unique(frames, return_inverse=True)
        energies = energies_of_frames(video[needed])[torch.from_numpy(at).view(frames.shape)]
        for of_span, taps in zip(found, filters, strict=True):
            of_span.append(torch.einsum("lt,btcx->blcx", taps.flip(1), energies[:, longest - taps.shape[1] :]))
    return [torch.cat(of_span) for of_span in found]


def _over_bin(taps: Float[torch.Tensor, "lags taps"], size: int) -> Float[torch.Tensor, "lags longer"]:
    """Weights of the last frame of a bin and of those before it in the mean over the bin."""
    padded = torch.nn.functional.pad(taps, (size - 1, size - 1))
    return padded.unfold(1, size, 1).mean(2)


def windows_of(aspect: float, grids: Sequence[tuple[float, float]]) -> Float[torch.Tensor, "windows cells"]:
    """Weight of every cell of a frame in each of the windows that are tried.

    Args:
        aspect: Width of the frame over its height.
        grids: SD of windows, and from one to the next, in half heights of the frame.
    """
    y, x = ((np.arange(cells) + 0.5) / cells * 2 - 1 for cells in FINE_CELLS)
    made = []
    for sd, apart in grids:
        downs, rights = (_places(side, apart) for side in (1.0, aspect))
        made += [
            np.exp(-((y[:, None] - down) ** 2 + (x * aspect - right) ** 2) / (2 * sd**2)).ravel() for down, right in product(downs, rights)
        ]
    return torch.tensor(np.stack(made), dtype=torch.float32)


def _places(side: float, apart: float) -> Float[np.ndarray, " places"]:
    """Places from edge to edge of a side, symmetric about its middle."""
    reach = int(side * 0.9 / apart)
    return np.arange(-reach, reach + 1) * apart


def _folds(rows: Rows, seed: int) -> Int[torch.Tensor, " rows"]:
    """Number of the fold of each row: whole stimuli, or parts of the only one."""
    shown = torch.unique(rows.stimulus)
    if len(shown) == 1:
        return torch.arange(len(rows.stimulus)) * FOLDS // len(rows.stimulus)
    of_stimulus = rng_for(seed, "folds of stimuli").permutation(len(shown)) % FOLDS
    return torch.from_numpy(of_stimulus)[torch.searchsorted(shown, rows.stimulus)]


def choose(
    products: Float[torch.Tensor, "cells rows rows"],
    rows: Rows,
    windows: Float[torch.Tensor, "windows cells"],
    fold: Int[torch.Tensor, " rows"],
    progress: bool = False,
) -> Chosen:
    """Penalties, and posterior probabilities of the windows, by the squared error on left-out stimuli.

    Args:
        products: Scalar products of what two rows hold in a cell.
        rows: Rows with their responses.
        windows: Windows as of `windows_of`.
        fold: Fold of each row.
        progress: Show a progress bar.
    """
    shown = tqdm(_kernels(products, windows), total=len(windows), desc="ridge", unit="window", disable=not progress, leave=False)
    found = [_errors(kernel, rows.responses, fold).min(0) for kernel, _ in shown]
    least, at = (torch.stack(parts) for parts in zip(*found, strict=True))
    independent = len(fold) * min(1.0, rows.apart_s / ALIKE_S)
    log_likelihood = -independent / 2 * (least / least.amin(0).clamp(min=FLOOR)).clamp(min=FLOOR).log()
    prior = torch.full((len(windows),), 1 / len(windows))
    for _ in range(STEPS):
        posterior = torch.softmax(log_likelihood + prior.log()[:, None], dim=0)
        prior = (1 - EVEN) * posterior.mean(1) + EVEN / len(windows)
    posterior = torch.where(posterior < TRUSTED * posterior.amax(0), 0.0, posterior)
    posterior = posterior / posterior.sum(0)
    return Chosen((posterior * least).sum(0), posterior, torch.tensor(PENALTIES, dtype=torch.float32)[at])


def _kernels(products: torch.Tensor, windows: torch.Tensor) -> Iterator[tuple[Float[torch.Tensor, "rows rows"], torch.Tensor]]:
    """Scalar products of what two rows hold in each window, over their mean size, and that size."""
    for some in windows.split(WINDOWS_TOGETHER):
        for kernel in (some @ products.flatten(1)).unflatten(1, products.shape[1:]):
            size = (kernel.trace() / len(kernel)).clamp(min=FLOOR)
            yield kernel / size, size


def _errors(
    kernel: Float[torch.Tensor, "rows rows"], responses: Float[torch.Tensor, "rows units"], fold: Int[torch.Tensor, " rows"]
) -> Float[torch.Tensor, "penalties units"]:
    """Squared error of left-out stimuli at each penalty."""
    errors, penalties = responses.new_zeros(len(PENALTIES), responses.shape[1]), responses.new_tensor(PENALTIES)[:, None]
    for number in range(int(fold.max()) + 1):
        held, kept = fold == number, fold != number
        middle = responses[kept].mean(0)
        variances, axes, across = _decomposed(kernel[kept][:, kept], kernel[held][:, kept])
        shrunk = (across / (variances + penalties)[:, None]).flatten(0, 1)  # all penalties in one product
        found = (shrunk @ (axes.T @ (responses[kept] - middle))).unflatten(0, (len(penalties), -1))
        errors += found.sub_(responses[held] - middle).square_().sum(1)
    return errors


def _decomposed(
    kernel: Float[torch.Tensor, "rows rows"], others: Float[torch.Tensor, "others rows"]
) -> tuple[Float[torch.Tensor, " rows"], Float[torch.Tensor, "rows rows"], Float[torch.Tensor, "others rows"]]:
    """Variances and axes of a kernel about the mean of its rows, and the products of other rows with these axes."""
    mean = kernel.mean(0)
    about = kernel - mean - mean[:, None] + mean.mean()
    variances, axes = torch.linalg.eigh(about)
    return variances.clamp(min=0), axes, (others - mean - others.mean(1, keepdim=True) + mean.mean()) @ axes


def _set(
    drive: MovieDrive,
    rows: Rows,
    windows: torch.Tensor,
    products: torch.Tensor,
    seen: Float[torch.Tensor, "cells rows features"],
    mean: Float[torch.Tensor, "lags channels cells"],
    deviation: Float[torch.Tensor, "lags channels cells"],
    chosen: Chosen,
) -> None:
    """Set patterns, weights and bias of a drive to the averages over windows of the ridges on all rows."""
    middle = rows.responses.mean(0)
    expected, duals = torch.zeros_like(rows.responses), []
    for window, (kernel, size), posterior, penalty in zip(
        windows, _kernels(products, windows), chosen.posterior, chosen.penalty, strict=True
    ):
        units = torch.nonzero(posterior)[:, 0]
        if not len(units):
            continue
        variances, axes, _ = _decomposed(kernel, kernel[:0])
        told = axes.T @ (rows.responses[:, units] - middle[units]) / (variances[:, None] + penalty[units])
        dual = axes @ told * posterior[units]
        expected[:, units] += kernel @ dual
        duals.append((window / size, units, dual))
    common = torch.linalg.svd(expected, full_matrices=False)[2][: drive.weights.shape[1]]
    pulls = seen.new_zeros(len(products), len(expected), len(common))
    for window, units, dual in duals:
        pulls += window[:, None, None] * (dual @ common[:, units].T)
    maps = torch.einsum("xnf,xnr->rfx", seen, pulls)
    drive.patterns.zero_()[:, : len(common)] = maps.unflatten(1, mean.shape[:2]).transpose(0, 1) / deviation[:, None]
    drive.weights.zero_()[:, : len(common)] = common.T
    drive.bias.copy_(middle - drive.weights @ torch.einsum("lrcx,lcx->r", drive.patterns, mean))
    drive.least.copy_(torch.full_like(middle, -torch.inf) if drive.signed else LEAST_SHARE * middle.clamp(min=0))
