"""Sine gratings as two pictures and two courses of time: cos(space - time) = cos(space) cos(time) + sin(space) sin(time)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class PlaneWave:
    """One sine that drifts.

    Attributes:
        direction_deg: Direction of the drift, degrees: 0 rightwards, 90 upwards.
        cycles_per_degree: Spatial frequency, cycles per degree.
        cycles_per_second: Temporal frequency, cycles per second.
        phase_deg: Phase in the first frame at the centre, degrees; 0 is brightest there.
        contrast: Amplitude.
        x_deg: Place of the centre, degrees right of the middle of the screen.
        y_deg: Place of the centre, degrees above the middle of the screen.
    """

    direction_deg: float
    cycles_per_degree: float
    cycles_per_second: float
    phase_deg: float
    contrast: float
    x_deg: float = 0.0
    y_deg: float = 0.0

    def check(self, stimulus: Stimulus, screen: Screen) -> None:
        """Raise where pixels are too coarse for the wave, or frames too rare: it would be seen as another one.

        Args:
            stimulus: Stimulus that the wave belongs to.
            screen: Screen that it is to be drawn on.
        """
        angle, (down, across) = np.radians(self.direction_deg), screen.degrees_a_pixel
        a_pixel = self.cycles_per_degree * max(abs(np.cos(angle)) * across, abs(np.sin(angle)) * down)
        if a_pixel > 0.5 + 1e-9:
            raise ValueError(
                f"{stimulus.kind}: {self.cycles_per_degree:g} cycles per degree at {self.direction_deg:g} degrees are {a_pixel:.2f} cycles "
                f"a pixel; above half a cycle another frequency would be seen. Give at most {self.cycles_per_degree * 0.5 / a_pixel:.3g}."
            )
        if screen.shows_movies and 2 * self.cycles_per_second >= screen.frame_rate_hz:
            raise ValueError(
                f"{stimulus.kind}: {self.cycles_per_second:g} cycles per second are not below half of the {screen.frame_rate_hz:.3g} "
                "frames a second; it would seem to drift back. Give a slower drift."
            )


def drawn(
    waves: Sequence[PlaneWave],
    screen: Screen,
    frames: int,
    device: str | torch.device,
    windows: Float[torch.Tensor, "clips height width"] | None = None,
    onto: Float[torch.Tensor, "clips frames height width"] | None = None,
) -> Float[torch.Tensor, "clips frames height width"]:
    """Waves that drift, one a clip. Phases are reckoned in double precision.

    Args:
        waves: Wave of each clip.
        screen: Screen that they are drawn on.
        frames: Number of frames of each.
        device: Device on which they are drawn.
        windows: What each wave is multiplied by; None leaves it over the whole screen.
        onto: Clips that the waves are added to, in place; None draws them on grey.
    """
    import torch

    def each(values: Sequence[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64, device=device)[:, None, None]

    right, up = screen.places(device)
    angle = np.radians([wave.direction_deg for wave in waves])
    along = each(list(np.cos(angle))) * (right - each([wave.x_deg for wave in waves])) + each(list(np.sin(angle))) * (
        up - each([wave.y_deg for wave in waves])
    )
    space = 2 * np.pi * (each([wave.cycles_per_degree for wave in waves]) * along + each([wave.phase_deg / 360 for wave in waves]))
    envelope = each([wave.contrast for wave in waves]) * (1.0 if windows is None else windows)
    rate = screen.frame_rate_hz if screen.shows_movies else 1.0
    turns = torch.tensor([wave.cycles_per_second / rate for wave in waves], dtype=torch.float64, device=device)[:, None]
    time = (2 * np.pi * turns * torch.arange(frames, dtype=torch.float64, device=device))[:, :, None, None]
    even, odd = ((envelope * wave).float()[:, None] for wave in (space.cos(), space.sin()))
    cosine, sine = time.cos().float(), time.sin().float()
    return (even * cosine if onto is None else onto.addcmul_(even, cosine)).addcmul_(odd, sine)
