from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphtwin.twin.receptive_fields import local_energies, locate
from graphtwin.twin.recordings import clips_of
from tests.twin.planted_recording import plant


def test_planted_fields_are_found_by_reverse_correlation():
    planted = plant(units=30, train=25)
    found = locate(clips_of(planted.recording)[0]).centres
    off = (found - planted.centres) * [12, 8]  # pixels
    assert np.quantile(np.hypot(*off.T), 0.9) < 1.2
    for axis in range(2):
        assert np.corrcoef(found[:, axis], planted.centres[:, axis])[0, 1] > 0.97


def test_a_silent_unit_starts_on_the_map_and_disturbs_no_other():
    planted = plant(units=8, train=6)
    before = locate(clips_of(planted.recording)[0]).centres
    for row, trial in enumerate(planted.trials):
        responses = trial.responses.copy()
        responses[:, 0] = 0
        planted.trials[row] = replace(trial, responses=responses)
    after = locate(clips_of(planted.recording)[0]).centres
    assert np.isfinite(after).all()
    assert np.abs(after).max() <= 1
    assert after[1:] == pytest.approx(before[1:], abs=1e-6)


def test_energy_is_where_something_moves():
    video = np.zeros((6, 16, 24), dtype=np.float32)
    video[3:, 12, 4] = 1.0
    contrast, change = np.split(local_energies(video, 4, 6), 2, axis=1)
    assert contrast[5].argmax() == change[3].argmax() == 3 * 6 + 1
    assert change[5].max() == 0
