"""Noise correlations: what a latent population model predicts for all pairs, what is measured, and how both agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from graphtwin.execute import rng_for
from graphtwin.statistics import draw_counts
from graphtwin.twin.population.latent_model import PopulationModel, TrialGroups

ORDER = 8  # order of the last Hermite coefficient; the next adds at most rho^9 of a unit's variance
CHUNK = 128  # samples that are in memory at once
REPLICATES = 400  # resamples behind an interval


@torch.no_grad()
def predicted_noise_correlations(
    model: PopulationModel, predicted: Float[np.ndarray, "samples units"], order: int = ORDER
) -> Float[np.ndarray, "units units"]:
    """Correlation of responses given the prediction, pooled over samples: E_x Cov(y_n, y_m | x) / sqrt(E_x Var(y_n | x) E_x Var(y_m | x)).

    Cov(y_n, y_m | x) = sum_j rho^j a_nj(x) a_mj(x), with rho = C_n . C_m and a the Hermite coefficients of y given x (see
    `Marginals.hermite`). Responses are not latent values: where units are silent or saturate, the correlation is smaller than rho.

    Args:
        model: Fitted population model.
        predicted: Predicted means of the samples to pool; a few hundred that represent the stimuli are enough.
        order: Number of the last term of the sum.
    """
    shared = model.loadings.shared
    rho = shared @ shared.T
    covariance, variance = torch.zeros_like(rho), rho.new_zeros(len(rho))
    one = torch.ones_like(variance)
    for start in range(0, len(predicted), CHUNK):
        x = torch.as_tensor(predicted[start : start + CHUNK], dtype=torch.float64, device=rho.device)
        coefficients, second = model.marginals.hermite(model.marginals.mean(x), one, order)
        variance += (second - coefficients[0] ** 2).sum(0)
        power = torch.ones_like(rho)
        for coefficient in coefficients[1:]:
            power = power * rho
            covariance += power * (coefficient.T @ coefficient)
    return _scaled(covariance.cpu().numpy(), variance.cpu().numpy())


def measured_noise_correlations(residuals: Float[np.ndarray, "samples units"]) -> Float[np.ndarray, "units units"]:
    """Correlation of what a mean leaves of single responses, pooled over samples; NaN is left out pair by pair.

    Pairs that were never held together have none (NaN).

    The mean is taken as given: a covariance is the mean product. Where residuals are those from a model's prediction, signal that the model
    misses counts as noise and is shared by units with the same tuning; residuals from repeats have none of that.
    """
    seen = np.isfinite(residuals).astype(float)
    values = np.where(seen > 0, residuals, 0.0)
    both = seen.T @ seen
    variance = (values**2).sum(0) / np.maximum(seen.sum(0), 1.0)
    return _scaled(np.where(both > 0, values.T @ values / np.maximum(both, 1.0), np.nan), variance)


def repeat_residuals(
    responses: Float[np.ndarray, "samples units"], stimulus: Int[np.ndarray, " samples"]
) -> Float[np.ndarray, "samples units"]:
    """Responses minus their mean over repeats of the same stimulus, times sqrt(r / (r - 1)) for r repeats; NaN where there is one.

    The factor undoes the variance that the mean takes from its own repeats, so that stimuli with few and with many count alike.
    """
    _, number = np.unique(stimulus, return_inverse=True)
    seen = np.isfinite(responses)
    sums, counts = np.zeros((number.max() + 1, responses.shape[1])), np.zeros((number.max() + 1, responses.shape[1]))
    np.add.at(sums, number, np.where(seen, responses, 0.0))
    np.add.at(counts, number, seen)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where(counts > 1, np.sqrt(counts / (counts - 1)), np.nan)
        return (responses - (sums / counts)[number]) * factor[number]


def _scaled(covariance: np.ndarray, variance: np.ndarray) -> np.ndarray:
    sd = np.sqrt(variance)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / sd[:, None] / sd[None, :]
    np.fill_diagonal(correlation, np.where(sd > 0, 1.0, np.nan))
    return correlation


@dataclass(frozen=True)
class Agreement:
    """Predicted against measured noise correlations over pairs of units.

    Attributes:
        r: Pearson correlation over pairs; NaN where no correlation is predicted.
        ceiling: Largest r that can be reached: the square root of the reliability of the measured ones (Spearman-Brown from two halves of
            the test trials), NaN where the halves do not agree.
        slope: Slope of measured on predicted, through 0; 1 where predictions have the right size.
        n_pairs: Pairs compared.
    """

    r: float
    ceiling: float
    slope: float
    n_pairs: int


def compare_noise_correlations(
    predicted: Float[np.ndarray, "units units"],
    residuals: Float[np.ndarray, "samples units"],
    trials: Int[np.ndarray, " samples"] | None = None,
) -> Agreement:
    """Agreement of predicted with measured noise correlations over all pairs of different units.

    Args:
        predicted: Noise correlations of a model that never saw these residuals.
        residuals: Residuals of test trials, from repeats or from a prediction.
        trials: Trial of each sample; whole trials go to one half of the reliability's split. None makes every sample a trial.
    """
    groups = TrialGroups.of(trials, len(residuals))
    halves = [measured_noise_correlations(residuals[groups.number % 2 == half]) for half in (0, 1)]
    pairs = np.triu_indices(len(predicted), 1)
    expected, measured = predicted[pairs], measured_noise_correlations(residuals)[pairs]
    use = np.isfinite(expected) & np.isfinite(measured)
    one, other = (half[pairs][use] for half in halves)
    in_both = np.isfinite(one) & np.isfinite(other)
    agreement = _correlation(one[in_both], other[in_both])
    reliability = 2 * agreement / (1 + agreement) if agreement > 0 else np.nan
    square = float((expected[use] ** 2).sum())
    slope = float((expected[use] * measured[use]).sum() / square) if square > 0 else np.nan
    return Agreement(_correlation(expected[use], measured[use]), float(np.sqrt(reliability)), slope, int(use.sum()))


def resampled_agreement(
    predicted: Float[np.ndarray, "units units"], measured: Float[np.ndarray, "units units"], seed: int
) -> Float[np.ndarray, " replicates"]:
    """Pearson correlation over pairs of different units in resamples of the units; pairs are not independent, units are.

    Args:
        predicted: Predicted noise correlations; NaN leaves a pair out.
        measured: Measured noise correlations; NaN leaves a pair out.
        seed: Seed of the resampling.
    """
    use = np.isfinite(predicted) & np.isfinite(measured) & ~np.eye(len(predicted), dtype=bool)
    x, y = (np.where(use, values, 0.0) for values in (predicted, measured))
    weight = draw_counts(rng_for(seed, "resampled units"), len(x), REPLICATES)
    n, sx, sy, sxx, syy, sxy = (((weight @ m) * weight).sum(1) for m in (use.astype(float), x, y, x * x, y * y, x * y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((n * sxy - sx * sy) / np.sqrt((n * sxx - sx**2) * (n * syy - sy**2)))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 2 and a.std() > 0 and b.std() > 0 else float("nan")
