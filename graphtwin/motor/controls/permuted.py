"""Permuted identities: the same graph, laid on the recorded neurons in another order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphtwin.motor.circuit import Circuit


def permuted(circuit: Circuit, rng: np.random.Generator) -> Circuit:
    """The circuit whose nodes have exchanged names: the graph stays what it is, and which node is which recorded neuron is forgotten.

    Names are exchanged among sensory neurons, among motor neurons and among those between (and among neurons that are both), so that input
    and output go to nodes of the same kind. Signs, types and places belong to the nodes.

    Args:
        circuit: The circuit.
        rng: Source of the draws.

    Raises:
        ValueError: No two neurons are of one kind, so that nothing can be exchanged.
    """
    kind = circuit.sensory.astype(np.int64) + 2 * circuit.motor
    node = np.arange(len(circuit.names))  # the node that each name is given to
    for one in np.unique(kind):
        rows = np.flatnonzero(kind == one)
        node[rows] = rng.permutation(rows)
    if (node == np.arange(len(node))).all():
        raise ValueError(
            f"None of {len(node)} neurons changed its name: there are not two sensory, motor or other neurons to exchange. "
            "Leave this control out."
        )
    row = np.argsort(node)  # the row at which each node lies now
    a, b = row[circuit.gap_a], row[circuit.gap_b]
    return replace(
        circuit,
        types=tuple(circuit.types[at] for at in node),
        sign=circuit.sign[node],
        position=circuit.position[node],
        pre=row[circuit.pre],
        post=row[circuit.post],
        gap_a=np.minimum(a, b),
        gap_b=np.maximum(a, b),
    )
