"""The slope that holds where function and wiring are both smooth: given each axon's total and geometry, with an error that knows of space.

Who gets an axon's synapses is compared among its candidates, L_d and distance held (`geometry_terms`). The error has two parts. Scores are
clustered by axon with CR2 and Student's t (`conditional_fit`), which holds whatever lies within an axon: hot spots of its own, and a rule
that differs from axon to axon. What axons share because all of them meet the same tissue, hot spots and popular targets, is added from the
covariance of the maps of similarity (`separable`), never taken off. Where a group has several animals, scores are clustered by animal.

The spatial p is that of the score without the similarity against other draws of equally smooth function, wiring as it is. It is too small
where function is organised in layers, for steps of depth are no smooth field: .10 to .15 of tables without a rule have p at most .05. The
interval holds there. `analyses/planted_pairs` counts how often both err.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Int
from scipy import stats

from graphtwin.wiring.conditional import ConditionalFit, clustered_errors, expected_synapses, fit_conditional, require_fitted, solve
from graphtwin.wiring.pairs import ALL, EFFECT, CandidateSet, Outcome, outcome_of, with_effect_of_one_sd, within_axons
from graphtwin.wiring.spatial.geometry_terms import MOST_DETAIL, geometry_terms
from graphtwin.wiring.spatial.places import Places
from graphtwin.wiring.spatial.separable import FieldCovariance, field_covariance

PER_TERM = 5  # least number of synapses (or pairs, of another outcome) for each column of geometry that is held; a choice
LEVEL = 0.95  # of intervals
COLUMNS = [
    "group",
    "similarity",
    "outcome",
    "estimate",
    "se",
    "df",
    "t",
    "p",
    "low",
    "high",
    *EFFECT,
]
COLUMNS += [
    "se_clustered",
    "p_spatial",
    "z_spatial",
    "df_spatial",
    "se_spatial",
    "range_um",
    "smooth_share",
    "geometry",
    "clusters",
    "n_clusters",
]
COLUMNS += ["n_pairs", "n_unplaced", "n_axons", "n_targets"]


@dataclass(frozen=True)
class _Slope:
    """What one similarity's row is made of, in the scale of the candidates."""

    estimate: float
    clustered: float
    degrees: float
    field: FieldCovariance | None
    shared: float
    z: float
    null_sd: float


