"""The distribution of each unit's response given its predicted mean, one unit at a time: T(y) ~ Normal(mu(x), 1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.special import ndtri
from scipy.stats import rankdata
from torch import nn

from graphtwin.twin.population.observations import FAR, Observations, standard_normal
from graphtwin.twin.population.transformations import MonotoneSplines
from graphtwin.twin.settings import Kind

N_NODES = 61  # nodes of the trapezoid rule over 9 standard deviations; smooth integrands are exact to float32
HALF_RANGE = 4.5  # standard deviations to either side that the trapezoid rule reaches: beyond lies 7e-6 of a normal distribution
MAX_SIGNAL = 0.97  # largest correlation of latent value and prediction with which the fit starts
MIN_SIGNAL = 0.03  # least correlation with which the fit starts: a slope of 0 would have no logarithm
NEGLIGIBLE = 1e-6  # chance of so many counts below which a sum over counts stops
LEAST_SLOPE = 0.05  # least slope of T where the fit starts, as a share of the unit's steepest
SMALLEST_SCALE = 1e-6  # least scale of a unit, in the unit of responses: quotients stay finite
BEYOND = 10.0  # responses end at so many times the largest one seen: T says nothing of larger ones


class Marginals(nn.Module):
    """Transformation T and latent mean mu of every unit; both increase, so that mu is an increasing function of the predicted mean.

    The latent variance given the prediction is 1: that is the scale of T. What a response says of v = T(y) depends on its kind:

    - `continuous`: y is v's image; the density of y is Normal(T(y); mu, 1) dT/dy.
    - `zero_inflated`: y > spike_width likewise. y <= spike_width says v <= T(spike_width) and has the uniform density
      Phi(T(spike_width) - mu) / spike_width on [0, spike_width], the measure of the zero-inflated Gamma's spike, so that both compare.
    - `counts`: y = k says T(k) < v <= T(k + 1), without lower end for k = 0: probabilities, which compare with Poisson's.
    """

    scale: torch.Tensor
    start: torch.Tensor
    step: torch.Tensor
    mean_scale: torch.Tensor
    mean_start: torch.Tensor
    mean_step: torch.Tensor
    mean_offset: torch.Tensor
    largest: torch.Tensor

    def __init__(self, n_units: int, kind: Kind, spike_width: float, knots: int) -> None:
        """Splines of `knots` knots, to be started from data."""
        super().__init__()
        self.kind: Kind = kind
        self.spike_width = spike_width
        self.offset = nn.Parameter(torch.zeros(n_units))
        self.log_slopes = nn.Parameter(torch.zeros(n_units, knots))
        self.mean_log_slopes = nn.Parameter(torch.zeros(n_units, knots))
        for name in ("scale", "start", "step", "mean_scale", "mean_start", "mean_step", "mean_offset", "largest"):
            self.register_buffer(name, torch.ones(n_units))

    def of_units(self, units: Int[torch.Tensor, " some"]) -> Marginals:
        """Marginals of some units."""
        few = Marginals(len(units), self.kind, self.spike_width, self.log_slopes.shape[1])
        few.load_state_dict({name: values[units] for name, values in self.state_dict().items()})
        return few.to(self.scale.device, self.scale.dtype).requires_grad_(self.offset.requires_grad)

    def transformation(self) -> MonotoneSplines:
        """T, from responses to latent values."""
        return MonotoneSplines(self.scale, self.start, self.step, self.offset, self.log_slopes)

    def mean(self, predicted: Float[torch.Tensor, "samples units"]) -> Float[torch.Tensor, "samples units"]:
        """The latent mean mu."""
        return MonotoneSplines(self.mean_scale, self.mean_start, self.mean_step, self.mean_offset, self.mean_log_slopes)(predicted)

    def observe(self, responses: Float[torch.Tensor, "samples units"]) -> Observations:
        """What responses say of their latent values; NaN says nothing."""
        seen = torch.isfinite(responses)
        y = torch.where(seen, responses, self.largest)
        transform = self.transformation()
        if self.kind == "counts":
            lower = torch.where(y == 0, -FAR, transform(y))
            return Observations(lower, transform(y + 1), torch.zeros_like(seen), seen, torch.zeros_like(y), open_below=False)
        if self.kind == "continuous":
            value, log_slope = transform.value_and_log_slope(y)
            return Observations(value, value, torch.ones_like(seen), seen, log_slope, open_below=True)
        above = y > self.spike_width
        value, log_slope = transform.value_and_log_slope(y.clamp(min=self.spike_width))
        log_measure = torch.where(above, log_slope, -float(np.log(self.spike_width)))
        return Observations(torch.where(above, value, -FAR), value, above, seen, log_measure, open_below=True)

    def respond(
        self, latent: Float[torch.Tensor, "samples units"], within: Float[torch.Tensor, "*any units"]
    ) -> Float[torch.Tensor, "samples units"]:
        """The responses of latent values.

        Args:
            latent: Values of v.
            within: Place in the spike, from 0 to 1, of a response that lies there; 1/2 on average.
        """
        y = self.transformation().inverse(latent)
        if self.kind == "counts":
            return y.floor().clamp(min=0.0)
        if self.kind == "zero_inflated":
            return torch.where(y > self.spike_width, torch.minimum(y, BEYOND * self.largest), self.spike_width * within)
        return y

    def hermite(
        self, mean: Float[torch.Tensor, "samples units"], sd: Float[torch.Tensor, "*any units"], order: int
    ) -> tuple[Float[torch.Tensor, "orders samples units"], Float[torch.Tensor, "samples units"]]:
        """How the response y(v), v = mean + sd e with e ~ Normal(0, 1), varies with e: coefficients E[y He_j(e)] / sqrt(j!), and E[y^2].

        Coefficient 0 is the mean response. Two units whose e correlate by rho have the covariance sum_j rho^j a_j b_j, j from 1 on.
        Source: Mehler's formula; Lancaster 1957, doi:10.1093/biomet/44.1-2.289. Counts are summed exactly over their steps, the rest by
        the trapezoid rule, which leaves out what is beyond 4.5 standard deviations.

        Args:
            mean: Mean of v.
            sd: Standard deviation of v.
            order: Number of the last coefficient.
        """
        if self.kind == "counts":
            return self._hermite_of_counts(mean, sd, order)
        coefficients = mean.new_zeros(order + 1, *mean.shape)
        second = torch.zeros_like(mean)
        nodes = torch.linspace(-HALF_RANGE, HALF_RANGE, N_NODES, dtype=mean.dtype, device=mean.device)
        weights = standard_normal(nodes) / standard_normal(nodes).sum()
        middle = torch.full_like(self.scale, 0.5)
        for node, weight, polynomials in zip(nodes, weights, _hermite_polynomials(nodes, order).T, strict=True):
            y = self.respond(mean + sd * node, middle)
            coefficients += weight * polynomials[:, None, None] * y
            second += weight * y**2
        return coefficients, second

    def _hermite_of_counts(self, mean: torch.Tensor, sd: torch.Tensor, order: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Coefficients of counts: y is the number of steps T(1), T(2), ... below v, E[1(e > t)] = Phi(-t), with He_j phi(t) He_(j-1)(t)."""
        transform = self.transformation()
        coefficients = mean.new_zeros(order + 1, *mean.shape)
        second = torch.zeros_like(mean)
        for count in range(1, 2 * int(self.largest.max()) + 2):  # the sum goes to twice the largest count there was
            t = (transform(torch.full_like(mean[:1], float(count))) - mean) / sd
            exceed = torch.special.ndtr(-t)
            if float(exceed.max()) < NEGLIGIBLE:
                break
            coefficients[0] += exceed
            second += (2 * count - 1) * exceed
            polynomials = _hermite_polynomials(t, order)
            for j in range(1, order + 1):
                coefficients[j] += standard_normal(t) * polynomials[j - 1] / np.sqrt(j)
        return coefficients, second

    def roughness(self) -> torch.Tensor:
        """Mean squared second difference of log slopes over the knots of T and mu: stretches without data follow their neighbours."""
        return torch.stack([torch.diff(slopes, n=2, dim=1).square().mean() for slopes in (self.log_slopes, self.mean_log_slopes)]).sum()


