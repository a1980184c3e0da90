"""What no trial tells stays, in a prediction, where the prior expects it, and its spread says that nothing is known of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphtwin.motor.circuit import Trials
from graphtwin.motor.fitting import FittedCircuit, fit_circuit, spread_of
from graphtwin.motor.model import MotorConfig
from graphtwin.motor.questions import ablate, changes, lesions_of, rank_edges, recruitment, score_activity, stimulate
from graphtwin.motor.scores import predicted_by
from graphtwin.pipeline.motor.prediction import answers
from graphtwin.pipeline.motor.score_tables import edge_table
from graphtwin.sources.formats import StimulusFile
from graphtwin.training import FitConfig
from tests.motor.planted_circuit import slow_input
from tests.motor.small_circuits import circuit

FITS, DT = 9, 0.02
TWO = circuit(4, [(0, 1, 1), (2, 3, 1)], sensory=np.array([True, False, True, False]), motor=np.array([False, True, False, True]))


def shown(stimulus: np.ndarray) -> Trials:
    """Two senses that each excite a motor neuron: n0 and n1 as they are, n2 and n3 recorded by nobody; the output is what n1 sends."""
    state, states = np.zeros((len(stimulus), 2)), []
    for step in range(stimulus.shape[1]):
        arrives = np.stack([stimulus[:, step, 0], 0.8 * np.maximum(state[:, 0], 0)], axis=1)
        state = state + DT / 0.1 * (0.3 + arrives - state)
        states.append(state)
    seen = np.stack(states, axis=1)
    output = 1.5 * np.maximum(seen[:, :, 1:], 0)
    rng = np.random.default_rng(1)
    seen, output = (value + 0.1 * value.std() * rng.standard_normal(value.shape) for value in (seen, output))
    names = tuple(f"trial {at}" for at in range(len(stimulus)))
    return Trials(DT, stimulus, np.array([0, 2]), seen, np.array([0, 1]), output, ("force",), names)


@pytest.fixture(scope="module")
def trials() -> Trials:
    """Nothing ever goes into n2, so that nothing tells what n3 does to the output."""
    stimulus = np.zeros((8, 60, 2))
    stimulus[:, :, :1] = slow_input(np.random.default_rng(0), 8, 60, 1)
    return shown(stimulus)


@pytest.fixture(scope="module")
def fitted(trials: Trials) -> FittedCircuit:
    fit = FitConfig(epochs=20, patience=20, learning_rate=0.1, weight_decay=0.0)
    return fit_circuit(TWO, trials, MotorConfig(fits=FITS, fit=fit))


@pytest.fixture(scope="module")
def pulsed(trials: Trials) -> Trials:
    """The same trials with n2 stimulated in the second half."""
    stimulus = trials.stimulus.copy()
    stimulus[:, 30:, 1] = 2.0
    return shown(stimulus)


def test_a_prediction_is_not_moved_by_draws_of_what_no_trial_tells(fitted, trials, pulsed):
    """n3 is active in the pulse alone: the prior expects nothing of it, and one fit at a draw moves the output by half of its SD."""
    deviation = trials.output.std()
    moved = (predicted_by(fitted, pulsed).output - predicted_by(fitted, trials).output) / deviation
    assert np.abs(moved).max() < 1e-3
    each = fitted.predict(pulsed.stimulus, pulsed.stimulated).output[:, :, -1, 0] - predicted_by(fitted, trials).output[:, -1, 0]
    assert np.abs(each[1:] / deviation).mean() > 0.3
    told = predicted_by(fitted, pulsed)
    assert np.corrcoef(told.output.ravel(), pulsed.output.ravel())[0, 1] > 0.99


def test_the_spread_of_a_prediction_is_wide_where_no_trial_tells_it(fitted, pulsed):
    spread = spread_of(fitted.predict(pulsed.stimulus, pulsed.stimulated).output) / pulsed.output.std()
    assert spread[:, 29].max() < 0.1 < 0.3 < spread[:, -1].min()


def test_untold_parameters_lie_as_far_from_the_first_fit_as_their_prior_is_wide(fitted):
    table = fitted.identified().set_index(["parameter", "of"])
    untold = table.loc[[("readout", "n3 -> force"), ("edge", "n2 -> n3"), ("input", "n2"), ("tau", "n2"), ("tau", "n3")]]
    ratio = np.sqrt(np.square(untold["spread"] / untold["prior_width"]).mean())  # of 5 x 8 draws: .89 to 1.11 is a standard deviation
    assert 0.7 < ratio < 1.3
    assert not untold["told"].any()
    assert (untold["value"].abs() < 1e-3 * untold["prior_width"]).all()
    assert table.loc[("bias", "n0"), "told"]


def test_the_spread_is_the_root_mean_square_distance_of_the_others_from_the_first():
    values = np.array([[1.0, 0.0], [4.0, 0.0], [5.0, 2.0]])
    np.testing.assert_allclose(spread_of(values), [np.sqrt((9 + 16) / 2), np.sqrt(2)])
    assert np.isnan(spread_of(values[:1])).all()
    draws = np.random.default_rng(0).standard_normal((20001, 3)) * [1.0, 2.0, 0.5]
    draws[0] = 0  # the mean of the prior: the distance of draws from it is the prior's width
    np.testing.assert_allclose(spread_of(draws), [1.0, 2.0, 0.5], rtol=0.02)


def test_every_table_says_what_the_first_fit_says(fitted, pulsed):
    """Whatever a table tells of four fits, its numbers but spread, low and high are those of the first alone."""
    few = replace(fitted, networks=fitted.networks[:4])
    first = replace(fitted, networks=fitted.networks[:1])
    told = pulsed.stimulus, pulsed.stimulated
    tables = {
        "lesions": lambda one: ablate(one, lesions_of(one, ["n0", "n3"]), *told).set_index(["lesion", "output"]).sort_index(),
        "edges": lambda one: rank_edges(one, *told, removed=2),
        "recruitment": lambda one: recruitment(one, *told).drop(columns=["low", "high"]),
        "stimulation": lambda one: stimulate(one, ["n0", "n2"], 1.0),
        "activity": lambda one: score_activity(one, pulsed),
        "weights": edge_table,
    }
    for name, table in tables.items():
        ours, alone = table(few), table(first)
        assert "spread" not in ours or (ours["spread"].notna().all() and alone["spread"].isna().all()), name
        wanted = [column for column in ours if column != "spread"]
        assert ours[wanted].equals(alone[wanted]), name
    stimulus = StimulusFile("here", DT, pulsed.stimulus.astype(np.float32), ("n0", "n2"), pulsed.names)
    for ours, alone in zip(answers(few, stimulus), answers(first, stimulus), strict=True):
        np.testing.assert_array_equal(ours.output, alone.output)
        np.testing.assert_array_equal(ours.activity, alone.activity)
    lesions = lesions_of(few, ["n0"])
    np.testing.assert_array_equal(changes(few, lesions, *told)[:, 0], changes(first, lesions, *told)[:, 0])
