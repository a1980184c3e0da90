"""Nothing that is held out reaches a fit, chance scores chance, and a verdict says yes only where every control is beaten."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from graphtwin.execute import rng_for
from graphtwin.motor.circuit import Circuit, Trials
from graphtwin.motor.controls import fit_low_rank, halves, permuted, rewired, static_responses, usual_responses
from graphtwin.motor.fitting import fit_circuit
from graphtwin.motor.model import MotorConfig
from graphtwin.motor.questions import ResponseConfig, noise_before, responses
from graphtwin.motor.scores import (
    Predicted,
    differences,
    measured,
    measured_lesions,
    predicted_by,
    split_trials,
    tabulated,
    verdict,
)
from graphtwin.training import FitConfig
from tests.motor.planted_circuit import planted_circuit
from tests.motor.small_circuits import circuit

N, STEPS, ONSET = 40, 60, 20
RESPONSE = ResponseConfig(before_s=0.2, window_s=0.2)


@pytest.fixture
def pulsed() -> tuple[Circuit, Trials, np.ndarray]:
    """A circuit whose neurons respond in one step, a pulse to each of thirty neurons and another to every neuron of a sense at once."""
    rng = np.random.default_rng(0)
    joined = np.argwhere((rng.random((N, N)) < 0.2) & ~np.eye(N, dtype=bool))
    edges = [(int(a), int(b), float(rng.geometric(0.3))) for a, b in joined]
    one = circuit(N, edges, sign=rng.choice([1, -1], N), motor=np.arange(N) >= 35, sensory=np.arange(N) < 5)
    matrix = static_responses(one)["signed weight"]
    stimulus = np.zeros((45, STEPS, N))
    for trial in range(30):
        stimulus[trial, ONSET : ONSET + 20, 5 + trial] = 1.0
    stimulus[30:, ONSET:, :5] = rng.standard_normal((15, 1, 5))
    stimulus[29, ONSET : ONSET + 20, 6] = 1.0  # two neurons at once
    activity = stimulus + stimulus @ matrix + 0.1 * rng.standard_normal((45, STEPS, N))
    output = activity[:, :, 35:36] * 2 + 1
    names = tuple(f"trial {i}" for i in range(45))
    return one, Trials(0.01, stimulus, np.arange(N), activity, np.arange(N), output, ("force",), names), matrix


def test_nothing_held_out_reaches_training(pulsed):
    one, trials, _ = pulsed
    for seed in range(20):
        split = split_trials(one, trials, seed, 0.3)
        parts = [set(part) for part in (split.training, split.stimulation, split.other)]
        assert set.union(*parts) == set(trials.names)
        assert sum(map(len, parts)) == len(trials.names)
        train, test = split.train(one, trials), split.test(trials)
        assert set(train.names) == parts[0]
        assert set(test.names) == parts[1] | parts[2]
        held_out = one.rows_of(split.stimulated, "held out")
        assert (train.stimulus[:, :, held_out] == 0).all()
        assert ((test.stimulus[:, :, held_out] != 0).any(axis=(1, 2)) == np.isin(test.names, split.stimulation)).all()
        hidden = one.rows_of(split.unrecorded, "held out")
        assert np.isnan(train.activity[:, :, hidden]).all()
        assert np.isfinite(np.delete(train.activity, hidden, axis=2)).all()
        assert np.isfinite(test.activity).all()
        assert not (set(split.stimulated) | set(split.unrecorded)) & set(one.names[:5])  # the sense is stimulated in a third of the trials
        assert ("n6" in split.stimulated or "n34" in split.stimulated) == ("trial 29" in split.stimulation)
    assert split_trials(one, trials, 0, 0.3) == split_trials(one, trials, 0, 0.3)
    assert split_trials(one, trials, 0, 0.3) != split_trials(one, trials, 1, 0.3)


def test_cells_of_a_type_that_are_stimulated_together_are_held_out_together_and_count_as_one():
    one = planted_circuit(60).circuit
    stimulus = np.zeros((20, 30, 40), np.float32)
    for at in range(10):
        stimulus[at, 10:, 4 * at : 4 * at + 4] = 1  # ten types of four cells, a trial each
    rows = np.arange(40)
    trials = Trials(0.01, stimulus, rows, stimulus + 1, rows, np.zeros((20, 30, 0)), (), tuple(f"trial {at}" for at in range(20)))
    split = split_trials(one, trials, 0, 0.3)
    assert len(split.stimulated) == len(split.stimulation) == 3
    train = split.train(one, trials)
    together = one.rows_of(split.stimulated, "held out")[:, None] // 4 * 4 + np.arange(4)
    assert not train.stimulus[:, :, together.ravel()].any()


def test_trials_of_one_stimulus_are_held_out_together(pulsed):
    one, trials, _ = pulsed
    stimulus = trials.stimulus.copy()
    stimulus[30:] = stimulus[np.repeat([30, 35, 40], 5)]  # three stimuli of the sense, five times each
    repeated = replace(trials, stimulus=stimulus)
    kinds = {f"trial {30 + at}": at // 5 for at in range(15)}
    apart = 0
    for seed in range(20):
        split = split_trials(one, repeated, seed, 0.3)
        parts = [{kinds[name] for name in part if name in kinds} for part in (split.training, split.other)]
        assert split.other
        assert not parts[0] & parts[1]
        apart += bool(parts[1])
    assert apart > 3


def test_a_split_that_leaves_nothing_is_refused(pulsed):
    one, trials, _ = pulsed
    with pytest.raises(ValueError, match=r"3 trials: 4 are needed to fit, to stop the fit, and to score"):
        split_trials(one, trials.chosen(range(3)))
    with pytest.raises(ValueError, match=r"share = 1.0: hold out some and keep some"):
        split_trials(one, trials, share=1.0)
    split = split_trials(one, trials)
    with pytest.raises(ValueError, match=r"\d+ of \d+ trials of the split are not among the 5 of the recording"):
        split.train(one, trials.chosen(range(5)))


def test_responses_and_their_noise_are_known(pulsed):
    one, trials, matrix = pulsed
    neurons = np.array([7, 12])
    expected = matrix[neurons].copy()
    expected[[0, 1], neurons] = np.nan
    np.testing.assert_allclose(responses(trials.activity, trials, neurons, RESPONSE), expected, atol=0.15)
    np.testing.assert_allclose(noise_before(trials, np.arange(5, 35), RESPONSE), 0.1, rtol=0.15)
    late = replace(trials, stimulus=np.where(np.arange(STEPS)[:, None] < ONSET, 1.0, trials.stimulus))
    assert np.isnan(responses(late.activity, late, neurons, RESPONSE)).all()  # nothing lies before the onset
    given = responses(trials.activity, trials, np.arange(40), RESPONSE)
    np.testing.assert_allclose(usual_responses(one, trials, RESPONSE), np.nanmean(given, axis=0), atol=1e-9)  # whoever is stimulated


def test_the_true_circuit_scores_as_one_should_and_weights_alone_tell_one_step(pulsed):
    one, trials, matrix = pulsed
    split = split_trials(one, trials, 0, 0.3)
    test = split.test(trials)
    true = Predicted(test.stimulus + test.stimulus @ matrix, test.output)
    table = tabulated(measured("circuit", true, test, split, one, RESPONSE)).set_index(["question", "metric"])
    assert table.loc[("stimulation", "auc"), "estimate"] > 0.95
    other, hidden = np.isin(test.names, split.other), one.rows_of(split.unrecorded, "held out")
    pairs = [(true.activity[other, :, row].ravel(), test.activity[other, :, row].ravel()) for row in hidden]
    each = [np.corrcoef(a, b)[0, 1] if a.std() > 0 else 0.0 for a, b in pairs]  # one neuron gets no input
    assert table.loc[("unrecorded", "r"), "estimate"] == pytest.approx(np.mean(each))
    assert table.loc[("activity", "r"), "estimate"] > 0.8
    assert table.loc[("output", "r"), "estimate"] == pytest.approx(1)
    assert table.loc[("output", "r2"), "estimate"] == pytest.approx(1)
    assert table.loc[("stimulation", "auc"), "n"] == len(split.stimulated)
    assert table.loc[("stimulation", "auc"), "chance"] == 0.5
    for name in ("signed weight", "weight", "path length", "communicability"):
        held = one.rows_of(split.stimulated, "held out")
        said = static_responses(one, held, columns=test.recorded)[name]
        static = tabulated(measured(name, said, test, split, one, RESPONSE))
        assert set(static["question"]) == {"stimulation"}
        assert static.set_index("metric").loc["auc", "estimate"] > (0.95 if "weight" in name else 0.6)


def test_chance_scores_chance_and_its_interval_holds_it_at_the_nominal_rate(pulsed):
    one, trials, _ = pulsed
    split = split_trials(one, trials, 0, 0.3)
    test = split.test(trials)
    held, estimates = [], []
    for draw in range(150):
        rng = rng_for(0, "chance", draw)
        said = Predicted(rng.standard_normal(test.activity.shape), rng.standard_normal(test.output.shape))
        units = measured("chance", said, test, split, one, RESPONSE)
        auc = tabulated(units[units["metric"] == "auc"]).iloc[0]
        held.append(auc["low"] <= 0.5 <= auc["high"])
        estimates.append(auc["estimate"])
    assert np.mean(estimates) == pytest.approx(0.5, abs=0.01)
    assert 0.89 <= np.mean(held) <= 0.99  # 95 % expected; binomial 99 % interval, n = 150


def test_pooled_scores_are_those_of_all_values_at_once_and_differences_are_paired():
    rng = np.random.default_rng(0)
    true = rng.standard_normal((12, 3, 20, 2)) + 5
    said = 0.8 * true + 0.3 * rng.standard_normal(true.shape)
    names = tuple(f"lesion {i}" for i in range(12))
    units = pd.concat([measured_lesions("circuit", said, true, names), measured_lesions("shifted", said + 1, true, names)])
    table = tabulated(units).set_index(["model", "metric"])
    assert table.loc[("circuit", "r"), "estimate"] == pytest.approx(np.corrcoef(said.ravel(), true.ravel())[0, 1])
    r2 = 1 - np.square(said - true).mean() / true.var()
    assert table.loc[("circuit", "r2"), "estimate"] == pytest.approx(r2)
    found = differences(units).set_index("metric")
    assert found.loc["r", ["difference", "low", "high"]].abs().max() < 1e-9  # r does not see the shift, draw by draw
    assert found.loc["r2", "low"] > 0 or found.loc["r2", "high"] < 0
    flat = tabulated(measured_lesions("flat", np.zeros_like(true), true, names)).set_index("metric")
    assert flat.loc["r", "estimate"] == 0


def scored(seed: int, quality: dict[str, float], n: int = 12) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of models that predict some lesions, as well as their name has it."""
    rng = np.random.default_rng(seed)
    true = rng.standard_normal((n, 4, 10, 1))
    names = tuple(f"lesion {i}" for i in range(n))
    units = pd.concat(
        [measured_lesions(name, q * true + rng.standard_normal(true.shape), true, names) for name, q in quality.items()], ignore_index=True
    )
    units = units[units["metric"] == "r"]
    return tabulated(units), differences(units)


