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
# makes products 1.4 times as fast; over many more, partners would lie apart.
SORTED = 1024


@dataclass(frozen=True)
class Wiring:
    """Edges in compressed rows; a neuron's place is its number in the time loop.

    Attributes:
        order: Neuron of the circuit at each place.
        place: Place of each neuron of the circuit.
        begin_in: First incoming edge of each place, and the end.
        pre: Place that each incoming edge comes from.
        edge_in: Edge of the circuit that each is.
        begin_out: First outgoing edge of each place, and the end.
        post: Place that each outgoing edge leads to.
        by_source: Incoming edge that each outgoing edge is.
        gap_a: Place at one end of each gap junction.
        gap_b: Place at the other end.
    """

    order: Int[np.ndarray, " neurons"]
    place: Int[np.ndarray, " neurons"]
    begin_in: Int[np.ndarray, " neurons_and_one"]
    pre: np.ndarray
    edge_in: Int[np.ndarray, " edges"]
    begin_out: Int[np.ndarray, " neurons_and_one"]
    post: np.ndarray
    by_source: Int[np.ndarray, " edges"]
    gap_a: Int[np.ndarray, " gaps"]
    gap_b: Int[np.ndarray, " gaps"]


def wiring_of(circuit: Circuit) -> Wiring:
    """The edges of a circuit in compressed rows."""
    n = len(circuit.names)
    order = np.arange(n) if n <= IN_CACHE else _close_together(circuit)
    order = order[np.lexsort((np.bincount(circuit.post, minlength=n)[order], np.arange(n) // SORTED))]
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    pre, post = place[circuit.pre], place[circuit.post]
    edge_in, edge_out = np.lexsort((pre, post)), np.lexsort((post, pre))
    smallest = np.uint16 if n <= np.iinfo(np.uint16).max + 1 else np.uint32
    begins = [np.searchsorted(ends[edges], np.arange(n + 1)) for ends, edges in ((post, edge_in), (pre, edge_out))]
    return Wiring(
        order=order,
        place=place,
        begin_in=begins[0],
        pre=pre[edge_in].astype(smallest),
        edge_in=edge_in,
        begin_out=begins[1],
        post=post[edge_out].astype(smallest),
        by_source=np.argsort(edge_in)[edge_out],
        gap_a=place[circuit.gap_a],
        gap_b=place[circuit.gap_b],
    )


def _close_together(circuit: Circuit) -> Int[np.ndarray, " neurons"]:
    """Neurons in an order in which partners lie close (reverse Cuthill-McKee), or their own where that is as close."""
    n = len(circuit.names)
    ones = np.ones(len(circuit.pre), dtype=np.float32)
    graph = scipy.sparse.csr_matrix((ones, (circuit.post, circuit.pre)), shape=(n, n))
    order = reverse_cuthill_mckee(graph).astype(np.int64)
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    found = np.abs(place[circuit.pre] - place[circuit.post]).mean()
    return order if found < np.abs(circuit.pre - circuit.post).mean() else np.arange(n)
