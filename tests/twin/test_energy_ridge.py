from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from graphtwin.twin.data.clips import clips_of, held_out_clips
from graphtwin.twin.scores.energy_ridge import fit_energy_ridge, ridge_sums
from graphtwin.twin.scores.pooled_energies import pooled_energies
from graphtwin.twin.scores.ridge_by_folds import PENALTIES, no_sums, ridge_of
from graphtwin.twin.scores.unit_scores import all_scores
from tests.twin.planted_recording import HZ, LAG, Planted, plant


def grating(height: int, width: int, cycles: float, turn: float, phase: float = 0.0) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / height
    return np.cos(2 * np.pi * cycles * (x * np.cos(turn) + y * np.sin(turn)) + phase).astype(np.float32)


def test_energies_of_a_grating_are_those_of_its_frequency_and_orientation_whatever_its_phase():
    bank = pooled_energies(48, 48)
    pictures = np.stack([grating(48, 48, 6.2, np.pi / 4, phase) for phase in (0.0, 1.0, 2.5)])
    features = bank.of(pictures, np.arange(3))
    energies = [features[:, bank.block == number].reshape(3, 8, -1) for number in range(7)]
    strongest = max(range(7), key=lambda number: energies[number].mean())
    assert strongest == 3
    assert energies[3].mean((0, 2)).argmax() == 2
    middle = energies[3][:, 2].reshape(3, 6, 6)[:, 2:4, 2:4]  # away from mirrored edges
    assert middle == pytest.approx(np.full(middle.shape, np.sqrt(0.5)), rel=0.1)  # half the amplitude goes to each of two frequencies
    assert np.ptp(middle, axis=0) == pytest.approx(0, abs=0.05)


