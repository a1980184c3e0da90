"""Claims: every baseline finds what it is for, knows nothing else, and thinning the negatives costs it nothing."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from graphtwin.evaluation import metrics
from graphtwin.evaluation.neuron_baselines import NeuronSide, fit_label_baseline, fit_position_baseline
from graphtwin.evaluation.pair_baselines import TRIED_TREES, baseline_features, best_n_trees, draw_pairs, fit_pair_baseline

rng = np.random.default_rng(0)
N_PRE, N_POST = 300, 150
NEURONS = pd.DataFrame(rng.uniform(0, [600, 300, 600], (N_PRE + N_POST, 3)), columns=["x_um", "depth_um", "z_um"]).assign(
    nucleus_id=np.arange(N_PRE + N_POST) + 50,
    cell_class="exc",
    layer=np.array(["L2/3", "L4", None], dtype=object)[rng.integers(0, 3, N_PRE + N_POST)],
    axon_status=np.array(["non", "extended"], dtype=object)[rng.integers(0, 2, N_PRE + N_POST)],
    dendrite_status=None,
    is_functional=True,
)
PRE, POST = np.repeat(np.arange(N_PRE) + 50, N_POST), np.tile(np.arange(N_POST) + 50 + N_PRE, N_PRE)
TRAINED = PRE < 50 + N_PRE * 2 // 3


@pytest.fixture(scope="module")
def problem():
    draw = np.random.default_rng(1)
    place = NEURONS.set_index("nucleus_id")[["x_um", "depth_um", "z_um"]]
    x, depth, z = (place.loc[PRE].to_numpy() - place.loc[POST].to_numpy()).T
    likeness = draw.normal(size=len(PRE)).astype(np.float32)
    extended = NEURONS.set_index("nucleus_id")["axon_status"].loc[PRE].eq("extended").to_numpy()
    popularity = draw.normal(0, 0.7, N_POST)[POST - 50 - N_PRE]
    logit = -0.3 - np.hypot(x, z) / 60 - np.abs(depth) / 150 + extended + popularity + 0.5 * likeness
    truth = 1 / (1 + np.exp(-logit))
    connected = draw.random(len(PRE)) < truth
    in_degree = pd.Series(connected[TRAINED].astype(float)).groupby(POST[TRAINED]).sum().reindex(POST).to_numpy()
    return connected, truth, in_degree, likeness


def test_pair_features_are_known_answers_and_unknown_where_nothing_is_known():
    neurons = pd.DataFrame(
        {"nucleus_id": [1, 2, 3], "x_um": [0.0, 3.0, np.nan], "depth_um": [100.0, 112.0, np.nan], "z_um": [0.0, 4.0, np.nan]}
    ).assign(
        cell_class=["exc", "inh", None],
        layer=["L4", None, "L2/3"],
        axon_status=["clean", "non", None],
        dendrite_status=None,
        is_functional=[True, True, False],
    )
    features, names = baseline_features(np.array([1, 1, 99]), np.array([2, 3, 2]), neurons, np.array([5.0, np.nan, 5.0]))
    table = pd.DataFrame(features, columns=names)
    assert features.dtype == np.float32
    assert table.loc[0, ["distance_um", "lateral_um", "depth_difference_um", "in_degree"]].tolist() == [13.0, 5.0, -12.0, 5.0]
    assert table.loc[1, ["distance_um", "post_depth_um", "in_degree", "post_cell_class"]].isna().all()
    assert table.loc[2, ["distance_um", "pre_depth_um", "pre_layer", "pre_axon_status"]].isna().all()
    assert table.loc[2, "post_depth_um"] == 112.0
    assert table.loc[0, "post_layer"] != table.loc[1, "post_layer"]


def fitted(model, connected, features, names, n_negatives=100_000, seed=0):
    """Probabilities of the held-out pairs, from the drawn ones of the training pairs."""
    distance = features[:, names.index("distance_um")]
    drawn = draw_pairs(distance[TRAINED], connected[TRAINED], seed, n_negatives)
    train = features[TRAINED][drawn.rows], connected[TRAINED][drawn.rows]
    return fit_pair_baseline(model, train, names, drawn, PRE[TRAINED][drawn.rows], seed=0)(
        features[~TRAINED], drawn.keep_at(distance[~TRAINED])
    )


def test_each_pair_baseline_is_better_than_the_poorer_one_and_calibrated(problem):
    connected, truth, in_degree, likeness = problem
    features, names = baseline_features(PRE, POST, NEURONS, in_degree)
    auc = {}
    for model in ("majority", "distance", "logistic", "boosting"):
        probability = fitted(model, connected, features, names)
        auc[model] = roc_auc_score(connected[~TRAINED], probability)
        assert probability.mean() == pytest.approx(truth[~TRAINED].mean(), rel=0.15)
    with_likeness = np.column_stack([features, likeness]).astype(np.float32), [*names, "signal_correlation"]
    similar = fitted("logistic", connected, *with_likeness)
    assert auc["majority"] == 0.5
    assert auc["distance"] > 0.65
    assert auc["boosting"] > auc["distance"]
    assert auc["logistic"] > auc["distance"] + 0.01
    assert roc_auc_score(connected[~TRAINED], similar) > auc["logistic"] + 0.005
    assert auc["logistic"] <= roc_auc_score(connected[~TRAINED], truth[~TRAINED])


def test_the_number_of_trees_is_chosen_on_axons_that_were_kept_back():
    """What holds of each axon alone asks for many trees of pairs that are kept back, and for few of axons; a rule asks for many of both."""
    draw = np.random.default_rng(3)
    axon = np.repeat(np.arange(60), 100)
    features = draw.normal(size=(len(axon), 4)).astype(np.float32)
    own = np.column_stack([features, axon]).astype(np.float32)
    habit = draw.normal(0, 3, 60)[axon] * features[:, 0]
    rule = 4 * np.sin(3 * features[:, 0]) * np.sin(3 * features[:, 1])
    of_axons, of_rule = (draw.random(len(axon)) < 1 / (1 + np.exp(-logit)) for logit in (habit, rule))
    assert best_n_trees(own, of_axons, axon, 0) == min(TRIED_TREES)
    assert best_n_trees(own, of_axons, draw.permutation(axon), 0) > min(TRIED_TREES)
    assert best_n_trees(own, of_rule, axon, 0) > min(TRIED_TREES)


def test_exposure_is_learned_as_a_rising_function_and_what_was_not_measured_has_its_own_rate():
    draw = np.random.default_rng(2)
    exposure = draw.gamma(0.3, 3.0, len(PRE)) * (draw.random(len(PRE)) < 0.6)
    connected = draw.random(len(PRE)) < np.minimum(0.3 * np.sqrt(exposure), 0.9)  # never where they do not meet
    exposure[draw.random(len(PRE)) < 0.1] = np.nan
    features, names = baseline_features(PRE, POST, NEURONS, np.full(len(PRE), np.nan), exposure=exposure)
    alone = fitted("exposure", connected, features, names)
    held, known = exposure[~TRAINED], np.isfinite(exposure[~TRAINED])
    order = np.argsort(held[known])
    assert (np.diff(alone[known][order]) >= 0).all()
    assert (alone[held == 0] == 0).all()
    assert alone[~known] == pytest.approx(connected[TRAINED][np.isnan(exposure[TRAINED])].mean())
    assert alone[known].mean() == pytest.approx(connected[~TRAINED][known].mean(), rel=0.05)
    by_distance = roc_auc_score(connected[~TRAINED], fitted("distance", connected, features, names))
    for model in ("logistic", "boosting"):
        found = roc_auc_score(connected[~TRAINED], fitted(model, connected, features, names, 2000))
        assert found > roc_auc_score(connected[~TRAINED], alone) - 0.02
        assert found > by_distance + 0.2


def test_thinning_the_negatives_costs_no_accuracy_and_no_calibration(problem):
    connected, _, in_degree, _ = problem
    features, names = baseline_features(PRE, POST, NEURONS, in_degree)
    outcome = connected[~TRAINED]
    draws = [fitted("logistic", connected, features, names, 5000, seed) for seed in range(4)]
    full = fitted("logistic", connected, features, names, 10**9)
    auc, precision, loss = (
        np.mean([of(outcome, thinned) for thinned in draws]) for of in (roc_auc_score, average_precision_score, log_loss)
    )
    assert auc > roc_auc_score(outcome, full) - 0.005
    assert precision > 0.95 * average_precision_score(outcome, full)
    assert loss < log_loss(outcome, full) + 0.002


def test_every_connected_pair_is_drawn_and_the_weights_of_the_negatives_count_all_of_them(problem):
    connected, _, in_degree, _ = problem
    features, names = baseline_features(PRE, POST, NEURONS, in_degree)
    distance = features[:, names.index("distance_um")]
    drawn = draw_pairs(distance, connected, 0, 4000)
    negative = ~connected[drawn.rows]
    assert np.isin(np.flatnonzero(connected), drawn.rows).all()
    assert negative.sum() == pytest.approx(4000, rel=0.1)
    keep = drawn.keep[negative].astype(float)
    standard_error = np.sqrt(((1 - keep) / keep**2).sum())
    assert (1 / keep).sum() == pytest.approx((~connected).sum(), abs=3 * standard_error)
    assert standard_error < 0.05 * (~connected).sum()
    np.testing.assert_array_equal(drawn.keep_at(distance)[drawn.rows][negative], drawn.keep[negative])


def test_nothing_is_lost_of_few_pairs_however_far_apart_they_lie():
    distance_um = np.linspace(1, 20_000, 400, dtype=np.float32)  # odds at the far end are below what a float holds
    drawn = draw_pairs(distance_um, distance_um < 200, 0)
    assert drawn.rows.tolist() == list(range(400))
    assert (drawn.keep_at(distance_um) == 1).all()


def test_a_training_side_without_a_synapse_is_refused():
    distance = np.ones(9, np.float32)
    with pytest.raises(ValueError, match="none of 9 training pairs is connected"):
        draw_pairs(distance, np.zeros(9, dtype=bool), 0)


@pytest.fixture(scope="module")
def neurons_by_scan():
    draw = np.random.default_rng(2)
    scan = draw.integers(10, 16, 1200)
    layer = (draw.random(1200) < np.array([0.1, 0.1, 0.5, 0.5, 0.9, 0.9])[scan - 10]).astype(int)
    features = draw.normal(size=(1200, 4)) + 0.8 * layer[:, None]
    features[::30, 1] = np.nan
    features[:, 3] = np.nan
    return NeuronSide(features, scan), layer, 200.0 + 100.0 * layer + draw.normal(0, 20, 1200)


def side(of, rows):
    return NeuronSide(of.features[rows], of.scan[rows])


def test_function_and_scan_are_kept_apart_in_the_label_baselines(neurons_by_scan):
    neurons, layer, _ = neurons_by_scan
    train, held = np.arange(800), np.arange(800, 1200)
    hidden = np.where(np.arange(800) % 7 == 0, -1, layer[train])
    accuracy, within = {}, {}
    for model in ("majority", "scan", "logistic", "boosting"):
        probability = fit_label_baseline(model, side(neurons, train), hidden, side(neurons, held), 3, seed=0)
        np.testing.assert_allclose(probability.sum(1), 1)
        assert (probability[:, 2] == 0).all()  # a class nobody in training has
        predicted = probability.argmax(1)
        accuracy[model] = metrics.balanced_accuracy(layer[held], predicted, 2, np.zeros(len(held), dtype=np.int64))
        within[model] = metrics.balanced_accuracy(layer[held], predicted, 2, neurons.scan[held])
    assert accuracy["majority"] == 0.5
    assert accuracy["scan"] > 0.7
    assert within["scan"] == 0.5
    assert min(within["logistic"], within["boosting"]) > 0.65


def test_a_scan_nobody_trained_on_says_nothing(neurons_by_scan):
    neurons, layer, depth = neurons_by_scan
    train, new = np.flatnonzero(neurons.scan < 15), np.flatnonzero(neurons.scan == 15)
    probability = fit_label_baseline("scan", side(neurons, train), layer[train], side(neurons, new), 2, seed=0)
    np.testing.assert_allclose(probability, 0.5)
    mean, _ = fit_position_baseline("scan", side(neurons, train), depth[train], side(neurons, new), seed=0)
    assert np.ptp(mean) < 1e-9


def test_position_baselines_have_honest_error_bars(neurons_by_scan):
    neurons, _, depth = neurons_by_scan
    train, held = np.arange(800), np.arange(800, 1200)
    known = np.where(np.arange(800) % 9 == 0, np.nan, depth[train])
    r2 = {}
    for model in ("mean", "scan", "ridge", "boosting"):
        mean, sd = fit_position_baseline(model, side(neurons, train), known, side(neurons, held), seed=0)
        r2[model] = metrics.r_squared(depth[held], mean)
        assert metrics.interval_coverage(depth[held], mean, sd) > 0.9
    assert abs(r2["mean"]) < 0.02
    assert r2["scan"] > 0.25
    assert min(r2["ridge"], r2["boosting"]) > 0.25


def test_a_single_known_class_is_predicted_and_none_at_all_is_refused(neurons_by_scan):
    neurons, _, _ = neurons_by_scan
    rows = np.arange(50)
    probability = fit_label_baseline("logistic", side(neurons, rows), np.zeros(50, dtype=int), side(neurons, rows), 2, seed=0)
    np.testing.assert_array_equal(probability[:, 0], 1)
    with pytest.raises(ValueError, match="none of 50 training neurons has a label"):
        fit_label_baseline("scan", side(neurons, rows), np.full(50, -1), side(neurons, rows), 2, seed=0)
