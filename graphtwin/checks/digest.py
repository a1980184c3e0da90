"""A recording read once, and what checks need of it: small pictures, the responses of some units, and numbers of every trial and unit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin.execute import rng_for
from graphtwin.sources.formats import Recording, Trial

SMALL_PIXELS = 576  # pixels of a small picture, about: 18 x 32 of a video of 36 x 64
MOST_UNITS = 300  # units whose responses are kept: enough to tell a trial from another, and bounds memory
MOST_TRIALS = 1500  # trials of video that are read; evenly spread over the recording where it has more
MOST_PICTURES = 12000  # the same for single pictures
QUICK_SHARE = 10  # the quick look reads so many times fewer trials


@dataclass(frozen=True)
class Seen:
    """What is kept of one trial; responses are None where the recording has none.

    Attributes:
        row: Row of the trial in `Recording.trials`.
        small: Its frames, averaged over blocks of pixels, grey levels.
        size: Height and width of its frames, pixels.
        grey: Mean, SD, smallest and largest grey level.
        still: For each frame but the first, the root mean square difference from the frame before, grey levels.
        responses: Responses of the units `Digest.chosen`.
        behaviour: Behaviour as stored.
        eye: Eye position as stored.
        mark: Digits that are the same for equal responses of all units.
        empty_frames: Whether all units are exactly 0 in each frame.
        held_frames: Whether all units have exactly the value of the frame before.
    """

    row: int
    small: Float[np.ndarray, "frames rows columns"]
    size: tuple[int, int]
    grey: tuple[float, float, float, float]
    still: Float[np.ndarray, " steps"]
    responses: Float[np.ndarray, "frames chosen"] | None
    behaviour: Float[np.ndarray, "frames channels"]
    eye: Float[np.ndarray, "frames xy"]
    mark: str
    empty_frames: np.ndarray
    held_frames: np.ndarray


@dataclass(frozen=True)
class Digest:
    """A recording as checks see it.

    Attributes:
        recording: The recording.
        seen: What is kept of each trial that was read, in the order of `Recording.trials`.
        chosen: Units whose responses are kept, spread over the recording.
        unread: Words of each trial that the loader refused to open, by row.
        not_held: Ids of units that were not held in some frame that was read (NaN). Checks look at the others; `recording`, and every
            number of a unit, are of these.
        mean, deviation, zeros, lowest, highest: A number for each trial read and each unit: mean, SD, share of frames at 0, smallest and
            largest response. NaN without responses.
    """

    recording: Recording
    seen: list[Seen]
    chosen: Int[np.ndarray, " chosen"]
    mean: Float[np.ndarray, "trials units"]
    deviation: Float[np.ndarray, "trials units"]
    zeros: Float[np.ndarray, "trials units"]
    lowest: Float[np.ndarray, "trials units"]
    highest: Float[np.ndarray, "trials units"]
    unread: dict[int, str] = field(default_factory=dict)
    not_held: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Name of the recording."""
        return self.recording.name

    @property
    def pictures(self) -> bool:
        """Whether the stimuli are single pictures."""
        return not np.isfinite(self.recording.frame_rate_hz)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """Rows of `Recording.trials` that were read, in the order of `seen`; `row` is the row of the recording."""
        rows = [one.row for one in self.seen]
        table = self.recording.trials.iloc[rows].assign(row=rows).reset_index(drop=True)
        return table.assign(stimulus=table["stimulus"].astype(str), tier=table["tier"].astype(str), kind=table["kind"].astype(str))

    @cached_property
    def answered(self) -> Int[np.ndarray, " answered"]:
        """Places in `seen` of the trials that have responses."""
        return np.array([at for at, one in enumerate(self.seen) if one.responses is not None], dtype=np.int64)

    @cached_property
    def tiers(self) -> dict[str, Int[np.ndarray, " trials"]]:
        """Places in `seen` of the trials with responses, by tier."""
        tier = self.trials["tier"].to_numpy()
        return {str(one): self.answered[tier[self.answered] == one] for one in pd.unique(tier[self.answered])}

    @cached_property
    def standardised(self) -> dict[int, Float[np.ndarray, "frames chosen"]]:
        """Root of the responses of the chosen units, of mean 0 and variance 1 within each tier, by place in `seen`.

        Deconvolved activity is sparse and heavy-tailed: by its root more frames have a say. Tiers in other units are alike then.
        """
        found = {}
        for trials in self.tiers.values():
            values = [np.asarray(self.seen[at].responses, dtype=np.float32) for at in trials]
            low = np.min([one.min(0) for one in values], axis=0)
            roots = [np.sqrt(one - low) for one in values]
            together = np.concatenate(roots)
            mean, deviation = together.mean(0), together.std(0)
            for at, root in zip(trials, roots, strict=True):
                found[int(at)] = (root - mean) / np.where(deviation > 1e-6, deviation, np.inf)
        return found

    def numbers(self, places: np.ndarray) -> list[int]:
        """Numbers of trials, as the release calls them."""
        return [int(number) for number in self.trials["trial"].to_numpy()[np.asarray(places, dtype=np.int64)]]

    def units(self, places: np.ndarray) -> list[int]:
        """Ids of units by their place."""
        return [int(number) for number in self.recording.units["unit_id"].to_numpy()[np.asarray(places, dtype=np.int64)]]


