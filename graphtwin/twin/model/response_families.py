"""Response distributions: from the numbers a readout gives to log-likelihood, mean, variance and samples of a unit's response.

Every family is a set of functions of `numbers` [..., units, outputs], what the model says of this frame, the first of them a rate above 0
(`gaussian`: a mean of any sign), and `shape` [units, shapes], constants of the unit that are fitted with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import betainc

from graphtwin.twin.settings import SPIKE

SMALL = 1e-4  # least rate, and least distance of a chance from 0 and 1: logs stay finite in float32

Numbers = Float[torch.Tensor, "*frames units outputs"]
Shape = Float[torch.Tensor, "units shapes"]
Values = Float[torch.Tensor, "*frames units"]
Showings = torch.Tensor | float


@runtime_checkable
class LogLikelihood(Protocol):
    """Log-likelihood of responses `y`, nats, each the mean of `n` showings, which broadcasts."""

    def __call__(self, numbers: Numbers, shape: Shape, y: Values, n: Showings = 1.0) -> Values: ...  # noqa: D102


@dataclass(frozen=True)
class ResponseFamily:
    """One family of distributions.

    Attributes:
        outputs: Count of the numbers that a readout gives a frame.
        shapes: Values at which the constants of a unit begin.
        log_likelihood: Log-likelihood of responses.
        mean: Expected response.
        variance: Variance of the response.
        sample: One draw of every response.
        distribution: P(response <= values), in float64; that of whole numbers lies between them as below.
        signed: Whether responses and their mean may be below 0.

    The mean of n independent showings says what its sum does: counts of n showings are Poisson of n times the rate, or negative binomial of
    n times mean and size; the variance of a Gaussian is an n-th. The mean of zero-inflated Gammas has no closed form: it counts n times.

    Counts as distributions of any response: a response is an event count rounded to the nearest whole number, P(Y <= y) = P(N <= y - 1/2),
    with the regularised incomplete Gamma function (negative binomial: Beta function), which goes through P(N <= n) at whole n, in between.
    Source: Ilienko 2013, https://arxiv.org/abs/1303.5990. Rounding keeps the mean, and leaves a mass at 0 as counts have it; the likelihood
    with the Gamma function in place of the factorial is no density, and made one by dividing by its integral it would have no such mass.
    """

    outputs: int
    shapes: tuple[float, ...]
    log_likelihood: LogLikelihood
    mean: Callable[[Numbers, Shape], Values]
    variance: Callable[[Numbers, Shape], Values]
    sample: Callable[[Numbers, Shape, np.random.Generator], Values]
    distribution: Callable[[Numbers, Shape, Values], Values]
    signed: bool = False


def _rate(numbers: Numbers, shape: Shape) -> Values:
    return numbers[..., 0].clamp(min=SMALL)


def _poisson(numbers: Numbers, shape: Shape, y: Values, n: Showings = 1.0) -> Values:
    """Log-likelihood; responses that are no whole numbers have the Gamma function in place of the factorial."""
    rate, total = n * _rate(numbers, shape), n * y.clamp(min=0)
    return total * rate.log() - rate - torch.lgamma(total + 1)


def _poisson_sample(numbers: Numbers, shape: Shape, rng: np.random.Generator) -> Values:
    return _tensor(rng.poisson(_rate(numbers, shape).numpy()))


def _poisson_distribution(numbers: Numbers, shape: Shape, y: Values) -> Values:
    rate, y = _rate(numbers, shape).double(), y.double()
    return torch.where(y < 0, 0.0, torch.special.gammaincc(y.clamp(min=0) + 0.5, rate))


def _gaussian_mean(numbers: Numbers, shape: Shape) -> Values:
    return numbers[..., 0]


def _gaussian_variance(numbers: Numbers, shape: Shape) -> Values:
    """Variance of the unit, the same whatever its mean: measures that are signed, as z-scores, have noise at all levels."""
    return shape[:, 0].exp().expand(numbers.shape[:-1])


def _gaussian(numbers: Numbers, shape: Shape, y: Values, n: Showings = 1.0) -> Values:
    variance = shape[:, 0].exp() / n
    return -0.5 * ((y - numbers[..., 0]) ** 2 / variance + variance.log() + float(np.log(2 * np.pi)))


def _gaussian_sample(numbers: Numbers, shape: Shape, rng: np.random.Generator) -> Values:
    return _tensor(rng.normal(numbers[..., 0].numpy(), _gaussian_variance(numbers, shape).sqrt().numpy()))


def _gaussian_distribution(numbers: Numbers, shape: Shape, y: Values) -> Values:
    return torch.special.ndtr((y.double() - numbers[..., 0]) / _gaussian_variance(numbers, shape).sqrt())


def _negative_binomial(numbers: Numbers, shape: Shape, y: Values, n: Showings = 1.0) -> Values:
    """Log-likelihood with mean m and variance m + a m^2; the Gamma function in place of factorials."""
    mean, size, total = n * _rate(numbers, shape), n * (-shape[:, 0]).exp(), n * y.clamp(min=0)
    ways = torch.lgamma(total + size) - torch.lgamma(size) - torch.lgamma(total + 1)
    return ways - size * torch.log1p(mean / size) + total * (mean / (size + mean)).log()


def _negative_binomial_variance(numbers: Numbers, shape: Shape) -> Values:
    mean = _rate(numbers, shape)
    return mean + shape[:, 0].exp() * mean**2


def _negative_binomial_sample(numbers: Numbers, shape: Shape, rng: np.random.Generator) -> Values:
    mean, size = _rate(numbers, shape).numpy(), (-shape[:, 0]).exp().numpy()
    return _tensor(rng.poisson(rng.standard_gamma(np.broadcast_to(size, mean.shape)) * mean / size))


def _negative_binomial_distribution(numbers: Numbers, shape: Shape, y: Values) -> Values:
    mean, size = _rate(numbers, shape).double(), (-shape[:, 0]).double().exp()
    below = betainc(size.numpy(), y.double().clamp(min=0).numpy() + 0.5, (size / (size + mean)).numpy())
    return torch.where(y < 0, 0.0, torch.from_numpy(below))


def _gamma_parts(numbers: Numbers, shape: Shape) -> tuple[Values, torch.Tensor, Values]:
    """Chance q of a response above the spike, and shape k and scale theta of its Gamma.

    A readout says the rate q k theta, the mean but for the spike's width, as it does for the other families; more and larger responses
    both follow from it, logit q = a + b log rate with two constants of the unit. With readouts of their own for q and theta a unit has
    twice the weights to fit, and behaviour scales one of the two alone.
    """
    rate, k = _rate(numbers, shape), shape[:, 0].exp()
    q = torch.sigmoid(shape[:, 1] + shape[:, 2] * rate.log()).clamp(SMALL, 1 - SMALL)
    return q, k, rate / (q * k)


def _gamma(numbers: Numbers, shape: Shape, y: Values, n: Showings = 1.0) -> Values:
    """Log-likelihood: uniform below the width of the spike, a Gamma from there on (Wei et al. 2020, doi:10.51628/001c.15818)."""
    q, k, theta = _gamma_parts(numbers, shape)
    above = y > SPIKE
    excess = torch.where(above, y - SPIKE, 1.0).clamp(min=SMALL)
    gamma = q.log() + (k - 1) * excess.log() - excess / theta - k * theta.log() - torch.lgamma(k)
    return n * torch.where(above, gamma, torch.log1p(-q) - float(np.log(SPIKE)))


def _gamma_mean(numbers: Numbers, shape: Shape) -> Values:
    q, k, theta = _gamma_parts(numbers, shape)
    return (1 - q) * SPIKE / 2 + q * (k * theta + SPIKE)


def _gamma_variance(numbers: Numbers, shape: Shape) -> Values:
    q, k, theta = _gamma_parts(numbers, shape)
    return q * k * theta**2 + (1 - q) * SPIKE**2 / 12 + q * (1 - q) * (k * theta + SPIKE / 2) ** 2


def _gamma_sample(numbers: Numbers, shape: Shape, rng: np.random.Generator) -> Values:
    q, k, theta = (part.numpy() for part in _gamma_parts(numbers, shape))
    above = SPIKE + theta * rng.standard_gamma(np.broadcast_to(k, theta.shape))
    return _tensor(np.where(rng.random(q.shape) < q, above, SPIKE * rng.random(q.shape)))


def _gamma_distribution(numbers: Numbers, shape: Shape, y: Values) -> Values:
    q, k, theta = (part.double() for part in _gamma_parts(numbers, shape))
    y = y.double()
    above = torch.special.gammainc(k.expand_as(theta), (y - SPIKE).clamp(min=0) / theta)
    return (1 - q) * (y / SPIKE).clamp(0, 1) + q * above


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32)


FAMILIES: dict[str, ResponseFamily] = {
    "poisson": ResponseFamily(1, (), _poisson, _rate, _rate, _poisson_sample, _poisson_distribution),
    "gaussian": ResponseFamily(
        1, (-0.5,), _gaussian, _gaussian_mean, _gaussian_variance, _gaussian_sample, _gaussian_distribution, signed=True
    ),
    "zero_inflated_gamma": ResponseFamily(1, (0.0, 0.0, 1.0), _gamma, _gamma_mean, _gamma_variance, _gamma_sample, _gamma_distribution),
    "negative_binomial": ResponseFamily(
        1,
        (-1.0,),
        _negative_binomial,
        _rate,
        _negative_binomial_variance,
        _negative_binomial_sample,
        _negative_binomial_distribution,
    ),
}
