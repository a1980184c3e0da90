"""Fits that see whole trials: exact gradients in windows, descents that end in the minimum, and fits that go on where they were stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from graphtwin.motor.circuit import Trials
from graphtwin.motor.fitting import fit_circuit, whole
from graphtwin.motor.fitting.objective import Objective
from graphtwin.motor.fitting.quasi_newton import Descent
from graphtwin.motor.model import CircuitNetwork, MotorConfig
from graphtwin.training import FitConfig
from tests.motor.planted_circuit import Planted, planted_circuit

RECORDED = np.arange(0, 24, 2)


@pytest.fixture(scope="module")
def planted() -> Planted:
    return planted_circuit(24)


@pytest.fixture(scope="module")
def seen(planted: Planted) -> Trials:
    return planted.trials(8, 60, 100, RECORDED)


def config(epochs: int, **changed: object) -> MotorConfig:
    fit = FitConfig(epochs=epochs, patience=epochs, learning_rate=0.1, weight_decay=0.0)
    return MotorConfig(**({"fits": 1, "fit": fit} | changed))


def test_a_descent_ends_in_the_minimum_of_a_curved_and_narrow_valley():
    """Rosenbrock's function, whose minimum is 0 at (1, 1), and a bowl 10,000 times as steep one way as another."""

    def valley(x: np.ndarray) -> tuple[float, np.ndarray]:
        off = x[1] - x[0] ** 2
        return (1 - x[0]) ** 2 + 100 * off**2, np.array([-2 * (1 - x[0]) - 400 * x[0] * off, 200 * off])

    def bowl(x: np.ndarray) -> tuple[float, np.ndarray]:
        steep = np.logspace(0, 4, len(x))
        return float(steep @ x**2) / 2, steep * x

    for function, begin, end in ((valley, np.array([-1.2, 1.0]), np.ones(2)), (bowl, np.ones(20), np.zeros(20))):
        descent = Descent.at(function, begin, memory=30)
        values = [descent.value]
        for _ in range(400):
            if not descent.step(function):
                break
            values.append(descent.value)
        np.testing.assert_allclose(descent.place, end, atol=1e-5)
        assert (np.diff(values) < 0).all()


def test_a_descent_turns_back_from_where_nothing_is():
    """Minus the logarithm, less a slope: infinite from 0 on, lowest at -1."""

    def walled(x: np.ndarray) -> tuple[float, np.ndarray]:
        if x[0] >= 0:
            return np.inf, np.zeros(1)
        return float(-np.log(-x[0]) - x[0]), -1 / x - 1

    descent = Descent.at(walled, np.array([-5.0]), memory=5)
    while descent.step(walled):
        pass
    assert descent.place[0] == pytest.approx(-1, abs=1e-6)


def test_the_gradient_of_whole_trials_is_the_same_in_windows(planted, seen):
    objective = Objective.of(seen)
    network = CircuitNetwork(planted.circuit, config(1, batch=5), seen.dt_s, objective.scales, torch.float32)
    anchors = network.anchors(0, 1)
    with torch.no_grad():
        for name, anchor in anchors.items():
            network.get_parameter(name).copy_(0.3 * anchor)
    function = whole.Whole(network, objective, np.arange(8), network.config, anchors)
    place = function.place()
    loss, slope = function(place)
    function.batches = [target.windows(7) for (target,) in function.batches]
    in_windows, their_slope = function(place)
    assert in_windows == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(their_slope, slope, rtol=1e-3, atol=1e-5 * np.abs(slope).max())
    away = np.random.default_rng(0).standard_normal(len(place))
    rise = (function(place + 2e-3 * away)[0] - function(place - 2e-3 * away)[0]) / 4e-3  # few neurons pass the corner of relu
    assert rise == pytest.approx(slope @ away, rel=0.02)


def test_units_of_a_fit_are_the_widths_of_its_priors(planted, seen):
    network = CircuitNetwork(planted.circuit, config(1), seen.dt_s, Objective.of(seen).scales)
    function = whole.Whole(network, Objective.of(seen), np.arange(8), network.config, network.anchors(0, 0))
    widths = network.widths()
    known = [
        widths.get(name, torch.full_like(value, whole.OF_NOISE)).detach().numpy().ravel() for name, value in network.named_parameters()
    ]
    np.testing.assert_allclose(function.unit, np.concatenate(known), rtol=1e-4)


