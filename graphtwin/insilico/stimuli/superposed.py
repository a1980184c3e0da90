"""Stimuli on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field, model_validator

from graphtwin.insilico.stimuli.rendering import rendered
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Part, Stimulus

if TYPE_CHECKING:
    from typing import Self

    import torch


ROUNDING = 1e-5  # contrast above 1 that is rounding of sums


class Superposed(Stimulus):
    """The sum of stimuli that last equally long; nothing is cut off where it is too bright or too dark, it is refused."""

    needs_places: ClassVar[bool] = False
    kind: Literal["superposed"] = Field("superposed", repr=False, description="Name of this kind of stimulus.")
    parts: tuple[Part, ...] = Field(min_length=2, description="Stimuli whose contrasts are added.")

    @model_validator(mode="after")
    def _equally_long(self) -> Self:
        lengths = sorted({part.duration_s for part in self.parts})
        if len(lengths) > 1:
            raise ValueError(f"superposed: parts last {', '.join(f'{length:g}' for length in lengths)} s, and all must last equally long")
        return self

    @property
    def duration_s(self) -> float:
        """Duration of every part, seconds."""
        return self.parts[0].duration_s

    @property
    def moves(self) -> bool:
        """Whether a part moves."""
        return any(part.moves for part in self.parts)

    def check(self, screen: Screen) -> None:
        """Raise where the screen cannot show one of the parts."""
        super().check(screen)
        for part in self.parts:
            part.check(screen)

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several sums; one above 1 is refused."""
        import torch

        shown = iter(rendered([part for stimulus in stimuli for part in stimulus.parts], screen, device))
        sums = torch.stack([reduce(torch.Tensor.add_, [next(shown) for _ in stimulus.parts]) for stimulus in stimuli])
        if max(-float(sums.min()), float(sums.max())) > 1 + ROUNDING:
            beyond = sums.abs() > 1 + ROUNDING
            raise ValueError(
                f"superposed: contrast reaches {float(sums.abs().max()):.3g} in {int(beyond.sum())} of {beyond.numel()} pixels of "
                f"{len(stimuli)} stimuli, and the screen ends at 1. Give the parts less contrast."
            )
        return sums
