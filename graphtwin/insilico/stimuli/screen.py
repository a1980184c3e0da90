"""The screen that stimuli are drawn on: pixels, degrees of visual angle, frames a second, and the grey levels of contrast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from graphtwin.coordinates import MINNIE65_MONITOR, Monitor
from graphtwin.insilico.stimuli.levels import Level, in_words

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Screen:
    """A screen of pixels on a monitor; x is rightwards, y upwards, both in degrees of visual angle from its centre.

    Degrees are the linear map of `Monitor.degrees_a_pixel`, exact at the centre: it lets a pixel span as many degrees at the edge.

    Attributes:
        height: Number of rows, pixels.
        width: Number of columns, pixels.
        monitor: Monitor that the pixels fill.
        frame_rate_hz: Frames a second; NaN where single pictures are shown.
        grey: Grey level of the empty screen, where contrast is 0; where pixels are inputs it may be one each.
        amplitude: Grey levels between the empty screen and contrast 1, likewise.
        inputs: What each pixel goes into, row by row, where pixels are no places: nothing that is drawn in degrees can be shown then.
    """

    height: int = 36
    width: int = 64
    monitor: Monitor = MINNIE65_MONITOR
    frame_rate_hz: float = 30.0
    grey: Level = 127.5
    amplitude: Level = 127.5
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a screen on which nothing can be shown."""
        if self.height < 1 or self.width < 1:
            raise ValueError(f"screen: {self.height} x {self.width} pixels. Give one row and one column at least.")
        if self.frame_rate_hz <= 0 or np.isinf(self.frame_rate_hz):
            raise ValueError(f"screen: {self.frame_rate_hz:g} frames a second. Give more than 0, or NaN where single pictures are shown.")
        if self.inputs and len(self.inputs) != self.height * self.width:
            raise ValueError(f"screen: {len(self.inputs)} names of inputs for {self.height} x {self.width} pixels. Name each pixel.")
        if not (np.isfinite(self.grey).all() and np.isfinite(self.amplitude).all() and np.all(self.amplitude > 0)):
            raise ValueError(
                f"screen: grey level {in_words(self.grey)}, {in_words(self.amplitude)} levels at contrast 1. Give numbers, the second "
                "above 0."
            )

    @property
    def shows_movies(self) -> bool:
        """Whether frames follow one another; otherwise every picture stands for itself."""
        return bool(np.isfinite(self.frame_rate_hz))

    @property
    def degrees_a_pixel(self) -> tuple[float, float]:
        """Degrees of visual angle that one pixel spans, down and across."""
        return self.monitor.degrees_a_pixel(self.height, self.width)

    @property
    def extent_deg(self) -> tuple[float, float]:
        """Height and width of the screen, degrees."""
        down, across = self.degrees_a_pixel
        return self.height * down, self.width * across

    def places(self, device: str | torch.device = "cpu") -> tuple[Float[torch.Tensor, " width"], Float[torch.Tensor, "height 1"]]:
        """Places of the middles of all columns and of all rows, degrees right of and above the centre, in double precision.

        Args:
            device: Device on which they are made.
        """
        import torch

        (down, across), double = self.degrees_a_pixel, {"dtype": torch.float64, "device": device}
        right = across * (torch.arange(self.width, **double) - (self.width - 1) / 2)  # type: ignore[call-overload]
        up = down * ((self.height - 1) / 2 - torch.arange(self.height, **double))  # type: ignore[call-overload]
        return right, up[:, None]

    def __str__(self) -> str:
        """The screen in words."""
        (height, width), rate = self.extent_deg, self.frame_rate_hz
        shown = f"{rate:g} frames a second" if self.shows_movies else "single pictures"
        return f"{self.height} x {self.width} pixels, {height:.1f} x {width:.1f} degrees, {shown}"
