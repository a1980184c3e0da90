"""The edges of a circuit as the time loop reads them: by target and by source, in an order of neurons in which partners lie close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee

from graphtwin.motor.circuit import Circuit
from graphtwin.shapes import Int

IN_CACHE = 4096  # neurons whose states lie in a core's cache in any order
# Within so many neurons those with as many inputs come together: loops over edges then end where the processor expects it, which
# makes products up to 1.7 times as fast; over many more, partners would lie apart.
SORTED = 1024
# What makes an order slow: lines of states that come into the nearest cache, one a line and so many rows; and rows of another length
# than the one before, each as slow as `BREAK` lines. Of four orders of the fly's eye, of a circuit of neighbours and of the same in an
# order drawn at random this takes the fastest; the wrong one is 1.3 to 2.3 times as slow.
LINE, AT_HAND, BREAK = 16, 64, 3


@dataclass(frozen=True)
class Outgoing:
    """Outgoing edges in compressed rows.

    Attributes:
        place: Place that each row of edges starts from.
        begin: First edge of each row, and the end.
        post: Place that each edge leads to.
        edge: Incoming edge that each is.
    """

    place: Int[np.ndarray, " neurons"]
    begin: Int[np.ndarray, " neurons_and_one"]
    post: np.ndarray
    edge: np.ndarray


@dataclass(frozen=True)
class Wiring:
    """Edges in compressed rows; a neuron's place is its number in the time loop.

    Attributes:
        order: Neuron of the circuit at each place.
        place: Place of each neuron of the circuit.
        begin_in: First incoming edge of each place, and the end.
        pre: Place that each incoming edge comes from.
        edge_in: Edge of the circuit that each is.
        out: Outgoing edges, a row a place, in their order, in which neighbours read what lies close: what blocks of columns need.
        out_alone: Those with as many edges together, where one column is read faster so.
        gap_a: Place at one end of each gap junction.
        gap_b: Place at the other end.
    """

    order: Int[np.ndarray, " neurons"]
    place: Int[np.ndarray, " neurons"]
    begin_in: Int[np.ndarray, " neurons_and_one"]
    pre: np.ndarray
    edge_in: np.ndarray
    out: Outgoing
    out_alone: Outgoing
    gap_a: Int[np.ndarray, " gaps"]
    gap_b: Int[np.ndarray, " gaps"]


def wiring_of(circuit: Circuit) -> Wiring:
    """The edges of a circuit in compressed rows."""
    n = len(circuit.names)
    order = _fastest(circuit)
    place = _inverse(order)
    pre, post = place[circuit.pre], place[circuit.post]
    edge_in = np.lexsort((pre, post))
    smallest = np.uint16 if n <= np.iinfo(np.uint16).max + 1 else np.uint32

    alike = _alike_together(np.bincount(pre, minlength=n))
    alone = min((np.arange(n), alike), key=lambda rows: _slowness(_inverse(rows)[pre], post, n)) if n > IN_CACHE else alike

    def outgoing(places: Int[np.ndarray, " neurons"]) -> Outgoing:
        turn = _inverse(places)[pre]
        edges = np.lexsort((post, turn))
        begin = np.searchsorted(turn[edges], np.arange(n + 1))
        return Outgoing(places, begin, post[edges].astype(smallest), _inverse(edge_in)[edges].astype(np.uint32))

    return Wiring(
        order=order,
        place=place,
        begin_in=np.searchsorted(post[edge_in], np.arange(n + 1)),
        pre=pre[edge_in].astype(smallest),
        edge_in=edge_in.astype(np.uint32),
        out=outgoing(np.arange(n)),
        out_alone=outgoing(alone),
        gap_a=place[circuit.gap_a],
        gap_b=place[circuit.gap_b],
    )


def _fastest(circuit: Circuit) -> Int[np.ndarray, " neurons"]:
    """The circuit's own order of neurons or one in which partners lie close, as it is or with alike neurons together."""
    n = len(circuit.names)
    inputs, own = np.bincount(circuit.post, minlength=n), np.arange(n)
    if n <= IN_CACHE:
        return _alike_together(inputs)
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
