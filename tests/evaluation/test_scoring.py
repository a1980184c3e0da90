"""Claims: the metrics table holds every model and metric with its interval, and differences are paired."""

import numpy as np
import pytest
from sklearn import metrics as reference

from graphtwin.evaluation.ranking import order_among
from graphtwin.evaluation.scoring import COLUMNS, ScoreDesign, falling_orders, score_labels, score_pairs, score_positions
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
        np.zeros(8000, dtype=np.int64),
        distance,
        ScoreDesign("connectivity", "axon", "axon"),
    )
    table = scores.table().set_index(["model", "metric"])
    assert list(scores.table()) == COLUMNS
    assert table.loc[("knows", "auc"), "estimate"] == pytest.approx(reference.roc_auc_score(connected, truth))
    matched = plain_metrics.auc_within_distance(connected, truth, distance)
    assert table.loc[("knows", "auc_within_distance"), "estimate"] == pytest.approx(matched)
    assert table.loc[("knows", "auc_within_axon"), "estimate"] == pytest.approx(plain_metrics.auc_within_axon(connected, truth, axon))
    assert table.loc[("knows", "calibration_error"), "estimate"] == pytest.approx(plain_metrics.calibration_error(connected, truth, axon))
    assert table.loc[("knows", "brier"), "estimate"] == pytest.approx(reference.brier_score_loss(connected, truth))
    assert table.loc[("knows", "log_loss"), "estimate"] == pytest.approx(reference.log_loss(connected, truth))
    assert table.loc[("constant", "auc"), ["estimate", "low", "high"]].tolist() == [0.5, 0.5, 0.5]
    difference = scores.differences([("knows", "constant")]).set_index("metric")
    assert difference.loc["average_precision", "low"] > 0
    assert difference["n_clusters"].eq(80).all()


def test_tiles_of_axons_are_drawn_whole_and_change_no_estimate_but_what_chance_makes_of_calibration():
    rng = np.random.default_rng(3)
    axon = np.repeat(np.arange(60), 50)
    tile = axon // 10
    chance = np.clip(0.2 + np.repeat(rng.normal(0, 0.1, 6), 500) + rng.normal(0, 0.02, 3000), 0.01, 0.9)
    connected, distance, one_fold = rng.random(3000) < chance, np.full(3000, 50.0), np.zeros(3000, dtype=np.int64)
    by_axon, by_tile = (
        score_pairs(
            connected, {"model": chance}, axon, one_fold, distance, ScoreDesign("connectivity", "block", name, n_replicates=400), cluster
        )
        for name, cluster in (("axon", None), ("tile", tile))
    )
    assert (by_axon.n_clusters, by_tile.n_clusters) == (60, 6)
    alone, together = (scores.table().set_index("metric") for scores in (by_axon, by_tile))
    rest = alone.index != "calibration_error"
    assert together["estimate"][rest].to_dict() == pytest.approx(alone["estimate"][rest].to_dict())
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
        np.arange(900) % 3,
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
    alike = np.zeros(500, dtype=np.int64)
    design = ScoreDesign("depth", "neuron", "neuron")
    scores = score_positions(depth, {"twin": (guess, np.full(500, 20.0))}, np.arange(500), alike, alike, design)
    table = scores.table().set_index("metric")
    assert scores.n == 480
    assert table.loc["median_absolute_error", "unit"] == "um"
    assert table.loc["median_absolute_error", "estimate"] == pytest.approx(13.5, abs=2)
    assert table.loc["interval_coverage", "low"] < 0.95 < table.loc["interval_coverage", "high"] + 0.01


def uneven_folds(seed=0, n_axons=60, n_targets=80):
    """Pairs of three folds of different prevalence, and what a model that knows nothing says: the prevalence of the other folds."""
    rng = np.random.default_rng(seed)
    axon = np.repeat(np.arange(n_axons), n_targets)
    fold = axon % 3
    connected = rng.random(len(axon)) < np.array([0.02, 0.05, 0.12])[fold]
    nothing = np.array([connected[fold != number].mean() for number in range(3)])[fold]
    return connected, nothing, axon, fold, rng.uniform(0, 300, len(axon))


def test_a_model_that_knows_nothing_scores_what_chance_is_though_folds_differ_in_prevalence():
    connected, nothing, axon, fold, distance = uneven_folds()
    assert reference.roc_auc_score(connected, nothing) < 0.4  # pooled over folds it looks worse than chance
    models = {"nothing": nothing, "flat": np.full(len(axon), 0.1)}
    scores = score_pairs(connected, models, axon, fold, distance, ScoreDesign("connectivity", "axon", "axon"))
    table = scores.table().set_index(["model", "metric"])
    for metric in ("auc", "auc_within_distance", "auc_within_axon"):
        assert table.loc[("nothing", metric), ["estimate", "low", "high"]].tolist() == [0.5, 0.5, 0.5]
    prevalence, made = (np.array([of(connected[fold == number]) for number in range(3)]) for of in (np.mean, np.sum))
    assert table.loc[("nothing", "average_precision"), "estimate"] == pytest.approx(np.average(prevalence, weights=made))
    assert table.loc[("nothing", "precision_at_100"), "estimate"] == pytest.approx(connected.mean())
    difference = scores.differences([("nothing", "flat")]).set_index("metric")
    ranking = ["auc", "auc_within_distance", "average_precision", "precision_at_100", "precision_at_1000"]
    np.testing.assert_allclose(difference.loc[ranking, ["estimate", "low", "high"]].to_numpy(float), 0.0, atol=1e-12)


