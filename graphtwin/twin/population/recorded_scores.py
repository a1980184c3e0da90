"""What shared latents add to a twin on held-out trials: likelihood, units told from others, noise correlations; each beside its null."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin.execute import rng_for
from graphtwin.statistics import draw_counts, percentile_interval, resample_units
from graphtwin.told import told_by_fields
from graphtwin.twin.population.held_out_pairs import halves_apart, halves_of
from graphtwin.twin.population.latent_fit import fit_population
from graphtwin.twin.population.latent_model import (
    PopulationConfig,
    PopulationModel,
    conditional,
    log_likelihood,
    marginal_log_likelihood,
    predict_means,
)
from graphtwin.twin.population.noise_correlations import (
    Agreement,
    compare_noise_correlations,
    measured_noise_correlations,
    predicted_noise_correlations,
    repeat_residuals,
    resampled_agreement,
)
from graphtwin.twin.population.noise_of_stimuli import LEAST_UNITS, POOLED, firing
from graphtwin.twin.population.recorded import RecordedPopulation

REPLICATES = 400  # resamples of trials or units behind an interval


@told_by_fields
@dataclass(frozen=True)
class PopulationReport:
    """A latent population model of a recording, and its scores.

    Attributes:
        units: Columns of the recording; units that never fire in the training trials, or are held in no repeated one, are left out.
        model: Population model of the columns in `units`.
        scores: One row a score: score, value, low, high (95 %), resampled (what the interval resamples), null (the same score where each
            unit's repeats were dealt anew), ceiling (of a correlation of noise correlations), n.
        predicted: Noise correlations of pairs of units that were never fitted together; NaN for other pairs.
        measured: Noise correlations of the pairs in `predicted`, measured from repeats.
    """

    units: Int[np.ndarray, " units"]
    model: PopulationModel
    scores: pd.DataFrame
    predicted: Float[np.ndarray, "units units"]
    measured: Float[np.ndarray, "units units"]


def score_recorded_population(
    train: RecordedPopulation, test: RecordedPopulation, config: PopulationConfig, seed: int = 0, progress: bool = False
) -> PopulationReport:
    """Fit a latent population model on training trials, and score it on repeated ones.

    Args:
        train: Samples of training trials, in order of recording.
        test: Samples of stimuli shown twice or more, none of them in `train`.
        config: Settings of the population model.
        seed: Seed of fits, halves of the population, null and intervals.
        progress: Show progress bars.
    """
    fires = firing(train, config)
    units = np.flatnonzero(fires & np.isfinite(test.responses).any(0))
    if len(units) < LEAST_UNITS:
        raise ValueError(
            f"{len(units)} of {len(fires)} units fire in the training trials and are held in repeated ones; noise that units share needs "
            f"{LEAST_UNITS} at least. "
            "Give a recording with more units."
        )
    train, test = (part.of_units(units).of_held() for part in (train, test))
    model = fit_population(train.predicted, train.responses, config, seed, progress=progress)
    dealt = test.repeats_dealt(seed)
    residuals, null = (noise(model, part) for part in (test, dealt))
    shape = (residuals.shape[1], residuals.shape[1])
    predicted, measured = np.full(shape, np.nan), np.full(shape, np.nan)
    pooled = slice(None, None, max(1, len(test.predicted) // POOLED))
    halves = []
    for half, apart in halves_apart(model, train.predicted, train.responses, seed):
        expected = predicted_noise_correlations(apart, test.predicted[pooled][:, half])
        predicted[np.ix_(half, half)] = expected
        measured[np.ix_(half, half)] = measured_noise_correlations(residuals[:, half])
        halves.append((expected, residuals[:, half], null[:, half]))
    everyone = predicted_noise_correlations(model, test.predicted[pooled])
    rows = [
        *_gained(model, test, dealt, seed),
        _agreed("noise correlations, all pairs", [(everyone, residuals, null)], _clip_of(test), seed),
        _agreed("noise correlations, pairs never fitted together", halves, _clip_of(test), seed),
    ]
    return PopulationReport(units, model, pd.DataFrame(rows), predicted, measured)


def noise(model: PopulationModel, of: RecordedPopulation) -> Float[np.ndarray, "samples units"]:
    """What stimulus and behaviour leave of single responses: off the twin's prediction, and then off the mean over repeats of that.

    The prediction takes out what behaviour does, which differs between repeats; the mean takes out the signal that the twin misses.
    """
    return repeat_residuals(of.responses - predict_means(model, of.predicted).response, of.stimulus)


def _gained(model: PopulationModel, test: RecordedPopulation, dealt: RecordedPopulation, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of bits, with intervals over trials, and of correlations with single responses, over units."""
    found, null = (_gains(model, part, seed) for part in (test, dealt))
    names = {
        "marginal": "bits of each unit given the prediction, above a constant",
        "joint": "bits that shared latents add to the population's likelihood",
        "half": "bits that half of the units add to each of the other half",
    }
    rng = rng_for(seed, "resampled trials")
    n_trials = int(test.trial.max()) + 1
    weight = draw_counts(rng, n_trials, REPLICATES)
    count = np.bincount(test.trial, minlength=n_trials)
    for key, name in names.items():
        sums = np.bincount(test.trial, found[key], minlength=n_trials)
        low, high = percentile_interval(weight @ sums / (weight @ count), n_trials - 1.0)
        told = {"score": name, "value": sums.sum() / count.sum(), "low": low, "high": high, "resampled": "trials", "n": n_trials}
        yield told | {"null": np.nan if key == "marginal" else null[key].mean(), "ceiling": np.nan}
    more = found["correlation"][np.isfinite(found["correlation"])]
    median = resample_units(np.median, more, rng, REPLICATES)
    low, high = median.interval()
    told = {"score": "correlation with single responses that half of the units add, median", "value": median.estimate, "low": low}
    yield told | {"high": high, "resampled": "units", "n": len(more), "null": np.nanmedian(null["correlation"]), "ceiling": np.nan}


def _gains(model: PopulationModel, of: RecordedPopulation, seed: int) -> dict[str, np.ndarray]:
    """Bits a response of each sample, and for each unit what the other half adds to its correlation with single responses."""
    x, y = of.predicted, of.responses
    nothing = marginal_log_likelihood(model.intercept, np.zeros_like(x), y)
    marginal = marginal_log_likelihood(model.marginals, x, y)
    joint = log_likelihood(model, x, y) - np.nansum(marginal, axis=1)
    given, response = np.empty_like(y), np.empty_like(y)
    halves = halves_of(y.shape[1], seed)
    for known, new in (halves, halves[::-1]):
        told = conditional(model, x, _only(y, known), y)
        given[:, new], response[:, new] = told.log_density[:, new], told.response[:, new]
    alone = predict_means(model, x).response
    per_response = joint / np.isfinite(y).sum(1)
    bits = {"marginal": np.nanmean(marginal - nothing, axis=1), "joint": per_response, "half": np.nanmean(given - marginal, axis=1)}
    correlation = _single_response_correlations(response, y) - _single_response_correlations(alone, y)
    return {name: values / np.log(2) for name, values in bits.items()} | {"correlation": correlation}


def _single_response_correlations(
    mean: Float[np.ndarray, "samples units"], responses: Float[np.ndarray, "samples units"]
) -> Float[np.ndarray, " units"]:
    """Pearson correlation of mean and single responses, a unit, over samples with a response; NaN where one of both is constant."""
    a, b = (values - np.nanmean(np.where(np.isfinite(responses), values, np.nan), axis=0) for values in (mean, responses))
    a = np.where(np.isfinite(responses), a, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nansum(a * b, axis=0) / np.sqrt(np.nansum(a**2, axis=0) * np.nansum(b**2, axis=0))


def _only(y: np.ndarray, known: Int[np.ndarray, " known"]) -> Float[np.ndarray, "samples units"]:
    """Responses of some units, those of others missing."""
    kept = np.full(y.shape, np.nan)
    kept[:, known] = y[:, known]
    return kept


def _clip_of(test: RecordedPopulation) -> Int[np.ndarray, " samples"]:
    """Number of the clip of every sample."""
    first = np.full(test.trial.max() + 1, len(test.stimulus))
    np.minimum.at(first, test.trial, test.stimulus)
    return np.unique(first[test.trial], return_inverse=True)[1].astype(np.int64)


def _agreed(name: str, parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], clip: np.ndarray, seed: int) -> dict[str, Any]:
    """Row of a score, the mean over parts: each predicted noise correlations, residuals, and residuals with repeats dealt anew.

    Whole clips go to one half of the ceiling's split: what is left of repeats of one clip adds up to 0, and is not independent.
    """
    found: list[Agreement] = [compare_noise_correlations(expected, residuals, clip) for expected, residuals, _ in parts]
    null = [compare_noise_correlations(expected, dealt, clip).r for expected, _, dealt in parts]
    drawn = [
        resampled_agreement(expected, measured_noise_correlations(residuals), seed + at)
        for at, (expected, residuals, _) in enumerate(parts)
    ]
    low, high = percentile_interval(np.mean(drawn, axis=0), float(sum(len(expected) - 1 for expected, _, _ in parts)))
    told = {"score": f"r of predicted with measured {name}", "value": np.mean([of.r for of in found]), "low": low, "high": high}
    ceiling = np.mean([of.ceiling for of in found])
    return told | {"resampled": "units", "n": sum(of.n_pairs for of in found), "null": np.mean(null), "ceiling": ceiling}
