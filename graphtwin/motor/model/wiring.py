"""The edges of a circuit as the time loop reads them: by target and by source, in an order of neurons in which partners lie close."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee

from graphtwin.motor.circuit import Circuit
from graphtwin.motor.model.strips import STRIP
from graphtwin.shapes import Int

IN_CACHE = 4096  # neurons whose states lie in a core's cache in any order
# Within so many neurons those with as many inputs come together: loops over edges then end where the processor expects it, which
# makes products up to 1.7 times as fast; over many more, partners would lie apart.
SORTED = 1024
# What makes an order slow: lines of states that come into the nearest cache, one a line and so many rows; and rows of another length
# than the one before, each as slow as `BREAK` lines. Of four orders of the fly's eye, of a circuit of neighbours and of the same in an
# order drawn at random this takes the fastest; the wrong one is 1.3 to 2.3 times as slow.
LINE, AT_HAND, BREAK = 16, 64, 3
# Time to read a strip, and to begin a row, over that of an edge in a row; and what strips must leave of the time without them: rows of
# which they take some edges are slower for it.
OF_STRIP, OF_ROW, WORTH = 3.0, 9.0, 0.75


@dataclass(frozen=True)
class Edges:
    """Edges as a loop goes through them: those that lie in strips (`strips`), then the others in compressed rows.

    Attributes:
        strips: First strip of each `STRIP` places, and the end; one 0 where there are no strips.
        first: Place of the first partner of each strip, plus `STRIP`.
        row: Place of each compressed row, in the order in which they are gone through.
        begin: First edge of each row, and the end.
        partner: Place of the neuron at the other end of each edge in rows.
        edge: Edge of the circuit at each slot, `STRIP` slots a strip and one an edge in rows; the number of edges where a slot is empty.
    """

    strips: Int[np.ndarray, " blocks_and_one"]
    first: np.ndarray
    row: Int[np.ndarray, " rows"]
    begin: Int[np.ndarray, " rows_and_one"]
    partner: np.ndarray
    edge: np.ndarray


@dataclass(frozen=True)
class Wiring:
    """Edges in the orders in which they are read; a neuron's place is its number in the time loop.

    Attributes:
        order: Neuron of the circuit at each place.
        place: Place of each neuron of the circuit.
        into: Incoming edges, a row a place, in their order, in which neighbours read what lies close: what blocks of columns need.
        out: Outgoing edges in the same way.
        into_alone: Incoming edges in strips, and rows with as many edges together, where one column is read faster so.
        out_alone: Outgoing edges in the same way.
        gap_a: Place at one end of each gap junction.
        gap_b: Place at the other end.
    """

    order: Int[np.ndarray, " neurons"]
    place: Int[np.ndarray, " neurons"]
    into: Edges
    out: Edges
    into_alone: Edges
    out_alone: Edges
    gap_a: Int[np.ndarray, " gaps"]
    gap_b: Int[np.ndarray, " gaps"]


def wiring_of(circuit: Circuit) -> Wiring:
    """The edges of a circuit in the orders in which they are read."""
    n = len(circuit.names)
    order = _fastest(circuit)
    place = _inverse(order)
    pre, post = place[circuit.pre], place[circuit.post]
    into, out = (_in_rows(row, partner, np.arange(n), n) for row, partner in ((post, pre), (pre, post)))
    alone = _alone(post, pre, n, into), _alone(pre, post, n, out)
    return Wiring(order, place, into, out, *alone, gap_a=place[circuit.gap_a], gap_b=place[circuit.gap_b])


def _in_rows(
    row: Int[np.ndarray, " edges"], partner: Int[np.ndarray, " edges"], rows: Int[np.ndarray, " rows"], n: int,
    some: Int[np.ndarray, " some_edges"] | None = None,
) -> Edges:  # fmt: skip
    """Some edges of the circuit, or all, in compressed rows alone, in the given order of rows."""
    turn = np.full(n, len(rows))
    turn[rows] = np.arange(len(rows))
    edges = np.arange(len(row)) if some is None else some
    edges = edges[np.lexsort((partner[edges], turn[row[edges]]))]
    begin = np.searchsorted(turn[row[edges]], np.arange(len(rows) + 1))
    nothing: np.ndarray = np.zeros(0, dtype=_smallest(n))
    return Edges(np.zeros(1, dtype=np.int64), nothing, rows, begin, partner[edges].astype(_smallest(n)), edges.astype(np.uint32))


def _alone(row: Int[np.ndarray, " edges"], partner: Int[np.ndarray, " edges"], n: int, plain: Edges) -> Edges:
    """Edges as one column reads them fastest: in strips as far as these are cheaper, the rest in the faster of two orders of rows."""
    strip, kept = _strips(row, partner, n)
    if not len(kept):
        alike = _alike_together(np.bincount(row, minlength=n))
        if n > IN_CACHE and _slowness(row, partner, n) <= _slowness(_inverse(alike)[row], partner, n):
            return plain
        return _in_rows(row, partner, alike, n)
    at = np.searchsorted(kept, strip)
    inside = kept[np.minimum(at, len(kept) - 1)] == strip
    slots = np.full(len(kept) * STRIP, len(row), dtype=np.uint32)
    slots[at[inside] * STRIP + row[inside] % STRIP] = np.flatnonzero(inside)
    left = np.bincount(row[~inside], minlength=n)
    rows = _alike_together(left)
    others = _in_rows(row, partner, rows[left[rows] > 0], n, np.flatnonzero(~inside))
    strips = np.searchsorted(kept // (2 * n), np.arange(-(-n // STRIP) + 1))
    first = kept // (2 * n) * STRIP + kept % (2 * n) - n + STRIP
    return replace(others, strips=strips, first=first.astype(_smallest(n)), edge=np.concatenate([slots, others.edge]))


def _strips(
    row: Int[np.ndarray, " edges"], partner: Int[np.ndarray, " edges"], n: int
) -> tuple[Int[np.ndarray, " edges"], Int[np.ndarray, " strips"]]:
    """Number of the strip that each edge would lie in, and those strips that are worth it, in order of rows and then of partners."""
    strip = row // STRIP * 2 * n + partner - row + n
    found, edges = np.unique(strip, return_counts=True)
    return strip, found[edges >= _least(edges, n)]


def _least(edges: Int[np.ndarray, " strips"], n: int) -> int:
    """The least edges of a strip that is taken, so that the time is shortest; more than any has where strips are not worth it."""
    number = np.bincount(edges, minlength=STRIP + 2)
    strips, inside = (np.cumsum(what[::-1])[::-1] for what in (number, number * np.arange(len(number))))  # with so many edges or more
    others = inside[0] - inside
    times = (OF_STRIP * strips + others + OF_ROW * np.minimum(others, n))[1:]
    return int(np.argmin(times)) + 1 if times.min() < WORTH * times[-1] else len(number)


def _smallest(n: int) -> type:
    """The narrowest type of a place, those beyond the ends counted."""
    return np.uint16 if n + 2 * STRIP <= np.iinfo(np.uint16).max else np.uint32


def _fastest(circuit: Circuit) -> Int[np.ndarray, " neurons"]:
    """The circuit's own order of neurons where edges lie in strips, or the faster of it and one in which partners lie close, each as it
    is or with alike neurons together.
    """
    n = len(circuit.names)
    inputs, own = np.bincount(circuit.post, minlength=n), np.arange(n)
    if n <= IN_CACHE:
        return _alike_together(inputs)
    if len(_strips(circuit.post, circuit.pre, n)[1]):
        return own
    orders = [order for first in (own, _close_together(circuit)) for order in (first, first[_alike_together(inputs[first])])]
    places = [_inverse(order) for order in orders]
    slow = [_slowness(place[circuit.post], place[circuit.pre], n) for place in places]
    return orders[int(np.argmin(slow))]


def _slowness(row: Int[np.ndarray, " edges"], partner: Int[np.ndarray, " edges"], n: int) -> int:
    """Lines of partners' states that are brought near, and rows that end where the one before did not, as `BREAK` lines each.

    Args:
        row: Row of each edge, in the order in which rows are gone through.
        partner: Place of the neuron at its other end.
        n: Number of neurons.
    """
    lines = np.unique(row // AT_HAND * (n // LINE + 1) + partner // LINE)
    return len(lines) + BREAK * int(np.count_nonzero(np.diff(np.bincount(row, minlength=n))))


def _alike_together(edges: Int[np.ndarray, " neurons"]) -> Int[np.ndarray, " neurons"]:
    """An order of neurons in which, of `SORTED` at a time, those with as many edges come together."""
    return np.asarray(np.lexsort((edges, np.arange(len(edges)) // SORTED)))


def _inverse(order: Int[np.ndarray, " things"]) -> Int[np.ndarray, " things"]:
    """The place of each thing in an order."""
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place


def _close_together(circuit: Circuit) -> Int[np.ndarray, " neurons"]:
    """Neurons in an order in which partners lie close (reverse Cuthill-McKee)."""
    n = len(circuit.names)
    ones = np.ones(len(circuit.pre), dtype=np.float32)
    return np.asarray(reverse_cuthill_mckee(scipy.sparse.csr_matrix((ones, (circuit.post, circuit.pre)), shape=(n, n))), dtype=np.int64)
