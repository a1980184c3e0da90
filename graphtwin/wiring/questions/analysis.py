"""A similarity and an outcome, from the pairs to every table a reader needs: slopes, their errors, nulls and what they predict.

The mixed model is the published one, so that its slopes compare with those in print. The conditional model takes axons as they are. Where
both disagree, the axons' mean similarity goes with their rate, and the conditional slope is the one to believe. In print sizes have no
slope: they are correlated over all connected pairs, whichever axon they are of. Here they have both models, with L_d held.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from graphtwin.coordinates import Monitor
from graphtwin.mixed import MixedFit, NotConverged, check_residuals, compare_mundlak, fit_mixed, slope_contrasts, slopes
from graphtwin.statistics import with_adjusted_p
from graphtwin.tuning.similarity import SIMILARITIES, stacked
from graphtwin.wiring.conditional.axon_bootstrap import Bootstrap, bootstrap_axons, bootstrap_axons_and_targets, leave_one_axon_out
from graphtwin.wiring.conditional.conditional_fit import ConditionalFit, fit_conditional
from graphtwin.wiring.conditional.within_axon import rank_within_axons, summarise_ranking
from graphtwin.wiring.nulls.pair_rewiring import rewire_pairs
from graphtwin.wiring.nulls.permutations import NullDistribution, permute_neurons, permute_within_axons
from graphtwin.wiring.pairs.candidates import ALL, CandidateSet, quantile_bins
from graphtwin.wiring.pairs.measure import Measure
from graphtwin.wiring.pairs.outcomes import FAMILY, choices_of, holding_l_d, holds_l_d, mixed_formula, of_outcome, per_unit
from graphtwin.wiring.questions.binned_curves import curves
from graphtwin.wiring.questions.question import Answer, Question, Step

SLOPE_COLUMNS = ["group", "similarity", "outcome", "estimate", "se", "z", "p", "p_adj", "n_pairs", "n_axons"]
N_SIMULATIONS = 99  # of the mixed model, for its check
DISPERSED = 1.05  # variance over that of the model: below, errors are right to 2 %
SIGNIFICANT = 0.05  # the usual 5 %, two-sided
N_BINS = {"synapse_density": 8, "co_travel": 8, "size": 4}  # of distance: an axon has few connections to exchange within a bin


def unfitted_groups(pairs: pd.DataFrame, question: Question) -> dict[str, str]:
    """Groups whose slope cannot be estimated (too few axons, a constant similarity, separation), each with the reason.

    Raises:
        ValueError: The table is at fault and not a group; or no group can be fitted.
    """
    used = _used(pairs, question.outcome)
    choices = choices_of(used, [question.similarity], question.outcome, question.by)
    try:
        fit_conditional(choices)
    except ValueError as reason:
        if question.by is None or len(choices.groups) == 1:
            raise
        first = reason
    else:
        return {}
    found = {}
    for group, part in used.groupby(question.by, sort=True):
        try:
            fit_conditional(choices_of(part, [question.similarity], question.outcome, question.by))
        except ValueError as reason:
            found[str(group)] = str(reason)
    if len(found) == used[question.by].nunique():
        raise first
    return found


def _used(pairs: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Pairs of the outcome. For synapses all: their candidates refuse a synapse without L_d, which `of_outcome` would leave out."""
    return pairs if outcome == "synapse_density" else of_outcome(pairs, outcome)


def analyse(pairs: pd.DataFrame, question: Question) -> dict[str, Step]:
    """The steps that answer a question, in their order; each does its work when it is called, so that progress can be shown.

    Args:
        pairs: The pair table after inclusion, without gaps in the similarity or the groups.
        question: What is asked.

    Raises:
        ValueError: The table cannot answer it; the words say why.
    """
    used = _used(pairs, question.outcome)
    choices = choices_of(used, [question.similarity], question.outcome, question.by)
    fit = fit_conditional(choices)
    steps: dict[str, Step] = {
        "curves": lambda: _curves(pairs, question),
        "conditional model": lambda: _conditional(fit, used, question),
        "mixed model": lambda: _mixed(of_outcome(pairs, question.outcome), question),
    }
    if question.outcome == "synapse_density":
        steps["ranking within axons"] = lambda: _ranking(choices, question)
    return steps | _bootstraps(fit, question) | _nulls(used, choices, question) if question.n_replicates else steps