def test_a_verdict_is_yes_only_where_every_control_is_surely_beaten():
    yes = verdict(*scored(0, {"circuit": 2, "rewired, degrees 1": 0.3, "permuted": 0.2, "low rank": 0.5}))[0]
    assert "yes, the wiring predicts it: better than each of 3 controls, 2 of which are graphs drawn at random" in yes
    assert "in 1 of 3 cases" in yes
    no = verdict(*scored(0, {"circuit": 0.3, "rewired": 0.1, "low rank": 2}))[0]
    assert "no, anatomy alone does not do it: the wiring adds nothing beyond 'low rank', which does better than the circuit" in no
    assert "no, the fitted dynamics add nothing beyond 'weight', which does" in verdict(*scored(0, {"circuit": 0.9, "weight": 1.1}))[0]
    assert "not shown: the wiring is ahead of 'low rank', but not surely" in verdict(*scored(0, {"circuit": 1.04, "low rank": 1.0}))[0]
    assert "untested, 4 lesions are too few" in verdict(*scored(0, {"circuit": 2, "rewired": 0.3}, n=4))[0]
    assert "not compared" in verdict(*scored(0, {"circuit": 2}))[0]
    alone = verdict(*scored(0, {"circuit": 2, "low rank": 0.3}))[0]
    assert "not shown: better than each of 1 control, but none of these is a rewired or permuted circuit" in alone


