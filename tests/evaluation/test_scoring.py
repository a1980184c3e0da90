"""Claims: the metrics table holds every model and metric with its interval, and differences are paired."""

import numpy as np
import pytest
from sklearn import metrics as reference

from graphtwin.evaluation.scoring import COLUMNS, ScoreDesign, score_labels, score_pairs, score_positions
from tests.evaluation import plain_metrics


def test_pair_table_agrees_with_the_metrics_and_prefers_the_model_that_knows():
    rng = np.random.default_rng(0)
    axon, distance = np.repeat(np.arange(80) * 11 + 5, 100), rng.uniform(0, 400, 8000)
    truth = 0.4 * np.exp(-distance / 120)
    connected = rng.random(8000) < truth
    distance[::40] = np.nan
    scores = score_pairs(
        connected,
        {"knows": truth, "constant": np.full(8000, connected.mean())},
        axon,
        distance,
        ScoreDesign("connectivity", "axon", "axon"),
    )
    table = scores.table().set_index(["model", "metric"])
    assert list(scores.table()) == COLUMNS
    assert table.loc[("knows", "auc"), "estimate"] == pytest.approx(reference.roc_auc_score(connected, truth))
    matched = plain_metrics.auc_within_distance(connected, truth, distance)
    assert table.loc[("knows", "auc_within_distance"), "estimate"] == pytest.approx(matched)
    assert table.loc[("knows", "auc_within_axon"), "estimate"] == pytest.approx(plain_metrics.auc_within_axon(connected, truth, axon))
    assert table.loc[("knows", "calibration_error"), "estimate"] == pytest.approx(plain_metrics.calibration_error(connected, truth))
    assert table.loc[("knows", "brier"), "estimate"] == pytest.approx(reference.brier_score_loss(connected, truth))
    assert table.loc[("knows", "log_loss"), "estimate"] == pytest.approx(reference.log_loss(connected, truth))
    assert table.loc[("constant", "auc"), ["estimate", "low", "high"]].tolist() == [0.5, 0.5, 0.5]
    difference = scores.differences([("knows", "constant")]).set_index("metric")
    assert difference.loc["average_precision", "low"] > 0
    assert difference["n_clusters"].eq(80).all()


def test_tiles_of_axons_are_drawn_whole_and_leave_every_estimate_as_it_is():
    rng = np.random.default_rng(3)
    axon = np.repeat(np.arange(60), 50)
    tile = axon // 10
    chance = np.clip(0.2 + np.repeat(rng.normal(0, 0.1, 6), 500) + rng.normal(0, 0.02, 3000), 0.01, 0.9)
    connected, distance = rng.random(3000) < chance, np.full(3000, 50.0)
    by_axon, by_tile = (
        score_pairs(connected, {"model": chance}, axon, distance, ScoreDesign("connectivity", "block", name, n_replicates=400), cluster)
        for name, cluster in (("axon", None), ("tile", tile))
    )
    assert (by_axon.n_clusters, by_tile.n_clusters) == (60, 6)
    alone, together = (scores.table().set_index("metric") for scores in (by_axon, by_tile))
    assert together["estimate"].to_dict() == pytest.approx(alone["estimate"].to_dict())
    width = together["high"] - together["low"], alone["high"] - alone["low"]
    assert width[0]["average_precision"] > 1.5 * width[1]["average_precision"]


def test_label_table_leaves_unknown_classes_out_and_resamples_neurons():
    rng = np.random.default_rng(1)
    true, scan = rng.integers(-1, 3, 900), rng.integers(0, 4, 900)
    sure = np.eye(3)[np.maximum(true, 0)]
    scores = score_labels(
        true,
        {"sure": sure, "flat": np.full((900, 3), 1 / 3)},
        ("23P", "4P", "BC"),
        np.arange(900),
        scan,
        ScoreDesign("cell_type", "neuron", "neuron"),
    )
    table = scores.table().set_index(["model", "metric"])["estimate"]
    assert scores.n == np.count_nonzero(true >= 0)
    assert table["sure", "balanced_accuracy"] == 1.0
    assert table["flat", "balanced_accuracy"] == pytest.approx(1 / 3)
    assert table["flat", "log_loss"] == pytest.approx(np.log(3))


def test_position_table_is_in_um_and_leaves_unknown_positions_out():
    rng = np.random.default_rng(2)
    depth = rng.normal(300, 60, 500)
    depth[:20] = np.nan
    guess = depth + rng.normal(0, 20, 500)
    scores = score_positions(depth, {"twin": (guess, np.full(500, 20.0))}, np.arange(500), ScoreDesign("depth", "neuron", "neuron"))
    table = scores.table().set_index("metric")
    assert scores.n == 480
    assert table.loc["median_absolute_error", "unit"] == "um"
    assert table.loc["median_absolute_error", "estimate"] == pytest.approx(13.5, abs=2)
    assert table.loc["interval_coverage", "low"] < 0.95 < table.loc["interval_coverage", "high"] + 0.01
