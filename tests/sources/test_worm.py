"""The worm, read from a small folder in the layout of cect 0.3.5: rows of a matrix send, cells that are no neurons stay out."""

import json
import sys

import h5py
import numpy as np
import pandas as pd
import pytest

from graphtwin import schema, sources
from graphtwin.motor import circuit_of, responses_of
from graphtwin.sources.loaders import load_worm

CELLS = ["AVAL", "AVAR", "RIPL", "pm1", "ASHL", "AWCL"]  # pm1 is a muscle of the pharynx
ROWS = [
    "AVAL,Layer 1 interneuron; motorneuron in White,,AB,Ring interneuron",
    "AVAR,Layer 1 interneuron,,AB,Ring interneuron",
    "RIPL,Linker to pharynx,,AB,Ring, and pharynx",  # a comma without quotes, as the file has it
    "pm1,Pharyngeal muscle,,MS,",
    "ASHL,Amphid,,AB,Amphid neurons",
    "AWCL,Amphid,,AB,Amphid wing cells",
    "R1AL,Male sensory neuron,,AB,",
]


def package(folder, **matrices):
    """A folder as pip leaves it; every matrix is that of `matrices`, by part of its file's name, or one synapse from the first cell."""
    (folder / "cect/cache").mkdir(parents=True)
    (folder / "cect/data").mkdir()
    (folder / "cect/__init__.py").write_text("raise RuntimeError('no code of the package is run')")
    (folder / "cect-0.3.5.dist-info").mkdir()
    (folder / "cect-0.3.5.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: cect\nVersion: 0.3.5\n")
    (folder / "cect/data/all_cell_info.csv").write_text("Cell name,Type,Name details,Lineage,Classification\n" + "\n".join(ROWS))
    witvliet = [f"WitvlietDataReader{n}" for n in range(1, 9)]
    for name in (*witvliet, "Cook2019HermReader", "Yim2024ContactomeNonNormDataReader", "WormNeuroAtlasFuncReader"):
        kind = "Contact" if "Contact" in name else "Functional" if "Func" in name else "Generic_CS"
        given = [matrix for part, matrix in matrices.items() if part in name]
        values = given[0] if given else np.eye(len(CELLS), k=1)
        read = {"nodes": CELLS, "connections": {kind: values.tolist(), "Generic_GJ": np.ones_like(values).tolist()}}
        (folder / f"cect/cache/{name}.json").write_text(json.dumps(read))
    released = {"Acetylcholine": [0, 2], "GABA": [1, 2], "Glutamate": [4]}  # AVAL and RIPL, AVAR and RIPL, ASHL
    ends = np.arange(len(CELLS))
    by_name = {name: np.where(np.isin(ends, rows)[:, None], 1.0, 0.0).repeat(len(CELLS), 1).tolist() for name, rows in released.items()}
    (folder / "cect/cache/Wang2024HermReader.json").write_text(json.dumps({"nodes": CELLS, "connections": by_name}))
    return folder


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package where Python finds it, with one synapse from AVAL to RIPL, a response of AVAR to AVAL, and one contact of 2 um2."""
    synapses, responses, contact = (np.zeros((len(CELLS), len(CELLS))) for _ in range(3))
    synapses[0, 2], synapses[0, 3], synapses[2, 2] = 4, 7, 1
    responses[0, 1], responses[4, 2], responses[5, 1] = -0.5, 0.25, 1.0
    contact[0, 2] = contact[2, 0] = 2e6
    monkeypatch.syspath_prepend(str(package(tmp_path, DataReader8=synapses, Func=responses, Contactome=contact)))
    monkeypatch.setattr(sys, "modules", {name: module for name, module in sys.modules.items() if name != "wormneuroatlas"})
    return tmp_path


def named(source, table, columns):
    """The table's rows as names of neurons and values."""
    names = source.of("nuclei")[0].frame.set_index("nucleus_id")["name"]
    frame = table.frame
    return [tuple(names[row[c]] if c.endswith("root_id") else row[c] for c in columns) for row in frame.to_dict("records")]


