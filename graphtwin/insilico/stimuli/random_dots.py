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

    kind: Literal["random_dots"] = Field("random_dots", repr=False)
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

    def places(self, screen: Screen, frames: int) -> Float[np.ndarray, "frames dots 2"]:
        """Degrees right of and above the middle of the screen of every dot; the first ones are those that move together.

        Args:
            screen: Screen that they are drawn on.
            frames: Number of frames.
        """
        life, (height, width) = frames_of(self.lifetime_s, screen.frame_rate_hz), screen.extent_deg
        torus = np.array([width, height]) + self.diameter_deg  # a dot has left before it comes in again
        first_age = rng_for(self.seed, "random dots", "ages").permutation(self.dots) * life // self.dots
        age = np.arange(frames)[:, None] + first_age
        lives, dot = age // life, np.arange(self.dots)
        drawn = rng_for(self.seed, "random dots", "lives").random((frames // life + 2, self.dots, 3))[lives, dot]
        together = dot < round(self.coherence * self.dots)
        heading = np.where(together, np.radians(self.direction_deg), 2 * np.pi * drawn[..., 2])
        travelled = (self.degrees_per_second / screen.frame_rate_hz) * (age % life)
        step = travelled[..., None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
        return (drawn[..., :2] * torus + step) % torus - torus / 2

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several clouds of dots."""
        import torch

        found = torch.zeros(len(stimuli), frames, screen.height, screen.width, device=device)
        for clip, stimulus in zip(found, stimuli, strict=True):
            where, covered = _covered(stimulus.places(screen, frames), stimulus.diameter_deg, screen, device)
            sign = torch.where(torch.arange(stimulus.dots, device=device) % 2 == 0, 1.0, -1.0)[None, :, None, None]
            clip.view(-1).index_add_(0, where.flatten(), (sign * covered).flatten())
            clip.clamp_(-1, 1).mul_(stimulus.contrast)
        return found


def _covered(
    places: Float[np.ndarray, "frames dots 2"], diameter: float, screen: Screen, device: str | torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels around every dot as places in the flat movie, and how much of each is covered, 0 for those beyond the screen."""
    import torch

    (down, across), a_pixel = screen.degrees_a_pixel, math.sqrt(math.prod(screen.degrees_a_pixel))
    middle = torch.as_tensor(places, dtype=torch.float32, device=device)
    column, row = middle[..., 0] / across + (screen.width - 1) / 2, (screen.height - 1) / 2 - middle[..., 1] / down

    def around(place: torch.Tensor, degrees: float) -> tuple[torch.Tensor, torch.Tensor]:
        reach = math.ceil((diameter / 2 + a_pixel / 2) / degrees)
        near = place.round()[..., None] + torch.arange(-reach, reach + 1, device=device)
        return near.long(), ((near - place[..., None]) * degrees) ** 2

    (rows, off_rows), (columns, off_columns) = around(row, down), around(column, across)
    distance = (off_rows[..., :, None] + off_columns[..., None, :]).sqrt_()
    covered = ((diameter / 2 - distance) / a_pixel + 0.5).clamp_(0, 1).mul_(SHADES).round_().div_(SHADES)
    on_rows, on_columns = (rows >= 0) & (rows < screen.height), (columns >= 0) & (columns < screen.width)
    covered *= on_rows[..., :, None] & on_columns[..., None, :]
    first = torch.arange(len(places), device=device)[:, None, None] * screen.height
    where = (first + rows.clamp(0, screen.height - 1))[..., :, None] * screen.width + columns.clamp(0, screen.width - 1)[..., None, :]
    return where, covered
