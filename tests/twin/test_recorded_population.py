"""A twin's predictions and single responses go into the latent population model, and what it finds stands beside its null."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphtwin.twin.data.clips import clips_of, held_out_clips
from graphtwin.twin.model.core import ConvolutionalConfig
from graphtwin.twin.model.network import AnimalStart, Twin, TwinConfig
from graphtwin.twin.population.noise_correlations import measured_noise_correlations, repeat_residuals, resampled_agreement
from graphtwin.twin.population.recorded import RecordedPopulation, RecordedPopulationConfig, as_counts, read_population
from graphtwin.twin.population.recorded_scores import PopulationReport, score_recorded_population
from tests.twin.planted_population import planted_population, quick_config
from tests.twin.planted_recording import plant

pytestmark = pytest.mark.slow


REPEATS, UNITS = 6, 40


def recorded(n_latents: int, seed: int, n: int, repeats: int = 1) -> RecordedPopulation:
    """Samples of a planted population, a sample a trial."""
    data = planted_population(n, UNITS, n_latents, "zero_inflated", seed, repeats=repeats)
    return RecordedPopulation(data.predicted, data.responses, np.arange(n), np.arange(n) // repeats)


def report(n_latents: int) -> PopulationReport:
    train, test = recorded(n_latents, 0, 1200), recorded(n_latents, 1, 1200, REPEATS)
    silent = [replace(part, responses=np.where(np.arange(UNITS) == 3, 0.0, part.responses)) for part in (train, test)]
    return score_recorded_population(*silent, quick_config("zero_inflated"))


@pytest.fixture(scope="module")
def shared() -> PopulationReport:
    return report(2)


def test_planted_latents_are_worth_bits_and_predict_noise_correlations_and_dealt_repeats_are_worth_none(shared: PopulationReport):
    table = shared.scores.set_index("score")
    assert len(table) == 6
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert (table["low"] > 0).all()
    assert (table["null"].iloc[1:3] < 0).all()  # latents that are believed and not there cost bits
    assert (table["null"].iloc[3:].abs() < 0.12).all()
    agreed = table.iloc[-2:]
    assert (agreed["value"] > 0.5).all()
    assert (agreed["value"] > agreed["ceiling"] - 0.1).all()
    assert agreed["n"].tolist() == [39 * 38 // 2, 20 * 19 // 2 + 19 * 18 // 2]


def test_units_that_never_fire_are_left_out_and_pairs_between_halves_are_not_predicted(shared: PopulationReport):
    assert shared.units.tolist() == [unit for unit in range(UNITS) if unit != 3]
    known = np.isfinite(shared.predicted)
    np.testing.assert_array_equal(known, np.isfinite(shared.measured))
    assert sorted(known.sum(0).tolist()) == [19] * 19 + [20] * 20


def test_units_that_share_nothing_gain_nothing():
    table = report(0).scores.set_index("score")
    assert table["value"].iloc[1:4].tolist() == pytest.approx([0, 0, 0], abs=1e-9)
    assert table["value"].iloc[4:].isna().all()


def test_dealing_repeats_keeps_every_units_signal_and_noise_and_breaks_what_units_share():
    rng = np.random.default_rng(2)
    signal, gain = rng.standard_normal((50, 4)), rng.standard_normal((50 * REPEATS, 1))
    stimulus = np.repeat(np.arange(50), REPEATS)
    whole = RecordedPopulation(signal[stimulus], signal[stimulus] + gain, np.tile(np.arange(REPEATS), 50), stimulus)
    dealt = whole.repeats_dealt(0)
    for at in range(50):
        rows = stimulus == at
        np.testing.assert_array_equal(np.sort(dealt.responses[rows], axis=0), np.sort(whole.responses[rows], axis=0))
    np.testing.assert_array_equal(dealt.predicted, whole.predicted)
    pairs = np.triu_indices(4, 1)
    before, after = (measured_noise_correlations(repeat_residuals(of.responses, of.stimulus))[pairs] for of in (whole, dealt))
    assert before == pytest.approx(np.ones(6))
    assert np.abs(after).max() < 0.25


def test_frames_are_thinned_repeats_are_aligned_and_trials_are_in_order_of_recording_without_their_first_frames():
    planted = plant(units=5, train=3, test=2, repeats=3, frames=80)
    training, _ = clips_of(planted.recording)
    twin = Twin(
        TwinConfig(core=ConvolutionalConfig(first=4, hidden=4, blocks=1, features=4), bf16=False),
        {planted.recording.name: AnimalStart(np.zeros((5, 2)), np.ones(5), len(planted.recording.behaviour))},
    ).eval()
    test = held_out_clips(training, ["test"])
    config = RecordedPopulationConfig(samples_hz=training.frame_rate_hz / 4, left_out_s=20 / training.frame_rate_hz)
    found = read_population(twin, test, config, repeated=True)
    assert found.responses.shape == (2 * 3 * 15, 5)
    assert np.bincount(found.stimulus).tolist() == [3] * 30
    for trial, row in enumerate(np.sort(test.rows)):
        np.testing.assert_array_equal(found.responses[found.trial == trial], test.read(int(row)).responses[0, 20::4])
    for rows in test.repeats().values():
        assert len({tuple(found.stimulus[found.trial == trial]) for trial in np.searchsorted(np.sort(test.rows), rows)}) == 1
    assert (found.predicted > 0).all()
    with pytest.raises(ValueError, match="Noise correlations need repeats"):
        read_population(twin, training, config, repeated=True)


def test_the_interval_of_an_agreement_over_pairs_holds_it_and_is_wider_than_pairs_alone_would_have_it():
    rng = np.random.default_rng(3)
    loadings = rng.standard_normal((40, 2))
    truth = loadings @ loadings.T
    noisy = truth + 2.0 * (lambda e: e + e.T)(rng.standard_normal((40, 40)))
    drawn = resampled_agreement(truth, noisy, 0)
    pairs = np.triu_indices(40, 1)
    r = np.corrcoef(truth[pairs], noisy[pairs])[0, 1]
    assert np.quantile(drawn, 0.025) < r < np.quantile(drawn, 0.975)
    assert drawn.std() > (1 - r**2) / np.sqrt(len(pairs[0]))


def test_counts_that_were_standardised_are_counted_again_and_others_stay_fractions():
    rng = np.random.default_rng(0)
    counts, deviation = rng.poisson([0.2, 3.0, 400.0], (500, 3)).astype(np.float64), np.array([0.031, 1.7, 19.3])
    standardised = (counts.astype(np.float32) / deviation.astype(np.float32)).astype(np.float32)
    np.testing.assert_array_equal(as_counts(standardised, deviation), counts)
    means = counts[:, :1] + 1 / 7
    assert (as_counts((means / deviation[:1]).astype(np.float32), deviation[:1]) % 1 > 0.1).all()
