"""A similarity and an outcome, from the pairs to every table a reader needs: slopes, their errors, nulls and what they predict.

The robust slope leads: it is the one that held in every scenario of `analyses/planted_pairs`.
The mixed model is the published one, so that its slopes compare with those in print. The conditional model takes axons as they are. Where
both disagree, the axons' mean similarity goes with their rate, and the conditional slope is the one to believe. In print sizes have no
slope: they are correlated over all connected pairs, whichever axon they are of. Here they have both models, with L_d held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from graphtwin.coordinates import Monitor
from graphtwin.mixed import MixedFit, NotConverged, check_residuals, compare_mundlak, slope_contrasts, slopes
from graphtwin.mixed import fit as fit_mixed
from graphtwin.statistics import FEWEST_UNITS
from graphtwin.tuning import SIMILARITIES, stacked
from graphtwin.wiring.conditional import (
    Bootstrap,
    ConditionalFit,
    bootstrap_axons,
    bootstrap_axons_and_targets,
    fit_conditional,
    leave_one_axon_out,
    rank_within_axons,
    summarise_ranking,
)
from graphtwin.wiring.nulls import NullDistribution, permute_neurons, permute_within_axons, rewire_pairs
from graphtwin.wiring.pairs import ALL, EFFECT, Measure, NothingToExplain, Outcome, quantile_bins, with_effect_of_one_sd
from graphtwin.wiring.questions.binned_curves import curves
from graphtwin.wiring.questions.question import Answer, Question, Step
from graphtwin.wiring.questions.sensitivity import sensitivity
from graphtwin.wiring.questions.spatial_steps import spatial_steps
from graphtwin.wiring.spatial import robust_slopes

SLOPE_COLUMNS = ["group", "similarity", "outcome", "estimate", "se", "z", "df", "p", "low", "high", *EFFECT, "n_pairs", "n_axons", "family"]
SMOOTH = "smooth field"  # name of the null whose law is known, without replicates
N_SIMULATIONS = 99  # tables drawn from the mixed model, for its check
DISPERSED = 1.05  # variance of the outcome over that of the model: below, errors are right to 2 %
SIGNIFICANT = 0.05  # largest p that counts as significant: the usual 5 %, two-sided


def fit_groups(outcome: Outcome) -> tuple[Outcome, ConditionalFit, dict[str, str]]:
    """The conditional model of an outcome, in the groups that have one.

    Returns:
        The outcome of these groups, its fit, and the reason for every group that is left out: it has too few axons, a constant similarity
        or outcome, or separation.

    Raises:
        ValueError: The table is at fault and not a group; or no group can be fitted.
    """
    try:
        choices = outcome.choices
    except NothingToExplain as reason:
        first: ValueError = reason
    else:
        try:
            return outcome, fit_conditional(choices), {}
        except ValueError as reason:
            first = reason
    if outcome.by is None:
        raise first
    table = outcome.table if outcome.name == "synapse_density" else outcome.pairs
    left_out = {}
    for group, part in table.groupby(outcome.by, sort=True):
        try:
            fit_conditional(replace(outcome, table=part).choices)
        except ValueError as reason:
            left_out[str(group)] = str(reason)
    if len(left_out) == table[outcome.by].nunique():
        raise first
    kept = replace(outcome, table=outcome.table[~outcome.table[outcome.by].astype(str).isin(left_out)])
    return kept, fit_conditional(kept.choices), left_out


def analyse(question: Question) -> dict[str, Step]:
    """The steps that answer a question, in their order; each does its work when it is called, so that progress can be shown."""
    steps: dict[str, Step] = {
        "robust slope": lambda: _robust(question),
        "curves": lambda: _curves(question),
        "conditional model": lambda: _conditional(question),
        "mixed model": lambda: _mixed(question),
        "sensitivity": lambda: sensitivity(question),
    }
    if question.outcome.name == "synapse_density":
        steps["ranking within axons"] = lambda: _ranking(question)
    return steps | _bootstraps(question) | _nulls(question) | spatial_steps(question) if question.n_replicates else steps


def _robust(question: Question) -> Answer:
    """The slope that leads, and the groups that have none."""
    found = Answer()
    table, reasons = robust_slopes(question.outcome, question.places, question.seed, question.animal)
    found.add("robust", table)
    drawn = table[table["p_spatial"].notna()]
    columns = {"null": SMOOTH, "null_mean": 0.0, "null_sd": drawn["se_spatial"], "z": drawn["z_spatial"], "p": drawn["p_spatial"]}
    null = drawn[["group", "similarity", "outcome", "estimate", "low", "high", "df", *EFFECT]]
    null = null.assign(**columns, n_replicates=0, moved=1.0, keeps_smoothness=True)
    if len(null):
        found.add("nulls", null)
    found.left_out += [(question.similarity, group, reason) for group, reason in reasons.items()]
    found.notes += [f"{question.similarity}: {note}" for note in _few_clusters(table)]
    unplaced = int(table["n_unplaced"].sum())
    if unplaced:
        found.notes.append(f"{question.similarity}: {unplaced} pairs have a cell without a position and are not in the robust slope.")
    return found


def _few_clusters(robust: pd.DataFrame) -> list[str]:
    """The groups whose robust slope stands on fewer axons (or animals) than an interval over them needs anywhere in the package."""
    rows = robust.assign(standing=robust["n_axons"].where(robust["clusters"] == "axons", robust["n_clusters"]))
    few = rows[rows["standing"] < FEWEST_UNITS]
    return [
        f"the robust slope in {row.group} stands on {row.standing} {row.clusters} ({row.df:.1f} degrees of freedom). An error over "
        f"{row.clusters} needs two, an honest one {FEWEST_UNITS}: take its interval and p for a first look."
        for row in few.itertuples()
    ]


def _curves(question: Question) -> Answer:
    found = Answer()
    found.add("curves", curves(question.outcome, n_replicates=max(question.n_replicates, 200), seed=question.seed))
    return found


def _mixed(question: Question) -> Answer:
    """The mixed model without and with the axons' mean similarity; a fit that does not converge is a note and no result."""
    found, outcome, name = Answer(), question.outcome, question.similarity
    used, said = outcome.pairs, {"similarity": name, "outcome": outcome.name}
    try:
        fit = fit_mixed(outcome.formula, used, outcome.family)
    except NotConverged as failure:
        found.notes.append(str(failure))
        found.lack("slopes", str(failure))
        return found
    found.models[name] = fit
    found.add("slopes", _slope_rows(slopes(fit, name, question.by), question, fit.family))
    if question.by and used[question.by].nunique() > 1:
        contrasts = with_effect_of_one_sd(slope_contrasts(fit, name, question.by), outcome.sd(name))
        found.add("contrasts", contrasts.assign(**said, df=np.inf))
    if fit.family != outcome.kind.family:
        found.notes.append(
            f"{name}: {outcome.kind.response} is above 0 in all {fit.n_rows} pairs. The published {outcome.kind.family} model has no fit "
            f"without a 0: its power runs to 2, where it is {fit.family}. The mixed model is {fit.family}."
        )
    found.notes += [f"{name}: {note}" for note in fit.notes]
    found.merge(_residuals(fit, question))
    try:
        both = compare_mundlak(outcome.formula, used, name, question.by, outcome.family, fit)
    except (NotConverged, ValueError) as failure:
        found.notes.append(f"{name}: whether its slope is that within axons was not tested. {failure}")
        return found
    found.add("mundlak", both.table.assign(**said))
    found.notes += [both.warning] if both.warning else []
    return found