def test_a_metric_without_an_interval_does_not_judge():
    table, found = (frame.assign(question="stimulation") for frame in scored(0, {"circuit": 2, "rewired": 0.3}))
    table, found = (
        pd.concat([frame.assign(metric="spearman"), frame.assign(metric="auc", low=np.nan, high=np.nan, n=4)]) for frame in (table, found)
    )
    said = verdict(table, found.assign(difference=np.where(found["metric"] == "auc", -1.0, found["difference"])))[0]
    assert "yes, the wiring predicts it" in said
    assert "not judged by AUC, of which there is no interval" in said
    assert "nan" not in said


def test_a_verdict_says_yes_without_reason_in_less_than_one_of_forty_times():
    """The circuit is as good as two controls; two-sided intervals of 95 % leave 2.5 % above, and both must be."""
    yes = [
        ", yes" in sentence or ": yes" in sentence
        for seed in range(120)
        for sentence in verdict(*scored(seed, dict.fromkeys(("circuit", "rewired 1", "rewired 2"), 1.0)))
    ]
    assert len(yes) == 120
    assert np.mean(yes) <= 0.05


def test_the_share_of_the_way_to_the_ceiling_is_said():
    table, found = scored(0, {"circuit": 2, "rewired": 0.3})
    own, best = (float(table[(table["model"] == name) & (table["metric"] == "r")]["estimate"].iloc[0]) for name in ("circuit", "rewired"))
    top = pd.DataFrame([{"question": "lesion", "metric": "r", "ceiling": 0.95, "n": 5, "how": "halves of repeats"}])
    assert f"{(own - best) / (0.95 - best):.0%} of the way from there to the ceiling of 0.950" in verdict(table, found, top)[0]
    behind = verdict(*scored(0, {"circuit": 0.3, "rewired": 2}), top)[0]
    assert ", no part of the way from there to the ceiling of 0.950" in behind


