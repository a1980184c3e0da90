"""Whatever answers a stimulus: the units of a twin's animal, a simulated cortex, an ensemble, or a model of somebody else's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.config import nearest_of
from graphtwin.coordinates import MINNIE65_MONITOR, Monitor
from graphtwin.insilico.stimuli import Level, as_level
from graphtwin.told import told_by_fields

if TYPE_CHECKING:
    import torch

LEVELS = (0.0, 255.0)  # grey levels of a screen
NAMED = 4  # inputs that an error names
# Channels of behaviour in recorded units, each one number or one a frame; channels that are not named rest, at their mean of training.
State = Mapping[str, float | np.ndarray]


@runtime_checkable
class Responder(Protocol):
    """What an in silico experiment asks of the one it is made on.

    Attributes:
        name: Name of the animal, or of whatever answers.
        units: Units that answer, one row each with its key, in the order of the answers; x_um, y_um, z_um too, where known.
        frame_rate_hz: Frames a second of the videos; NaN for a responder that knows single pictures only.
        size: Height and width of the videos, pixels.
        grey: Mean and standard deviation of the grey levels that the responder is used to; of inputs without places it may be one each.
        monitor: Screen on which the videos are seen.
        signed: Whether answers may be below 0, so that their zero is no silence.
        state_names: Channels of behaviour that a `State` may name; empty for a responder without any.

    Examples:
        >>> isinstance(responder, graphtwin.insilico.Responder)
        True
        >>> responder.respond_clips(np.full((2, 5, 16, 24), 128.0)).shape  # clips x frames x units
        (2, 5, 3)
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
    def grey(self) -> tuple[Level, Level]: ...  # noqa: D102
    @property
    def monitor(self) -> Monitor: ...  # noqa: D102
    @property
    def signed(self) -> bool: ...  # noqa: D102
    @property
    def state_names(self) -> tuple[str, ...]: ...  # noqa: D102

    def respond(
        self, video: Float[np.ndarray, "frames height width"], progress: bool = False, state: State | None = None
    ) -> Float[np.ndarray, "frames units"]:
        """Expected responses to a video of any length, a row a frame; of single pictures each is answered without a past."""

    def respond_clips(
        self, clips: Float[np.ndarray, "clips frames height width"], state: State | None = None
    ) -> Float[np.ndarray, "clips frames units"]:
        """Expected responses to equally long clips in one go, each as if nothing had been shown before; all in the same state."""


@runtime_checkable
class DifferentiableResponder(Responder, Protocol):
    """A responder whose answers have gradients with respect to the stimulus.

    Attributes:
        device: Device on which it computes.

    Examples:
        >>> isinstance(responder, graphtwin.insilico.DifferentiableResponder)
        True
    """

    @property
    def device(self) -> torch.device: ...  # noqa: D102

    def drive(
        self, clips: Float[torch.Tensor, "clips frames height width"], state: State | None = None
    ) -> Float[torch.Tensor, "clips frames units"]:
        """The answers of `respond_clips`, as a tensor that is differentiable in the grey levels of the clips."""


@told_by_fields
@dataclass(frozen=True, kw_only=True, eq=False)
class Described:
    """What a responder states of itself, for adapters to hold; see `Responder`.

    Examples:
        >>> graphtwin.insilico.described(responder).size
        (16, 24)
    """

    name: str
    units: pd.DataFrame = field(repr=False)
    frame_rate_hz: float
    size: tuple[int, int]
    grey: tuple[Level, Level]
    monitor: Monitor = MINNIE65_MONITOR
    signed: bool = False
    state_names: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    levels: tuple[Level, Level] = LEVELS


def described(responder: Responder) -> Described:
    """What a responder states of itself, without the responder.

    Examples:
        >>> graphtwin.insilico.described(responder).name
        'three Gabors'
    """
    known = {name: getattr(responder, name) for name in Described.__dataclass_fields__ if name not in ("inputs", "levels")}
    return Described(**known, inputs=inputs_of(responder), levels=levels_of(responder))


