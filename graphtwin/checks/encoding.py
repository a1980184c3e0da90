"""A quick linear model, good enough to say which video a trial answers to, and when: ridge on local contrast and motion energy.

Nobody should use it to predict neurons: it is fitted in seconds, and a unit's correlation is about 0.1 with single trials. Over hundreds
of units and frames that tells one trial from another, and one moment from the next. Predictions are of videos left out of the fit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from graphtwin.checks.digest import Digest
from graphtwin.execute import rng_for

STEP_HZ = 15.0  # moments a second that are compared, about: events are counted over longer
SMOOTH_S = 0.1  # seconds before each moment over which energies are averaged
EARLIEST_S, LATEST_S = -0.8, 1.2  # delays from picture to response that are tried
BLOCK = 3  # small pixels along the edge of a place: about a sixth of the height of the video, as large as a field
FOLDS = 5
RIDGE = 0.3  # penalty, in mean squares of a feature
UNITS_OF_LAG = 60  # units, at most, from which the delay is found
MOST_VIDEOS = 160  # different videos that are fitted; others are predicted all the same
MOST_SAMPLES = 6000


@dataclass(frozen=True)
class Encoded:
    """What a quick model says of the trials of a recording.

    Attributes:
        trials: Places in `Digest.seen` of the trials compared.
        video: Number of each trial's video; trials that show the same have the same.
        predicted: What the model expects of each trial at its moments, from other videos; at the delay found.
        answered: What came, standardised, at the same moments.
        step: Frames from one moment to the next.
        lag: Moments from picture to response, at which most is explained.
        lags: Delays tried, in moments.
        told: Mean correlation over units at each delay and for each video with which the delay was looked for.
        places: Correlation of each unit with what happens at each place of the screen, largest over features.
    """

    trials: Int[np.ndarray, " trials"]
    video: Int[np.ndarray, " trials"]
    predicted: list[Float[np.ndarray, "moments units"]]
    answered: list[Float[np.ndarray, "moments units"]]
    step: int
    lag: int
    lags: Int[np.ndarray, " lags"]
    told: Float[np.ndarray, "videos lags"]
    places: Float[np.ndarray, "units rows columns"]


def features(
    small: Float[np.ndarray, "frames rows columns"], mean: float, deviation: float, average: int
) -> Float[np.ndarray, "frames features"]:
    """Brightness, contrast energy of four orientations, flicker and motion of blocks of small pixels.

    Args:
        small: Frames as `Digest` keeps them.
        mean: Mean grey level of the recording.
        deviation: SD of its grey levels.
        average: Frames up to each over which features are averaged.
    """
    x = (small - mean) / deviation
    across, down = np.zeros_like(x), np.zeros_like(x)
    across[:, :, 1:-1], down[:, 1:-1] = x[:, :, 2:] - x[:, :, :-2], x[:, 2:] - x[:, :-2]
    channels = [_blocks(x)]
    channels += [np.sqrt(_blocks(edge**2)) for edge in (across, down, (across + down) / np.sqrt(2), (across - down) / np.sqrt(2))]
    if len(x) > 1:
        change = np.zeros_like(x)
        change[1:] = x[1:] - x[:-1]
        channels += [np.sqrt(_blocks(change**2)), _blocks(change * across), _blocks(change * down)]
    stacked = np.stack(channels, axis=1).reshape(len(x), -1)
    if average <= 1:
        return stacked
    sums = np.cumsum(np.vstack([np.zeros((1, stacked.shape[1]), stacked.dtype), stacked]), axis=0)
    at = np.arange(len(x))
    first = np.maximum(at - average + 1, 0)
    return np.asarray((sums[at + 1] - sums[first]) / (at + 1 - first)[:, None], dtype=np.float32)


def _blocks(x: Float[np.ndarray, "frames rows columns"]) -> Float[np.ndarray, "frames half_rows half_columns"]:
    frames, rows, columns = x.shape
    return np.asarray(
        x[:, : rows // BLOCK * BLOCK, : columns // BLOCK * BLOCK]
        .reshape(frames, rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
        .mean((2, 4))
    )


class Encoder:
    """Features of every different video of a recording, and fits on them."""

    def __init__(self, of: Digest) -> None:
        """Look at every trial with responses; videos that are the same are looked at once."""
        rate = of.recording.frame_rate_hz
        self.of = of
        self.pictures = of.pictures
        self.step = 1 if of.pictures else max(1, round(rate / STEP_HZ))
        self.average = 1 if of.pictures else max(1, round(SMOOTH_S * rate))
        sizes = [of.seen[int(at)].small.shape[1:] for at in of.answered]
        usual = max(set(sizes), key=sizes.count)
        self.trials = np.array(
            [at for at, size in zip(of.answered, sizes, strict=True) if size == usual and min(usual) >= 2 * BLOCK], dtype=np.int64
        )
        grey = np.array([of.seen[int(at)].grey[:2] for at in self.trials])
        self.mean, self.deviation = (
            float(np.median(grey[:, 0])),
            float(max(np.median(grey[:, 1]), 1e-6))
            if not of.pictures
            else (float(max(np.sqrt(grey[:, 1] ** 2 + (grey[:, 0] - np.median(grey[:, 0])) ** 2).mean(), 1e-6))),
        )
        marks = [hashlib.blake2b(of.seen[int(at)].small.tobytes(), digest_size=8).hexdigest() for at in self.trials]
        number = {mark: at for at, mark in enumerate(dict.fromkeys(marks))}
        self.video = np.array([number[mark] for mark in marks], dtype=np.int64)
        first = [int(self.trials[np.argmax(self.video == one)]) for one in range(len(number))]
        # Repeats of a clip may fall on other frames of it: they are left out of a fit together.
        shown, clip = np.unique(of.trials["stimulus"].to_numpy()[self.trials], return_inverse=True)
        self.folds = np.zeros(len(number), dtype=np.int64)
        self.folds[self.video] = (rng_for(0, "folds of videos").permutation(len(shown)) % FOLDS)[clip]
        self.features = [self.of_small(of.seen[at].small) for at in first]
        self.shape = (8 if not of.pictures else 5, usual[0] // BLOCK, usual[1] // BLOCK)
        some = np.concatenate([one[:: max(1, len(one) // 20)] for one in self.features])
        self.centre, self.scale = some.mean(0), some.std(0) + 1e-3

    def of_small(self, small: np.ndarray) -> Float[np.ndarray, "moments features"]:
        """Features of some frames at the moments compared."""
        return features(small, self.mean, self.deviation, self.average)[:: self.step]

    def standard(self, found: np.ndarray) -> np.ndarray:
        """Features of mean 0 and variance 1."""
        return np.asarray((found - self.centre) / self.scale, dtype=np.float32)

    def responses(self, video: int, lag: int, units: np.ndarray | slice = slice(None)) -> tuple[np.ndarray, int]:
        """Mean responses to a video, `lag` moments later, and the number of trials."""
        trials = self.trials[self.video == video]
        values = [moved(self.answers(int(at))[:, units], lag) for at in trials]
        return np.mean(values, axis=0), len(trials)

    def answers(self, at: int) -> Float[np.ndarray, "moments units"]:
        """Standardised responses of a trial at the moments compared; of a video less each unit's mean, so that no slow change counts."""
        values = self.of.standardised[at][:: self.step]
        return values if self.pictures else values - values.mean(0)


