"""What puts a recording on common scales: means and standard deviations of its training trials, read one trial at a time."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin.sources.formats import Recording, Trial

RESPONSE_FLOOR = 0.01  # share of a unit's largest response that divides at least: a unit that hardly fires is not blown up
TRACE = 1e-3  # share of a unit's responses, summed without their sign, up to which those below 0 are what rounding or a filter left
FAR_OFF = 30.0  # deviations of eye position, told by medians, that no eye makes
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class Scales:
    """Scales that standardise a recording, from its training trials.

    Attributes:
        video: Mean and standard deviation of the grey levels.
        responses: Standard deviation of each unit's mean response over stimuli and their frames, where it was held, not below 1 % of the
            largest such mean. Single trials and their averages have the same.
        origin: What is taken off each unit's responses: their mean where responses are signed, 0 where none is negative.
        behaviour: Mean and standard deviation of each channel of behaviour, (2, channels).
        eye_position: Mean and standard deviation of horizontal and vertical eye position, (2, 2).
        missing: Share of frames without behaviour, and share without eye position.
        negative: Number of responses below 0, of all responses, and of units, where more than a trace of a unit's responses is below 0.
    """

    video: tuple[float, float]
    responses: Float[np.ndarray, " units"]
    origin: Float[np.ndarray, " units"]
    behaviour: Float[np.ndarray, "2 channels"]
    eye_position: Float[np.ndarray, "2 2"]
    missing: tuple[float, float]
    negative: tuple[int, int, int]

    @property
    def eye_recorded(self) -> bool:
        """Whether an eye position is known in any frame."""
        return self.missing[1] < 1.0


def measure(recording: Recording, rows: Int[np.ndarray, " trials"], signed: bool | None = None) -> Scales:
    """Means and standard deviations over trials; the repeats of a stimulus are in memory together.

    Responses and pictures of a stimulus enter once, as the mean over its repeats. The log counts trials whose eye positions are far off,
    and names units that were never held.

    Args:
        recording: Recording with `n_repeats` of its trials, see `with_showings`.
        rows: Training trials.
        signed: Whether responses have their mean taken off; None where any unit has more than a trace of negative ones, see TRACE.
    """
    moments, eyes, signs = [_Moments() for _ in range(4)], {}, _Signs()
    video, responses, behaviour, eye = moments
    stimuli, counts = (recording.trials[name].to_numpy()[rows] for name in ("stimulus", "n_repeats"))
    for repeats in pd.Series(range(len(rows))).groupby(stimuli, sort=False).indices.values():
        trials = [checked(recording, int(row)) for row in rows[repeats]]
        video.add(np.reshape(trials[0].video, (-1, 1)).astype(np.float64))
        responses.add(_mean_of([trial.responses for trial in trials], counts[repeats]))
        for row, trial in zip(rows[repeats], trials, strict=True):
            refuse_infinite(np.asarray(trial.responses), f"{recording.name}, trial {row}")
            signs.add(np.asarray(trial.responses, dtype=np.float64))
            behaviour.add(np.asarray(trial.behaviour, dtype=np.float64))
            eye.add(np.asarray(trial.eye_position, dtype=np.float64))
            eyes[int(row)] = trial.eye_position[np.isfinite(trial.eye_position).all(1)].astype(np.float64)
    _tell_eyes_far_off(recording.name, {row: seen for row, seen in sorted(eyes.items()) if len(seen)})
    if not responses.deviation().any():
        raise ValueError(
            f"{recording.name}: no unit ever fires in {len(rows)} training trials. Check that their responses are not placeholders."
        )
    _tell_never_held(recording, np.asarray(responses.count) > 0, len(rows))
    negative = signs.negative()
    signed = negative[2] > 0 if signed is None else signed
    origin = responses.mean() if signed else np.zeros_like(responses.mean())
    return Scales(
        (float(video.mean()[0]), max(float(video.deviation()[0]), 1e-6)),
        _divisors(responses.deviation(), responses.largest_off(origin)),
        origin,
        behaviour.scales(),
        eye.scales(),
        (behaviour.missing(), eye.missing()),
        negative,
    )


def _divisors(deviation: Float[np.ndarray, " units"], largest: Float[np.ndarray, " units"]) -> Float[np.ndarray, " units"]:
    """What divides each unit's responses: their deviation; more for a unit that hardly fires or never changes; 1 for one that is silent.

    It is a unit's own, so that one unit in other units of measurement leaves the others as they are.
    """
    varies = deviation > 1e-7 * largest
    return np.where(largest > 0, np.where(varies, np.maximum(deviation, RESPONSE_FLOOR * largest), largest), 1.0)


def _mean_of(responses: list[np.ndarray | None], counts: np.ndarray) -> Float[np.ndarray, "frames units"]:
    """Mean over the repeats of a stimulus, each the mean of so many showings, of the frames that all have; NaN where no repeat has one."""
    values = [np.asarray(one, dtype=np.float64) for one in responses]
    frames = min(len(one) for one in values)
    together = np.stack([one[:frames] for one in values])
    held = np.isfinite(together)
    if held.all():
        return np.asarray(np.average(together, axis=0, weights=counts))
    often = held * np.asarray(counts, dtype=np.float64)[:, None, None]
    total = often.sum(0)
    return np.divide((often * np.where(held, together, 0.0)).sum(0), total, out=np.full(total.shape, np.nan), where=total > 0)


def _tell_never_held(recording: Recording, held: Bool[np.ndarray, " units"], n_trials: int) -> None:
    """Warn of units whose responses are NaN in all training trials: nothing can be learned of them."""
    if not held.all():
        never = recording.units["unit_id"].to_numpy()[~held]
        log.warning(
            "%s: %d of %d units are held in none of %d training trials (NaN throughout), first unit_id %s: they have no readout of their "
            "own, and what is predicted of them is worth nothing.",
            recording.name, len(never), len(held), n_trials, ", ".join(map(str, never[:5])),
        )  # fmt: skip


def refuse_infinite(responses: Float[np.ndarray, "frames units"], origin: str) -> None:
    """Raise where a response is infinite; NaN is no fault: the unit was not held there."""
    if np.isinf(responses).any():
        endless = np.isinf(responses)
        raise ValueError(
            f"{origin}: {int(endless.sum())} responses of {int(endless.any(0).sum())} of {endless.shape[1]} units are infinite, in "
            f"{int(endless.any(1).sum())} of {len(endless)} frames. Set to NaN what was not measured: it is left out then."
        )


def _tell_eyes_far_off(name: str, eyes: dict[int, Float[np.ndarray, "frames 2"]]) -> None:
    """Warn of trials with eye positions far off: a tracker's slip widens the deviation by which all eye positions are divided."""
    if not eyes:
        return
    middles = np.stack([np.median(seen, axis=0) for seen in eyes.values()])
    middle = np.median(middles, axis=0)
    within = np.median([np.median(np.abs(seen - at), axis=0) for seen, at in zip(eyes.values(), middles, strict=True)], axis=0)
    spread = 1.4826 * (within + np.median(np.abs(middles - middle), axis=0)) + 1e-6 * np.abs(middle) + 1e-9
    far = {row: float((np.abs(seen - middle) / spread).max()) for row, seen in eyes.items()}
    off = [row for row, deviations in far.items() if deviations > FAR_OFF]
    if off:
        log.warning(
            "%s: eye position is more than %g deviations from its median in %d of %d training trials, first trial %d (%.3g deviations). "
            "Where the tracker failed set it to NaN: it counts as missing then.",
            name, FAR_OFF, len(off), len(far), off[0], far[off[0]],
        )  # fmt: skip


