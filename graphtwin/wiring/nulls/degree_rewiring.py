"""Rewired graphs: what connections would look like if axons and targets kept their numbers of partners and nothing else."""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from graphtwin.execute import rng_for

MAX_CELLS = 2 * 10**9  # cells of the table of present pairs (axons x targets), one byte each: 2 GB
PROPOSALS_A_ROUND = 2**20  # proposed swaps that are drawn at once: 16 MiB


def rewire(
    pre_nucleus_id: Int[np.ndarray, " edges"],
    post_nucleus_id: Int[np.ndarray, " edges"],
    seed: int,
    name: str | int = 0,
    swaps_per_edge: int = 20,
    position: tuple[Float[np.ndarray, "edges xyz"], Float[np.ndarray, "edges xyz"]] | None = None,
    bin_um: float = 25.0,
) -> Int[np.ndarray, " edges"]:
    """New targets for the edges: every axon keeps its number of targets and every target its number of inputs.

    Two edges exchange targets, again and again, unless that makes a pair twice or a cell its own target. A refused exchange counts as a
    step, which makes every graph with these degrees equally likely in the long run; with cells that are both axon and target, graphs
    reached only by exchanging three edges at once are not visited. What belongs to an axon's edge, such as its size, stays in its row.
    Source: Fosdick et al. 2018, doi:10.1137/16M1087175.

    Args:
        pre_nucleus_id: Axon of each edge.
        post_nucleus_id: Target of each edge; no pair twice.
        seed: The run's seed.
        name: Number of the null graph.
        swaps_per_edge: Proposed exchanges for each edge; with positions nine in ten are refused, so take 100.
        position: Places (um) of the axon's and the target's cell for each edge; with them an exchange must also keep the number of edges in
            every bin of distance, unknown distance being one of them.
        bin_um: Width of the bins of distance, um.
    """
    pres, pre = np.unique(pre_nucleus_id, return_inverse=True)
    posts, post = np.unique(post_nucleus_id, return_inverse=True)
    if len(pres) * len(posts) > MAX_CELLS:
        raise ValueError(
            f"rewire: {len(pres)} axons x {len(posts)} targets need {len(pres) * len(posts) / 1e9:.1f} GB. "
            "Rewire blocks of axons apart, or leave out cells without an edge."
        )
    present = np.zeros((len(pres), len(posts)), dtype=np.uint8)
    np.add.at(present, (pre, post), 1)
    if (present > 1).any():
        raise ValueError(f"rewire: {np.count_nonzero(present > 1)} pairs occur more than once. Aggregate synapses to pairs first.")
    pre_place, post_place = _places(position, pre, post, len(pres), len(posts))
    rng, left = rng_for(seed, "rewired graph", name), swaps_per_edge * len(pre)
    while left > 0:
        first, second = rng.integers(0, len(pre), (2, min(left, PROPOSALS_A_ROUND)))
        _exchange(pre, post, present, pres, posts, first, second, pre_place, post_place, bin_um if position is not None else 0.0)
        left -= PROPOSALS_A_ROUND
    return posts[post]


def _places(
    position: tuple[np.ndarray, np.ndarray] | None, pre: np.ndarray, post: np.ndarray, n_pre: int, n_post: int
) -> tuple[np.ndarray, np.ndarray]:
    """Position of each axon and each target, from that of the edges' ends."""
    places = np.zeros((n_pre, 3)), np.zeros((n_post, 3))
    if position is not None:
        places[0][pre], places[1][post] = position
    return places


@njit(cache=True, nogil=True)
@no_type_check
def _bin_of(a, b, bin_um):
    """Distance bin of two places; -1 where one is unknown."""
    squared = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2
    return int(np.sqrt(squared) / bin_um) if squared == squared else -1


@njit(cache=True, nogil=True)
@no_type_check
def _exchange(pre, post, present, pres, posts, first, second, pre_place, post_place, bin_um):
    """Try to exchange the targets of edges first[k] and second[k], in place; bin_um 0 leaves distance free."""
    for k in range(len(first)):
        i, j = first[k], second[k]
        a, b, x, y = pre[i], pre[j], post[i], post[j]
        if a == b or x == y or present[a, y] or present[b, x] or pres[a] == posts[y] or pres[b] == posts[x]:
            continue
        if bin_um > 0:
            old_1, old_2 = _bin_of(pre_place[a], post_place[x], bin_um), _bin_of(pre_place[b], post_place[y], bin_um)
            new_1, new_2 = _bin_of(pre_place[a], post_place[y], bin_um), _bin_of(pre_place[b], post_place[x], bin_um)
            if not ((old_1 == new_1 and old_2 == new_2) or (old_1 == new_2 and old_2 == new_1)):
                continue
        present[a, x], present[b, y] = 0, 0
        present[a, y], present[b, x] = 1, 1
        post[i], post[j] = y, x
