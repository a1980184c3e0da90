from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.metrics import roc_auc_score

from graphtwin.graph.data.edges import similar_edges
from graphtwin.graph.data.inputs import NodeInputs
from graphtwin.graph.data.messages import FOLDS, Messages
from graphtwin.graph.data.observed_pairs import BANDWIDTHS_UM, PairSet
from graphtwin.graph.model.pair_fit import FittedPairs, Source, fit_pairs, make_world, pair_probabilities, score_all
from tests.graph.planted_pairs import CONFIG, Planted, all_pairs, inner, planted, unwired

pytestmark = pytest.mark.slow


def learn(inputs: NodeInputs, training: PairSet, seed: int = 0) -> FittedPairs:
    return fit_pairs(inputs, similar_edges(unwired(inputs, 5)), training, inner(inputs, training), CONFIG, seed, "planted")


@pytest.fixture(scope="module")
def world() -> Planted:
    return planted()


@pytest.fixture(scope="module")
def fitted(world: Planted) -> FittedPairs:
    return learn(world.inputs, world.side(held=False))


def test_a_planted_rule_is_recovered_on_held_out_axons(world: Planted, fitted: FittedPairs):
    held = world.side(held=True)
    oracle = world.probability[np.isin(world.pairs.pre, held.pre)].ravel()
    connected = (held.size.toarray() > 0).ravel()
    probability, _ = pair_probabilities(fitted, *all_pairs(held))
    assert roc_auc_score(connected, probability) > roc_auc_score(connected, oracle) - 0.03
    assert probability.mean() == pytest.approx(connected.mean(), rel=0.25)
    high = probability > np.quantile(probability, 0.9)
    assert probability[high].mean() == pytest.approx(connected[high].mean(), rel=0.25)


def test_without_a_rule_held_out_pairs_are_ranked_at_chance():
    areas = []
    for seed in range(2):
        nothing = planted(rule=False, seed=seed)
        held = nothing.side(held=True)
        probability, _ = pair_probabilities(learn(nothing.inputs, nothing.side(held=False), seed), *all_pairs(held))
        areas.append(roc_auc_score((held.size.toarray() > 0).ravel(), probability))
    assert abs(np.mean(areas) - 0.5) < 0.03  # about 700 connections a world: standard error .011 each


def test_a_pair_whose_axon_has_lost_its_place_hears_all_axons_of_other_folds_alike(world: Planted):
    training = world.side(held=False)
    messages = Messages.of(world.inputs, similar_edges(unwired(world.inputs, 5)), training)
    batch, _ = Source.of(messages).draw(np.arange(len(training.pre)), np.random.default_rng(0), 0.5, (1.0, 0.0, 0.0), "cpu")
    row, cell = np.searchsorted(training.pre, batch.pre.numpy()), np.searchsorted(training.post, batch.post.numpy())
    connected = training.size.toarray() > 0
    for fold in range(FOLDS):
        others, mine = connected[messages.fold != fold], messages.fold[row] == fold
        overall = others.mean()
        expected = np.log((others.sum(0) + 0.5 * overall) / ((len(others) + 0.5) * overall) + 0.1)
        np.testing.assert_allclose(batch.shown.numpy()[mine][:, : len(BANDWIDTHS_UM)], np.tile(expected[cell[mine], None], 3), rtol=1e-4)


def test_a_planted_size_rule_is_recovered(world: Planted, fitted: FittedPairs):
    held = world.side(held=True).size.tocoo()
    pre = world.side(held=True).pre[held.row]
    _, size = pair_probabilities(fitted, pre, world.pairs.post[held.col])
    large = world.inputs.context[pre, 0] > 0
    assert np.log(size[large]).mean() - np.log(size[~large]).mean() == pytest.approx(1.0, abs=0.2)
    assert size.mean() == pytest.approx(held.data.mean(), rel=0.2)


def test_the_direction_of_a_pair_matters(world: Planted, fitted: FittedPairs):
    cells = world.pairs.post
    i, j = (side.ravel() for side in np.meshgrid(cells, cells))
    off = i != j
    there, back = pair_probabilities(fitted, i[off], j[off])[0], pair_probabilities(fitted, j[off], i[off])[0]
    assert np.mean(np.abs(np.log(there / back)) > 0.1) > 0.9


