"""A similarity and an outcome, from the pairs to every table a reader needs: slopes, their errors, nulls and what they predict.

The mixed model is the published one, so that its slopes compare with those in print. The conditional model takes axons as they are. Where
both disagree, the axons' mean similarity goes with their rate, and the conditional slope is the one to believe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from graphtwin.wiring.candidates import ALL, CandidateSet, candidates, quantile_bins
from graphtwin.wiring.common_input import adjusted
from graphtwin.wiring.conditional import fit_conditional
from graphtwin.wiring.curves import curves, of_outcome
from graphtwin.wiring.joint import fit_joint
from graphtwin.wiring.like_to_like import Measure
from graphtwin.wiring.mixed.fit import fit_mixed
from graphtwin.wiring.mixed.laplace import NotConverged
from graphtwin.wiring.mixed.mundlak import compare_mundlak
from graphtwin.wiring.mixed.result import MixedFit
from graphtwin.wiring.mixed.slopes import slope_contrasts, slopes
from graphtwin.wiring.pair_nulls import permute_neurons, permute_within_axons
from graphtwin.wiring.resampling import bootstrap_axons, bootstrap_axons_and_targets, leave_one_axon_out
from graphtwin.wiring.rewiring import rewire_pairs
from graphtwin.wiring.similarity import SIMILARITIES, Monitor, stacked
from graphtwin.wiring.within_axon import rank_within_axons, summarise_ranking

SLOPE_COLUMNS = ["group", "similarity", "outcome", "estimate", "se", "z", "p", "p_adj", "n_pairs", "n_axons"]
DISTANCE_BINS = 8


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        similarity: Column of the pair table.
        outcome: "synapse_density", "co_travel" or "size".
        by: Column of groups, or None.
        n_replicates: Of every bootstrap and null; 0 leaves them out.
        seed: Of all draws.
        workers: Threads.
        measure: The similarity of any two cells, for the null that deals the function of neurons; None where only pairs are known.
    """

    similarity: str
    outcome: str
    by: str | None
    n_replicates: int
    seed: int
    workers: int
    measure: Measure | None = None


@dataclass
class Answer:
    """Tables by name, models by the similarity they belong to, and what a reader must be told."""

    tables: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    models: dict[str, MixedFit] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, table: pd.DataFrame) -> None:
        """Keep a table; those of one name are stacked."""
        self.tables.setdefault(name, []).append(table)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Every table, whole."""
        return {name: pd.concat(parts, ignore_index=True) for name, parts in self.tables.items()}


def formula(question: Question) -> str:
    """The published mixed model of the outcome, in R's syntax."""
    x = f"{question.similarity} * {question.by}" if question.by else question.similarity
    axon = f"(1 | pre_nucleus_id:{question.by})" if question.by else "(1 | pre_nucleus_id)"
    if question.outcome == "synapse_density":
        return f"n_synapses ~ {x} + offset(log(l_d_um)) + {axon}"
    return f"l_d_um ~ {x} + {axon}"


def analyse(pairs: pd.DataFrame, question: Question) -> Iterator[tuple[str, Answer]]:
    """Answer a question step by step: yields the name of each step with what it found, so that progress can be shown.

    Args:
        pairs: The pair table after inclusion, without gaps in the similarity or the groups.
        question: What is asked.

    Raises:
        ValueError: The table cannot answer it; the words say why.
    """
    yield "curves", _curves(pairs, question)
    if question.outcome == "size":
        yield "slopes", _size_slopes(pairs, question)
        return
    yield "mixed model", _mixed(pairs, question)
    if question.outcome == "co_travel":
        return
    choices = candidates(pairs, [question.similarity], question.by)
    yield "conditional model", _conditional(choices)
    yield "ranking within axons", _ranking(choices, question)
    if question.n_replicates:
        yield from _replicated(pairs, choices, question)


def _curves(pairs: pd.DataFrame, question: Question) -> Answer:
    found = Answer()
    n_replicates = max(question.n_replicates, 200)
    found.add("curves", curves(pairs, question.similarity, question.outcome, question.by, n_replicates=n_replicates, seed=question.seed))
    return found


def _mixed(pairs: pd.DataFrame, question: Question) -> Answer:
    """The mixed model without and with the axons' mean similarity; a fit that does not converge is a note and no result."""
    found, used = Answer(), of_outcome(pairs, question.outcome)
    family = "poisson" if question.outcome == "synapse_density" else "tweedie"
    try:
        if family == "poisson":
            both = compare_mundlak(formula(question), used, question.similarity, question.by, family)
            fit = both.plain
            found.add("mundlak", both.table.assign(similarity=question.similarity, outcome=question.outcome))
            found.notes += [both.warning] if both.warning else []
        else:
            fit = fit_mixed(formula(question), used, family)
    except NotConverged as failure:
        found.notes.append(str(failure))
        return found
    found.models[question.similarity] = fit
    found.add("slopes", _slope_rows(slopes(fit, question.similarity, question.by), used, question))
    if question.by and used[question.by].nunique() > 1:
        contrasts = slope_contrasts(fit, question.similarity, question.by)
        found.add("contrasts", contrasts.assign(similarity=question.similarity, outcome=question.outcome))
    found.notes += [f"{question.similarity}: {note}" for note in fit.notes]
    return found