def moved(values: Float[np.ndarray, "moments units"], lag: int) -> Float[np.ndarray, "moments units"]:
    """Values of `lag` moments later; NaN where there are none."""
    if lag == 0:
        return values
    out = np.full_like(values, np.nan)
    if lag > 0:
        out[:-lag] = values[lag:]
    else:
        out[-lag:] = values[:lag]
    return out


def find_lag(of: Encoder) -> tuple[Int[np.ndarray, " lags"], Float[np.ndarray, "videos lags"]]:
    """How well responses of each delay are predicted, video by video; videos of one half are predicted from the other."""
    if of.pictures:
        return np.zeros(1, dtype=np.int64), np.ones((1, 1))
    rate = of.of.recording.frame_rate_hz / of.step
    longest = max(len(one) for one in of.features)
    early, late = max(round(EARLIEST_S * rate), -longest // 5), min(round(LATEST_S * rate), longest // 4)
    lags = np.arange(early, late + 1)
    units = np.linspace(0, len(of.of.chosen) - 1, min(UNITS_OF_LAG, len(of.of.chosen))).astype(np.int64)
    order = rng_for(0, "halves of videos").permutation(len(of.features))[:MOST_VIDEOS]
    samples: list[tuple[np.ndarray, np.ndarray, float]] = []
    half_of: list[int] = []
    every = max(1, sum(len(one) for one in of.features) // 3000)
    for video in order.tolist():
        at = np.arange(max(0, -early), len(of.features[video]) - late, every)
        if len(at) < 3:
            continue
        answers = np.concatenate([of.responses(video, lag, units)[0][at] for lag in lags.tolist()], axis=1)
        samples.append((of.standard(of.features[video][at]), answers, np.sqrt(min(int((of.video == video).sum()), 8))))
        half_of.append(int(of.folds[video]) % 2)
    if len(samples) < 4:
        return lags, np.zeros((0, len(lags)))
    told = []
    for half in (0, 1):
        fitted, held = ([one for one, mine in zip(samples, half_of, strict=True) if (mine == half) == same] for same in (True, False))
        if not fitted or not held:
            continue
        x = np.concatenate([one * weight for one, _, weight in fitted])
        y = np.concatenate([one * weight for _, one, weight in fitted])
        weights = ridge(x.T @ x, x.T @ y)
        for one, answers, weight in held:
            product = ((one @ weights) * answers).reshape(len(one), len(lags), -1).sum((0, 2))
            told.append(weight * product)
    return lags, np.array(told)


def ridge(products: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """Weights of a ridge regression from products of features with each other and with responses."""
    from scipy.linalg import cho_factor, cho_solve

    penalty = RIDGE * np.trace(products) / len(products) + 1e-6
    return np.asarray(cho_solve(cho_factor(products + penalty * np.eye(len(products), dtype=products.dtype)), cross), dtype=np.float32)


def encode(of: Encoder, lag: int, lags: np.ndarray, told: np.ndarray, offset: int = 0) -> Encoded:
    """Predictions of all trials at one delay, each from videos of other folds.

    Args:
        of: Features of the recording.
        lag: Moments from picture to response.
        lags: Delays that were tried.
        told: What `find_lag` says of them.
        offset: Trials by which responses are taken to be late: those of trial i are set against the video of trial i - offset.
    """
    features_of, answers = [], []
    rows = np.arange(len(of.trials))
    rows = rows[(rows + offset >= 0) & (rows + offset < len(of.trials))]
    for row in rows.tolist():
        found = of.features[of.video[row]]
        values = moved(of.answers(int(of.trials[row + offset])), lag)
        n = min(len(found), len(values))
        features_of.append(found[:n])
        answers.append(values[:n])
    video = of.video[rows]
    fold = of.folds
    products, cross = _sums(of, video, features_of, answers, fold)
    places = _places(of, np.sum(list(products.values()), axis=0), np.sum(list(cross.values()), axis=0))
    predicted: list[np.ndarray] = [np.zeros((0, 0))] * len(rows)
    for held in range(FOLDS):
        mine = np.flatnonzero(fold[video] == held)
        if not len(mine):
            continue
        others = [k for k in products if k != held]
        weights = ridge(np.sum([products[k] for k in others], axis=0), np.sum([cross[k] for k in others], axis=0))
        known: dict[int, np.ndarray] = {}
        for row in mine.tolist():
            if int(video[row]) not in known:
                known[int(video[row])] = of.standard(of.features[video[row]]) @ weights
            predicted[row] = known[int(video[row])][: len(answers[row])]
    return Encoded(of.trials[rows], video, predicted, answers, of.step, lag, lags, told, places)


def _sums(
    of: Encoder, video: np.ndarray, features_of: list, answers: list, fold: np.ndarray
) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """Products of features with each other and with responses, of each fold; repeats are averaged first."""
    n = sum(len(of.features[one]) for one in np.unique(video))
    every = max(1, n // MOST_SAMPLES)
    products: dict[int, np.ndarray] = {}
    cross: dict[int, np.ndarray] = {}
    for one in np.unique(video):
        rows = np.flatnonzero(video == one)
        length = min(len(answers[row]) for row in rows)
        mean = np.mean([answers[row][:length] for row in rows], axis=0)
        at = np.arange(length)[np.isfinite(mean).all(1)][::every] if not of.pictures else np.arange(length)
        x = of.standard(features_of[rows[0]][at])
        weight = min(len(rows), 8)
        held = int(fold[one])
        products[held] = products.get(held, 0) + weight * (x.T @ x)
        cross[held] = cross.get(held, 0) + weight * (x.T @ np.asarray(mean[at], dtype=np.float32))
    return products, cross


def _places(of: Encoder, products: np.ndarray, cross: np.ndarray) -> Float[np.ndarray, "units rows columns"]:
    """Sum over features of squared covariances of each unit with what happens at each place, features whitened at the place."""
    channels, rows, columns = of.shape
    apart = cross.reshape(channels, rows * columns, -1)
    found = np.empty((apart.shape[2], rows * columns))
    square = products.reshape(channels, rows * columns, channels, rows * columns)
    for place in range(rows * columns):
        among = square[:, place, :, place]
        among = among + 0.05 * np.trace(among) / channels * np.eye(channels) + 1e-6 * np.eye(channels)
        found[:, place] = (apart[:, place] * np.linalg.solve(among, apart[:, place])).sum(0)
    return found.reshape(-1, rows, columns)