def _residuals(fit: MixedFit, question: Question) -> Answer:
    """Whether the outcome looks like draws from the mixed model; what varies more makes its errors too small, which is a note."""
    found, checks = Answer(), check_residuals(fit, question.outcome.pairs, question.seed, N_SIMULATIONS)
    found.add("residuals", checks.assign(similarity=question.similarity, outcome=question.outcome.name))
    dispersion = checks.set_index("check").loc["dispersion"]
    if dispersion["ratio"] > DISPERSED and dispersion["p"] <= SIGNIFICANT:
        found.notes.append(
            f"{question.similarity}: the outcome varies {dispersion['ratio']:.2f} times as much as the {fit.family} mixed model says "
            f"(p = {dispersion['p']:.2g}), so that its errors are too small. Those of the conditional model, clustered by axon, hold."
        )
    return found


def _slope_rows(table: pd.DataFrame, question: Question, family: str) -> pd.DataFrame:
    """Slopes in the columns of `slopes.csv`; df is infinite, for intervals and p are of the normal distribution, as published."""
    used = question.outcome.pairs
    axons = used.groupby(question.by)["pre_nucleus_id"].nunique() if question.by else pd.Series({ALL: used["pre_nucleus_id"].nunique()})
    group = table["group"] if question.by else pd.Series(ALL, index=table.index)
    n_axons = group.map(axons).astype("int64")
    named = table.rename(columns={"n_rows": "n_pairs"}).assign(group=group, n_axons=n_axons, df=np.inf, family=family)
    named = with_effect_of_one_sd(named, question.outcome.sd(question.similarity))
    return named.assign(similarity=question.similarity, outcome=question.outcome.name)[SLOPE_COLUMNS]


