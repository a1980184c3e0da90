"""The worm C. elegans from the files of the package cect: wiring of nine animals, contact areas, signal propagation, kinds of neurons."""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.sources.formats import (
    OF_ANOTHER,
    RAW,
    RESPONSES,
    SINGLE,
    SourceTables,
    Table,
    describe_columns,
    hashes,
    package_folder,
    raw_responses,
)

CECT = "0.3.5"  # version whose files were looked at
# Only files are read. With its dependencies would come wormneuroatlas, which is under the GPL, and numpy and plotly older than ours.
INSTALL = f"pip install --no-deps cect=={CECT}"
OWN = "Witvliet 8"  # animal of the source: an adult, whose nerve ring was reconstructed like that of the other adult, Witvliet 7
CELLS = "data/all_cell_info.csv"
MATRICES = {  # file of each part: rows are the sending, or stimulated, cells
    OWN: "cache/WitvlietDataReader8.json",
    "Witvliet 7": "cache/WitvlietDataReader7.json",
    "Cook 2019": "cache/Cook2019HermReader.json",
    **{f"Witvliet {number} (larva)": f"cache/WitvlietDataReader{number}.json" for number in range(6, 0, -1)},
    "contact": "cache/Yim2024ContactomeNonNormDataReader.json",
    "responses": "cache/WormNeuroAtlasFuncReader.json",
}
OTHERS = tuple(name for name in MATRICES if name not in (OWN, "contact", "responses"))
CHEMICAL, GAP, CONTACT, PROPAGATED = "Generic_CS", "Generic_GJ", "Contact", "Functional"  # names of the matrices in the files
RELEASED = "cache/Wang2024HermReader.json"  # file with a matrix a transmitter, whose rows are the neurons that release it
# What transmitters do here where nearly all receptors agree. Glutamate opens channels of both signs, and monoamines act at a distance.
SIGNS = {"Acetylcholine": 1, "GABA": -1}
UM2 = 1e-6  # um2 of a nm2
SENSORY = ("Amphid", "Cephalic", "Mechanosensory", "Phasmid", "Touch", "O2", "Amphid, nociceptive", "O2, CO2, social signals, touch")
# Function of AWCL and AWCR is that of AWCOFF and AWCON, which lie on either side by chance: no name of a neuron of one animal.
WITHOUT_SIDE = ("AWCL", "AWCR")
M = 1  # one materialization: names do not change
WHAT = (
    "mean calcium response amplitude (dF/F, limited to 10) to the stimulation of a neuron, where the false discovery rate is below .05, "
    "else 0. A 0 says that no response was found, or that the pair was never measured (30 % of them)"
)
CREDITS = {
    "files": f"cect {CECT}, the C. elegans Connectome Toolbox of OpenWorm; MIT; as installed",
    "synapses": "Witvliet et al. 2021, doi:10.1038/s41586-021-03778-8, datasets 1 to 8; Cook et al. 2019, doi:10.1038/s41586-019-1352-7",
    "contact areas": "Yim et al. 2024, doi:10.1038/s41467-024-45943-3, of a dauer larva: another animal, at another stage",
    "transmitters": "Wang et al. 2024, doi:10.7554/eLife.95402. Taken for signs: acetylcholine excites, GABA inhibits; receptors know "
    "exceptions. Neurons that release both, and all others, have no sign",
    "cell classes": "Cook et al. 2019, doi:10.1038/s41586-019-1352-7",
    "signal propagation": f"Randi et al. 2023, doi:10.1038/s41586-023-06683-4: {WHAT}",
}


@dataclass(frozen=True)
class Numbered:
    """Neurons by number: a neuron's id is the place of its name among the sorted names, beginning with 1."""

    names: tuple[str, ...]

    def ids(self, names: Iterable[str]) -> np.ndarray:
        """The id of each name."""
        return np.searchsorted(np.array(self.names), np.array(list(names), dtype=str)) + 1


