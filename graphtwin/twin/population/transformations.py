"""Increasing functions, one a unit: values, slopes and inverses in closed form, smooth, and straight in asinh(y) beyond the data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float


@dataclass(frozen=True)
class MonotoneSplines:
    """T(y) = offset + integral of a positive, piecewise linear slope over u = asinh(y / scale), so that T is quadratic between knots.

    Source: integrated splines of Ramsay 1988, doi:10.1214/ss/1177012761. Beyond its knots T is linear in u: onto the real line.

    Attributes:
        scale: Scale of the responses; below it u is linear in y, far above it logarithmic.
        start, step: First knot and the distance between knots, in u.
        offset: Value of T at the first knot.
        log_slopes: Log of dT/du at the knots.
    """

    scale: Float[torch.Tensor, " units"]
    start: Float[torch.Tensor, " units"]
    step: Float[torch.Tensor, " units"]
    offset: Float[torch.Tensor, " units"]
    log_slopes: Float[torch.Tensor, "units knots"]

    def __call__(self, y: Float[torch.Tensor, "samples units"]) -> Float[torch.Tensor, "samples units"]:
        """T(y)."""
        return self.value_and_log_slope(y)[0]

    def value_and_log_slope(
        self, y: Float[torch.Tensor, "samples units"]
    ) -> tuple[Float[torch.Tensor, "samples units"], Float[torch.Tensor, "samples units"]]:
        """T(y) and log dT/dy."""
        slopes, heights = self._knots()
        last = len(slopes) - 1
        place = (torch.asinh(y / self.scale) - self.start) / self.step
        inside = place.clamp(0.0, float(last))
        knot = inside.floor().clamp(max=last - 1).long()
        part = inside - knot
        left, right = slopes.gather(0, knot), slopes.gather(0, knot + 1)
        slope = left + (right - left) * part
        value = heights.gather(0, knot) + self.step * ((left + slope) / 2 * part + slope * (place - inside))
        return value, slope.log() - 0.5 * torch.log(y**2 + self.scale**2)

    def inverse(self, v: Float[torch.Tensor, "samples units"]) -> Float[torch.Tensor, "samples units"]:
        """The y with T(y) = v."""
        slopes, heights = self._knots()
        last = len(slopes) - 1
        knot = torch.zeros_like(v, dtype=torch.long)
        for index in range(1, last):
            knot += v >= heights[index]
        left, right = slopes.gather(0, knot), slopes.gather(0, knot + 1)
        inside = torch.minimum(torch.maximum(v, heights[0]), heights[last])
        rise = (inside - heights.gather(0, knot)) / self.step
        part = 2 * rise / (left + torch.sqrt((left**2 + 2 * (right - left) * rise).clamp(min=0.0)))
        beyond = (v - inside) / torch.where(v > inside, slopes[last], slopes[0])
        return self.scale * torch.sinh(self.start + self.step * (knot + part) + beyond)

    def _knots(self) -> tuple[torch.Tensor, torch.Tensor]:
        """dT/du and T at the knots, (knots, units)."""
        slopes = self.log_slopes.T.exp()
        rises = self.step * (slopes[1:] + slopes[:-1]) / 2
        return slopes, self.offset + torch.cat([torch.zeros_like(rises[:1]), rises.cumsum(0)])
