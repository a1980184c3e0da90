"""Repeats of a film that were seen with other eye movements: no repeats of what the eye saw."""

from __future__ import annotations

import logging

import numpy as np

from graphtwin.twin.data import Clips

APART_DEG = 1.0  # degrees by which gaze differs between repeats, in the median, from which they are no repeats on the retina
log = logging.getLogger("graphtwin")


def tell_free_repeats(clips: Clips) -> float | None:
    """Warn where the eye looked elsewhere in each repeat, so that ceilings take for noise what it saw.

    Args:
        clips: Clips that are scored.

    Returns:
        Median over frames of the SD of declared gaze between repeats, degrees; None where nothing is declared or repeated.
    """
    if clips.recording.gaze is None:
        return None
    apart: list[np.ndarray] = []
    for rows in (rows for rows in clips.repeats().values() if len(rows) > 1):
        traces = [np.asarray(clips.recording.open_trial(int(row)).eye_position, dtype=np.float64) for row in rows]
        frames = min(len(trace) for trace in traces)
        apart.append(np.hypot(*np.stack([trace[:frames] for trace in traces]).std(0, ddof=1).T))
    known = np.concatenate(apart) if apart else np.zeros(0)
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    median = float(np.median(known))
    if median > APART_DEG:
        log.warning(
            "%s: gaze differs by %.1f degrees between repeats of %d stimuli (median over frames). They are no repeats of what the eye saw: "
            "cc_max, cc_norm and FEVE take the difference for noise. Score trials of fixation (--tier), or read single-trial correlations.",
            clips.name, median, len(apart),
        )  # fmt: skip
    return median
