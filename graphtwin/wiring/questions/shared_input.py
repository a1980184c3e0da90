"""Common input: do the targets of an axon respond alike, more than the rule for pairs makes them?

The weighted mean correlation of an axon's targets, rho = sum_{j<k} w_j w_k S_jk / sum_{j<k} w_j w_k, once with what was observed and once
with what a model of pairs expects. Source: Ding et al. 2025, doi:10.1038/s41586-025-08840-3, definitions of their common-input analysis.

How far the effects are from 0 where nothing but a rule for pairs is planted (100 tables of 30 axons each; correlations of 0 to .2):
synaptic within .002, called in 1 to 5 % at 5 %. A ratio of sums comes out too low where the targets of largest weight also vary most
around their expectation, relative to their weight. Synapses do not, given L_d. L_d does: with rules of slope 1.5 for L_d and for synapses
alike, axonal lies .004 and total .014 too low, called in 10 and 18 %. Where function varies smoothly with place, total is positive
without any rule for pairs (.03, called in 61 %), because an axon comes near targets that lie together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import no_type_check

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numba import njit
from scipy import sparse, stats

from graphtwin.execute import rng_for
from graphtwin.statistics import one_sided_p, resample_units, with_q
from graphtwin.tuning import unit_vectors
from graphtwin.wiring.conditional import fit_conditional, fit_rule
from graphtwin.wiring.pairs import outcome_of

MIN_TARGETS = 10  # connected partners that an axon needs, as published
EFFECTS = {
    "total": ("n_synapses", "expected_n_synapses"),
    "axonal": ("l_d_um", "expected_l_d_um"),
    "synaptic": ("n_synapses", "expected_n_synapses_given_l_d"),
}


def mean_correlation(
    vectors: Float[np.ndarray, "targets stimuli"], weight: Float[np.ndarray, "draws targets"]
) -> Float[np.ndarray, " draws"]:
    """Weighted mean correlation of targets, for each row of weights; NaN where fewer than two targets have weight.

    No matrix of correlations is made: sum_{j<k} w_j w_k S_jk = (|sum_j w_j z_j|^2 - sum_j w_j^2) / 2 for vectors z of length 1. Targets
    without weight cost nothing, and a draw of synapses leaves most of an axon's targets without.

    Args:
        vectors: Responses of targets centred and of length 1, as `unit_vectors` makes them.
        weight: Weight of each target in each draw, at least 0.
    """
    squares, some_weight = (weight**2).sum(axis=1), sparse.csr_array(weight)
    above = _squared_sums(some_weight.indptr, some_weight.indices, some_weight.data, vectors) - squares
    below = weight.sum(axis=1) ** 2 - squares
    some = below > 1e-9 * np.maximum(squares, 1e-300)
    return np.divide(above, below, out=np.full(len(weight), np.nan), where=some)


def expect(pairs: pd.DataFrame, similarities: Sequence[str], by: str) -> pd.DataFrame:
    """The pairs with what a rule for pairs expects of them: the columns of `EFFECTS`.

    The axonal and the total expectation know of no L_d: they share out an axon's co-travel, and its synapses, among all its pairs by
    similarity. The synaptic one shares out its synapses by L_d and similarity.

    Args:
        pairs: The pair table, without gaps in the similarities; pairs of L_d 0 too, for who comes close is asked of them all.
        similarities: Columns of the pair table that the rule is made of.
        by: Column of groups, each with slopes of its own.

    Raises:
        ValueError: One of the three rules (total, axonal, synaptic) cannot be fitted.
    """
    everyone = pairs.assign(l_d_um=pairs["l_d_um"].clip(lower=1e-9))  # every pair a choice
    return pairs.assign(
        expected_n_synapses=fit_rule(everyone, similarities, by=by, exposure=None).expected(pairs),
        expected_l_d_um=_expected_l_d(pairs, similarities, by),
        expected_n_synapses_given_l_d=fit_rule(pairs, similarities, by=by).expected(pairs),
    )


def _expected_l_d(pairs: pd.DataFrame, similarities: Sequence[str], by: str) -> Float[np.ndarray, " pairs"]:
    """Each axon's L_d in a group, shared out by similarity."""
    choices = outcome_of(pairs, "co_travel", similarities, by, of_all=True).choices
    log_share = (choices.x * fit_conditional(choices).standardised[choices.block_group[choices.block]]).sum(axis=1)
    share = np.exp(log_share - np.maximum.reduceat(log_share, choices.start[:-1])[choices.block])
    run = choices.sum_blocks(pairs["l_d_um"].to_numpy(np.float64)[choices.row])
    expected = np.full(len(pairs), np.nan)
    expected[choices.row] = share * (run / choices.sum_blocks(share))[choices.block]
    return expected


