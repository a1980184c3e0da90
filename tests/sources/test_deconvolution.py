"""Claims: planted spikes come out of noisy fluorescence; traces that cannot be deconvolved are named."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from graphtwin.sources.deconvolution import oasis


@pytest.mark.parametrize("decay_s", [None, 0.7])
def test_planted_spikes_are_recovered_and_fluorescence_itself_is_worse(decay_s):
    rng = np.random.default_rng(0)
    rate_hz, frames = 15.0, 3000
    spikes = rng.poisson(0.05, (frames, 3))
    calcium = lfilter([1.0], [1.0, -np.exp(-1 / (0.7 * rate_hz))], spikes, axis=0)
    fluorescence = (100 + 20 * calcium + rng.normal(0, 4, calcium.shape)).astype(np.float32)
    found = oasis(fluorescence, rate_hz, decay_s)
    assert (found >= 0).all()
    for unit in range(3):
        recovered = np.corrcoef(found[:, unit], spikes[:, unit])[0, 1]
        assert recovered > 0.9 > 0.6 > np.corrcoef(fluorescence[:, unit], spikes[:, unit])[0, 1]


def test_a_constant_trace_has_no_activity_and_one_with_nan_is_refused():
    traces = np.full((500, 2), 7.0, dtype=np.float32)
    assert not oasis(traces, 6.3).any()
    traces[3, 1] = np.nan
    with pytest.raises(ValueError, match="1 of 2 traces hold NaN or infinity, first column 1"):
        oasis(traces, 6.3)
