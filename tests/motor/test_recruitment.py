"""Neurons are recruited in the order in which activity reaches them."""

from __future__ import annotations

import numpy as np

from graphtwin.motor.fitting import FittedCircuit
from graphtwin.motor.model import CircuitNetwork, MotorConfig
from graphtwin.motor.questions import onsets, recruitment
from tests.motor.small_circuits import UNITS, circuit


def test_half_of_the_rise_is_the_onset_and_a_neuron_that_does_not_rise_has_none():
    time = np.arange(100) * 0.01
    activity = np.stack([np.clip(time - 0.2, 0, 0.4), np.full(100, 3.0), 5 - time], axis=1)
    np.testing.assert_allclose(onsets(activity, 0.01), [0.4, np.nan, np.nan], atol=0.011)


def test_motor_neurons_along_a_chain_are_recruited_one_after_the_other():
    chain = circuit(6, [(i, i + 1, 1) for i in range(4)], motor=np.arange(6) > 1)
    config = MotorConfig(fits=1)
    network = CircuitNetwork(chain, config, 0.01, UNITS)
    fitted = FittedCircuit(chain, config, 0.01, (), (network,), (), ((),))
    stimulus = np.zeros((2, 200, 1))
    stimulus[:, 20:] = np.array([1.0, 2.0])[:, None, None]
    table = recruitment(fitted, stimulus, np.array([0]))
    for _, trial in table.groupby("trial"):
        assert trial["neuron"].tolist() == ["n2", "n3", "n4", "n5"]
        np.testing.assert_array_equal(trial["rank"], [1, 2, 3, np.nan])
        assert (trial["onset_s"].iloc[:3].diff().iloc[1:] > 0.03).all()
