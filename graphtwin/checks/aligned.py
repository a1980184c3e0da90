"""Responses held against what the videos predict, trial by trial and at every shift; what checks of alignment look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from graphtwin.checks.digest import Digest
from graphtwin.checks.encoding import Encoded, Encoder, encode, find_lag
from graphtwin.checks.tiers import spread_of
from graphtwin.execute import rng_for

FEWEST_VIDEOS, FEWEST_UNITS = 12, 20  # different stimuli and units from which a fit says anything
SHIFTS_S = 1.5  # seconds by which a trial's responses are moved to look for a better fit
DRAWS = 6  # other stimuli that each trial is held against, from which chance is known


@dataclass(frozen=True)
class Aligned:
    """Trials held against predictions.

    Attributes:
        of: The recording.
        encoded: Predictions of the quick model and what came.
        expected: What to expect of each trial: the prediction, and the mean of other repeats where there are any; standardised.
        step_s: Seconds from one moment to the next; NaN for pictures.
    """

    of: Digest
    encoded: Encoded
    expected: list[Float[np.ndarray, "moments units"]]
    step_s: float

    @cached_property
    def shifts(self) -> Int[np.ndarray, " shifts"]:
        """Moments by which responses are moved."""
        shortest = min(len(one) for one in self.expected)
        most = min(round(SHIFTS_S / self.step_s), shortest // 3) if np.isfinite(self.step_s) else 0
        return np.arange(-most, most + 1)

    @cached_property
    def stimulus(self) -> np.ndarray:
        """Name of the stimulus of each trial."""
        return self.of.trials["stimulus"].to_numpy()[self.encoded.trials]

    @cached_property
    def kind(self) -> np.ndarray:
        """Kind of stimulus of each trial."""
        return self.of.trials["kind"].to_numpy()[self.encoded.trials]

    @cached_property
    def curves(self) -> Float[np.ndarray, "trials shifts"]:
        """Correlation of each trial with what is expected, at each shift."""
        return np.stack([curve(e, a, self.shifts) for e, a in zip(self.expected, self.encoded.answered, strict=True)])

    @cached_property
    def chance(self) -> tuple[float, float, float]:
        """Mean and SD of the correlation with what other stimuli predict, and the SDs that 5 % of trials reach at some shift."""
        rng = rng_for(0, "trials against other stimuli", len(self.expected))
        found = []
        for at, answer in enumerate(self.encoded.answered):
            others = np.flatnonzero(self.stimulus != self.stimulus[at])
            for other in rng.permutation(others)[:DRAWS].tolist():
                n = min(len(answer), len(self.expected[other]))
                found.append(curve(self.expected[other][:n], answer[:n], self.shifts))
        drawn = np.array(found)
        middle = drawn[:, len(self.shifts) // 2]
        # Some trials may hold responses of others: what is told by all but a few is chance.
        mean, deviation = float(np.median(middle)), max(spread_of(middle), 1e-9)
        return mean, deviation, float(np.quantile(np.abs((drawn - mean) / deviation).max(1), 0.95))

    @cached_property
    def z(self) -> Float[np.ndarray, "trials shifts"]:
        """`curves` in deviations of chance."""
        mean, deviation, _ = self.chance
        return np.asarray((self.curves - mean) / max(deviation, 1e-9))

    @cached_property
    def usual(self) -> list[tuple[float, float]]:
        """Median and spread of `z_now` of trials like each: repeats of its stimulus, or others of its kind that are shown as often."""
        found = []
        repeats = np.array([(self.stimulus == one).sum() for one in self.stimulus])
        for at in range(len(self.expected)):
            alike = (
                (self.stimulus == self.stimulus[at])
                if repeats[at] >= 4
                else (self.kind == self.kind[at]) & ((repeats >= 3) == (repeats[at] >= 3))
            )
            found.append((float(np.median(self.z_now[alike])), spread_of(self.z_now[alike]) if alike.sum() >= 5 else np.inf))
        return found

    def numbers(self, at: Int[np.ndarray, " rows"]) -> list[int]:
        """Numbers of trials in the release, by their place among those that are held against predictions."""
        return self.of.numbers(self.encoded.trials[at])

    @property
    def z_now(self) -> Float[np.ndarray, " trials"]:
        """Deviations of chance without any shift."""
        return self.z[:, len(self.shifts) // 2]


def curve(expected: np.ndarray, answered: np.ndarray, shifts: np.ndarray) -> Float[np.ndarray, " shifts"]:
    """Correlation over units and moments of what is expected with what came `shift` moments later."""
    known = np.isfinite(answered).all(1)
    answered = np.where(known[:, None], answered, 0.0)
    n = len(expected)
    if len(shifts) == 1:
        size = np.linalg.norm(expected[known]) * np.linalg.norm(answered)
        return np.array([float((expected * answered).sum() / max(size, 1e-9))])
    products = expected @ answered.T
    one, other = (expected**2).sum(1), (answered**2).sum(1)
    found = []
    for shift in shifts.tolist():
        rows = slice(max(0, -shift), n - max(0, shift))
        cols = slice(max(0, shift), n - max(0, -shift))
        size = np.sqrt((one[rows] * known[cols]).sum() * other[cols].sum())
        found.append(np.trace(products, offset=shift) / max(float(size), 1e-9))
    return np.array(found)


def align(of: Digest) -> tuple[Encoder, Aligned] | None:
    """Hold every trial against predictions from others; None where there is too little to do so."""
    stimuli = of.trials["stimulus"].to_numpy()[of.answered]
    if len(np.unique(stimuli)) < FEWEST_VIDEOS or len(of.chosen) < FEWEST_UNITS:
        return None
    encoder = Encoder(of)
    if len(encoder.trials) < FEWEST_VIDEOS:
        return None
    lags, told = find_lag(encoder)
    lag = int(lags[told.sum(0).argmax()]) if len(told) else 0
    encoded = encode(encoder, lag, lags, told)
    step_s = encoder.step / of.recording.frame_rate_hz
    return encoder, Aligned(of, encoded, _expected(of, encoded), step_s)


def _expected(of: Digest, encoded: Encoded) -> list[np.ndarray]:
    """Prediction and mean of the other repeats, each of size 1 a number."""
    stimulus = of.trials["stimulus"].to_numpy()[encoded.trials]
    length = np.array([len(one) for one in encoded.answered])
    found = []
    for at, predicted in enumerate(encoded.predicted):
        one = (predicted - predicted.mean(0)) if len(predicted) > 1 else predicted
        one = one / max(float(one.std()), 1e-9)
        others = np.flatnonzero((stimulus == stimulus[at]) & (length == length[at]))
        others = others[others != at]
        if len(others) >= 2:
            mean = np.nan_to_num(np.mean([encoded.answered[other] for other in others], axis=0))
            one = one + mean / max(float(mean.std()), 1e-9)
        found.append(one)
    return found


def unit_correlations(aligned: Aligned, other_stimuli: bool = False) -> Float[np.ndarray, " units"]:
    """Correlation of each unit with its prediction, or with the prediction for a trial of another stimulus."""
    predicted, answered = list(aligned.encoded.predicted), aligned.encoded.answered
    if other_stimuli:
        order = np.argsort(aligned.stimulus, kind="stable")  # half of the trials on lies another stimulus
        place = np.empty_like(order)
        place[order] = np.roll(order, len(order) // 2)
        predicted = [predicted[other] for other in place]
    lengths = [min(len(one), len(other)) for one, other in zip(predicted, answered, strict=True)]
    told = np.concatenate([one[:n] for one, n in zip(predicted, lengths, strict=True)])
    came = np.nan_to_num(np.concatenate([one[:n] for one, n in zip(answered, lengths, strict=True)]))
    sizes = np.linalg.norm(told, axis=0) * np.linalg.norm(came, axis=0)
    return np.asarray((told * came).sum(0) / np.maximum(sizes, 1e-9), dtype=np.float64)
