"""Claims: metrics are the textbook's (scikit-learn's), and an integer weight is a repeated row."""

import numpy as np
import pytest
from sklearn import metrics as reference

from graphtwin.evaluation import metrics
from graphtwin.evaluation.ranking import auc_of_each, rank_pairs, resampled_precision_at_k, resampled_ranking
from graphtwin.evaluation.scoring import resampled_calibration_error
from graphtwin.statistics import cluster_counts, resampled
from tests.evaluation import plain_metrics


@pytest.fixture(params=["continuous", "tied"])
def scored_pairs(request):
    rng = np.random.default_rng(1)
    score = rng.random(3000)
    connected = rng.random(3000) < 0.3 * score
    if request.param == "tied":
        score = np.round(score, 1)
    return connected, score, rng.integers(0, 4, 3000)


def ranked_once(connected, score, stratum=None):
    """AUC and average precision of the pairs as they are, by the pass that also scores resamples."""
    alone = np.zeros(len(score), dtype=np.int64)
    auc, precision = resampled_ranking(rank_pairs(connected, score, alone, stratum), np.ones((1, 1)))
    return auc[0], precision[0]


def test_ranking_metrics_agree_with_the_reference_also_with_ties_and_weights(scored_pairs):
    connected, score, weight = scored_pairs
    everyone = np.arange(len(score))
    for w in (np.ones(len(score)), weight):
        auc, precision = resampled_ranking(rank_pairs(connected, score, everyone), w[None])
        assert auc[0] == pytest.approx(reference.roc_auc_score(connected, score, sample_weight=w))
        assert precision[0] == pytest.approx(reference.average_precision_score(connected, score, sample_weight=w))


def test_the_log_loss_of_pairs_agrees_with_the_reference(scored_pairs):
    connected, score, weight = scored_pairs
    probability = np.clip(score, 0.01, 0.99)
    expected = reference.log_loss(connected, probability, sample_weight=weight)
    assert np.average(metrics.log_loss_terms(connected, probability), weights=weight) == pytest.approx(expected)


def test_class_and_position_metrics_agree_with_the_reference():
    rng = np.random.default_rng(2)
    true, predicted, weight = rng.integers(0, 4, 500), rng.integers(0, 4, 500), rng.integers(0, 3, 500)
    depth, guess = rng.normal(300, 80, 500), rng.normal(300, 80, 500)
    for w in (None, weight):
        expected = reference.balanced_accuracy_score(true, predicted, sample_weight=w)
        assert metrics.balanced_accuracy(true, predicted, 4, np.zeros(500, dtype=np.int64), w) == pytest.approx(expected)
        recall = reference.recall_score(true, predicted, average=None, sample_weight=w)
        np.testing.assert_allclose(metrics.recall_per_class(true, predicted, 4, w), recall)
        assert metrics.r_squared(depth, guess, w) == pytest.approx(reference.r2_score(depth, guess, sample_weight=w))
    repeated = np.repeat(np.arange(500), weight)
    assert metrics.median_absolute_error(depth, guess, weight) == pytest.approx(
        reference.median_absolute_error(depth[repeated], guess[repeated])
    )


def test_an_integer_weight_is_a_repeated_row(scored_pairs):
    connected, score, weight = scored_pairs
    row = np.repeat(np.arange(len(score)), weight)
    distance = np.where(np.arange(len(score)) % 50 == 0, np.nan, np.random.default_rng(3).uniform(0, 200, len(score)))
    ranked, strata = rank_pairs(connected, score, np.arange(len(score))), metrics.distance_stratum(distance)
    found = resampled_precision_at_k(ranked, weight[None], 100)[0]
    assert found == pytest.approx(plain_metrics.precision_at_k(connected[row], score[row], 100))
    matched, _ = resampled_ranking(rank_pairs(connected, score, np.arange(len(score)), strata), weight[None])
    assert matched[0] == pytest.approx(ranked_once(connected[row], score[row], strata[row])[0])
    assert matched[0] == pytest.approx(plain_metrics.auc_within_distance(connected[row], score[row], distance[row]))


