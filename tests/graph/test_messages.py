from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.metrics import roc_auc_score

from graphtwin.graph.data.inner_sides import inner_axons, inner_blocks
from graphtwin.graph.data.inputs import NodeInputs
from graphtwin.graph.data.messages import FOLDS, HEARD, MESSAGES, Messages, Told
from graphtwin.graph.data.observed_pairs import PairSet
from graphtwin.graph.data.pair_exposure import PairExposure
from graphtwin.graph.model.pair_fit import fit_pairs, pair_probabilities, score_all
from graphtwin.graph.model.pair_network import PairConfig
from graphtwin.training import FitConfig
from tests.graph.planted_pairs import MATERIALIZATION, neurons

COLUMN = {name: place for place, name in enumerate(MESSAGES)}
LONELY = {"similar": torch.zeros((2, 0), dtype=torch.int64)}
N_GROUPS = 4


def wired_like(inputs: NodeInputs, connected: np.ndarray, axons: np.ndarray) -> PairSet:
    """Pairs of some of the neurons as axons with all neurons."""
    size = sparse.csr_array(connected[axons].astype(np.float64) * 3)
    return PairSet(MATERIALIZATION, axons, np.arange(len(inputs.nucleus_id)), size)


@pytest.fixture(scope="module")
def groups() -> tuple[NodeInputs, np.ndarray]:
    """Eighty neurons of four hidden groups, which nothing but who contacts whom tells: a group contacts itself and the next."""
    rng = np.random.default_rng(0)
    inputs = replace(neurons(80, rng), has_function=np.ones(80, bool))
    group = np.arange(80) % N_GROUPS
    chance = np.where(np.isin((group[None] - group[:, None]) % N_GROUPS, [0, 1]), 0.4, 0.03)
    connected = rng.random(chance.shape) < chance
    np.fill_diagonal(connected, False)
    return inputs, connected


def test_what_is_said_of_an_axon_does_not_depend_on_what_it_contacts(groups: tuple[NodeInputs, np.ndarray]):
    inputs, connected = groups
    training = np.arange(0, 80, 2)
    told = Messages.of(inputs, LONELY, wired_like(inputs, connected, training)).about(training)
    changed = connected.copy()
    changed[training[3]] = ~changed[training[3]]
    again = Messages.of(inputs, LONELY, wired_like(inputs, changed, training)).about(training)
    np.testing.assert_array_equal(told[3], again[3])
    assert not np.array_equal(told, again)


def test_what_was_told_before_is_told_again_and_only_to_those_who_ask_the_same(groups: tuple[NodeInputs, np.ndarray]):
    inputs, connected = groups
    training, rng, told = np.arange(0, 80, 2), np.random.default_rng(1), Told()
    changed = connected.copy()
    changed[training[3], 5] = ~changed[training[3], 5]
    for wiring in (connected, changed, connected):
        heard = {"similar": torch.as_tensor(rng.integers(0, 80, (2, 300)))}
        pairs = wired_like(inputs, wiring, training)
        for axons in (training, np.arange(9)):
            np.testing.assert_array_equal(
                Messages.of(inputs, heard, pairs, told).shown(axons), Messages.of(inputs, heard, pairs).shown(axons)
            )
    assert len(told._kept) == 4  # two wirings, asked about twice each
    relabelled = replace(inputs, context=np.eye(2, dtype=np.float32)[np.arange(80) % 2])
    pairs = wired_like(inputs, connected, training)
    found, alone = (Messages.of(relabelled, LONELY, pairs, *kept).shown(training) for kept in ((told,), ()))
    np.testing.assert_array_equal(found, alone)


def test_no_more_is_kept_than_is_allowed_and_the_oldest_goes_first():
    told, made = Told(most_bytes=3_000), []

    def make(name: bytes, n: int = 125) -> np.ndarray:
        return told.of(name, lambda: made.append(name) or np.zeros(n))

    for name in (b"first", b"second", b"third", b"first", b"fourth", b"first", b"second"):
        make(name)
    make(b"too much", 1_000)
    make(b"first")
    assert made == [b"first", b"second", b"third", b"fourth", b"second", b"too much"]


