"""How well anything could predict responses to stimulation: halves of the single responses that they are means of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from graphtwin.execute import rng_for
from graphtwin.motor.circuit import Responses, SingleResponses
from graphtwin.motor.scores.measured import SUMS, measured_responses
from graphtwin.motor.scores.score import tabulated

DRAWS = 20  # ways to halve single responses, over which scores are averaged: more move the mean by less than its rounding
CEILING = ["question", "metric", "ceiling", "low", "high", "n", "how"]


def halves_of_responses(seen: Responses, single: SingleResponses, names: tuple[str, ...], seed: int = 0) -> tuple[pd.DataFrame, float]:
    """What a perfect prediction of mean responses could reach, within each stimulated neuron, of pairs that were measured twice or more.

    Means of two halves of the single responses of each pair are held against each other. Their rank correlation r gives that of means of
    all, 2r / (1 + r), whose root is the ceiling (Spearman 1910 and Brown 1910). For AUC there is no such step: it is that of one half for
    who responds in the other, which knows half as much as the mean that is predicted.

    Args:
        seen: Mean responses.
        single: Single ones.
        names: Names of the stimulated neurons.
        seed: Root of the draws of halves.

    Returns:
        Columns question, metric, ceiling, low, high (95 % interval over stimulated neurons), n (of these) and how (in words); and the rank
        correlation of halves with each other, NaN where no neuron has pairs enough.
    """
    every, drawn = np.arange(len(names)), []
    for draw in range(DRAWS):
        one, other = single.halves(seen.values.shape, rng_for(seed, "halves of single responses", draw))
        responds = replace(seen, values=other).chosen(every).responds
        drawn.append(measured_responses("halves", one, other, responds, names))
    units = pd.concat(drawn, ignore_index=True)
    keys = [name for name in units if name not in SUMS]
    table = tabulated(units.groupby(keys, sort=False, dropna=False)[SUMS].mean().reset_index(), seed)
    of_ranks = (table["metric"] == "spearman").to_numpy(bool)
    between = float(table.loc[of_ranks, "estimate"].iloc[0]) if of_ranks.any() else np.nan
    for column in ("estimate", "low", "high"):
        r = table[column].clip(lower=0)
        table[column] = np.where(of_ranks, np.sqrt(2 * r / (1 + r)), table[column])
    table["how"] = np.where(of_ranks, "halves, Spearman-Brown", "one half for the other")
    return table.rename(columns={"estimate": "ceiling"})[CEILING], between
