"""Natural images that stand still."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field, model_validator

from graphtwin.artifacts import ARRAYS, require_new, write_atomic
from graphtwin.insilico.stimuli.parameters import Seconds
from graphtwin.insilico.stimuli.picture_files import in_contrast, read_pictures, require_pictures
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus

if TYPE_CHECKING:
    from typing import Self

    import torch


class NaturalImage(Stimulus):
    """One picture of a file of many, or of a folder of images, in the grey levels that it has.

    A picture of another size is cut around its middle to the shape of the screen and averaged to its pixels. The file belongs to the value:
    equal parameters give equal frames as long as it stays as it is.
    """

    needs_places: ClassVar[bool] = False
    kind: Literal["natural_image"] = Field("natural_image", repr=False, description="Name of this kind of stimulus.")
    path: str = Field(description="A .npy of grey levels [pictures rows columns], or a folder of images, in the order of their names.")
    number: int = Field(0, ge=0, description="Number of the picture, from 0.")
    black: float = Field(0.0, description="Grey level of the file that is shown at contrast -1.")
    white: float = Field(255.0, description="Grey level of the file that is shown at contrast 1.")
    duration_s: Seconds = 0.5

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        if self.black >= self.white:
            raise ValueError(f"natural_image: black, {self.black:g}, must be below white, {self.white:g}")
        return self

    @property
    def moves(self) -> bool:
        """No."""
        return False

    def check(self, screen: Screen) -> None:
        """Raise where the file has no picture of this number."""
        super().check(screen)
        require_pictures(self.path, [self.number])

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several pictures; those of one file are read together."""
        import torch

        found = torch.empty(len(stimuli), frames, screen.height, screen.width, device=device)
        alike: dict[tuple[str, float, float], list[int]] = {}
        for at, stimulus in enumerate(stimuli):
            alike.setdefault((stimulus.path, stimulus.black, stimulus.white), []).append(at)
        for (path, black, white), places in alike.items():
            pictures = read_pictures(path, [stimuli[at].number for at in places])
            found[places] = in_contrast(pictures, black, white, screen, path).to(device)[:, None]
        return found


def natural_images(pictures: Float[np.ndarray, "pictures rows columns"], path: str | Path, **parameters: float) -> list[NaturalImage]:
    """Stimuli of an array of pictures, which is written to a file first: a stimulus is a value that can be saved, and that travels.

    Args:
        pictures: Grey levels.
        path: A .npy that is not there yet.
        parameters: Other parameters of all of them, such as `white`.
    """
    require_new(Path(path), ARRAYS)
    write_atomic(path, lambda temporary: np.save(temporary, pictures))
    return [NaturalImage(path=str(path), number=number, **parameters) for number in range(len(pictures))]
