"""Signal correlation: how alike the mean responses of two units are over a fixed set of clips, measured or predicted.

Responses are averaged in bins of half a second, as published (Ding et al. 2025, doi:10.1038/s41586-025-08840-3). All pairs of N units cost
N^2 multiplications a bin, as one matrix product in blocks: 10,000 units and 5,000 bins are 5 10^11, about ten seconds of a core.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from graphtwin.coordinates import frames_of
from graphtwin.insilico.responders import Responder
from graphtwin.tuning import unit_vectors

ROWS_TOGETHER = 1024  # units whose correlations with all are in memory at once
BIN_S = 0.5  # seconds of a bin, as published
LEFT_OUT_S = 1.0  # seconds at the start of each clip that do not count: answers there go to the clip's appearance


def binned(responses: Float[np.ndarray, "frames units"], frame_rate_hz: float) -> Float[np.ndarray, "units bins"]:
    """Mean response in each whole bin of one clip."""
    per_bin = max(1, frames_of(BIN_S, frame_rate_hz))
    late = responses[frames_of(LEFT_OUT_S, frame_rate_hz) :]
    whole = len(late) // per_bin
    return np.asarray(late[: whole * per_bin].reshape(whole, per_bin, responses.shape[1]).mean(1).T, dtype=np.float32)


def clip_responses(
    responder: Responder,
    clips: Iterable[Float[np.ndarray, "frames height width"]],
    progress: bool = False,
) -> Float[np.ndarray, "units bins"]:
    """Mean expected response in each bin of a fixed set of clips, one clip in memory at a time.

    Args:
        responder: Responder whose units answer.
        clips: Clips of grey levels, at the size and frame rate of the responder.
        progress: Show a progress bar.
    """
    shown = tqdm(clips, desc=f"clips to {responder.name}", unit="clip", disable=not progress, leave=False)
    found = [binned(responder.respond(clip), responder.frame_rate_hz) for clip in shown]
    if not sum(part.shape[1] for part in found):
        raise ValueError(f"stimulus: none of {len(found)} clips is longer than the part of it that does not count. Give longer clips.")
    return np.concatenate(found, axis=1)


def correlation_blocks(responses: Float[np.ndarray, "units bins"], rows: int = ROWS_TOGETHER) -> Iterator[Float[np.ndarray, "rows units"]]:
    """Pearson correlations of some units with all units, then of the next ones: never more than rows x units in memory.

    A unit whose response does not vary has NaN.
    """
    unit = unit_vectors(responses)
    for start in range(0, len(unit), rows):
        yield np.clip(unit[start : start + rows] @ unit.T, -1.0, 1.0)
