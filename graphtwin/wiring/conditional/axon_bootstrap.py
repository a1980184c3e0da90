"""How far the conditional slopes would move with other axons, or other axons and targets, and which axon carries them.

A replicate reuses the table: axons (and targets) count as often as they were drawn, and the weighted likelihood is maximised again, from
where the estimate stands. Replicates of groups share their axons, so that differences of groups are paired.

Axons alone: the variance over axons onto these targets. Where targets are popular it is too small, because axons then agree by chance.
Axons and targets: the weight of a pair is the product of two draws (the pigeonhole bootstrap; Owen 2007, doi:10.1214/07-AOAS122; Owen &
Eckles 2012, doi:10.1214/12-AOAS547). Its variance counts what axons and targets share once and the pair's own noise three times, which is
far too much where most synapses are noise. So deviations are shrunk by the ratio of two sandwich errors: with the pair's noise counted once
(Cameron, Gelbach & Miller 2011, doi:10.1198/jbes.2010.07136) over thrice. Intervals are percentiles, widened where few axons (or targets)
carry the synapses (Hesterberg 2015, doi:10.1080/00031305.2015.1089789).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import pandas as pd
from jaxtyping import Float
from numba import njit
from scipy import stats

from graphtwin.statistics import Resampled, named_counts, replicate
from graphtwin.wiring.conditional.conditional_fit import ConditionalFit, arrays_of, per_group
from graphtwin.wiring.conditional.newton import FITTED, newton_step, solve_groups
from graphtwin.wiring.pairs import CandidateSet, with_effect_of_one_sd

N_REPLICATES = 1000  # replicates: each end of a 95 % interval then rests on 25 of them
LONGEST_FIRST_STEP = 1.0  # slope over SD, of Newton's first step; a longer one leaves the estimate's neighbourhood


@dataclass(frozen=True)
class Bootstrap:
    """Slopes of resampled tables, NaN where a resample had none.

    Attributes:
        fit: The conditional fit of the whole table: the estimate.
        resampled: What is drawn anew: "axons" or "axons and targets".
        replicates: Slopes per unit of each similarity.
        shrink: Factor by which intervals multiply deviations from the estimate (1 for axons alone).
        degrees: Degrees of freedom, by which intervals are widened.
    """

    fit: ConditionalFit
    resampled: str
    replicates: Float[np.ndarray, "replicates groups similarities"]
    shrink: Float[np.ndarray, "groups similarities"]
    degrees: Float[np.ndarray, "groups similarities"]

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row a group and similarity: estimate, SE, p (Student's t), percentile interval; NaN if over a tenth had no slope.

        What one SD of the similarity multiplies synapses by is rate_ratio, with its interval; sd is that over all candidates.
        """
        choices, rows = self.fit.choices, []
        for g, group in enumerate(choices.groups):
            for s, similarity in enumerate(choices.similarities):
                estimate, n_axons = float(self.fit.slope[g, s]), int(self.fit.n_axons[g])
                values = estimate + self.shrink[g, s] * (self.replicates[:, g, s] - estimate)
                low, high = Resampled(estimate, values, float(self.degrees[g, s])).interval(level)
                se = float(np.nanstd(values, ddof=1)) if np.isfinite(low) else float("nan")
                row = {"group": group, "similarity": similarity, "resampled": self.resampled, "estimate": estimate}
                row |= {"se": se, "df": float(self.degrees[g, s]), "p": _p(estimate, se, float(self.degrees[g, s]))}
                row |= {"low": low, "high": high, "n_axons": n_axons, "n_replicates": len(values)}
                rows.append(row | {"n_undefined": int(np.isnan(values).sum())})
        return with_effect_of_one_sd(pd.DataFrame(rows), pd.Series(np.tile(choices.scale, len(choices.groups))))


def _p(estimate: float, se: float, degrees: float) -> float:
    """Two-sided p of a slope by its bootstrap error and Student's t."""
    return float(2 * stats.t.sf(abs(estimate / se), degrees)) if se > 0 else float("nan")


