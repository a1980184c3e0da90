"""Rewiring a pair table: connections exchange targets inside the candidates, and every axon and target keeps its number of partners.

Popular targets stay popular, so that what axons share by chance is in the null. Without regard for L_d a rewired connection lands on any
candidate, while real ones lie where L_d is large; where similarity goes with L_d that alone makes a difference, and the graphs must be
weighted.

The statistic counts connections, not synapses. Which connections have several synapses goes with L_d and with the other similarities,
and rewired connections, which keep their numbers, do not repeat that: in cortices without a rule of similarity a score of synapses lay 0.4
of its SD above those of rewired graphs. Nor do weights with fitted slopes repeat the sums of log L_d and the other similarities over
connections: slopes are fitted given the axons alone, rewiring holds targets too. So the similarity's sum is taken less what a regression on
these sums says, over data and replicates alike, which leaves them exchangeable. This is the efficient score given the degrees, with its
information by Monte Carlo. Source: Bera & Bilias 2001, doi:10.1016/S0378-3758(00)00343-8, for Neyman's C(alpha).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from graphtwin.execute import rng_for
from graphtwin.statistics import ROUNDING, replicate
from graphtwin.wiring.conditional import ScoreTest, score_test
from graphtwin.wiring.nulls.permutations import MAX_CELLS, N_REPLICATES, NullDistribution
from graphtwin.wiring.pairs import CandidateSet

KeepLd = Literal["weighted", "binned", "free"]
MOST_SYNAPSES = 50.0  # largest number of synapses expected of a pair; beyond, odds would outgrow float32
LEAST_WEIGHT = 1e-30  # least weight of a candidate; 0 marks a pair that is none
NAMES: dict[KeepLd, str] = {"weighted": "rewired", "binned": "rewired in L_d bins", "free": "rewired freely"}


def rewire_pairs(
    choices: CandidateSet,
    similarity: str,
    seed: int,
    n_replicates: int = N_REPLICATES,
    l_d: KeepLd = "weighted",
    n_bins: int = 8,
    swaps_per_edge: int = 20,
    workers: int = 1,
) -> NullDistribution:
    """Rewire the connected pairs inside the candidates, keeping the number of partners of every axon and of every target in each group.

    Two connections a > x and b > y become a > y and b > x if both are candidates, not yet connected, and of the same group. Each takes its
    number of synapses along its axon. Replicates start from one graph that is itself a rewiring of the data, as many steps away; data and
    replicates are then exchangeable however slowly the chain mixes. Source: Besag & Clifford 1989, doi:10.1093/biomet/76.4.633.

    Args:
        choices: The candidates.
        similarity: Name of the similarity that is tested, given the others of the candidates.
        seed: The run's seed.
        n_replicates: Number of rewired graphs.
        l_d: How L_d is kept. "weighted": a graph is as likely as the product over its connections of their odds e^mu - 1, where mu are the
            synapses expected without the similarity (from L_d and the others), so that the null is the Poisson model with the effects of
            axons and targets conditioned out. Log L_d is held like the others, because the odds of clustered synapses rise less with it.
            "binned": all graphs with the same number of connections in every quantile bin of L_d are equally likely. "free": all graphs
            are, whatever their L_d; no test of similarity where it goes with L_d.
        n_bins: Number of quantile bins of L_d in each group, if binned.
        swaps_per_edge: Proposed exchanges for each connection; in bins most are refused, so take 100.
        workers: Number of threads.

    Raises:
        ValueError: A fit fails (see `score_test`), a group is too large for its table, nothing can be exchanged, or there are too few
            replicates.
    """
    test = score_test(choices, similarity)
    summed = summed_columns(test, l_d)
    if n_replicates <= summed.shape[1]:
        raise ValueError(
            f"{NAMES[l_d]}: {n_replicates} replicates cannot tell {similarity} from {summed.shape[1] - 1} others that are held. "
            f"Draw more than {summed.shape[1]}, better hundreds."
        )
    tables = group_tables(choices, exchange_weights(choices, test.expected, l_d, n_bins))
    old = np.concatenate([table.row for table in tables])
    group = choices.block_group[choices.block[old]]

    def rewired(start: list[np.ndarray], name: str | int) -> list[np.ndarray]:
        rng = rng_for(seed, "rewired pairs", similarity, name)
        return [exchange(*table.arrays, target, swaps_per_edge, rng) for table, target in zip(tables, start, strict=True)]

    hub = rewired([table.target for table in tables], "hub")

    def draw(number: int) -> tuple[np.ndarray, float]:
        new = np.concatenate([table.row_of[table.axon, target] for table, target in zip(tables, rewired(hub, number), strict=True)])
        return sum_groups(summed[new], group, len(choices.groups)), float((old != new).mean())

    drawn = replicate(draw, n_replicates, workers, f"{similarity} {NAMES[l_d]}")
    moved = float(np.mean([moved for _, moved in drawn]))
    if moved == 0:
        raise ValueError(
            f"{NAMES[l_d]}: none of {len(old)} connections found another to exchange targets with. "
            "There are too few candidates for this null: use fewer bins, or permute neurons."
        )
    sums = np.stack([sum_groups(summed[old], group, len(choices.groups)), *(sums for sums, _ in drawn)])
    z, slope = efficient_scores(sums)
    return NullDistribution(NAMES[l_d], test, z[0], z[1:], slope[1:] / test.scale, moved)


def summed_columns(test: ScoreTest, l_d: KeepLd) -> Float[np.ndarray, "pairs columns"]:
    """Columns that are summed over connections: the similarity, the others and, where graphs are weighted by it, log L_d."""
    log_l_d = [np.log(test.choices.l_d_um)] if l_d == "weighted" else []
    return np.column_stack([test.value, test.others, *log_l_d])


def sum_groups(
    value: Float[np.ndarray, "edges columns"], group: Int[np.ndarray, " edges"], n_groups: int
) -> Float[np.ndarray, "groups columns"]:
    """Sums of each column over the connections of each group."""
    sums = np.zeros((n_groups, value.shape[1]))
    np.add.at(sums, group, value)
    return sums


def efficient_scores(
    sums: Float[np.ndarray, "draws groups columns"],
) -> tuple[Float[np.ndarray, "draws groups"], Float[np.ndarray, "draws groups"]]:
    """The first column less its regression on the others over all draws: in its SD (z), and over its variance (the one-step slope).

    0 where nothing varies that the others don't tell.
    """
    z, slope = np.zeros(sums.shape[:2]), np.zeros(sums.shape[:2])
    for g in range(sums.shape[1]):
        centred = sums[:, g] - sums[:, g].mean(axis=0)
        score = centred[:, 0] - centred[:, 1:] @ np.linalg.lstsq(centred[:, 1:], centred[:, 0], rcond=None)[0]
        sd = score.std()
        if sd > ROUNDING * max(float(np.abs(sums[:, g, 0]).max()), 1.0):  # sums are in SD of a pair's similarity: of 0 all is rounding
            z[:, g], slope[:, g] = score / sd, score / sd**2
    return z, slope


@dataclass(frozen=True)
class GroupTable:
    """Connections of one group, and where they may go.

    Attributes:
        row: Row of each connection in the candidates.
        axon, target: Number of each connection's axon and target, counted in the group.
        row_of: Row in the candidates of each pair of an axon and a target; -1 where the pair is no candidate.
        weight: Weight of each pair of an axon and a target, or 1 + its bin of L_d; 0 where the pair is no candidate.
        is_bin: Whether weights are bins of L_d to be kept.
    """

    row: Int[np.ndarray, " edges"]
    axon: Int[np.ndarray, " edges"]
    target: Int[np.ndarray, " edges"]
    row_of: Int[np.ndarray, "axons targets"]
    weight: Float[np.ndarray, "axons targets"]
    is_bin: bool

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, bool]:
        """The first arguments of `exchange`."""
        return self.axon, self.weight, self.is_bin


@dataclass(frozen=True)
class PairWeights:
    """What decides between graphs: weights of pairs, or bins to be kept."""

    value: Float[np.ndarray, " pairs"]
    is_bin: bool


def exchange_weights(choices: CandidateSet, expected: Float[np.ndarray, " pairs"], l_d: KeepLd, n_bins: int = 8) -> PairWeights:
    """Weight of each pair: the odds that it has a synapse at all, or 1 + its quantile bin of L_d in its group, or 1.

    Not its expected synapses: where L_d is large they grow with second and third synapses, and connections don't.
    """
    if l_d == "weighted":
        return PairWeights(np.maximum(np.expm1(np.minimum(expected, MOST_SYNAPSES)), LEAST_WEIGHT), False)
    if l_d == "binned":
        return PairWeights(1.0 + choices.l_d_bins(n_bins), True)
    return PairWeights(np.ones(len(expected)), False)


def group_tables(choices: CandidateSet, weights: PairWeights) -> list[GroupTable]:
    """The connections and weights of each group, one `GroupTable` a group."""
    border = choices.start[np.searchsorted(choices.block_group, np.arange(len(choices.groups) + 1))]
    axon_of = choices.block_axon[choices.block]
    tables = []
    for begin, end in pairwise(border):
        axons, axon = np.unique(axon_of[begin:end], return_inverse=True)
        targets, target = np.unique(choices.target[begin:end], return_inverse=True)
        if len(axons) * len(targets) > MAX_CELLS:
            raise ValueError(
                f"rewired: {len(axons)} axons x {len(targets)} targets need {len(axons) * len(targets) * 8 / 1e9:.1f} GB. Rewire parts."
            )
        row_of, weight = np.full((len(axons), len(targets)), -1, dtype=np.int32), np.zeros((len(axons), len(targets)), dtype=np.float32)
        row_of[axon, target], weight[axon, target] = np.arange(begin, end), weights.value[begin:end]
        edge = np.flatnonzero(choices.n_synapses[begin:end] > 0)
        tables.append(GroupTable(begin + edge, axon[edge].astype(np.int32), target[edge].astype(np.int32), row_of, weight, weights.is_bin))
    return tables


@njit(cache=True, nogil=True)
@no_type_check
def exchange(axon, weight, is_bin, start, swaps_per_edge, rng):
    """New targets of the connections, from `start`, after so many proposals each (Metropolis; a refusal counts). Releases the GIL."""
    n = len(axon)
    target, state, held = start.copy(), weight.copy(), np.empty(n, weight.dtype)  # state: the weight, negative where connected
    for k in range(n):
        held[k] = weight[axon[k], target[k]]
        state[axon[k], target[k]] = -held[k]
    for _ in range(swaps_per_edge * n):
        i, j = int(rng.random() * n), int(rng.random() * n)
        first, second = state[axon[i], target[j]], state[axon[j], target[i]]
        if first <= 0 or second <= 0:  # no candidates, or connected already
            continue
        if is_bin:
            if not ((first == held[i] and second == held[j]) or (first == held[j] and second == held[i])):
                continue
        else:
            odds = np.float64(first) * second / (np.float64(held[i]) * held[j])
            if odds < 1.0 and rng.random() >= odds:
                continue
        state[axon[i], target[i]], state[axon[j], target[j]] = held[i], held[j]
        state[axon[i], target[j]], state[axon[j], target[i]] = -first, -second
        held[i], held[j] = first, second
        target[i], target[j] = target[j], target[i]
    return target