def test_the_ceiling_of_noise_that_is_known_is_known(pulsed):
    _, trials, _ = pulsed
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((10, STEPS, 3))
    for share in (0.5, 0.9):
        noise = np.sqrt((1 - share) / share)
        activity = np.repeat(signal, 6, axis=0) + noise * rng.standard_normal((60, STEPS, 3))
        stimulus = np.repeat(rng.standard_normal((10, STEPS, 2)), 6, axis=0)
        names = tuple(f"{i}" for i in range(60))
        repeated = Trials(0.01, stimulus, np.arange(2), activity, np.arange(3), activity[:, :, :0], (), names)
        found = halves(repeated)
        assert found["question"].tolist() == ["activity"]
        assert found["ceiling"].iloc[0] == pytest.approx(np.sqrt(share), abs=0.02)
    assert not len(halves(trials.chosen(range(20))))


@pytest.mark.slow
def test_a_planted_circuit_beats_rewired_and_permuted_ones_and_a_permuted_one_does_not_beat_what_has_no_connectome():
    planted = planted_circuit(24)
    trials = planted.trials(24, 150, 100, np.arange(24))
    split = split_trials(planted.circuit, trials, 0, 0.3)
    assert not split.stimulated  # all of the sense is stimulated in every trial
    train, test = split.train(planted.circuit, trials), split.test(trials)
    config = MotorConfig(fits=1, fit=FitConfig(epochs=120, patience=120, learning_rate=0.1, weight_decay=0.0))
    told = {
        "right": planted.circuit,
        "rewired": rewired(planted.circuit, np.random.default_rng(0)),
        "permuted": permuted(planted.circuit, np.random.default_rng(0)),
    }
    said = {name: predicted_by(fit_circuit(one, train, config), test) for name, one in told.items()}

    def judged(names: dict[str, str]) -> dict[str, str]:
        units = pd.concat([measured(as_name, said[name], test, split, planted.circuit, RESPONSE) for name, as_name in names.items()])
        found = verdict(tabulated(units), differences(units))
        return {sentence.split(":")[0]: sentence for sentence in found}

    said["low rank"] = predicted_by(fit_low_rank(planted.circuit, train, config), test)
    right = judged({"right": "circuit", "rewired": "rewired", "permuted": "permuted"})
    assert ": yes" in right["Activity in held-out trials"]
    assert ": yes" in right["Activity of neurons never recorded in training"]
    wrong = judged({"permuted": "circuit", "low rank": "low rank"})
    assert ": no, anatomy alone does not do it" in wrong["Activity in held-out trials"]
