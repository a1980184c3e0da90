"""How far a number that twins of several seeds tell of a unit may be off: intervals beside the numbers, and flags.

Seeds of one recording share its noise and what their architecture cannot tell, so that they differ by less than they err, each quantity by
a share of its own. And the spread of three numbers is itself a guess. So the spreads of all units of an animal are moderated first: with d
degrees of freedom in each unit's spread s, and units' variances drawn from a scaled inverse chi-square of d0 degrees around s0^2,

    moderated^2 = (d0 s0^2 + d s^2) / (d0 + d)

d0 and s0 from the moments of log s^2 over units (Smyth 2004, doi:10.2202/1544-6115.1027). The interval is X +- widening x moderated, the
widening being the one that holds the truth in 95 of 100 units of a simulated animal (`benchmarks/bench_insilico_truth.py`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

from graphtwin.insilico import SELECTIVE_Q

SMALLEST, LARGEST = 1e-3, 1e4  # degrees of freedom of the units' common variance between which they are sought; beyond all units have one
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class Stated:
    """What is stated of a quantity.

    Attributes:
        widening: Half of the 95 % interval, in moderated spreads.
        tolerated: Half of an interval, in the unit of the quantity, above which it is flagged as wide.
        tested: Column of the false discovery rate of the preference that the quantity is about; empty where it is about none.
    """

    widening: float
    tolerated: float
    tested: str = ""


STATED: dict[str, Stated] = {
    "orientation_deg": Stated(2.8, 10.0, "orientation_q"),
    "direction_deg": Stated(4.0, 30.0, "direction_q"),
    "gosi": Stated(13.6, 0.2),
    "gdsi": Stated(3.1, 0.12),
    "orientation_width_deg": Stated(4.3, 10.0, "orientation_q"),
    "spatial_frequency_cpd": Stated(7.4, 0.01),
    "temporal_frequency_hz": Stated(3.5, 0.5),
    "f1_f0": Stated(17.6, 0.3),
    "field_x_deg": Stated(4.4, 4.0),
    "field_y_deg": Stated(4.2, 4.0),
    "gain": Stated(3.5, 0.2),
}


def moderated_spread(spread: Float[np.ndarray, " units"], members: int) -> Float[np.ndarray, " units"]:
    """Spreads drawn towards what is usual among the units of an animal, the more the fewer members tell each; NaN stays NaN.

    Args:
        spread: Standard deviation of each unit's number over the members (n - 1).
        members: Number of members.
    """
    known, d = np.isfinite(spread) & (spread > 0), members - 1
    if known.sum() < 3:
        return spread.copy()
    logs = 2 * np.log(spread[known]) - digamma(d / 2) + np.log(d / 2)
    beyond = float(logs.var(ddof=1) - polygamma(1, d / 2))
    if beyond <= polygamma(1, LARGEST / 2):
        return np.where(np.isfinite(spread), np.sqrt(np.mean(spread[known] ** 2)), np.nan)
    common = 2 * float(brentq(lambda half: polygamma(1, half) - beyond, SMALLEST / 2, LARGEST / 2))
    usual = np.exp(logs.mean() + digamma(common / 2) - np.log(common / 2))
    return np.asarray(np.sqrt((common * usual + d * spread**2) / (common + d)))


def with_intervals(table: pd.DataFrame, members: int, name: str, rare: str = "", shared: str = "") -> pd.DataFrame:
    """The table with X_low, X_high and X_flag after each X_spread of a quantity in STATED; the log counts the flags of each.

    Angles of an interval go on beyond 0 and their period. X_flag is empty, or says why a number should not be taken to an experiment: "wide
    interval", "no preference" (its false discovery rate is above SELECTIVE_Q), "too few twins tell it", what is given as `rare`, of gain,
    or what is given as `shared`: then no interval is stated.

    Args:
        table: A row a unit of one animal, as `insilico.with_spread` makes it.
        members: Number of twins.
        name: Name of the animal, for the log.
        rare: Why the state of behaviour that a gain is about was rarely recorded; empty where it was not.
        shared: What the twins have in common, such as one ridge on one recording, so that they agree whether they are right or not; empty
            where they stand apart.
    """
    columns: dict[str, pd.Series | np.ndarray] = {}
    counts = []
    for column in map(str, table):
        columns[column] = table[column]
        quantity = column.removesuffix("_spread")
        if column == quantity or quantity not in STATED:
            continue
        value, stated = table[quantity].to_numpy(np.float64), STATED[quantity]
        half = stated.widening * moderated_spread(table[column].to_numpy(np.float64), members) * (np.nan if shared else 1.0)
        flag = _flags(table, quantity, half, rare if quantity == "gain" else "", shared)
        columns |= {f"{quantity}_low": value - half, f"{quantity}_high": value + half, f"{quantity}_flag": flag}
        counts.append(f"{quantity} {int((flag != '').sum())}")
    if counts:
        log.info("%s: of %d units not to be taken to an experiment (flagged): %s.", name, len(table), ", ".join(counts))
    return pd.DataFrame(columns, index=table.index)


def _flags(table: pd.DataFrame, quantity: str, half: Float[np.ndarray, " units"], rare: str, shared: str) -> np.ndarray:
    """Why the number of each unit is flagged; empty where it is not, or where there is no number."""
    stated, known = STATED[quantity], table[quantity].notna().to_numpy()
    untested = stated.tested and stated.tested in table
    undecided = table[stated.tested].to_numpy(np.float64) > SELECTIVE_Q if untested else np.zeros(len(table), dtype=bool)
    reasons = [
        (np.full(len(table), bool(shared)), shared),
        (~np.isfinite(half), "too few twins tell it"),
        (undecided, "no preference"),
        (np.full(len(table), bool(rare)), rare),
        (half > stated.tolerated, "wide interval"),
    ]
    return np.select([known & applies for applies, _ in reasons], [words for _, words in reasons], "")
