"""What fits and scores read of a recording: windows of frames streamed from its trials, at one frame rate and on common scales."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for
from graphtwin.progress import tqdm
from graphtwin.sources.formats import Recording, Trial
from graphtwin.twin.data.averages import with_showings
from graphtwin.twin.data.scales import Scales, checked, measure, refuse_infinite, scaled

PICTURES_HZ = 30.0  # single pictures have no frame rate: where they are counted against clips, one stands for a frame of a video
BLIND_S = 0.2  # seconds after the eye was lost from sight in which answers to what nobody knows still come: they do not count either
TOGETHER = 256  # pictures that are read and answered at once: bounds memory


class ClipConfig(BaseModel):
    """Which trials of a recording are fitted, and at which frame rate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    frame_rate_hz: float | None = Field(None, gt=0, description="Rate to which videos and responses are resampled; if absent, as recorded.")
    latency_s: float = Field(0.0, ge=0, description="Seconds after a frame at which its responses and behaviour are read.")
    train_tiers: tuple[str, ...] = Field(("train",), description="Tiers of trials that are fitted.")
    validation_tiers: tuple[str, ...] = Field(
        ("validation",), description="Tiers of trials that stop a fit; where there are none, a tenth of the fitted stimuli."
    )


@dataclass(frozen=True)
class Window:
    """Frames of one or several clips, standardised; a single picture is a clip of one frame.

    Attributes:
        video: Grey levels, z-scored over the training trials.
        behaviour: Channels of behaviour, z-scored; 0, the mean, where not measured.
        eye_position: Horizontal and vertical position of the eye, z-scored; 0 where tracking failed. Where the recording declares its gaze,
            degrees rightwards and upwards from straight ahead, NaN where it is missing.
        responses: Responses over each unit's standard deviation; their mean over training was taken off where responses are signed. 0
            where the unit was not held.
        counted: Whether responses of a frame enter losses and scores: those of the units held in it, one at least. Where the recording
            declares its gaze, none does while that is missing (blinks) and `BLIND_S` after.
        n_repeats: Number of showings that the responses of each clip are the mean of.
        held: Whether a unit was held, in frames that count; None where all were, which is the usual case and costs nothing.
    """

    video: Float[np.ndarray, "clips frames height width"]
    behaviour: Float[np.ndarray, "clips frames channels"]
    eye_position: Float[np.ndarray, "clips frames 2"]
    responses: Float[np.ndarray, "clips frames units"]
    counted: Bool[np.ndarray, "clips frames"]
    n_repeats: Float[np.ndarray, " clips"]
    held: Bool[np.ndarray, "clips frames units"] | None = None

    @property
    def showings(self) -> Float[np.ndarray, "clips frames"]:
        """Number of showings behind the responses of each frame, 0 where they do not count."""
        return np.asarray(self.counted * self.n_repeats[:, None], dtype=np.float32)

    @property
    def cells(self) -> Bool[np.ndarray, "clips frames units"]:
        """Whether each response enters losses and scores; to be read, not written: where all units are held it is a view of `counted`."""
        return np.broadcast_to(self.counted[..., None], self.responses.shape) if self.held is None else self.counted[..., None] & self.held

    def showings_of_units(self) -> Float[np.ndarray, " units"]:
        """Number of showings behind the responses of each unit that count."""
        if self.held is None:
            return np.full(self.responses.shape[2], self.showings.sum(), dtype=np.float32)
        return np.einsum("cf,cfu->u", self.showings, self.held, dtype=np.float32)

    def known(self) -> Float[np.ndarray, "clips frames units"]:
        """Responses, NaN where a unit was not held."""
        return self.responses if self.held is None else np.where(self.held, self.responses, np.float32(np.nan))

    def of_units(self, units: Int[np.ndarray, " some"]) -> Window:
        """The window with the responses of some units."""
        return replace(self, responses=self.responses[..., units], held=None if self.held is None else self.held[..., units])


