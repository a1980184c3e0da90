"""Poisson slopes within axons, given how many synapses each axon has: nothing is assumed about the axons' rates.

Given its total, the synapses of an axon fall on its pairs as a multinomial whose shares are exp(offset + x beta), normalised within the
axon. The slopes and their standard errors are those of a Poisson model with a free intercept for every axon, and that is how they are
found. Source: Hausman, Hall and Griliches 1984, doi:10.2307/1911191.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import gammaln, xlogy

from graphtwin.wiring.mixed.design import group_codes
from graphtwin.wiring.mixed.features import column
from graphtwin.wiring.mixed.fit import fit_mixed
from graphtwin.wiring.mixed.formula import parse_formula
from graphtwin.wiring.mixed.result import MixedFit


def conditional_poisson(formula: str, pairs: pd.DataFrame, within: str) -> MixedFit:
    """Fit counts given the total of each axon.

    Args:
        formula: Without random terms; what doesn't vary within an axon drops out.
        pairs: One row a pair.
        within: Columns whose combinations are given their total, as "pre" or "pre:proj".

    Returns:
        The model, with the conditional log-likelihood.
    """
    fit = fit_mixed(formula, pairs, "poisson", absorb=within)
    code, levels = group_codes(pairs, tuple(name.strip() for name in within.split(":")))
    total = np.bincount(code, weights=column(pairs, parse_formula(formula).response).to_numpy(np.float64), minlength=len(levels))
    of_totals = float((xlogy(total, total) - total - gammaln(total + 1.0)).sum())
    return replace(fit, log_likelihood=fit.log_likelihood - of_totals, n_parameters=len(fit.names))