def test_synapses_of_held_out_axons_change_neither_fit_nor_scores(world: Planted, fitted: FittedPairs):
    changed = world.pairs.size.toarray()
    held = np.arange(len(changed)) % 4 == 0
    changed[held] = changed[held][:, ::-1] * 7 + 1
    other = replace(world, pairs=replace(world.pairs, size=sparse.csr_array(changed)))
    again = learn(other.inputs, other.side(held=False))
    assert all(torch.equal(value, again.networks[0].state_dict()[name]) for name, value in fitted.networks[0].state_dict().items())
    pairs = all_pairs(world.side(held=True))
    np.testing.assert_array_equal(pair_probabilities(fitted, *pairs)[0], pair_probabilities(again, *pairs)[0])


def test_an_axon_does_not_see_connections_of_its_own_fold_when_it_is_scored(world: Planted, fitted: FittedPairs):
    training = world.side(held=False)
    i, j = (int(at[0]) for at in training.size.nonzero())
    without = training.size.tolil()
    without[i, j] = 0
    blind = learn_world(fitted, replace(training, size=sparse.csr_array(without)))
    target = np.full(len(training.pre), training.post[j])
    moved = np.abs(pair_probabilities(fitted, training.pre, target)[0] / pair_probabilities(blind, training.pre, target)[0] - 1)
    silent = fitted.messages.fold == fitted.messages.fold[i]
    # The mean offset of targets from their inputs, and the mean in-degree, move a little with one connection.
    assert moved[silent].max() < 2e-3 < np.median(moved[~silent])


def learn_world(fitted: FittedPairs, training: PairSet) -> FittedPairs:
    """The fitted weights in the world of other training pairs."""
    edges = similar_edges(unwired(fitted.inputs, 5))
    messages = Messages.of(fitted.inputs, edges, training)
    return replace(fitted, world=make_world(messages, edges, "cpu"), messages=messages)


def test_a_target_of_unknown_position_is_placed_by_its_inputs(world: Planted):
    position = world.inputs.position.copy()
    lost = world.pairs.post[::3]
    position[lost] = np.nan
    unknown = learn(replace(world.inputs, position=position), world.side(held=False))
    held = world.side(held=True)
    i, j = all_pairs(held)
    probability, connected = pair_probabilities(unknown, i, j)[0], (held.size.toarray() > 0).ravel()
    there = np.isin(j, lost)
    assert np.isfinite(probability).all()
    assert roc_auc_score(connected[there], probability[there]) > 0.75


def test_training_hides_what_it_says_of_as_many_pairs_as_it_says(world: Planted):
    training = world.side(held=False)
    source = Source.of(Messages.of(world.inputs, similar_edges(unwired(world.inputs, 5)), training))
    batch, _ = source.draw(np.arange(len(training.pre)), np.random.default_rng(0), 0.5, (0.0, 0.1, 0.3), "cpu")
    hidden = batch.hidden.numpy()
    shares = [(hidden & bit > 0).mean() for bit in (1, 2, 4)]
    np.testing.assert_allclose(shares, [0.0, 0.1, 0.3], atol=0.02)


def test_cells_that_nobody_queried_are_ranked_by_their_place(world: Planted):
    """Half of the cells are in no training pair, so that neither in-degree nor local rates are known of them."""
    training, held = world.side(held=False), world.side(held=True)
    seen, unseen = np.arange(0, 100, 2), np.arange(1, 100, 2)
    size = sparse.csr_array(training.size[:, seen])
    fitted = learn(world.inputs, replace(training, post=training.post[seen], size=size).of_axons(np.diff(size.indptr) > 0))
    i, j = np.repeat(held.pre, len(unseen)), np.tile(held.post[unseen], len(held.pre))
    difference = world.inputs.position[i] - world.inputs.position[j]
    by_place = -np.linalg.norm(difference, axis=1) / 35 - difference[:, 1] / 80
    connected = (held.size[:, unseen].toarray() > 0).ravel()
    assert roc_auc_score(connected, pair_probabilities(fitted, i, j)[0]) > roc_auc_score(connected, by_place) - 0.03


