"""Claims: planted spikes come out of noisy fluorescence; traces that cannot be deconvolved are named."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from graphtwin.sources.formats.deconvolution import LEAST_FRAMES, decay_a_frame, noise_sd, oasis


def imaged(frames: int, units: int, rate_hz: float = 15.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Planted spikes and their fluorescence, of an indicator that decays in 0.7 s; noise of SD 4."""
    rng = np.random.default_rng(seed)
    spikes = rng.poisson(0.05, (frames, units))
    calcium = lfilter([1.0], [1.0, -np.exp(-1 / (0.7 * rate_hz))], spikes, axis=0)
    return spikes, (100 + 20 * calcium + rng.normal(0, 4, calcium.shape)).astype(np.float32)


@pytest.mark.parametrize("decay_s", [None, 0.7])
def test_planted_spikes_are_recovered_and_fluorescence_itself_is_worse(decay_s):
    spikes, fluorescence = imaged(3000, 3)
    found = oasis(fluorescence, 15.0, decay_s)
    assert (found >= 0).all()
    for unit in range(3):
        recovered = np.corrcoef(found[:, unit], spikes[:, unit])[0, 1]
        assert recovered > 0.9 > 0.6 > np.corrcoef(fluorescence[:, unit], spikes[:, unit])[0, 1]


@pytest.mark.parametrize("rest", [-100.5, -101, -95, -300, 1e4])
def test_a_constant_added_to_a_trace_changes_no_activity(rest):
    spikes, fluorescence = imaged(3000, 2)
    fluorescence = fluorescence.astype(np.float64)
    at_rest, moved = oasis(fluorescence, 15.0), oasis(fluorescence + rest, 15.0)
    np.testing.assert_allclose(moved, at_rest, atol=1e-3)
    for unit in range(2):
        assert np.corrcoef(moved[:, unit], spikes[:, unit])[0, 1] > 0.9


def test_a_constant_trace_has_no_activity_and_one_with_nan_is_refused():
    traces = np.full((500, 2), 7.0, dtype=np.float32)
    assert not oasis(traces, 6.3).any()
    traces[3, 1] = np.nan
    with pytest.raises(ValueError, match="1 of 2 traces hold NaN or infinity, first column 1"):
        oasis(traces, 6.3)


@pytest.mark.parametrize("frames", [300, 3000])
def test_activity_is_that_of_the_authors_package(frames):
    from oasis.functions import deconvolve

    _, fluorescence = imaged(frames, 3)
    theirs = np.column_stack([deconvolve(trace.astype(np.float64), penalty=1)[1] for trace in fluorescence.T])
    np.testing.assert_allclose(oasis(fluorescence, 15.0), theirs, atol=1e-3)


def test_noise_and_decay_of_a_long_trace_are_those_planted():
    _, fluorescence = imaged(20_000, 1)
    trace = fluorescence[:, 0].astype(np.float64)
    assert noise_sd(trace) == pytest.approx(4, rel=0.3)  # calcium has some power at these frequencies too
    assert decay_a_frame(trace, 4.0) == pytest.approx(np.exp(-1 / (0.7 * 15)), abs=0.02)


@pytest.mark.parametrize("decay_s", [None, 0.7])
def test_scans_shorter_than_a_spectrum_are_deconvolved_without_a_warning(decay_s):
    spikes, fluorescence = imaged(LEAST_FRAMES, 20)
    found = oasis(fluorescence, 15.0, decay_s)
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(found.T, spikes.T, strict=True)]
    assert np.median(alike) > 0.85


def test_a_scan_too_short_to_deconvolve_says_how_long_it_must_be():
    words = r"a scan of 99 frames \(6\.6 s at 15 Hz\) is too short to deconvolve: .* from 100 frames \(6\.7 s\) or more"
    with pytest.raises(ValueError, match=words):
        oasis(np.ones((LEAST_FRAMES - 1, 2), np.float32), 15.0)


def test_a_trace_without_a_decay_gives_the_same_activity_each_time_and_draws_nothing():
    traces = np.random.default_rng(0).normal(100, 4, (400, 12)).astype(np.float32)
    decays = [decay_a_frame(trace, noise_sd(trace)) for trace in traces.T.astype(np.float64)]
    assert 0.15 in decays
    state = np.random.get_state()[1].copy()  # noqa: NPY002  # that of other packages, which must stay
    first = oasis(traces, 15.0)
    np.testing.assert_array_equal(first, oasis(traces, 15.0))
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