def bootstrap_axons(fit: ConditionalFit, seed: int, n_replicates: int = N_REPLICATES, workers: int = 1) -> Bootstrap:
    """Resample axons with replacement.

    Args:
        fit: The conditional fit of the whole table: the estimate.
        seed: The run's seed.
        n_replicates: Number of resamples.
        workers: Number of threads.
    """
    n_axons, every = len(fit.choices.axons), np.zeros(0)
    slopes = refits(fit, lambda number: (named_counts(seed, "axon", number, n_axons), every), n_replicates, workers, "bootstrap of axons")
    return Bootstrap(fit, "axons", slopes, np.ones_like(fit.slope), fit.degrees)


def bootstrap_axons_and_targets(fit: ConditionalFit, seed: int, n_replicates: int = N_REPLICATES, workers: int = 1) -> Bootstrap:
    """Resample axons and, independently, targets, both with replacement; a pair counts as the product of its two draws.

    Args:
        fit: The conditional fit of the whole table: the estimate.
        seed: The run's seed.
        n_replicates: Number of resamples.
        workers: Number of threads.
    """
    choices = fit.choices
    n_axons, n_targets = len(choices.axons), len(choices.targets)

    def weights(number: int) -> tuple[np.ndarray, np.ndarray]:
        return named_counts(seed, "axon", number, n_axons), named_counts(seed, "target", number, n_targets)

    slopes = refits(fit, weights, n_replicates, workers, "bootstrap of axons and targets")
    once, thrice = two_way_errors(fit)
    degrees = np.minimum(fit.degrees, target_degrees(choices)[:, None])
    return Bootstrap(fit, "axons and targets", slopes, once / thrice, degrees)


def refits(
    fit: ConditionalFit, weights: Callable[[int], tuple[np.ndarray, np.ndarray]], n: int, workers: int, label: str
) -> Float[np.ndarray, "replicates groups similarities"]:
    """Slopes per unit with axons and targets weighted; NaN for a group without an estimate.

    Args:
        fit: The conditional fit of the whole table, from whose estimate every search starts.
        weights: Function from the number of a replicate to the weights of axons and of targets (empty: every target counts once).
        n: Number of replicates.
        workers: Number of threads.
        label: Text of the progress bar.
    """
    choices, estimate = fit.choices, fit.standardised
    arrays, of_blocks = arrays_of(choices), (choices.block_axon, choices.block_group, fit.score, fit.information)

    def draw(number: int) -> tuple[np.ndarray, np.ndarray]:
        axon_weight, target_weight = weights(number)
        beta = estimate.copy() if len(target_weight) else _first_step(*of_blocks, axon_weight, estimate)
        status = solve_groups(*arrays, axon_weight, target_weight, beta)
        return beta, status

    beta, status = (np.stack(part) for part in zip(*replicate(draw, n, workers, label), strict=True))
    return np.where((status == FITTED)[:, :, None], beta / choices.scale, np.nan)


def two_way_errors(fit: ConditionalFit) -> tuple[Float[np.ndarray, "groups similarities"], Float[np.ndarray, "groups similarities"]]:
    """Errors of the slopes clustered by axons and by targets: the pair's own noise counted once, and three times as the bootstrap does.

    Counting once subtracts an estimate and may fall below either one-way error; it is then the larger of these.
    """
    choices, beta = fit.choices, fit.standardised
    score = _pair_scores(choices.start, choices.block_group, choices.x, choices.exposure, choices.n_synapses, beta)
    group = choices.block_group[choices.block]
    bread = np.linalg.inv(per_group(choices, fit.information))
    by_axon, by_target, alone = (
        np.stack([_variance(bread[g], cluster, score, group == g) for g in range(len(choices.groups))])
        for cluster in (choices.block_axon[choices.block], choices.target, np.arange(len(group)))
    )
    once = np.maximum(by_axon + by_target - alone, np.maximum(by_axon, by_target))
    return np.sqrt(once), np.sqrt(by_axon + by_target + alone)