def test_what_is_shown_of_pairs_is_that_of_their_axons_and_unknown_of_cells_that_nobody_queried(
    monkeypatch: pytest.MonkeyPatch, groups: tuple[NodeInputs, np.ndarray]
):
    monkeypatch.setattr("graphtwin.graph.data.messages.AXONS_A_BLOCK", 7)
    inputs, connected = groups
    every = wired_like(inputs, connected, np.arange(0, 80, 2))
    queried = np.delete(np.arange(80), 5)
    messages = Messages.of(inputs, LONELY, replace(every, post=queried, size=sparse.csr_array(every.size[:, queried])))
    rng = np.random.default_rng(0)
    pre, post = rng.integers(0, 80, (2, 500))
    told, shown = messages.unheard_of_pairs(pre, post), np.delete(messages.shown(np.arange(80)), HEARD, axis=2)
    np.testing.assert_allclose(told[post != 5], shown[pre, post - (post > 5)][post != 5], atol=1e-4)
    assert np.isnan(told[post == 5]).all()


def test_in_degrees_are_counted_on_axons_of_other_folds_and_on_all_for_an_axon_of_the_other_side(groups: tuple[NodeInputs, np.ndarray]):
    inputs, connected = groups
    axons = np.arange(0, 80, 2)
    messages = Messages.of(inputs, LONELY, wired_like(inputs, connected, axons))
    pre, post = (side.ravel() for side in np.meshgrid(np.arange(80), np.arange(80), indexing="ij"))
    found = messages.in_degrees(pre, post).reshape(80, 80)
    np.testing.assert_array_equal(found[1::2], np.tile(connected[axons].sum(0), (40, 1)))
    for fold in range(FOLDS):
        others = axons[messages.fold != fold]
        expected = connected[others].sum(0) * len(axons) / len(others)
        for axon in axons[messages.fold == fold]:
            np.testing.assert_allclose(found[axon], expected, rtol=1e-6)
    unknown = replace(messages, training=replace(messages.training, post=np.arange(1, 80), size=messages.training.size[:, 1:]))
    assert np.isnan(unknown.in_degrees(np.array([0]), np.array([0]))).all()