def test_the_level_of_a_folds_fit_changes_no_ranking():
    connected, _, axon, fold, distance = uneven_folds(1)
    knows = np.clip(0.2 + 0.1 * connected + np.random.default_rng(2).normal(0, 0.1, len(axon)), 0.01, 0.99)
    moved = knows * np.array([1.0, 0.5, 0.1])[fold]
    found = score_pairs(connected, {"knows": knows, "moved": moved}, axon, fold, distance, ScoreDesign("connectivity", "axon", "axon"))
    table = found.table().set_index(["metric", "model"])["estimate"].unstack()
    ranking = ["auc", "auc_within_distance", "auc_within_axon", "average_precision", "precision_at_100", "precision_at_1000"]
    np.testing.assert_allclose(table.loc[ranking, "knows"], table.loc[ranking, "moved"], rtol=1e-12)
    by_fold = [reference.roc_auc_score(connected[fold == number], knows[fold == number]) for number in range(3)]
    precision = [reference.average_precision_score(connected[fold == number], knows[fold == number]) for number in range(3)]
    made = [connected[fold == number].sum() for number in range(3)]
    assert table.loc["auc", "knows"] == pytest.approx(np.average(by_fold, weights=made))
    assert table.loc["average_precision", "knows"] == pytest.approx(np.average(precision, weights=made))


def test_the_most_frequent_class_of_the_other_folds_scores_what_guessing_does():
    true = np.repeat([0, 1, 0, 1], [60, 40, 40, 60])
    fold, neuron = np.repeat([0, 1], 100), np.arange(200)
    against = np.where(fold == 0, 1, 0)  # each fold is given the class that the other has more of
    assert np.mean(true == against) == 0.4
    scores = score_labels(
        true, {"majority": np.eye(2)[against]}, ("a", "b"), neuron, neuron % 2, fold, ScoreDesign("layer", "block", "neuron")
    )
    table = scores.table().set_index("metric")
    for metric in ("balanced_accuracy", "balanced_accuracy_within_scan"):
        np.testing.assert_allclose(table.loc[metric, ["estimate", "low", "high"]].to_numpy(float), 0.5)


def test_two_axons_have_no_interval():
    connected, distance = np.tile([True, False, False], 2), np.full(6, 50.0)
    design, fold = ScoreDesign("connectivity", "axon", "axon"), np.zeros(6, dtype=np.int64)
    table = score_pairs(connected, {"right": connected * 0.9}, np.repeat([0, 1], 3), fold, distance, design).table().set_index("metric")
    assert table.loc["auc", "estimate"] == 1.0
    assert table[["low", "high"]].isna().all(axis=None)  # all resamples have an AUC of 1, which is no certainty


def test_no_metric_of_planted_models_lies_outside_its_own_interval():
    connected, nothing, axon, fold, distance = uneven_folds(3)
    rng = np.random.default_rng(4)
    models = {"nothing": nothing} | {f"noise {k}": np.clip(nothing * rng.lognormal(0, 0.4 * k, len(axon)), 0, 1) for k in range(1, 4)}
    table = score_pairs(connected, models, axon, fold, distance, ScoreDesign("connectivity", "axon", "axon", n_replicates=400)).table()
    known = table.dropna(subset=["low", "high"])
    assert (known["low"] <= known["estimate"]).all()
    assert (known["estimate"] <= known["high"]).all()


def test_pairs_ranked_by_the_order_of_a_larger_table_score_as_if_they_were_sorted():
    connected, _, axon, fold, distance = uneven_folds()
    rng = np.random.default_rng(8)
    models = {"coarse": np.round(rng.random(len(axon)), 1).astype(np.float32), "fine": rng.random(len(axon)).astype(np.float32)}
    kept = rng.random(len(axon)) < 0.6
    orders = {name: order_among(kept, order) for name, order in falling_orders(models).items()}
    design, part = ScoreDesign("connectivity", "axon", "axon", n_replicates=20), {name: said[kept] for name, said in models.items()}
    columns = connected[kept], part, axon[kept], fold[kept], distance[kept], design
    assert score_pairs(*columns, falling=orders).table().equals(score_pairs(*columns).table())
