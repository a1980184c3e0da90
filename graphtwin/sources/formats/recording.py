"""A recording: what animals saw, did and answered, as every loader hands it over. Nothing is read before it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.coordinates import MINNIE65_MONITOR, Monitor
from graphtwin.sources.formats.gaze import Gaze
from graphtwin.told import told_as_table


@dataclass(frozen=True)
class Trial:
    """One clip or picture; arrays may be memory-mapped, so that a slice of frames reads those frames alone. Padding is cut off.

    Attributes:
        video: Grey levels as stored; a picture is a video of one frame.
        responses: Deconvolved activity or counts of each unit, arbitrary units; NaN where a unit was not held, None where the release
            withholds all.
        behaviour: Behaviour as stored, a column for each channel that `Recording.behaviour` names; without columns where none was recorded.
        eye_position: Horizontal and vertical position of the eye, pixels of the eye camera as stored; where the recording declares its
            gaze, azimuth and elevation of the line of sight, degrees rightwards and upwards from straight ahead, the centre of the screen.
            NaN where tracking failed, and throughout where it was not recorded.
    """

    video: Float[np.ndarray, "frames height width"]
    responses: Float[np.ndarray, "frames units"] | None
    behaviour: Float[np.ndarray, "frames channels"]
    eye_position: Float[np.ndarray, "frames xy"]


@told_as_table
@dataclass(frozen=True)
class Recording:
    """Recording of one animal or scan.

    Attributes:
        name: Name of the folder, file or session.
        frame_rate_hz: Frames a second of video, responses and behaviour alike; NaN where single pictures are shown.
        units: One row a unit in the order of the responses: session, scan_idx, unit_id (unique together), x_um, y_um, z_um (as stored: z is
            the depth of the imaging plane below the surface; NaN where unknown), and what else the release says of a unit.
        trials: One row a trial: trial (its number in the release), tier (as the release calls it), stimulus (equal for repeats of the same
            frames), kind (of stimulus, as the release calls it), n_frames (valid ones), has_responses; and where it is declared n_repeats,
            the number of showings that the trial's responses are the mean of (1: a single trial).
        behaviour: Names of the channels of behaviour, such as pupil_size, pupil_size_change, running; () where none was recorded.
        open_trial: Reads one trial; its argument is a row number of `trials`.
        monitor: Screen that the video filled; the one of the MICrONS and Sensorium recordings where nothing states another.
        gaze: What the files declare of the gaze; None where eye positions are those of an eye camera, which nothing calibrates.
    """

    name: str
    frame_rate_hz: float
    units: pd.DataFrame
    trials: pd.DataFrame
    behaviour: tuple[str, ...]
    open_trial: Callable[[int], Trial]
    monitor: Monitor = MINNIE65_MONITOR
    gaze: Gaze | None = None

    def __repr__(self) -> str:
        """Its units and trials, and what was recorded beside, in two lines."""
        tiers = ", ".join(f"{name} {n}" for name, n in self.trials["tier"].value_counts().sort_index().items())
        shown = "pictures" if np.isnan(self.frame_rate_hz) else f"videos at {self.frame_rate_hz:g} Hz"
        beside = ", ".join([*self.behaviour, *(["gaze"] if self.gaze else [])]) or "no behaviour"
        return f"Recording {self.name}: {len(self.units)} units, {shown}, {beside}\n  {len(self.trials)} trials: {tiers}"


def session_number(name: str) -> int:
    """A number that stands for a session that has a name alone, the same for the same name: 31 bits of its hash."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big") >> 1
