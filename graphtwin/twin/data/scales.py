"""What puts a recording on common scales: means and standard deviations of its training trials, read one trial at a time."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from graphtwin.sources.formats import Recording, Trial

RESPONSE_FLOOR = 0.01  # share of the units' mean standard deviation that divides at least: a unit that hardly fires is not blown up
FAR_OFF = 30.0  # deviations of eye position, told by medians, that no eye makes
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class Scales:
    """Scales that standardise a recording, from its training trials.

    Attributes:
        video: Mean and standard deviation of the grey levels.
        responses: Standard deviation of each unit's responses, not below 1 % of the mean over units.
        behaviour: Mean and standard deviation of each channel of behaviour, (2, channels).
        eye_position: Mean and standard deviation of horizontal and vertical eye position, (2, 2).
        missing: Share of frames without behaviour, and share without eye position.
    """

    video: tuple[float, float]
    responses: Float[np.ndarray, " units"]
    behaviour: Float[np.ndarray, "2 channels"]
    eye_position: Float[np.ndarray, "2 2"]
    missing: tuple[float, float]


def measure(recording: Recording, rows: Int[np.ndarray, " trials"]) -> Scales:
    """Means and standard deviations over trials, one trial in memory at a time; the log counts trials whose eye positions are far off."""
    moments, eyes = [_Moments() for _ in range(4)], {}
    for row in rows:
        trial = checked(recording, int(row))
        parts = (np.reshape(trial.video, (-1, 1)), trial.responses, trial.behaviour, trial.eye_position)
        for moment, values in zip(moments, parts, strict=True):
            moment.add(np.asarray(values, dtype=np.float64))
        eyes[int(row)] = trial.eye_position[np.isfinite(trial.eye_position).all(1)].astype(np.float64)
    _tell_eyes_far_off(recording.name, {row: seen for row, seen in eyes.items() if len(seen)})
    video, responses, behaviour, eye = moments
    if not responses.deviation().any():
        raise ValueError(
            f"{recording.name}: no unit ever fires in {len(rows)} training trials. Check that their responses are not placeholders."
        )
    floor = RESPONSE_FLOOR * responses.deviation().mean()
    return Scales(
        (float(video.mean()[0]), max(float(video.deviation()[0]), 1e-6)),
        np.maximum(responses.deviation(), floor),
        behaviour.scales(),
        eye.scales(),
        (behaviour.missing(), eye.missing()),
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


class _Moments:
    """Sums that grow trial by trial; a value that is not finite is left out and counted."""

    def __init__(self) -> None:
        self.count: np.ndarray | float = 0.0
        self.total: np.ndarray | float = 0.0
        self.squares: np.ndarray | float = 0.0
        self.rows = 0

    def add(self, values: np.ndarray) -> None:
        finite = np.isfinite(values)
        values = np.where(finite, values, 0.0)
        self.count, self.total, self.squares = self.count + finite.sum(0), self.total + values.sum(0), self.squares + (values**2).sum(0)
        self.rows += len(values)

    def mean(self) -> np.ndarray:
        return np.asarray(self.total / np.maximum(self.count, 1))

    def deviation(self) -> np.ndarray:
        return np.asarray(np.sqrt(np.maximum(self.squares / np.maximum(self.count, 1) - self.mean() ** 2, 0.0)))

    def scales(self) -> np.ndarray:
        """Mean and standard deviation, which is 1 where nothing varies."""
        deviation = self.deviation()
        return np.stack([self.mean(), np.where(deviation > 1e-9, deviation, 1.0)])

    def missing(self) -> float:
        """Share of rows without a finite value."""
        count = np.asarray(self.count)
        return 1.0 - float(count.min()) / self.rows if count.size and self.rows else 0.0
