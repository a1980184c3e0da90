"""Do the responses look like draws from the fitted model? Checks in the spirit of DHARMa, which compares them with simulations.

A quantile residual is the probability of a response below the observed one, drawn uniformly within the probability of the response
itself. If the model is right, residuals are uniform whatever the family. Source: Dunn and Smyth 1996, doi:10.1080/10618600.1996.10474708.
They are exact here: distribution functions take the place of many simulations. Dispersion and zeros are compared with simulated
responses. All are given the fitted random effects.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy

from graphtwin.execute import rng_for
from graphtwin.mixed.design import numbers_of, parse_formula
from graphtwin.mixed.result.fitted import MixedFit
from graphtwin.mixed.result.predictions import distribution_of
from graphtwin.shapes import Float
from graphtwin.statistics import two_sided_p

N_SIMULATIONS = 199  # simulated tables: the smallest p is then 1 / 200


def quantile_residuals(fit: MixedFit, table: pd.DataFrame, seed: int) -> Float[np.ndarray, " rows"]:
    """Quantile residual of each row, between 0 and 1.

    Args:
        fit: The fitted model.
        table: The table that the model was fitted to.
        seed: Seed of the draws within the probability of a response.

    Examples:
        >>> fit = graphtwin.mixed.fit("n_synapses ~ signal_correlation + (1 | pre_nucleus_id)", pairs)
        >>> residuals = graphtwin.mixed.quantile_residuals(fit, pairs, seed=0)
        >>> bool((0 <= residuals).all() and (residuals <= 1).all())
        True
    """
    y = numbers_of(table, parse_formula(fit.formula).response)
    below, at = distribution_of(fit, table).cumulative(y, fit.predict(table), fit.shape)
    return np.asarray(below + rng_for(seed, "quantile residuals").random(len(y)) * (at - below))


def check_residuals(fit: MixedFit, table: pd.DataFrame, seed: int, n_simulations: int = N_SIMULATIONS) -> pd.DataFrame:
    """Check the uniformity of the residuals, their dispersion and the number of zeros.

    With a million rows the smallest misfit is significant: read `observed` against `expected` before p.

    Args:
        fit: The fitted model.
        table: The table that the model was fitted to.
        seed: Seed of the run.
        n_simulations: Number of simulated tables for dispersion and zeros; p can't fall below 1 / (n + 1).

    Returns:
        A table with columns check, observed, expected, ratio, p. Uniformity is the largest distance of the residuals' distribution from a
        uniform one; dispersion the mean squared difference from the mean over the variance; zeros the number of responses that are 0,
        where the family gives 0 a probability.

    Examples:
        >>> fit = graphtwin.mixed.fit("n_synapses ~ signal_correlation + (1 | pre_nucleus_id)", pairs)
        >>> graphtwin.mixed.check_residuals(fit, pairs, seed=0, n_simulations=19).columns.tolist()
        ['check', 'observed', 'expected', 'ratio', 'p']
    """
    y, mean = numbers_of(table, parse_formula(fit.formula).response), fit.predict(table)
    family = distribution_of(fit, table)
    variance = family.variance(mean, fit.shape)
    drawn = np.empty((n_simulations, 2))
    for replicate in range(n_simulations):
        simulated = family.sample(mean, fit.shape, rng_for(seed, "residual check", replicate))
        drawn[replicate] = np.mean((simulated - mean) ** 2 / variance), np.count_nonzero(simulated == 0)
    residuals = np.sort(quantile_residuals(fit, table, seed))
    n = len(residuals)
    distance = float(np.maximum(np.arange(1, n + 1) / n - residuals, residuals - np.arange(n) / n).max())
    typical = float(np.sqrt(np.pi / 2.0) * np.log(2.0) / np.sqrt(n))  # mean of Kolmogorov's distribution
    below, at = family.cumulative(np.zeros(n), mean, fit.shape)
    shown = ("dispersion", "zeros") if (at > below).any() else ("dispersion",)
    rows = [("uniformity", distance, typical, float(scipy.special.kolmogorov(distance * np.sqrt(n))))]
    for name, seen, simulated in zip(shown, (np.mean((y - mean) ** 2 / variance), np.count_nonzero(y == 0)), drawn.T, strict=False):
        rows.append((name, float(seen), float(simulated.mean()), float(two_sided_p(float(seen), simulated))))
    found = pd.DataFrame(rows, columns=["check", "observed", "expected", "p"])
    found.insert(3, "ratio", found["observed"] / found["expected"])
    return found
