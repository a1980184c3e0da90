"""A circuit as data: neurons with types, signs and places, and the chemical synapses and gap junctions between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.shapes import Bool, Float, Int
from graphtwin.told import told_by_fields

SHOWN = 4  # names that an error shows


@told_by_fields
@dataclass(frozen=True)
class Circuit:
    """Neurons as nodes, chemical synapses and gap junctions as edges; a neuron's number is its place in `names`.

    Attributes:
        names: Name of each neuron, unique.
        types: Type of each neuron, "" unknown.
        sign: Sign of what each neuron's chemical synapses do (Dale): 1, -1, 0 unknown.
        sensory: Which neurons get the external input.
        motor: Which neurons drive the output.
        position: Positions, um, NaN unknown.
        pre: Sending neuron of each chemical edge; no pair twice, autapses allowed.
        post: Receiving neuron of each chemical edge.
        count: Number of its synapses, or its area of contact, or any other positive amount.
        gap_a: Neuron at one end of each gap junction, the lower number; each pair once.
        gap_b: Neuron at the other end.
        gap_count: Number of its plaques, or any other positive amount.
        receptor_sign: Sign of each chemical edge, where the receptors of its target are known to decide; None where Dale's law holds.

    Raises:
        ValueError: Two neurons of one name, arrays of other lengths, a sign that is none, an edge to a neuron that is not there or a
            pair twice, counts that are negative, 0 or no numbers, or nothing that connects any two neurons.

    Examples:
        >>> circuit
        Circuit
          names: 24: n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n1 ...
          types: 24: sense, sense, sense, sense, sense, sense, sense, sen ...
          sign: array of 24
          sensory: array of 24
          motor: array of 24
          position: array of 24 x 3
          pre: array of 128
          post: array of 128
          count: array of 128
          gap_a: array of 0
          gap_b: array of 0
          gap_count: array of 0
          receptor_sign: None
        >>> circuit.rows_of(("n0", "n3"), "neurons")
        array([0, 3])
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    sign: Int[np.ndarray, " neurons"]
    sensory: Bool[np.ndarray, " neurons"]
    motor: Bool[np.ndarray, " neurons"]
    position: Float[np.ndarray, "neurons 3"]
    pre: Int[np.ndarray, " edges"]
    post: Int[np.ndarray, " edges"]
    count: Float[np.ndarray, " edges"]
    gap_a: Int[np.ndarray, " gaps"]
    gap_b: Int[np.ndarray, " gaps"]
    gap_count: Float[np.ndarray, " gaps"]
    receptor_sign: Int[np.ndarray, " edges"] | None = None

    def __post_init__(self) -> None:
        """Refuse what is no circuit."""
        _require_names(self.names)
        _require_columns(self)
        _require_edges(self.pre, self.post, self.count, self.names, "chemical edges")
        _require_edges(self.gap_a, self.gap_b, self.gap_count, self.names, "gap junctions")
        _require_gap_order(self)
        _require_receptor_signs(self)
        _require_something(self)

    @property
    def edge_sign(self) -> Int[np.ndarray, " edges"]:
        """Sign of each chemical edge: 1, -1, 0 unknown. It is that of the neuron that sends, unless receptors are known to decide."""
        return self.sign[self.pre] if self.receptor_sign is None else self.receptor_sign

    @property
    def autapses(self) -> int:
        """Number of chemical edges of a neuron to itself."""
        return int((self.pre == self.post).sum())

    def require_motor(self) -> None:
        """Raise where no neuron drives the output."""
        if not self.motor.any():
            raise ValueError(
                f"None of {len(self.names)} neurons is a motor neuron, and motor output is asked for. Mark those that drive it in the "
                "column `motor` of the table of role circuit_cells, or ask for activity alone."
            )

    def rows_of(self, names: tuple[str, ...], what: str) -> Int[np.ndarray, " named"]:
        """The numbers of neurons by their names; a name that is not in the circuit is an error.

        Args:
            names: Names of neurons.
            what: What they are, for the error: "stimulated neurons".
        """
        number = {name: row for row, name in enumerate(self.names)}
        unknown = [name for name in names if name not in number]
        if unknown:
            raise ValueError(
                f"{len(unknown)} of {len(names)} {what} are not in the circuit of {len(self.names)} neurons, first {unknown[:SHOWN]} "
                f"(the circuit has {list(self.names[:SHOWN])} ...). Write the names alike, or leave these neurons out."
            )
        return np.array([number[name] for name in names], dtype=np.int64)


