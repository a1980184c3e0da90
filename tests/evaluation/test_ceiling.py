"""A ceiling is what another animal tells of the same pairs, and a share of the way to it is resampled with it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from graphtwin.evaluation import EVERY, WITHIN_EXPOSURE, ScoreDesign, ceiling_shares, headline_subset, rank_models

DESIGN = ScoreDesign("connectivity", "axon", "axon", n_replicates=200)
AXONS, CELLS = 40, 60


@pytest.fixture(scope="module")
def shares() -> tuple[pd.DataFrame, np.ndarray, dict[str, np.ndarray]]:
    """Scores that tell the connected pairs more and more clearly, in one fold."""
    rng = np.random.default_rng(3)
    connected = rng.random(AXONS * CELLS) < 0.2
    noise = rng.normal(size=len(connected))
    scores = {name: gain * connected + noise for name, gain in (("exposure", 0.5), ("model", 1.0), ("ceiling", 1.5))}
    scores["copy"] = scores["ceiling"] * 7
    axon = np.repeat(np.arange(AXONS), CELLS)
    ranked = rank_models(connected, scores, axon, np.zeros(len(axon), np.int64), DESIGN)
    return ceiling_shares(ranked, "exposure", "ceiling").set_index(["model", "metric"]), connected, scores


def test_the_share_is_the_way_from_exposure_alone_to_the_ceiling(shares):
    table, connected, scores = shares
    for metric, of in (("auc", roc_auc_score), ("average_precision", average_precision_score)):
        low, mine, high = (of(connected, scores[name]) for name in ("exposure", "model", "ceiling"))
        assert table.loc[("model", metric), "estimate"] == pytest.approx(mine)
        assert table.loc[("model", metric), "share"] == pytest.approx((mine - low) / (high - low))
        interval = table.loc[("model", metric), ["share_low", "share_high"]].tolist()
        assert 0.3 < interval[0] < table.loc[("model", metric), "share"] < interval[1] < 0.8


def test_models_and_ceiling_are_resampled_together(shares):
    """Of what ranks pairs as the ceiling does, the share has no width: apart, the two intervals would overlap."""
    table, *_ = shares
    assert table.loc[("copy", "auc"), ["share", "share_low", "share_high"]].tolist() == [1.0, 1.0, 1.0]
    assert table.loc[("exposure", "auc"), ["share", "share_low", "share_high"]].tolist() == [0.0, 0.0, 0.0]
    assert table.loc[("copy", "auc"), "low"] < table.loc[("copy", "auc"), "high"]


def shares_of(gain: float, n_axons: int = 12, apart: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Shares of the way where the ceiling tells more than exposure by `gain`; `apart` is the noise that each has of its own."""
    rng = np.random.default_rng(seed)
    connected, axon = rng.random(30 * n_axons) < 0.3, np.repeat(np.arange(n_axons), 30)
    noise, *own = rng.normal(size=(4, len(axon)))
    told = zip(("exposure", "ceiling", "model"), (1.0, 1.0 + gain, 1.2), own, strict=True)
    scores = {name: tells * connected + (1 - apart) * noise + apart * of_it for name, tells, of_it in told}
    ranked = rank_models(connected, scores, axon, np.zeros(len(axon), np.int64), DESIGN)
    return ceiling_shares(ranked, "exposure", "ceiling").set_index(["model", "metric"])


@pytest.mark.parametrize(("gain", "apart"), [(-0.5, 0.0), (0.0, 0.0), (0.05, 1.0)])
def test_there_is_no_share_of_the_way_to_a_ceiling_that_is_not_above_exposure_beyond_its_interval(gain, apart):
    """A way as good as none would make a share of hundreds, of either sign."""
    table = shares_of(gain, apart=apart)
    assert table[["share", "share_low", "share_high"]].isna().all(axis=None)
    number = r"[+-]0\.\d{3}"
    assert table["note"].str.match(rf"no share of the way: ceiling minus exposure is {number} \[{number}, {number}\], not above 0").all()


def test_there_is_no_share_where_axons_are_too_few_to_tell_the_ceiling_from_exposure():
    table = shares_of(2.0, n_axons=4)
    assert table["share"].isna().all()
    assert table["note"].str.endswith("cannot be told, for axons are too few for an interval").all()


def test_draws_without_a_share_are_counted():
    """The interval of the way ends just above 0, so that in a few draws the ceiling is below exposure."""
    found = shares_of(0.5, apart=1.0, seed=35).loc[("model", "auc")]
    assert found["note"] == ""
    assert 0 < found["n_without"] <= 0.025 * DESIGN.n_replicates
    assert np.isfinite(found[["share", "share_low", "share_high"]].astype(float)).all()


def test_the_headline_is_of_pairs_within_exposure_where_they_are_scored():
    table = pd.DataFrame({"task": "connectivity", "split": ["axon", "axon", "block"], "subset": [EVERY, WITHIN_EXPOSURE, EVERY]})
    assert headline_subset(table, "connectivity", "axon") == WITHIN_EXPOSURE
    assert headline_subset(table, "connectivity", "block") == EVERY
    assert headline_subset(table, "layer", "neuron") == EVERY
