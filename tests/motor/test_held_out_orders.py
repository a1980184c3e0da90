"""Claims: no order of a neuron that is held out is seen, what circuits of known sequence do is found, and what has no order is not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from graphtwin.motor.circuit import Orders, homologues
from graphtwin.motor.controls import MEAN, SHARED_ALONE, plain_orders
from graphtwin.motor.fitting import Condition, Told, pairs_of, predict_orders
from graphtwin.motor.fitting.held_out_orders import FLAT, NOISE
from graphtwin.motor.model import Inputs, kernels_of
from graphtwin.motor.scores import conditions_of, draws_of, scores_of
from graphtwin.statistics import one_sided_p
from tests.motor.crawling_circuit import Crawling, crawling

SMALL = {"motor": 14, "premotor": 80}


def asked(one: Crawling, groups: np.ndarray | None = None) -> tuple[Inputs, Orders]:
    motor = len(one.counts)
    alone = np.arange(motor) if groups is None else groups
    orders = Orders(np.arange(motor), alone, ("forward", "backward"), one.order.copy(), "simulated")
    return Inputs(one.counts, one.among, one.sign.astype(float)), orders


def told_of(inputs: Inputs, orders: Orders, values: np.ndarray):
    conditions = conditions_of(orders, values)
    return predict_orders(kernels_of(inputs), conditions, orders.groups, "circuit") | plain_orders(inputs, conditions, orders.groups)


def scored(one: Crawling) -> dict[str, tuple[float, float]]:
    inputs, orders = asked(one)
    told = told_of(inputs, orders, orders.ranks[None])
    conditions = conditions_of(orders, orders.ranks[None])
    return {name: tuple(draws_of(each, conditions, orders).mean(axis=(0, 2))) for name, each in told.items()}


def test_what_is_told_of_a_neuron_knows_none_of_its_orders_nor_those_of_its_homologue():
    groups = np.r_[0, 0, np.arange(1, 13)]
    inputs, orders = asked(crawling(1, **SMALL), groups)
    other = orders.ranks
    other[:, :2] = [[40, 3], [-7, 90]]
    told = told_of(inputs, orders, np.stack([orders.ranks, other]))
    first, second = pairs_of(groups)
    for name in ("circuit", "sequence", SHARED_ALONE):
        for one in told[name]:
            np.testing.assert_allclose(one.order[0, :2], one.order[1, :2], atol=1e-8)
            assert np.abs(one.order[0, 2:] - one.order[1, 2:]).min() > 1e-6  # the others do know
            mine = (first < 2) | (second < 2)
            np.testing.assert_allclose(one.apart[0, mine], one.apart[1, mine], atol=1e-8)
    assert not ((first == 0) & (second == 1)).any()


def test_one_kernel_is_the_process_of_the_textbook_weighed_by_what_is_left_out():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((9, 4))
    kernel, y = features @ features.T / 4, rng.permutation(9).astype(float)
    told = predict_orders({"one": kernel[None]}, [Condition(np.arange(9), y[None])], np.arange(9))["one"][0]
    kept, evidence, said = np.arange(1, 9), [], []
    z = (y[kept] - y[kept].mean()) / y[kept].std()
    for noise in NOISE:
        covariance = kernel[np.ix_(kept, kept)] + FLAT + noise * np.eye(8)
        scale = z @ np.linalg.solve(covariance, z) / 7
        density = 0.0
        for row in range(8):
            rest = np.arange(8) != row
            weight = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, row])
            variance = scale * (covariance[row, row] - weight @ covariance[rest, row])
            density += scipy.stats.norm.logpdf(z[row], weight @ z[rest], np.sqrt(variance))
        evidence.append(density)
        said.append((kernel[0, kept] + FLAT) @ np.linalg.solve(covariance, z))
    weight = np.exp(evidence - np.max(evidence))
    assert told.order[0, 0] == pytest.approx(weight @ said / weight.sum(), abs=1e-6)


def test_a_sequence_along_the_links_of_premotor_neurons_is_found_where_shared_input_alone_tells_less():
    found = [scored(crawling(seed, motor=20, premotor=120)) for seed in range(6)]
    circuit, alone = (np.mean([each[name] for each in found], axis=0) for name in ("circuit", SHARED_ALONE))
    assert circuit[0] > 0.6
    assert circuit[1] > 0.34
    assert (circuit - alone > (0.2, 0.15)).all()
    assert all(each[MEAN] == (0, 0) for each in found)


def test_where_shared_input_is_all_there_is_inner_folds_lose_little_of_it():
    found = [scored(crawling(seed, motor=20, premotor=60, told=0.9, linked=False, excites=1.0)) for seed in range(6)]
    circuit, alone = (np.mean([each[name] for each in found], axis=0) for name in ("circuit", SHARED_ALONE))
    assert circuit[0] > 0.6
    assert (circuit > alone - (0.05, 0.0)).all()


def test_orders_that_the_wiring_knows_nothing_of_are_above_chance_at_the_nominal_rate():
    p = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        one = crawling(seed, motor=9, premotor=60, partners=8)
        order = np.stack([rng.permutation(9), rng.permutation(9)]).astype(float)
        inputs, orders = asked(Crawling(one.counts, one.among, one.sign, order))
        values = np.stack([orders.ranks, *(orders.permuted(rng) for _ in range(39))])
        draws = draws_of(told_of(inputs, orders, values)["circuit"], conditions_of(orders, values), orders).mean(axis=0)
        p.append([one_sided_p(draw[0], draw[1:]) for draw in draws])
    for of_metric in np.array(p).T:
        assert (of_metric <= 0.05).sum() <= 6  # 2 expected; binomial 99.5 %, n = 40
        assert 0.35 < of_metric.mean() < 0.65


def test_a_score_is_the_rank_correlation_of_what_was_held_out_and_its_interval_holds_it():
    inputs, orders = asked(crawling(0, **SMALL))
    orders.values[0, 3] = np.nan
    told = told_of(inputs, orders, orders.ranks[None])["circuit"]
    scores, there = scores_of(told, orders), np.isfinite(orders.values[0])
    first, second = pairs_of(np.arange(13))
    y = orders.ranks[0, there]
    expected = {
        "spearman": scipy.stats.spearmanr(told[0].order[0], y).statistic,
        "closeness": scipy.stats.spearmanr(told[0].apart[0], np.abs(y[first] - y[second])).statistic,
    }
    for metric, value in expected.items():
        score = scores["recruitment, forward", metric]
        assert score.estimate == pytest.approx(value)
        low, high = score.interval()
        assert low < value < high
        other = scores["recruitment, backward", metric].estimate
        assert scores["recruitment", metric].estimate == pytest.approx((value + other) / 2)


@pytest.mark.parametrize(
    "written",
    [
        lambda place: place * 1e-9,
        lambda place: place * 1e300,
        lambda place: 1.7e9 + 0.01 * place,
        lambda place: np.exp(3 * place),
        lambda place: np.where(place == np.nanmax(place), 1e6, place) - 8,
    ],
    ids=["small", "huge", "clock", "exponent", "outlier"],
)
def test_places_that_have_the_same_ranks_have_the_same_scores_to_the_last_digit(written):
    inputs, orders = asked(crawling(2, **SMALL))
    orders.values[:, :2] = 4.0  # neurons of one place
    orders.values[1, 5] = np.nan
    other = Orders(orders.neurons, orders.groups, orders.conditions, written(orders.values), "as times")
    found = []
    for each in (orders, other):
        values = np.stack([each.ranks, each.permuted(np.random.default_rng(0))])
        told, conditions = told_of(inputs, each, values), conditions_of(each, values)
        found.append(
            {
                name: (draws_of(one, conditions, each), scores_of([Told(a.order[:1], a.apart[:1]) for a in one], each))
                for name, one in told.items()
            }
        )
    for name, (draws, scores) in found[0].items():
        assert (found[1][name][0] == draws).all()
        for key, score in scores.items():
            assert (found[1][name][1][key].replicates == score.replicates).all()


def test_homologues_are_told_by_side_and_segment_and_move_together():
    names = ["MN1_a1_l", "MN1_a1_r", "MN1_a2_l", "MN2-Is_A1L", "MN2-Is_A1R", "RP2L", "RP2R", "aCC", "L"]
    assert homologues(names).tolist() == [1, 1, 1, 2, 2, 3, 3, 4, 0]
    assert homologues([f"MN_a{n}" for n in range(9)]).tolist() == list(range(9))  # these parts number neurons
    values = np.array([[1, 1, 2, 2, 3, 3, 4, 5, np.nan]])
    orders = Orders(np.arange(9), np.array([0, 0, 1, 1, 2, 2, 3, 4, 5]), ("forward",), values, "")
    rng = np.random.default_rng(0)
    each = np.array([orders.permuted(rng)[0] for _ in range(50)])
    assert (each[:, 0:6:2] == each[:, 1:6:2]).all()
    assert {tuple(row) for row in np.sort(each[:, 6:8], axis=1)} == {(7, 8)}
    assert np.isnan(each[:, 8]).all()
    assert len({tuple(row[:8]) for row in each}) > 8