def _curves(pairs: pd.DataFrame, question: Question) -> Answer:
    found = Answer()
    n_replicates = max(question.n_replicates, 200)
    found.add("curves", curves(pairs, question.similarity, question.outcome, question.by, n_replicates=n_replicates, seed=question.seed))
    return found


def _mixed(used: pd.DataFrame, question: Question) -> Answer:
    """The mixed model without and with the axons' mean similarity; a fit that does not converge is a note and no result."""
    found, family = Answer(), FAMILY[question.outcome]
    used, columns = holding_l_d(used, [question.similarity], question.outcome)
    model = mixed_formula(columns, question.outcome, question.by)
    try:
        fit = fit_mixed(model, used, family)
    except NotConverged as failure:
        found.notes.append(str(failure))
        return found
    found.models[question.similarity] = fit
    found.add("slopes", _slope_rows(slopes(fit, question.similarity, question.by), used, question))
    if question.by and used[question.by].nunique() > 1:
        contrasts = slope_contrasts(fit, question.similarity, question.by)
        found.add("contrasts", contrasts.assign(similarity=question.similarity, outcome=question.outcome))
    found.notes += [f"{question.similarity}: {note}" for note in fit.notes]
    found.merge(_residuals(fit, used, question))
    try:
        both = compare_mundlak(model, used, question.similarity, question.by, family, fit)
    except (NotConverged, ValueError) as failure:
        found.notes.append(f"{question.similarity}: whether its slope is that within axons was not tested. {failure}")
        return found
    found.add("mundlak", both.table.assign(similarity=question.similarity, outcome=question.outcome))
    found.notes += [both.warning] if both.warning else []
    return found


def _residuals(fit: MixedFit, used: pd.DataFrame, question: Question) -> Answer:
    """Whether the outcome looks like draws from the mixed model; what varies more makes its errors too small, which is a note."""
    found, checks = Answer(), check_residuals(fit, used, question.seed, N_SIMULATIONS)
    found.add("residuals", checks.assign(similarity=question.similarity, outcome=question.outcome))
    dispersion = checks.set_index("check").loc["dispersion"]
    if dispersion["ratio"] > DISPERSED and dispersion["p"] <= SIGNIFICANT:
        found.notes.append(
            f"{question.similarity}: the outcome varies {dispersion['ratio']:.2f} times as much as the {fit.family} mixed model says "
            f"(p = {dispersion['p']:.2g}), so that its errors are too small. Those of the conditional model, clustered by axon, hold."
        )
    return found