def inputs_of(responder: Responder) -> tuple[str, ...]:
    """Names of what the pixels go into, row by row, where they are no places on a screen; empty where they are.

    A circuit whose senses have no places sees no pictures: a frame is a row of numbers, one for each of its inputs. Such a responder has
    an attribute `inputs`.

    Examples:
        >>> graphtwin.insilico.inputs_of(responder)  # it sees pictures
        ()
        >>> graphtwin.insilico.inputs_of(wired)
        ('a', 'b', 'c')
    """
    return tuple(getattr(responder, "inputs", ()))


def levels_of(responder: Responder) -> tuple[Level, Level]:
    """The lowest and the highest level that a stimulus may have: those of its attribute `levels`, else 0 and 255, of grey levels.

    Of inputs without places they may be one each.
    """
    low, high = getattr(responder, "levels", LEVELS)
    return as_level(low), as_level(high)


def require_pictures_seen(responder: Responder, what: str) -> None:
    """Raise where the pixels of a responder are no places on a screen, and so what is asked for has no meaning.

    Args:
        responder: Responder that is asked.
        what: What is asked for, as "directions of motion".

    Examples:
        >>> graphtwin.insilico.require_pictures_seen(responder, "directions of motion")  # says nothing: it sees pictures
    """
    inputs = inputs_of(responder)
    if inputs:
        raise ValueError(
            f"{responder.name}: has no {what}: it sees no pictures, but takes numbers into {len(inputs)} inputs without places "
            f"({', '.join(inputs[:NAMED])}{', ...' if len(inputs) > NAMED else ''}). Ask for latency, contrast, adaptation or fields, show "
            "pulses (kind `pulse`), or say where in the visual field each input lies."
        )


def state_channels(responder: Responder, state: State | None, frames: int) -> Float[np.ndarray, "frames channels"]:
    """A state as one number a frame of every channel that the responder knows, in its order; NaN where a channel rests.

    Args:
        responder: Responder whose channels are named.
        state: State asked for; None rests.
        frames: Length of the clips.

    Raises:
        ValueError: For a channel that the responder has not, for numbers that are not finite, and for traces of another length.

    Examples:
        >>> from graphtwin.twin.fitting import AnimalResponder
        >>> animal = AnimalResponder(twin, "recording")
        >>> graphtwin.insilico.state_channels(animal, {"running": 10.0}, frames=2)
        array([[nan, 10.],
               [nan, 10.]])
    """
    known = responder.state_names
    found = np.full((frames, len(known)), np.nan)
    for channel, value in (state or {}).items():
        if channel not in known:
            raise ValueError(
                f"{responder.name}: state names {channel!r}{nearest_of(channel, known)}; the responder knows "
                f"{', '.join(known) or 'no channel of behaviour'}. Leave it out, or name one of these."
            )
        trace = np.asarray(value, dtype=np.float64)
        if trace.shape not in ((), (frames,)):
            raise ValueError(
                f"{responder.name}: state {channel!r} has shape {trace.shape}, but the clips have {frames} frames. Give one number, "
                "or one a frame."
            )
        if not np.isfinite(trace).all():
            unknown = int((~np.isfinite(trace)).sum())
            raise ValueError(
                f"{responder.name}: {unknown} of {trace.size} numbers of state {channel!r} are not finite. Leave it out: it rests."
            )
        found[:, known.index(channel)] = trace
    return found


def differentiable(responder: Responder) -> bool:
    """Whether a responder has gradients; one that asks others, its `members`, has them where all of these do.

    Examples:
        >>> graphtwin.insilico.differentiable(responder)
        True
    """
    return isinstance(responder, DifferentiableResponder) and all(differentiable(member) for member in getattr(responder, "members", ()))


def require_differentiable(responder: Responder) -> DifferentiableResponder:
    """The responder, when it has gradients; an error in words otherwise.

    Examples:
        >>> graphtwin.insilico.require_differentiable(responder) is responder
        True
    """
    if not differentiable(responder):
        lacking = [member.name for member in getattr(responder, "members", ()) if not differentiable(member)] or [responder.name]
        raise TypeError(
            f"{responder.name}: {', '.join(lacking)} answers without gradients, which are needed here. Give a twin or a TorchResponder, "
            "or choose a method that needs none."
        )
    assert isinstance(responder, DifferentiableResponder)
    return responder
