"""Trials that end before anything of them counts in scores: left out, each of them, and said."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from graphtwin.coordinates import frames_of
from graphtwin.twin.data import Clips

log = logging.getLogger("graphtwin")


def long_enough(clips: Clips, left_out_s: float) -> Clips:
    """The trials that last longer than what does not count at the start of each; an error where none does.

    A stimulus keeps the showings that are long enough; one that has none is left out. Pictures count whole.

    Args:
        clips: Trials that are to be read.
        left_out_s: Seconds at the start of each clip that do not count.
    """
    counts = clips.n_frames() > frames_of(left_out_s, clips.frame_rate_hz)
    if counts.all():
        return clips
    kept = replace(clips, rows=clips.rows[counts])
    seconds = clips.n_frames()[~counts] / clips.frame_rate_hz
    lost = len(clips.repeats()) - len(kept.repeats())
    tiers = "|".join(sorted(set(clips.recording.trials["tier"].iloc[clips.rows].astype(str))))
    told = (
        f"{clips.name}: {len(seconds)} of {len(counts)} trials of tier {tiers} last {_range(seconds)} s, and the first {left_out_s:.3g} s "
        "of each do not count"
    )
    if not counts.any():
        raise ValueError(f"{told}: nothing is left. Choose a tier of longer clips, or leave less out (left_out_s).")
    log.warning("%s: these trials are left out, and with them %d of %d stimuli.", told, lost, len(clips.repeats()))
    return kept


def _range(seconds: np.ndarray) -> str:
    shortest, longest = f"{seconds.min():.3g}", f"{seconds.max():.3g}"
    return shortest if shortest == longest else f"{shortest} to {longest}"