def _slope_rows(table: pd.DataFrame, used: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Slopes in the columns of `slopes.csv`."""
    axons = used.groupby(question.by)["pre_nucleus_id"].nunique() if question.by else pd.Series({ALL: used["pre_nucleus_id"].nunique()})
    group = table["group"] if question.by else pd.Series(ALL, index=table.index)
    n_axons = group.map(axons).astype("int64")
    return table.assign(group=group, similarity=question.similarity, outcome=question.outcome, n_axons=n_axons)[SLOPE_COLUMNS]


def _size_slopes(pairs: pd.DataFrame, question: Question) -> Answer:
    """Log mean size of connections against the similarity, within axons, errors clustered by axon."""
    found = Answer()
    joint = fit_joint(pairs, {question.similarity: [question.similarity]}, "size", question.by, question.seed)
    table = adjusted(joint.slopes).assign(similarity=question.similarity, outcome=question.outcome)
    found.add("slopes", table[SLOPE_COLUMNS])
    return found


def _conditional(choices: CandidateSet) -> Answer:
    """Slopes given each axon's number of synapses, and the axon that moves them most."""
    found, fit = Answer(), fit_conditional(choices)
    found.add("conditional", adjusted(fit.to_frame()))
    found.add("influence", leave_one_axon_out(fit))
    return found


def _ranking(choices: CandidateSet, question: Question) -> Answer:
    """AUC and average precision within each axon's candidates."""
    found, per_axon = Answer(), rank_within_axons(choices, question.similarity)
    found.add("within_axons_each", per_axon.assign(similarity=question.similarity))
    if len(per_axon):
        found.add("within_axons", summarise_ranking(per_axon, question.seed).assign(similarity=question.similarity))
    return found


def _replicated(pairs: pd.DataFrame, choices: CandidateSet, question: Question) -> Iterator[tuple[str, Answer]]:
    """Bootstraps over axons, and over axons and targets; nulls within axons, within their strata, and by rewiring."""
    fit, options = fit_conditional(choices), {"n_replicates": question.n_replicates, "workers": question.workers}
    for name, bootstrap in (("axons", bootstrap_axons), ("axons and targets", bootstrap_axons_and_targets)):
        found = Answer()
        found.add("bootstrap", bootstrap(fit, question.seed, **options).to_frame())
        yield f"bootstrap over {name}", found
    strata = [None, _strata(pairs)]
    for stratum in strata:
        found = Answer()
        null = permute_within_axons(choices, question.similarity, question.seed, stratum=stratum, **options)
        found.add("nulls", null.to_frame())
        yield "permuted within axons" if stratum is None else "permuted within layer and distance", found
    if question.measure is not None:
        yield "permuted neurons", _permuted_neurons(choices, question, question.measure)
    found = Answer()
    rewired = rewire_pairs(choices, question.similarity, question.seed, question.n_replicates, workers=question.workers)
    found.add("nulls", rewired.to_frame())
    yield "rewired", found


def _permuted_neurons(choices: CandidateSet, question: Question, measure: Measure) -> Answer:
    """The null that keeps how popular targets are; a note where the vectors are not those the column was made of."""
    found = Answer()
    try:
        null = permute_neurons(choices, measure, question.seed, question.n_replicates, question.workers)
    except ValueError as reason:
        found.notes.append(f"the function of neurons was not permuted: {reason}")
    else:
        found.add("nulls", null.to_frame())
    return found


def measure_of(neurons: pd.DataFrame | None, similarity: str) -> Measure | None:
    """The similarity of any two cells, their area and layer as strata; None where the neuron table does not have what it is made of.

    Args:
        neurons: nucleus_id (unique), vectors, and hva or brain_area and layer where known.
        similarity: Column of the pair table.
    """
    definition = SIMILARITIES.get(similarity)
    if neurons is None or definition is None or definition.column not in neurons:
        return None
    known = neurons[neurons[definition.column].notna()].sort_values("nucleus_id")
    values, monitor = stacked(known[definition.column]), Monitor()
    labels = [name for name in ("hva", "brain_area", "layer") if name in known]
    stratum = known[labels].astype(object).fillna("unknown").groupby(labels).ngroup() if labels else pd.Series(0, index=known.index)
    ids = known["nucleus_id"].to_numpy(np.int64)
    return Measure(similarity, ids, lambda a, b: definition.of_pairs(values, a, b, monitor), stratum.to_numpy(np.int64))


def _strata(pairs: pd.DataFrame) -> np.ndarray:
    """Layer (where it is known) and bins of soma distance, or of L_d where a distance is not known."""
    layer = [name for name in ("proj_hva_layer",) if name in pairs]
    near = pairs["l_d_um"] > 0
    by_distance = "distance_um" in pairs and bool(pairs.loc[near, "distance_um"].notna().all())
    return quantile_bins(pairs, layer, {"distance_um" if by_distance else "l_d_um": DISTANCE_BINS})
