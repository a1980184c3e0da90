from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from graphtwin.twin.scores.paired_differences import MEAN, RIDGE, compare, mean_response_sums
from graphtwin.twin.scores.unit_scores import Shown, StimulusSums, all_scores, gather_sums, notes_of, score_units, sensorium_correlation

UNITS = 20


def both(seed: int, errors: tuple[float, float], stimuli: int = 12, frames: int = 60) -> tuple[StimulusSums, StimulusSums]:
    """Sums of two models that miss the same signal by so much, on the same noisy responses."""
    rng = np.random.default_rng(seed)
    shown: list[list[Shown]] = [[], []]
    for _ in range(stimuli):
        signal = rng.standard_normal((1, frames, UNITS))
        responses = signal + rng.standard_normal((5, frames, UNITS))
        for one, error in zip(shown, errors, strict=True):
            predicted = signal + error * rng.standard_normal(signal.shape)
            one.append(Shown(responses, np.repeat(predicted, 5, axis=0)))
    return gather_sums(shown[0]), gather_sums(shown[1])


def stimuli(n: int) -> pd.DataFrame:
    kind = ["movie"] * (n // 2) + ["noise"] * (n - n // 2)
    return pd.DataFrame({"stimulus": [f"s{at}" for at in range(n)], "kind": kind, "n_repeats": 5})


@pytest.mark.parametrize(("errors", "verdict"), [((0.5, 1.0), "twin wins"), ((1.0, 0.5), "ridge wins")])
def test_the_model_that_misses_less_wins_in_words_over_all_stimuli_and_each_kind(errors: tuple[float, float], verdict: str):
    table = compare(*_named(both(0, errors)), stimuli(12), np.ones(12, dtype=bool))
    row = table.query("score == 'cc_abs'").set_index("kind")
    assert row["verdict"].tolist() == [verdict] * 3
    assert row.index.tolist() == ["all", "movie", "noise"]
    every = row.loc["all"]
    assert every["units_low"] < every["difference"] < every["units_high"]
    assert every["stimuli_low"] < every["difference"] < every["stimuli_high"]
    assert every["share_better"] == (1.0 if verdict == "twin wins" else 0.0)


def test_two_models_that_miss_alike_are_told_apart_at_the_nominal_rate():
    told, shown = [], stimuli(3).assign(kind=["movie", "noise", "gabors"])  # of one stimulus there is no interval to make
    for seed in range(30):
        table = compare(*_named(both(seed, (0.8, 0.8), stimuli=3, frames=20)), shown, np.ones(3, dtype=bool))
        told.append(table.query("kind == 'all' and score == 'cc_abs'")["verdict"].item() != "cannot be told apart")
    assert np.mean(told) <= 0.17  # 5 % expected; binomial 99.7 % bound, n = 30


def test_below_five_stimuli_who_wins_is_said_of_these_alone():
    for n, words in ((4, "twin wins on these 4 stimuli alone"), (5, "twin wins")):
        table = compare(*_named(both(2, (0.2, 2.0), stimuli=n)), stimuli(n), np.ones(n, dtype=bool)).query("kind == 'all'")
        assert table["verdict"].iloc[0] == words
        assert (table["n_stimuli"] == n).all()
        assert (table["n_repeats"] == 5).all()
        assert table["stimuli_low"].isna().all() == (n < 5)


def test_below_five_units_nobody_wins_and_it_is_said():
    one, other = both(1, (0.2, 2.0))
    few = [StimulusSums(**{name: part[..., :2] if part.shape[-1] == UNITS else part for name, part in vars(sums).items()})
           for sums in (one, other)]  # fmt: skip
    table = compare(few[0], {RIDGE: few[1]}, stimuli(12), np.ones(12, dtype=bool))
    assert table["verdict"].iloc[0] == "cannot be told apart: units are 2, and there is no interval below 5"


def test_the_mean_response_is_what_a_constant_prediction_gives_and_its_correlation_counts_as_0():
    rng = np.random.default_rng(3)
    mean = rng.standard_normal(UNITS)
    responses = [rng.standard_normal((4, 30, UNITS)) + rng.standard_normal((1, 30, UNITS)) for _ in range(6)]
    sums = gather_sums(Shown(y, y.mean(0, keepdims=True).repeat(4, axis=0)) for y in responses)
    expected = gather_sums(Shown(y, np.broadcast_to(mean, y.shape)) for y in responses)
    found = mean_response_sums(sums, mean)
    for name in ("p", "pp", "yp", "mean_p", "mean_pp", "mean_yp"):
        np.testing.assert_allclose(vars(found)[name], vars(expected)[name], rtol=1e-9, atol=1e-9)
    row = compare(sums, {MEAN: found}, stimuli(6), np.ones(6, dtype=bool)).query("kind == 'all' and score == 'cc_abs'").iloc[0]
    assert row["median_against"] == 0
    assert row["difference"] == pytest.approx(np.median(all_scores(sums, np.ones(6))["cc_abs"]))
    assert row["verdict"] == "twin wins"


def test_the_sensorium_correlation_is_the_formula_of_the_competitions_to_the_digit():
    rng = np.random.default_rng(4)
    shown = [Shown(y := rng.gamma(0.5, 1.0, (repeats, 40, UNITS)), y + rng.standard_normal(y.shape)) for repeats in (3, 1, 10)]
    for one in shown:
        one.responses[..., 0] = 0.0  # a unit that never answers
        one.predictions[..., 1] = 0.3  # a unit of constant prediction
    y, p = (np.concatenate([part.reshape(-1, UNITS) for part in parts])
            for parts in zip(*((one.responses, one.predictions) for one in shown), strict=True))  # fmt: skip
    z = [(one - one.mean(0)) / (one.std(0) + 1e-8) for one in (y, p)]
    expected = (z[0] * z[1]).mean(0)
    found = sensorium_correlation(gather_sums(shown).weighted(np.ones(3)))
    assert found == pytest.approx(expected, abs=1e-6)
    assert found[:2] == pytest.approx(0, abs=1e-6)
    table = score_units(gather_sums(shown), pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(UNITS)}), replicates=0)
    assert table["sensorium_correlation"].mean() == pytest.approx(expected.mean(), abs=1e-6)


def test_units_without_signal_and_ceilings_above_one_are_named():
    one, _ = both(5, (0.5, 0.5))
    noise = all_scores(one, np.ones(12))
    found = {**noise, "cc_max": noise["cc_max"].copy(), "cc_norm": noise["cc_norm"].copy()}
    found["cc_max"][:3] = 0.0, 1.2, 0.1
    found["cc_norm"][:3] = np.nan, 0.8, 1.3
    s = one.weighted(np.ones(12))
    s["y"][3], s["yy"][3] = 0.0, 0.0
    notes = notes_of(found, s)
    assert notes[0].startswith("no signal: its repeats agree no better than chance")
    assert notes[1].startswith("a ceiling above 1")
    assert notes[2] == "a low ceiling: cc_norm scatters; cc_norm above 1: the ceiling is an estimate"
    assert notes[3] == "responses never change: no score"
    assert not any(notes[4:])
    once = {**s, "rated": np.float64(0.0)}
    assert notes_of({**found, "cc_max": np.full(UNITS, np.nan)}, once)[5].startswith("no stimulus was shown twice")


def _named(sums: tuple[StimulusSums, StimulusSums]) -> tuple[StimulusSums, dict[str, StimulusSums]]:
    return sums[0], {RIDGE: replace(sums[1])}