def _of_outcome(table: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """A table of the conditional model as it is written: slopes of the outcome itself, and its name."""
    return outcome.per_unit(table).assign(outcome=outcome.name)


def _conditional(question: Question) -> Answer:
    """Slopes given each axon's total, and the axon that moves them most."""
    found, fit, outcome = Answer(), question.fit, question.outcome
    found.add("conditional", _of_outcome(fit.to_frame(), outcome))
    found.add("influence", _of_outcome(leave_one_axon_out(fit), outcome))
    if outcome.name == "size" and not outcome.holds_l_d:
        none, n = int((outcome.pairs["l_d_um"] <= 0).sum()), len(outcome.pairs)
        found.notes.append(f"{question.similarity}: L_d is not held: it is 0 in {none} of {n} connected pairs, or the same in all.")
    return found


def _ranking(question: Question) -> Answer:
    """AUC and average precision within each axon's candidates."""
    found, per_axon = Answer(), rank_within_axons(question.fit.choices, question.similarity)
    found.add("within_axons_each", per_axon.assign(similarity=question.similarity))
    if len(per_axon):
        found.add("within_axons", summarise_ranking(per_axon, question.seed).assign(similarity=question.similarity))
    else:
        found.lack("within_axons", f"{question.similarity}: no axon has both a connected and an unconnected candidate.")
    return found


def _bootstraps(question: Question) -> dict[str, Step]:
    """Bootstraps that draw other axons, and other axons and targets."""

    def of(bootstrap: Callable[..., Bootstrap]) -> Answer:
        found, table = Answer(), bootstrap(question.fit, question.seed, question.n_replicates, question.workers).to_frame()
        found.add("bootstrap", _of_outcome(table, question.outcome))
        return found

    return {
        "bootstrap over axons": lambda: of(bootstrap_axons),
        "bootstrap over axons and targets": lambda: of(bootstrap_axons_and_targets),
    }


def _nulls(question: Question) -> dict[str, Step]:
    """Every null that the outcome has; one that these pairs do not allow is a note."""
    options: dict[str, Any] = {"n_replicates": question.n_replicates, "workers": question.workers}
    choices, name, seed, measure = question.fit.choices, question.similarity, question.seed, question.measure
    stratum = strata(question.outcome)
    draws: dict[str, Callable[[], NullDistribution]] = {
        "permuted within axons": lambda: permute_within_axons(choices, name, seed, **options)
    }
    if stratum is not None:
        draws["permuted within layer and distance"] = lambda: permute_within_axons(choices, name, seed, stratum=stratum, **options)
    if measure is not None:
        draws["permuted neurons"] = lambda: permute_neurons(choices, measure, seed, **options)
    if question.outcome.name == "synapse_density":
        draws["rewired"] = lambda: rewire_pairs(choices, name, seed, **options)

    def drawn(step: str) -> Answer:
        found = Answer()
        try:
            table = draws[step]().to_frame()
        except ValueError as reason:
            found.notes.append(f"{name}, {step}: not drawn, since {reason}")
            found.lack("nulls", found.notes[-1])
            return found
        found.add("nulls", _of_outcome(table, question.outcome).assign(keeps_smoothness=False))
        found.notes += [f"{name} {step}: {note}" for note in _of_null(table, question)]
        return found

    return {step: partial(drawn, step) for step in draws}


def _of_null(table: pd.DataFrame, question: Question) -> list[str]:
    """Groups that a null could not test, and those where it and the error over axons disagree."""
    by_error = question.fit.to_frame().query("similarity == @question.similarity").set_index("group")["p"]
    rows = table.assign(by_error=table["group"].map(by_error))
    nothing = rows.loc[rows["p"].isna(), "group"]
    notes = []
    if len(nothing):
        notes.append(f"no degree of freedom in {', '.join(nothing)}: this null never changes the slope there, so that it tests nothing.")
    apart = rows[rows["p"].notna() & ((rows["p"] <= SIGNIFICANT) != (rows["by_error"] <= SIGNIFICANT))]
    if len(apart):
        said = ", ".join(f"{row.group} ({row.by_error:.2g} and {row.p:.2g})" for row in apart.itertuples())
        notes.append(f"the p of the error over axons and of this null disagree in {said}: believe neither alone.")
    return notes


def strata(outcome: Outcome) -> Int[np.ndarray, " pairs"] | None:
    """Layers (where known) and bins of soma distance, or of L_d where a distance is not known and L_d is not the outcome.

    Args:
        outcome: The outcome whose pairs are divided into strata.

    Returns:
        A number for every pair of `outcome.pairs`; None where nothing is known to divide them by.
    """
    used, n_bins = outcome.pairs, outcome.kind.n_bins
    layer = [name for name in ("proj_hva_layer",) if name in used]
    if "distance_um" in used and bool(used["distance_um"].notna().all()):
        return quantile_bins(used.assign(l_d_um=1.0), layer, {"distance_um": n_bins})  # all pairs count alike, whatever their L_d
    if outcome.name == "co_travel":
        return quantile_bins(used, layer) if layer else None
    return quantile_bins(used, layer, {"l_d_um": n_bins})


def measure_of(neurons: pd.DataFrame | None, similarity: str, monitor: Monitor) -> Measure | None:
    """The similarity of any two cells, their area and layer as strata; None where the neuron table does not have what it is made of.

    Args:
        neurons: The neuron table: nucleus_id (unique), vectors, and hva or brain_area and layer where known.
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