def test_rows_of_a_matrix_send_and_muscles_stay_out(installed):
    source = sources.load("worm")
    own = source.of("synapses")[0]
    assert (len(source.of("synapses")), own.animal) == (1, "Witvliet 8")
    assert named(source, own, ["pre_root_id", "post_root_id", "size"]) == [("AVAL", "RIPL", 4.0), ("RIPL", "RIPL", 1.0)]
    assert "pm1" not in set(source.of("nuclei")[0].frame["name"])
    assert len(source.of("queried_post")[0].frame) == len(CELLS) - 1


def test_contact_is_in_um2_and_stands_in_both_directions(installed):
    source = load_worm()
    table = source.of("exposure")[0]
    assert (table.measure, table.unit) == ("contact area", "um2")
    rows = named(source, table, ["pre_root_id", "post_root_id", "exposure"])
    assert rows == [("AVAL", "RIPL", pytest.approx(2.0)), ("RIPL", "AVAL", pytest.approx(2.0))]


def test_function_is_a_column_a_stimulated_neuron_with_a_gap_at_oneself(installed):
    source = load_worm()
    table = source.of("function")[0].frame
    ids = source.of("nuclei")[0].frame.set_index("name")["nucleus_id"]
    assert list(table.columns) == [*schema.UNIT_KEY, "stimulated_AVAL", "stimulated_ASHL"]  # AWCL has no side, others stimulated nobody
    assert table.set_index("unit_id")["stimulated_AVAL"].to_dict() == {ids["AVAR"]: -0.5, ids["RIPL"]: 0.0}
    assert table.set_index("unit_id").loc[ids["RIPL"], "stimulated_ASHL"] == 0.25


def test_signs_are_those_of_acetylcholine_and_gaba_and_of_none_that_releases_both(installed):
    circuit = circuit_of(load_worm())
    signs = dict(zip(circuit.names, circuit.sign.tolist(), strict=True))
    assert signs == {"AVAL": 1, "AVAR": -1, "RIPL": 0, "ASHL": 0, "AWCL": 0}
    assert [name for name, marked in zip(circuit.names, circuit.sensory, strict=True) if marked] == ["ASHL", "AWCL"]
    assert not circuit.motor.any()
    with pytest.raises(ValueError, match="None of 5 neurons is a motor neuron"):
        circuit.require_motor()


def test_gap_junctions_stand_once_without_muscles_and_oneself(installed):
    circuit = circuit_of(load_worm())
    assert len(circuit.gap_a) == 5 * 4 / 2  # the file joins every cell with every cell
    assert {(circuit.names[a], circuit.names[b]) for a, b in zip(circuit.pre, circuit.post, strict=True)} == {
        ("AVAL", "RIPL"),
        ("RIPL", "RIPL"),
    }
    assert circuit.autapses == 1


def test_pairs_of_the_circuit_are_responses_to_stimulation_and_oneself_is_none(installed):
    source = load_worm()
    circuit = circuit_of(source)
    found = responses_of(source, circuit, 2.0)
    assert found is not None
    names = np.array(circuit.names)
    assert names[found.stimulated].tolist() == ["AVAL", "ASHL"]
    assert set(names[found.responding]) == {"AVAR", "RIPL"}
    values = pd.DataFrame(found.values, names[found.stimulated], names[found.responding])
    assert values.loc["AVAL"].to_dict() == {"AVAR": -0.5, "RIPL": 0.0}
    assert values.loc["ASHL"].to_dict() == {"AVAR": 0.0, "RIPL": 0.25}
    assert found.responds.sum() == 2


def test_classes_follow_the_table_and_males_are_no_hermaphrodites(installed):
    types = load_worm().of("cell_types_fine")[0].frame.set_index("name")["cell_type"]
    assert types.to_dict() == {
        "ASHL": "sensory",
        "AVAL": "interneuron",
        "AVAR": "interneuron",
        "AWCL": "sensory",
        "RIPL": "interneuron",
    }


