"""What was measured, in the bins in which in silico responses are compared with it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from graphtwin.insilico import binned
from graphtwin.twin.data.clips import Clips


def in_vivo_responses(clips: Clips, least_repeats: int = 2) -> Float[np.ndarray, "units bins"]:
    """Mean over repeats of what was measured, in each bin of every clip that was shown again, one clip in memory at a time.

    A bin is NaN for a unit that was held in no repeat of it.

    Args:
        clips: Trials of a recording of videos, such as those of its tier of repeated clips.
        least_repeats: Fewest showings of a clip that is taken; 1 takes single trials as well, which hold the noise that units share.
    """
    found = []
    for rows in clips.repeats().values():
        if len(rows) < least_repeats:
            continue
        trials = [binned(clips.read(int(row)).known()[0], clips.frame_rate_hz) for row in rows]
        shortest = min(trial.shape[1] for trial in trials)
        together = np.stack([trial[:, :shortest] for trial in trials])
        held = np.isfinite(together)
        mean = np.where(held, together, 0.0).sum(0) / np.maximum(held.sum(0), 1)
        found.append(together.mean(0) if held.all() else np.where(held.any(0), mean, np.nan))
    if not found:
        raise ValueError(
            f"{clips.name}: none of {len(clips.repeats())} clips was shown {least_repeats} times or more. "
            "Choose the tier of repeated clips."
        )
    return np.concatenate(found, axis=1)
