"""What was measured, in the bins in which in silico responses are compared with it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from graphtwin.insilico import binned
from graphtwin.twin.data.clips import Clips


def in_vivo_responses(clips: Clips, least_repeats: int = 2) -> Float[np.ndarray, "units bins"]:
    """Mean over repeats of what was measured, in each bin of every clip that was shown again, one trial in memory at a time.

    Args:
        clips: Trials of a recording of videos, such as those of its tier of repeated clips.
        least_repeats: Fewest showings of a clip that is taken; 1 takes single trials as well, which hold the noise that units share.
    """
    found = []
    for rows in clips.repeats().values():
        if len(rows) < least_repeats:
            continue
        trials = [binned(clips.read(int(row)).responses[0], clips.frame_rate_hz) for row in rows]
        shortest = min(trial.shape[1] for trial in trials)
        found.append(np.mean([trial[:, :shortest] for trial in trials], axis=0))
    if not found:
        raise ValueError(
            f"{clips.name}: none of {len(clips.repeats())} clips was shown {least_repeats} times or more. "
            "Choose the tier of repeated clips."
        )
    return np.concatenate(found, axis=1)
