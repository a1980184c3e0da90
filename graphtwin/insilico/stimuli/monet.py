"""Coloured oriented noise with coherent motion (Monet)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Complex, Float
from pydantic import Field

from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for
from graphtwin.insilico.stimuli.parameters import Contrast, CyclesPerDegree, Seconds, Seed
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus

if TYPE_CHECKING:
    from typing import Self

    import torch


SD_OF_CONTRAST = 1 / 3  # standard deviation of the noise as a part of its contrast; what lies beyond the contrast, 0.2 %, is cut off


class Monet(Stimulus):
    """Noise of one band of spatial frequencies, oriented across a direction and drifting along it; both change from segment to segment.

    Amplitudes fall as a squared cosine of log frequency from the middle of the band to nothing at `octaves` above and below it, and as a
    Gaussian of the angle from the direction. All waves of a segment move with one velocity. Directions are equally spaced; every one comes
    once, in random order, before any comes again. As in the stimuli of the MICrONS recordings: doi:10.1038/s41586-025-08790-w.
    """

    kind: Literal["monet"] = Field("monet", repr=False, description="Name of this kind of stimulus.")
    directions: int = Field(16, ge=1, description="Number of directions, at equal steps around the circle from 0 (rightwards).")
    segment_s: float = Field(0.9375, gt=0, description="Length of each segment of one direction, seconds.")
    cycles_per_degree: CyclesPerDegree = Field(0.04, description="Spatial frequency in the middle of the band, cycles per degree.")
    octaves: float = Field(1.0, gt=0, le=4, description="Width of the band at half amplitude, octaves.")
    orientation_sd_deg: float = Field(15.0, gt=0, le=90, description="Standard deviation of the angles about the direction, degrees.")
    degrees_per_second: float = Field(40.0, ge=0, description="Speed, degrees per second; 0 stands still within a segment.")
    contrast: Contrast = 1.0
    seed: Seed = 0
    duration_s: Seconds = 15.0

    @property
    def moves(self) -> bool:
        """Whether it drifts or has several segments."""
        return self.degrees_per_second > 0 or self.segment_s < self.duration_s

    @property
    def highest_cycles_per_degree(self) -> float:
        """Upper end of the band, cycles per degree."""
        return self.cycles_per_degree * 2**self.octaves

    def check(self, screen: Screen) -> None:
        """Raise where pixels are too coarse for the band, frames too rare for its speed, or no wave of the band fits the screen."""
        super().check(screen)
        a_pixel, highest = max(screen.degrees_a_pixel), self.highest_cycles_per_degree
        if highest * a_pixel > 0.5:
            raise ValueError(
                f"monet: its band reaches {highest:.3g} cycles per degree, {highest * a_pixel:.2f} a pixel; above half a cycle another "
                f"frequency would be seen. Give cycles_per_degree of at most {0.5 / a_pixel / 2**self.octaves:.3g}, or fewer octaves."
            )
        if screen.shows_movies and 2 * highest * self.degrees_per_second >= screen.frame_rate_hz:
            raise ValueError(
                f"monet: at {self.degrees_per_second:g} degrees per second the band reaches {highest * self.degrees_per_second:.3g} "
                f"cycles per second, not below half of the {screen.frame_rate_hz:.3g} frames a second. Give a slower drift or a lower band."
            )
        if screen.shows_movies and frames_of(self.segment_s, screen.frame_rate_hz) < 1:
            raise ValueError(f"monet: segments of {self.segment_s:g} s are less than half a frame. Give longer ones.")
        if not (_band(self.cycles_per_degree, self.octaves, screen) > 0).any():
            raise ValueError(
                f"monet: no wave of {self.cycles_per_degree:g} cycles per degree within {self.octaves:g} octaves fits the screen of "
                f"{screen.extent_deg[0]:.0f} x {screen.extent_deg[1]:.0f} degrees. Give a higher frequency or more octaves."
            )

    def directions_deg(self, segments: int) -> Float[np.ndarray, " segments"]:
        """Direction of each segment, degrees.

        Args:
            segments: Number of segments.
        """
        rng = rng_for(self.seed, "monet", "directions")
        orders = [rng.permutation(self.directions) for _ in range(math.ceil(segments / self.directions))]
        return np.concatenate(orders)[:segments] * 360.0 / self.directions

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several noises."""
        import torch

        found = torch.empty(len(stimuli), frames, screen.height, screen.width, device=device)
        for clip, stimulus in zip(found, stimuli, strict=True):
            stimulus.noise(screen, frames, device, out=clip).clamp_(-stimulus.contrast, stimulus.contrast)
        return found

    def noise(
        self, screen: Screen, frames: int, device: str | torch.device = "cpu", out: torch.Tensor | None = None
    ) -> Float[torch.Tensor, "frames height width"]:
        """The noise before anything is cut off: each segment a spectrum, whose waves turn from frame to frame.

        Args:
            screen: Screen that it is drawn on.
            frames: Number of frames.
            device: Device on which it is drawn.
            out: Frames that it is drawn into; None makes new ones.
        """
        import torch

        rate, (x, y) = screen.frame_rate_hz if screen.shows_movies else 1.0, _waves(screen)
        length = frames_of(self.segment_s, screen.frame_rate_hz) if screen.shows_movies else frames
        segment, within = np.divmod(np.arange(frames), length)
        angles = np.radians(self.directions_deg(int(segment[-1]) + 1))
        spectra = torch.as_tensor(_spectra(self, angles, screen), device=device)
        x = x[:, : spectra.shape[2]]
        travelled = 2 * np.pi * self.degrees_per_second * within / rate
        turns = (travelled * np.sin(angles[segment]))[:, None] * y[:, 0], (travelled * np.cos(angles[segment]))[:, None] * x[0]
        in_y, in_x = (torch.as_tensor(-turn, dtype=torch.float32, device=device) for turn in turns)
        drift = torch.polar(torch.ones_like(in_y), in_y)[:, :, None] * torch.polar(torch.ones_like(in_x), in_x)[:, None]
        return torch.fft.irfft(torch.fft.ifft(drift.mul_(spectra[segment]), dim=1), n=screen.width, dim=2, out=out)


