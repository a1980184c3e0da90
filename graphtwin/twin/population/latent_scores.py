"""What a latent population model gains: bits per response over a constant, over its own marginals, and given the other units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from graphtwin.twin.population.latent_model import (
    PopulationModel,
    leave_one_out_conditional,
    log_likelihood,
    marginal_log_likelihood,
    predict_means,
)


@dataclass(frozen=True)
class PopulationScores:
    """Held-out scores. Bits per response are (log-likelihood - that of the intercept of the same family) / ln 2 / number of responses.

    Attributes:
        bits_marginal: Bits of each unit's distribution given its predicted mean.
        bits_joint: Bits of the population's joint distribution; what it adds to `bits_marginal` is what units say of each other,
            counted once.
        bits_given_others: Bits of each unit's distribution given the responses of all other units as well.
        bits_marginal_by_unit, bits_given_others_by_unit: Bits of each unit alone, without and with the responses of all other units.
        correlation: Correlation of single responses with their mean given the prediction alone, a unit.
        correlation_gain: Gain of the correlation where the mean is also given the responses of all other units.
    """

    bits_marginal: float
    bits_joint: float
    bits_given_others: float
    bits_marginal_by_unit: Float[np.ndarray, " units"]
    bits_given_others_by_unit: Float[np.ndarray, " units"]
    correlation: Float[np.ndarray, " units"]
    correlation_gain: Float[np.ndarray, " units"]


def score_population(
    model: PopulationModel,
    predicted: Float[np.ndarray, "samples units"],
    responses: Float[np.ndarray, "samples units"],
    trials: Int[np.ndarray, " samples"] | None = None,
) -> PopulationScores:
    """Scores on samples the model has not seen.

    Args:
        model: Fitted population model.
        predicted: Predicted means.
        responses: Responses of single trials; NaN where missing.
        trials: Trial of each sample; samples of one trial share their latents.
    """
    nothing = marginal_log_likelihood(model.intercept, np.zeros_like(predicted), responses)
    marginal = marginal_log_likelihood(model.marginals, predicted, responses) - nothing
    alone, others = predict_means(model, predicted), leave_one_out_conditional(model, predicted, responses, trials)
    given = others.log_density - nothing
    joint = log_likelihood(model, predicted, responses, trials).sum() - np.nansum(nothing)
    correlation = single_response_correlations(alone.response, responses)
    return PopulationScores(
        bits_marginal=float(np.nanmean(marginal) / np.log(2)),
        bits_joint=float(joint / np.isfinite(responses).sum() / np.log(2)),
        bits_given_others=float(np.nanmean(given) / np.log(2)),
        bits_marginal_by_unit=np.nanmean(marginal, axis=0) / np.log(2),
        bits_given_others_by_unit=np.nanmean(given, axis=0) / np.log(2),
        correlation=correlation,
        correlation_gain=single_response_correlations(others.response, responses) - correlation,
    )


def single_response_correlations(
    mean: Float[np.ndarray, "samples units"], responses: Float[np.ndarray, "samples units"]
) -> Float[np.ndarray, " units"]:
    """Pearson correlation of mean and single responses, a unit, over samples with a response; NaN where one of both is constant."""
    a, b = (values - np.nanmean(np.where(np.isfinite(responses), values, np.nan), axis=0) for values in (mean, responses))
    a = np.where(np.isfinite(responses), a, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nansum(a * b, axis=0) / np.sqrt(np.nansum(a**2, axis=0) * np.nansum(b**2, axis=0))
