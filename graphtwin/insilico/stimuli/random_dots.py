"""Random dots, some of which move together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for
from graphtwin.insilico.stimuli.parameters import Contrast, Degrees, Direction, Seconds, Seed
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus

if TYPE_CHECKING:
    from typing import Self

    import torch


SHADES = 1024  # steps of how much of a pixel a dot covers: sums of these are exact, in whatever order dots are added


class RandomDots(Stimulus):
    """Black and white dots on grey, of which a part moves together and every other one its own way, all at one speed.

    A dot lives for a fixed time and comes back elsewhere; ages are spread so that as many do in every frame. Dots that leave the screen
    come in again on the other side. Where dots overlap, contrasts add up to no more than that of one.
    """

    kind: Literal["random_dots"] = Field("random_dots", repr=False, description="Name of this kind of stimulus.")
    direction_deg: Direction = 0.0
    degrees_per_second: float = Field(40.0, ge=0, description="Speed of all dots, degrees per second.")
    coherence: float = Field(0.5, ge=0, le=1, description="Part of the dots that moves in the direction, rounded to whole dots.")
    lifetime_s: float = Field(0.5, gt=0, description="Time from where a dot appears to where it vanishes, seconds, in whole frames.")
    dots: int = Field(80, ge=1, description="Number of dots on the screen.")
    diameter_deg: Degrees = Field(8.0, description="Diameter of a dot, degrees.")
    contrast: Contrast = 1.0
    seed: Seed = 0
    duration_s: Seconds = 2.0

    @property
    def moves(self) -> bool:
        """Yes."""
        return True

    def check(self, screen: Screen) -> None:
        """Raise where dots would step over more than half of the screen, or live for less than a frame."""
        super().check(screen)
        if 2 * self.degrees_per_second / screen.frame_rate_hz >= min(screen.extent_deg):
            raise ValueError(
                f"random_dots: {self.degrees_per_second:g} degrees per second are half of the screen or more in a frame. "
                "Give a slower motion."
            )
        if frames_of(self.lifetime_s, screen.frame_rate_hz) < 1:
            raise ValueError(f"random_dots: a lifetime of {self.lifetime_s:g} s is less than half a frame. Give a longer one.")

    def places(self, screen: Screen, frames: int, device: str | torch.device = "cpu") -> Float[torch.Tensor, "2 frames dots"]:
        """Degrees right of and above the middle of the screen of every dot; the first ones are those that move together.

        Args:
            screen: Screen that they are drawn on.
            frames: Number of frames.
            device: Device on which they are reckoned, in double precision.
        """
        import torch

        life, (height, width), rng = frames_of(self.lifetime_s, screen.frame_rate_hz), screen.extent_deg, rng_for(self.seed, "random dots")
        first_age = rng.permutation(self.dots) * life // self.dots
        drawn = rng.random((frames // life + 2, self.dots, 3))
        torus = np.array([width, height])[:, None, None] + self.diameter_deg  # a dot has left before it comes in again
        together = np.arange(self.dots) < round(self.coherence * self.dots)
        heading = np.where(together, math.radians(self.direction_deg), 2 * np.pi * drawn[..., 2])
        step = (self.degrees_per_second / screen.frame_rate_hz) * np.stack([np.cos(heading), np.sin(heading)])
        life_of_age = torch.arange(frames, device=device)[:, None] + torch.as_tensor(first_age, device=device)
        lives, age = life_of_age // life, life_of_age % life
        of_life = (lives * self.dots + torch.arange(self.dots, device=device)).flatten()
        born, a_frame = (
            torch.as_tensor(part, device=device).flatten(1).index_select(1, of_life).view(2, frames, self.dots)
            for part in (drawn[..., :2].transpose(2, 0, 1) * torus, step)
        )
        place = born.add_(a_frame.mul_(age))
        around = torch.as_tensor(torus, device=device)
        return place.sub_((place / around).floor_().add_(0.5).mul_(around))

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several clouds of dots."""
        import torch

        found = torch.zeros(len(stimuli), frames, screen.height, screen.width, device=device)
        for clip, stimulus in zip(found, stimuli, strict=True):
            where, covered = _covered(stimulus.places(screen, frames, device), stimulus.diameter_deg, screen)
            covered[..., 1::2].neg_()  # every other dot is black
            clip.view(-1).scatter_add_(0, where.flatten(), covered.flatten())
            clip.clamp_(-SHADES, SHADES).mul_(stimulus.contrast / SHADES)
        return found


def _covered(places: Float[torch.Tensor, "2 frames dots"], diameter: float, screen: Screen) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels around every dot as places in the flat movie, and how much of each is covered, 0 to SHADES; 0 of those beyond the screen."""
    import torch

    (down, across), a_pixel, device = screen.degrees_a_pixel, math.sqrt(math.prod(screen.degrees_a_pixel)), places.device
    right, up = places.float()
    column, row = right / across + (screen.width - 1) / 2, (screen.height - 1) / 2 - up / down

    def around(place: torch.Tensor, degrees: float, pixels: int) -> tuple[torch.Tensor, torch.Tensor]:
        reach = (diameter / 2 + a_pixel / 2) / degrees  # pixels that the soft edge ends at
        near = (place - reach).ceil() + torch.arange(math.ceil(2 * reach), device=device)[:, None, None]
        apart = ((near - place) * (SHADES * degrees / a_pixel)) ** 2
        return near.clamp(0, pixels - 1).long(), apart.masked_fill_((near < 0) | (near >= pixels), math.inf)

    (rows, off_rows), (columns, off_columns) = around(row, down, screen.height), around(column, across, screen.width)
    distance = (off_rows[:, None] + off_columns).sqrt_()
    covered = distance.neg_().add_(SHADES * (diameter / 2 / a_pixel + 0.5)).clamp_(0, SHADES).round_()
    first = torch.arange(places.shape[1], device=device)[:, None] * screen.height
    return ((first + rows) * screen.width)[:, None] + columns, covered
