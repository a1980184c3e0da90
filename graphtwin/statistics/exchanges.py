"""Graphs with the degrees of another: two edges exchange their ends, again and again."""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from graphtwin.shapes import Float, Int

MOST_CELLS = 16 * 10**9  # cells of the table of present pairs (first ends x second ends), one bit each: 2 GB
PROPOSALS_A_ROUND = 2**20  # proposed exchanges that are drawn at once: 16 MiB
Positions = tuple[Float[np.ndarray, "edges xyz"], Float[np.ndarray, "edges xyz"]]


def exchange_targets(
    pre: Int[np.ndarray, " edges"],
    post: Int[np.ndarray, " edges"],
    rng: np.random.Generator,
    exchanges_per_edge: int = 20,
    position: Positions | None = None,
    bin_width: float = 25.0,
) -> Int[np.ndarray, " edges"]:
    """New targets for directed edges: every node keeps its numbers of edges in and out.

    Two edges exchange targets unless that makes a pair twice or a node its own target. A refused exchange counts as a step, which makes
    every graph with these degrees equally likely in the long run; with nodes that both send and receive, graphs reached only by exchanging
    three edges at once are not visited. What belongs to a sender's edge stays in its row. Source: Fosdick et al. 2018,
    doi:10.1137/16M1087175.

    Args:
        pre: Sender of each edge.
        post: Target of each edge; no pair twice.
        rng: Source of the draws.
        exchanges_per_edge: Proposed exchanges for each edge; with positions nine in ten are refused, so take 100.
        position: Places of the sender and of the target of each edge; with them an exchange must also keep the number of edges in every bin
            of distance, unknown distance being one of them.
        bin_width: Width of the bins of distance, in the unit of the places.
    """
    pres, first = np.unique(pre, return_inverse=True)
    posts, second = np.unique(post, return_inverse=True)
    second = second.copy()
    present = _present(first, second, len(pres), len(posts))
    places = _places(position, first, second, len(pres), len(posts))
    width = bin_width if position is not None else 0.0
    left = exchanges_per_edge * len(pre)
    while left > 0:
        proposed = rng.integers(0, len(pre), (2, min(left, PROPOSALS_A_ROUND)))
        _exchange(first, second, present, pres, posts, *proposed, *places, width, False)
        left -= PROPOSALS_A_ROUND
    return posts[second]


def exchange_ends(
    a: Int[np.ndarray, " edges"],
    b: Int[np.ndarray, " edges"],
    rng: np.random.Generator,
    exchanges_per_edge: int = 20,
    position: Positions | None = None,
    bin_width: float = 25.0,
) -> tuple[Int[np.ndarray, " edges"], Int[np.ndarray, " edges"]]:
    """New ends for undirected edges, as `exchange_targets`: every node keeps its number of edges, no pair comes twice in either order.

    Args:
        a: Node at one end of each edge.
        b: Node at the other end; no pair twice.
        rng: Source of the draws.
        exchanges_per_edge: Proposed exchanges for each edge.
        position: Places of the first and of the second end of each edge.
        bin_width: Width of the bins of distance, in the unit of the places.
    """
    nodes, ends = np.unique(np.r_[a, b], return_inverse=True)
    first, second = ends[: len(a)].copy(), ends[len(a) :].copy()
    present = _present(np.r_[first, second], np.r_[second, first], len(nodes), len(nodes))
    if position is not None:
        both = np.concatenate(position)
        position = both, both
    places = _places(position, ends, ends, len(nodes), len(nodes))
    width = bin_width if position is not None else 0.0
    for _ in range(exchanges_per_edge):
        turned = rng.random(len(a)) < 0.5  # either end may be the one that is exchanged
        first, second = np.where(turned, second, first), np.where(turned, first, second)
        _exchange(first, second, present, nodes, nodes, *rng.integers(0, len(a), (2, len(a))), *places, width, True)
    return nodes[first], nodes[second]


def _present(first: np.ndarray, second: np.ndarray, n: int, m: int) -> np.ndarray:
    """One bit for each pair of nodes: whether an edge joins them."""
    if n * m > MOST_CELLS:
        raise ValueError(
            f"rewire: {n} axons x {m} targets need {n * m / 8e9:.1f} GB. Rewire blocks of axons apart, or leave out cells without an edge."
        )
    pair = first.astype(np.int64) * m + second
    repeated = np.unique(pair, return_counts=True)[1] > 1
    if repeated.any():
        raise ValueError(f"rewire: {np.count_nonzero(repeated)} pairs occur more than once. Aggregate synapses to pairs first.")
    present = np.zeros(n * m // 8 + 1, dtype=np.uint8)
    np.bitwise_or.at(present, pair >> 3, (1 << (pair & 7)).astype(np.uint8))
    return present


def _places(position: Positions | None, first: np.ndarray, second: np.ndarray, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Position of each sender and each target, from that of the edges' ends."""
    places = np.zeros((n, 3)), np.zeros((m, 3))
    if position is not None:
        places[0][first], places[1][second] = position
    return places


@njit(cache=True, nogil=True)
@no_type_check
def _bin_of(a, b, bin_width):
    """Distance bin of two places; -1 where one is unknown."""
    squared = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2
    return int(np.sqrt(squared) / bin_width) if squared == squared else -1


@njit(cache=True, nogil=True)
@no_type_check
def _joined(present, pair):
    """Whether an edge joins a pair."""
    return (present[pair >> 3] >> (pair & 7)) & 1


@njit(cache=True, nogil=True)
@no_type_check
def _turn(present, pair):
    """Join a pair that is not joined, or part one that is."""
    present[pair >> 3] ^= np.uint8(1 << (pair & 7))


@njit(cache=True, nogil=True)
@no_type_check
def _exchange(pre, post, present, pres, posts, first, second, pre_place, post_place, bin_width, undirected):
    """Try to exchange the targets of edges first[k] and second[k], in place; bin_width 0 leaves distance free."""
    m = len(posts)
    for k in range(len(first)):
        i, j = first[k], second[k]
        a, b, x, y = pre[i], pre[j], post[i], post[j]
        if a == b or x == y or pres[a] == posts[y] or pres[b] == posts[x] or _joined(present, a * m + y) or _joined(present, b * m + x):
            continue
        if bin_width > 0:
            old_1, old_2 = _bin_of(pre_place[a], post_place[x], bin_width), _bin_of(pre_place[b], post_place[y], bin_width)
            new_1, new_2 = _bin_of(pre_place[a], post_place[y], bin_width), _bin_of(pre_place[b], post_place[x], bin_width)
            if not ((old_1 == new_1 and old_2 == new_2) or (old_1 == new_2 and old_2 == new_1)):
                continue
        _turn(present, a * m + x)
        _turn(present, b * m + y)
        _turn(present, a * m + y)
        _turn(present, b * m + x)
        if undirected:
            _turn(present, x * m + a)
            _turn(present, y * m + b)
            _turn(present, y * m + a)
            _turn(present, x * m + b)
        post[i], post[j] = y, x