def load_worm(folder: str | Path | None = None) -> SourceTables:
    """Wiring of an adult's nerve ring, contact areas, signal propagation, classes; and the wiring of eight other animals, as a ceiling.

    Its circuit has the neurons that were reconstructed in this adult, with gap junctions, transmitters and what is known of signs. Sizes
    are numbers of synapses. Cells that are no neurons (muscles, glia, epithelium) are left out. Positions are not in the package.

    Args:
        folder: Folder of the package cect; None finds the installed one.
    """
    folder = Path(folder) if folder is not None else package_folder("cect", CECT, "the source 'worm'", INSTALL)
    sha256 = hashes(folder, [CELLS, RELEASED, *MATRICES.values()])
    classes = neuron_classes(folder / CELLS)
    synapses = {name: matrix(folder / MATRICES[name], CHEMICAL, classes.index) for name in (OWN, *OTHERS)}
    gaps = matrix(folder / MATRICES[OWN], GAP, classes.index)
    contact = matrix(folder / MATRICES["contact"], CONTACT, classes.index)
    responses, single, credits = _responses(folder, classes.index, sha256)
    known = sorted({*contact.index, *responses.index}.union(*(table.index for table in synapses.values())))
    cells = Numbered(tuple(known))
    tables = [
        *_cell_tables(cells, classes),
        *_function_tables(cells, responses, credits["signal propagation"]),
        *_wiring_tables(cells, synapses),
        *_circuit_tables(cells, gaps, classes, released(folder / RELEASED)),
        _response_table(cells, responses, gaps.index, credits is CREDITS),
        *_single_table(cells, single, gaps.index),
        Table("exposure", M, MATRICES["contact"], _pairs(cells, contact * UM2, "exposure"), "contact area", "um2"),
    ]
    return SourceTables("worm", tuple(tables), sha256, animal=OWN, names=cells.names, credits=credits)


def neuron_classes(file: Path) -> pd.Series:
    """Class of each neuron of the hermaphrodite by its name: sensory, interneuron, motor, polymodal (of the pharynx) or canal."""
    with file.open(encoding="utf-8", newline="") as rows:  # pandas refuses commas that a last column has without quotes
        given = {row["Cell name"]: row["Type"] or "" for row in csv.DictReader(rows)}
    types = pd.Series(given).str.split(";").str[0].str.strip()
    types = types[~types.str.startswith("Male")]
    ends = {"motor neuron": "motor", "interneuron": "interneuron", "polymodal neuron": "polymodal", "Canal neuron": "canal"}
    named = pd.Series("", index=types.index, dtype=object)
    for end, name in ends.items():
        named[types.str.endswith(end)] = name
    named[types == "Linker to pharynx"] = "interneuron"
    named[types.isin(SENSORY)] = "sensory"
    return named[named != ""]


def matrix(file: Path, kind: str, neurons: pd.Index) -> pd.DataFrame:
    """One matrix of a file as a table whose rows are the sending cells, of neurons alone.

    Args:
        file: JSON of the package with the names of `nodes` and the matrices of `connections`.
        kind: Name of the matrix.
        neurons: Names of the cells that are neurons.
    """
    read = json.loads(file.read_text(encoding="utf-8"))
    if kind not in read["connections"]:
        raise ValueError(f"{file}: it has no matrix {kind!r}, only {sorted(read['connections'])}. Install cect=={CECT}.")
    values = np.array(read["connections"][kind], dtype=np.float64)
    if values.shape != (len(read["nodes"]),) * 2 or not np.isfinite(values).all():
        raise ValueError(
            f"{file}: the matrix {kind!r} has gaps, or is not square: {values.shape} for {len(read['nodes'])} cells. Install cect=={CECT}."
        )
    table = pd.DataFrame(values, index=read["nodes"], columns=read["nodes"])
    kept = table.index[table.index.isin(neurons)]
    return table.loc[kept, kept]


