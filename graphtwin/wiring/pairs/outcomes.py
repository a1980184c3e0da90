"""What is asked of a pair: how many synapses a length of co-travel, how much co-travel, how large its synapses are.

All three become the outcome of one conditional model: given an axon's total, how it is shared out among the axon's pairs. Its bootstraps
and nulls then serve all three.

Co-travel is no count. Only the mean has to be right for slopes, clustered errors and permutations (Poisson pseudo-likelihood; Wooldridge
1999, doi:10.1016/S0304-4076(98)00033-5), and L_d enters over its dispersion, so that a z has variance 1.

The size is compared on its log scale, as log sizes are near normal: least squares within axons, with L_d held as published (Ding et al.
2025, doi:10.1038/s41586-025-08840-3, correlate with the log size of all connected pairs together; here each axon has its own mean). Least
squares is the conditional model where all shares are nearly equal: outcomes 1 + c d of deviations d have slopes c times those of d
as c goes to 0. The mixed model beside it is gamma with a log link, with the same meaning of a slope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.wiring.pairs.candidates import CandidateSet, candidates

OUTCOMES = ("synapse_density", "co_travel", "size")
FAMILY = {"synapse_density": "poisson", "co_travel": "tweedie", "size": "gamma"}  # of the mixed model
RESPONSE = {"synapse_density": "n_synapses", "co_travel": "l_d_um", "size": "mean_synapse_size"}
SIZE_STEP = 1e-3  # c above: slopes are within this share, times the slope over a SD, of least squares
FLAT = 1e-18  # squared deviations of this size are rounding
LOG_L_D = "log_l_d"  # name of the offset's column
PER_UNIT = ("estimate", "se", "se_model", "low", "high", "null_mean", "null_sd", "estimate_without", "change")


def of_outcome(pairs: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """The pairs that an outcome is defined on, as published: near ones, unconnected ones, connected ones of known size.

    Leaving out connected pairs, whose L_d is long, pulls slopes of co-travel to 0: by a seventh where 2 % of the pairs are connected. The
    joint model at the axonal scale takes all pairs.

    Args:
        pairs: The pair table.
        outcome: One of `OUTCOMES`.
    """
    if outcome == "synapse_density":
        return pairs[pairs["l_d_um"] > 0]
    if outcome == "co_travel":
        return pairs[pairs["n_synapses"] == 0]
    if outcome == "size":
        return sized(pairs)
    raise ValueError(f"outcome {outcome!r}: unknown. There are {', '.join(OUTCOMES)}.")


def sized(pairs: pd.DataFrame) -> pd.DataFrame:
    """Connected pairs whose mean size is known and above 0.

    Raises:
        ValueError: There are none.
    """
    connected = pairs["n_synapses"] > 0
    if "mean_synapse_size" not in pairs or not (connected & (pairs["mean_synapse_size"] > 0)).any():
        raise ValueError(
            f"size: none of {connected.sum()} connected pairs has a mean_synapse_size above 0. "
            "Add mean_synapse_size, or synapse_size (their sum), to the pair table."
        )
    return pairs[connected & (pairs["mean_synapse_size"] > 0)]


def mixed_formula(similarities: Sequence[str], outcome: str, by: str | None) -> str:
    """The mixed model of an outcome in R's syntax: that in print for one similarity of synapses and of co-travel.

    Args:
        similarities: Columns; for sizes what is held fixed too (`holding_l_d`).
        outcome: One of `OUTCOMES`.
        by: Column of groups.
    """
    x = " + ".join(similarities) if len(similarities) == 1 else f"({' + '.join(similarities)})"
    x, axon = (f"{x} * {by}", f"(1 | pre_nucleus_id:{by})") if by else (x, "(1 | pre_nucleus_id)")
    response, offset = RESPONSE[outcome], " + offset(log(l_d_um))" if outcome == "synapse_density" else ""
    return f"{response} ~ {x}{offset} + {axon}"


def choices_of(used: pd.DataFrame, similarities: Sequence[str], outcome: str, by: str | None = None) -> CandidateSet:
    """Pairs by axon, ready for `fit_conditional`; `n_synapses` holds the outcome over its dispersion, `per_unit` mends the slopes.

    Args:
        used: Pairs of the outcome (`of_outcome`, or all pairs for the co-travel of all).
        similarities: Columns; pairs for which one is unknown are left out.
        outcome: One of `OUTCOMES`.
        by: Column of groups.

    Raises:
        ValueError: As `candidates`; or the outcome does not vary within any axon of a group.
    """
    if outcome == "synapse_density":
        return candidates(used, similarities, by)
    table, columns = holding_l_d(used, similarities, outcome)
    choices = candidates(table.assign(n_synapses=0, l_d_um=1.0), columns, by, exposure=None)
    value = used[RESPONSE[outcome]].to_numpy(np.float64)[choices.row]
    if outcome == "co_travel":
        return replace(choices, n_synapses=_quasi_counts(choices, value), counted="co-travel")
    return replace(choices, n_synapses=_near_one(choices, np.log(value)), counted="a synapse size")


def holding_l_d(used: pd.DataFrame, similarities: Sequence[str], outcome: str) -> tuple[pd.DataFrame, list[str]]:
    """The pairs and the columns of their model; for sizes with log L_d held fixed, where it can be."""
    if outcome != "size" or not holds_l_d(used):
        return used, list(similarities)
    return used.assign(**{LOG_L_D: log_l_d(used)}), list(dict.fromkeys([*similarities, LOG_L_D]))


def holds_l_d(used: pd.DataFrame) -> bool:
    """Whether L_d is above 0 in all of these pairs and not the same, so that it can be held fixed."""
    l_d = used["l_d_um"].to_numpy(np.float64)
    return bool(len(l_d) and l_d.min() > 0 and np.ptp(np.log(l_d)) > 1e-9)


def log_l_d(used: pd.DataFrame) -> Float[np.ndarray, " pairs"]:
    """Log of L_d, um."""
    return np.log(used["l_d_um"].to_numpy(np.float64))


def per_unit(table: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """A table of the conditional model with slopes of the outcome itself; columns that only synapses have are left out."""
    if outcome == "synapse_density":
        return table
    unit = SIZE_STEP if outcome == "size" else 1.0
    table = table.assign(**{name: table[name] / unit for name in PER_UNIT if name in table}).drop(columns="n_synapses", errors="ignore")
    return table[table["similarity"] != LOG_L_D].reset_index(drop=True)


def within_axons(choices: CandidateSet, value: Float[np.ndarray, "pairs columns"]) -> Float[np.ndarray, "pairs columns"]:
    """Values minus their mean over the axon's pairs in the group."""
    n = np.diff(choices.start)
    return value - (np.add.reduceat(value, choices.start[:-1], axis=0) / n[:, None])[choices.block]


