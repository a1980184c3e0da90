"""Claims: the oculomotor integrator is read from MATLAB files of either format alike, and its imaged cells stay a table of their own."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from graphtwin import sources
from graphtwin.motor import circuit_of
from graphtwin.sources.loaders import load_oculomotor, read_imaged_cells

CLASSES = ["_Int_", "_Int_", "_DOs_", "ABD_m", "ABD_i", "vSPNs"]
N = len(CLASSES)
NUMBERS = np.array([[77001, 76002, 77003, 78004, 78005, 79006]])
COUNTS = np.random.default_rng(1).poisson(1.0, (N, N)) * (1 - np.eye(N, dtype=int))
INPUTS = COUNTS.sum(axis=1, keepdims=True) + 10


def older(folder: Path, **changed: np.ndarray) -> Path:
    """Files as MATLAB wrote them before version 7.3."""
    content = {"ConnMatrix": COUNTS.astype(float), "totalInputs": INPUTS, "cellIDType": np.array(CLASSES), "MatOrder": NUMBERS, **changed}
    for name, value in content.items():
        if value is not None:
            savemat(folder / f"{name}_small.mat", {f"{name}_small": value})
    return folder


def newer(folder: Path) -> Path:
    """Files of version 7.3: HDF5 behind 512 bytes of MATLAB's own, with axes the other way round and text as numbers of characters."""
    content = {"ConnMatrix": COUNTS.astype(float), "totalInputs": INPUTS, "MatOrder": NUMBERS}
    content["cellIDType"] = np.array([[ord(letter) for letter in name] for name in CLASSES], dtype=np.uint16)
    for name, value in content.items():
        path = folder / f"{name}_small.mat"
        with h5py.File(path, "w", userblock_size=512) as file:
            file[f"{name}_small"] = value.T
            file[f"{name}_small"].attrs["MATLAB_class"] = np.bytes_("char" if name == "cellIDType" else "double")
        with path.open("r+b") as raw:
            raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512))
    return folder


@pytest.mark.parametrize("written", [older, newer])
def test_rows_receive_and_cells_have_their_numbers_and_classes(tmp_path, written):
    circuit = circuit_of(sources.load(written(tmp_path)))
    names = [str(number) for number in NUMBERS[0]]
    found = {(circuit.names[a], circuit.names[b]): n for a, b, n in zip(circuit.pre, circuit.post, circuit.count, strict=True)}
    assert found == {(names[b], names[a]): COUNTS[a, b] for a in range(N) for b in range(N) if COUNTS[a, b]}
    assert dict(zip(circuit.names, circuit.types, strict=True)) == dict(zip(names, [name.strip("_") for name in CLASSES], strict=True))
    assert np.array(circuit.names)[circuit.motor].tolist() == ["78004"]
    assert not circuit.sign.any()


def test_signs_are_those_that_are_given_by_class_and_to_no_other(tmp_path):
    circuit = circuit_of(load_oculomotor(older(tmp_path), {"DOs": -1, "Int": 1}))
    of = {(kind, int(sign)) for kind, sign in zip(circuit.types, circuit.sign, strict=True)}
    assert of == {("Int", 1), ("DOs", -1), ("ABD_m", 0), ("ABD_i", 0), ("vSPNs", 0)}
    with pytest.raises(ValueError, match="give 1, -1 or 0 to classes that are there"):
        load_oculomotor(tmp_path, {"DO": -1})


def test_without_numbers_cells_are_named_by_class_and_place_and_keep_their_total_inputs(tmp_path):
    source = load_oculomotor(older(tmp_path, MatOrder=None))
    assert source.names == ("ABD_i_005", "ABD_m_004", "DOs_003", "Int_001", "Int_002", "vSPNs_006")
    cells = source.of("circuit_cells")[0].frame
    named = dict(zip([source.names[number - 1] for number in cells["nucleus_id"]], cells["total_inputs"], strict=True))
    assert named["ABD_m_004"] == INPUTS[3, 0]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"totalInputs": INPUTS[:-1]}, "'total inputs': 5"),
        ({"cellIDType": None}, r"0 files are named cellIDType\*\.mat"),
        ({"ConnMatrix": -COUNTS.astype(float)}, "values do not fit the schema"),
        ({"MatOrder": NUMBERS.clip(77003)}, "2 of 6 cells have the number of another"),
    ],
)
def test_files_that_do_not_fit_each_other_are_refused(tmp_path, changed, words):
    with pytest.raises(ValueError, match=words):
        load_oculomotor(older(tmp_path, **changed))


def test_a_file_that_was_cut_short_is_refused(tmp_path):
    path = older(tmp_path) / "totalInputs_small.mat"
    path.write_bytes(path.read_bytes()[:140])
    with pytest.raises(ValueError, match="no MATLAB file, or one that was cut short"):
        load_oculomotor(tmp_path)


@pytest.mark.parametrize("suffix", [".csv", ".mat"])
def test_imaged_cells_are_a_table_of_their_own(tmp_path, suffix):
    values = np.array([[1.0, 2, 3, 1, 0, 0, -4.5, 2.5], [4, 5, 6, 0, 0, 1, np.nan, 0.5]])
    if suffix == ".csv":
        np.savetxt(tmp_path / "slopesThresh_small.csv", values, delimiter=",")
    else:
        savemat(tmp_path / "slopesThresh_small.mat", {"slopesThresh": values})
    cells = read_imaged_cells(tmp_path)
    assert cells["slope"].tolist() == [2.5, 0.5]
    assert cells["vestibular"].tolist() == [False, True]
    assert np.isnan(cells["threshold"][1])
    assert not set(cells) & {"nucleus_id", "root_id", "name"}


def test_imaged_cells_in_another_order_of_columns_are_refused(tmp_path):
    np.savetxt(tmp_path / "slopesThresh_small.csv", np.arange(16.0).reshape(2, 8), delimiter=",")
    with pytest.raises(ValueError, match="2 of 2 rows have something other than 0 and 1"):
        read_imaged_cells(tmp_path)
