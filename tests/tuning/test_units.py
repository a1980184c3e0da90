"""Claims: the most reliable unit speaks for its nucleus, ties go by key, and the order of the table decides nothing."""

import logging

import numpy as np
import pandas as pd
import pytest

from graphtwin.tuning.units import speaking_units


def three(**columns) -> pd.DataFrame:
    """Two units of nucleus 10 and one of nucleus 9."""
    keys = {"nucleus_id": [10, 9, 10], "session": [4, 4, 5], "scan_idx": [7, 7, 3], "unit_id": [10, 11, 12]}
    return pd.DataFrame(keys | {"reliability": [0.2, 0.3, 0.4]} | columns)


def test_the_most_reliable_unit_speaks_and_the_log_counts_the_others(caplog):
    with caplog.at_level(logging.INFO, "graphtwin"):
        found = speaking_units(three(), origin="scans")
    assert found[["nucleus_id", "unit_id"]].to_numpy().tolist() == [[9, 11], [10, 12]]
    assert "scans: 2 units speak for their nucleus, 1 of 3 are left out" in caplog.text


@pytest.mark.parametrize("reliability", [[0.4, np.nan, 0.4], [np.nan, np.nan, np.nan], [0.0, 1.0, np.nan]])
def test_equal_units_go_by_key_and_an_unknown_reliability_comes_after_a_known_one(reliability):
    assert speaking_units(three(reliability=reliability))["unit_id"].tolist() == [11, 10]


def test_of_units_that_are_equal_in_everything_the_key_decides_number_by_number():
    equal = three(nucleus_id=1, session=[5, 4, 4], scan_idx=[1, 2, 2], unit_id=[1, 9, 8])
    assert speaking_units(equal, None)["unit_id"].tolist() == [8]


def test_the_order_of_the_table_decides_nothing():
    rng = np.random.default_rng(0)
    units = pd.DataFrame({"nucleus_id": rng.integers(0, 40, 100), "session": rng.integers(4, 7, 100), "scan_idx": 1})
    units = units.assign(unit_id=np.arange(100), reliability=rng.choice([0.1, 0.5, np.nan], 100))
    expected = speaking_units(units)
    assert expected["nucleus_id"].is_monotonic_increasing
    assert len(expected) == units["nucleus_id"].nunique() < len(units)
    for seed in range(5):
        pd.testing.assert_frame_equal(speaking_units(units.sample(frac=1, random_state=seed)), expected)


def test_units_that_cannot_be_ranked_are_refused():
    with pytest.raises(ValueError, match="2 of 3 rows share their nucleus_id with another row, and reliability is missing"):
        speaking_units(three().drop(columns="reliability"))
    with pytest.raises(ValueError, match=r"2 of 3 rows share .* session, scan_idx, unit_id is missing"):
        speaking_units(three()[["nucleus_id", "reliability"]])
    with pytest.raises(ValueError, match="neurons: 1 of 3 rows repeat the key"):
        speaking_units(three(session=4, scan_idx=7, unit_id=10), origin="neurons")


def test_a_table_by_nucleus_speaks_for_itself():
    assert speaking_units(pd.DataFrame({"nucleus_id": [3, 1]}))["nucleus_id"].tolist() == [1, 3]
