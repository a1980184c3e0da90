"""Claims: resampling is exact, paired, covers at its nominal rate, and knows that pairs of an axon hang together."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from graphtwin.evaluation import metrics
from graphtwin.evaluation.ranking import rank_pairs, resampled_precision_at_k, resampled_ranking
from graphtwin.statistics.cluster_resampling import (
    Resampled,
    cluster_counts,
    cluster_rows,
    resample_cluster_mean,
    resample_mean,
    resample_metric,
    resampled,
)


def planted_pairs(seed, n_axons=40, n_targets=60):
    rng = np.random.default_rng(seed)
    axon = np.repeat(np.arange(n_axons), n_targets)
    score = np.round(rng.normal(size=len(axon)) + rng.normal(size=n_axons)[axon], 2)
    return rng.random(len(axon)) < 1 / (1 + np.exp(3 - score)), score, axon


def test_one_pass_gives_what_scoring_every_resample_anew_would():
    connected, score, axon = planted_pairs(0)
    counts = cluster_counts(40, 70, seed=1, name="axon")
    ranked = rank_pairs(connected, score, axon)
    auc, precision = resampled_ranking(ranked, counts)
    top = resampled_precision_at_k(ranked, counts, 50)
    for r in (0, 1, 33, 70):
        row = np.repeat(np.arange(len(axon)), counts[r][axon])
        assert auc[r] == pytest.approx(roc_auc_score(connected[row], score[row]))
        assert precision[r] == pytest.approx(average_precision_score(connected[row], score[row]))
        assert top[r] == pytest.approx(metrics.precision_at_k(connected[row], score[row], 50))


def test_one_pass_with_strata_is_the_distance_matched_auc_and_leaves_unknown_distances_out():
    connected, score, axon = planted_pairs(1)
    distance = np.random.default_rng(2).uniform(0, 100, len(axon))
    distance[::9] = np.nan
    counts = cluster_counts(40, 5, seed=1, name="axon")
    auc, _ = resampled_ranking(rank_pairs(connected, score, axon, metrics.distance_stratum(distance)), counts)
    expected = [metrics.auc_within_distance(connected, score, distance, weight=count[axon]) for count in counts]
    np.testing.assert_allclose(auc, expected)


def test_means_from_sums_agree_with_weighted_rows():
    _, score, axon = planted_pairs(2)
    counts = cluster_counts(40, 20, seed=1, name="axon")
    fast = resample_mean(score, axon, counts)
    slow = resample_metric(lambda w: float(np.average(score, weights=w)), axon, counts)
    np.testing.assert_allclose(fast.replicates, slow.replicates)
    assert fast.estimate == pytest.approx(score.mean())


def test_replicates_are_named_so_more_of_them_do_not_change_the_first():
    np.testing.assert_array_equal(cluster_counts(30, 10, 5, "axon"), cluster_counts(30, 90, 5, "axon")[:11])
    assert (cluster_counts(30, 10, 5, "axon") != cluster_counts(30, 10, 5, "scan")).any()
    assert (cluster_counts(30, 10, 5, "axon").sum(1) == 30).all()


def test_equal_models_differ_by_exactly_nothing_and_a_better_one_is_seen():
    connected, score, axon = planted_pairs(3)
    counts = cluster_counts(40, 100, seed=1, name="axon")
    noisy = score + np.random.default_rng(4).normal(0, 2, len(score))
    good, same, worse = (resampled(resampled_ranking(rank_pairs(connected, s, axon), counts)[0]) for s in (score, 3 * score, noisy))
    assert (good - same).interval() == (0.0, 0.0)
    low, high = (good - worse).interval()
    assert 0 < low < (good - worse).estimate < high


def test_the_interval_over_axons_covers_the_truth_at_its_nominal_rate_and_the_one_over_pairs_does_not():
    hits = {"axon": 0, "pair": 0}
    for seed in range(120):
        rng = np.random.default_rng(seed)
        axon = np.repeat(np.arange(50), 20)
        value = rng.normal(size=50)[axon] + rng.normal(size=1000)  # truth: 0
        for name, cluster in (("axon", axon), ("pair", np.arange(1000))):
            row, n = cluster_rows(cluster)
            low, high = resample_mean(value, row, cluster_counts(n, 60, seed, name)).interval()
            hits[name] += low <= 0 <= high
    assert 100 <= hits["axon"] <= 119  # 95 % expected of 120, less what 50 axons and 60 replicates cost
    assert hits["pair"] < 90


def test_axons_without_a_value_do_not_count_and_an_interval_of_mostly_nothing_is_nan():
    counts = cluster_counts(4, 50, 0, "axon")
    assert resample_cluster_mean(np.array([1.0, np.nan, 3.0, np.nan]), counts).estimate == 2.0
    assert np.isnan(Resampled(0.5, np.r_[np.full(20, np.nan), np.full(80, 0.5)]).interval()).all()
