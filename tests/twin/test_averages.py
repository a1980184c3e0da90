"""Means over showings: found or declared, weighed by how many showings they are of, and not scored as single trials."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.sources.formats.recording import Recording, Trial
from graphtwin.training import FitConfig
from graphtwin.twin.data.averages import showings_in, with_showings
from graphtwin.twin.data.clips import clips_of, held_out_clips
from graphtwin.twin.fitting.foundation import FoundationConfig, train_foundation
from graphtwin.twin.model.response_families import FAMILIES
from graphtwin.twin.population.recorded import RecordedPopulationConfig, read_population
from graphtwin.twin.scores.energy_ridge import fit_energy_ridge
from graphtwin.twin.scores.generalisation import stimuli_of
from graphtwin.twin.scores.prediction import predict_trials, sums_of
from graphtwin.twin.scores.unit_scores import score_units
from tests.twin.test_picture_ridge import CONFIG, planted_pictures

UNITS, TRAIN, VALIDATION, TEST = 6, 120, 30, 20


def shown_often(averaged: tuple[str, ...], count: float = 5.0, declared: bool = False, unit: float = 1.0) -> Recording:
    """Pictures shown 3 to 7 times to Poisson units: single trials, or means in some tiers."""
    pictures, rates = planted_pictures(TRAIN + VALIDATION + TEST, UNITS)
    rng = np.random.default_rng(3)
    rows, responses = [], []
    for at, rate in enumerate(rates):
        tier = "train" if at < TRAIN else "validation" if at < TRAIN + VALIDATION else "test"
        counts = unit * rng.poisson(count * rate, (int(rng.integers(3, 8)), UNITS))
        answers = counts.mean(0, keepdims=True) if tier in averaged else counts
        responses += list(answers.astype(np.float32))
        rows += [(at, tier, len(counts) if tier in averaged else 1)] * len(answers)
    trials = pd.DataFrame(rows, columns=["stimulus", "tier", "n_repeats"]).rename_axis("trial").reset_index()
    trials = trials.assign(stimulus="picture " + trials["stimulus"].astype(str), kind="picture", n_frames=1, has_responses=True)
    at = trials["stimulus"].str.removeprefix("picture ").astype(int).to_numpy()
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(UNITS) + 1, "x_um": np.nan, "y_um": np.nan, "z_um": np.nan})
    still = np.zeros((1, 2), dtype=np.float32)

    def opened(row: int) -> Trial:
        return Trial(pictures[at[row] : at[row] + 1], responses[row][None], still, still)

    return Recording("still", np.nan, units, trials if declared else trials.drop(columns="n_repeats"), ("a", "b"), opened)


@pytest.mark.parametrize("n", [2, 7, 19])
def test_the_number_of_showings_is_read_off_the_fractions_of_a_mean(n: int):
    counts = np.random.default_rng(n).poisson(3.0, (n, 40))
    assert showings_in(counts.mean(0).astype(np.float32))[0] == n
    assert showings_in(counts[0])[0] == 1


def test_measures_that_are_no_counts_have_no_number_of_showings():
    rng = np.random.default_rng(0)
    assert showings_in(rng.gamma(1.0, 1.0, 40))[0] == 0
    assert showings_in(1e-9 * rng.poisson(3.0, 40))[0] == 0


def test_means_are_found_in_their_tiers_and_said(caplog: pytest.LogCaptureFixture):
    truth = shown_often(("train", "validation"), declared=True).trials["n_repeats"]
    with caplog.at_level(logging.INFO, "graphtwin"):
        found = with_showings(shown_often(("train", "validation")))
    assert (found.trials["n_repeats"] == truth).mean() > 0.95  # six units: the fractions of a few rows have a smaller number in common
    assert "tier train holds 120 means of about 5 showings, tier validation holds 30 means of about" in caplog.text
    assert f"tier test holds {(found.trials['tier'] == 'test').sum()} single trials (found: fractions of whole numbers)" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO, "graphtwin"):
        assert (with_showings(shown_often(())).trials["n_repeats"] == 1).all()
    assert not caplog.text


def test_a_mean_that_is_0_throughout_counts_as_its_tier_does_and_is_said(caplog: pytest.LogCaptureFixture):
    whole = shown_often(("train",))
    silent = np.flatnonzero(whole.trials["tier"] == "train")[[3, 40]]

    def opened(row: int) -> Trial:
        trial = whole.open_trial(row)
        return replace(trial, responses=np.zeros_like(trial.responses)) if row in silent else trial

    with caplog.at_level(logging.INFO, "graphtwin"):
        trials = with_showings(replace(whole, open_trial=opened)).trials
    told = np.setdiff1d(np.flatnonzero(trials["tier"] == "train"), silent)
    assert trials["n_repeats"].iloc[silent].tolist() == [trials["n_repeats"].iloc[told].median()] * 2 != [1.0, 1.0]
    assert "120 means of about 5 showings; of the 2 that are 0 throughout nobody can tell" in caplog.text
    assert (trials.loc[trials["tier"] == "test", "n_repeats"] == 1).all()


def test_a_small_tier_of_means_is_told_by_the_fractions_of_the_others():
    whole = shown_often(("train", "test"))
    tiers = whole.trials["tier"]
    kept = whole.trials[(tiers != "test") | (whole.trials["trial"].isin(whole.trials.index[tiers == "test"][:2]))].index.to_numpy()
    few = replace(whole, trials=whole.trials.loc[kept].reset_index(drop=True), open_trial=lambda row: whole.open_trial(int(kept[row])))
    found = with_showings(few).trials
    assert (found.loc[found["tier"] == "test", "n_repeats"] > 1).all()
    assert (found.loc[found["tier"] == "validation", "n_repeats"] == 1).all()


def test_declared_numbers_are_taken_as_they_are_and_impossible_ones_refused(caplog: pytest.LogCaptureFixture):
    declared = shown_often(("train",), declared=True, unit=0.37)
    with caplog.at_level(logging.INFO, "graphtwin"):
        assert with_showings(declared).trials["n_repeats"].tolist() == declared.trials["n_repeats"].tolist()
    assert "single trials (declared by n_repeats)" in caplog.text
    wrong = replace(declared, trials=declared.trials.assign(n_repeats=np.where(declared.trials["trial"] < 2, 0, 3)))
    with pytest.raises(ValueError, match=r"still: n_repeats is below 1 or no number in 2 of \d+ trials \(first 0: 0\)"):
        with_showings(wrong)


@pytest.mark.parametrize("name", ["poisson", "gaussian", "negative_binomial"])
def test_the_mean_of_showings_says_of_the_rate_what_single_trials_say(name: str):
    y = torch.tensor(np.random.default_rng(1).poisson(2.0, (5, 1)), dtype=torch.float64)
    rates = torch.linspace(0.5, 4.0, 8, dtype=torch.float64)[:, None, None]
    shape = torch.tensor([[-0.4]], dtype=torch.float64)[:, : len(FAMILIES[name].shapes)]
    single = sum(FAMILIES[name].log_likelihood(rates, shape, one.expand(8, 1)) for one in y)
    together = FAMILIES[name].log_likelihood(rates, shape, y.mean(0).expand(8, 1), 5.0)
    apart = (single - together)[:, 0]
    assert float(apart.max() - apart.min()) < 1e-9


@pytest.mark.slow
def test_single_trials_and_their_declared_means_give_the_same_twin_and_the_same_ridge():
    config = FoundationConfig(twin=CONFIG, fit=FitConfig(epochs=3, patience=3, learning_rate=3e-3, weight_decay=0.0), windows=1, steps=20)
    single, means = shown_often(()), shown_often(("train", "validation"), declared=True)
    twins = [train_foundation([recording], config) for recording in (single, means)]
    test = [held_out_clips(trained.clips["still"][0], ["test"]) for trained in twins]
    np.testing.assert_allclose(test[0].scales.responses, test[1].scales.responses, rtol=1e-5)
    found = [
        np.concatenate([predict_trials(trained.twin, "still", window)[:, 0] for window in clips.whole()])
        for trained, clips in zip(twins, test, strict=True)
    ]
    assert twins[0].shares["still"] == pytest.approx(twins[1].shares["still"], abs=0.1001)
    assert min(np.corrcoef(found[0][:, unit], found[1][:, unit])[0, 1] for unit in range(UNITS)) > 0.99
    places = np.zeros((UNITS, 2))
    ridges = [fit_energy_ridge(trained.clips["still"][0], places, 0.0) for trained in twins]
    np.testing.assert_allclose(ridges[0].weights, ridges[1].weights, atol=1e-3 * np.abs(ridges[0].weights).max())


def test_scores_of_single_trials_are_left_out_where_there_are_none():
    config = FoundationConfig(twin=CONFIG, fit=FitConfig(epochs=1, patience=1, learning_rate=3e-3, weight_decay=0.0), steps=2)
    trained = train_foundation([shown_often(("train", "validation", "test"), declared=True)], config)
    training, _ = trained.clips["still"]
    test = held_out_clips(training, ["test"])
    table = score_units(sums_of(trained.twin, test, 0.0, training), test.recording.units, replicates=5)
    left_out = ["single_trial_correlation", "sensorium_correlation", "feve", "bits_per_response", "binned_bits_per_response", "cc_norm"]
    assert table[left_out].isna().all(axis=None)
    assert table["cc_abs"].notna().all()
    assert table["note"].str.contains("responses are means over showings: no single-trial correlation, FEVE and bits").all()
    assert stimuli_of(test)["n_repeats"].between(3, 7).all()
    with pytest.raises(ValueError, match=r"still: 20 of 20 trials of tier test are means of about \d showings\. Noise that units share"):
        read_population(trained.twin, test, RecordedPopulationConfig())


def test_single_trials_keep_their_scores_beside_training_on_means():
    config = FoundationConfig(twin=CONFIG, fit=FitConfig(epochs=1, patience=1, learning_rate=3e-3, weight_decay=0.0), steps=2)
    trained = train_foundation([shown_often(("train", "validation"))], config)
    training, _ = trained.clips["still"]
    test = held_out_clips(training, ["test"])
    table = score_units(sums_of(trained.twin, test, 0.0, training), test.recording.units, replicates=5)
    assert table[["single_trial_correlation", "sensorium_correlation", "bits_per_response", "cc_norm"]].notna().all(axis=None)
    assert table["binned_bits_per_response"].isna().all()
    assert table["note"].str.contains("training holds means over showings: no bits of bins").all()


def test_a_window_counts_the_showings_of_frames_that_count():
    training, _ = clips_of(shown_often(("train", "validation"), declared=True))
    window = next(training.whole())
    assert window.showings[:, 0].tolist() == training.recording.trials["n_repeats"].iloc[training.rows].tolist()
    window.counted[0] = False
    assert window.showings[0, 0] == 0