def test_precision_at_k_shares_a_tie_across_the_cut():
    ranked = rank_pairs(np.array([True, False, True, False]), np.array([0.9, 0.5, 0.5, 0.1]), np.zeros(4, dtype=np.int64))
    assert resampled_precision_at_k(ranked, np.ones((1, 1)), 2)[0] == pytest.approx(0.75)  # one sure hit, half of another
    assert np.isnan(resampled_precision_at_k(ranked, np.ones((1, 1)), 5)[0])


def test_distance_alone_is_worth_nothing_within_matched_distance_and_a_known_effect_is_recovered():
    rng = np.random.default_rng(4)
    distance, feature = rng.uniform(0, 300, 200_000), rng.normal(size=200_000)
    connected = rng.random(200_000) < 0.03 * np.exp(-distance / 60) * np.exp(feature - 0.5)
    strata = metrics.distance_stratum(distance)
    assert ranked_once(connected, -distance)[0] > 0.75
    assert ranked_once(connected, -distance, strata)[0] == pytest.approx(0.5, abs=0.03)
    assert ranked_once(connected, feature, strata)[0] == pytest.approx(0.76, abs=0.03)  # Phi(1 / sqrt 2)


def test_auc_of_each_axon_is_that_of_its_pairs_alone():
    rng = np.random.default_rng(5)
    axon, score = np.repeat(np.arange(20), 50), np.round(rng.random(1000), 2)
    connected = rng.random(1000) < 0.2
    connected[axon == 0] = False
    auc = auc_of_each(connected, score, axon, 21)
    assert np.isnan(auc[[0, 20]]).all()
    expected = [reference.roc_auc_score(connected[axon == a], score[axon == a]) for a in range(1, 20)]
    np.testing.assert_allclose(auc[1:20], expected)


def test_the_scans_identity_is_worth_nothing_within_scans():
    rng = np.random.default_rng(6)
    scan = rng.integers(0, 5, 2000)
    layer = (rng.random(2000) < np.array([0.05, 0.3, 0.5, 0.7, 0.95])[scan]).astype(int)
    by_scan = (scan >= 3).astype(int)
    assert metrics.balanced_accuracy(layer, by_scan, 2, np.zeros(2000, dtype=np.int64)) > 0.7
    assert metrics.balanced_accuracy(layer, by_scan, 2, scan) == pytest.approx(0.5)
    assert metrics.balanced_accuracy(layer, layer, 2, scan) == pytest.approx(1.0)


def test_one_answer_a_group_scores_what_guessing_does_and_all_right_scores_one_whatever_classes_a_group_has():
    true = np.repeat([0, 0, 1, 0, 2, 1, 1], [30, 10, 40, 5, 5, 20, 3])
    group = np.repeat([0, 1, 1, 2, 2, 2, 3], [30, 10, 40, 5, 5, 20, 3])  # one class, two, all three, one
    weight = np.random.default_rng(0).integers(0, 3, len(true))
    for answers in ([0, 0, 0, 0], [1, 2, 0, 1], [2, 1, 2, 0]):
        for w in (None, weight):
            assert metrics.balanced_accuracy(true, np.array(answers)[group], 3, group, w) == pytest.approx(1 / 3)
    assert metrics.balanced_accuracy(true, true, 3, group) == 1.0
    assert np.isnan(metrics.balanced_accuracy(true, true, 3, true))  # no group has two classes


def test_one_depth_a_group_explains_exactly_nothing_within_groups():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 4, 300)
    level = np.array([100.1, 250.7, 333.3, 480.9])[group]
    depth = level + rng.normal(0, 30, 300)
    assert metrics.r_squared(depth, level) > 0.9
    assert metrics.r_squared_within(depth, level, group) == 0.0
    assert metrics.r_squared_within(depth, depth + 50.0 * group, group) == pytest.approx(1.0)
    assert metrics.r_squared_within(depth, 2 * level - depth, group, rng.integers(0, 3, 300)) == pytest.approx(-3.0)


def test_calibrated_probabilities_have_a_calibration_error_near_zero_and_overconfident_ones_do_not():
    rng = np.random.default_rng(7)
    probability = rng.beta(0.5, 60, 200_000)
    connected = rng.random(200_000) < probability
    alone, once = np.zeros(len(probability), dtype=np.int64), np.ones((1, 1), dtype=np.int64)
    right, over = (resampled_calibration_error(connected, p, alone, alone, once)[0] for p in (probability, 3 * probability))
    assert right < 0.001
    assert over == pytest.approx(2 * np.sqrt(np.mean(probability**2)), rel=0.1)


