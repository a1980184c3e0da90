"""Lesions of a circuit whose numbers are all known do what they do in truth, and silent motor neurons move nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin import sources
from graphtwin.motor import FittedCircuit, MotorConfig, Trials, circuit_of
from graphtwin.motor import fit as fit_circuit
from graphtwin.motor.model import CircuitNetwork, Scales
from graphtwin.motor.questions import Lesion, changes
from graphtwin.sources.formats import LesionArrays, read_lesions
from graphtwin.synthetic.loop import SOURCE, TRUTH, LoopConfig, write_loop
from graphtwin.training import FitConfig
from tests.motor.small_circuits import circuit

CONFIG = LoopConfig(neurons=60, trials=6, steps=40, lesion_trials=3, lesions=6)
INNER = 4  # Euler steps of the simulation in a step


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("loop")
    write_loop(CONFIG, place)
    return place


@pytest.fixture(scope="module")
def true_circuit(folder) -> FittedCircuit:
    """The circuit with the numbers that were planted, as if a fit had found them all."""
    planted = circuit_of(sources.load(folder / SOURCE))
    neurons, edges, gaps = (pd.read_parquet(folder / TRUTH / f"{name}.parquet") for name in ("neurons", "edges", "gaps"))
    body = np.load(folder / TRUTH / "body.npz")
    outputs, n = tuple(map(str, body["muscles"])), len(planted.names)
    config = MotorConfig(substeps=INNER, fits=1)
    network = CircuitNetwork(planted, config, CONFIG.dt_s, Scales(1.0, (1.0,) * len(outputs), (0.0,) * len(outputs)))
    weight, conductance = np.zeros((n, n)), np.zeros((n, n))
    weight[edges["pre"], edges["post"]], conductance[gaps["a"], gaps["b"]] = edges["weight"], gaps["conductance"]
    signs = np.sign([weight[row][weight[row] != 0].sum() for row in network.unknown_neurons.tolist()])
    with torch.no_grad():
        network.sender.copy_(torch.from_numpy(20 * signs))
        log = {
            "edge": np.log(np.abs(weight[planted.pre, planted.post] / network.weights().numpy())),
            "gap": np.log(conductance[planted.gap_a, planted.gap_b] / network.conductances().numpy()),
            "tau": np.log(neurons["tau_s"].to_numpy() / config.tau_s),
            "bias": neurons["bias"].to_numpy(),
            "start": neurons["rest"].to_numpy(),
            "readout": body["drive"][:, network.motor],
        }
        for name, value in log.items():
            network.get_parameter(name).copy_(torch.from_numpy(value))
    return FittedCircuit(planted, config, CONFIG.dt_s, outputs, (network,), (), ((),))


def predicted(fitted: FittedCircuit, told: LesionArrays, between: np.ndarray | None) -> np.ndarray:
    names = np.array(told.neurons)
    lesions = [Lesion(one, tuple(names[gone])) for one, gone in zip(told.names, told.removed, strict=True)]
    return changes(fitted, lesions, told.stimulus, np.arange(len(names)), between)[:, 0]


def test_a_lesioned_circuit_of_true_weights_changes_as_the_lesioned_animal_does(folder, true_circuit):
    told = read_lesions(folder / TRUTH / "lesions.npz")
    true = told.lesioned - told.intact
    assert np.abs(true).max() > 0.5
    np.testing.assert_allclose(predicted(true_circuit, told, told.between), true, atol=1e-4)


def test_silenced_at_the_first_step_a_circuit_begins_at_the_rest_of_the_whole(folder, true_circuit):
    told = read_lesions(folder / TRUTH / "lesions.npz")
    late = predicted(true_circuit, told, None)
    true = told.lesioned - told.intact
    assert np.abs(late - true)[:, :, 0].max() > 0.02
    of_motor = [at for at, gone in enumerate(told.removed) if true_circuit.circuit.motor[gone].all()]
    assert len(of_motor) >= 2
    direct = true_circuit.without(tuple(np.array(told.neurons)[told.removed[of_motor[-1]]]))
    seen = direct.predict(told.stimulus, np.arange(60)).output[0]
    assert (np.abs(seen).max(axis=(0, 1)) == 0).sum() == CONFIG.segments  # one muscle a segment has lost all its motor neurons


def test_a_lesion_of_nothing_changes_nothing_before_and_after_a_rest(folder, true_circuit):
    told = read_lesions(folder / TRUTH / "lesions.npz")
    for between in (None, told.between):
        assert not changes(true_circuit, [Lesion("nothing")], told.stimulus, np.arange(60), between).any()


@pytest.mark.parametrize(("silent", "left"), [("zero", 0.0), ("free", 3.0)])
def test_without_motor_neurons_an_output_is_nothing_unless_it_may_be_any_constant(silent, left):
    chain = circuit(3, [(0, 1, 1.0), (1, 2, 1.0)])
    network = CircuitNetwork(chain, MotorConfig(silent_output=silent), 0.01, Scales(1.0, (2.0,), (3.0,)))
    with torch.no_grad():
        network.readout.fill_(1.0)
    whole = FittedCircuit(chain, network.config, 0.01, ("force",), (network,), (), ((),))
    given = np.ones((1, 100, 1))
    assert whole.predict(given, np.array([0])).output[0, 0, -1, 0] > left + 0.5
    np.testing.assert_array_equal(whole.without(["n2"]).predict(given, np.array([0])).output, left)


@pytest.mark.parametrize(("silent", "shift", "warned"), [("zero", 0.0, False), ("zero", -3.0, True), ("free", -3.0, False)])
def test_an_output_below_0_is_told_where_silent_motor_neurons_are_to_leave_it_at_0(caplog, silent, shift, warned):
    chain = circuit(2, [(0, 1, 1.0)])
    rng = np.random.default_rng(0)
    output = np.maximum(rng.standard_normal((4, 30, 1)), 0) + 0.05 * rng.standard_normal((4, 30, 1)) + shift
    trials = Trials(
        0.01, np.ones((4, 30, 1)), np.array([0]), rng.random((4, 30, 1)), np.array([0]), output, ("bend",), ("a", "b", "c", "d")
    )
    fit_circuit(chain, trials, MotorConfig(fits=1, silent_output=silent, fit=FitConfig(epochs=1, patience=1, learning_rate=0.1)))
    assert ("1 of 1 outputs lie below 0" in caplog.text and "Set silent_output = free" in caplog.text) == warned
