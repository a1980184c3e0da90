"""Whatever answers a video: the units of a twin's animal, a simulated cortex, or a model of somebody else's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Float
from tqdm import tqdm

from graphtwin.coordinates import Monitor
from graphtwin.insilico.signal_correlation import binned


@runtime_checkable
class Responder(Protocol):
    """What an in silico experiment asks of the one it is made on.

    Attributes:
        name: Name of the animal, or of whatever answers.
        units: Units that answer, one row each with its key, in the order of the answers.
        frame_rate_hz: Frames a second of the videos; NaN for a responder that knows single pictures only.
        size: Height and width of the videos, pixels.
        grey: Mean and standard deviation of the grey levels that the responder is used to.
        monitor: Screen on which the videos are seen.
        signed: Whether answers may be below 0, so that their zero is no silence.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def units(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def frame_rate_hz(self) -> float: ...  # noqa: D102
    @property
    def size(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def grey(self) -> tuple[float, float]: ...  # noqa: D102
    @property
    def monitor(self) -> Monitor: ...  # noqa: D102
    @property
    def signed(self) -> bool: ...  # noqa: D102

    def respond(self, video: Float[np.ndarray, "frames height width"], progress: bool = False) -> Float[np.ndarray, "frames units"]:
        """Expected responses to a video of any length, a row a frame."""


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
