"""Fields lie on a map over cortex where there is one, which tells what a unit's responses leave open; where there is none they stay."""

from __future__ import annotations

import numpy as np
import pytest

from graphtwin.twin.data import receptive_fields
from graphtwin.twin.data.clips import clips_of
from graphtwin.twin.data.field_evidence import peaks
from graphtwin.twin.data.field_map import fit_map
from graphtwin.twin.data.receptive_fields import ReverseCorrelationConfig, locate_fields
from tests.twin.planted_recording import plant

ROWS, COLUMNS = 18, 32


def planted_odds(true: np.ndarray, rng: np.random.Generator, sd: float = 0.1, misled: float = 0.3) -> np.ndarray:
    """Log odds of units whose responses place their fields to `sd`; those of some have a higher peak anywhere else."""
    y, x = np.meshgrid((2 * np.arange(ROWS) + 1) / ROWS - 1, (2 * np.arange(COLUMNS) + 1) / COLUMNS - 1, indexing="ij")

    def peak(at: np.ndarray) -> np.ndarray:
        return -((x - at[:, 0, None, None]) ** 2 + (y - at[:, 1, None, None]) ** 2) / (2 * sd**2)

    own = peak(true + sd * rng.standard_normal(true.shape))
    wrong = np.where(rng.random(len(true)) < misled, 1.0, -np.inf)
    return np.logaddexp(own, peak(rng.uniform(-0.9, 0.9, true.shape)) + wrong[:, None, None])


def off(odds: np.ndarray, true: np.ndarray) -> np.ndarray:
    return np.hypot(*(peaks(odds) - true).T)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_map_of_fields_is_found_with_its_scatter_and_tells_which_peak_of_a_unit_is_its_field(mirrored: bool):
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 900, (300, 2))
    across = np.abs(places[:, 0] - 450) * 2 if mirrored else places[:, 0]
    true = 0.7 * (np.column_stack([across, places[:, 1]]) / 450 - 1) + 0.08 * rng.standard_normal((300, 2))
    odds = planted_odds(true, rng)
    found = fit_map(odds, places)
    assert found is not None
    assert 0.06 <= np.median(found.sd) <= 0.13
    assert found.elsewhere < 0.1
    assert (off(odds, true) > 0.3).mean() > 0.15
    told = odds + found.log_odds(ROWS, COLUMNS)
    assert (off(told, true) > 0.3).mean() < 0.03
    assert np.median(off(told, true)) < 0.85 * np.median(off(odds, true))


def test_units_whose_place_in_cortex_tells_nothing_of_their_fields_lose_nothing():
    rng = np.random.default_rng(1)
    true = rng.uniform(-0.8, 0.8, (300, 2))
    odds = planted_odds(true, rng)
    found = fit_map(odds, rng.uniform(0, 900, (300, 2)))
    told = odds if found is None else odds + found.log_odds(ROWS, COLUMNS)
    for part in (0.25, 0.5, 0.9):
        assert np.quantile(off(told, true), part) < 1.03 * np.quantile(off(odds, true), part)
    assert fit_map(odds[:5], true[:5]) is None


def test_one_minute_places_fields_better_with_their_neighbours(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(receptive_fields, "ROWS", 12)
    monkeypatch.setattr(receptive_fields, "COLUMNS", 18)
    planted = plant(units=60, train=5, rate=1.0)  # its places in cortex are those of the fields
    config, clips = ReverseCorrelationConfig(wavelengths=(0.25, 0.35)), clips_of(planted.recording)[0]
    places = planted.recording.units[["x_um", "y_um"]].to_numpy()
    alone, told = (np.hypot(*(locate_fields(clips, config, places=at).centres - planted.centres).T) for at in (None, places))
    assert np.median(told) < 0.7 * np.median(alone)
