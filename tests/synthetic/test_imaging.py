from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.execute import rng_for
from graphtwin.sources.formats.deconvolution import oasis
from graphtwin.synthetic.function import imaging
from graphtwin.synthetic.function.imaging import (
    DECAY_S,
    JITTER,
    RATE_HZ,
    RISE_S,
    draw_events,
    fluorescence,
    latents,
    plane_offset,
    sample_events,
    shared_gain,
)


def _units(n: int, missed: float = 0.0, loadings: tuple[float, float] = (0.0, 0.0)) -> pd.DataFrame:
    return pd.DataFrame({"amplitude": np.full(n, 2.0), "missed": missed, "latent_0": loadings[0], "latent_1": loadings[1]})


def _flat(rates: np.ndarray) -> np.ndarray:
    return np.zeros((2, rates.shape[1]), dtype=np.float32)


def test_mean_variance_and_share_of_zeros_are_those_of_the_equations():
    n, rate, missed, loading = 2000, 0.6, 0.2, 0.5
    table = _units(n, missed, (loading, 0.0))
    rng = np.random.default_rng(0)
    gain = np.exp(loading * rng.standard_normal((n, 100)) - loading**2 / 2).astype(np.float32)
    mean, activity = draw_events(np.full((n, 100), rate, dtype=np.float32), gain, table, rng)
    assert mean[0, 0] == pytest.approx((1 - missed) * 2.0 * rate, rel=1e-5)
    assert activity.mean() == pytest.approx(mean[0, 0], rel=0.02)
    zeros = missed + (1 - missed) * np.exp(-rate * gain).mean()
    assert (activity == 0).mean() == pytest.approx(zeros, abs=0.005)
    second = rate * (1 + JITTER) + rate**2 * np.exp(loading**2)  # E y^2 / amplitude^2 of an unmissed sample
    variance = 4.0 * ((1 - missed) * second - ((1 - missed) * rate) ** 2)
    assert activity.var() == pytest.approx(variance, rel=0.06)


def test_two_units_share_the_planted_noise(monkeypatch):
    """Cov(y_a, y_b) = mean_a mean_b (exp(loadings_a . loadings_b) - 1) at one sample; opposite loadings anticorrelate."""
    table = pd.DataFrame({"amplitude": [1.0, 1.0, 1.0], "missed": 0.0, "latent_0": [0.5, 0.5, 0.5], "latent_1": [0.4, 0.4, -0.8]})
    monkeypatch.setattr(imaging, "LATENT_S", 0.05)
    shared = latents(200_000, 2, seed=0, animal=1, scan="1-1")
    assert np.allclose(shared.std(1), 1, atol=0.05)
    places = np.tile(np.arange(0, 200_000, 4), (3, 1))
    gain = shared_gain(shared, table, places)
    assert gain.mean() == pytest.approx(1.0, abs=0.03)
    _, activity = draw_events(np.full(gain.shape, 2.0, dtype=np.float32), gain, table, np.random.default_rng(0))
    found = np.cov(activity)
    assert found[0, 1] == pytest.approx(4 * (np.exp(0.25 + 0.16) - 1), rel=0.1)
    assert found[0, 2] == pytest.approx(4 * (np.exp(0.25 - 0.32) - 1), abs=0.06)


def test_samples_hold_all_events_once_and_planes_are_scanned_one_after_the_other():
    n_frames = 300
    rates = np.random.default_rng(0).uniform(0, 5, (8, n_frames)).astype(np.float32)
    offset = plane_offset(np.arange(8) % 4)
    np.testing.assert_allclose(offset, [0, 0.25, 0.5, 0.75] * 2)
    taken = sample_events(rates, _flat(rates), _units(8), offset, 1234, rng_for(0, "test"))
    period = 30 / RATE_HZ
    np.testing.assert_allclose((taken.number + offset) * period, 1234 + taken.first, atol=1e-6)
    assert (taken.first > -2 * period).all()
    assert (taken.first <= -period + 1e-9).all()
    seen = taken.at_frames(taken.expected, n_frames)
    # Interpolated samples count the events of one period at every frame.
    np.testing.assert_allclose(seen[:, 20:280].mean(1), rates[:, 20:280].mean(1) * 2.0 / RATE_HZ, rtol=0.02)


def test_a_constant_rate_is_seen_constant_at_every_frame():
    rates = np.full((3, 100), 6.0, dtype=np.float32)
    taken = sample_events(rates, _flat(rates), _units(3), plane_offset(np.arange(3)), 17, rng_for(0, "test"))
    np.testing.assert_allclose(taken.at_frames(taken.expected, 100), 2.0 * 6.0 / RATE_HZ, rtol=1e-5)


def test_an_event_is_seen_when_it_happens_give_or_take_a_sample():
    rates = np.zeros((1, 100), dtype=np.float32)
    rates[0, 50] = 30.0
    taken = [sample_events(rates, _flat(rates), _units(1), np.zeros(1), start, rng_for(0, "test")) for start in range(200)]
    seen = np.mean([trial.at_frames(trial.expected, 100)[0] for trial in taken], axis=0)
    centre = (seen * np.arange(100)).sum() / seen.sum()
    period = 30 / RATE_HZ
    assert centre == pytest.approx(50.5 + period / 2, abs=0.3)
    assert np.flatnonzero(seen > 1e-6).min() >= 50 - period
    assert np.flatnonzero(seen > 1e-6).max() <= 51 + 2 * period


def test_fluorescence_rises_and_decays_like_the_indicator(monkeypatch):
    """An event at any time in the period before sample 20: the mean over many of them."""
    activity = np.zeros((1, 80), dtype=np.float32)
    activity[0, 20] = 2.0  # one event of a unit of amplitude 2
    monkeypatch.setattr(imaging, "RATE_HZ", 20.0)
    monkeypatch.setattr(imaging, "FLUORESCENCE_NOISE", 0.0)
    traces = [fluorescence(activity * at, _units(1), np.random.default_rng(0))[0].astype(np.float64) for at in (0.0, 1.0)]
    added = traces[1] - traces[0]
    assert np.abs(added[:20]).max() < 1e-3
    lag = (np.arange(60) + (np.arange(1000)[:, None] + 0.5) / 1000) / 20
    kernel = (np.exp(-lag / DECAY_S) - np.exp(-lag / RISE_S)).mean(axis=0)
    np.testing.assert_allclose(added[20:], added[30] * kernel / kernel[10], atol=1e-3 * added.max())


def test_deconvolved_fluorescence_lags_the_events_by_less_than_half_a_sample():
    rng = np.random.default_rng(0)
    events = rng.poisson(0.15, (30, 1000)).astype(np.float32)
    found = oasis(fluorescence(2 * events, _units(30), rng).T, RATE_HZ).T
    # Correlation of events with what was found -1, 0 and 1 samples later; the top of the parabola through them is the lag.
    before, now, after = (
        np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(events[:, 5:-5], np.roll(found, -by, axis=1)[:, 5:-5], strict=True)])
        for by in (-1, 0, 1)
    )
    assert now > after > before
    assert 0 < (after - before) / (4 * now - 2 * before - 2 * after) < 0.5
