"""What may be said of a question: a rule is claimed where interval, spatial null and the correction for many tests agree.

One family of tests is all similarities in all groups (projections) of a table, of each null and bootstrap apart. `p_adj` is Holm's: the
probability of any false finding in the family; of the larger of p and spatial p where both decide. `q` is the false discovery rate, for
those who screen many similarities and follow up.

The spatial null alone is not safe where function is organised in layers: .10 to .15 of tables without a rule have p_spatial at most .05. A
claim holds there (.025 to .065), because the interval has to agree (`analyses/planted_pairs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.statistics import benjamini_hochberg, holm

LEVEL = 0.05  # largest p of a claim, adjusted and of the spatial null
# Tables whose p of each similarity and group stands alone, and the columns that divide them into families. In `robust` and `joint` the
# larger of two p is adjusted (`agreed`).
FAMILIES: dict[str, tuple[str, ...]] = {
    "slopes": (),
    "conditional": (),
    "bootstrap": ("resampled",),
    "nulls": ("null",),
}
UNPLACED = "positions of the cells are not known, so that smooth tissue is not ruled out (give --neurons with positions)"
UNHELD = "distance was not held: there are too few synapses for it"


def adjusted(table: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """The table with `p_adj` (Holm) and `q` (Benjamini-Hochberg) of its `p`, family by family.

    Args:
        table: A row a test, with its `p`; NaN where nothing was tested.
        by: Columns that divide the rows into families.
    """
    p = table["p"].to_numpy(np.float64)
    family = table.groupby(list(by), sort=False).ngroup().to_numpy() if by else np.zeros(len(table), dtype=np.int64)
    p_adj, q = np.full(len(p), np.nan), np.full(len(p), np.nan)
    for number in np.unique(family):
        mine = family == number
        p_adj[mine], q[mine] = holm(p[mine]), benjamini_hochberg(p[mine])
    place = list(table.columns).index("p") + 1
    rest = table.drop(columns=[name for name in ("p_adj", "q") if name in table])
    first, last = list(rest.columns[:place]), list(rest.columns[place:])
    return rest.assign(p_adj=p_adj, q=q)[[*first, "p_adj", "q", *last]]


def agreed(robust: pd.DataFrame) -> pd.DataFrame:
    """Robust slopes with `p_adj` and `q` of the larger of p and p_spatial, both of which a claim needs."""
    both = robust[["p", "p_spatial"]].max(axis=1)  # that of the slope alone where there is no spatial null
    corrected = adjusted(robust.assign(p=both))
    return adjusted(robust).assign(p_adj=corrected["p_adj"].to_numpy(), q=corrected["q"].to_numpy())


def claims(robust: pd.DataFrame, left_out: Sequence[tuple[str, str, str]] = ()) -> list[dict[str, Any]]:
    """One entry a similarity and group.

    Args:
        robust: Robust slopes with `p_adj`, as `agreed` returns them.
        left_out: Similarity, group and reason of every group without a slope.

    Returns:
        Entries with similarity, group, claimed, estimate, low, high (per unit of the similarity; None where there is no slope), rate_ratio,
        p, p_spatial, p_adj and why_not: the reasons why nothing is claimed, empty where it is.
    """
    numbers = ["estimate", "low", "high", "rate_ratio", "rate_ratio_low", "rate_ratio_high", "p", "p_spatial", "p_adj"]
    entries = []
    for row in robust.to_dict("records"):
        reasons = _why_not(row)
        entry = {"similarity": row["similarity"], "group": row["group"], "claimed": not reasons}
        entry |= {name: float(row[name]) if np.isfinite(row[name]) else None for name in numbers}
        entries.append(entry | {"why_not": reasons})
    for similarity, group, reason in left_out:
        entry = {"similarity": similarity, "group": group, "claimed": False} | dict.fromkeys(numbers)
        entries.append(entry | {"why_not": [reason]})
    return entries


def _why_not(row: dict[str, Any]) -> list[str]:
    """Every reason against a claim."""
    reasons = []
    if row["low"] <= 0 <= row["high"]:
        reasons.append(f"the interval holds 0 (p = {row['p']:.2g})")
    if np.isnan(row["p_spatial"]):
        reasons.append(UNPLACED)
    elif not row["p_spatial"] <= LEVEL:
        reasons.append(f"equally smooth function would do as much (spatial null, p = {row['p_spatial']:.2g})")
    if not reasons and not row["p_adj"] <= LEVEL:
        reasons.append(f"p adjusted for all similarities and groups is {row['p_adj']:.2g}")
    if not row["geometry"]:
        reasons.append(UNHELD)
    return reasons


def sentence(entries: Sequence[dict[str, Any]], unit: str) -> str:
    """The claims in words, and what is not claimed with the reason.

    Args:
        entries: Claims, as `claims` returns them.
        unit: What a rule multiplies, such as "synapses a length of co-travel".
    """
    many = len({entry["group"] for entry in entries}) > 1
    said = []
    for entry in (entry for entry in entries if entry["claimed"]):
        where = f" in {entry['group']}" if many else ""
        said.append(
            f"one SD of {entry['similarity']} multiplies {unit} by {entry['rate_ratio']:.2f} "
            f"[{entry['rate_ratio_low']:.2f}, {entry['rate_ratio_high']:.2f}]{where} (p adjusted {entry['p_adj']:.2g}, "
            f"spatial null {entry['p_spatial']:.2g})"
        )
    refused = [entry for entry in entries if not entry["claimed"]]
    for similarity in dict.fromkeys(entry["similarity"] for entry in refused):
        mine = {entry["group"]: "; ".join(entry["why_not"][:1]).removesuffix(".") for entry in refused if entry["similarity"] == similarity}
        by_reason = {reason: [group for group in mine if mine[group] == reason] for reason in mine.values()}
        reasons = "; ".join(f"in {', '.join(groups)}: {reason}" if many else reason for reason, groups in by_reason.items())
        said.append(f"no rule of {similarity} is claimed{' ' if many else ': '}{reasons}")
    held = "distance and " if any(UNHELD not in entry["why_not"] for entry in entries) else ""
    return f"With {held}each axon's total held, {'; '.join(said)}."