@lru_cache(maxsize=8)
def _waves(screen: Screen) -> tuple[Float[np.ndarray, "1 half"], Float[np.ndarray, "height 1"]]:
    """Frequencies of the waves that fit the screen, cycles per degree rightwards and upwards."""
    down, across = screen.degrees_a_pixel
    return np.fft.rfftfreq(screen.width, across)[None], -np.fft.fftfreq(screen.height, down)[:, None]


@lru_cache(maxsize=64)
def _band(cycles_per_degree: float, octaves: float, screen: Screen) -> Float[np.ndarray, "height half"]:
    """Amplitude of every wave by its frequency; kept, for it is the same for all seeds of a series."""
    frequency = np.hypot(*_waves(screen))
    octave = np.log2(np.where(frequency > 0, frequency, 1e-9) / cycles_per_degree) / octaves
    return np.where(np.abs(octave) < 1, np.cos(np.pi / 2 * octave) ** 2, 0.0)


def _spectra(stimulus: Monet, angles: Float[np.ndarray, " segments"], screen: Screen) -> Complex[np.ndarray, "segments height kept"]:
    """Waves of all segments up to the end of the band: white noise, filtered, of the standard deviation that the contrast asks for."""
    x, y = _waves(screen)
    kept = int((x < stimulus.highest_cycles_per_degree).sum())
    twice = np.where((x == 0) | (x == x[0, -1]) & (screen.width % 2 == 0), 1.0, 2.0)[:, :kept]  # waves that stand for mirror images too
    x = x[:, :kept]
    off = (np.arctan2(y, x) - angles[:, None, None] + np.pi / 2) % np.pi - np.pi / 2
    band = _band(stimulus.cycles_per_degree, stimulus.octaves, screen)[:, :kept]
    amplitude = (band * np.exp(-0.5 * (off / np.radians(stimulus.orientation_sd_deg)) ** 2)).astype(np.float32)
    white = rng_for(stimulus.seed, "monet", "noise").standard_normal((len(angles), screen.height, screen.width), dtype=np.float32)
    waves = np.fft.rfft2(white)[:, :, :kept] * amplitude
    sd = np.sqrt((np.abs(waves) ** 2 * twice).sum((1, 2), keepdims=True)) / (screen.height * screen.width)
    return (waves * (SD_OF_CONTRAST * stimulus.contrast / sd)).astype(np.complex64)