def _quasi_counts(choices: CandidateSet, value: Float[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
    """Values over the dispersion of their group: mean squared deviation from the axon's mean, over that mean."""
    n = np.diff(choices.start)
    mean = (choices.sum_blocks(value) / n)[choices.block]
    squared = np.divide((value - mean) ** 2, mean, out=np.zeros_like(value), where=mean > 0)
    return value / _of_groups(choices, squared, FLAT * float(value.mean()), "l_d_um")


def _near_one(choices: CandidateSet, value: Float[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
    """1 + a small part of the deviations within axons, over what makes their information that of least squares."""
    deviation = within_axons(choices, value[:, None])[:, 0]
    return (1 + SIZE_STEP * deviation) / (SIZE_STEP**2 * _of_groups(choices, deviation**2, FLAT, "mean_synapse_size"))


def _of_groups(choices: CandidateSet, squared: Float[np.ndarray, " pairs"], least: float, name: str) -> Float[np.ndarray, " pairs"]:
    """Mean of squared deviations in each pair's group, over its pairs less its axons; a group where it is not above `least` is refused."""
    group, n_groups = choices.block_group, len(choices.groups)
    free = np.bincount(group, np.diff(choices.start) - 1, n_groups)
    total = np.bincount(group, choices.sum_blocks(squared), n_groups)
    flat = [f"{choices.groups[g]} ({int(free[g])} pairs more than axons)" for g in np.flatnonzero(~(total > least * free))]
    if flat:
        raise ValueError(
            f"{name} does not vary within any axon of {', '.join(flat)}. There is nothing to explain; "
            f"check that each pair has its own value{choices.or_fewer_groups}."
        )
    return (total / free)[group][choices.block]
