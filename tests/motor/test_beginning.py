"""Where fits begin: no neuron is silent."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphtwin.motor.circuit import Trials
from graphtwin.motor.fitting.beginning import begin_active, wake
from graphtwin.motor.fitting.objective import Objective
from graphtwin.motor.model import CircuitNetwork, MotorConfig, PriorConfig
from graphtwin.motor.model.groups import Groups
from tests.motor.small_circuits import circuit


def silenced(held_out: bool = False) -> tuple[CircuitNetwork, Objective]:
    """A sense that inhibits n1, which excites n2: under input n1 is silent with the constant input that is expected.

    Held out, n1 is among the recorded, without a value, as a run leaves those that no fit may see.
    """
    chain = circuit(3, [(0, 1, 1.0), (1, 2, 1.0)], sign=np.array([-1, 1, 1]))
    rng = np.random.default_rng(0)
    stimulus, seen = 3 + 0.5 * rng.standard_normal((4, 60, 1)), 2.5 + rng.standard_normal((4, 60, 1))
    names = tuple(f"trial {i}" for i in range(4))
    recorded = np.array([2])
    if held_out:
        seen, recorded = np.concatenate([np.full_like(seen, np.nan), seen], axis=2), np.array([1, 2])
    trials = Trials(0.01, stimulus, np.array([0]), seen, recorded, np.zeros((4, 60, 0)), (), names)
    objective = Objective.of(trials)
    config = MotorConfig(priors=PriorConfig(bias_mean=1.0))
    return CircuitNetwork(chain, config, 0.01, objective.scales), objective


def means(network: CircuitNetwork, objective: Objective) -> np.ndarray:
    target = objective.target(np.arange(4))
    with torch.no_grad():
        states, _ = network.window(network.initial(4), target.drive, objective.trials.stimulated, np.arange(3))
    return states[..., :4].mean(dim=(0, 2)).numpy()


@pytest.mark.parametrize("held_out", [False, True])
def test_where_fits_begin_active_every_neuron_is_where_it_was_recorded_or_is_expected(held_out):
    network, objective = silenced(held_out)
    assert means(network, objective)[1] < 0
    begin_active(network, objective, np.arange(4))
    unit, recorded = objective.scales.activity, np.nanmean(objective.trials.activity)
    np.testing.assert_allclose(means(network, objective), [unit, unit, recorded], atol=0.05 * unit)
    np.testing.assert_allclose(network.initial(4)[:, 0].detach()[network.wiring.place], [unit, unit, recorded], rtol=1e-4)


def test_only_neurons_that_fell_silent_are_woken_and_the_rest_of_the_network_stays():
    network, objective = silenced()
    with torch.no_grad():
        network.bias += torch.tensor([0.3, 0.0, 0.2])
        network.start -= 2.0
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    assert wake(network, objective, np.arange(4)) == (network.circuit.names[1],)
    assert means(network, objective)[1] == pytest.approx(objective.scales.activity, rel=0.1)
    changed = {name: (value != before[name]).flatten().tolist() for name, value in network.named_parameters()}
    assert changed.pop("bias") == [False, True, False]
    assert not any(any(one) for one in changed.values())
    assert wake(network, objective, np.arange(4)) == ()


def test_a_neuron_that_was_recorded_to_be_silent_stays():
    network, objective = silenced()
    objective.trials.activity[...] -= 10
    with torch.no_grad():
        network.start -= 9.0
        network.bias -= torch.tensor([0.0, 0.0, 9.0])
    assert wake(network, objective, np.arange(4)) == ("n1",)


def test_a_type_of_which_one_neuron_releases_is_not_silent():
    network, objective = silenced()
    network.neurons, network.bias = Groups(("a",), np.zeros(3, dtype=np.int64)), torch.nn.Parameter(torch.zeros(1))
    assert wake(network, objective, np.arange(4)) == ()


def test_a_neuron_that_runs_away_where_it_is_woken_is_left_silent_and_the_fit_goes_on():
    rng = np.random.default_rng(0)
    stimulus, seen = rng.standard_normal((4, 400, 1)), 2.5 + rng.standard_normal((4, 400, 1))
    trials = Trials(0.01, stimulus, np.array([0]), seen, np.array([0]), np.zeros((4, 400, 0)), (), tuple("abcd"))
    objective = Objective.of(trials)
    network = CircuitNetwork(circuit(2, [(0, 1, 1.0), (1, 1, 1.0)]), MotorConfig(priors=PriorConfig(bias_mean=1.0)), 0.01, objective.scales)
    with torch.no_grad():
        network.gain += 3.0  # n1 drives itself: it is silent for ever, or grows without end
        network.edge[0] -= 20.0
        network.bias[1] -= 3.0
        network.start[1] -= 9.0
    before = network.bias.detach().clone()
    assert wake(network, objective, np.arange(4)) == ()
    assert torch.equal(network.bias, before)
