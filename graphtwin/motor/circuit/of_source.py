"""The circuit and the trials of a source, from its checked tables."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse

from graphtwin import schema
from graphtwin.motor.circuit.circuit import SHOWN, Circuit
from graphtwin.motor.circuit.trials import Trials
from graphtwin.shapes import Float, Int
from graphtwin.sources import SourceTables, Table, TrialArrays, read_trials

CELLS = ("circuit_cells", "cell_types_fine", "nuclei")  # roles of tables that list the neurons; the first that is there is believed
WIRED = ("synapses", "synapse_list")

log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class Edges:
    """Edges by rows of the circuit.

    Attributes:
        a: Neuron at the first end.
        b: Neuron at the second.
        count: Number of synapses, or any other amount.
        sign: Stated sign, 0 unknown.
    """

    a: Int[np.ndarray, " edges"]
    b: Int[np.ndarray, " edges"]
    count: Float[np.ndarray, " edges"]
    sign: Int[np.ndarray, " edges"]


def circuit_of(source: SourceTables, dale: bool = False) -> Circuit:
    """The circuit that a source's tables describe: of its own animal, neurons in the order of the table that lists them.

    Autapses are kept and counted in the log; a gap junction of a neuron with itself carries nothing and is left out with a count.

    Args:
        source: Tables, of which one of role circuit_cells lists the neurons (or of cell_types_fine or nuclei), and one of role synapses or
            gap_junctions the edges.
        dale: Whether Dale's law is declared: a neuron whose edges are stated with both signs is then an error. If not, receptors decide,
            and such neurons have sign 0. A neuron whose own sign is stated always holds to it.

    Raises:
        ValueError: No table lists the neurons, an edge is of a neuron that is not listed, signs contradict, or what `Circuit` refuses.

    Examples:
        >>> len(graphtwin.motor.circuit_of(graphtwin.load("loop/source.toml")).names)
        24
    """
    listed = _listed(source)
    cells = listed.frame.reset_index(drop=True)
    names = _names(cells, source)
    chemical = _edges([table for role in WIRED for table in source.of(role)], cells, source.names, listed)
    gaps = _once(_edges(source.of("gap_junctions"), cells, source.names, listed), names)
    sign = cells["sign"].fillna(0).to_numpy(np.int64) if "sign" in cells else np.zeros(len(cells), np.int64)
    sign, receptor_sign = _signs(sign, chemical, names, dale)
    circuit = Circuit(
        names=names,
        types=_types(cells, source),
        sign=sign,
        sensory=_marked(cells, "sensory"),
        motor=_marked(cells, "motor"),
        position=cells.reindex(columns=schema.POSITION).to_numpy(np.float64),
        pre=chemical.a,
        post=chemical.b,
        count=chemical.count,
        gap_a=gaps.a,
        gap_b=gaps.b,
        gap_count=gaps.count,
        receptor_sign=receptor_sign,
    )
    _tell(circuit, source.name)
    return circuit


def exposure_of(source: SourceTables, circuit: Circuit) -> scipy.sparse.csr_matrix | None:
    """How much each neuron (row) could meet each other (column), of contact or of another exposure; None where the source has none.

    Exposures of neurons that the circuit does not have are left out, with a count in the log.

    Args:
        source: Source, of which the first table of role exposure is read, of the materialization of its neurons where there is one.
        circuit: Its circuit.
    """
    tables = source.of("exposure")
    if not tables:
        return None
    table = next((one for one in tables if one.materialization == _listed(source).materialization), tables[0])
    rows, frame = rows_by_root(source, circuit), table.frame
    a, b = (frame[end].map(rows).fillna(-1).to_numpy(np.int64) for end in ("pre_root_id", "post_root_id"))
    there = (a >= 0) & (b >= 0)
    log.info("exposure of %s: %d of %d pairs are of neurons of the circuit.", table.origin, there.sum(), len(there))
    n = len(circuit.names)
    return scipy.sparse.csr_matrix((frame["exposure"].to_numpy(np.float64)[there], (a[there], b[there])), shape=(n, n))


def rows_by_root(source: SourceTables, circuit: Circuit) -> pd.Series:
    """Row in the circuit of each root id that the table of its neurons lists; -1 of neurons that the circuit does not have.

    Args:
        source: Source of the circuit.
        circuit: The circuit.
    """
    listed, row = _listed(source).frame, {name: at for at, name in enumerate(circuit.names)}
    return pd.Series([row.get(name, -1) for name in _names(listed, source)], index=listed["root_id"].to_numpy())


def trials_of(source: SourceTables, circuit: Circuit) -> Trials | None:
    """All trials of a source, in the rows of the circuit; None where it has none.

    Args:
        source: Source with files of trials, all of the same neurons, steps and outputs.
        circuit: Its circuit.

    Raises:
        ValueError: Files differ in neurons, outputs, number or length of steps, or name neurons that the circuit does not have.

    Examples:
        >>> source = graphtwin.load("loop/source.toml")
        >>> graphtwin.motor.trials_of(source, graphtwin.motor.circuit_of(source)).outputs
        ('force',)
    """
    read = [read_trials(path) for path in source.trials]
    if not read:
        return None
    _require_alike(read)
    first = read[0]
    trials = Trials(
        dt_s=first.dt_s,
        stimulus=np.concatenate([part.stimulus for part in read]),
        stimulated=circuit.rows_of(first.stimulated, f"stimulated neurons of {first.origin}"),
        activity=np.concatenate([part.activity for part in read]),
        recorded=circuit.rows_of(first.recorded, f"recorded neurons of {first.origin}"),
        output=np.concatenate([part.output for part in read]),
        outputs=first.outputs,
        names=tuple(name for part in read for name in part.names),
    )
    trials.require_of(circuit)
    return trials


def _listed(source: SourceTables) -> Table:
    """The table that lists the neurons; an error where there is none."""
    found = next((table for role in CELLS for table in source.of(role)), None)
    if found is None:
        raise ValueError(
            f"source {source.name!r}: no table lists the neurons (it has {sorted({table.role for table in source.tables})}). Add one of "
            "role circuit_cells: name, cell_type, sign or transmitter, sensory, motor."
        )
    return found


def _names(cells: pd.DataFrame, source: SourceTables) -> tuple[str, ...]:
    """The names of the neurons that a table lists: those of the source, or their ids."""
    ids = cells["nucleus_id"].to_numpy()
    return tuple(source.names[number - 1] for number in ids) if source.names else tuple(map(str, ids))


def _types(cells: pd.DataFrame, source: SourceTables) -> tuple[str, ...]:
    """The type of each neuron, of the table itself or of the first table of types; "" unknown."""
    if "cell_type" not in cells:
        of_nucleus = [table.frame.set_index("nucleus_id")["cell_type"] for table in source.of("cell_types_fine")][:1]
        types = cells["nucleus_id"].map(of_nucleus[0]) if of_nucleus else pd.Series([""] * len(cells))
    else:
        types = cells["cell_type"]
    return tuple("" if pd.isna(value) else str(value) for value in types)


def _marked(cells: pd.DataFrame, name: str) -> np.ndarray:
    """Which neurons a column marks; none where there is no such column."""
    return cells[name].to_numpy(bool) if name in cells else np.zeros(len(cells), bool)


def _edges(tables: list[Table], cells: pd.DataFrame, names: tuple[str, ...], listed: Table) -> Edges:
    """The edges of the first table, by rows of the cells; synapses listed one by one are counted by pair.

    The first is that of the materialization of the cells, where there is one.
    """
    tables = [table for table in tables if table.materialization == listed.materialization] or tables
    if not tables:
        nothing = np.empty(0, np.int64)
        return Edges(nothing, nothing, np.empty(0), nothing)
    table = tables[0]
    frame, ends = table.frame, ["pre_root_id", "post_root_id"]
    if table.role == "synapse_list":
        frame = frame.groupby(ends, as_index=False).agg(size=("size", "size"))
    rows = pd.Series(np.arange(len(cells)), index=cells["root_id"].to_numpy())
    a, b = (frame[end].map(rows) for end in ends)
    unknown = a.isna() | b.isna()
    if unknown.any():
        root = frame.loc[unknown, ends].iloc[0]
        first = " to ".join(names[number - 1] if names else str(number) for number in root)
        alone = sorted({*frame.loc[a.isna(), ends[0]], *frame.loc[b.isna(), ends[1]]})
        raise ValueError(
            f"{table.origin}: {int(unknown.sum())} of {len(frame)} edges are of unknown neurons, first {first}: {len(alone)} neurons are "
            f"not among the {len(cells)} that {listed.origin} lists. Add them there, or leave their edges out."
        )
    sign = frame["sign"].fillna(0).to_numpy(np.int64) if "sign" in frame else np.zeros(len(frame), np.int64)
    return Edges(a.to_numpy(np.int64), b.to_numpy(np.int64), frame["size"].to_numpy(np.float64), sign)


def _once(edges: Edges, names: tuple[str, ...]) -> Edges:
    """Gap junctions from the lower to the higher number, each once; an error where both directions are written with different counts."""
    low, high = np.minimum(edges.a, edges.b), np.maximum(edges.a, edges.b)
    frame = pd.DataFrame({"low": low, "high": high, "count": edges.count})[low != high]
    if len(frame) < len(low):
        log.info("%d of %d gap junctions are of a neuron with itself, and left out.", len(low) - len(frame), len(low))
    counts = frame.groupby(["low", "high"], as_index=False)["count"].agg(["min", "max"])
    differ = counts[counts["min"] != counts["max"]]
    if len(differ):
        first = differ.iloc[0]
        raise ValueError(
            f"{len(differ)} of {len(counts)} gap junctions have another count in each direction, first {names[int(first['low'])]} and "
            f"{names[int(first['high'])]}: {first['min']:g} and {first['max']:g}. A junction has one: write each pair once."
        )
    return Edges(
        counts["low"].to_numpy(np.int64),
        counts["high"].to_numpy(np.int64),
        counts["max"].to_numpy(np.float64),
        np.zeros(len(counts), np.int64),
    )


def _signs(sign: np.ndarray, edges: Edges, names: tuple[str, ...], dale: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """The sign of each neuron, as stated or as its edges have it; and of each edge, where neurons have edges of both signs."""
    excites, inhibits = (np.bincount(edges.a[edges.sign == value], minlength=len(names)) for value in (1, -1))
    both = (excites > 0) & (inhibits > 0)
    contradicted = ((sign > 0) & (inhibits > 0)) | ((sign < 0) & (excites > 0))
    wrong = both | contradicted if dale else contradicted
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        stated = f", and it is stated as {sign[first]:+d}" if sign[first] else ""
        leave = "leave out dale=True and the sign of such neurons" if dale else "leave out the sign of such neurons"
        raise ValueError(
            f"Signs contradict: {int(wrong.sum())} of {len(names)} neurons, first {names[wrong.argmax()]}, which excites by "
            f"{excites[first]} edges and inhibits by {inhibits[first]}{stated}. By Dale's law a neuron has one sign. Correct the signs; "
            f"where receptors decide, {leave}."
        )
    told = np.where(sign != 0, sign, np.sign(excites.astype(np.int64)) - np.sign(inhibits.astype(np.int64)))
    if not both.any():
        return told, None
    log.info("%d of %d neurons excite some and inhibit others, first %s.", both.sum(), len(names), names[both.argmax()])
    return told, np.where(edges.sign != 0, edges.sign, told[edges.a])


def _require_alike(read: list[TrialArrays]) -> None:
    """Raise where files of trials cannot be laid behind one another."""
    first = read[0]
    for other in read[1:]:
        same = [getattr(first, name) == getattr(other, name) for name in ("stimulated", "recorded", "outputs", "dt_s")]
        if not all(same) or first.stimulus.shape[1] != other.stimulus.shape[1]:
            raise ValueError(
                f"{other.origin}: {other.stimulus.shape[1]} steps of {other.dt_s:g} s of {len(other.recorded)} recorded neurons; "
                f"{first.origin} has {first.stimulus.shape[1]} of {first.dt_s:g} s of {len(first.recorded)}, or other names. All trials "
                "of a source have one length and one order of columns: cut them, or make a source of each."
            )


def _tell(circuit: Circuit, name: str) -> None:
    """Say in the log what the circuit has, and what of it is unknown."""
    log.info(
        "circuit %s: %d neurons (%d sensory, %d motor), %d chemical edges (%d autapses, %d of unknown sign), %d gap junctions; first %s.",
        name,
        len(circuit.names),
        circuit.sensory.sum(),
        circuit.motor.sum(),
        len(circuit.pre),
        circuit.autapses,
        (circuit.edge_sign == 0).sum(),
        len(circuit.gap_a),
        list(circuit.names[:SHOWN]),
    )