def test_what_wakes_silent_neurons_is_called_before_every_later_stage_and_the_best_numbers_are_kept(planted, seen):
    asked, objective = config(10, batch=3), Objective.of(seen)
    network = CircuitNetwork(planted.circuit, asked, seen.dt_s, objective.scales)
    anchors, woken = network.anchors(0, 0), []

    def wake() -> None:
        woken.append(objective.mean_loss(network, np.array([7]), asked.window, asked.batch))
        with torch.no_grad():
            network.bias += 30  # far from everything that was recorded

    training, held_out = np.arange(7), np.array([7])
    told = whole.fit_whole(network, objective, training, held_out, asked, anchors, 0, "fit", None, False, wake)
    assert len(woken) == 2
    losses = [epoch["validation"] for epoch in told]
    assert woken[0] == pytest.approx(min(losses[:2]), rel=1e-4)
    assert objective.mean_loss(network, held_out, asked.window, asked.batch) == pytest.approx(min(losses), rel=1e-4)
    assert losses[2] > losses[1]


def test_a_fit_goes_on_from_where_it_was_if_waking_makes_the_circuit_explode(planted, seen, caplog):
    asked, objective = config(10, batch=3), Objective.of(seen)
    network = CircuitNetwork(planted.circuit, asked, seen.dt_s, objective.scales)

    def wake() -> None:
        if caplog.text:
            raise FloatingPointError  # the second time already while it looks for a place
        with torch.no_grad():
            network.bias += 10 * asked.bound

    with caplog.at_level("WARNING", "graphtwin"):
        told = whole.fit_whole(network, objective, np.arange(7), np.array([7]), asked, network.anchors(0, 0), 0, "fit", None, False, wake)
    assert len(told) == 3 * 10 / whole.EVERY
    assert told[-1]["training"] < told[-2]["training"]
    assert caplog.text.count("left silent") == 2


@pytest.mark.parametrize(("beginning", "times"), [("prior", 1), ("active", 2)])
def test_the_first_batch_gets_as_many_steps_as_are_asked_for_and_all_trials_get_theirs(planted, seen, beginning, times):
    for asked, early in ((5, 5), (None, 20)):
        told = fit_circuit(planted.circuit, seen, config(20, batch=3, beginning=beginning, first_epochs=asked)).histories[0]
        assert len(told) == (times * early + 20) / whole.EVERY


@pytest.mark.parametrize(
    ("saves", "beginning", "first_epochs"), [(1, "prior", None), (3, "prior", None), (5, "active", None), (5, "active", 6)]
)
def test_a_fit_that_was_stopped_in_any_stage_ends_in_the_numbers_of_one_that_was_not(
    planted, seen, tmp_path, monkeypatch, saves, beginning, first_epochs
):
    asked = config(8, batch=3, beginning=beginning, first_epochs=first_epochs)
    unstopped = fit_circuit(planted.circuit, seen, asked)

    class Stopped(Exception):
        pass

    save, done = whole._save, []
    monkeypatch.setattr(whole, "SAVED_EVERY", 5)

    def stop(path: Path, *rest: object) -> None:
        save(path, *rest)  # type: ignore[arg-type]
        done.append(path)
        if len(done) == saves:
            raise Stopped

    monkeypatch.setattr(whole, "_save", stop)
    with pytest.raises(Stopped):
        fit_circuit(planted.circuit, seen, asked, checkpoints=tmp_path)
    monkeypatch.setattr(whole, "_save", save)
    resumed = fit_circuit(planted.circuit, seen, asked, checkpoints=tmp_path)
    for name, value in unstopped.networks[0].state_dict().items():
        assert torch.equal(value, resumed.networks[0].state_dict()[name]), name
    assert unstopped.histories == resumed.histories
    with pytest.raises(ValueError, match=r"the checkpoint of 'circuit .*seed 0.*', not of 'circuit .*seed 1"):
        fit_circuit(planted.circuit, seen, asked, seed=1, checkpoints=tmp_path)


def test_a_patience_shorter_than_the_time_between_two_looks_still_fits(planted, seen):
    patient = FitConfig(epochs=20, patience=1, learning_rate=0.1, weight_decay=0.0)
    fitted = fit_circuit(planted.circuit, seen, config(20, fit=patient))
    losses = [row["validation"] for row in fitted.histories[0]]
    assert len(losses) >= 2
    assert any(value.abs().max() > 0 for name, value in fitted.networks[0].named_parameters() if name == "edge")
