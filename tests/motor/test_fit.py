"""What a fit of a planted circuit finds of it, and what it says that it has not found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtwin.artifacts import read_tensors, write_tensors
from graphtwin.motor.circuit import Trials
from graphtwin.motor.fitting import FittedCircuit, fit_circuit, held_out_trials, load_circuit
from graphtwin.motor.model import MotorConfig
from graphtwin.motor.questions import ablate, changes, lesions_of, rank_edges, score_activity, stimulate
from graphtwin.training import FitConfig
from tests.motor.planted_circuit import DT, Planted, planted_circuit

N = 24
RECORDED = np.arange(0, N, 2)


def config(epochs: int, **changed: object) -> MotorConfig:
    fit = FitConfig(epochs=epochs, patience=epochs, learning_rate=0.1, weight_decay=0.0)
    return MotorConfig(**({"fits": 1, "fit": fit} | changed))


@pytest.fixture(scope="module")
def planted() -> Planted:
    return planted_circuit(N)


@pytest.fixture(scope="module")
def seen(planted: Planted) -> Trials:
    return planted.trials(24, 150, 100, RECORDED)


@pytest.fixture(scope="module")
def fitted(planted: Planted, seen: Trials) -> FittedCircuit:
    return fit_circuit(planted.circuit, seen, config(200))


@pytest.fixture(scope="module")
def unseen(planted: Planted) -> Trials:
    return planted.trials(6, 150, 999, np.arange(N), noise=0.0)


def effects(planted: Planted, stimulus: np.ndarray) -> np.ndarray:
    """RMS change of recorded neurons without each edge, in their SD."""
    whole = planted.run(stimulus)[0][:, :, RECORDED]
    found = []
    for pre, post in zip(planted.circuit.pre, planted.circuit.post, strict=True):
        matrix = planted.matrix.copy()
        matrix[post, pre] = 0
        cut = Planted(planted.circuit, matrix, planted.tau, planted.bias, planted.readout, planted.stimulated)
        found.append(np.sqrt(np.mean(((cut.run(stimulus)[0][:, :, RECORDED] - whole) / whole.std((0, 1))) ** 2)))
    return np.array(found)


@pytest.mark.slow
def test_edges_with_an_effect_are_found_with_half_of_the_neurons_recorded(planted, seen, fitted):
    """An effect is one above the noise of the recording, 5 % of a neuron's SD."""
    told = effects(planted, seen.stimulus) > 0.05
    unknown = told & (planted.circuit.edge_sign == 0)
    found, true = fitted.weights[0], planted.weights
    assert told.sum() > 25
    assert unknown.sum() > 5
    assert np.mean(np.sign(found[told]) == np.sign(true[told])) > 0.95
    assert np.mean(np.sign(found[unknown]) == np.sign(true[unknown])) > 0.95
    assert np.corrcoef(found[told], true[told])[0, 1] > 0.9


@pytest.mark.slow
def test_lesions_change_the_output_as_they_do_in_truth(planted, fitted, unseen):
    names = [name for name, motor in zip(planted.circuit.names, planted.circuit.motor, strict=True) if not motor]
    predicted = changes(fitted, lesions_of(fitted, names), unseen.stimulus, unseen.stimulated)[:, 0]
    whole = planted.run(unseen.stimulus)[1]
    true = np.stack([planted.without(planted.circuit.names.index(name)).run(unseen.stimulus)[1] - whole for name in names])
    assert np.corrcoef(predicted.std((1, 2, 3)), true.std((1, 2, 3)))[0, 1] > 0.9
    assert np.corrcoef(predicted.ravel(), true.ravel())[0, 1] > 0.9


@pytest.mark.slow
def test_neurons_never_recorded_are_predicted(fitted, unseen):
    table = score_activity(fitted, unseen).set_index("neuron")
    never = [f"n{row}" for row in range(1, N, 2)]
    assert table.loc[never, "r"].mean() > 0.7
    assert table.drop(index=never)["r"].mean() > 0.98