def _hermite_polynomials(x: torch.Tensor, order: int) -> torch.Tensor:
    """He_j(x) / sqrt(j!) for j up to `order`, along a new first axis."""
    values = [torch.ones_like(x), x]
    for j in range(1, order):
        values.append((x * values[j] - np.sqrt(j) * values[j - 1]) / np.sqrt(j + 1))
    return torch.stack(values[: order + 1])


def start_marginals(
    marginals: Marginals, predicted: Float[torch.Tensor, "samples units"], responses: Float[torch.Tensor, "samples units"]
) -> None:
    """Set T to the normal quantiles of each unit's responses and mu to their regression on the warped predicted mean.

    Args:
        marginals: Marginals that are set in place.
        predicted: Predicted means.
        responses: Responses; NaN where missing.
    """
    started = []
    for unit in range(responses.shape[1]):
        seen = torch.isfinite(responses[:, unit])
        y, prediction = responses[seen, unit].double().cpu().numpy(), predicted[seen, unit].double().cpu().numpy()
        latent = ndtri((rankdata(y) - 0.5) / len(y))
        noise, mean = _start_of_mean(prediction, latent, marginals.log_slopes.shape[1])
        started.append({**_start_of_transformation(y, marginals, noise), **mean, "largest": y.max()})
    with torch.no_grad():
        for name in started[0]:
            getattr(marginals, name).copy_(torch.as_tensor(np.array([unit[name] for unit in started])))


