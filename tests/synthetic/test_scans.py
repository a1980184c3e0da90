from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.synthetic.function import scans
from graphtwin.synthetic.function.preferences import TuningConfig, draw_tuning
from graphtwin.synthetic.function.scans import THICKNESS_UM, ScanConfig, direction_columns, direction_responses, grating_rates, scan_units
from tests.synthetic.planted_neurons import planted_neurons

NEURONS = planted_neurons(400)
TUNING = draw_tuning(NEURONS, TuningConfig(), seed=0, animal=1)
CONFIG = ScanConfig()


def test_some_nuclei_have_several_units_each_scan_one_a_nucleus_and_keys_are_unique():
    units = scan_units(NEURONS, CONFIG, seed=0, animal=1)
    assert not units.duplicated(["session", "scan_idx", "unit_id"]).any()
    assert not units.duplicated(["session", "nucleus_id"]).any()
    counts = units["nucleus_id"].value_counts()
    assert (counts > 1).mean() > 0.15
    assert counts.max() >= 3
    assert units["nucleus_id"].dtype == np.int64
    assert units["unit_id"].dtype == np.int64
    assert 0.7 < units["coregistered"].mean() < 0.9


def test_the_main_scan_is_mostly_excitatory_and_narrow_scans_overlap_in_depth():
    units = scan_units(NEURONS, CONFIG, seed=0, animal=1).merge(NEURONS[["nucleus_id", "cell_class", "depth_um"]], on="nucleus_id")
    main = units[units["session"] == 1]
    assert set(main["kind"]) == {"video"}
    share = main["cell_class"].value_counts() / NEURONS["cell_class"].value_counts()
    assert share["excitatory"] > 0.8
    assert share["inhibitory"] < 0.5
    narrow = units[units["session"] > 1].groupby("session")["depth_um_y"].agg(["min", "max"])
    assert len(narrow) == CONFIG.depth_scans
    assert ((narrow["max"] - narrow["min"]) <= THICKNESS_UM).all()
    assert (narrow["min"].to_numpy()[1:] < narrow["max"].to_numpy()[:-1]).all()
    np.testing.assert_allclose(units["depth_um_x"], units["depth_um_y"], atol=10)  # measured about the truth


def test_deeper_fields_lie_deeper(monkeypatch):
    monkeypatch.setattr(scans, "SHIFT_UM", 0.0)
    units = scan_units(NEURONS, CONFIG, seed=0, animal=1)
    ranges = units[units["session"] == 1].groupby("field")["depth_um"].agg(["min", "max"])
    assert (ranges["min"].to_numpy()[1:] >= ranges["max"].to_numpy()[:-1]).all()


def test_responses_to_directions_follow_the_tuning_and_the_scan():
    units = scan_units(NEURONS, CONFIG, seed=0, animal=1)
    measured = direction_responses(units, TUNING, CONFIG, seed=0, animal=1)
    assert list(measured)[3:] == direction_columns()
    assert direction_columns()[1] == "direction_022_5"
    assert measured[["session", "scan_idx", "unit_id"]].equals(units[["session", "scan_idx", "unit_id"]])
    truth = grating_rates(TUNING.table)[np.searchsorted(NEURONS["nucleus_id"], units["nucleus_id"])]
    values = measured[direction_columns()].to_numpy()
    agree = [np.corrcoef(a, b)[0, 1] for a, b in zip(values, truth, strict=True) if a.std() and b.std()]
    assert np.median(agree) > 0.8
    # The confound: what is left after the truth is alike within a scan.
    rest = values / np.maximum(values.mean(1, keepdims=True), 1e-6) - truth / truth.mean(1, keepdims=True)
    of_scan = pd.DataFrame(rest).groupby(units["session"].to_numpy()).median().to_numpy()
    strong = units["session"].to_numpy()
    own = np.mean([np.corrcoef(row, of_scan[at - 1])[0, 1] for row, at in zip(rest, strong, strict=True)])
    other = np.mean([np.corrcoef(row, of_scan[at % len(of_scan)])[0, 1] for row, at in zip(rest, strong, strict=True)])
    assert own > other + 0.05


def test_scans_are_made_again_by_seed_and_animal():
    assert scan_units(NEURONS, CONFIG, 0, 1).equals(scan_units(NEURONS, CONFIG, 0, 1))
    assert not scan_units(NEURONS, CONFIG, 0, 1).equals(scan_units(NEURONS, CONFIG, 0, 2))
    units = scan_units(NEURONS, CONFIG, 0, 1)
    some = units[units["session"] == 3]
    alone = direction_responses(some, TUNING, CONFIG, 0, 1)
    among = direction_responses(units, TUNING, CONFIG, 0, 1)
    pd.testing.assert_frame_equal(alone, among[among["session"] == 3].reset_index(drop=True), rtol=0.2)


def test_neurons_without_a_position_are_refused():
    with pytest.raises(ValueError, match="depth_um"):
        scan_units(NEURONS.drop(columns="depth_um"), CONFIG, 0, 1)
