"""A ridge regression of responses on motion and Gabor energies: the simple model that a twin has to beat.

It sees what the twin sees of a recording, the same pixels and behaviour, the answers as late, but does not follow the eye, unless clips are
seen through one whose gaze is declared. A unit reads a window around its place, or the whole picture; which of these, and how strong the
penalty is, each unit's held-out folds of training and validation stimuli decide, by squared error. Blocks of features (a frequency, grey
levels, behaviour) have the same variance, so that no block is penalised for having many features. Only sums of products are kept, so that
memory does not grow with the frames: folds x features x (features + units).

Units that come and go are fitted to the trials that they were held in. Units that share their trials share sums; of more than `GROUPS`
ways of being held, the rarer ones read all trials, with their mean in place of what is missing, and their weights are divided by the share
of frames that they were held in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Float, Int

from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for
from graphtwin.progress import tqdm
from graphtwin.twin.data import Clips, Window
from graphtwin.twin.scores.holding import holding_groups
from graphtwin.twin.scores.pooled_energies import PooledEnergies, pooled_energies
from graphtwin.twin.scores.prediction import showings
from graphtwin.twin.scores.ridge_by_folds import FoldSums, no_sums, ridge_of
from graphtwin.twin.scores.unit_scores import StimulusSums, gather_sums
from graphtwin.twin.settings import LEFT_OUT_S

GROUPS = 6  # ways of being held that have sums of their own, each of features x features a fold: bounds memory and time
FOLDS = 4  # folds of stimuli that choose penalty and window; fewer where there are fewer stimuli
EVERY_S = 0.1  # seconds between frames of a movie that are fitted; responses in between are averaged
REACHES = (0.2, 0.35)  # heights around its place that a unit's window reaches to each side; choices
STEP = 0.75  # reaches from the middle of a window to the next: units share them, since each costs a decomposition
MOST_WHOLE = 2000  # features above which windows alone are tried: bounds time
PICTURES_TOGETHER = 64  # pictures whose energies are taken at once: bounds memory
ROWS_TOGETHER = 512  # rows of features that are multiplied at once


# Number of a stimulus or a fold, features, responses, and of how many showings each row's responses are the mean
Sample = tuple[int, np.ndarray, np.ndarray, np.ndarray]  # shapes: (), (rows, features), (rows, units), (rows,)


@dataclass(frozen=True)
class EnergyRidge:
    """A fitted ridge.

    Attributes:
        bank: Filters of the energies.
        lag: Frames from picture to answer.
        weights: Weight of every feature, then of every channel of behaviour.
        constant: Response where all features are 0.
        mean: Mean response of each unit in training.
        least: Least prediction of each unit: 0 where no response is negative.
        reaches: Heights that the unit's window reaches to each side; infinite where its folds chose the whole picture.
    """

    bank: PooledEnergies
    lag: int
    weights: Float[np.ndarray, "features units"]
    constant: Float[np.ndarray, " units"]
    mean: Float[np.ndarray, " units"]
    least: Float[np.ndarray, " units"]
    reaches: Float[np.ndarray, " units"]

    def energies(self, window: Window) -> Float[np.ndarray, "frames features"]:
        """Energies that the answers of all frames of one clip are to."""
        return _energies(self.bank, window, np.arange(window.video.shape[1]), self.lag)

    def predict(self, window: Window, energies: Float[np.ndarray, "frames features"]) -> Float[np.ndarray, "frames units"]:
        """Responses to one clip, standardised as those of `Window`; repeats of a clip share the `energies` of its first showing."""
        behaviour, seen = window.behaviour[0][: len(energies)], energies.shape[1]
        answered = energies @ self.weights[:seen] + behaviour @ self.weights[seen:] + self.constant
        return np.maximum(answered, self.least)


def fit_energy_ridge(
    clips: Clips, positions: Float[np.ndarray, "units 2"], delay_s: float, seed: int = 0, progress: bool = False
) -> EnergyRidge:
    """The ridge of a recording, its penalties by folds of the stimuli; a mean of several showings counts as often.

    Args:
        clips: Clips that may be learned from, those that stopped the twin's fit among them.
        positions: Places of the units' fields, x rightwards and y downwards, edges of the video at -1 and 1.
        delay_s: Seconds from picture to answer.
        seed: Seed of the folds.
        progress: Show a progress bar.
    """
    height, width = clips.read(int(clips.rows[0])).video.shape[2:]
    bank = pooled_energies(height, width, clips.frame_rate_hz)
    lag, n_energies = frames_of(delay_s, clips.frame_rate_hz), len(bank.block)
    n_features, stimuli = n_energies + len(clips.recording.behaviour), len(clips.repeats())
    fold_of = rng_for(seed, "folds of the ridge", clips.name).permutation(stimuli) % min(FOLDS, stimuli)
    groups = holding_groups(clips, GROUPS)
    folds = [[no_sums(n_features, len(group.units)) for _ in np.unique(fold_of)] for group in groups]
    origin, least = np.zeros(n_features, dtype=np.float32), np.zeros(clips.n_units)
    for fold, x, y, often in _together(_samples(clips, bank, lag, progress), fold_of):
        if not len(y):
            continue
        origin = origin if origin.any() else x.mean(0)  # sums about a value that is near the mean lose no digits
        for group, sums in zip(groups, folds, strict=True):
            sums[fold].add(*group.rows(x - origin, y, often))
        least = np.fmin(least, np.fmin.reduce(y, 0))
    block = np.append(bank.block, np.full(n_features - n_energies, bank.block.max() + 1))
    weights, constant = np.zeros((n_features, clips.n_units), dtype=np.float32), np.zeros(clips.n_units, dtype=np.float32)
    mean, reaches = np.zeros(clips.n_units, dtype=np.float32), np.full(clips.n_units, np.inf)
    for group, every in zip(groups, folds, strict=True):
        units, sums, rows = group.units, [fold for fold in every if fold.n], sum(fold.n for fold in every)
        if rows < 2:
            continue  # units that were not held are expected at 0
        places = bank.place * [width / height, 1.0], positions[units] * [width / height, 1.0]
        found, reaches[units] = _by_window(sums, block, *places)
        weights[:, units] = found / group.share.astype(np.float32)
        mean[units] = (np.sum([fold.y for fold in sums], axis=0) / rows).astype(np.float32)
        middle = origin + np.sum([fold.x for fold in sums], axis=0) / rows
        constant[units] = (mean[units] - middle @ weights[:, units]).astype(np.float32)
    return EnergyRidge(bank, lag, weights, constant, mean, np.where(least < 0, -np.inf, 0.0).astype(np.float32), reaches)


def ridge_sums(ridge: EnergyRidge, clips: Clips, left_out_s: float = LEFT_OUT_S) -> StimulusSums:
    """What the ridge's scores are made of, a row a stimulus in the order of `clips.repeats()`.

    Args:
        ridge: Fitted ridge of the recording.
        clips: Held-out clips on the scales of the training trials.
        left_out_s: Seconds at the start of each clip that do not count.
    """

    def answered(_: np.ndarray, windows: list[Window]) -> list[list[np.ndarray]]:
        if clips.pictures:
            album = ridge.bank.of(np.concatenate([window.video[0] for window in windows]), np.arange(len(windows)))
            energies = [of_picture[None] for of_picture in album]
        elif clips.through is not None:
            energies = [ridge.energies(window) for window in windows]
        else:
            energies = [ridge.energies(min(windows, key=lambda window: window.video.shape[1]))] * len(windows)
        return [[window.responses[0], ridge.predict(window, of)] for window, of in zip(windows, energies, strict=True)]

    return gather_sums(showings(clips, answered), frames_of(left_out_s, clips.frame_rate_hz))


def _by_window(
    folds: list[FoldSums], block: Int[np.ndarray, " features"], place: Float[np.ndarray, "energies 2"], positions: np.ndarray
) -> tuple[Float[np.ndarray, "features units"], Float[np.ndarray, " units"]]:
    """Weights of each unit with the lowest held-out error: on windows around its place, or on all features; and how far its window reaches.

    Args:
        folds: Sums of each fold.
        block: Number of the block of every feature; behaviour comes last and is in every window.
        place: Place of every energy, in half heights of the video.
        positions: Places of the units, in half heights of the video.
    """
    weights = np.zeros((len(block), len(positions)), dtype=np.float32)
    error, reaches = np.full(len(positions), np.inf), np.full(len(positions), np.inf)
    for reach in (*REACHES, np.inf) if len(block) <= MOST_WHOLE else REACHES:
        step = 2 * STEP * min(reach, 1e3)
        middles, of_unit = np.unique(np.round(positions / step), axis=0, return_inverse=True)
        for number, middle in enumerate(middles * step):
            near = (np.abs(place - middle) <= 2 * reach).all(1)
            features = np.flatnonzero(np.append(near, np.ones(len(block) - len(near), dtype=bool)))
            units = np.flatnonzero(of_unit.ravel() == number)
            ridge = ridge_of(folds, block, features, units)
            better = ridge.error < error[units]
            chosen = units[better]
            weights[:, chosen], error[chosen], reaches[chosen] = ridge.weights[:, better], ridge.error[better], reach
    return weights, reaches


def _samples(clips: Clips, bank: PooledEnergies, lag: int, progress: bool) -> Iterator[Sample]:
    """The samples of one trial, for all stimuli."""
    shown = enumerate(tqdm(clips.repeats().values(), desc="ridge", unit="stimulus", disable=not progress, leave=False))
    if clips.pictures:
        while album := list(islice(shown, PICTURES_TOGETHER)):
            yield from _of_album(clips, bank, album)
        return
    every = max(1, frames_of(EVERY_S, clips.frame_rate_hz))
    for number, rows in shown:
        energies: np.ndarray | None = None
        for row in rows:
            window = clips.read(int(row))
            frames = window.video.shape[1]
            at = np.arange(lag + every if lag + 2 * every < frames else every, frames - every, every)
            if not len(at):
                continue  # shorter than what is averaged
            around = at + np.arange(every)[:, None] - every // 2
            if energies is None or len(energies) != len(at) or clips.through is not None:
                energies = _energies(bank, window, at, lag)
            counted = window.counted[0][around].all(0)
            x = np.concatenate([energies, window.behaviour[0][at]], axis=1)
            yield number, x[counted], window.known()[0][around].mean(0)[counted], window.showings[0][at][counted]


def _of_album(clips: Clips, bank: PooledEnergies, album: list[tuple[int, np.ndarray]]) -> Iterator[Sample]:
    """The samples of some pictures, whose energies are taken together."""
    showings = [(number, row if clips.through else rows[0], clips.read(int(row))) for number, rows in album for row in rows]
    first = {shown: window.video[0, -1] for _, shown, window in reversed(showings)}
    pictures = dict(zip(first, bank.of(np.stack(list(first.values())), np.arange(len(first))), strict=True))
    for number, shown, window in showings:
        answered = window.counted[0]
        x = np.concatenate([np.tile(pictures[shown], (int(answered.sum()), 1)), window.behaviour[0][answered]], axis=1)
        yield number, x, window.known()[0][answered], window.showings[0][answered]


def _together(samples: Iterator[Sample], fold_of: Int[np.ndarray, " stimuli"]) -> Iterator[Sample]:
    """The samples of each fold, many rows at once: products of single rows take a hundred times as long."""
    waiting: dict[int, list[Sample]] = {int(fold): [] for fold in np.unique(fold_of)}
    for sample in samples:
        some = waiting[int(fold_of[sample[0]])]
        some.append(sample)
        if sum(len(x) for _, x, _, _ in some) >= ROWS_TOGETHER:
            yield _one(int(fold_of[sample[0]]), some)
            some.clear()
    yield from (_one(fold, some) for fold, some in waiting.items() if some)


def _one(fold: int, some: list[Sample]) -> Sample:
    """The samples of a fold as one."""
    x, y, often = (np.concatenate(part) for part in list(zip(*some, strict=True))[1:])
    return fold, x, y, often


def _energies(bank: PooledEnergies, window: Window, at: Int[np.ndarray, " shown"], lag: int) -> Float[np.ndarray, "shown features"]:
    """Energies `lag` frames before frames `at` of one clip; before it begins its first frame."""
    return bank.of(window.video[0], np.maximum(at - lag, 0))
