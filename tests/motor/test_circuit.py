"""Claims: what is no circuit, or are no trials of one, is refused in words that name the neurons and say what to do."""

from __future__ import annotations

import numpy as np
import pytest

from tests.motor.four_neurons import circuit, trials


def test_an_edge_has_the_sign_of_its_sender_and_autapses_are_kept_and_counted():
    assert circuit().edge_sign.tolist() == [1, 1, -1, -1, 1]
    assert circuit().autapses == 1


def test_receptors_may_decide_where_a_neuron_has_no_sign_and_nowhere_else():
    decided = circuit(sign=np.array([1, 0, 1, 0]), receptor_sign=np.array([1, 1, -1, 1, 1]))
    assert decided.edge_sign.tolist() == [1, 1, -1, 1, 1]
    with pytest.raises(ValueError, match="1 of 5 edges have a sign other than their neuron's, first that of A to A"):
        circuit(receptor_sign=np.array([1, 1, -1, 1, 1]))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"names": ("S", "A", "A", "M")}, r"1 of 4 neurons have the name of another, first \['A'\].*name each differently"),
        ({"names": ("S", "A", " ", "M")}, "1 of 4 neurons have no name, first in place 3"),
        ({"types": ("s",)}, "4 names, but {'types': 1}"),
        ({"sign": np.array([1, 2, 1, 0])}, "1 of 4 signs are none of 1, -1 and 0, first 2 of 'A'"),
        ({"post": np.array([1, 3, 3, 1, 4])}, "chemical edges: 1 of 5 are of unknown neurons, first 2 to 4.*from 0 to 3"),
        ({"gap_b": np.array([7])}, "gap junctions: 1 of 1 are of unknown neurons"),
        ({"count": np.array([3.0, -1.0, 2.0, np.nan, 4.0])}, "2 of 5 counts are negative or no numbers, first -1.0 of S to M"),
        ({"count": np.zeros(5)}, "all 5 counts are 0"),
        ({"count": np.array([3.0, 0.0, 2.0, 1.0, 4.0])}, "1 of 5 counts are 0. Leave these out"),
        ({"post": np.array([1, 1, 3, 1, 3])}, "chemical edges: 1 of 5 repeat a pair"),
        ({"gap_a": np.array([2]), "gap_b": np.array([1])}, "1 of 1 gap junctions are not from a lower to a higher number, first B to A"),
        ({"position": np.full((4, 3), np.inf)}, "12 coordinates are infinite"),
    ],
)
def test_what_is_no_circuit_is_refused(changed, words):
    with pytest.raises(ValueError, match=words):
        circuit(**changed)


def test_neurons_that_nothing_connects_are_no_circuit():
    nothing = np.empty(0, np.int64)
    with pytest.raises(ValueError, match="4 neurons and no connection"):
        circuit(**dict.fromkeys(("pre", "post", "gap_a", "gap_b"), nothing), count=np.empty(0), gap_count=np.empty(0))


def test_a_name_that_the_circuit_does_not_have_is_told_with_its_number():
    assert circuit().rows_of(("M", "S"), "stimulated neurons").tolist() == [3, 0]
    with pytest.raises(ValueError, match=r"1 of 2 stimulated neurons are not in the circuit of 4 neurons, first \['s'\]"):
        circuit().rows_of(("M", "s"), "stimulated neurons")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"dt_s": 0.0}, "dt_s = 0.0: a step takes some time"),
        ({"dt_s": float("nan")}, "dt_s = nan"),
        ({"activity": np.zeros((2, 4, 2))}, "Trials of unequal number or length"),
        ({"output": np.zeros((3, 5, 1))}, "Trials of unequal number or length"),
        ({"stimulated": np.array([0, 1])}, "1 columns of stimulus, but names of 2"),
        ({"names": ("first", "first")}, "1 of 2 trials come twice, first 'first'"),
        ({"recorded": np.array([1, 1])}, "1 of 2 recorded neurons come twice, first 1"),
        ({"stimulus": np.full((2, 5, 1), np.nan)}, "10 of 10 values of the stimulus are missing or infinite, first in trial 'first'"),
        ({"activity": np.full((2, 5, 2), np.inf)}, "20 of 20 values of activity are infinite"),
        ({"activity": np.full((2, 5, 2), np.nan), "output": np.full((2, 5, 1), np.nan)}, "Nothing was recorded in 2 trials"),
    ],
)
def test_what_are_no_trials_of_one_length_is_refused(changed, words):
    with pytest.raises(ValueError, match=words):
        trials(**changed)


def test_trials_of_another_circuit_and_output_without_motor_neurons_are_refused():
    trials().require_of(circuit())
    with pytest.raises(ValueError, match="1 of 1 stimulated neurons are not in the circuit, first number 4"):
        trials(stimulated=np.array([4])).require_of(circuit())
    still = circuit(motor=np.zeros(4, bool))
    with pytest.raises(ValueError, match="None of 4 neurons is a motor neuron, and motor output is asked for"):
        trials().require_of(still)
    trials(output=np.zeros((2, 5, 0)), outputs=()).require_of(still)


def test_chosen_trials_keep_their_names_and_values():
    shown = trials(stimulus=np.arange(10.0).reshape(2, 5, 1))
    chosen = shown.chosen([1])
    assert chosen.names == ("second",)
    np.testing.assert_array_equal(chosen.stimulus, shown.stimulus[1:])
