"""Claims: the loop has the weights that were planted, stays where it rests, never explodes, and its files say what was planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphtwin import sources
from graphtwin.cli.app import app
from graphtwin.motor import circuit_of, trials_of
from graphtwin.synthetic.loop import SOURCE, TRUTH, TYPES, Body, LoopConfig, TrueCircuit, grow_body, grow_circuit, lesion, move, write_loop

SMALL = LoopConfig(neurons=60, trials=9, steps=60, lesion_trials=2, lesions=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("loop")
    write_loop(SMALL, place)
    return place


def matrix(circuit: TrueCircuit) -> np.ndarray:
    weights = np.zeros((len(circuit.neurons),) * 2)
    weights[circuit.edges["post"], circuit.edges["pre"]] = circuit.edges["weight"]
    return weights


def chain(weight: float, conductance: float) -> TrueCircuit:
    """A neuron that excites a second one, which a gap junction joins to a third."""
    neurons = pd.DataFrame({"name": ["a", "b", "c"], "cell_type": "x", "tau_s": 0.05, "rest": 0.0, "bias": 0.0})
    edges = pd.DataFrame({"pre": [0], "post": [1], "count": [1.0], "efficacy": [1.0], "weight": [weight]})
    return TrueCircuit(neurons, edges, pd.DataFrame({"a": [1], "b": [2], "count": [1.0], "conductance": [conductance]}))


def still_body(n: int) -> Body:
    return Body(("dorsal_1", "ventral_1"), np.zeros((2, n)), np.zeros((n, 1)))


def test_a_constant_input_leads_to_the_state_that_the_equations_have():
    stimulus = np.zeros((2, 200, 3), np.float32)
    stimulus[0, :, 0], stimulus[1, :, 0] = 2.0, -2.0
    motion = move(chain(0.6, 0.25), still_body(3), stimulus, 0.01)
    # (1 + g) b = w a + g c and (1 + g) c = g b; a below 0 releases nothing
    b = 0.6 * 2.0 / (1.25 - 0.25**2 / 1.25)
    np.testing.assert_allclose(motion.activity[0, -1], [2.0, b, 0.25 / 1.25 * b], rtol=1e-4)
    np.testing.assert_allclose(motion.activity[1, -1], [-2.0, 0.0, 0.0], atol=1e-4)


def test_a_step_decays_with_the_time_constant():
    stimulus = np.zeros((1, 40, 3), np.float32)
    stimulus[0, :10, 0] = 1.0
    a = move(chain(0.6, 0.25), still_body(3), stimulus, 0.005).activity[0, :, 0]
    assert np.log(a[12] / a[32]) / (20 * 0.005) == pytest.approx(1 / 0.05, rel=0.02)


def test_weights_are_sign_times_count_times_efficacy_in_one_unit_and_their_magnitudes_have_the_loop_s_gain():
    circuit = grow_circuit(SMALL)
    edges, sign = circuit.edges, circuit.neurons["sign"].to_numpy()
    unit = edges["weight"] / (sign[edges["pre"]] * edges["count"] * edges["efficacy"])
    np.testing.assert_allclose(unit, unit.iloc[0])
    assert unit.iloc[0] > 0
    assert np.abs(np.linalg.eigvals(np.abs(matrix(circuit)))).max() == pytest.approx(SMALL.loop_gain)
    assert not edges.duplicated(["pre", "post"]).any()
    assert (circuit.gaps["a"] < circuit.gaps["b"]).all()
    assert np.log(edges["efficacy"]).std() == pytest.approx(SMALL.efficacy, abs=0.06)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_moves_at_rest_and_nothing_explodes_under_strong_input(seed):
    config = LoopConfig(neurons=60, seed=seed)
    circuit = grow_circuit(config)
    body = grow_body(circuit, config)
    quiet = move(circuit, body, np.zeros((1, 50, 60), np.float32), 0.01)
    np.testing.assert_allclose(quiet.activity[0, -1], circuit.neurons["rest"], rtol=1e-4)
    np.testing.assert_allclose(quiet.tension[0, -1][quiet.tension[0, -1] > 0], 1, rtol=1e-4)
    np.testing.assert_allclose(quiet.bend, 0, atol=1e-4)
    loud = move(circuit, body, np.full((1, 300, 60), 20.0, np.float32), 0.01)
    assert np.abs(loud.activity[0, -1]).max() < 20 * 60
    assert np.abs(np.diff(loud.activity[0, -20:], axis=0)).max() < 1


def test_what_the_body_feels_opposes_what_bends_it():
    circuit = grow_circuit(LoopConfig())
    body = grow_body(circuit, LoopConfig())
    pushed = np.zeros((1, 200, 120), np.float32)
    pushed[0][:, circuit.of("motor_dorsal")] = 0.5
    closed = move(circuit, body, pushed, 0.01)
    opened = move(circuit, body, pushed, 0.01, felt=np.zeros_like(closed.felt))
    assert (opened.bend[0, -1] > 0).all()
    assert closed.bend[0, -1].mean() < 0.8 * opened.bend[0, -1].mean()


def test_without_its_motor_neurons_a_muscle_is_slack_and_a_lesion_of_nothing_changes_nothing():
    circuit = grow_circuit(SMALL)
    body = grow_body(circuit, SMALL)
    found = lesion(circuit, body, SMALL)
    assert found.names[SMALL.lesions :] == tuple(TYPES)
    assert (found.removed[: SMALL.lesions].sum(axis=1) == 1).all()
    without = found.names.index("motor_dorsal")
    assert not found.open_loop[without][..., ::2].any()
    assert not found.closed_loop[without][..., ::2].any()
    given = found.stimulus - found.intact.felt
    none = move(circuit, body, given, SMALL.dt_s, np.zeros(60, bool), found.intact.felt)
    np.testing.assert_allclose(none.tension, found.intact.tension, atol=1e-5)


def test_the_source_is_the_circuit_that_was_planted_and_says_signs_of_known_transmitters_alone(folder):
    source = sources.load(folder / SOURCE)
    circuit, true = circuit_of(source), {name: pd.read_parquet(folder / TRUTH / f"{name}.parquet") for name in ("neurons", "edges", "gaps")}
    row = true["neurons"].reset_index().set_index("name")["index"][list(circuit.names)].to_numpy()
    found = pd.DataFrame({"pre": row[circuit.pre], "post": row[circuit.post], "count": circuit.count}).sort_values(["pre", "post"])
    np.testing.assert_array_equal(found, true["edges"].sort_values(["pre", "post"])[["pre", "post", "count"]])
    assert len(circuit.gap_a) == len(true["gaps"])
    sign = true["neurons"]["sign"].to_numpy()[row]
    assert (circuit.sign != 0).sum() == 30
    np.testing.assert_array_equal(circuit.sign[circuit.sign != 0], sign[circuit.sign != 0])
    assert set(np.array(circuit.types)[circuit.motor]) == {"motor_dorsal", "motor_ventral"}
    assert source.has.wiring == "complete"


def test_trials_are_what_happened_with_noise_of_the_stated_size(folder):
    source = sources.load(folder / SOURCE)
    circuit = circuit_of(source)
    shown, motion = trials_of(source, circuit), np.load(folder / TRUTH / "motion.npz")
    assert shown is not None
    names = list(pd.read_parquet(folder / TRUTH / "neurons.parquet")["name"])
    true = motion["activity"][..., [names.index(circuit.names[row]) for row in shown.recorded]]
    assert len(shown.recorded) == 30
    np.testing.assert_allclose((shown.activity - true).std(axis=(0, 1)) / true.std(axis=(0, 1)), SMALL.noise, rtol=0.2)
    np.testing.assert_allclose((shown.output - motion["tension"]).std(axis=(0, 1)) / motion["tension"].std(axis=(0, 1)), 0.1, rtol=0.2)
    assert len({name.split("-")[1] for name in shown.names}) == 3


def test_the_recorded_input_drives_the_circuit_as_the_loop_did(folder):
    """With what is felt among the stimuli, the circuit alone gives the same tension: nothing of its input is hidden."""
    source = sources.load(folder / SOURCE)
    circuit = circuit_of(source)
    shown, config = trials_of(source, circuit), SMALL
    assert shown is not None
    planted = grow_circuit(config)
    given = np.zeros((len(shown.names), shown.n_steps, 60), np.float32)
    given[..., [list(planted.neurons["name"]).index(circuit.names[row]) for row in shown.stimulated]] = shown.stimulus
    again = move(planted, grow_body(planted, config), given, config.dt_s, felt=np.zeros_like(given))
    np.testing.assert_allclose(again.tension, np.load(folder / TRUTH / "motion.npz")["tension"], atol=1e-4)


def test_missing_and_false_edges_are_as_many_as_asked_for(tmp_path):
    config = SMALL.model_copy(update={"missing": 0.05, "added": 1.0, "transmitters": 1.0, "lesions": 1, "lesion_trials": 1})
    write_loop(config, tmp_path)
    circuit, true = circuit_of(sources.load(tmp_path / SOURCE)), grow_circuit(config)
    named = set(zip(*(true.neurons["name"].to_numpy()[true.edges[end]] for end in ("pre", "post")), strict=True))
    found = {(circuit.names[a], circuit.names[b]) for a, b in zip(circuit.pre, circuit.post, strict=True)}
    assert len(named - found) == round(0.05 * len(named))
    assert len(found - named) == len(named)
    assert (circuit.sign != 0).all()


def test_the_same_seed_gives_the_same_loop_and_other_settings_of_recordings_leave_the_circuit_alone():
    one, other = grow_circuit(SMALL), grow_circuit(SMALL.model_copy(update={"recorded": 1.0, "trials": 30}))
    pd.testing.assert_frame_equal(one.edges, other.edges)
    assert not one.edges.equals(grow_circuit(SMALL.model_copy(update={"seed": 1})).edges)


def test_the_command_writes_a_source_says_where_and_writes_over_nothing(tmp_path):
    asked = ["motor", "simulate", "--out", str(tmp_path / "made"), "--neurons", "40"]
    less = [part for key in ("trials=6", "steps=20", "lesions=1", "lesion_trials=1") for part in ("--set", key)]
    done = CliRunner().invoke(app, [*asked, *less])
    assert done.exit_code == 0, done.output
    assert "README.md" in done.output
    assert len(circuit_of(sources.load(tmp_path / "made" / SOURCE)).names) == 40
    again = CliRunner().invoke(app, [*asked, *less])
    assert again.exit_code != 0
    assert "a sensorimotor loop is already there" in again.output
    refused = CliRunner().invoke(app, [*asked, "--set", "neurons=50"])
    assert "--neurons 40 and --set neurons=50 give two values" in refused.output
