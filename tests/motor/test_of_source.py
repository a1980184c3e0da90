"""Claims: a folder of tables becomes the circuit that it describes, with signs that are stated and none that is guessed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from graphtwin import sources
from graphtwin.motor import circuit_of, trials_of
from graphtwin.motor.circuit import exposure_of
from graphtwin.motor.controls import static_responses
from graphtwin.sources.formats import TrialArrays, write_trials

CELLS = pd.DataFrame(
    {
        "name": ["S1", "I1", "I2", "M1"],
        "cell_type": ["touch", "local", None, "bend"],
        "transmitter": ["Acetylcholine", "GABA", "glutamate", None],
        "sensory": [True, False, False, False],
        "motor": ["", "no", "0", "yes"],
        "x_um": [0.0, 1.0, 2.0, 3.0],
        "y_um": [5.0, 5.0, 5.0, 5.0],
        "z_um": [0.0, 0.0, 0.0, np.nan],
    }
)
SYNAPSES = pd.DataFrame(
    {
        "pre_name": ["S1", "S1", "I1", "I2", "I1", "I1"],
        "post_name": ["I1", "M1", "M1", "M1", "I1", "I2"],
        "size": [3, 2, 4, 1, 1, 2],
        "kind": ["chemical", "chemical", "chemical", "chemical", "chemical", "gap"],
    }
)
STATED = "transmitters = { acetylcholine = 1, gaba = -1 }"
SHOWN = TrialArrays(
    "", 0.02, np.ones((2, 4, 1)), ("S1",), np.zeros((2, 4, 2)), ("I2", "M1"), np.zeros((2, 4, 1)), ("bend",), ("step", "noise")
)


def folder(
    place: Path, cells: pd.DataFrame = CELLS, synapses: pd.DataFrame = SYNAPSES, stated: str = STATED, shown: TrialArrays | None = SHOWN
) -> sources.SourceTables:
    cells.to_csv(place / "cells.csv", index=False)
    synapses.to_csv(place / "synapses.csv", index=False)
    entries = [("circuit_cells", "cells.csv", stated), ("synapses", "synapses.csv", ""), ("queried_post", "cells.csv", "")]
    tables = [f'[[tables]]\nrole = "{role}"\nfile = "{file}"\nmaterialization = 1\n{more}' for role, file, more in entries]
    if shown is not None:
        write_trials(shown, place / "trials.h5")
        tables.append('[[trials]]\nfile = "trials.h5"')
    (place / "loop.toml").write_text('name = "loop"\n[frame]\naxes = ["x", "y", "z"]\n' + "\n".join(tables))
    return sources.load(place / "loop.toml")


def test_neurons_signs_marks_and_places_are_those_of_the_table(tmp_path):
    circuit = circuit_of(folder(tmp_path))
    row = {name: place for place, name in enumerate(circuit.names)}
    assert {name: int(circuit.sign[place]) for name, place in row.items()} == {"S1": 1, "I1": -1, "I2": 0, "M1": 0}
    assert [name for name, place in row.items() if circuit.sensory[place]] == ["S1"]
    assert [name for name, place in row.items() if circuit.motor[place]] == ["M1"]
    assert circuit.types[row["I2"]] == ""
    np.testing.assert_allclose(circuit.position[row["I1"]], [1, 5, 0])


def test_gap_junctions_are_edges_of_their_own_and_autapses_stay(tmp_path):
    circuit = circuit_of(folder(tmp_path))
    named = {(circuit.names[a], circuit.names[b]): n for a, b, n in zip(circuit.pre, circuit.post, circuit.count, strict=True)}
    assert named == {("S1", "I1"): 3, ("S1", "M1"): 2, ("I1", "M1"): 4, ("I2", "M1"): 1, ("I1", "I1"): 1}
    assert [(circuit.names[a], circuit.names[b]) for a, b in zip(circuit.gap_a, circuit.gap_b, strict=True)] == [("I1", "I2")]
    assert circuit.autapses == 1


def test_trials_are_in_the_rows_of_the_circuit(tmp_path):
    source = folder(tmp_path)
    circuit = circuit_of(source)
    shown = trials_of(source, circuit)
    assert shown is not None
    assert [circuit.names[row] for row in (*shown.stimulated, *shown.recorded)] == ["S1", "I2", "M1"]
    assert (shown.dt_s, shown.names, shown.outputs, shown.n_steps) == (0.02, ("step", "noise"), ("bend",), 4)
    assert "trials.h5" in source.sha256
    assert trials_of(replace(source, trials=()), circuit) is None


def test_a_transmitter_whose_sign_is_not_stated_has_none(tmp_path):
    assert not circuit_of(folder(tmp_path, stated="")).sign.any()


def test_signs_may_be_whole_numbers_where_every_neuron_has_one(tmp_path):
    stated = CELLS.drop(columns="transmitter").assign(sign=[1, -1, 0, 1])
    assert sorted(circuit_of(folder(tmp_path, stated, stated="")).sign.tolist()) == [-1, 0, 1, 1]


def test_a_sign_in_the_file_goes_before_the_transmitter_and_may_not_contradict_it(tmp_path):
    stated = CELLS.assign(sign=[None, None, -1, 1])
    assert sorted(circuit_of(folder(tmp_path, stated)).sign.tolist()) == [-1, -1, 1, 1]
    with pytest.raises(ValueError, match="1 of 4 neurons have a sign other than that of their transmitter, first -1 of 'Acetylcholine'"):
        folder(tmp_path, CELLS.assign(sign=[-1, None, None, None]))


def test_two_transmitters_of_two_signs_are_refused_unless_the_sign_is_stated(tmp_path):
    both = CELLS.assign(transmitter=["acetylcholine; GABA", "GABA", None, None])
    with pytest.raises(ValueError, match="1 of 4 neurons have transmitters of both signs, first 'acetylcholine; GABA' in row 1"):
        folder(tmp_path, both)
    assert circuit_of(folder(tmp_path, both.assign(sign=[1, None, None, None]))).sign.tolist().count(1) == 1


def test_a_stated_transmitter_that_no_neuron_has_is_a_slip_of_the_pen(tmp_path):
    with pytest.raises(ValueError, match=r"1 of 1 stated transmitters are of no neuron, first 'acetylcholin' \(nearest 'acetylcholine'\)"):
        folder(tmp_path, stated="transmitters = { acetylcholin = 1 }")


def test_an_edge_to_a_neuron_that_no_table_lists_is_refused(tmp_path):
    more = pd.concat([SYNAPSES, pd.DataFrame({"pre_name": ["S1"], "post_name": ["X9"], "size": [1], "kind": ["chemical"]})])
    source = folder(tmp_path, synapses=more)
    with pytest.raises(
        ValueError, match=r"synapses.csv: 1 of 6 edges are of unknown neurons, first S1 to X9: 1 neurons are not among the 4"
    ):
        circuit_of(source)


def test_edges_of_both_signs_of_one_neuron_are_refused_by_dale_and_kept_where_receptors_decide(tmp_path):
    signed = SYNAPSES.assign(sign=[1, -1, -1, 1, -1, None])
    source = folder(tmp_path, CELLS.drop(columns="transmitter"), signed, stated="")
    with pytest.raises(ValueError, match="Signs contradict: 1 of 4 neurons, first S1, which excites by 1 edges and inhibits by 1"):
        circuit_of(source, dale=True)
    circuit = circuit_of(source)
    of = {(circuit.names[a], circuit.names[b]): int(sign) for a, b, sign in zip(circuit.pre, circuit.post, circuit.edge_sign, strict=True)}
    assert of == {("S1", "I1"): 1, ("S1", "M1"): -1, ("I1", "M1"): -1, ("I2", "M1"): 1, ("I1", "I1"): -1}
    assert {name: int(sign) for name, sign in zip(circuit.names, circuit.sign, strict=True)} == {"S1": 0, "I1": -1, "I2": 1, "M1": 0}


@pytest.mark.parametrize(
    ("cells", "synapses", "words"),
    [
        (CELLS.assign(name=["S1", "I1", "I1", "M1"]), SYNAPSES, "1 of 4 rows have the name of an earlier one, first .'I1'"),
        (CELLS, SYNAPSES.assign(size=[3, -2, 4, 1, 1, 2]), "1 values do not fit the schema"),
        (CELLS, SYNAPSES.assign(size=[3, None, 4, 1, 1, 2]), "1 values do not fit the schema"),
        (CELLS, SYNAPSES.assign(size=0), "6 values do not fit the schema"),
        (CELLS, SYNAPSES.assign(kind="electrical"), "6 values do not fit the schema"),
        (CELLS.assign(motor=["", "maybe", "0", "yes"]), SYNAPSES, "column motor: 1 of 4 values are neither true nor false, first 'maybe'"),
    ],
)
def test_tables_that_are_no_circuit_are_refused_at_the_door(tmp_path, cells, synapses, words):
    with pytest.raises(ValueError, match=words):
        folder(tmp_path, cells, synapses)


def test_a_gap_junction_has_one_count_and_none_with_itself(tmp_path):
    gaps = SYNAPSES.assign(kind=["chemical", "chemical", "chemical", "chemical", "gap", "gap"])
    assert len(circuit_of(folder(tmp_path, synapses=gaps)).gap_a) == 1
    back = pd.DataFrame({"pre_name": ["I2"], "post_name": ["I1"], "size": [5], "kind": ["gap"]})
    with pytest.raises(ValueError, match="1 of 1 gap junctions have another count in each direction, first I1 and I2: 2 and 5"):
        circuit_of(folder(tmp_path, synapses=pd.concat([SYNAPSES, back])))


def test_a_stimulus_of_neurons_that_are_not_in_the_circuit_is_refused(tmp_path):
    source = folder(tmp_path, shown=replace(SHOWN, stimulated=("S9",)))
    with pytest.raises(ValueError, match=r"1 of 1 stimulated neurons of .*trials.h5 are not in the circuit of 4 neurons, first \['S9'\]"):
        trials_of(source, circuit_of(source))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"activity": np.zeros((2, 3, 2))}, "trials of unequal number or length"),
        ({"names": ("step",)}, "1 names of trials"),
        ({"recorded": ("I2",)}, "activity has 2 columns, recorded has 1 names"),
        ({"dt_s": -0.01}, "dt_s = -0.01: a step takes some time"),
    ],
)
def test_files_of_trials_that_contradict_themselves_are_refused(tmp_path, changed, words):
    source = folder(tmp_path)
    with h5py.File(tmp_path / "trials.h5", "r+") as file:
        for name, value in changed.items():
            if name == "dt_s":
                file.attrs[name] = value
            else:
                del file[name]
                file[name] = value
    with pytest.raises(ValueError, match=words):
        trials_of(source, circuit_of(source))


def test_a_file_that_is_no_hdf5_and_one_that_is_missing_are_told(tmp_path):
    source = folder(tmp_path)
    (tmp_path / "trials.h5").write_bytes(b"not HDF5")
    with pytest.raises(ValueError, match="no HDF5 file, or one that was cut short"):
        trials_of(source, circuit_of(source))
    (tmp_path / "trials.h5").unlink()
    with pytest.raises(FileNotFoundError, match=r"trials\.h5"):
        sources.load(tmp_path / "loop.toml")


def test_files_of_trials_are_laid_behind_one_another_and_must_be_alike(tmp_path):
    source = folder(tmp_path)
    circuit = circuit_of(source)
    write_trials(replace(SHOWN, names=("third", "fourth")), tmp_path / "more.h5")
    both = trials_of(replace(source, trials=(tmp_path / "trials.h5", tmp_path / "more.h5")), circuit)
    assert both is not None
    assert both.names == ("step", "noise", "third", "fourth")
    short = replace(SHOWN, stimulus=np.ones((2, 3, 1)), activity=np.zeros((2, 3, 2)), output=np.zeros((2, 3, 1)))
    write_trials(short, tmp_path / "more.h5")
    with pytest.raises(
        ValueError, match=r"more\.h5: 3 steps of 0\.02 s of 2 recorded neurons; .*trials\.h5 has 4 of 0\.02 s of 2, or other"
    ):
        trials_of(replace(source, trials=(tmp_path / "trials.h5", tmp_path / "more.h5")), circuit)


def test_synapses_of_a_list_are_counted_by_pair(tmp_path):
    SYNAPSES[:4].drop(columns="kind").loc[[0, 0, 0, 1, 2]].assign(id=range(5)).to_csv(tmp_path / "list.csv", index=False)
    CELLS[["name", "cell_type"]].to_csv(tmp_path / "cells.csv", index=False)
    roles = {"circuit_cells": "cells.csv", "synapse_list": "list.csv", "queried_post": "cells.csv"}
    tables = [f'[[tables]]\nrole = "{role}"\nfile = "{file}"\nmaterialization = 1' for role, file in roles.items()]
    (tmp_path / "listed.toml").write_text("\n".join(['name = "listed"', *tables]))
    circuit = circuit_of(sources.load(tmp_path / "listed.toml"))
    named = {(circuit.names[a], circuit.names[b]): n for a, b, n in zip(circuit.pre, circuit.post, circuit.count, strict=True)}
    assert named == {("S1", "I1"): 3, ("S1", "M1"): 1, ("I1", "M1"): 1}


def test_a_source_without_a_table_of_neurons_is_told_what_to_add(tmp_path):
    source = folder(tmp_path)
    wired = replace(source, tables=tuple(table for table in source.tables if table.role != "circuit_cells"))
    with pytest.raises(ValueError, match=r"source 'loop': no table lists the neurons .*Add one of role circuit_cells"):
        circuit_of(wired)


def test_exposure_is_that_of_the_source_and_of_neurons_of_the_circuit(tmp_path):
    source = folder(tmp_path)
    circuit = circuit_of(source)
    assert exposure_of(source, circuit) is None
    assert "exposure" not in static_responses(circuit)
    of = {name: number for number, name in enumerate(source.names, 1)}
    ids = {"pre_root_id": [of["S1"], of["M1"], 99], "post_root_id": [of["I2"], of["I1"], of["S1"]]}
    made = sources.Table("exposure", 1, "made", pd.DataFrame(ids | {"exposure": [0.5, 2.0, 7.0]}))
    exposure = exposure_of(replace(source, tables=(*source.tables, made)), circuit)
    found = static_responses(circuit, circuit.rows_of(("M1", "S1"), "asked"), exposure)["exposure"]
    expected = np.zeros((2, 4))
    expected[0, circuit.names.index("I1")], expected[1, circuit.names.index("I2")] = 2.0, 0.5
    np.testing.assert_array_equal(found, expected)
