"""Claims: the crawling circuit is read from a file in the published layout, one segment of it, with the signs that the file states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graphtwin import sources
from graphtwin.cortex import build
from graphtwin.motor import circuit_of
from graphtwin.sources.loaders import load_larva

N, M = 6, 8  # premotor neurons, motor neurons of two segments
PREMOTOR = [f"A{number:02d}_l" for number in range(N)]
MOTOR = [f"MN{number}_a{segment}" for segment in (1, 2) for number in range(M // 2)]
WORDS = ["exc", "inh", "exc", "", "inh", "exc"]
ORDER = np.array([[1, 2, 0, 3], [3, 0, 0, 1]])


def written(place: Path, **changed: Any) -> Path:
    rng = np.random.default_rng(0)
    counts, among = rng.poisson(2, (M, N)), rng.poisson(1, (N, N))
    counts[M // 2 :] = counts[: M // 2]
    counts[-1, 0] += 5
    content = {
        "Jpm": counts,
        "Jpp": among,
        "p": PREMOTOR,
        "m": MOTOR,
        "nt": WORDS,
        "mnorder": np.tile(ORDER, 2),
        "p_orig": PREMOTOR,
        **changed,
    }
    with h5py.File(place / "data.h5", "w") as file:
        for name, value in content.items():
            if value is h5py.Group:
                file.create_group(name)
            elif value is not None:
                file[name] = np.array(value, dtype=h5py.string_dtype()) if isinstance(value, list) else value
    return place / "data.h5"


def edges(circuit):
    return {(circuit.names[a], circuit.names[b]): n for a, b, n in zip(circuit.pre, circuit.post, circuit.count, strict=True)}


def test_rows_receive_and_the_second_segment_is_left_out_with_a_word(tmp_path, caplog):
    path = written(tmp_path)
    circuit = circuit_of(sources.load(path))
    with h5py.File(path) as file:
        counts, among = file["Jpm"][()], file["Jpp"][()]
    expected = {(PREMOTOR[b], PREMOTOR[a]): among[a, b] for a in range(N) for b in range(N) if among[a, b]}
    expected |= {(PREMOTOR[b], MOTOR[a]): counts[a, b] for a in range(M // 2) for b in range(N) if counts[a, b]}
    assert edges(circuit) == expected
    assert "the second segment, 4 of 8 motor neurons, has a copy of the first's order of recruitment (1 other inputs)" in caplog.text
    assert sorted(np.array(circuit.names)[circuit.motor]) == MOTOR[: M // 2]
    assert set(circuit.types) == {"premotor", "motor"}


def test_both_segments_stay_where_their_orders_differ(tmp_path):
    order = np.tile(ORDER, 2)
    order[0, -1] = 9
    assert circuit_of(load_larva(written(tmp_path, mnorder=order))).motor.sum() == M


def test_a_file_with_its_axes_the_other_way_round_is_the_same_circuit(tmp_path, caplog):
    (tmp_path / "turned").mkdir()
    path = written(tmp_path)
    with h5py.File(path) as file:
        turned = written(tmp_path / "turned", **{name: file[name][()].T for name in ("Jpm", "Jpp", "mnorder")})
    straight = edges(circuit_of(load_larva(path)))
    assert "turned" not in caplog.text
    assert edges(circuit_of(load_larva(turned))) == straight
    assert "Jpm is 6 premotor x 8 motor neurons: it and Jpp are turned, so that rows receive in both" in caplog.text
    assert "mnorder is 8 motor neurons x 2 orders: it is turned" in caplog.text


def test_words_that_are_no_signs_are_told_with_those_that_are_wanted(tmp_path, caplog):
    load_larva(written(tmp_path))
    assert "neither exc nor inh" not in caplog.text
    load_larva(written(tmp_path, nt=["excit", "inhib", "EXC", "", "inh", "excit"]))
    assert (
        "data.h5: nt of 3 of 6 premotor neurons is neither exc nor inh (excit, inhib), and no sign follows. Write exc and inh"
        in caplog.text
    )


def test_exc_and_inh_are_signs_and_a_transmitter_has_the_one_that_is_given(tmp_path):
    circuit = circuit_of(load_larva(written(tmp_path)))
    signs = dict(zip(circuit.names, circuit.sign.tolist(), strict=True))
    assert [signs[name] for name in PREMOTOR] == [1, -1, 1, 0, -1, 1]
    assert not circuit.sign[circuit.motor].any()
    named = written(tmp_path, nt=["Ach", "Glut", "Ach", "", "GABA", "Ach"])
    assert not circuit_of(load_larva(named)).sign.any()
    circuit = circuit_of(load_larva(named, {"ach": 1, "gaba": -1, "glut": -1}))
    assert (circuit.sign == -1).sum() == 2


def test_recruitment_is_function_of_motor_neurons_by_name_and_unknown_places_are_gaps(tmp_path):
    source = load_larva(written(tmp_path))
    table = source.of("function")[0].frame.assign(name=lambda frame: [source.names[number - 1] for number in frame["nucleus_id"]])
    found = table.set_index("name")[["recruited_forward", "recruited_backward"]]
    assert found["recruited_forward"].to_dict() == {"MN0_a1": 1, "MN1_a1": 2, "MN3_a1": 3}
    assert found["recruited_backward"].dropna().to_dict() == {"MN0_a1": 3, "MN3_a1": 1}
    cortex = build(source)
    assert cortex.neurons["is_functional"].sum() == 3
    assert source.has.wiring == "complete"


def test_recruitment_is_a_row_a_motor_neuron_and_way_of_crawling_too(tmp_path):
    source = load_larva(written(tmp_path))
    table = source.of("recruitment_order")[0].frame
    rows = {(source.names[row.root_id - 1], row.condition): row.order for row in table.itertuples()}
    forward = {("MN0_a1", "forward"): 1, ("MN1_a1", "forward"): 2, ("MN3_a1", "forward"): 3}
    assert rows == forward | {("MN0_a1", "backward"): 3, ("MN3_a1", "backward"): 1}
    assert not load_larva(written(tmp_path, mnorder=np.zeros((2, M)))).of("recruitment_order", "function")


@pytest.mark.parametrize("unknown", [[0, M // 2], [0], [M // 2]], ids=["both", "first", "second"])
def test_a_place_that_is_no_number_is_unknown_and_the_second_segment_is_still_a_copy(tmp_path, caplog, unknown):
    order = np.tile(ORDER, 2).astype(float)
    order[0, unknown] = np.nan
    source = load_larva(written(tmp_path, mnorder=order))
    assert sorted(name for name in source.names if name.startswith("MN")) == MOTOR[: M // 2]
    rows = [(source.names[row.root_id - 1], row.condition) for row in source.of("recruitment_order")[0].frame.itertuples()]
    assert (("MN0_a1", "forward") in rows) == (len(unknown) == 1)
    assert f"{len(unknown)} of 16 places in mnorder are NaN, first of {MOTOR[unknown[0]]}: unknown, as 0 is" in caplog.text
    assert "the second segment, 4 of 8 motor neurons" in caplog.text


@pytest.mark.parametrize("place", [-2, -np.inf, np.inf])
def test_a_place_that_is_negative_or_infinite_is_refused_by_name(tmp_path, place):
    order = np.tile(ORDER, 2).astype(float)
    order[1, 2] = place
    with pytest.raises(
        ValueError, match=rf"data.h5: 1 of 16 places in mnorder are infinite or negative, first {place:g} of MN2_a1, backward"
    ):
        load_larva(written(tmp_path, mnorder=order))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"nt": None}, r"1 of 6 datasets are missing: \['nt'\]"),
        ({"m": MOTOR[:-1]}, r"6 premotor neurons, 7 motor neurons and 6 transmitters do not fit: Jpm \(8, 6\) for \(7, 6\)"),
        ({"p": [*PREMOTOR[:-1], MOTOR[0]]}, r"1 of 10 neurons have the name of another, first \['MN0_a1'\]"),
        ({"nt": WORDS[:-1]}, "5 transmitters do not fit"),
        ({"Jpm": np.full((M, N), b"many")}, r"data.h5: Jpm is of \|S4, first .*b'many'.*, and not of numbers. Write \(8, 6\) numbers"),
        ({"mnorder": np.zeros((2, M), [("a", float), ("b", float)])}, r"data.h5: mnorder is of .*, and not of numbers"),
        ({"p": np.array([b"A\xe9%d" % number for number in range(N)])}, r"data.h5: p has b'A\\xe90', which is no text in UTF-8"),
        ({"Jpm": h5py.Group}, r"data.h5: \['Jpm'\] are groups and no datasets"),
    ],
)
def test_a_file_that_is_no_crawling_circuit_is_refused(tmp_path, changed, words):
    with pytest.raises(ValueError, match=words):
        load_larva(written(tmp_path, **changed))


def test_a_file_that_is_no_hdf5_is_refused_at_the_door(tmp_path):
    (tmp_path / "data.h5").write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match="no HDF5 file, or one that was cut short"):
        sources.load(tmp_path / "data.h5")
    with pytest.raises(ValueError, match="neither a bundled source"):
        sources.load(tmp_path / "absent.h5")
