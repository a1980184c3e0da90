"""The fly's motion pathway: columns, offsets and types, on a table of three types and on the package's own."""

import json
from hashlib import sha256

import numpy as np
import pytest

from graphtwin import sources
from graphtwin.motor import circuit_of
from graphtwin.sources.loaders import load_fly
from graphtwin.sources.loaders.fly import lattice_of, on_eye, read_arrays

ARRAYS = {  # R1 to L1 in the same column (40 synapses) and one column on along u (3), L1 to Lawf1 in the same
    "pair_source": np.array([0, 1], np.uint16),
    "pair_target": np.array([1, 2], np.uint16),
    "pair_sign": np.array([-1, 1], np.int8),
    "group_pair": np.array([0, 0, 1], np.uint16),
    "group_du": np.array([0, 1, 0], np.int16),
    "group_dv": np.array([0, 0, 0], np.int16),
    "group_n_syn": np.array([40, 3, 2.5], np.float32),
}


@pytest.fixture
def folder(tmp_path):
    """A folder in the layout of flycns 0.7.0."""
    place = tmp_path / "data/flyvis-1.2.0-ensemble"
    place.mkdir(parents=True)
    entries = []
    for name, array in ARRAYS.items():
        array.tofile(place / f"{name}.bin")
        digest = sha256(array.tobytes()).hexdigest()
        entries.append({"name": name, "file": f"{name}.bin", "dtype": str(array.dtype), "shape": list(array.shape), "sha256": digest})
    (place / "manifest.json").write_text(json.dumps({"arrays": entries, "strings": {"type": ["R1", "L1", "Lawf1"]}}))
    return tmp_path


def test_a_connection_runs_from_the_column_to_the_column_plus_its_offset(folder):
    source = load_fly(1, folder)
    names = source.of("nuclei")[0].frame.set_index("nucleus_id")["name"]
    pairs = source.of("synapses")[0].frame
    found = {(names[a], names[b]): size for a, b, size, _ in pairs.itertuples(index=False)}
    assert found["R1_0_0", "L1_0_0"] == 40
    assert found["R1_0_0", "L1_1_0"] == 3
    assert ("R1_1_0", "L1_2_0") not in found  # outside the eye
    assert found["L1_0_0", "Lawf1_0_0"] == 2.5
    assert len(found) == 7 + 4 + 1  # seven columns; four have a neighbour along u; Lawf1 is in the central one alone


def test_neighbouring_columns_lie_one_column_apart_in_all_six_directions():
    around = np.array([(0, 0), (1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1)])
    x, y = on_eye(around[:, 0], around[:, 1])
    np.testing.assert_allclose(np.hypot(x, y), [0, 1, 1, 1, 1, 1, 1])


def test_the_published_eye_has_its_published_numbers_of_neurons_and_connections():
    lattice = lattice_of(15, read_arrays())
    assert (len(lattice.types), len(lattice.u), len(lattice.source)) == (65, 45_669, 1_513_231)  # as flyvis counts them
    assert len({(u, v) for u, v in zip(lattice.u.tolist(), lattice.v.tolist(), strict=True)}) == 721


def test_wiring_is_complete_and_all_neurons_lie_in_one_plane():
    source = load_fly(2)
    assert source.has.wiring == "complete"
    assert source.has.types
    assert source.has.positions
    assert not source.has.function
    assert not source.has.exposure
    assert source.of("nuclei")[0].frame["depth_um"].nunique() == 1
    assert "MIT" in source.provenance["files"]
    assert "doi:10.1038/s41586-024-07939-3" in source.provenance["connectome"]


def test_a_connection_has_the_sign_of_its_pair_of_types_and_photoreceptors_get_the_input(folder):
    circuit = circuit_of(load_fly(1, folder))
    of = {(circuit.names[a], circuit.names[b]): int(sign) for a, b, sign in zip(circuit.pre, circuit.post, circuit.edge_sign, strict=True)}
    assert of["R1_0_0", "L1_0_0"] == -1
    assert of["L1_0_0", "Lawf1_0_0"] == 1
    assert set(np.array(circuit.types)[circuit.sensory]) == {"R1"}
    assert not circuit.motor.any()


def test_receptors_decide_the_signs_of_four_types_of_the_published_eye():
    source = load_fly(2)
    circuit = circuit_of(source)
    assert circuit.receptor_sign is not None
    both = {
        name
        for name in set(circuit.types)
        if len(set(circuit.edge_sign[np.isin(circuit.pre, np.flatnonzero(np.array(circuit.types) == name))].tolist())) > 1
    }
    assert both == {"R8", "Am", "C2", "C3"}
    with pytest.raises(ValueError, match=r"Signs contradict: 76 of 1203 neurons, first R8_"):
        circuit_of(source, dale=True)


def test_a_file_that_was_changed_and_an_extent_without_neighbours_are_refused(folder):
    with pytest.raises(ValueError, match="extent = 0: an eye has at least the central column"):
        load_fly(0, folder)
    (ARRAYS["group_du"] + np.int16(1)).tofile(folder / "data/flyvis-1.2.0-ensemble/group_du.bin")
    with pytest.raises(ValueError, match="sha256 is"):
        load_fly(1, folder)


def test_names_of_sources_are_known_before_anything_is_loaded():
    for name in ("worm", "fly"):
        sources.require_source(name)
    with pytest.raises(ValueError, match=r"bundled source \(minnie65, worm, fly; nearest 'worm'\)"):
        sources.require_source("worn")
