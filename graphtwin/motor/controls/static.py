"""What anatomy alone says of who responds to whom, without dynamics and without any recording."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import expm_multiply

from graphtwin.motor.circuit import Circuit
from graphtwin.shapes import Float, Int

STATIC = (
    "weight",
    "signed weight",
    "two steps",
    "signed two steps",
    "three steps",
    "signed three steps",
    "path length",
    "communicability",
    "exposure",
)
TOGETHER = 128  # stimulated neurons that are read at once: more take more memory and are hardly faster


def static_responses(
    circuit: Circuit,
    rows: Int[np.ndarray, " rows"] | None = None,
    exposure: scipy.sparse.csr_matrix | None = None,
    columns: Int[np.ndarray, " columns"] | None = None,
) -> dict[str, Float[np.ndarray, "rows columns"]]:
    """Response of neurons (columns) to the stimulation of some (rows), as each reading of the wiring has it; larger is stronger.

    Strengths are counts, those of gap junctions added both ways; an unknown sign counts as 1. No matrix of all pairs is made: products go
    from the stimulated neurons on, some of these at a time.

    - weight, signed weight: strength of the edge
    - two steps, three steps, and signed: number of paths of so many steps, each as strong as the product of its edges
    - path length: one over the length of the shortest path, an edge being as long as 1 / strength; 0 where there is none
    - communicability: all walks between two neurons, those of k steps over k!, in the symmetric graph D^-1/2 (A + A') / 2 D^-1/2. Source:
      Estrada and Hatano 2008, doi:10.1103/PhysRevE.77.036111; normalised as in Crofts and Higham 2009, doi:10.1098/rsif.2008.0484.
    - exposure: how much of the two lies together, where that is known

    Args:
        circuit: The circuit.
        rows: Stimulated neurons; None is all.
        exposure: Exposure of every pair of neurons (`exposure_of`), None where none is known.
        columns: Neurons whose response is asked; None is all. Memory: nine arrays of rows x columns, some of 128 rows x all.
    """
    n = len(circuit.names)
    asked, to = (np.arange(n) if some is None else np.asarray(some) for some in (rows, columns))
    size, signed = _strengths(circuit, signed=False), _strengths(circuit, signed=True)
    lengths, normal = size.copy(), _normalised(size)
    lengths.data = 1 / lengths.data
    found = {name: np.empty((len(asked), len(to))) for name in STATIC if exposure is not None or name != "exposure"}
    for first in range(0, len(asked), TOGETHER):
        part = slice(first, first + TOGETHER)
        for sign, matrix in (("", size), ("signed ", signed)):
            step = matrix[asked[part]]
            for name in ("weight", "two steps", "three steps"):
                found[sign + name][part] = step[:, to].toarray()
                step = step @ matrix if name != "three steps" else step
        found["path length"][part] = _inverse(dijkstra(lengths, indices=asked[part])[:, to])
        starts = np.zeros((n, len(asked[part])))
        starts[asked[part], np.arange(len(asked[part]))] = 1
        found["communicability"][part] = expm_multiply(normal, starts)[to].T
        if exposure is not None:
            found["exposure"][part] = exposure[asked[part]][:, to].toarray()
    return found


def of_another_animal(
    circuit: Circuit, stimulated: tuple[str, ...], recorded: tuple[str, ...], matrix: Float[np.ndarray, "stimulated recorded"]
) -> Float[np.ndarray, "neurons neurons"]:
    """Responses in another animal as a prediction for this one, by the names of neurons; NaN of neurons that it lacks.

    Args:
        circuit: The circuit of this animal.
        stimulated: Names of the neurons that were stimulated in the other; those that this circuit lacks are left out.
        recorded: Names of the neurons that were recorded in the other.
        matrix: Response of each recorded neuron to each stimulated one, in any unit.
    """
    number = {name: row for row, name in enumerate(circuit.names)}
    common = [[at for at, name in enumerate(names) if name in number] for names in (stimulated, recorded)]
    if not common[0] or not common[1]:
        raise ValueError(
            f"{len(common[0])} of {len(stimulated)} stimulated and {len(common[1])} of {len(recorded)} recorded neurons of another "
            f"animal are in this circuit, whose first are {list(circuit.names[:4])}. Write the names alike, or leave this predictor out."
        )
    found = np.full((len(circuit.names), len(circuit.names)), np.nan)
    places = np.ix_([number[stimulated[at]] for at in common[0]], [number[recorded[at]] for at in common[1]])
    found[places] = matrix[np.ix_(*common)]
    return found


def _strengths(circuit: Circuit, signed: bool) -> scipy.sparse.csr_matrix:
    """Strengths from row to column."""
    n = len(circuit.names)
    sign = np.where(circuit.edge_sign < 0, -1.0, 1.0) if signed else np.ones(len(circuit.pre))
    pre, post = np.r_[circuit.pre, circuit.gap_a, circuit.gap_b], np.r_[circuit.post, circuit.gap_b, circuit.gap_a]
    return scipy.sparse.csr_matrix((np.r_[circuit.count * sign, circuit.gap_count, circuit.gap_count], (pre, post)), shape=(n, n))


def _inverse(lengths: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """One over each length, so that near is large, as in all readings; infinite of a neuron and itself."""
    return np.divide(1.0, lengths, out=np.full(lengths.shape, np.inf), where=lengths > 0)


def _normalised(size: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """The symmetric graph over the roots of both degrees."""
    both = (size + size.T) / 2
    degree = np.asarray(both.sum(axis=1)).ravel()
    root = scipy.sparse.diags(np.divide(1, np.sqrt(degree), out=np.zeros(len(degree)), where=degree > 0))
    return (root @ both @ root).tocsr()