def target_degrees(choices: CandidateSet) -> Float[np.ndarray, " groups"]:
    """One less than the number of even targets that the synapses of each group are worth: (sum n)^2 / sum n^2. At least 1."""
    worth = np.empty(len(choices.groups))
    group = choices.block_group[choices.block]
    for g in range(len(worth)):
        n = np.bincount(choices.target[group == g], choices.n_synapses[group == g])
        worth[g] = n.sum() ** 2 / np.sum(n**2)
    return np.maximum(worth - 1, 1.0)


def _variance(bread: np.ndarray, cluster: np.ndarray, score: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Variance of each slope when the scores of a cluster's pairs go together."""
    total = np.zeros((int(cluster.max()) + 1, score.shape[1]))
    np.add.at(total, cluster[chosen], score[chosen])
    return ((total @ bread) ** 2).sum(axis=0)


def leave_one_axon_out(fit: ConditionalFit, workers: int = 1) -> pd.DataFrame:
    """Exact refits without each axon that has synapses.

    Args:
        fit: The conditional fit of the whole table: the estimate.
        workers: Number of threads.

    Returns:
        One row a group, similarity and axon of the group: estimate_without, change (with it minus without), change_in_se (over the
        axon-clustered error), and is_most_influential. NaN where nothing can be estimated without the axon, which then is the most
        influential.
    """
    choices = fit.choices
    taking_part = np.unique(choices.block_axon[np.abs(fit.score).sum(1) + np.abs(fit.information).sum((1, 2)) > 0])

    def others(number: int) -> tuple[np.ndarray, np.ndarray]:
        return (np.arange(len(choices.axons)) != taking_part[number]).astype(np.float64), np.zeros(0)

    without = refits(fit, others, len(taking_part), workers, "leaving axons out")
    rows = []
    for g, group in enumerate(choices.groups):
        members = np.isin(taking_part, choices.block_axon[choices.block_group == g])
        for s, similarity in enumerate(choices.similarities):
            change = fit.slope[g, s] - without[members, g, s]
            frame = pd.DataFrame({"pre_nucleus_id": choices.axons[taking_part[members]], "estimate_without": without[members, g, s]})
            frame.insert(0, "similarity", similarity)
            frame.insert(0, "group", group)
            largest = np.nan_to_num(np.abs(change), nan=np.inf).argmax()
            rows.append(
                frame.assign(change=change, change_in_se=change / fit.se_axon[g, s], is_most_influential=np.arange(len(change)) == largest)
            )
    return pd.concat(rows, ignore_index=True)


@njit(cache=True, nogil=True)
@no_type_check
def _first_step(block_axon, block_group, score, information, axon_weight, estimate):
    """Slopes after Newton's first step from the estimate with axons weighted, which needs no pass over the pairs."""
    p, beta = estimate.shape[1], estimate.copy()
    for g in range(len(estimate)):
        total, square, step = np.zeros(p), np.zeros((p, p)), np.zeros(p)
        for b in range(len(block_axon)):
            if block_group[b] == g:
                total += axon_weight[block_axon[b]] * score[b]
                square += axon_weight[block_axon[b]] * information[b]
        if newton_step(total, square, 0.0, step) and np.abs(step).max() < LONGEST_FIRST_STEP:
            beta[g] += step
    return beta


@njit(cache=True, nogil=True)
@no_type_check
def _pair_scores(start, block_group, x, exposure, n_synapses, beta):
    """(similarity - its expected mean) x (observed - expected synapses) of each pair: its part of the conditional score."""
    p = x.shape[1]
    out, mean = np.zeros(x.shape), np.zeros(p)
    for b in range(len(block_group)):
        begin, end = start[b], start[b + 1]
        made, total = 0.0, 0.0
        mean[:] = 0.0
        for i in range(begin, end):
            eta = 0.0
            for k in range(p):
                eta += x[i, k] * beta[block_group[b], k]
            weight = exposure[i] * np.exp(eta)
            made += n_synapses[i]
            total += weight
            for k in range(p):
                mean[k] += weight * x[i, k]
            out[i, 0] = weight
        for i in range(begin, end):
            off = n_synapses[i] - made * out[i, 0] / total
            for k in range(p):
                out[i, k] = (x[i, k] - mean[k] / total) * off
    return out
