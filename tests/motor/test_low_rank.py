"""Dynamics without a connectome: as many numbers, the same questions, and no wiring."""

from __future__ import annotations

import numpy as np
import pytest

from graphtwin.motor.circuit import Trials
from graphtwin.motor.controls import FittedLowRank, fit_low_rank
from graphtwin.motor.fitting import fit_circuit
from graphtwin.motor.model import MotorConfig
from graphtwin.training import FitConfig
from tests.motor.planted_circuit import Planted, planted_circuit

N = 20


def config(epochs: int, **changed: object) -> MotorConfig:
    fit = FitConfig(epochs=epochs, patience=epochs, learning_rate=0.05, weight_decay=0.0)
    return MotorConfig(**({"fits": 1, "fit": fit} | changed))


@pytest.fixture(scope="module")
def planted() -> Planted:
    """A circuit whose strengths are of rank two; edges, of which it is told, join other neurons."""
    sparse = planted_circuit(N, seed=1)
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((N, 2)) @ rng.standard_normal((2, N)) / np.sqrt(2 * N)
    return Planted(sparse.circuit, matrix, sparse.tau, sparse.bias, sparse.readout, sparse.stimulated)


@pytest.fixture(scope="module")
def seen(planted: Planted) -> Trials:
    return planted.trials(24, 150, 100, np.arange(N))


@pytest.fixture(scope="module")
def fitted(planted: Planted, seen: Trials) -> FittedLowRank:
    return fit_low_rank(planted.circuit, seen, config(120))


@pytest.mark.slow
def test_a_system_of_low_rank_is_predicted_where_a_circuit_of_other_edges_fails(planted, seen, fitted):
    unseen = planted.trials(6, 150, 999, np.arange(N), noise=0.0)
    between = np.setdiff1d(np.arange(N), planted.stimulated)  # those that are driven are predicted by what drives them

    def r(model: object) -> float:
        said = model.predict(unseen.stimulus, unseen.stimulated, between).activity[0]
        return float(np.mean([np.corrcoef(said[..., i].ravel(), unseen.activity[..., row].ravel())[0, 1] for i, row in enumerate(between)]))

    assert r(fitted) > 0.97
    assert r(fit_circuit(planted.circuit, seen, config(120))) < r(fitted) - 0.1


def test_it_has_as_many_numbers_as_the_circuit_to_the_nearest_rank(planted, seen):
    few = seen.chosen(range(4))
    ours, theirs = (fit(planted.circuit, few, config(1)).networks[0] for fit in (fit_low_rank, fit_circuit))
    counts = [sum(value.numel() for value in network.parameters() if value.requires_grad) for network in (ours, theirs)]
    assert abs(counts[0] - counts[1]) <= N


def test_nothing_of_the_wiring_but_the_number_of_edges_is_read(planted, seen):
    few = seen.chosen(range(4))
    turned = planted.circuit.__class__(**(vars(planted.circuit) | {"pre": planted.circuit.post, "post": planted.circuit.pre}))
    ours, theirs = (fit_low_rank(one, few, config(1)).predict(few.stimulus, few.stimulated).activity for one in (planted.circuit, turned))
    # the draw of the order of batches is named by the data, so that the fits are not the same to the last digit
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.999


@pytest.mark.parametrize(("state", "response"), [("leaky", "relu"), ("graded", "softplus"), ("rate", "tanh")])
def test_its_steps_are_those_of_euler_with_a_matrix_of_low_rank(planted, seen, state, response):
    few = seen.chosen(range(3))
    fitted = fit_low_rank(planted.circuit, few, config(2, state=state, response=response, substeps=2))
    network = fitted.networks[0]
    common, read, bias, alpha, threshold, gain = (value.detach().numpy().astype(np.float64) for value in network.numbers())
    respond = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "softplus": lambda x: np.log1p(np.exp(x))}[response]
    x = network.scales.activity * network.neurons.start.detach().numpy()[:, None].repeat(3, 1).astype(np.float64)
    found = fitted.predict(few.stimulus, few.stimulated).activity[0]
    for step in range(30):
        drive = np.zeros_like(x)
        drive[few.stimulated] = few.stimulus[:, step].T * gain[few.stimulated][:, None]
        for _ in range(2):
            if state == "rate":
                x = x + alpha * (respond(bias[:, None] + drive + common @ read @ x) - x)
            else:
                x = x + alpha * (bias[:, None] + drive + common @ read @ respond(x - threshold) - x)
        np.testing.assert_allclose(found[:, step].T, x, atol=1e-3 * np.abs(x).max())


def test_a_removed_neuron_tells_nobody_and_edges_cannot_be_removed(planted, seen):
    fitted = fit_low_rank(planted.circuit, seen.chosen(range(4)), config(2))
    every = fitted.without(planted.circuit.names).predict(seen.stimulus[:2], seen.stimulated)
    assert np.isnan(every.activity).all()
    np.testing.assert_allclose(every.output, every.output.flat[0], atol=1e-6)
    whole = fitted.predict(seen.stimulus[:2], seen.stimulated)
    assert np.isfinite(whole.activity).all()
    with pytest.raises(ValueError, match="1 edges to remove, of dynamics that have none"):
        fitted.without(edges=[("n0", "n1")])
    with pytest.raises(FloatingPointError, match=r"The state of 'n\d+' passed 0.5 times the SD of recordings"):
        fit_low_rank(planted.circuit, seen.chosen(range(4)), config(2, bound=0.5))


def test_a_circuit_and_what_has_no_connectome_are_stopped_by_the_same_trials(planted, seen):
    few = seen.chosen(range(8))
    assert fit_low_rank(planted.circuit, few, config(1)).held_out == fit_circuit(planted.circuit, few, config(1)).held_out
