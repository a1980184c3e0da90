"""What is looked at before the answers of a responder count: their shape, their numbers, and units that never answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from graphtwin.insilico.responders.responder import Responder
from graphtwin.schema import UNIT_KEY

NAMED = 5  # units, at most, that a message names


def require_answers(responder: Responder, answers: np.ndarray, clips: int, frames: int) -> None:
    """Raise unless answers are floating numbers, all of them finite, one for every clip, frame and unit.

    Args:
        responder: Responder that answered.
        answers: Its answers.
        clips: Number of clips that were shown.
        frames: Frames of each clip.
    """
    require_shape(responder, answers.shape, clips, frames)
    if answers.dtype.kind != "f":
        raise ValueError(f"{responder.name}: answers are {answers.dtype}, not real floating numbers. Give float32.")
    require_finite(responder, answers)


def require_shape(responder: Responder, found: Sequence[int], clips: int, frames: int) -> None:
    """Raise unless answers have one number for every clip, frame and unit.

    Args:
        responder: Responder that answered.
        found: Shape of its answers.
        clips: Number of clips that were shown.
        frames: Frames of each clip.
    """
    found, wanted = tuple(found), (clips, frames, len(responder.units))
    if found == wanted:
        return
    told = f"{responder.name}: answers of shape {found} to {clips} clips of {frames} frames, but {wanted} (clips, frames, units) is asked."
    if len(found) == 3 and found[:2] == wanted[:2]:
        raise ValueError(f"{told} Its table names {wanted[2]} units and {found[2]} answer: give the table of the units that answer.")
    if sorted(found) == sorted(wanted):
        raise ValueError(f"{told} The axes are in another order: move them.")
    raise ValueError(f"{told} One row a frame is wanted, in the order of the frames, without those before or after the clip.")


def require_finite(responder: Responder, answers: Float[np.ndarray, "clips frames units"]) -> None:
    """Raise where an answer is NaN or infinite; the message counts answers and names units."""
    finite = np.isfinite(answers)
    if finite.all():
        return
    bad = ~finite.all((0, 1))
    clip, frame, _ = np.argwhere(~finite)[0]
    raise ValueError(
        f"{responder.name}: {int((~finite).sum())} of {answers.size} answers are NaN or infinite, of {named_units(responder, bad)}; first "
        f"in clip {clip}, frame {frame}. Nothing can be measured of them: leave these units out, or find what makes them so."
    )


def constant_units(answers: Float[np.ndarray, "clips frames units"]) -> Bool[np.ndarray, " units"]:
    """Units whose answers are the same number all the time, to the rounding of 32 bits."""
    return np.asarray(np.ptp(answers, axis=(0, 1)) <= 1e-6 * np.abs(answers).max((0, 1)))


def named_units(responder: Responder, which: Bool[np.ndarray, " units"]) -> str:
    """How many units these are of how many, and the keys of the first ones."""
    keys = responder.units[UNIT_KEY].to_numpy()[which][:NAMED]
    first = ", ".join("-".join(map(str, key)) for key in keys)
    more = ", ..." if which.sum() > NAMED else ""
    return f"{int(which.sum())} of {len(which)} units (session-scan_idx-unit_id {first}{more})"
