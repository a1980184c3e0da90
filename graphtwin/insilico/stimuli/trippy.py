"""Smooth phase-modulated noise (Trippy)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from graphtwin.execute import rng_for
from graphtwin.insilico.stimuli.parameters import Contrast, CyclesPerDegree, CyclesPerSecond, Degrees, Seconds, Seed
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus

if TYPE_CHECKING:
    from typing import Self

    import torch


RARE_SD = 3.0  # local frequencies are Gaussian: one of 370 is farther out than so many standard deviations


class Trippy(Stimulus):
    """The cosine of a smooth random phase: everywhere a grating, of an orientation, frequency and drift that change in space and time.

    The phase is Gaussian with covariance s^2 exp(-d^2 / (2 l^2) - t^2 / (2 c^2)). Its gradients, which are the local frequencies, then have
    root mean squares of s sqrt(2) / (2 pi l) cycles per degree and s / (2 pi c) cycles per second (Adler 1981, The Geometry of Random
    Fields): l, both frequencies and therefore s and c are what is asked for. All orientations are equally frequent. As in the stimuli of
    the MICrONS recordings: doi:10.1038/s41586-025-08790-w.
    """

    kind: Literal["trippy"] = Field("trippy", repr=False, description="Name of this kind of stimulus.")
    cycles_per_degree: CyclesPerDegree = Field(0.03, description="Root mean square of the local spatial frequency, cycles per degree.")
    cycles_per_second: CyclesPerSecond = Field(1.0, description="Root mean square of the local drift, cycles per second; 0 stands still.")
    patch_deg: Degrees = Field(30.0, description="Length over which the phase is correlated, l, degrees.")
    contrast: Contrast = 1.0
    seed: Seed = 0
    duration_s: Seconds = 15.0

    @property
    def moves(self) -> bool:
        """Whether the phase changes in time."""
        return self.cycles_per_second > 0

    @property
    def phase_sd(self) -> float:
        """Standard deviation of the phase, radians."""
        return math.sqrt(2) * math.pi * self.patch_deg * self.cycles_per_degree

    def check(self, screen: Screen) -> None:
        """Raise where pixels are too coarse or frames too rare for its local frequencies."""
        super().check(screen)
        rare = RARE_SD * self.cycles_per_degree / math.sqrt(2) * max(screen.degrees_a_pixel)
        if rare > 0.5:
            raise ValueError(
                f"trippy: of {self.cycles_per_degree:g} cycles per degree, one local frequency of 370 is above {rare:.2f} cycles a pixel; "
                f"above half a cycle another would be seen. Give at most {self.cycles_per_degree * 0.5 / rare:.3g}."
            )
        if screen.shows_movies and 2 * RARE_SD * self.cycles_per_second >= screen.frame_rate_hz:
            raise ValueError(
                f"trippy: of {self.cycles_per_second:g} cycles per second, one local drift of 370 is above "
                f"{RARE_SD * self.cycles_per_second:g}, not below half of the {screen.frame_rate_hz:.3g} frames a second. Slow it."
            )

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several noises."""
        import torch

        phases = torch.stack([stimulus.phase(screen, frames, device) for stimulus in stimuli])
        contrast = phases.new_tensor([stimulus.contrast for stimulus in stimuli])
        return phases.cos_().mul_(contrast[:, None, None, None])

    def phase(self, screen: Screen, frames: int, device: str | torch.device = "cpu") -> Float[torch.Tensor, "frames height width"]:
        """The phase, radians, in single precision.

        Args:
            screen: Screen that it is drawn on.
            frames: Number of frames.
            device: Device on which it is drawn.
        """
        import torch

        (height, width), (down, across) = screen.extent_deg, screen.degrees_a_pixel
        rows, columns = (smoothing(extent, step, self.patch_deg) for extent, step in ((height, down), (width, across)))
        times = np.ones((frames, 1))
        if self.moves:
            slowness = self.phase_sd / (2 * math.pi * self.cycles_per_second)  # seconds over which the phase is correlated
            times = smoothing(frames / screen.frame_rate_hz, 1 / screen.frame_rate_hz, slowness)
        rng = rng_for(self.seed, "trippy")
        start = rng.uniform(0, 2 * math.pi)  # without it grey would be brighter than the middle on average
        noise = self.phase_sd * rng.standard_normal((times.shape[1], rows.shape[1], columns.shape[1]))
        knots, up, right, late = (torch.as_tensor(part, dtype=torch.float32, device=device) for part in (noise, rows, columns, times))
        in_time = (late @ knots.flatten(1)).view(frames, *knots.shape[1:])
        return (up @ in_time @ right.T).add_(start)


def smoothing(extent: float, step: float, length: float) -> Float[np.ndarray, "places knots"]:
    """A matrix that makes a smooth Gaussian process of variance 1 and correlation exp(-d^2 / (2 length^2)) out of white noise.

    Args:
        extent: Length that the process is wanted over.
        step: Distance between its places; the first is at 0.
        length: Length of its correlation, in the same unit.
    """
    places, between = np.arange(round(extent / step)) * step, length / 2
    knots = np.arange(-2 * length, extent + 2 * length + between, between)
    kernel = np.exp(-(((places[:, None] - knots) / length) ** 2))
    return kernel * math.sqrt(between / (length * math.sqrt(math.pi / 2)))
