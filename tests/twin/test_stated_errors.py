"""Intervals hold what is true as often as they say, spreads of few twins are drawn towards what is usual, and flags say why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from graphtwin.twin.agreement import STATED, moderated_spread, with_intervals
from graphtwin.twin.runs.answering import Answering, rare_state

UNITS = 20_000


def units_of_unlike_variance(degrees: float, members: int) -> tuple[np.ndarray, np.ndarray]:
    """Variances drawn from a scaled inverse chi-square around 4, and the spread that so many members would show."""
    rng = np.random.default_rng(0)
    variance = degrees * 4.0 / rng.chisquare(degrees, UNITS)
    return variance, np.sqrt(variance * rng.chisquare(members - 1, UNITS) / (members - 1))


def test_moderated_spreads_are_the_posterior_means_of_the_planted_prior():
    variance, spread = units_of_unlike_variance(degrees=6.0, members=3)
    known = np.sqrt((6.0 * 4.0 + 2 * spread**2) / 8.0)  # with the planted degrees and variance in place of those that were estimated
    np.testing.assert_allclose(moderated_spread(spread, 3), known, rtol=0.1)
    assert np.mean(np.log(moderated_spread(spread, 3) ** 2 / variance) ** 2) < 0.5 * np.mean(np.log(spread**2 / variance) ** 2)


def test_units_that_are_all_alike_get_one_spread_however_theirs_scatter():
    spread = np.sqrt(4.0 * np.random.default_rng(1).chisquare(2, UNITS) / 2)
    found = moderated_spread(np.r_[spread, np.nan, 0.0], 3)
    assert found[:-2] == pytest.approx(2.0, rel=0.15)
    assert np.isnan(found[-2])
    assert found[-1] == pytest.approx(2.0, rel=0.25)  # twins that happen to agree on a unit are not taken to be right


def test_the_order_of_spreads_is_kept_where_units_differ():
    variance, spread = units_of_unlike_variance(degrees=3.0, members=5)
    found = moderated_spread(spread, 5)
    assert spearmanr(found, spread)[0] == pytest.approx(1.0)
    assert spearmanr(found, variance)[0] > 0.6


def told_of_units() -> pd.DataFrame:
    spread = np.full(40, 1.0)
    spread[3] = np.nan
    angles, rates = np.linspace(0, 175, 40), np.where(np.arange(40) == 2, 0.4, 0.001)
    return pd.DataFrame(
        {
            "orientation_deg": np.where(np.arange(40) == 5, np.nan, angles),
            "orientation_deg_spread": spread,
            "orientation_q": rates,
            "gain": np.ones(40),
            "gain_spread": np.linspace(0.01, 0.02, 40),
            "size_20": np.ones(40),
            "size_20_spread": np.ones(40),
        }
    )


def test_flags_say_why_and_the_log_counts_them(caplog):
    caplog.set_level("INFO")
    found = with_intervals(told_of_units(), 3, "animal", "rare state")
    flags = found["orientation_deg_flag"]
    assert flags[[2, 3, 5, 7]].tolist() == ["no preference", "too few twins tell it", "", ""]
    assert (found["gain_flag"] == "rare state").all()
    half = STATED["orientation_deg"].widening
    assert found["orientation_deg_high"][7] - found["orientation_deg"][7] == pytest.approx(half)
    assert found["orientation_deg_low"][7] == pytest.approx(found["orientation_deg"][7] - half)
    assert list(found)[:5] == [f"orientation_deg{end}" for end in ("", "_spread", "_low", "_high", "_flag")]
    assert "size_20_low" not in found  # of which it is not known how far twins err
    assert "animal: of 40 units not to be taken to an experiment (flagged): orientation_deg 2, gain 40" in caplog.text


def test_an_interval_wider_than_is_tolerated_is_flagged():
    table = told_of_units()
    table["orientation_deg_spread"] = STATED["orientation_deg"].tolerated
    assert (with_intervals(table, 3, "animal")["orientation_deg_flag"].drop([2, 5]) == "wide interval").all()


def test_twins_that_share_a_ridge_agree_whether_they_are_right_or_not_and_state_no_interval():
    found = with_intervals(told_of_units(), 3, "animal", shared="one ridge")
    assert found[["orientation_deg_low", "gain_high"]].isna().all(axis=None)
    assert (found["orientation_deg_flag"].drop(5) == "one ridge").all()


def test_a_state_that_was_rarely_recorded_is_said_with_how_far_off_it_is(caplog):
    asked = Answering((), {}, 1, {}, {"mouse": {"pupil_size": (33.0, 6.0), "running": (5.0, 7.0)}}, {})
    assert rare_state(asked, "mouse", {"running": 12.0, "pupil_size": 30.0}) == ""
    assert not caplog.records
    assert rare_state(asked, "mouse", {"running": 200.0}) == "rare state"
    assert "mouse: running=200 lies 27.9 standard deviations from what was recorded in training (mean 5, SD 7)" in caplog.text
