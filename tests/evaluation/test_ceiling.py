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


def test_there_is_no_share_of_the_way_to_a_ceiling_that_is_no_higher():
    rng = np.random.default_rng(0)
    connected, axon = rng.random(600) < 0.3, np.repeat(np.arange(20), 30)
    scores = {"exposure": connected + rng.normal(size=600), "ceiling": rng.normal(size=600)}
    table = ceiling_shares(rank_models(connected, scores, axon, np.zeros(600, np.int64), DESIGN), "exposure", "ceiling")
    assert table[["share", "share_low", "share_high"]].isna().all(axis=None)


def test_the_headline_is_of_pairs_within_exposure_where_they_are_scored():
    table = pd.DataFrame({"task": "connectivity", "split": ["axon", "axon", "block"], "subset": [EVERY, WITHIN_EXPOSURE, EVERY]})
    assert headline_subset(table, "connectivity", "axon") == WITHIN_EXPOSURE
    assert headline_subset(table, "connectivity", "block") == EVERY
    assert headline_subset(table, "layer", "neuron") == EVERY
