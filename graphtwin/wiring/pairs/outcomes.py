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
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from graphtwin.wiring.pairs.candidate_set import CandidateSet, candidates
from graphtwin.wiring.pairs.effect import with_effect_of_one_sd

SIZE_STEP = 1e-3  # c above, a number: slopes are within this share, times the slope over a SD, of least squares
FLAT = 1e-18  # squared deviations up to this size (times the mean, for L_d) are rounding
LOG_L_D = "log_l_d"  # name of the offset's column
PER_UNIT = ("estimate", "se", "se_model", "low", "high", "null_mean", "null_sd", "estimate_without", "change")


class NothingToExplain(ValueError):
    """The outcome does not vary within any axon of some groups; others may be fitted without them."""


@dataclass(frozen=True)
class OutcomeKind:
    """An outcome in general, whatever table it is asked of.

    Attributes:
        name: Name of the outcome in settings and tables.
        response: Column of the pairs that is explained.
        over: Column that a curve divides its sums by: co-travel in mm, or the number of pairs.
        family: Family of the mixed model, as published for synapses and co-travel; `Outcome.family` says which is fitted.
        step: Number by which the conditional model's slope is divided to be the slope of the outcome itself.
        n_bins: Number of bins of distance within which pairs may be exchanged: an axon has few connections to exchange within one.
    """

    name: str
    response: str
    over: str
    family: str
    step: float
    n_bins: int


KINDS = {
    kind.name: kind
    for kind in (
        OutcomeKind("synapse_density", "n_synapses", "l_d_mm", "poisson", 1.0, 8),
        OutcomeKind("co_travel", "l_d_um", "pairs", "tweedie", 1.0, 8),
        OutcomeKind("size", "mean_synapse_size", "pairs", "gamma", SIZE_STEP, 4),
    )
}