def _start_of_mean(prediction: np.ndarray, latent: np.ndarray, knots: int) -> tuple[float, dict[str, Any]]:
    """A line in the warped prediction, and the standard deviation of what it leaves of a latent value with variance 1."""
    scale = max(float(np.mean(np.abs(prediction))), SMALLEST_SCALE)
    warped = np.arcsinh(prediction / scale)
    spread = float(warped.std())
    varies = spread > SMALLEST_SCALE and float(latent.std()) > 0  # a unit may fire in the trials alone that stop the fit
    signal = float(np.clip(np.corrcoef(warped, latent)[0, 1] if varies else 0.0, MIN_SIGNAL, MAX_SIGNAL))
    noise = float(np.sqrt(1 - signal**2))
    gain = signal / noise / (spread if spread > SMALLEST_SCALE else 1.0)
    low, step = float(warped.min()), max(float(np.ptp(warped)), 1e-2) / (knots - 1)
    line = {"mean_scale": scale, "mean_start": low, "mean_step": step, "mean_offset": gain * (low - warped.mean())}
    return noise, {**line, "mean_log_slopes": np.full(knots, np.log(gain))}


def _start_of_transformation(y: np.ndarray, marginals: Marginals, noise: float) -> dict[str, Any]:
    """Knots over the responses above the spike (for counts, the upper ends k + 1), and T through their normal quantiles / noise."""
    knots = marginals.log_slopes.shape[1]
    edges, repeats = np.unique(y + 1.0 if marginals.kind == "counts" else y, return_counts=True)
    cumulative = (repeats.cumsum() - 0.5) / len(y)
    active = edges[edges > marginals.spike_width] if marginals.kind == "zero_inflated" else edges
    active = active if len(active) else np.array([marginals.spike_width])
    scale = max(float(np.mean(np.abs(y))), SMALLEST_SCALE)
    low, high = np.arcsinh(active[[0, -1]] / scale)
    step = max(float(high - low), 0.1) / (knots - 1)
    below = np.interp(scale * np.sinh(low + step * np.arange(knots)), edges, cumulative)
    quantiles = ndtri(below) / noise
    slopes = np.gradient(quantiles, step)
    slopes = np.maximum(slopes, LEAST_SLOPE * max(slopes.max(), 0.1))
    return {"scale": scale, "start": low, "step": step, "offset": quantiles[0], "log_slopes": np.log(slopes)}
