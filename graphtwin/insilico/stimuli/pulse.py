"""A constant input into some inputs of a circuit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field, model_validator

from graphtwin.config import nearest_of
from graphtwin.insilico.stimuli.parameters import Seconds
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus

if TYPE_CHECKING:
    from typing import Self

    import torch


class Pulse(Stimulus):
    """A constant input into some inputs together, nothing into the others: of a responder whose pixels are inputs without places."""

    kind: Literal["pulse"] = Field("pulse", repr=False, description="Name of this kind of stimulus.")
    needs_places: ClassVar[bool] = False
    inputs: tuple[str, ...] = Field(min_length=1, description="Names of the inputs, such as sensory neurons of a circuit.")
    contrast: float = Field(
        1.0, ge=-1, le=1, description="Strength and sign, as a fraction of what contrast 1 is of the screen; 0 puts nothing in."
    )
    duration_s: Seconds = 1.0

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len(set(self.inputs)) < len(self.inputs):
            raise ValueError(f"pulse: {len(self.inputs) - len(set(self.inputs))} of {len(self.inputs)} inputs are named twice")
        return self

    @property
    def moves(self) -> bool:
        """No."""
        return False

    def check(self, screen: Screen) -> None:
        """Raise where the screen has no inputs, or lacks one of these."""
        super().check(screen)
        if not screen.inputs:
            raise ValueError("pulse: goes into inputs by name, and the pixels of this screen are places. Give a picture, such as `gabor`.")
        unknown = [name for name in self.inputs if name not in screen.inputs]
        if unknown:
            raise ValueError(
                f"pulse: {len(unknown)} of {len(self.inputs)} inputs are not among the {len(screen.inputs)} of the circuit, first "
                f"{unknown[0]!r}{nearest_of(unknown[0], screen.inputs)}. Write the names as the circuit has them."
            )

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several pulses."""
        import torch

        found = torch.zeros(len(stimuli), frames, screen.height * screen.width, device=device)
        for clip, stimulus in zip(found, stimuli, strict=True):
            clip[:, [screen.inputs.index(name) for name in stimulus.inputs]] = stimulus.contrast
        return found.reshape(len(stimuli), frames, screen.height, screen.width)
