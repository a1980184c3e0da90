"""Claims: resampling is exact, paired, covers at its nominal rate with few clusters too, and is one and the same in all rooms."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from graphtwin.evaluation import metrics
from graphtwin.evaluation.ranking import auc_of_each, rank_pairs, resampled_precision_at_k, resampled_ranking
from graphtwin.evaluation.scoring import ScoreDesign, score_pairs
from graphtwin.execute import rng_for
from graphtwin.statistics import (
    Resampled,
    cluster_counts,
    cluster_rows,
    draw_counts,
    percentile_interval,
    percentile_intervals,
    resample_mean,
    resample_metric,
    resample_ratio,
    resample_units,
    resampled,
)
from graphtwin.wiring.conditional.within_axon import METRICS, summarise_ranking
from tests.evaluation import plain_metrics


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
        assert top[r] == pytest.approx(plain_metrics.precision_at_k(connected[row], score[row], 50))


def test_one_pass_with_strata_is_the_distance_matched_auc_and_leaves_unknown_distances_out():
    connected, score, axon = planted_pairs(1)
    distance = np.random.default_rng(2).uniform(0, 100, len(axon))
    distance[::9] = np.nan
    counts = cluster_counts(40, 5, seed=1, name="axon")
    auc, _ = resampled_ranking(rank_pairs(connected, score, axon, metrics.distance_stratum(distance)), counts)
    expected = [plain_metrics.auc_within_distance(connected, score, distance, weight=count[axon]) for count in counts]
    np.testing.assert_allclose(auc, expected)


def test_means_from_sums_agree_with_weighted_rows():
    _, score, axon = planted_pairs(2)
    counts = cluster_counts(40, 20, seed=1, name="axon")
    fast = resample_mean(score, axon, counts)
    slow = resample_metric(lambda w: w @ score / w.sum(-1), axon, counts)
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
    good, same, worse = (resampled(resampled_ranking(rank_pairs(connected, s, axon), counts)[0], 40) for s in (score, 3 * score, noisy))
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


def test_few_units_widen_an_interval_as_students_t_does():
    values = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    low, high = percentile_interval(values, 9.0)
    assert high == pytest.approx(np.sqrt(10 / 9) * stats.t.ppf(0.975, 9), rel=1e-3)
    assert low == pytest.approx(-high, rel=1e-6)
    assert percentile_interval(values, 1e9)[1] == pytest.approx(1.96, abs=0.001)


@pytest.mark.parametrize("n_clusters", [8, 16])
def test_with_few_clusters_the_interval_covers_at_its_nominal_rate_and_plain_percentiles_do_not(n_clusters):
    covered, plain, n = 0, 0, 4000
    for seed in range(n):
        value = np.random.default_rng(seed).normal(size=n_clusters)  # a mean a cluster; truth: 0
        found = resample_units(np.mean, value, rng_for(seed, "bootstrap", "few"), 1000)
        low, high = found.interval()
        covered += low <= 0 <= high
        low, high = np.quantile(found.replicates, [0.025, 0.975])
        plain += low <= 0 <= high
    at_least, at_most = stats.binom.ppf([0.005, 0.995], n, 0.95)
    assert at_least <= covered <= at_most
    assert plain < at_least


def test_evaluation_and_wiring_give_the_same_interval_for_the_same_axons():
    connected, score, axon = planted_pairs(5, n_axons=9)
    design = ScoreDesign("connectivity", "axon", "axon", seed=3, n_replicates=150)
    by_evaluation = score_pairs(connected, {"model": score}, axon, axon % 2, np.full(len(axon), 50.0), design).table()
    auc = auc_of_each(connected, score, axon, 9)
    per_axon = pd.DataFrame({"group": "all", "pre_nucleus_id": np.arange(9), **dict.fromkeys(METRICS, auc)})
    by_wiring = summarise_ranking(per_axon, seed=3, n_replicates=150).iloc[0]
    there = by_evaluation[by_evaluation["metric"] == "auc_within_axon"].iloc[0]
    columns = ["estimate", "low", "high"]
    np.testing.assert_allclose(there[columns].astype(float), by_wiring[columns].astype(float), rtol=1e-12)


def test_columns_are_widened_each_by_its_own_units():
    values = np.random.default_rng(0).normal(size=(300, 3))
    values[:40, 2] = np.nan
    found = percentile_intervals(values, np.array([4, 900, 900]))
    np.testing.assert_array_equal(found[:, 0], percentile_interval(values[:, 0], 4.0))
    np.testing.assert_array_equal(found[:, 1], percentile_interval(values[:, 1], 900.0))
    assert np.isnan(found[:, 2]).all()


def test_a_difference_is_as_uncertain_as_the_one_with_fewer_units():
    values = np.random.default_rng(1).normal(size=200)
    few, many = Resampled(0.0, values, 5.0), Resampled(0.0, np.zeros(200), 500.0)
    assert (few - many).interval() == percentile_interval(values, 5.0)


def test_counts_say_how_often_units_are_drawn():
    counts = draw_counts(rng_for(0, "counted"), 6, 40)
    value = np.random.default_rng(2).normal(size=6)
    by_units = resample_units(np.mean, value, rng_for(0, "counted"), 40)
    np.testing.assert_allclose(counts @ value / 6, by_units.replicates)
    assert by_units.estimate == pytest.approx(value.mean())


def test_axons_without_a_value_do_not_count_and_an_interval_of_mostly_nothing_is_nan():
    counts = cluster_counts(4, 50, 0, "axon")
    found = resample_ratio(np.array([1.0, 0.0, 3.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0]), counts)
    assert (found.estimate, found.degrees) == (2.0, 1.0)
    assert np.isnan(Resampled(0.5, np.r_[np.full(20, np.nan), np.full(80, 0.5)], 9.0).interval()).all()


@pytest.mark.parametrize("n_units", [1, 2, 3, 4])
def test_fewer_than_five_units_have_an_estimate_and_no_interval(n_units):
    found = resample_units(np.median, np.full(n_units, 0.6), rng_for(0, "few"), 200)
    assert found.estimate == 0.6
    assert np.isnan(found.interval()).all()


def test_five_units_have_an_interval_that_covers_as_often_as_their_extremes_do():
    covered = 0
    for seed in range(2000):
        low, high = resample_units(np.mean, np.random.default_rng(seed).normal(size=5), rng_for(seed, "five"), 400).interval()
        covered += low <= 0 <= high
    assert 0.90 <= covered / 2000 <= 0.95  # all five lie on one side of the truth in 1 / 16 of the samples
