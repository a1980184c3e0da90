"""The estimates whose power is asked for: slope and p of each in one table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphtwin.mixed import NotConverged, slopes
from graphtwin.mixed import fit as fit_mixed
from graphtwin.wiring.conditional import fit_conditional
from graphtwin.wiring.nulls import permute_within_axons
from graphtwin.wiring.pairs import Outcome, outcome_of
from graphtwin.wiring.power.drawn_tables import DrawnTable
from graphtwin.wiring.spatial import robust_slopes

ALPHA = 0.05  # largest p that counts as found: the usual 5 %, two-sided
N_PERMUTATIONS = 99  # permutations of the null within axons: its p is then exact at 5 %, and its power within 1 % of that with more
CLAIM = "claim (interval and spatial p)"
ROBUST = "robust slope"
CONDITIONAL = "conditional slope, by axon"
MIXED = "mixed model, as published"
WITHIN = "permuted within axons"
ESTIMATES = (CLAIM, ROBUST, CONDITIONAL, MIXED, WITHIN)

Found = dict[str, tuple[float, float]]


def estimates_of(table: DrawnTable, similarity: str, seed: int) -> Found:
    """Slope per unit of the similarity and p of each estimate; NaN where a table has none.

    The claim's p is the larger of that of the robust slope and the spatial one, for it needs both; it is not there where positions are not
    known.

    Args:
        table: The table.
        similarity: Column whose slope is estimated.
        seed: Seed of permutations and landmarks.
    """
    outcome = outcome_of(table.pairs, "synapse_density", [similarity])
    parts: list[Callable[[], Found]] = [
        lambda: _robust(outcome, table, seed),
        lambda: _conditional(outcome, seed),
        lambda: {MIXED: _mixed(outcome)},
    ]
    found: Found = {}
    for part in parts:
        found |= part()
    return {name: found[name] for name in ESTIMATES if name in found}


def _robust(outcome: Outcome, table: DrawnTable, seed: int) -> Found:
    rows, _ = robust_slopes(outcome, table.places, seed)
    slope, p, p_spatial = rows.loc[0, ["estimate", "p", "p_spatial"]] if len(rows) else (np.nan, np.nan, np.nan)
    both = float(np.maximum(p, p_spatial))  # NaN where either is
    return ({CLAIM: (float(slope), both)} if table.places is not None else {}) | {ROBUST: (float(slope), float(p))}


def _conditional(outcome: Outcome, seed: int) -> Found:
    """The conditional slope with errors by axon, and the same slope with the p of its null within axons."""
    try:
        row = fit_conditional(outcome.choices).to_frame().iloc[0]
    except ValueError:
        return {CONDITIONAL: (np.nan, np.nan), WITHIN: (np.nan, np.nan)}
    slope = float(row["estimate"])
    null = permute_within_axons(outcome.choices, outcome.similarities[0], seed, N_PERMUTATIONS)
    return {CONDITIONAL: (slope, float(row["p"])), WITHIN: (slope, float(null.p_value()[0]))}


def _mixed(outcome: Outcome) -> tuple[float, float]:
    try:
        row = slopes(fit_mixed(outcome.formula, outcome.pairs, outcome.family), outcome.similarities[0], None).iloc[0]
    except (NotConverged, ValueError):
        return np.nan, np.nan
    return float(row["estimate"]), float(row["p"])