def robust_slopes(
    outcome: Outcome, places: Places | None, seed: int = 0, animal: pd.Series | None = None
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Slopes of the similarities of an outcome, all in one model, in every group.

    Args:
        outcome: The outcome, with one similarity or several.
        places: Positions of the cells; None where they are not known: then distance is held where the pairs have it, and the error is
            that over axons alone.
        seed: Seed of the choice of landmarks, where there are many targets.
        animal: Animal of each axon, by nucleus id; None where all are of one. A group whose axons are of one animal has axons as clusters.

    Returns:
        A row a group and similarity: estimate (per unit of the similarity), se, df, t, p, low, high; sd, that of the similarity over
        all candidates of the outcome, whatever their group and whether they have positions, and rate_ratio with its interval: what one sd
        multiplies the outcome by; se_clustered, the error without what axons share; p_spatial (too small for layers), z_spatial,
        df_spatial and se_spatial, the SD of the slope over other draws of function (NaN where positions are not known); range_um and
        smooth_share of the maps' variogram; geometry: what is held; clusters ("axons" or "animals") and their number; n_pairs, n_unplaced
        (pairs left out because a position is not known), n_axons, n_targets.
        And the reason for each group that has no slope.
    """
    groups = outcome.pairs.groupby(outcome.by, sort=True) if outcome.by else [(ALL, outcome.pairs)]
    found, reasons = [], {}
    for group, pairs in groups:
        placed = pairs if places is None else pairs[places.known(pairs)]
        try:
            rows = _of_group(replace(outcome, table=placed, by=None), places, seed, animal)
        except ValueError as reason:
            reasons[str(group)] = str(reason)
            continue
        found.append(rows.assign(group=str(group), n_unplaced=len(pairs) - len(placed)))
    if not found:
        return pd.DataFrame(columns=COLUMNS), reasons
    table = pd.concat(found, ignore_index=True)
    table = with_effect_of_one_sd(table, table["similarity"].map({name: outcome.sd(name) for name in outcome.similarities}))
    return table[COLUMNS], reasons


def _of_group(outcome: Outcome, places: Places | None, seed: int, animal: pd.Series | None) -> pd.DataFrame:
    """The rows of one group."""
    if outcome.pairs.empty:
        raise ValueError("no pair is left whose cells have positions. Give a neuron table with the positions of all cells.")
    fit, held = _fitted(outcome, places)
    choices = fit.choices
    kind, cluster = _clusters(choices.axons, animal)
    names, code = np.unique(cluster[choices.block_axon], return_inverse=True)
    clustered, degrees = clustered_errors(_sums(fit.score, code), _sums(fit.information, code))
    rows = []
    for name in outcome.similarities:
        slope = _slope(fit, name, float(clustered[choices.column(name)]), float(degrees[choices.column(name)]), places, seed)
        scale = float(choices.scale[choices.column(name)])
        rows.append(_row(slope, scale, outcome.kind.step) | {"similarity": name, "geometry": held})
    counts = {"n_pairs": len(choices.row), "n_axons": int(fit.n_axons[0]), "n_targets": len(choices.targets)}
    return pd.DataFrame(rows).assign(outcome=outcome.name, clusters=kind, n_clusters=len(names), **counts)


def _clusters(axons: Int[np.ndarray, " axons"], animal: pd.Series | None) -> tuple[str, np.ndarray]:
    """What the errors are clustered by, and the cluster of each axon: animals, or axons where all are of one animal."""
    if animal is None:
        return "axons", axons
    of_axon = animal.reindex(axons)
    unknown = of_axon.index[of_axon.isna()]
    if len(unknown):
        raise ValueError(
            f"animal is not known for {len(unknown)} of {len(axons)} axons, first {unknown[:3].tolist()}. "
            "Write the animal of every axon, or drop the column where all are of one."
        )
    return ("axons", axons) if of_axon.nunique() < 2 else ("animals", of_axon.to_numpy().astype(str))


def _fitted(outcome: Outcome, places: Places | None) -> tuple[ConditionalFit, str]:
    """The conditional model with as much geometry as the outcome can tell apart, and in words what is held."""
    pairs = outcome.pairs
    amount = pairs["n_synapses"].sum() if outcome.name == "synapse_density" else len(pairs)
    details = range(MOST_DETAIL, -1, -1) if places is not None else (0,)
    ladder = (geometry_terms(pairs, places, detail) for detail in details)
    failure: ValueError | None = None
    for terms in ladder:
        if not terms.shape[1] or amount < PER_TERM * terms.shape[1]:
            continue
        try:
            return _with_terms(outcome, terms), _words(terms)
        except ValueError as reason:
            failure = reason
    try:
        return _with_terms(outcome, pd.DataFrame(index=pairs.index)), ""
    except ValueError as reason:
        raise (failure or reason) from None


def _with_terms(outcome: Outcome, terms: pd.DataFrame) -> ConditionalFit:
    held = outcome_of(outcome.pairs.assign(**terms), outcome.name, [*outcome.similarities, *terms.columns], of_all=outcome.of_all)
    return fit_conditional(held.choices)


def _words(terms: pd.DataFrame) -> str:
    """The quantities that are held, as in "distance, offset along depth"."""
    return ", ".join(dict.fromkeys(str(name).rsplit(",", 1)[0] for name in terms))


def _sums(value: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Sum over the blocks of each cluster."""
    out = np.zeros((int(code.max()) + 1, *value.shape[1:]))
    np.add.at(out, code, value)
    return out


def _slope(fit: ConditionalFit, name: str, clustered: float, degrees: float, places: Places | None, seed: int) -> _Slope:
    """Estimate and what its two errors are made of."""
    choices = fit.choices
    at = choices.column(name)
    beta = fit.standardised
    information = 1 / np.linalg.inv(fit.information.sum(axis=0))[at, at]
    if places is None:
        return _Slope(float(beta[0, at]), clustered, degrees, None, 0.0, np.nan, np.nan)
    field = _field(choices, at, places, seed)
    _, shared = field.variance(choices.matrix(choices.n_synapses - expected_synapses(choices, beta)))
    held = choices.only([other for other in choices.similarities if other != name])
    without, status = solve(held, np.ones(len(choices.axons)), np.delete(beta, at, axis=1))
    require_fitted(held, without, status)
    residual = choices.n_synapses - expected_synapses(held, without)
    variance, _ = field.variance(choices.matrix(residual))
    z = float(residual @ choices.x[:, at] / np.sqrt(variance)) if variance > 0 else np.nan
    return _Slope(
        float(beta[0, at]),
        clustered,
        degrees,
        field,
        max(shared, 0.0) * field.few_maps / information**2,
        z,
        float(np.sqrt(max(variance, 0.0))) / information,
    )


def _field(choices: CandidateSet, at: int, places: Places, seed: int) -> FieldCovariance:
    """Covariance of the maps of a similarity, less what its axon's mean and all other columns say."""
    x = within_axons(choices, choices.x)
    others = np.delete(x, at, axis=1)
    maps = x[:, at] - others @ np.linalg.lstsq(others.T @ others, others.T @ x[:, at], rcond=None)[0] if others.shape[1] else x[:, at]
    return field_covariance(choices.matrix(maps), choices.matrix(np.ones(len(maps))) > 0, places.of(choices.targets), seed)


def _row(slope: _Slope, scale: float, step: float) -> dict[str, float]:
    """The numbers of a row, per unit of the similarity and of the outcome."""
    se = float(np.sqrt(slope.clustered**2 + slope.shared))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, slope.degrees)) * se
    t, unit = slope.estimate / se, 1 / (scale * step)
    low, high = slope.estimate - reach, slope.estimate + reach
    row = {
        "estimate": slope.estimate * unit,
        "se": se * unit,
        "df": slope.degrees,
        "t": t,
        "p": float(2 * stats.t.sf(abs(t), slope.degrees)),
    }
    row |= {"low": low * unit, "high": high * unit, "se_clustered": slope.clustered * unit}
    if slope.field is None:
        return row | dict.fromkeys(["p_spatial", "z_spatial", "df_spatial", "se_spatial", "range_um", "smooth_share"], np.nan)
    curve, degrees = slope.field.variogram, slope.field.degrees
    row |= {"p_spatial": float(2 * stats.t.sf(abs(slope.z), degrees)), "z_spatial": slope.z, "df_spatial": degrees}
    row |= {"se_spatial": slope.null_sd * unit}
    return row | {"range_um": curve.range_um if curve.smooth > 0 else 0.0, "smooth_share": curve.smooth / curve.sill}
