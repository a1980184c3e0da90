"""Claims: halves of single responses part each pair, and the ceiling that they give is what the truth behind them reaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from graphtwin.motor.circuit import Responses, SingleResponses
from graphtwin.motor.scores import halves_of_responses, verdict
from graphtwin.pipeline.motor import MotorRunConfig
from graphtwin.pipeline.motor.motor_job import study_of
from graphtwin.pipeline.motor.run_folder import read_study, write_study
from graphtwin.report.pages.motor_page import score_rows
from tests.motor.response_source import planted, responses, write_source

STIMULATED, RESPONDING = 40, 60
NAMES = tuple(f"n{row}" for row in range(STIMULATED))


def measured(noise: float, repeats: int, seed: int = 0) -> tuple[np.ndarray, SingleResponses, Responses]:
    rng = np.random.default_rng(seed)
    true = rng.standard_normal((STIMULATED, RESPONDING))
    each = true[:, :, None] + noise * rng.standard_normal((*true.shape, repeats))
    at, to = (part.ravel() for part in np.indices(each.shape)[:2])
    shuffled = rng.permutation(each.size)
    single = SingleResponses(at[shuffled], to[shuffled], each.ravel()[shuffled])
    mean = each.mean(axis=2)
    rows = np.arange(STIMULATED), np.arange(RESPONDING) + STIMULATED
    return true, single, Responses(*rows, mean, np.zeros(mean.shape, dtype=bool), 1.0, "simulated")


def test_halves_part_the_single_responses_of_each_pair_and_leave_an_odd_one_out():
    single = SingleResponses(np.array([1, 0, 0, 0, 0, 1, 1]), np.array([2, 1, 1, 1, 1, 0, 0]), np.array([9.0, 1, 2, 4, 8, 3, 5]))
    rng, sums, threes = np.random.default_rng(0), set(), set()
    for _ in range(40):
        one, other = single.halves((2, 3), rng)
        assert one[0, 1] + other[0, 1] == 7.5  # of four
        assert {one[1, 0], other[1, 0]} == {3, 5}
        assert np.isnan([one[1, 2], other[1, 2], one[0, 0], other[1, 1]]).all()  # of one and none
        sums.add(one[0, 1])
    assert sums == {1.5, 2.5, 3, 4.5, 5, 6}
    odd = SingleResponses(np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64), np.array([1.0, 2, 4]))
    for _ in range(40):
        one, other = odd.halves((1, 1), rng)
        threes.add(frozenset((one[0, 0], other[0, 0])))
    assert threes == {frozenset((1, 2)), frozenset((1, 4)), frozenset((2, 4))}
    assert single.measured_twice((2, 3)) == 2


@pytest.mark.parametrize(("noise", "repeats"), [(1.0, 4), (3.0, 4), (2.0, 2)])
def test_the_ceiling_of_halves_is_what_the_truth_reaches(noise, repeats):
    true, single, seen = measured(noise, repeats)
    table, between = halves_of_responses(seen, single, NAMES)
    reached = np.mean([scipy.stats.spearmanr(*rows).statistic for rows in zip(true, seen.values, strict=True)])
    found = table.set_index("metric")
    assert found.loc["spearman", "ceiling"] == pytest.approx(reached, abs=0.06)  # two SD of what halves of 40 rows tell
    assert between < reached**2  # plainly, halves are less alike
    assert found.loc["spearman", "low"] < found.loc["spearman", "ceiling"] < found.loc["spearman", "high"]
    assert found.loc["auc", "ceiling"] < 1
    assert noise > 1 or found.loc["auc", "ceiling"] > 0.6
    assert found["how"].to_dict() == {"auc": "one half for the other", "spearman": "halves, Spearman-Brown"}


def test_noise_alone_has_no_ceiling_and_none_of_it_is_negative():
    rng = np.random.default_rng(0)
    _, single, seen = measured(1.0, 4)
    single = SingleResponses(single.stimulated, single.responding, rng.standard_normal(len(single.values)))
    table = halves_of_responses(seen, single, NAMES)[0].set_index("metric")
    assert 0 <= table.loc["spearman", "ceiling"] < 0.3
    assert abs(table.loc["auc", "ceiling"] - 0.5) < 0.05


def test_the_verdict_and_the_table_say_which_ceiling_it_is_and_where_nothing_is_below_it():
    rows = [("circuit", 0.6), ("rewired, degrees", 0.5)]
    told = {"question": "stimulation", "metric": "auc", "low": 0.4, "high": 0.9, "n": 9, "resampled": "neurons", "chance": 0.5}
    table = pd.DataFrame([{"model": name, "estimate": value} | told for name, value in rows])
    less = {"model": "circuit", "control": "rewired, degrees", "difference": 0.1, "low": 0.01, "high": 0.2}
    differences = pd.DataFrame([told | less])
    top = pd.DataFrame([{"question": "stimulation", "metric": "auc", "ceiling": 0.7, "low": 0.6, "high": 0.8, "n": 9, "how": "of halves"}])
    assert "50% of the way from there to the ceiling of 0.700 (of halves)" in verdict(table, differences, top)[0]
    assert "not below the ceiling of 0.450 (of halves)" in verdict(table, differences, top.assign(ceiling=0.45))[0]
    last = score_rows(table, top)[1][-1]
    assert last["model"] == "ceiling"
    assert last["cells"] == [{"text": "0.700", "interval": "of halves; 0.60 to 0.80", "is_best": False}]
    assert score_rows(table, top.iloc[:0])[1] == score_rows(table)[1]


def test_a_run_keeps_its_single_responses(tmp_path):
    study, inputs = study_of(write_source(tmp_path / "source", responses(planted()).dropna()), MotorRunConfig())
    single = measured(1.0, 2)[1]
    write_study(replace(study, single=single), inputs, tmp_path / "run")
    kept = read_study(tmp_path / "run").single
    for name in ("stimulated", "responding", "values"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(single, name))
    write_study(study, inputs, tmp_path / "without")
    assert read_study(tmp_path / "without").single is None