def test_energies_are_those_of_the_whole_transform():
    rng = np.random.default_rng(0)
    pictures = rng.standard_normal((2, 24, 32)).astype(np.float32)
    bank = pooled_energies(24, 32)
    margin, frequency = bank.margin, 2.2 / 24
    padded = np.pad(pictures, ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    down, across = (np.fft.fftfreq(side) for side in padded.shape[1:])
    gain = np.exp(-((across[None] - frequency) ** 2 + down[:, None] ** 2) / (2 * (frequency / 4) ** 2))
    wave = np.abs(np.fft.ifft2(np.fft.fft2(padded) * gain))
    places = [np.arange(side) - margin for side in padded.shape[1:]]
    weights = [np.exp(-((at - ((np.arange(n)[:, None] + 0.5) * p / n - 0.5)) ** 2) / (2 * (0.6 * p / n) ** 2))
               for at, p, n in zip(places, (24, 32), (4, 5), strict=True)]  # fmt: skip
    down_, across_ = (w / w.sum(1, keepdims=True) for w in weights)
    expected = np.sqrt(down_ @ wave @ across_.T).reshape(2, -1)
    assert bank.of(pictures, np.arange(2))[:, :20] == pytest.approx(expected, rel=0.04)  # means over fewer points


def test_a_drifting_grating_has_energy_in_its_direction():
    bank = pooled_energies(36, 64, HZ)
    frames = np.arange(60) / HZ
    drift = np.stack([grating(36, 64, 4.4, 0.0, -2 * np.pi * 2.6 * at) for at in frames])
    for video, wins in ((drift, 0), (drift[::-1], 1)):
        features = bank.of(np.ascontiguousarray(video), np.array([30]))
        one_way, other_way, still = features[0, bank.block == 1].reshape(4, 3, -1)[0].mean(1)
        ways = (one_way, other_way)
        assert ways[wins] > 3 * ways[1 - wins]
        assert ways[wins] > 2 * still


def rows(rng: np.random.Generator, n: int = 300, features: int = 12, units: int = 5) -> tuple[np.ndarray, np.ndarray]:
    x = rng.standard_normal((n, features)).astype(np.float32) * np.linspace(0.5, 3, features) + 4
    y = x @ rng.standard_normal((features, units)) + 3 * rng.standard_normal((n, units))
    return x.astype(np.float32), y.astype(np.float32)


def test_weights_penalties_and_held_out_errors_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    x, y = rows(rng)
    fold = np.arange(300) % 4
    folds = [no_sums(12, 5) for _ in range(4)]
    for number, sums in enumerate(folds):
        sums.add(x[fold == number], y[fold == number], np.ones((fold == number).sum()))
    found = ridge_of(folds, np.zeros(12, dtype=np.int64), np.arange(12), np.arange(5))
    z = x / x.std(0) / np.sqrt(12)
    errors = np.zeros((len(PENALTIES), 5))
    for at, penalty in enumerate(PENALTIES):
        for number in range(4):
            rest = fold != number
            model = Ridge(alpha=penalty * rest.sum()).fit(z[rest], y[rest])
            errors[at] += ((model.predict(z[~rest]) - y[~rest]) ** 2).sum(0)
    assert found.error == pytest.approx(errors.min(0), rel=1e-3)
    assert found.penalty.tolist() == PENALTIES[errors.argmin(0)].tolist()
    for unit in range(5):
        model = Ridge(alpha=found.penalty[unit] * 300).fit(z, y[:, unit])
        assert found.weights[:, unit] == pytest.approx(model.coef_ / x.std(0) / np.sqrt(12), rel=1e-2, abs=1e-3)


def test_features_left_out_and_features_that_never_change_have_no_weight():
    x, y = rows(np.random.default_rng(2))
    x[:, 3] = 7.0
    folds = [no_sums(12, 5) for _ in range(2)]
    for number, sums in enumerate(folds):
        sums.add(x[number::2], y[number::2], np.ones(len(x[number::2])))
    found = ridge_of(folds, np.zeros(12, dtype=np.int64), np.arange(8), np.arange(5))
    assert not found.weights[[3, 8, 9, 10, 11]].any()
    assert np.abs(found.weights[[0, 1, 2, 4, 5, 6, 7]]).min() > 0


@pytest.fixture(scope="module")
def animal() -> Planted:
    return plant(units=12, train=10, test=3, repeats=6, frames=150, height=18, width=24)


def test_the_ridge_predicts_planted_complex_cells_from_their_energies_and_behaviour(animal: Planted):
    train, validation = clips_of(animal.recording)
    both = replace(train, rows=np.concatenate([train.rows, validation.rows]))
    test = held_out_clips(train, ["test"])
    ridge = fit_energy_ridge(both, animal.centres, LAG / HZ)
    sums = ridge_sums(ridge, test, 0.5)
    scores = all_scores(sums, np.ones(len(sums.n)))
    assert np.median(scores["cc_norm"]) > 0.25  # of 50 s of film
    still = fit_energy_ridge(both, animal.centres, LAG / HZ + 1.0)  # a second too late
    late = ridge_sums(still, test, 0.5)
    assert np.median(scores["cc_abs"] - all_scores(late, np.ones(len(late.n)))["cc_abs"]) > 0.1


def test_behaviour_that_scales_responses_is_used(animal: Planted):
    train, _ = clips_of(animal.recording)
    test = held_out_clips(train, ["test"])
    without = replace(train, scales=replace(train.scales, behaviour=np.stack([np.zeros(2), np.full(2, 1e9)])))
    known, blind = (ridge_sums(fit_energy_ridge(clips, animal.centres, LAG / HZ), replace(test, scales=clips.scales), 0.5)
                    for clips in (train, without))  # fmt: skip
    gained = [all_scores(sums, np.ones(len(sums.n)))["single_trial_correlation"] for sums in (known, blind)]
    assert np.median(gained[0] - gained[1]) > 0.01


def test_rates_are_never_predicted_below_zero_and_one_stimulus_gives_a_ridge(animal: Planted):
    train, _ = clips_of(animal.recording)
    ridge = fit_energy_ridge(replace(train, rows=train.rows[:1]), animal.centres, LAG / HZ)
    window = train.read(int(train.rows[3]))
    predicted = ridge.predict(window, ridge.energies(window))
    assert predicted.shape == (150, 12)
    assert predicted.min() >= 0
    assert np.isfinite(predicted).all()


def test_clips_shorter_than_the_lag_have_a_ridge_on_their_first_frame():
    """An answer within the lag is to what was there before the clip, which is taken for its first frame."""
    short = plant(units=4, train=10, test=2, repeats=2, frames=9, height=18, width=24)
    train, _ = clips_of(short.recording)
    ridge = fit_energy_ridge(train, short.centres, 8 / HZ)
    responses = np.stack([train.read(int(row)).responses[0][2:5] for row in train.rows])  # the one tenth of a second within each clip
    np.testing.assert_allclose(ridge.mean, responses.mean((0, 1)), rtol=1e-5)
    assert ridge.weights.any()