@dataclass(frozen=True)
class Clips:
    """Trials of a recording, as windows.

    Attributes:
        rows: Rows of `recording.trials`.
        scales: Scales that all tiers of the recording have in common.
        through: What windows are seen through, as by a moving eye; None shows what was on the screen.
    """

    recording: Recording
    rows: Int[np.ndarray, " trials"]
    scales: Scales
    config: ClipConfig
    through: Callable[[Window], Window] | None = None

    @property
    def name(self) -> str:
        """Name of the recording."""
        return self.recording.name

    @property
    def n_units(self) -> int:
        """Number of units of the recording."""
        return len(self.recording.units)

    @property
    def pictures(self) -> bool:
        """Whether the stimuli are single pictures."""
        return not np.isfinite(self.recording.frame_rate_hz)

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second of the windows; NaN for pictures."""
        return np.nan if self.pictures else self.config.frame_rate_hz or self.recording.frame_rate_hz

    def n_frames(self) -> Int[np.ndarray, " trials"]:
        """Frames of each trial at the rate of the windows, those at the end left out whose answer comes after the trial."""
        recorded = self.recording.trials["n_frames"].to_numpy(np.int64)[self.rows]
        if self.pictures:
            return np.ones(len(recorded), dtype=np.int64)
        seconds = recorded / self.recording.frame_rate_hz - self.config.latency_s
        return np.floor(seconds * self.frame_rate_hz + 1e-6).astype(np.int64).clip(min=0)

    def read(self, row: int, start: int = 0, stop: int | None = None) -> Window:
        """Frames `start` to `stop` of one trial.

        Args:
            row: Row of `recording.trials`.
            start: First frame, at the rate of the windows.
            stop: Frame after the last; None reads to the end.
        """
        trial, origin = checked(self.recording, row), f"{self.name}, trial {row}"
        if self.pictures:
            cut = _cut(trial, slice(0, 1))
        elif self.frame_rate_hz == self.recording.frame_rate_hz and self.config.latency_s == 0:
            cut = _cut(trial, slice(start, stop))
        else:
            cut = _resampled(trial, start, stop, self.recording.frame_rate_hz, self.frame_rate_hz, self.config.latency_s, origin)
        window = self._standardised(cut, float(self.recording.trials["n_repeats"].iloc[row]), origin)
        return window if self.through is None else self.through(window)

    def draw(self, rng: np.random.Generator, clips: int, window_s: float, left_out_s: float = 0.0) -> Window:
        """Windows from anywhere in the trials, every stretch of that length as likely as any other.

        Args:
            rng: Random generator of the places of windows.
            clips: Number of windows.
            window_s: Seconds that each window lasts; the shortest trial drawn from is as long. Of pictures as many are drawn, each at most
                once, as such windows have frames at 30 Hz: they take the memory that a step on clips does.
            left_out_s: Seconds at the start of each window that do not count, while the state of the model builds up.
        """
        frames = max(1, frames_of(window_s, self.frame_rate_hz))
        if self.pictures:
            clips = min(clips * max(1, frames_of(window_s, PICTURES_HZ)), len(self.rows))
        places = (self.n_frames() - frames + 1).clip(min=0)
        if not places.any():
            raise ValueError(
                f"{self.name}: none of {len(self.rows)} trials has {frames} frames (longest {self.n_frames().max()}), as a window of "
                f"{window_s:.3g} s has. Ask `graphtwin twin train` for shorter windows (window_s)."
            )
        drawn = rng.choice(places.sum(), clips, replace=clips > places.sum())
        trial = np.searchsorted(np.cumsum(places), drawn, side="right")
        begin = drawn - (np.cumsum(places) - places)[trial]
        windows = joined_clips([self.read(int(self.rows[t]), int(b), int(b) + frames) for t, b in zip(trial, begin, strict=True)])
        windows.counted[:, : frames_of(left_out_s, self.frame_rate_hz)] = False
        return windows

    def whole(self, said: str | None = None) -> Iterator[Window]:
        """Every trial from its first frame to its last, in the order of `rows`: clips one by one, pictures many together.

        Args:
            said: What a progress bar says; None shows none.
        """
        size = TOGETHER if self.pictures else 1
        with tqdm(total=len(self.rows), desc=said, unit="trial", disable=said is None, leave=False) as bar:
            for start in range(0, len(self.rows), size):
                rows = self.rows[start : start + size]
                yield self.read(int(rows[0])) if len(rows) == 1 else joined_clips([self.read(int(row)) for row in rows])
                bar.update(len(rows))

    def signed(self) -> Clips:
        """The same clips on scales that have the mean of training taken off responses, for families whose mean may be below 0.

        These must be the training trials where the scales do not have it yet.
        """
        return self if self.scales.origin.any() else replace(self, scales=measure(self.recording, self.rows, signed=True))

    def repeats(self) -> dict[str, Int[np.ndarray, " repeats"]]:
        """Rows of each stimulus, in the order of their first showing."""
        shown = self.recording.trials["stimulus"].astype(str).to_numpy()[self.rows]
        return {stimulus: self.rows[shown == stimulus] for stimulus in dict.fromkeys(shown)}

    def scenes(self) -> list[Int[np.ndarray, " repeats"]]:
        """Rows of what looks the same: the repeats of each stimulus, or single trials where windows are seen through a moving eye."""
        return list(self.repeats().values()) if self.through is None else [self.rows[[at]] for at in range(len(self.rows))]

    def first_minutes(self, minutes: float) -> Clips:
        """The first trials that together last this long, the last of them whole."""
        require_amount(self.recording, minutes=minutes)
        seconds = np.cumsum(self.n_frames()) / self.frame_rate_hz
        kept = int(np.searchsorted(seconds, 60.0 * minutes - 1e-6)) + 1
        return replace(self, rows=self.rows[:kept])

    def first_images(self, images: int) -> Clips:
        """The trials of the first different pictures, all repeats of them."""
        require_amount(self.recording, images=images)
        return replace(self, rows=np.sort(np.concatenate(list(self.repeats().values())[:images])))

    def _standardised(self, trial: Trial, n_repeats: float, origin: str) -> Window:
        video = np.asarray(trial.video, dtype=np.float32)
        if not np.isfinite(video).all():
            bad = int((~np.isfinite(video)).any((1, 2)).sum())
            raise ValueError(
                f"{origin}: {bad} of {len(video)} video frames have NaN or infinite grey levels. Cut them off or drop the trial."
            )
        responses = np.asarray(trial.responses, dtype=np.float64)
        refuse_infinite(responses, origin)
        held = np.isfinite(responses)
        counted = np.asarray(held.any(1))
        if self.recording.gaze is None or not self.scales.eye_recorded:
            eye = scaled(trial.eye_position, self.scales.eye_position)
        else:
            eye = np.array(trial.eye_position, dtype=np.float32)
            counted = counted & ~_blind(eye, frames_of(BLIND_S, self.frame_rate_hz))
        mean, deviation = self.scales.video
        scales = self.scales
        return Window(
            ((video - mean) / deviation)[None],
            scaled(trial.behaviour, scales.behaviour)[None],
            eye[None],
            scaled(responses, np.stack([scales.origin, scales.responses]))[None],
            counted[None],
            np.array([n_repeats], dtype=np.float32),
            None if held[counted].all() else held[None],
        )


def _blind(eye: Float[np.ndarray, "frames 2"], after: int) -> Bool[np.ndarray, " frames"]:
    """Frames in which the eye is missing, and some after each."""
    lost = ~np.isfinite(eye).all(1)
    recent = np.cumsum(np.concatenate([np.zeros(after + 1, dtype=np.int64), lost]))
    return np.asarray(recent[after + 1 :] > recent[: len(lost)])


def require_amount(recording: Recording, minutes: float | None = None, images: int | None = None) -> None:
    """Raise where minutes are asked for of pictures, or images of clips, or too few of them.

    Args:
        recording: Recording that is to be learned from.
        minutes: Minutes of its training trials; None asks for all.
        images: Different pictures of its training trials; None asks for all.
    """
    name, pictures = recording.name, not np.isfinite(recording.frame_rate_hz)
    if minutes is not None and pictures:
        raise ValueError(f"{name}: single pictures have no length to cut {minutes:g} minutes from. Give images instead.")
    if minutes is not None and minutes <= 0:
        raise ValueError(f"{name}: {minutes:g} minutes leave no trial to learn from. Give a number above 0, or leave minutes out.")
    if images is not None and not pictures:
        raise ValueError(f"{name}: its trials are clips, of which minutes are taken. Leave images out, or give minutes.")
    if images is not None and images < 1:
        raise ValueError(f"{name}: {images} pictures leave nothing to learn from. Give 1 or more, or leave images out.")


def require_tiers(recording: Recording, *tiers: tuple[str, ...]) -> None:
    """Raise for the first of several sets of tiers in which no trial has responses.

    Args:
        recording: Recording as its loader returns it.
        tiers: Sets of tiers, of each of which one at least must have such trials.
    """
    for names in tiers:
        if not len(_rows(recording, names)):
            raise ValueError(_missing_tier(recording, names))


def clips_of(recording: Recording, config: ClipConfig | None = None, seed: int = 0, signed: bool | None = None) -> tuple[Clips, Clips]:
    """Training and validation clips of a recording, without a stimulus in common.

    Args:
        recording: Recording as its loader returns it.
        config: Settings of the clips; None takes the defaults.
        seed: Seed of the choice of stimuli that validate, where no tier is made for it.
        signed: Whether responses have their mean taken off; None where they are negative; see `measure`.
    """
    recording = with_showings(recording)
    config = config or ClipConfig()
    require_tiers(recording, config.train_tiers)
    train = _rows(recording, config.train_tiers)
    validation = _rows(recording, config.validation_tiers)
    stimulus = recording.trials["stimulus"].astype(str).to_numpy()
    if not len(validation):
        shown = np.unique(stimulus[train])
        if len(shown) < 2:
            raise ValueError(
                f"{recording.name}: {'1 trial' if len(train) == 1 else f'{len(train)} trials of one stimulus'} with responses in tier "
                f"{'|'.join(config.train_tiers)} and no tier to validate on. "
                "A fit needs two stimuli at least: one is kept back to stop it."
            )
        kept = rng_for(seed, "validation stimuli", recording.name).permutation(shown)[: max(1, len(shown) // 10)]
        is_kept = np.isin(stimulus[train], kept)
        train, validation = train[~is_kept], train[is_kept]
    refuse_leaks(recording, train, validation)
    scales = measure(recording, train, signed)
    return Clips(recording, train, scales, config), Clips(recording, validation, scales, config)


def held_out_clips(train: Clips, tiers: Iterable[str]) -> Clips:
    """The trials of other tiers on the scales of the training trials; an error where a stimulus was trained on."""
    names = tuple(tiers)
    require_tiers(train.recording, names)
    rows = _rows(train.recording, names)
    refuse_leaks(train.recording, train.rows, rows)
    return replace(train, rows=rows)


def refuse_leaks(recording: Recording, train: Int[np.ndarray, " train"], held: Int[np.ndarray, " held"]) -> None:
    """Raise when a stimulus is both trained on and held out."""
    stimulus = recording.trials["stimulus"].astype(str).to_numpy()
    both = np.intersect1d(stimulus[train], stimulus[held])
    if len(both):
        raise ValueError(
            f"{recording.name}: {len(both)} stimuli are both trained on and held out (first {both[0]!r}). "
            "A score on them would be leakage: drop their trials from the training tier."
        )


def joined_clips(windows: list[Window]) -> Window:
    """Windows of the same length, one after the other along clips."""
    parts = {name: np.concatenate([vars(window)[name] for window in windows]) for name in vars(windows[0]) if name != "held"}
    if all(window.held is None for window in windows):
        return Window(**parts)
    # frames that do not count are held by nobody
    return Window(**parts, held=np.concatenate([window.cells if window.held is None else window.held for window in windows]))


def _rows(recording: Recording, tiers: tuple[str, ...]) -> np.ndarray:
    trials = recording.trials
    return np.flatnonzero((trials["tier"].isin(tiers) & trials["has_responses"]).to_numpy(bool)).astype(np.int64)


def _missing_tier(recording: Recording, tiers: tuple[str, ...]) -> str:
    counts = recording.trials[recording.trials["has_responses"].astype(bool)]["tier"].value_counts().to_dict()
    wanted = f"{recording.name}: no trial with responses in tier {'|'.join(tiers)}"
    if not counts:
        return f"{wanted}, nor in any other: they are missing, NaN or 0 throughout. Give the recording with its responses."
    return f"{wanted}. Tiers with responses: {counts}. Name one of those."


def _cut(trial: Trial, frames: slice) -> Trial:
    return Trial(trial.video[frames], trial.responses[frames], trial.behaviour[frames], trial.eye_position[frames])  # type: ignore[index]


def _resampled(trial: Trial, start: int, stop: int | None, recorded_hz: float, hz: float, latency_s: float, origin: str) -> Trial:
    """Frames of a trial at another rate: picture on screen and eye position then, mean response and behaviour `latency_s` later."""
    last = int(np.floor((len(trial.video) / recorded_hz - latency_s) * hz + 1e-6))
    begins = np.arange(start, last if stop is None else min(stop, last)) / hz
    shown = np.floor(begins * recorded_hz + 1e-6).astype(np.int64)
    answered = np.append(begins, begins[-1] + 1 / hz) + latency_s
    edges = answered * recorded_hz
    first, past = int(edges[0] + 1e-6), int(np.ceil(edges[-1] - 1e-6))  # samples that are read
    read = [np.asarray(values[first:past], dtype=np.float64) for values in (trial.responses, trial.behaviour) if values is not None]
    refuse_infinite(read[0], origin)  # `checked` has refused trials without responses
    responses, behaviour = (_averaged(values, edges - first) for values in read)
    return Trial(trial.video[shown], responses, behaviour, np.asarray(trial.eye_position[shown], dtype=np.float32))


def _averaged(values: Float[np.ndarray, "samples channels"], edges: Float[np.ndarray, " _"]) -> Float[np.ndarray, "bins channels"]:
    """Mean of a signal that is constant within samples, between successive edges given in samples; NaN where one of them is unknown."""
    unknown = ~np.isfinite(values)
    if unknown.any():
        means, share = _averaged(np.where(unknown, 0.0, values), edges), _averaged(unknown.astype(np.float64), edges)
        return np.where(share > 1e-6, np.float32(np.nan), means)
    whole = np.vstack([np.zeros(values.shape[1]), np.cumsum(values, 0)])
    index = np.clip((edges + 1e-9).astype(np.int64), 0, len(values))
    part = np.clip(edges - index, 0.0, 1.0)[:, None]
    integral = whole[index] + part * np.vstack([values, np.zeros(values.shape[1])])[index]
    return np.asarray(np.diff(integral, axis=0) / np.diff(edges)[:, None], dtype=np.float32)
