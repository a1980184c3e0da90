"""Rewired circuits: as many partners for every neuron, and other ones."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from graphtwin.motor.circuit import Circuit
from graphtwin.statistics import exchange_ends, exchange_targets

Keep = Literal["degrees", "types", "distance"]
BINS = (
    4  # bins up to the median distance of connected neurons: narrow beside the fall of connections with distance, wide enough to exchange
)
PER_EDGE = {"degrees": 20, "types": 20, "distance": 100}  # proposed exchanges; nine in ten are refused where distance is kept

log = logging.getLogger("graphtwin")


def rewired(circuit: Circuit, rng: np.random.Generator, keep: Keep = "degrees", tell: bool = True) -> Circuit:
    """The circuit with targets exchanged between edges: every neuron keeps its numbers of partners, in and out, and gets other ones.

    No pair comes twice and no autapse is made. A count, and the sign where receptors decide, stays with the sender's edge, so that what a
    neuron sends in all stays too. Gap junctions exchange ends in the same way. Signs, types and places of neurons stay.

    Args:
        circuit: The circuit.
        rng: Source of the draws.
        keep: degrees: nothing else. types: also how many partners of each type every neuron has, in and out; neurons of unknown type count
            as one type. distance: also how many edges there are in every bin of distance, a quarter of the median distance of connected
            neurons wide; unknown distance is a bin.
        tell: Whether the log says how many edges have moved.

    Raises:
        ValueError: No neuron has a type, or no two that are connected have positions; or no edge can be exchanged.
    """
    if keep == "types" and not any(circuit.types):
        raise ValueError(
            f"None of {len(circuit.names)} neurons has a type, which rewiring shall keep. Give the column cell_type, or keep degrees."
        )
    pre, post, position = circuit.pre, circuit.post, circuit.position
    between = np.r_[position[pre] - position[post], position[circuit.gap_a] - position[circuit.gap_b]]
    distance = np.linalg.norm(between, axis=1)
    known = np.isfinite(distance) & (distance > 0)
    if keep == "distance" and not known.any():
        raise ValueError(
            f"None of {len(distance)} edges has a known distance, which rewiring shall keep: positions of {len(circuit.names)} neurons are "
            "missing. Give x_um, y_um, z_um, or keep degrees."
        )
    width = float(np.median(distance[known])) / BINS if keep == "distance" else 0.0
    types = np.unique(np.array(circuit.types), return_inverse=True)[1] if keep == "types" else np.zeros(len(circuit.names), np.int64)
    post, a, b = post.copy(), circuit.gap_a.copy(), circuit.gap_b.copy()
    more = PER_EDGE[keep]
    for rows in _blocks(types[pre], types[post]):
        place = (position[pre[rows]], position[post[rows]]) if width else None
        post[rows] = exchange_targets(pre[rows], post[rows], rng, more, place, width)
    # Types first: with the lower one at the first end, ends of two types are exchanged as targets are.
    turned = types[a] > types[b]
    a, b = np.where(turned, b, a), np.where(turned, a, b)
    for rows in _blocks(types[a], types[b]):
        place = (position[a[rows]], position[b[rows]]) if width else None
        if types[a[rows[0]]] == types[b[rows[0]]]:
            a[rows], b[rows] = exchange_ends(a[rows], b[rows], rng, more, place, width)
        else:
            b[rows] = exchange_targets(a[rows], b[rows], rng, more, place, width)
    a, b = np.minimum(a, b), np.maximum(a, b)
    _require_moved(circuit, post, a, b, keep, tell)
    return replace(circuit, post=post, gap_a=a, gap_b=b)


def _blocks(first: np.ndarray, second: np.ndarray) -> Iterator[np.ndarray]:
    """Edges of each pair of types."""
    pair = first * (max(int(second.max(initial=0)), 0) + 1) + second
    order = np.argsort(pair, kind="stable")
    starts = np.flatnonzero(np.diff(pair[order])) + 1
    yield from (rows for rows in np.split(order, starts) if len(rows))


def _require_moved(circuit: Circuit, post: np.ndarray, a: np.ndarray, b: np.ndarray, keep: Keep, tell: bool) -> None:
    """Say how many edges join other pairs than before; an error where none does."""
    n = len(circuit.names)
    old, old_gaps = circuit.pre * n + circuit.post, circuit.gap_a * n + circuit.gap_b
    moved = int((~np.isin(circuit.pre * n + post, old)).sum() + (~np.isin(a * n + b, old_gaps)).sum())
    total = len(old) + len(old_gaps)
    if not moved:
        raise ValueError(
            f"None of {total} edges can be exchanged with another where {keep} are kept: the rewired circuit would be the circuit itself. "
            "Keep less."
        )
    if tell:
        log.info("rewired, %s kept: %d of %d edges join pairs that were not joined before.", keep, moved, total)