def common_input(
    pairs: pd.DataFrame,
    nucleus_id: Int[np.ndarray, " cells"],
    responses: Float[np.ndarray, "cells stimuli"],
    by: str = "proj_hva",
    min_targets: int = MIN_TARGETS,
    n_draws: int = 200,
    seed: int = 0,
    progress: bool = False,
) -> pd.DataFrame:
    """The mean correlation of every axon's targets, observed and expected.

    Args:
        pairs: The pair table with `n_synapses`, `l_d_um` and the expectations of `EFFECTS` that are there. Pairs whose target has no
            response, or a constant one, are left out and counted in `n_unknown`.
        nucleus_id: Nucleus ids of the cells with responses, none twice.
        responses: Responses of these cells to the same stimuli, in any unit.
        by: Column of groups; an axon is one sample in each group it has `min_targets` partners in.
        min_targets: Number of connected partners that an axon needs.
        n_draws: Number of sets of synapses drawn from the expectation, as many synapses as were observed: what chance alone makes of an
            axon's targets.
        seed: Seed of the draws.
        progress: Show a bar.

    Returns:
        A row an axon, group and effect: observed, expected, n_targets, n_connected, n_unknown, p_axon (share of draws at least as
        correlated; of synapses only).
    """
    from graphtwin.progress import tqdm

    vectors = unit_vectors(responses)
    post = pairs["post_nucleus_id"].to_numpy()
    at = pd.Index(nucleus_id).get_indexer(post)
    known = (at >= 0) & np.append(np.isfinite(vectors).all(axis=1), False)[at]
    effects = {name: pairs[list(both)].to_numpy(np.float64) for name, both in EFFECTS.items() if set(both) <= set(pairs.columns)}
    connected = pairs["n_synapses"].to_numpy() > 0
    rows = []
    axons = pairs.groupby([by, "pre_nucleus_id"], sort=True).indices
    for (group, axon), index in tqdm(axons.items(), desc="common input", unit="axon", leave=False, disable=not progress):
        inside = index[known[index]]
        inside = inside[np.argsort(post[inside])]
        n_connected = int(connected[inside].sum())
        if n_connected < min_targets:
            continue
        size = {"n_targets": len(inside), "n_connected": n_connected, "n_unknown": len(index) - len(inside)}
        for effect, both in effects.items():
            weights = both[inside].T
            used = np.isfinite(weights).all(axis=0)
            found = mean_correlation(vectors[at[inside[used]]], weights[:, used])
            row = {"group": group, "pre_nucleus_id": axon, "effect": effect, "observed": found[0], "expected": found[1], **size}
            row["p_axon"] = _p_of_draws(
                vectors[at[inside[used]]],
                weights[:, used],
                found[0],
                n_draws if EFFECTS[effect][0] == "n_synapses" else 0,
                (seed, effect, int(axon)),
            )
            rows.append(row)
    columns = ["group", "pre_nucleus_id", "effect", "observed", "expected", "n_targets", "n_connected", "n_unknown", "p_axon"]
    return pd.DataFrame(rows, columns=columns)


def _p_of_draws(
    vectors: np.ndarray,
    weights: Float[np.ndarray, "observed_and_expected targets"],
    observed: float,
    n_draws: int,
    name: tuple[int, str, int],
) -> float:
    """Share of draws, of as many synapses from the expectation, whose targets are at least as correlated as the observed."""
    if not n_draws or not np.isfinite(observed) or weights[1].sum() <= 0:
        return float("nan")
    seed, effect, axon = name
    total = round(weights[0].sum())
    drawn = rng_for(seed, "common input", effect, axon).multinomial(total, weights[1] / weights[1].sum(), size=n_draws)
    rho = mean_correlation(vectors, drawn.astype(np.float64))
    return float(one_sided_p(observed, rho))


def compare(axons: pd.DataFrame, seed: int = 0, n_replicates: int = 2000) -> pd.DataFrame:
    """Observed against expected over the axons of every group and effect.

    Args:
        axons: Observed and expected correlations of each axon, as `common_input` returns them.
        seed: Seed of the bootstrap over axons.
        n_replicates: Number of resamples of axons.

    Returns:
        group, effect, n_axons, observed, expected, difference with its 95 % interval (low, high; NaN for one axon), the Wilcoxon
        signed-rank statistic (smaller rank sum) with p, and q (Benjamini-Hochberg over the table). No p with fewer than 6 axons: none
        below .05 is possible.
    """
    rows = []
    for (group, effect), part in axons.dropna(subset=["observed", "expected"]).groupby(["group", "effect"], sort=True):
        difference = (part["observed"] - part["expected"]).to_numpy(np.float64)
        rng = rng_for(seed, "bootstrap", "common input", str(group), str(effect))
        mean = resample_units(np.mean, difference, rng, n_replicates)
        low, high = mean.interval()
        row = {
            "group": group,
            "effect": effect,
            "n_axons": len(part),
            "observed": part["observed"].mean(),
            "expected": part["expected"].mean(),
        }
        row |= {"difference": mean.estimate, "low": low, "high": high}
        tested = len(part) >= 6 and np.any(difference != 0)
        wilcoxon = stats.wilcoxon(difference) if tested else None
        row |= {"statistic": wilcoxon.statistic if wilcoxon else np.nan, "p": wilcoxon.pvalue if wilcoxon else np.nan}
        rows.append(row)
    columns = ["group", "effect", "n_axons", "observed", "expected", "difference", "low", "high", "statistic", "p"]
    return with_q(pd.DataFrame(rows, columns=columns))


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
@no_type_check
def _squared_sums(start, target, weight, vectors):
    """Squared length of each draw's weighted sum of vectors."""
    out = np.empty(len(start) - 1)
    for draw in range(len(out)):
        total = np.zeros(vectors.shape[1])
        for place in range(start[draw], start[draw + 1]):
            vector, w = vectors[target[place]], weight[place]
            for s in range(len(total)):
                total[s] += w * vector[s]
        out[draw] = 0.0
        for s in range(len(total)):
            out[draw] += total[s] * total[s]
    return out
