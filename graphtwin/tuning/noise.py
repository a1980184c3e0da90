"""The noise around a learned curve: Gamma, for activity that is positive and scatters with its size, or Gaussian, for values of any sign.

Both are families whose expected information does not depend on the mean, so that a scoring step is a matrix product. Responses are
brought to the neuron's own scale first: Gamma divides by the mean (log link), Gaussian takes the mean away and divides by the standard
deviation (identity link), so that gain and offset of a neuron change nothing but themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

Family = Literal["gaussian", "gamma"]
Variance = Literal["one", "column", "neuron"]

LARGEST_RESIDUAL = 10.0  # (y - mean) / mean beyond this counts as this: an outlier bends the basis no further
LARGEST_Z = 5.0  # the same for Gaussian residuals, in standard deviations of the noise
FEW = 4  # columns seen below which a neuron's own standard deviation is not believed
FLOOR = 1e-3  # share of the neuron's mean: no Gamma prediction says less, since a mean of 0 has no likelihood


@dataclass(frozen=True)
class Noise:
    """Family of the noise, and whether it has one variance, or one a column or a neuron (Gaussian alone)."""

    family: Family = "gamma"
    variance: Variance = "one"

    @property
    def label(self) -> str:
        """The noise in words."""
        return self.family if self.variance == "one" else f"{self.family}, a variance a {self.variance}"


GAUSSIAN = tuple(Noise("gaussian", variance) for variance in ("one", "column", "neuron"))


def own_scale(
    responses: Float[np.ndarray, "neurons columns"], seen: Bool[np.ndarray, "neurons columns"], family: Family
) -> tuple[Float[np.ndarray, " neurons"], Float[np.ndarray, " neurons"]]:
    """Centre and scale of each neuron over what was seen: 0 and the mean (Gamma), the mean and the standard deviation (Gaussian).

    A neuron of which fewer than `FEW` columns were seen, or that shows one value alone, has the median standard deviation of the others:
    its own is hardly known.
    """
    count = np.maximum(seen.sum(1), 1)
    mean = np.where(seen, responses, 0.0).sum(1) / count
    if family == "gamma":
        return np.zeros(len(mean)), mean
    squares = np.where(seen, (responses - mean[:, None]) ** 2, 0.0).sum(1)
    deviation = np.sqrt(squares / np.maximum(count - 1, 1))
    varied = deviation > 1e-9 * np.maximum(np.abs(mean), 1e-12)
    known = varied & (seen.sum(1) >= FEW)
    common = known if known.any() else varied
    return mean, np.where(known, deviation, np.median(deviation[common]) if common.any() else 1.0)


def residual_of(
    scaled: Float[np.ndarray, "neurons columns"],
    curve: Float[np.ndarray, "neurons columns"],
    seen: Float[np.ndarray, "neurons columns"],
    family: Family,
    deviation: Float[np.ndarray, "#neurons #columns"],
) -> Float[np.ndarray, "neurons columns"]:
    """Score of the linear predictor, 0 where nothing was seen: (y - mean) / mean, or y - mean; outliers count as less.

    Args:
        scaled: Responses on the neurons' own scale.
        curve: Linear predictor: log mean, or mean.
        seen: 1 where a response was seen.
        family: Family of the noise.
        deviation: Standard deviation of Gaussian noise.
    """
    if family == "gamma":
        return seen * np.minimum(scaled * np.exp(-curve) - 1.0, LARGEST_RESIDUAL)
    return seen * np.clip(scaled - curve, -LARGEST_Z * deviation, LARGEST_Z * deviation)


def gamma_deviance(
    responses: Float[np.ndarray, "neurons columns"], mean: Float[np.ndarray, "neurons columns"]
) -> Float[np.ndarray, "neurons columns"]:
    """The part y / mu + log mu of half the Gamma deviance, the only one the prediction enters; means below the floor are raised to it."""
    mean = np.maximum(mean, FLOOR * np.nanmean(responses, axis=1, keepdims=True))
    return responses / mean + np.log(mean)


def gamma_log_density(
    responses: Float[np.ndarray, "neurons columns"], mean: Float[np.ndarray, "neurons columns"], dispersion: float
) -> Float[np.ndarray, "neurons columns"]:
    """Log density of a response, nats; a response of 0 counts as the floor, since a Gamma variable is never 0."""
    from scipy.special import gammaln

    shape = 1.0 / dispersion
    floored = np.maximum(responses, FLOOR * np.nanmean(responses, axis=1, keepdims=True))
    return shape * np.log(shape) - gammaln(shape) + (shape - 1.0) * np.log(floored) - shape * (gamma_deviance(floored, mean))


def gaussian_log_density(
    responses: Float[np.ndarray, "neurons columns"],
    mean: Float[np.ndarray, "neurons columns"],
    variance: Float[np.ndarray, "#neurons #columns"],
) -> Float[np.ndarray, "neurons columns"]:
    """Log density of a response, nats."""
    return -0.5 * ((responses - mean) ** 2 / variance + np.log(2 * np.pi * variance))