def digest(recording: Recording, quick: bool = False) -> Digest:
    """Read a recording once.

    Args:
        recording: The recording.
        quick: Read a tenth of the trials at most, the first ones of each tier among them.
    """
    rows = _rows(recording, quick)
    n_units = len(recording.units)
    chosen = np.sort(rng_for(0, "checked units", recording.name).permutation(n_units)[:MOST_UNITS])
    seen: list[Seen] = []
    numbers: list[np.ndarray] = []
    unread: dict[int, str] = {}
    for row in rows.tolist():
        try:
            trial = recording.open_trial(row)
        except (ValueError, OSError) as error:
            unread[row] = str(error)
            continue
        seen.append(_seen(row, trial, chosen))
        numbers.append(_numbers(trial, n_units))
    stacked = np.stack(numbers) if numbers else np.empty((0, 5, n_units), dtype=np.float32)
    mean, deviation, zeros, lowest, highest = (stacked[:, at] for at in range(5))
    return _of_held(Digest(recording, seen, chosen, mean, deviation, zeros, lowest, highest, unread))


def _of_held(of: Digest) -> Digest:
    """The digest of the units that were held in every frame read; where there are none, that of a recording without responses."""
    held = np.isfinite(of.mean[of.answered]).all(0)
    if held.all():
        return of
    ids = tuple(of.recording.units["unit_id"].to_numpy()[~held].tolist())
    if not held.any():
        none = np.zeros(0, dtype=bool)
        blank = [replace(one, responses=None, mark="", empty_frames=none, held_frames=none) for one in of.seen]
        return replace(of, seen=blank, not_held=ids)
    kept = held[of.chosen]
    some = [one if one.responses is None else replace(one, responses=one.responses[:, kept]) for one in of.seen]
    numbers = {name: getattr(of, name)[:, held] for name in ("mean", "deviation", "zeros", "lowest", "highest")}
    recording = replace(of.recording, units=of.recording.units[held].reset_index(drop=True))
    chosen = (np.cumsum(held) - 1)[of.chosen[kept]]
    return replace(of, recording=recording, seen=some, chosen=chosen, not_held=ids, **numbers)


def _rows(recording: Recording, quick: bool) -> Int[np.ndarray, " rows"]:
    """Rows of the trials to read, in order and evenly spread over each tier."""
    trials = recording.trials
    most = MOST_TRIALS if np.isfinite(recording.frame_rate_hz) else MOST_PICTURES
    most = most // QUICK_SHARE if quick else most
    if len(trials) <= most:
        return np.arange(len(trials))
    taken = []
    for _, rows in trials.assign(row=np.arange(len(trials))).groupby("tier")["row"]:
        n = max(1, round(most * len(rows) / len(trials)))
        taken.append(rows.to_numpy()[np.unique(np.linspace(0, len(rows) - 1, n).astype(np.int64))])
    return np.sort(np.concatenate(taken))


def _seen(row: int, trial: Trial, chosen: np.ndarray) -> Seen:
    video = np.asarray(trial.video, dtype=np.float32)
    small = shrunk(video)
    still = np.sqrt(((small[1:] - small[:-1]) ** 2).mean((1, 2)))
    grey = (float(video.mean()), float(video.std()), float(video.min()), float(video.max()))
    behaviour, eye = (np.asarray(values, dtype=np.float64) for values in (trial.behaviour, trial.eye_position))
    if trial.responses is None:
        none = np.zeros(0, dtype=bool)
        return Seen(row, small, video.shape[1:], grey, still, None, behaviour, eye, "", none, none)
    responses = np.ascontiguousarray(trial.responses, dtype=np.float32)
    held = np.concatenate([[False], (responses[1:] == responses[:-1]).all(1)])
    mark = hashlib.blake2b(responses.tobytes(), digest_size=8).hexdigest()
    fires = np.asarray(responses.any(1), dtype=bool)
    return Seen(row, small, video.shape[1:], grey, still, responses[:, chosen], behaviour, eye, mark, ~fires, held & fires)


def _numbers(trial: Trial, n_units: int) -> Float[np.ndarray, "5 units"]:
    if trial.responses is None:
        return np.full((5, n_units), np.nan, dtype=np.float32)
    values = np.asarray(trial.responses, dtype=np.float32)
    return np.stack([values.mean(0), values.std(0), (values == 0).mean(0), values.min(0), values.max(0)]).astype(np.float32)


def shrunk(video: Float[np.ndarray, "frames height width"]) -> Float[np.ndarray, "frames rows columns"]:
    """Frames averaged over square blocks, to about `SMALL_PIXELS` of each; rows and columns that fill no block are cut off."""
    _, height, width = video.shape
    block = max(1, round(np.sqrt(height * width / SMALL_PIXELS)))
    rows, columns = max(1, height // block), max(1, width // block)
    cut = video[:, : rows * block, : columns * block]
    return np.asarray(cut.reshape(len(video), rows, cut.shape[1] // rows, columns, cut.shape[2] // columns).mean((2, 4)), dtype=np.float32)