def _responses(folder: Path, neurons: pd.Index, sha256: dict[str, str]) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Responses, a row a responding and a column a stimulated neuron: raw ones where the user has installed them; single ones; credits."""
    if importlib.util.find_spec("wormneuroatlas") is not None:
        table, single, of_file = raw_responses(neurons)
        sha256 |= of_file
        return table, single, CREDITS | {"signal propagation": RAW}
    table = matrix(folder / MATRICES["responses"], PROPAGATED, neurons).T
    table = table.drop(index=list(WITHOUT_SIDE), columns=list(WITHOUT_SIDE), errors="ignore")
    table = table.loc[(table != 0).any(axis=1), (table != 0).any(axis=0)]  # a row or column of zeros alone: never seen, or never stimulated
    oneself = table.index.to_numpy()[:, None] == table.columns.to_numpy()
    return table.mask(oneself), pd.DataFrame(), CREDITS  # the file has 0 for a neuron's response to itself


def _cell_tables(cells: Numbered, classes: pd.Series) -> list[Table]:
    """Names and classes of all neurons."""
    ids = cells.ids(cells.names)
    frame = pd.DataFrame({"nucleus_id": ids, "root_id": ids, "name": list(cells.names)})
    return [
        Table("cell_types_fine", M, CELLS, frame.assign(cell_type=classes.reindex(list(cells.names)).to_numpy())),
        Table("nuclei", M, CELLS, frame),
    ]


def _function_tables(cells: Numbered, responses: pd.DataFrame, what: str) -> list[Table]:
    """Responses of each neuron, as of one unit, and the neuron of each unit."""
    ids = cells.ids(responses.index)
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": ids})
    of_units = units.assign(nucleus_id=ids, root_id=ids)
    answers = responses.reset_index(drop=True).rename_axis(columns=None).add_prefix("stimulated_")
    origin = MATRICES["responses"]
    told = describe_columns(answers, "gaussian", None, {}, None, what, origin)
    return [
        Table("coregistration", M, origin, of_units),
        Table("function", M, origin, pd.concat([units, answers], axis=1), columns=told),
    ]


def _response_table(cells: Numbered, responses: pd.DataFrame, circuit: pd.Index, thresholded: bool) -> Table:
    """The responses between neurons of the circuit, a row a pair that was measured; any but 0 is one where they were thresholded."""
    of_circuit = responses.loc[responses.index.isin(circuit), responses.columns.isin(circuit)]
    responding, stimulated = np.nonzero(of_circuit.notna().to_numpy())
    pre, post = cells.ids(of_circuit.columns)[stimulated], cells.ids(of_circuit.index)[responding]
    frame = pd.DataFrame({"pre_root_id": pre, "post_root_id": post, "response": of_circuit.to_numpy()[responding, stimulated]})
    told = frame.assign(responds=frame["response"] != 0) if thresholded else frame
    return Table(RESPONSES, M, MATRICES["responses"], told)


def _single_table(cells: Numbered, single: pd.DataFrame, circuit: pd.Index) -> list[Table]:
    """Single responses between neurons of the circuit, where the user's file has them."""
    if not len(single):
        return []
    told = single[single["stimulated"].isin(circuit) & single["responding"].isin(circuit)]
    columns = {"pre_root_id": cells.ids(told["stimulated"]), "post_root_id": cells.ids(told["responding"])}
    frame = pd.DataFrame(columns | {"response": told["response"].to_numpy()})
    return [Table(f"{RESPONSES}{SINGLE}", M, MATRICES["responses"], frame)]


def _wiring_tables(cells: Numbered, synapses: dict[str, pd.DataFrame]) -> list[Table]:
    """Connected pairs of each animal, and the neurons of the source's own that were reconstructed."""
    seen, own = cells.ids(synapses[OWN].index), MATRICES[OWN]
    role = {name: "synapses" if name == OWN else f"synapses{OF_ANOTHER}" for name in synapses}
    wired = [Table(role[name], M, MATRICES[name], _pairs(cells, table, "size"), animal=name) for name, table in synapses.items()]
    masks = [Table(f"queried_{side}", M, own, pd.DataFrame({f"{side}_root_id": seen})) for side in ("post", "pre")]
    return [*wired, *masks]


def released(file: Path) -> dict[str, list[str]]:
    """The neurons that release each transmitter, by the name of the transmitter.

    Args:
        file: JSON of the package with a matrix a transmitter: a row with an entry is of a cell that releases it.
    """
    read = json.loads(file.read_text(encoding="utf-8"))
    nodes = np.array(read["nodes"])
    return {name: nodes[np.any(values, axis=1)].tolist() for name, values in read["connections"].items()}


def _circuit_tables(cells: Numbered, gaps: pd.DataFrame, classes: pd.Series, transmitters: dict[str, list[str]]) -> list[Table]:
    """Neurons of the source's own animal with what they release and do, and its gap junctions, which the file has in both directions."""
    of_neuron = {name: [transmitter for transmitter, who in transmitters.items() if name in who] for name in gaps.index}
    signs = [{SIGNS[name] for name in names if name in SIGNS} for names in of_neuron.values()]
    ids, kind = cells.ids(gaps.index), classes.reindex(gaps.index)
    frame = pd.DataFrame(
        {
            "nucleus_id": ids,
            "root_id": ids,
            "cell_type": kind.to_numpy(),
            "transmitter": [", ".join(names) or None for names in of_neuron.values()],
            "sign": [sum(found) if len(found) == 1 else 0 for found in signs],
            "sensory": (kind == "sensory").to_numpy(),
            "motor": (kind == "motor").to_numpy(),
        }
    )
    return [Table("circuit_cells", M, RELEASED, frame), Table("gap_junctions", M, MATRICES[OWN], _pairs(cells, gaps, "size"))]


def _pairs(cells: Numbered, table: pd.DataFrame, value: str) -> pd.DataFrame:
    """The entries of a matrix that are not 0, one row a pair, rows of the matrix first."""
    sending, receiving = np.nonzero(table.to_numpy())
    ids = cells.ids(table.index)
    return pd.DataFrame({"pre_root_id": ids[sending], "post_root_id": ids[receiving], value: table.to_numpy()[sending, receiving]})
