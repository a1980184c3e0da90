"""The answers that signal correlations are of: mean responses of units over a fixed set of clips, measured or predicted.

They are averaged in bins of half a second, as published (Ding et al. 2025, doi:10.1038/s41586-025-08840-3); `correlation_tiles` correlates
all pairs.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from graphtwin.coordinates import frames_of
from graphtwin.insilico.responders import Responder, State
from graphtwin.progress import tqdm

BIN_S = 0.5  # seconds of a bin, as published
LEFT_OUT_S = 1.0  # seconds at the start of each clip that do not count: answers there go to the clip's appearance


def binned(responses: Float[np.ndarray, "frames units"], frame_rate_hz: float) -> Float[np.ndarray, "units bins"]:
    """Mean response in each whole bin of one clip.

    Examples:
        >>> graphtwin.insilico.binned(np.ones((60, 3)), frame_rate_hz=30.0).shape  # units x bins
        (3, 2)
    """
    per_bin = max(1, frames_of(BIN_S, frame_rate_hz))
    late = responses[frames_of(LEFT_OUT_S, frame_rate_hz) :]
    whole = len(late) // per_bin
    return np.asarray(late[: whole * per_bin].reshape(whole, per_bin, responses.shape[1]).mean(1).T, dtype=np.float32)


def clip_responses(
    responder: Responder,
    clips: Iterable[Float[np.ndarray, "frames height width"]],
    progress: bool = False,
    state: State | None = None,
) -> Float[np.ndarray, "units bins"]:
    """Mean expected response in each bin of a fixed set of clips, one clip in memory at a time.

    Args:
        responder: Responder whose units answer.
        clips: Clips of grey levels, at the size and frame rate of the responder.
        progress: Show a progress bar.
        state: State in which all of them are seen, one number a channel.

    Examples:
        >>> clips = np.random.default_rng(0).uniform(0, 255, (2, 60, 16, 24))
        >>> graphtwin.insilico.clip_responses(responder, clips).shape  # units x bins
        (3, 4)
    """
    shown = tqdm(clips, desc=f"clips to {responder.name}", unit="clip", disable=not progress, leave=False)
    found = [binned(responder.respond(clip, state=state), responder.frame_rate_hz) for clip in shown]
    if not sum(part.shape[1] for part in found):
        raise ValueError(f"stimulus: none of {len(found)} clips is longer than the part of it that does not count. Give longer clips.")
    return np.concatenate(found, axis=1)
