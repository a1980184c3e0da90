"""Rewiring a pair table: connections exchange targets inside the candidates, and every axon and target keeps its number of partners.

Popular targets stay popular, so that what axons share by chance is in the null. Without regard for L_d a rewired connection lands on any
candidate, while real ones lie where L_d is large; where similarity goes with L_d that alone makes a difference, and the graphs must be
weighted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from graphtwin.execute import rng_for
from graphtwin.wiring.candidates import CandidateSet
from graphtwin.wiring.pair_nulls import MAX_CELLS, N_REPLICATES, NullDistribution, distribution
from graphtwin.wiring.replicates import replicate
from graphtwin.wiring.score_test import score_test

KeepLd = Literal["weighted", "binned", "free"]
MOST_SYNAPSES = 50.0  # expected of a pair; beyond, odds would outgrow float32
LEAST_WEIGHT = 1e-30  # of a candidate; 0 marks what is none
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
        similarity: Which is tested, given their others.
        seed: The run's seed.
        n_replicates: Rewired graphs.
        l_d: "weighted": a graph is as likely as the product over its connections of their odds e^mu - 1, where mu are the synapses expected
            without the similarity (from L_d and the others), so that the null is the Poisson model with the effects of axons and targets
            conditioned out. "binned": all graphs with the same number of connections in every quantile bin of L_d are equally likely.
            "free": all graphs are, whatever their L_d; no test of similarity where it goes with L_d.
        n_bins: Bins in each group, if binned.
        swaps_per_edge: Proposed exchanges a connection; in bins most are refused, so take 100.
        workers: Threads.
    """
    test = score_test(choices, similarity)
    tables = group_tables(choices, pair_weights(choices, test.expected, l_d, n_bins))
    old, observed = np.concatenate([table.row for table in tables]), test.observed()
    count, group = choices.n_synapses[old], choices.block_group[choices.block[old]]

    def rewired(start: list[np.ndarray], name: str | int) -> list[np.ndarray]:
        rng = rng_for(seed, "rewired pairs", similarity, name)
        return [exchange(*table.arrays, target, swaps_per_edge, rng) for table, target in zip(tables, start, strict=True)]

    hub = rewired([table.target for table in tables], "hub")

    def draw(number: int) -> tuple[np.ndarray, float]:
        new = np.concatenate([table.row_of[table.axon, target] for table, target in zip(tables, rewired(hub, number), strict=True)])
        parts = observed.copy()  # an axon's total stays, and with it the information
        np.add.at(parts[:, 0], group, count * (test.value[new] - test.value[old]))
        np.add.at(parts[:, 2 + test.others.shape[1] :], group, count[:, None] * (test.others[new] - test.others[old]))
        return parts, float((old != new).mean())

    drawn = replicate(draw, n_replicates, workers, f"{similarity} {NAMES[l_d]}")
    moved = float(np.mean([moved for _, moved in drawn]))
    if moved == 0:
        raise ValueError(
            f"{NAMES[l_d]}: none of {len(old)} connections found another to exchange targets with. "
            "There are too few candidates for this null: use fewer bins, or permute neurons."
        )
    return distribution(NAMES[l_d], test, [parts for parts, _ in drawn], moved)


@dataclass(frozen=True)
class GroupTable:
    """Connections of one group, and where they may go.

    Attributes:
        row: Of each connection in the candidates.
        axon, target: Of each connection, numbered in the group.
        row_of: Row of the candidates of each axon and target; -1 where they are none.
        weight: Of each axon and target; 0 where they are no candidates. Binned: 1 + bin.
        is_bin: Whether weights are bins to be kept.
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


def pair_weights(choices: CandidateSet, expected: Float[np.ndarray, " pairs"], l_d: KeepLd, n_bins: int = 8) -> PairWeights:
    """Weight of each pair: the odds that it has a synapse at all, or 1 + its quantile bin of L_d in its group, or 1.

    Not its expected synapses: where L_d is large they grow with second and third synapses, and connections don't.
    """
    if l_d == "weighted":
        return PairWeights(np.maximum(np.expm1(np.minimum(expected, MOST_SYNAPSES)), LEAST_WEIGHT), False)
    if l_d == "binned":
        return PairWeights(1.0 + choices.l_d_bins(n_bins), True)
    return PairWeights(np.ones(len(expected)), False)


def group_tables(choices: CandidateSet, weights: PairWeights) -> list[GroupTable]:
    """One table a group."""
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
