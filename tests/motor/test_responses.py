"""Responses to stimulation as they are read: pairs that were measured, who responds, and the trials that they are made into."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin import sources
from graphtwin.motor import Responses, circuit_of, responses_of
from graphtwin.motor.controls import usual_of
from graphtwin.motor.scores import split_stimulated
from tests.motor.response_source import N, planted, responses, write_source


def read(folder, table: pd.DataFrame, **more) -> Responses:
    """The responses of a source with this table."""
    source = sources.load(write_source(folder, table))
    found = responses_of(source, circuit_of(source), 2.0, **more)
    assert found is not None
    return found


def test_pairs_without_a_row_and_a_neuron_to_itself_were_not_measured(tmp_path):
    table = responses(planted())
    found, names = read(tmp_path, table), planted().circuit.names
    assert np.isnan(found.values[found.stimulated[:, None] == found.responding]).all()
    listed = table.dropna().set_index(["stimulated", "recorded"])["response"]
    assert np.isfinite(found.values).sum() == len(listed)
    for at, to in ((0, 5), (3, 20), (7, 11)):
        pair = names[found.stimulated[at]], names[found.responding[to]]
        assert found.values[at, to] == pytest.approx(listed[pair]) if pair in listed else np.isnan(found.values[at, to])
    assert not found.responds[np.isnan(found.values)].any()


def test_any_but_zero_responds_in_a_thresholded_table_and_large_ones_where_all_have_noise(tmp_path):
    rng = np.random.default_rng(0)
    table = responses(planted()).dropna()
    real = rng.random(len(table)) < 0.1
    thresholded = read(tmp_path / "a", table.assign(response=np.where(real, rng.standard_normal(len(table)), 0)))
    assert thresholded.responds.sum() == real.sum()
    clipped = np.abs(thresholded.clipped()[thresholded.responds])
    assert (clipped == 1).mean() == pytest.approx(0.5, abs=0.02)  # half of the responses count alike
    noisy = read(tmp_path / "b", table.assign(response=np.where(real, 9, 0) + rng.standard_normal(len(table))))
    assert noisy.responds.sum() == pytest.approx(real.sum() + 0.05 * (~real).sum(), rel=0.3)
    assert np.nanmax(np.abs(noisy.clipped())) == 1
    stated = read(tmp_path / "c", table.assign(responds=np.where(real, "yes", "no")))
    assert stated.responds.sum() == real.sum()


def test_a_trial_is_a_held_input_to_one_neuron_at_whose_end_all_others_are_known(tmp_path):
    found, circuit = read(tmp_path, responses(planted())), planted().circuit
    trials = found.as_trials(circuit, 0.5, 0.02)
    assert trials.n_steps == 25
    assert trials.names == tuple(circuit.names[row] for row in found.stimulated)
    assert np.isnan(trials.activity[:, :-1]).all()
    np.testing.assert_allclose(trials.activity[:, -1], found.clipped(), rtol=1e-6)
    assert (trials.stimulus.sum(axis=2) == 1).all()
    assert (trials.stimulus[:, 0] == np.eye(len(found.stimulated))).all()


def test_every_stimulated_neuron_is_held_out_once_and_is_in_no_training_of_its_fold():
    names = tuple(f"n{at}" for at in range(23))
    splits = split_stimulated(names, 5, 0)
    assert sorted(name for split in splits for name in split.stimulated) == sorted(names)
    for split in splits:
        assert set(split.training) == set(names) - set(split.stimulated)
    assert split_stimulated(names, 5, 0) == splits != split_stimulated(names, 5, 1)
    with pytest.raises(ValueError, match=r"3 stimulated neurons: 5 are needed, so that each of 5 folds holds one out that no fit sees"):
        split_stimulated(names[:3], 5)


def test_what_is_usual_counts_pairs_that_were_measured():
    values = np.array([[1.0, np.nan, 0.0], [0.0, np.nan, -1.0], [np.nan, np.nan, -1.0]])
    mean, often = usual_of(values, np.nan_to_num(values) != 0)
    np.testing.assert_allclose(mean, [0.5, 0, -2 / 3])
    np.testing.assert_allclose(often, [0.5, 0, 2 / 3])


BAD = {
    "a stimulated neuron that is not in the circuit": (
        lambda table: table.replace({"stimulated": {"n3": "ghost"}}),
        r"1 of 30 stimulated neurons are not among the 40 of the circuit, first \['ghost'\]",
    ),
    "a responding neuron that is not in the circuit": (
        lambda table: table.replace({"recorded": {"n3": "ghost"}}),
        r"1 of 36 responding neurons are not among the 40 of the circuit",
    ),
    "a pair twice": (
        lambda table: pd.concat([table, table.head(2)]),
        r"2 of \d+ rows are of a pair that has a row already, first \['n\d+ to n\d+', .*Keep one row",
    ),
    "no value at all": (lambda table: table.assign(response=np.nan), "none of .* responses has a value"),
    "a value that is infinite": (
        lambda table: table.assign(response=[np.inf, *table["response"][1:]]),
        "1 responses are infinite|1 of .* infinite",
    ),
    "words for numbers": (lambda table: table.assign(response="strong"), "values are no numbers, first 'strong'"),
    "only responses to oneself": (
        lambda table: table.assign(recorded=table["stimulated"]).drop_duplicates("stimulated").assign(response=1.0),
        "is of another neuron",
    ),
    "nobody responds": (lambda table: table.assign(response=0.0), "counts as one"),
    "nobody is marked": (lambda table: table.assign(responds="no"), "by its column `responds`.*or leave the column out"),
    "marks of some alone": (
        lambda table: table.dropna().reset_index(drop=True).assign(responds=lambda part: np.where(part.index > 4, "yes", " ")),
        r"5 of \d+ pairs that were measured have no mark, first in row 1\.",
    ),
    "marks that are none": (lambda table: table.assign(responds="perhaps"), "neither true nor false, first 'perhaps'"),
}


@pytest.mark.parametrize("what", BAD)
def test_tables_that_say_nothing_are_refused_in_words(tmp_path, what):
    spoil, words = BAD[what]
    with pytest.raises(ValueError, match=words):
        read(tmp_path, spoil(responses(planted())))


def test_those_of_another_animal_are_kept_apart(tmp_path):
    table = responses(planted()).dropna()
    source = sources.load(write_source(tmp_path, table, table.assign(response=-table["response"])))
    own, other = (responses_of(source, circuit_of(source), 2.0, of_another) for of_another in (False, True))
    np.testing.assert_allclose(own.values, -other.values)
    assert source.has.animals == ()  # whose wiring the source has
    assert len(own.responding) == N - 4