@pytest.mark.slow
def test_the_circuit_is_not_found_on_rewired_edges(planted, seen, fitted):
    """Targets are exchanged between edges: each neuron sends and gets as many edges as before, from and to others."""
    circuit = planted.circuit
    post = _swapped(circuit.pre, circuit.post, np.random.default_rng(0))
    other = fit_circuit(replace(circuit, post=post), seen, config(200))
    assert other.histories[0][-1]["validation"] > fitted.histories[0][-1]["validation"] + 0.3


def _swapped(pre: np.ndarray, post: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Targets exchanged between pairs of edges, no pair of neurons twice."""
    post, pairs = post.copy(), set(zip(pre.tolist(), post.tolist(), strict=True))
    for _ in range(20 * len(post)):
        a, b = rng.integers(0, len(post), 2)
        new = {(int(pre[a]), int(post[b])), (int(pre[b]), int(post[a]))}
        if len(new) == 2 and not new & pairs:
            pairs = pairs - {(int(pre[a]), int(post[a])), (int(pre[b]), int(post[b]))} | new
            post[a], post[b] = post[b], post[a]
    return post


def test_a_fit_in_windows_that_was_stopped_ends_in_the_numbers_of_one_that_was_not(planted, seen, tmp_path):
    few, asked = seen.chosen(range(6)), config(4, descent="windows")
    whole = fit_circuit(planted.circuit, few, asked)

    class Stopped(Exception):
        pass

    def stop(path: object, *rest: object) -> None:
        save(path, *rest)
        if rest[3].epoch == 2:
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        from graphtwin import training

        save = training._save
        patch.setattr(training, "_save", stop)
        with pytest.raises(Stopped):
            fit_circuit(planted.circuit, few, asked, checkpoints=tmp_path)
    resumed = fit_circuit(planted.circuit, few, asked, checkpoints=tmp_path)
    for name, value in whole.networks[0].state_dict().items():
        assert torch.equal(value, resumed.networks[0].state_dict()[name]), name
    assert whole.histories == resumed.histories


def test_parameters_that_data_do_not_tell_spread_as_widely_as_their_prior(planted, seen):
    """Nothing that is recorded follows the last neurons of this circuit, so that edges among them are told by nothing."""
    few = seen.chosen(range(8))
    alone = replace(few, activity=few.activity[:, :, :2], recorded=few.recorded[:2], output=few.output[:, :, :0], outputs=())
    table = fit_circuit(planted.circuit, alone, config(40, fits=4)).identified()
    edges = table[table["parameter"] == "edge"]
    assert len(edges) == len(planted.circuit.pre)
    assert edges["told"].mean() < 0.5
    assert edges["spread"].median() == pytest.approx(edges["prior_width"].median(), rel=0.4)
    assert table[table["parameter"] == "bias"].set_index("of").loc["n0", "told"]


def test_the_input_of_a_neuron_that_was_never_stimulated_is_told_by_nothing(planted, seen):
    stimulus = seen.stimulus[:8].copy()
    stimulus[:, :, -1] = 0.0
    quiet = replace(seen.chosen(range(8)), stimulus=stimulus)
    table = fit_circuit(planted.circuit, quiet, config(30, fits=4)).identified()
    inputs = table[table["parameter"] == "input"].set_index("of")
    never = inputs.loc[planted.circuit.names[int(seen.stimulated[-1])]]
    assert not never["told"]
    assert never["spread"] > 3 * inputs["spread"].drop(never.name).min()


def test_a_saved_circuit_answers_as_before(planted, seen, tmp_path):
    fitted = fit_circuit(planted.circuit, seen.chosen(range(6)), config(2, fits=2))
    lesioned = fitted.without(["n3"], [("n0", planted.circuit.names[planted.circuit.post[planted.circuit.pre == 0][0]])])
    for one in (fitted, lesioned):
        again = load_circuit(one.save(tmp_path / "circuit.pt"))
        ours, theirs = (each.predict(seen.stimulus[:2], seen.stimulated) for each in (one, again))
        np.testing.assert_array_equal(ours.activity, theirs.activity)
        np.testing.assert_array_equal(ours.output, theirs.output)
        assert again.held_out == fitted.held_out
    assert np.isnan(ours.activity[..., 3]).all()
    (tmp_path / "other.pt").write_bytes(b"no tensors")
    with pytest.raises(ValueError, match=r"other.pt: holds more than tensors.* Fit the circuit again"):
        load_circuit(tmp_path / "other.pt")
    content = read_tensors(tmp_path / "circuit.pt")
    content["networks"][0]["of another version"] = content["networks"][0].pop("bias")
    write_tensors(content, tmp_path / "older.pt")
    with pytest.raises(ValueError, match=r"older.pt: its fits have other numbers than those of this version .*of another version"):
        load_circuit(tmp_path / "older.pt")


def test_a_removed_neuron_does_nothing_and_an_unknown_one_is_an_error(planted, seen):
    fitted = fit_circuit(planted.circuit, seen.chosen(range(6)), config(1))
    everything = fitted.without(planted.circuit.names)
    constant = everything.predict(seen.stimulus[:3], seen.stimulated).output
    np.testing.assert_allclose(constant, constant.flat[0], atol=1e-6)
    with pytest.raises(ValueError, match=r"1 of 1 neurons to remove are not in the circuit"):
        fitted.without(["nobody"])
    with pytest.raises(ValueError, match=r"1 of 1 edges to remove are not among the \d+ chemical edges .* \['n0 -> n0'\]"):
        fitted.without(edges=[("n0", "n0")])


def test_tables_of_lesions_and_edges_rank_what_carries_the_output(planted, seen):
    fitted = fit_circuit(planted.circuit, seen.chosen(range(8)), config(30, fits=2))
    table = ablate(fitted, lesions_of(fitted, ["n20", "n3"]), seen.stimulus[:6], seen.stimulated)
    assert set(table["lesion"]) == {"n20", "n3"}
    assert (table["low"] <= table["effect"]).all()
    assert (table["effect"] <= table["high"]).all()
    edges = rank_edges(fitted, seen.stimulus[:6], seen.stimulated, removed=112)
    assert len(edges) == len(planted.circuit.pre)
    assert edges["gradient_x_weight"].abs().is_monotonic_decreasing
    assert edges[["gradient_x_weight", "effect"]].abs().corr("spearman").iloc[0, 1] > 0.8


def test_only_what_lies_behind_a_stimulated_neuron_responds(planted, seen):
    fitted = fit_circuit(planted.circuit, seen.chosen(range(6)), config(2, fits=2))
    table = stimulate(fitted, ["n9", "n23"], 1.0)
    reached = {9}
    for _ in range(N):
        reached |= {int(b) for a, b in zip(planted.circuit.pre, planted.circuit.post, strict=True) if int(a) in reached}
    own = table[table["stimulated"] == "n9"].set_index("neuron")
    assert own["size"].idxmax() == "n9"
    assert (own.loc[[f"n{i}" for i in range(N) if i not in reached], "size"] == 0).all()


def test_one_trial_is_too_few(planted, seen):
    with pytest.raises(ValueError, match="1 trial: none is left to stop the fit by"):
        fit_circuit(planted.circuit, seen.chosen([0]), config(1))
    assert len(held_out_trials(2, 0.9, 0)) == 1


def test_a_fit_that_explodes_says_where(planted, seen):
    with pytest.raises(FloatingPointError, match=r"The state of 'n\d+' passed .* most comes from"):
        fit_circuit(planted.circuit, seen.chosen(range(4)), config(3, bound=0.5))


def test_trials_of_another_step_are_refused(planted, seen):
    slow = replace(seen, dt_s=10 * DT)
    with pytest.raises(ValueError, match=r"longer than the smallest time constant"):
        fit_circuit(planted.circuit, slow, config(1))