def _slope_rows(table: pd.DataFrame, used: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Slopes in the columns of `slopes.csv`."""
    axons = used.groupby(question.by)["pre_nucleus_id"].nunique() if question.by else pd.Series({ALL: used["pre_nucleus_id"].nunique()})
    group = table["group"] if question.by else pd.Series(ALL, index=table.index)
    n_axons = group.map(axons).astype("int64")
    named = table.rename(columns={"n_rows": "n_pairs"}).assign(group=group, n_axons=n_axons)
    return named.assign(similarity=question.similarity, outcome=question.outcome)[SLOPE_COLUMNS]


def _conditional(fit: ConditionalFit, used: pd.DataFrame, question: Question) -> Answer:
    """Slopes given each axon's total, and the axon that moves them most."""
    found = Answer()
    table = with_adjusted_p(per_unit(fit.to_frame(), question.outcome)).assign(outcome=question.outcome)
    found.add("conditional", table)
    found.add("influence", per_unit(leave_one_axon_out(fit), question.outcome).assign(outcome=question.outcome))
    if question.outcome == "size" and not holds_l_d(used):
        none = int((used["l_d_um"] <= 0).sum())
        found.notes.append(f"{question.similarity}: L_d is not held: it is 0 in {none} of {len(used)} connected pairs, or the same in all.")
    return found


def _ranking(choices: CandidateSet, question: Question) -> Answer:
    """AUC and average precision within each axon's candidates."""
    found, per_axon = Answer(), rank_within_axons(choices, question.similarity)
    found.add("within_axons_each", per_axon.assign(similarity=question.similarity))
    if len(per_axon):
        found.add("within_axons", summarise_ranking(per_axon, question.seed).assign(similarity=question.similarity))
    return found


def _bootstraps(fit: ConditionalFit, question: Question) -> dict[str, Step]:
    """Other axons, and other axons and targets."""

    def of(bootstrap: Callable[..., Bootstrap]) -> Answer:
        found, table = Answer(), bootstrap(fit, question.seed, question.n_replicates, question.workers).to_frame()
        found.add("bootstrap", per_unit(table, question.outcome).assign(outcome=question.outcome))
        return found

    return {
        "bootstrap over axons": lambda: of(bootstrap_axons),
        "bootstrap over axons and targets": lambda: of(bootstrap_axons_and_targets),
    }


def _nulls(used: pd.DataFrame, choices: CandidateSet, question: Question) -> dict[str, Step]:
    """Every null that the outcome has; one that these pairs do not allow is a note."""
    options: dict[str, Any] = {"n_replicates": question.n_replicates, "workers": question.workers}
    name, seed, measure = question.similarity, question.seed, question.measure
    stratum = strata(used, question.outcome)
    draws: dict[str, Callable[[], NullDistribution]] = {
        "permuted within axons": lambda: permute_within_axons(choices, name, seed, **options)
    }
    if stratum is not None:
        draws["permuted within layer and distance"] = lambda: permute_within_axons(choices, name, seed, stratum=stratum, **options)
    if measure is not None:
        draws["permuted neurons"] = lambda: permute_neurons(choices, measure, seed, **options)
    if question.outcome == "synapse_density":
        draws["rewired"] = lambda: rewire_pairs(choices, name, seed, **options)

    def drawn(step: str) -> Answer:
        found = Answer()
        try:
            found.add("nulls", per_unit(draws[step]().to_frame(), question.outcome).assign(outcome=question.outcome))
        except ValueError as reason:
            found.notes.append(f"{name} was not {step}: {reason}")
        return found

    return {step: partial(drawn, step) for step in draws}


def strata(used: pd.DataFrame, outcome: str) -> Int[np.ndarray, " pairs"] | None:
    """Layers (where known) and bins of soma distance, or of L_d where a distance is not known and L_d is not the outcome.

    Args:
        used: Pairs of the outcome.
        outcome: One of `OUTCOMES`.

    Returns:
        A number for every pair; None where nothing is known to divide them by.
    """
    layer = [name for name in ("proj_hva_layer",) if name in used]
    near = used["l_d_um"].to_numpy() > 0 if outcome == "synapse_density" else np.ones(len(used), dtype=bool)
    if "distance_um" in used and bool(used.loc[near, "distance_um"].notna().all()):
        # Bins hold equal numbers of pairs with L_d > 0; all pairs count alike where L_d plays no part.
        table = used if outcome == "synapse_density" else used.assign(l_d_um=1.0)
        return quantile_bins(table, layer, {"distance_um": N_BINS[outcome]})
    if outcome == "co_travel":
        return quantile_bins(used, layer) if layer else None
    return quantile_bins(used, layer, {"l_d_um": N_BINS[outcome]})


def measure_of(neurons: pd.DataFrame | None, similarity: str, monitor: Monitor) -> Measure | None:
    """The similarity of any two cells, their area and layer as strata; None where the neuron table does not have what it is made of.

    Args:
        neurons: nucleus_id (unique), vectors, and hva or brain_area and layer where known.
        similarity: Column of the pair table.
        monitor: Screen on which receptive fields lie, for their distances.
    """
    definition = SIMILARITIES.get(similarity)
    if neurons is None or definition is None or definition.column not in neurons:
        return None
    known = neurons[neurons[definition.column].notna()].sort_values("nucleus_id")
    values = stacked(known[definition.column])
    labels = [name for name in ("hva", "brain_area", "layer") if name in known]
    stratum = known[labels].astype(object).fillna("unknown").groupby(labels).ngroup() if labels else pd.Series(0, index=known.index)
    ids = known["nucleus_id"].to_numpy(np.int64)
    return Measure(similarity, ids, lambda a, b: definition.of_pairs(values, a, b, monitor), stratum.to_numpy(np.int64))
