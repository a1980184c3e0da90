"""Lesions of a circuit: silent motor neurons move nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphtwin.motor import FittedCircuit, MotorConfig
from graphtwin.motor.model import CircuitNetwork, Scales
from tests.motor.small_circuits import circuit


@pytest.mark.parametrize(("silent", "left"), [("zero", 0.0), ("free", 3.0)])
def test_without_motor_neurons_an_output_is_nothing_unless_it_may_be_any_constant(silent, left):
    chain = circuit(3, [(0, 1, 1.0), (1, 2, 1.0)])
    network = CircuitNetwork(chain, MotorConfig(silent_output=silent), 0.01, Scales(1.0, (2.0,), (3.0,)))
    with torch.no_grad():
        network.readout.fill_(1.0)
    whole = FittedCircuit(chain, network.config, 0.01, ("force",), (network,), (), ((),))
    given = np.ones((1, 100, 1))
    assert whole.simulate(given, np.array([0])).output[0, 0, -1, 0] > left + 0.5
    np.testing.assert_array_equal(whole.without(["n2"]).simulate(given, np.array([0])).output, left)