def test_cells_of_which_nothing_is_known_get_about_the_prevalence(world: Planted):
    inputs = world.inputs
    nobody = np.array([len(inputs.nucleus_id)])
    wider = replace(
        inputs,
        nucleus_id=np.append(inputs.nucleus_id, 10**6),
        function=np.vstack([inputs.function, np.zeros((1, 4), np.float32)]),
        has_function=np.append(inputs.has_function, False),
        reliability=np.append(inputs.reliability, np.float32(0)),
        scan=np.append(inputs.scan, -1),
        position=np.vstack([inputs.position, np.full((1, 3), np.nan)]),
        context=np.vstack([inputs.context, np.zeros((1, 2), np.float32)]),
        cell_type=np.append(inputs.cell_type, -1),
        layer=np.append(inputs.layer, -1),
    )
    training = world.side(held=False)
    probability, size = pair_probabilities(learn(wider, training), nobody, nobody)
    assert training.prevalence / 10 < probability[0] < training.prevalence * 10
    assert np.isfinite(size).all()


def test_a_fit_is_the_same_twice_and_another_with_another_seed(world: Planted, fitted: FittedPairs):
    pairs = all_pairs(world.side(held=True))
    first = pair_probabilities(fitted, *pairs)[0]
    np.testing.assert_array_equal(first, pair_probabilities(learn(world.inputs, world.side(held=False)), *pairs)[0])
    assert not np.array_equal(first, pair_probabilities(learn(world.inputs, world.side(held=False), seed=1), *pairs)[0])


def test_held_out_axons_of_unknown_position_are_ranked_by_how_popular_their_targets_are(world: Planted):
    held = world.side(True)
    position = world.inputs.position.copy()
    position[held.pre] = np.nan
    i, j = all_pairs(held)
    lost = learn(replace(world.inputs, position=position), world.side(False))
    connected = held.size.toarray().ravel() > 0
    in_degree = (world.side(False).size > 0).sum(axis=0)
    by_degree = roc_auc_score(connected, np.tile(in_degree, len(held.pre)))
    assert by_degree > 0.55
    assert roc_auc_score(connected, pair_probabilities(lost, i, j)[0]) > by_degree - 0.02


def test_blocks_and_order_of_pairs_change_no_score(world: Planted, fitted: FittedPairs):
    i, j = all_pairs(world.pairs)
    order = np.random.default_rng(0).permutation(len(i))
    whole, size = pair_probabilities(fitted, i, j)
    blocks, sizes = pair_probabilities(fitted, i[order], j[order], axons_a_block=7)
    np.testing.assert_allclose(blocks, whole[order], atol=1e-6)
    np.testing.assert_allclose(sizes, size[order], rtol=1e-5)


@pytest.mark.parametrize(("axons_a_block", "workers"), [(1, 3), (33, 1), (33, 2), (10_000, None)])
def test_the_stream_of_all_pairs_equals_their_scores(world: Planted, fitted: FittedPairs, axons_a_block: int, workers: int | None):
    rows = np.random.default_rng(1).choice(len(world.inputs.nucleus_id), 150)  # axons and cells, seen and unseen, repeated
    axons, blocks = zip(*score_all(fitted, rows, rows, axons_a_block, workers), strict=True)
    np.testing.assert_array_equal(np.concatenate(axons), rows)
    expected = pair_probabilities(fitted, np.repeat(rows, len(rows)), np.tile(rows, len(rows)))[0].reshape(len(rows), -1)
    np.testing.assert_allclose(np.concatenate(blocks), expected, atol=1e-5)


def test_no_pairs_give_no_scores(fitted: FittedPairs):
    nobody = np.zeros(0, dtype=np.int64)
    assert [len(values) for values in pair_probabilities(fitted, nobody, nobody)] == [0, 0]
    assert not list(score_all(fitted, nobody, nobody))


def test_too_few_axons_are_refused_in_words(world: Planted):
    few = world.pairs.of_axons(np.arange(len(world.pairs.pre)) < 1)
    with pytest.raises(ValueError, match=r"training side: \d axons with \d+ connections leave none to validate.*bring more axons"):
        learn(world.inputs, few)