@dataclass(frozen=True)
class Outcome:
    """An outcome of a table of pairs, made once and handed to every model, curve, bootstrap and null.

    Attributes:
        kind: The kind of outcome that is explained.
        table: The pair table as it is given.
        similarities: Columns whose slopes are asked for.
        by: Column of groups; None takes all pairs together.
        of_all: Whether co-travel is that of all pairs, and not of unconnected ones alone.
    """

    kind: OutcomeKind
    table: pd.DataFrame
    similarities: tuple[str, ...]
    by: str | None = None
    of_all: bool = False

    @property
    def name(self) -> str:
        """The outcome's name."""
        return self.kind.name

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """The pairs that the outcome is defined on, as published: near ones, unconnected ones, connected ones of known size.

        Sizes come with log L_d, which is held fixed where it can be. Leaving out connected pairs, whose L_d is long, pulls slopes of
        co-travel to 0: by a seventh where 2 % of the pairs are connected. The joint model at the axonal scale takes all pairs.
        """
        if self.name == "synapse_density":
            return self.table[self.table["l_d_um"] > 0]
        if self.name == "co_travel":
            return self.table if self.of_all else self.table[self.table["n_synapses"] == 0]
        pairs = _sized(self.table)
        return pairs.assign(**{LOG_L_D: np.log(pairs["l_d_um"].to_numpy(np.float64))}) if self.holds_l_d else pairs

    @cached_property
    def holds_l_d(self) -> bool:
        """Whether log L_d is held fixed: for sizes, where L_d is above 0 in all pairs and not the same."""
        if self.name != "size":
            return False
        l_d = _sized(self.table)["l_d_um"].to_numpy(np.float64)
        return bool(l_d.min() > 0 and np.ptp(np.log(l_d)) > 1e-9)

    @property
    def predictors(self) -> list[str]:
        """Columns of every model: the similarities, and for sizes log L_d where it can be held fixed."""
        return list(dict.fromkeys([*self.similarities, *([LOG_L_D] if self.holds_l_d else [])]))

    @property
    def formula(self) -> str:
        """The mixed model in R's syntax: that in print for one similarity of synapses and of co-travel."""
        columns = self.predictors
        x = columns[0] if len(columns) == 1 else f"({' + '.join(columns)})"
        x, axon = (f"{x} * {self.by}", f"(1 | pre_nucleus_id:{self.by})") if self.by else (x, "(1 | pre_nucleus_id)")
        offset = " + offset(log(l_d_um))" if self.name == "synapse_density" else ""
        return f"{self.kind.response} ~ {x}{offset} + {axon}"

    @cached_property
    def choices(self) -> CandidateSet:
        """The pairs by axon, ready for `fit_conditional`; their `row` counts in `pairs`, and `n_synapses` holds the outcome.

        The outcome stands there over its dispersion; `per_unit` mends the slopes. Pairs for which a predictor is unknown are left out.

        Raises:
            ValueError: The pairs are refused by `candidates`, as for a synapse without L_d.
            NothingToExplain: The outcome does not vary within any axon of a group.
        """
        if self.name == "synapse_density":
            choices = candidates(self.table, self.predictors, self.by)
            near = self.table["l_d_um"].to_numpy() > 0
            return replace(choices, row=(np.cumsum(near) - 1)[choices.row])
        choices = candidates(self.pairs.assign(n_synapses=0, l_d_um=1.0), self.predictors, self.by, exposure=None)
        value = self.pairs[self.kind.response].to_numpy(np.float64)[choices.row]
        if self.name == "co_travel":
            return replace(choices, n_synapses=_quasi_counts(choices, value), counted="co-travel")
        return replace(choices, n_synapses=_near_one(choices, np.log(value)), counted="a synapse size")

    @property
    def chosen(self) -> pd.DataFrame:
        """The pairs of which all predictors are known."""
        return self.pairs.iloc[np.sort(self.choices.row)]

    @property
    def known(self) -> Bool[np.ndarray, " pairs"]:
        """Whether all similarities and the group of a pair are known."""
        known = np.isfinite(self.pairs[list(self.similarities)].to_numpy(np.float64)).all(axis=1)
        return known if self.by is None else known & self.pairs[self.by].notna().to_numpy()

    @cached_property
    def family(self) -> str:
        """Family of the mixed model: that of the outcome, and gamma for co-travel without a single 0.

        Tweedie's share of zeros then sends its power to 2, where it is gamma and no longer Tweedie: there is no other fit.
        """
        if self.name != "co_travel" or (self.pairs[self.kind.response].to_numpy()[self.known] == 0).any():
            return self.kind.family
        return "gamma"

    def sd(self, similarity: str) -> float:
        """SD of a similarity over all candidates of the analysis, all groups together: the unit of every effect of one SD."""
        return float(self.pairs[similarity].to_numpy(np.float64)[self.known].std())

    def per_unit(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table of the conditional model with slopes of the outcome itself, and the effect of one `sd` where it has that.

        Columns that only synapses have are left out for other outcomes.
        """
        if self.name != "synapse_density":
            table = table.assign(**{name: table[name] / self.kind.step for name in PER_UNIT if name in table})
            table = table[table["similarity"] != LOG_L_D].drop(columns="n_synapses", errors="ignore").reset_index(drop=True)
        if "rate_ratio" not in table:
            return table
        return with_effect_of_one_sd(table, table["similarity"].map({name: self.sd(name) for name in self.similarities}))


def outcome_of(pairs: pd.DataFrame, name: str, similarities: Sequence[str], by: str | None = None, of_all: bool = False) -> Outcome:
    """An outcome of a pair table.

    Args:
        pairs: The pair table.
        name: Name of the outcome, one of `KINDS`.
        similarities: Columns whose slopes are asked for.
        by: Column of groups; None takes all pairs together.
        of_all: Whether co-travel is that of all pairs, and not of unconnected ones alone.
    """
    if name not in KINDS:
        raise ValueError(f"outcome {name!r}: unknown. There are {', '.join(KINDS)}.")
    return Outcome(KINDS[name], pairs, tuple(similarities), by, of_all)


def _sized(pairs: pd.DataFrame) -> pd.DataFrame:
    """Connected pairs whose mean size is known and above 0; an error where there are none."""
    connected = pairs["n_synapses"] > 0
    if "mean_synapse_size" not in pairs or not (connected & (pairs["mean_synapse_size"] > 0)).any():
        raise ValueError(
            f"size: none of {connected.sum()} connected pairs has a mean_synapse_size above 0. "
            "Add mean_synapse_size, or synapse_size (their sum), to the pair table."
        )
    return pairs[connected & (pairs["mean_synapse_size"] > 0)]


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
    """1 + `SIZE_STEP` times the deviations within axons, over what makes their information that of least squares."""
    deviation = within_axons(choices, value[:, None])[:, 0]
    return (1 + SIZE_STEP * deviation) / (SIZE_STEP**2 * _of_groups(choices, deviation**2, FLAT, "mean_synapse_size"))


def _of_groups(choices: CandidateSet, squared: Float[np.ndarray, " pairs"], least: float, name: str) -> Float[np.ndarray, " pairs"]:
    """Mean of squared deviations in each pair's group, over its pairs less its axons; a group where it is not above `least` is refused."""
    group, n_groups = choices.block_group, len(choices.groups)
    n_axons, n_pairs = np.bincount(group, minlength=n_groups), np.bincount(group, np.diff(choices.start), n_groups)
    free = n_pairs - n_axons
    total = np.bincount(group, choices.sum_blocks(squared), n_groups)
    flat = [f"{choices.groups[g]} ({int(n_pairs[g])} pairs of {n_axons[g]} axons)" for g in np.flatnonzero(~(total > least * free))]
    if flat:
        raise NothingToExplain(
            f"{name} does not vary within any axon of {', '.join(flat)}. There is nothing to explain; "
            f"check that each pair has its own value{choices.or_fewer_groups}."
        )
    return (total / free)[group][choices.block]
