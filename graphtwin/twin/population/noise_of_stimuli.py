"""Noise correlations of all pairs of a recording's units, as a latent population model that was fitted to it expects them of stimuli."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from graphtwin.twin.population.latent_fit import fit_population
from graphtwin.twin.population.latent_model import PopulationConfig
from graphtwin.twin.population.noise_correlations import predicted_noise_correlations
from graphtwin.twin.population.recorded import RecordedPopulation

LEAST_UNITS = 4  # units that can show what is shared, and that a score needs: two halves, and a pair in each
POOLED = 500  # samples, about, spread over all there are, that correlations are pooled over


@dataclass(frozen=True)
class ExpectedNoise:
    """Noise correlations given stimuli.

    Attributes:
        correlations: Correlations of all pairs; NaN for units that never fire in the training trials, and everywhere but on the diagonal
            where no shared latent was found.
        n_latents: Shared latents that were found.
    """

    correlations: Float[np.ndarray, "units units"]
    n_latents: int


def expected_noise(
    train: RecordedPopulation,
    predicted: Float[np.ndarray, "samples units"],
    config: PopulationConfig,
    seed: int = 0,
    progress: bool = False,
) -> ExpectedNoise:
    """Fit shared latents to training trials, and tell the noise correlations that they make given other stimuli.

    Args:
        train: Samples of training trials, in order of recording.
        predicted: What the twin predicts of the stimuli, standardised as in `train`.
        config: Settings of the population model.
        seed: Seed of the fit.
        progress: Show progress bars.
    """
    units = np.flatnonzero(firing(train, config))
    if len(units) < LEAST_UNITS:
        raise ValueError(
            f"{len(units)} of {train.responses.shape[1]} units fire in the training trials; noise that units share needs {LEAST_UNITS} at "
            "least. Give a recording with more units."
        )
    kept = train.of_units(units).of_held()
    model = fit_population(kept.predicted, kept.responses, config, seed, progress=progress)
    n_latents = model.loadings.shared.shape[1]
    found = np.full((train.responses.shape[1],) * 2, np.nan)
    if n_latents:
        pooled = predicted[:: max(1, len(predicted) // POOLED)][:, units]
        found[np.ix_(units, units)] = predicted_noise_correlations(model, pooled)
    else:
        found[units, units] = 1.0
    return ExpectedNoise(found, n_latents)


def firing(train: RecordedPopulation, config: PopulationConfig) -> Bool[np.ndarray, " units"]:
    """Units whose responses in the training trials go above the spike at zero; of continuous ones those that vary.

    Args:
        train: Samples of training trials.
        config: Settings of the population model.
    """
    highest, lowest = np.fmax.reduce(train.responses, 0), np.fmin.reduce(train.responses, 0)
    if config.kind == "continuous":
        return np.asarray(highest > lowest)
    return np.asarray(highest > (config.spike_width if config.kind == "zero_inflated" else 0.0))