@pytest.mark.parametrize(("n_clusters", "rows"), [(60, 1), (300, 1), (60, 40)])
@pytest.mark.parametrize("times", [1.0, 1.5])
def test_a_calibration_error_lies_in_its_own_interval_and_the_truth_does_too(n_clusters, rows, times):
    own, covered = 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = rng.beta(2, 8, n_clusters * rows)
        told, cluster = np.minimum(times * truth, 1.0), np.repeat(np.arange(n_clusters), rows)
        counts = cluster_counts(n_clusters, 100, seed, "axon")
        fold = cluster % 3
        found = resampled(resampled_calibration_error(rng.random(len(truth)) < truth, told, cluster, fold, counts), n_clusters)
        low, high = found.interval()
        own += low <= found.estimate <= high
        covered += low <= np.sqrt(np.mean((told - truth) ** 2)) <= high
    assert own == 40
    assert covered >= 34  # 38 of 40 expected at 95 %; fewer than 34 in 1.5 % of such samples


def test_an_error_bar_that_is_unknown_leaves_coverage_unknown():
    sd = np.array([10.0, np.nan])
    np.testing.assert_array_equal(metrics.inside_interval(np.zeros(2), np.zeros(2), sd), [1.0, np.nan])
    assert np.isnan(metrics.interval_coverage(np.zeros(2), np.zeros(2), sd))


def test_coverage_of_right_error_bars_is_ninety_five_percent():
    rng = np.random.default_rng(8)
    mean, sd = rng.normal(size=20_000), rng.uniform(1, 3, 20_000)
    true = rng.normal(mean, sd)
    assert metrics.interval_coverage(true, mean, sd) == pytest.approx(0.95, abs=0.006)
    assert metrics.interval_coverage(true, mean, sd / 2) < 0.72


def test_undefined_metrics_are_nan_and_a_missing_score_is_an_error():
    nobody, unknown = np.zeros(5, dtype=bool), np.array([0, 1, np.nan, 3, 4.0])
    assert np.isnan(ranked_once(nobody, np.arange(5.0))).all()
    assert np.isnan(ranked_once(nobody, np.arange(5.0), metrics.distance_stratum(np.full(5, np.nan)))).all()
    for of in (ranked_once, lambda connected, score: auc_of_each(connected, score, np.zeros(5, dtype=np.int64), 1)):
        with pytest.raises(ValueError, match="1 of 5 scores are not finite"):
            of(nobody, unknown)


def test_an_order_that_is_known_ranks_as_one_that_is_sorted():
    rng = np.random.default_rng(0)
    n = 2_000
    connected, score = rng.random(n) < 0.1, np.round(rng.random(n), 2)
    stratum, axon = rng.integers(-1, 5, n), rng.integers(0, 40, n)
    falling, counts = metrics.falling_order(score), rng.integers(0, 3, (20, 40))
    given, sorted_here = (rank_pairs(connected, score, axon, stratum, order) for order in (falling, None))
    np.testing.assert_array_equal(resampled_ranking(given, counts), resampled_ranking(sorted_here, counts))
    np.testing.assert_array_equal(auc_of_each(connected, score, axon, 40, falling), auc_of_each(connected, score, axon, 40))


def test_many_weights_at_once_score_as_one_after_the_other():
    rng = np.random.default_rng(9)
    true, predicted, group = rng.integers(0, 4, (3, 400))
    depth, weights = rng.normal(300, 80, 400), rng.integers(0, 3, (7, 400))
    weights[3] = 0
    guess = depth + rng.normal(0, 40, 400)
    for metric, given in (
        (metrics.recall_per_class, (true, predicted, 4)),
        (metrics.balanced_accuracy, (true, predicted, 4, group)),
        (metrics.r_squared, (depth, guess)),
        (metrics.r_squared_within, (depth, guess, group)),
        (metrics.median_absolute_error, (depth, guess)),
    ):
        together, singly = metric(*given, weights), np.array([metric(*given, weight) for weight in weights])
        np.testing.assert_allclose(together, singly, rtol=1e-12)
        assert np.isnan(together).reshape(7, -1).any(axis=1).tolist() == [row == 3 for row in range(7)]
