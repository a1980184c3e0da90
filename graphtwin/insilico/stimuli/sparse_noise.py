"""Sparse noise: few black and white squares at random places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for
from graphtwin.insilico.stimuli.parameters import Contrast, Degrees, Seconds, Seed
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus

if TYPE_CHECKING:
    from typing import Self

    import torch


class SparseNoise(Stimulus):
    """Black and white squares on grey, at random places of a grid, others in every picture.

    Squares are whole pixels, as near to the side asked for as these allow; what the grid leaves of the screen at its edges stays grey.
    """

    kind: Literal["sparse_noise"] = Field("sparse_noise", repr=False, description="Name of this kind of stimulus.")
    side_deg: Degrees = Field(6.5, description="Side of the squares, degrees, rounded to whole pixels.")
    squares: int = Field(8, ge=1, description="Number of squares in every picture, black or white with equal chance.")
    picture_s: float = Field(0.2, gt=0, description="Length of every picture, seconds.")
    contrast: Contrast = 1.0
    seed: Seed = 0
    duration_s: Seconds = 10.0

    @property
    def moves(self) -> bool:
        """Whether there are several pictures."""
        return self.picture_s < self.duration_s

    def side(self, screen: Screen) -> tuple[int, int]:
        """Rows and columns of a square, pixels."""
        down, across = (max(1, round(self.side_deg / a_pixel)) for a_pixel in screen.degrees_a_pixel)
        return down, across

    def grid(self, screen: Screen) -> tuple[int, int]:
        """Rows and columns of the grid of squares."""
        rows, columns = self.side(screen)
        return screen.height // rows, screen.width // columns

    def check(self, screen: Screen) -> None:
        """Raise where the grid has fewer places than squares, or pictures are shorter than a frame."""
        super().check(screen)
        rows, columns = self.grid(screen)
        if self.squares > rows * columns:
            raise ValueError(
                f"sparse_noise: {self.squares} squares a picture, and the screen has {rows} x {columns} places of {self.side_deg:g} "
                "degrees. Give fewer or smaller squares."
            )
        if self.moves and frames_of(self.picture_s, screen.frame_rate_hz) < 1:
            raise ValueError(f"sparse_noise: pictures of {self.picture_s:g} s are less than half a frame. Give longer ones.")

    def pictures(self, screen: Screen, number: int) -> Float[np.ndarray, "pictures height width"]:
        """Contrast of its first pictures.

        Args:
            screen: Screen that they are drawn on.
            number: How many.
        """
        (rows, columns), (down, across) = self.grid(screen), self.side(screen)
        chance = rng_for(self.seed, "sparse noise", "places").random((number, rows * columns))
        chosen = np.argpartition(chance, self.squares - 1, axis=1)[:, : self.squares]
        sign = 2 * rng_for(self.seed, "sparse noise", "signs").integers(0, 2, (number, self.squares)) - 1
        cells = np.zeros((number, rows * columns), dtype=np.float32)
        np.put_along_axis(cells, np.sort(chosen, axis=1), (self.contrast * sign).astype(np.float32), axis=1)
        drawn = np.zeros((number, screen.height, screen.width), dtype=np.float32)
        top, left = (screen.height - rows * down) // 2, (screen.width - columns * across) // 2
        inner = drawn[:, top : top + rows * down, left : left + columns * across]
        inner[:] = cells.reshape(number, rows, columns).repeat(down, axis=1).repeat(across, axis=2)
        return drawn

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several noises."""
        import torch

        found = torch.empty(len(stimuli), frames, screen.height, screen.width, device=device)
        for clip, stimulus in zip(found, stimuli, strict=True):
            each = frames_of(stimulus.picture_s, screen.frame_rate_hz) if stimulus.moves else frames
            pictures = torch.as_tensor(stimulus.pictures(screen, math.ceil(frames / each)), device=device)
            torch.index_select(pictures, 0, torch.arange(frames, device=device) // each, out=clip)
        return found