def checked(recording: Recording, row: int) -> Trial:
    """The trial of a row with responses, all its parts equally long."""
    trial = recording.open_trial(row)
    if trial.responses is None:
        raise ValueError(f"{recording.name}, trial {row}: the release withholds its responses. Choose a tier that has them.")
    lengths = {name: len(values) for name, values in vars(trial).items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"{recording.name}, trial {row}: parts differ in length (frames: {found}). Cut them to the frames they share.")
    return trial


def scaled(values: np.ndarray, scales: np.ndarray) -> Float[np.ndarray, "frames channels"]:
    """Values less the mean over the standard deviation, (2, channels); 0, the mean, where they are not finite."""
    return np.nan_to_num((np.asarray(values, dtype=np.float64) - scales[0]) / scales[1], nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


class _Signs:
    """How much of each unit's responses is below 0, trial by trial."""

    def __init__(self) -> None:
        self.below: np.ndarray | float = 0.0
        self.sizes: np.ndarray | float = 0.0
        self.numbers: np.ndarray | int = 0
        self.rows = 0

    def add(self, values: np.ndarray) -> None:
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        self.below, self.sizes = self.below - np.minimum(values, 0).sum(0), self.sizes + np.abs(values).sum(0)
        self.numbers = self.numbers + (values < 0).sum(0)
        self.rows += len(values)

    def negative(self) -> tuple[int, int, int]:
        """Number of negative responses, of all responses, and of units, where they are more than a trace."""
        many = np.asarray(self.below > TRACE * self.sizes)
        return int((self.numbers * many).sum()), self.rows * int(many.sum()), int(many.sum())


class _Moments:
    """Sums that grow trial by trial; a value that is not finite is left out and counted."""

    def __init__(self) -> None:
        self.lowest: np.ndarray | float = np.inf
        self.highest: np.ndarray | float = -np.inf
        self.count: np.ndarray | float = 0.0
        self.total: np.ndarray | float = 0.0
        self.squares: np.ndarray | float = 0.0
        self.rows = 0

    def add(self, values: np.ndarray) -> None:
        finite = np.isfinite(values)
        self.lowest = np.minimum(self.lowest, np.where(finite, values, np.inf).min(0, initial=np.inf))
        self.highest = np.maximum(self.highest, np.where(finite, values, -np.inf).max(0, initial=-np.inf))
        values = np.where(finite, values, 0.0)
        self.count, self.total, self.squares = self.count + finite.sum(0), self.total + values.sum(0), self.squares + (values**2).sum(0)
        self.rows += len(values)

    def mean(self) -> np.ndarray:
        return np.asarray(self.total / np.maximum(self.count, 1))

    def deviation(self) -> np.ndarray:
        return np.asarray(np.sqrt(np.maximum(self.squares / np.maximum(self.count, 1) - self.mean() ** 2, 0.0)))

    def largest_off(self, origin: np.ndarray) -> np.ndarray:
        """Largest distance of a value from some origin; 0 where there is none."""
        return np.asarray(np.maximum(np.maximum(self.highest - origin, origin - self.lowest), 0.0))

    def scales(self) -> np.ndarray:
        """Mean and standard deviation, which is 1 where nothing varies."""
        deviation = self.deviation()
        return np.stack([self.mean(), np.where(deviation > 1e-9, deviation, 1.0)])

    def missing(self) -> float:
        """Share of rows without a finite value."""
        count = np.asarray(self.count)
        return 1.0 - float(count.min()) / self.rows if count.size and self.rows else 0.0