def test_other_animals_are_told_apart_and_every_part_has_its_licence_or_citation(installed, caplog):
    with caplog.at_level("INFO", "graphtwin"):
        source = sources.load("worm")
    assert source.has.animals[:2] == ("Witvliet 7", "Cook 2019")
    assert len(source.has.animals) == 8
    assert "MIT" in source.provenance["files"]
    assert "doi:10.1038/s41586-023-06683-4" in caplog.text
    assert "never measured (30 % of them)" in caplog.text
    assert len(source.sha256) == 13


def test_raw_responses_come_from_what_the_user_has_installed(installed, monkeypatch):
    folder = installed / "wormneuroatlas"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('its class asks a web service')")
    (installed / "wormneuroatlas-0.0.7.3.dist-info").mkdir()
    (installed / "wormneuroatlas-0.0.7.3.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: wormneuroatlas\nVersion: 0.0.7.3\n")
    with h5py.File(folder / "data/funatlas.h5", "w") as file:
        file["neuron_ids"] = np.array([b"AVAR", b"ASHL", b"AWCOFF"])
        file["wt/dFF"] = np.array([[0.1, 0.3, 9.0], [0.7, 0.2, 9.0], [9.0, 9.0, 9.0]])  # rows respond
        file["wt/occ1"] = np.array([[0, 2, 1], [0, 1, 1], [1, 1, 1]])
    assert not load_worm().of("responses_to_stimulation_single")  # a file without single ones
    with h5py.File(folder / "data/funatlas.h5", "a") as file:
        each = file.create_dataset("wt/dFF_all", (3, 3), h5py.vlen_dtype(np.float64))
        each[0, 1], each[1, 1], each[1, 0], each[2, 1] = [0.2, 0.4], [0.2], [5.0], [6.0]  # AVAR was stimulated where nobody looked
    source = load_worm()
    table = source.of("function")[0].frame
    ids = source.of("nuclei")[0].frame.set_index("name")["nucleus_id"]
    assert list(table.columns) == [*schema.UNIT_KEY, "stimulated_ASHL"]  # nobody was seen when AVAR was stimulated
    assert table.set_index("unit_id")["stimulated_ASHL"].to_dict() == {ids["AVAR"]: 0.3, ids["ASHL"]: 0.2}
    assert "GPL-3" in source.credits["signal propagation"]
    assert "wormneuroatlas/data/funatlas.h5" in source.sha256
    single = source.of("responses_to_stimulation_single")[0].frame
    asked = single[(single["pre_root_id"] == ids["ASHL"]) & (single["post_root_id"] == ids["AVAR"])]
    assert asked["response"].tolist() == [0.2, 0.4]
    assert single["response"].tolist() == [0.2, 0.4, 0.2]


def test_a_missing_package_is_told_with_what_installs_it_and_why_without_dependencies(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", [finder for finder in sys.meta_path if getattr(finder, "__name__", "") != "cect"])
    with pytest.raises(ModuleNotFoundError, match=r"cect is needed and not installed. Install it: pip install --no-deps cect=="):
        load_worm()


def test_a_version_that_was_not_looked_at_is_said(installed, caplog):
    (installed / "cect-0.3.5.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: cect\nVersion: 0.4.0\n")
    load_worm()
    assert "cect 0.4.0 is installed, 0.3.5 was tested" in caplog.text


def test_a_package_that_lacks_files_or_a_matrix_is_refused(installed):
    file = installed / "cect/cache/WitvlietDataReader8.json"
    file.write_text(json.dumps({"nodes": CELLS, "connections": {"Other": []}}))
    with pytest.raises(ValueError, match=r"no matrix 'Generic_CS', only \['Other'\]"):
        load_worm()
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 13 files are missing, first cache/WitvlietDataReader8.json"):
        load_worm()