def _require_names(names: tuple[str, ...]) -> None:
    """Raise where there is no neuron, one has no name, or two have the same."""
    if not names:
        raise ValueError("A circuit of 0 neurons. Give at least the neurons that edges connect.")
    blank = [row for row, name in enumerate(names) if not name.strip()]
    if blank:
        raise ValueError(f"{len(blank)} of {len(names)} neurons have no name, first in place {blank[0] + 1}. Name each.")
    if len(set(names)) < len(names):
        twice = _repeated(names)
        raise ValueError(
            f"{len(names) - len(set(names))} of {len(names)} neurons have the name of another, first {twice[:SHOWN]}. Two neurons of one "
            "name cannot be told apart: name each differently (AVAL, AVAR), or merge them."
        )


def _repeated(names: tuple[str, ...]) -> list[str]:
    """Names that occur more than once, sorted."""
    values, times = np.unique(np.array(names), return_counts=True)
    return [str(name) for name in values[times > 1]]


def _require_columns(circuit: Circuit) -> None:
    """Raise where a column has another length than the names, or holds what it may not."""
    lengths = {name: len(getattr(circuit, name)) for name in ("types", "sign", "sensory", "motor", "position")}
    other = {name: length for name, length in lengths.items() if length != len(circuit.names)}
    if other:
        raise ValueError(f"{len(circuit.names)} names, but {other}: give each neuron one value in every column.")
    wrong = ~np.isin(circuit.sign, (-1, 0, 1))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{int(wrong.sum())} of {len(circuit.names)} signs are none of 1, -1 and 0, first {circuit.sign[first]} of "
            f"{circuit.names[first]!r}. Write 1 where a neuron excites, -1 where it inhibits, 0 where that is unknown."
        )
    if np.isinf(circuit.position).any():
        raise ValueError(f"{int(np.isinf(circuit.position).sum())} coordinates are infinite. Leave unknown ones empty (NaN).")


def _require_edges(a: np.ndarray, b: np.ndarray, count: np.ndarray, names: tuple[str, ...], what: str) -> None:
    """Raise where edges lead to neurons that are not there, come twice, or have no positive finite count."""
    if not len(a) == len(b) == len(count):
        raise ValueError(f"{what}: {len(a)} first ends, {len(b)} second ends, {len(count)} counts. Give one of each an edge.")
    outside = (a < 0) | (a >= len(names)) | (b < 0) | (b >= len(names))
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise ValueError(
            f"{what}: {int(outside.sum())} of {len(a)} are of unknown neurons, first {a[first]} to {b[first]}, where neurons have numbers "
            f"from 0 to {len(names) - 1}. Add the neurons, or leave these edges out."
        )
    wrong = ~np.isfinite(count) | (count < 0)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{what}: {int(wrong.sum())} of {len(count)} counts are negative or no numbers, first {count[first]} of "
            f"{names[a[first]]} to {names[b[first]]}. A count is how many synapses there are; signs are stated of neurons."
        )
    if len(count) and not count.any():
        raise ValueError(f"{what}: all {len(count)} counts are 0, so that no neuron tells another anything. Was another column meant?")
    if (count == 0).any():
        raise ValueError(f"{what}: {int((count == 0).sum())} of {len(count)} counts are 0. Leave these out: they are no connections.")
    twice = len(a) - len(np.unique(a.astype(np.int64) * len(names) + b))
    if twice:
        raise ValueError(f"{what}: {twice} of {len(a)} repeat a pair of neurons. Sum their counts, so that each pair is there once.")


def _require_gap_order(circuit: Circuit) -> None:
    """Raise where a gap junction is not written from the lower to the higher number."""
    wrong = circuit.gap_a >= circuit.gap_b
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        a, b = circuit.names[circuit.gap_a[first]], circuit.names[circuit.gap_b[first]]
        raise ValueError(
            f"{int(wrong.sum())} of {len(wrong)} gap junctions are not from a lower to a higher number, first {a} to {b}. Write each pair "
            "once, the lower number first; a junction of a neuron with itself carries nothing: leave it out."
        )


def _require_receptor_signs(circuit: Circuit) -> None:
    """Raise where the sign of an edge contradicts that of the neuron that sends, or is none."""
    if circuit.receptor_sign is None:
        return
    if len(circuit.receptor_sign) != len(circuit.pre) or not np.isin(circuit.receptor_sign, (-1, 0, 1)).all():
        raise ValueError(f"{len(circuit.receptor_sign)} signs of {len(circuit.pre)} edges, or others than 1, -1 and 0. Give one an edge.")
    wrong = circuit.receptor_sign * circuit.sign[circuit.pre] < 0
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{int(wrong.sum())} of {len(wrong)} edges have a sign other than their neuron's, first that of "
            f"{circuit.names[circuit.pre[first]]} to {circuit.names[circuit.post[first]]}. A neuron whose edges have both signs has sign 0."
        )


def _require_something(circuit: Circuit) -> None:
    """Raise where nothing connects any two neurons."""
    if not len(circuit.pre) and not len(circuit.gap_a):
        raise ValueError(
            f"{len(circuit.names)} neurons and no connection between them: without one nothing follows from the wiring. Give the table of "
            "role synapses."
        )
