"""What a response says of its latent value: the value itself, or an interval it lies in; log densities and their two derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi, sqrt

import torch
from jaxtyping import Bool, Float

FAR = 1e3  # latent value that stands for infinity: beyond all others, and its derivatives are finite
SMALLEST_SHARE = 1e-6  # least share of an interval's mass in the mass below its upper end; float32 resolves no less


@dataclass(frozen=True)
class Observations:
    """A latent value v that was seen itself (upper = lower), or known to lie in (lower, upper], or not seen at all.

    Attributes:
        lower, upper: Ends of the interval, in the unit's latent scale.
        is_point: Whether the latent value was seen itself.
        seen: Whether there is a response; a missing one adds nothing to any likelihood.
        log_measure: log |dT/dy| of a point; minus the log of its width in units of the response for an interval.
        open_below: Whether all intervals reach down to minus infinity.
    """

    lower: Float[torch.Tensor, "samples units"]
    upper: Float[torch.Tensor, "samples units"]
    is_point: Bool[torch.Tensor, "samples units"]
    seen: Bool[torch.Tensor, "samples units"]
    log_measure: Float[torch.Tensor, "samples units"]
    open_below: bool

    def all_points(self) -> bool:
        """Whether no response is an interval."""
        return bool((self.is_point | ~self.seen).all())

    def log_density(
        self, mean: Float[torch.Tensor, "samples units"], sd: Float[torch.Tensor, "*any units"]
    ) -> Float[torch.Tensor, "samples units"]:
        """Log density of y for v ~ Normal(mean, sd^2), 0 where nothing was seen.

        A point has log Normal(v; mean, sd^2) + log |dT/dy|, an interval log(Phi(b) - Phi(a)) - log of its width: a uniform density on it.
        """
        above, below = (self.upper - mean) / sd, (self.lower - mean) / sd
        point = -0.5 * above**2 - torch.log(sd) - 0.5 * log(2 * pi)
        density = torch.where(self.is_point, point, self._log_mass(below, above))
        return torch.where(self.seen, density + self.log_measure, 0.0)

    def derivatives(
        self, mean: Float[torch.Tensor, "samples units"], sd: Float[torch.Tensor, "*any units"]
    ) -> tuple[Float[torch.Tensor, "samples units"], Float[torch.Tensor, "samples units"]]:
        """First derivative of `log_density` by the mean, and minus the second, which is never negative; both 0 where nothing was seen."""
        above, below = (self.upper - mean) / sd, (self.lower - mean) / sd
        log_mass = self._log_mass(below, above)
        at_above, at_below = (torch.exp(-0.5 * z**2 - 0.5 * log(2 * pi) - log_mass) for z in (above, below))
        first = torch.where(self.is_point, above, at_below - at_above)
        second = torch.where(self.is_point, 1.0, first**2 - below * at_below + above * at_above)
        return torch.where(self.seen, first / sd, 0.0), torch.where(self.seen, second.clamp(1e-6, 1.0) / sd**2, 0.0)

    def _log_mass(self, below: torch.Tensor, above: torch.Tensor) -> torch.Tensor:
        """log(Phi(above) - Phi(below)), from the tail both are nearer to; any finite number for points."""
        if self.all_points():
            return torch.zeros_like(above)
        if self.open_below:
            return torch.special.log_ndtr(above)
        turn = (above + below) > 0
        high, low = torch.where(turn, -below, above), torch.where(turn, -above, below)
        log_high = torch.special.log_ndtr(high)
        share = -torch.expm1(torch.special.log_ndtr(low) - log_high)
        return log_high + torch.log(share.clamp(min=SMALLEST_SHARE))


def standard_normal(z: Float[torch.Tensor, "*any"]) -> Float[torch.Tensor, "*any"]:
    """Density of the standard normal distribution."""
    return torch.exp(-0.5 * z**2) / sqrt(2 * pi)
