"""Several responders that answer for the same units: their mean, or the first of them, and each for the spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.coordinates import Monitor
from graphtwin.insilico.responders.responder import Responder, State, inputs_of, levels_of, require_differentiable
from graphtwin.insilico.stimuli import Level, as_level
from graphtwin.schema import UNIT_KEY
from graphtwin.told import told_by_fields

if TYPE_CHECKING:
    import torch


@told_by_fields
@dataclass(frozen=True)
class Ensemble:
    """Responders that agree in units, size, frame rate and screen, and answer together.

    Their mean answers, as of twins of one animal that differ in their seed; or the first, as of a circuit, whose first fit is the one that
    predicts. The others then say how far it may be off.

    Attributes:
        members: Responders that are asked.
        name: Name of the ensemble.
        first_speaks: Whether the first member answers alone, and the spread is the root mean square distance of the others from it; else
            the mean of all answers, and the spread is their standard deviation (n - 1).

    Examples:
        >>> both = graphtwin.insilico.Ensemble((responder, responder))
        >>> np.allclose(both.respond(np.full((5, 16, 24), 128.0)), responder.respond(np.full((5, 16, 24), 128.0)))
        True
    """

    members: tuple[Responder, ...]
    name: str = "ensemble"
    first_speaks: bool = False

    def __post_init__(self) -> None:
        """Refuse members that do not agree."""
        if len(self.members) < 2:
            raise ValueError(f"{self.name}: {len(self.members)} member. An ensemble is of two or more: give more responders.")
        for at, member in enumerate(self.members[1:], 2):
            differs = _differences(self.members[0], member)
            if differs:
                raise ValueError(
                    f"{self.name}: member {at} of {len(self.members)} ({member.name}) differs from the first ({self.members[0].name}) in "
                    f"{'; '.join(differs)}. Members must answer for the same units, on the same screen: leave it out."
                )

    @property
    def speakers(self) -> tuple[Responder, ...]:
        """Members whose mean answers."""
        return self.members[:1] if self.first_speaks else self.members

    @property
    def units(self) -> pd.DataFrame:
        """Units of all members."""
        return self.members[0].units

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second of all members; NaN for single pictures."""
        return self.members[0].frame_rate_hz

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the videos, pixels."""
        return self.members[0].size

    @property
    def grey(self) -> tuple[Level, Level]:
        """Means over members of the grey levels' mean and standard deviation."""
        mean, deviation = np.mean(np.array([member.grey for member in self.members]), axis=0)
        return as_level(mean), as_level(deviation)

    @property
    def monitor(self) -> Monitor:
        """Screen of all members."""
        return self.members[0].monitor

    @property
    def signed(self) -> bool:
        """Whether answers of any member may be below 0."""
        return any(member.signed for member in self.members)

    @property
    def state_names(self) -> tuple[str, ...]:
        """Channels of behaviour that all members know."""
        return tuple(name for name in self.members[0].state_names if all(name in member.state_names for member in self.members))

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the pixels of all members go into, where they are no places."""
        return inputs_of(self.members[0])

    @property
    def levels(self) -> tuple[Level, Level]:
        """Lowest and highest level that every member is used to."""
        lows, highs = zip(*(levels_of(member) for member in self.members), strict=True)
        return as_level(np.max(lows, axis=0)), as_level(np.min(highs, axis=0))

    @property
    def device(self) -> torch.device:
        """Device of the first member, to which the others' gradients come."""
        device: torch.device = self.members[0].device  # type: ignore[attr-defined]
        return device

    def respond(
        self, video: Float[np.ndarray, "frames height width"], progress: bool = False, state: State | None = None
    ) -> Float[np.ndarray, "frames units"]:
        """Mean over those that speak; see `Responder.respond`."""
        return np.asarray(np.mean([member.respond(video, progress, state) for member in self.speakers], axis=0))

    def respond_clips(
        self, clips: Float[np.ndarray, "clips frames height width"], state: State | None = None
    ) -> Float[np.ndarray, "clips frames units"]:
        """Mean over those that speak; see `Responder.respond_clips`."""
        return np.asarray(np.mean([member.respond_clips(clips, state) for member in self.speakers], axis=0))

    def respond_each(
        self, clips: Float[np.ndarray, "clips frames height width"], state: State | None = None
    ) -> Float[np.ndarray, "members clips frames units"]:
        """What each member answers to equally long clips, in their order."""
        return np.stack([member.respond_clips(clips, state) for member in self.members])

    def spread(self, each: Float[np.ndarray, " members *shape"]) -> Float[np.ndarray, "*shape"]:
        """How far numbers may be off by what its members say of them, in their unit; see `first_speaks`.

        Args:
            each: What each member says.
        """
        if self.first_speaks:
            return np.asarray(np.sqrt(np.square(each[1:] - each[0]).mean(0)))
        return np.asarray(each.std(0, ddof=1))

    def drive(
        self, clips: Float[torch.Tensor, "clips frames height width"], state: State | None = None
    ) -> Float[torch.Tensor, "clips frames units"]:
        """Mean over those that speak; see `DifferentiableResponder.drive`."""
        members = [require_differentiable(member) for member in self.speakers]
        total = members[0].drive(clips, state)
        for member in members[1:]:
            total = total + member.drive(clips.to(member.device), state).to(total.device)
        return total / len(members)


def _differences(one: Responder, other: Responder) -> list[str]:
    """In what a responder differs from another, in words."""
    told = []
    if not np.array_equal(one.units[UNIT_KEY].to_numpy(), other.units[UNIT_KEY].to_numpy()):
        shared = len(one.units[UNIT_KEY].merge(other.units[UNIT_KEY]))
        order = ", in another order" if shared == len(one.units) == len(other.units) else ""
        told.append(f"units ({len(other.units)}, of which {shared} are among the {len(one.units)} of the first{order})")
    if tuple(one.size) != tuple(other.size):
        told.append("size ({} x {} pixels, not {} x {})".format(*other.size, *one.size))
    if not np.isclose(one.frame_rate_hz, other.frame_rate_hz, rtol=1e-3, equal_nan=True):
        told.append(f"frame rate ({other.frame_rate_hz:g} Hz, not {one.frame_rate_hz:g})")
    if inputs_of(one) != inputs_of(other):
        told.append(f"inputs ({len(inputs_of(other))}, not the {len(inputs_of(one))} of the first, or in another order)")
    if one.monitor != other.monitor:
        told.append(f"screen ({other.monitor}, not {one.monitor})")
    return told
