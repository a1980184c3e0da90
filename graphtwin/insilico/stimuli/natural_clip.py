"""Natural videos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field, model_validator

from graphtwin.insilico.stimuli.parameters import Seconds
from graphtwin.insilico.stimuli.picture_files import in_contrast, read_pictures, require_pictures
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus

if TYPE_CHECKING:
    from typing import Self

    import torch


class NaturalClip(Stimulus):
    """A part of a video, in the grey levels that it has, shown at its own speed.

    Frames of another size are cut around their middle to the shape of the screen and averaged to its pixels; where the screen has another
    frame rate, every frame shows what the video shows then. The file belongs to the value.
    """

    needs_places: ClassVar[bool] = False
    kind: Literal["natural_clip"] = Field("natural_clip", repr=False, description="Name of this kind of stimulus.")
    path: str = Field(description="A .npy of grey levels [frames rows columns], or a folder of images, in the order of their names.")
    first_frame: int = Field(0, ge=0, description="Number of the first frame that is shown, from 0.")
    frames_per_second: float = Field(30.0, gt=0, description="Frames of the file a second.")
    black: float = Field(0.0, description="Grey level of the file that is shown at contrast -1.")
    white: float = Field(255.0, description="Grey level of the file that is shown at contrast 1.")
    duration_s: Seconds = 1.0

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        if self.black >= self.white:
            raise ValueError(f"natural_clip: black, {self.black:g}, must be below white, {self.white:g}")
        return self

    @property
    def moves(self) -> bool:
        """Yes."""
        return True

    def check(self, screen: Screen) -> None:
        """Raise where the file has not as many frames."""
        super().check(screen)
        require_pictures(self.path, slice(self.first_frame, self.first_frame + self._of_file(self.frames(screen), screen)[-1] + 1))

    def _of_file(self, frames: int, screen: Screen) -> list[int]:
        """The frame of the file, from the first that is shown, in every frame of the screen."""
        a_frame = self.frames_per_second / screen.frame_rate_hz
        return [math.floor(frame * a_frame + 1e-6) for frame in range(frames)]  # a rate that is no binary fraction stays in step

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several clips."""
        import torch

        found = torch.empty(len(stimuli), frames, screen.height, screen.width, device=device)
        for clip, stimulus in zip(found, stimuli, strict=True):
            shown = stimulus._of_file(frames, screen)
            pictures = read_pictures(stimulus.path, slice(stimulus.first_frame, stimulus.first_frame + shown[-1] + 1))
            fitted = in_contrast(pictures, stimulus.black, stimulus.white, screen, stimulus.path).to(device)
            torch.index_select(fitted, 0, torch.tensor(shown, device=device), out=clip)
        return found
