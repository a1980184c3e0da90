"""Where fits begin: no neuron is silent."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphtwin.motor.circuit import Trials
from graphtwin.motor.fit.beginning import begin_active
from graphtwin.motor.fit.objective import Objective
from graphtwin.motor.model import CircuitNetwork, MotorConfig, PriorConfig
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