def test_messages_along_shared_inputs_are_those_of_brute_force(groups: tuple[NodeInputs, np.ndarray]):
    inputs, connected = groups
    axons, asked = np.arange(0, 80, 2), 41  # an axon of which the training side knows its inputs alone
    told = Messages.of(inputs, LONELY, wired_like(inputs, connected, axons)).about(np.array([asked]))[0]
    linked = connected[axons].astype(np.float64)
    weight = np.log(81 / (linked.sum(1) + 1))
    profile = linked * weight[:, None]
    profile /= np.maximum(np.linalg.norm(profile, axis=0), 1e-9)
    alike = profile[:, asked] @ profile
    overall = linked.mean()
    usual = (linked.sum(0) + 0.5 * overall) / (len(axons) + 0.5)
    for name, power in (("of shared inputs", 1), ("of most alike inputs", 3)):
        said = alike[axons] ** power
        share = (said @ linked + 0.5 * usual) / (said.sum() + 0.5)
        np.testing.assert_allclose(told[:, COLUMN[name]], np.log(share / overall + 0.1), rtol=1e-4)
    np.testing.assert_allclose(told[:, COLUMN["inputs alike"]], alike, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(told[axons, COLUMN["back"]], connected[axons, asked])
    np.testing.assert_array_equal(told[:, COLUMN["back known"]], np.isin(np.arange(80), axons))


def test_axons_of_one_label_and_functional_neighbours_speak_for_each_other():
    inputs = neurons(24, np.random.default_rng(1))
    label = np.arange(24) % 2
    connected = label[:, None] == label[None]
    axons = np.arange(0, 20)
    heard = {"similar": torch.as_tensor([[0, 2], [20, 20]])}  # neuron 20 hears 0 and 2
    training = wired_like(inputs, connected, axons)
    told = Messages.of(replace(inputs, context=np.eye(2, dtype=np.float32)[label]), heard, training).about(np.array([20, 21]))
    assert (told[0, label == 0, COLUMN["of labels"]] > told[0, label == 1, COLUMN["of labels"]].max() + 1).all()
    assert (told[1, label == 1, COLUMN["of labels"]] > told[1, label == 0, COLUMN["of labels"]].max() + 1).all()
    functional = told[:, :, COLUMN["of functional neighbours"]]
    assert functional[0, 0] > functional[0, 1] + 1
    assert np.ptp(functional[1]) < 1e-6  # 21 hears nobody: popularity, which is the same for all here


def test_hidden_groups_are_found_from_shared_inputs_alone(groups: tuple[NodeInputs, np.ndarray]):
    """Held-out axons: neither place, label nor function tells the group; an oracle that knows it is the ceiling."""
    inputs, connected = groups
    blank = replace(inputs, function=np.zeros_like(inputs.function), context=np.zeros((80, 0), np.float32), context_names=())
    held = np.arange(80) % 5 == 0
    training, asked = wired_like(blank, connected, np.flatnonzero(~held)), wired_like(blank, connected, np.flatnonzero(held))
    config = PairConfig(hidden=8, members=2, fit=FitConfig(epochs=4))
    sides = inner_axons(training, blank, config.members, config.validation, 0)
    fitted = fit_pairs(blank, LONELY, training, sides, config, 0, "groups")
    i, j = np.repeat(asked.pre, 80), np.tile(asked.post, len(asked.pre))
    group = np.arange(80) % N_GROUPS
    oracle = np.isin((group[j] - group[i]) % N_GROUPS, [0, 1])
    truth = connected[i, j]
    assert roc_auc_score(truth, pair_probabilities(fitted, i, j)[0]) > roc_auc_score(truth, oracle) - 0.05
    assert [len(kept) for kept in fitted.kept] == [len(side.asked[0]) for side in sides]
    (rows, block), *_ = score_all(fitted, asked.pre, asked.post, 100, 1)
    np.testing.assert_allclose(block.ravel(), pair_probabilities(fitted, np.repeat(rows, 80), j)[0], atol=1e-5)


def test_exposure_is_read_of_pairs_that_no_fit_saw(groups: tuple[NodeInputs, np.ndarray]):
    inputs, _ = groups
    rng = np.random.default_rng(2)
    contact = np.where(rng.random((80, 80)) < 0.5, rng.exponential(2.0, (80, 80)), 0.0)
    connected = rng.random((80, 80)) < contact / 8
    everyone = np.ones(80, bool)
    exposed = PairExposure(sparse.csr_array(contact), everyone, everyone, "contact area", "um2")
    held = np.arange(80) % 4 == 0
    training = replace(wired_like(inputs, connected, np.flatnonzero(~held)), exposed=exposed)
    config = PairConfig(hidden=8, members=2, fit=FitConfig(epochs=4))
    fitted = fit_pairs(inputs, LONELY, training, inner_axons(training, inputs, 2, 0.1, 0), config, 0, "contact")
    i, j = np.repeat(np.flatnonzero(held), 80), np.tile(np.arange(80), held.sum())
    found = pair_probabilities(fitted, i, j)[0]
    assert roc_auc_score(connected[i, j], found) > roc_auc_score(connected[i, j], contact[i, j]) - 0.03
    (_, block), *_ = score_all(fitted, np.flatnonzero(held), np.arange(80), 100, 1)
    np.testing.assert_allclose(block.ravel(), found, atol=1e-5)


def test_every_axon_of_a_small_source_is_kept_back_once_and_a_block_with_its_cells(groups: tuple[NodeInputs, np.ndarray]):
    inputs, connected = groups
    training = wired_like(inputs, connected, np.arange(0, 80, 2))
    sides = inner_axons(training, inputs, None, 0.1, 0)
    np.testing.assert_array_equal(np.sort(np.concatenate([side.kept.pre for side in sides])), training.pre)
    for side in inner_blocks(training, inputs.position[:, [0, 2]], 2):
        assert not set(side.kept.pre) & set(side.training.pre)
        assert not set(side.kept.post) & set(side.training.post)
        i, j = side.asked
        assert (i != j).all()
        np.testing.assert_array_equal(side.kept_sizes > 0, connected[i, j])
    assert len({int(fold) for fold in Messages.of(inputs, LONELY, training).fold}) == FOLDS


def test_kept_pairs_that_are_asked_stand_for_all_kept_pairs(monkeypatch: pytest.MonkeyPatch, groups: tuple[NodeInputs, np.ndarray]):
    inputs, connected = groups
    monkeypatch.setattr("graphtwin.graph.data.inner_sides.KEPT_NEGATIVES", 300)
    (side,) = inner_axons(wired_like(inputs, connected, np.arange(80)), inputs, 1, 0.4, 0)
    pre, post = side.asked
    size, weight = side.kept_sizes, side.weight
    every = len(side.kept.pre) * (len(side.kept.post) - 1)
    assert len(pre) == len(post) == len(size) == len(weight) < every
    assert (pre != post).all()
    assert (size > 0).sum() == side.kept.size.nnz  # no connected pair is left out
    assert (size[weight > 1] == 0).all()
    assert weight.sum() == pytest.approx(every, rel=0.12)  # 300 of 2,300 are drawn: a standard error of 5 %
    np.testing.assert_array_equal(size > 0, connected[pre, post])
