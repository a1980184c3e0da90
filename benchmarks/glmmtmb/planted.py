"""Pair tables with a planted rule, the same with every version of NumPy: all draws are inverse distribution functions of raw bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, gammaincinv, ndtri

from graphtwin.execute import seed_for

PROJECTIONS = ("V1->V1", "HVA->HVA", "V1->HVA", "HVA->V1")
SLOPES = (1.5, 2.0, 1.0, 0.0)  # change of the log rate a unit of similarity, for each projection
LEVELS = (0.0, 0.3, -0.3, 0.2)  # log rate at similarity 0, for each projection
RESPONSE = {
    "poisson": "n_synapses",
    "negative_binomial": "n_synapses",
    "nb1": "n_synapses",
    "zero_inflated_poisson": "n_synapses",
    "zero_inflated_negative_binomial": "n_synapses",
    "tweedie": "l_d",
    "gamma": "size",
    "gaussian": "size",
    "binomial": "connected",
}
STRUCTURAL = 0.25  # share of structural zeros of zero-inflated counts


@dataclass(frozen=True)
class Rule:
    """What is planted.

    Attributes:
        family: Family of the response.
        slopes: Slope on the log rate, one a projection.
        axon_sd, target_sd: Standard deviation of the log rate over axons and over targets.
        slope_sd: Standard deviation of the slope over axons.
        confound: Shift of an axon's mean similarity a unit of its log rate: a random intercept alone is then biased.
        phi: Dispersion of the negative binomial (variance mu + mu^2 / phi), of NB1 (mu (1 + phi)), of gamma (phi mu^2) or of Gaussian sizes
            (phi); that of Tweedie (phi mu^1.4) is 0.2.
        level: Log rate of synapses a millimetre that all projections share.
    """

    family: str
    slopes: tuple[float, ...] = SLOPES
    axon_sd: float = 0.5
    target_sd: float = 0.0
    slope_sd: float = 0.0
    confound: float = 0.0
    phi: float = 0.8
    level: float = 0.7


def planted_pairs(n: int, rule: Rule, seed: int, n_axons: int = 150, n_targets: int | None = None) -> pd.DataFrame:
    """A table of pairs.

    Args:
        n: Number of pairs.
        rule: What is planted.
        seed: Seed of the draws.
        n_axons: Number of axons; every fourth makes the same projection.
        n_targets: Number of targets; without it one for 130 pairs.

    Returns:
        pre_nucleus_id, post_nucleus_id, proj, similarity, then l_d (mm) and n_synapses, l_d alone as the response of
        Tweedie, size as that of gamma and Gaussian, or connected as that of the binomial.
    """
    n_targets = n_targets or max(20, n // 130)
    axon = np.minimum((_uniform(seed, "axon", n) * n_axons).astype(np.int64), n_axons - 1)
    target = np.minimum((_uniform(seed, "target", n) * n_targets).astype(np.int64), n_targets - 1)
    rate, liking = axon_rates(seed, n_axons), rule.target_sd * ndtri(_uniform(seed, "liking", n_targets))
    tilt = rule.slope_sd * ndtri(_uniform(seed, "tilt", n_axons))
    similarity = 0.1 + 0.2 * ndtri(_uniform(seed, "similarity", n)) + rule.confound * rate[axon]
    proj = axon % len(PROJECTIONS)
    log_mean = np.array(LEVELS)[proj] + (np.array(rule.slopes)[proj] + tilt[axon]) * similarity + rule.axon_sd * rate[axon] + liking[target]
    table = pd.DataFrame(
        {
            "pre_nucleus_id": 100_000 + axon,
            "post_nucleus_id": 200_000 + target,
            "proj": pd.Categorical.from_codes(proj, categories=PROJECTIONS),
            "similarity": similarity,
        }
    )
    if rule.family == "tweedie":
        return table.assign(l_d=_tweedie(np.exp(log_mean - 6.0), 0.2, 1.4, seed))
    if rule.family == "gamma":
        return table.assign(size=np.exp(log_mean) * rule.phi * gammaincinv(1 / rule.phi, _uniform(seed, "size", n)))
    if rule.family == "gaussian":
        return table.assign(size=log_mean + np.sqrt(rule.phi) * ndtri(_uniform(seed, "size", n)))
    if rule.family == "binomial":
        return table.assign(connected=(_uniform(seed, "connected", n) < expit(log_mean)).astype(np.int64))
    l_d = np.exp(-4.5 + ndtri(_uniform(seed, "proximity", n)))
    mean = l_d * np.exp(rule.level + log_mean)
    if rule.family == "nb1":
        mean = rule.phi * gammaincinv(mean / rule.phi, _uniform(seed, "overdispersion", n))
    if rule.family.endswith("negative_binomial"):
        mean = mean * gammaincinv(rule.phi, _uniform(seed, "overdispersion", n)) / rule.phi
    if rule.family.startswith("zero_inflated"):
        mean = np.where(_uniform(seed, "structural", n) < STRUCTURAL, 0.0, mean)
    return table.assign(l_d=l_d, n_synapses=_poisson(mean, _uniform(seed, "synapses", n)))


def axon_rates(seed: int, n_axons: int) -> np.ndarray:
    """Deviation of each axon's log rate, in planted standard deviations."""
    deviation: np.ndarray = ndtri(_uniform(seed, "rate", n_axons))
    return deviation


def _uniform(seed: int, name: str, n: int) -> np.ndarray:
    """Numbers between 0 and 1, from raw bits; the stream of a bit generator never changes, that of a distribution may."""
    bits = np.random.PCG64(seed_for(seed, "planted pairs", name)).random_raw(n)
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def _poisson(mean: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Counts by inversion."""
    count, term = np.zeros(len(mean), dtype=np.int64), np.exp(-mean)
    total, open_rows = term.copy(), np.arange(len(mean))
    while len(open_rows):
        open_rows = open_rows[uniform[open_rows] > total[open_rows]]
        count[open_rows] += 1
        term[open_rows] *= mean[open_rows] / count[open_rows]
        total[open_rows] += np.maximum(term[open_rows], 1e-300)
        open_rows = open_rows[(term[open_rows] > 1e-18) | (count[open_rows] < mean[open_rows])]
    return count


def _tweedie(mean: np.ndarray, phi: float, power: float, seed: int) -> np.ndarray:
    """Sums of a Poisson number of gamma lengths."""
    number = _poisson(mean ** (2 - power) / (phi * (2 - power)), _uniform(seed, "pieces", len(mean)))
    some = np.flatnonzero(number)
    length = np.zeros(len(mean))
    shape = number[some] * (2 - power) / (power - 1)
    length[some] = gammaincinv(shape, _uniform(seed, "length", len(mean))[some]) * phi * (power - 1) * mean[some] ** (power - 1)
    return length
