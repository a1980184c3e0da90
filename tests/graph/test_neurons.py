from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from graphtwin.graph.data.edges import Edges, similar_edges
from graphtwin.graph.data.inputs import NodeInputs
from graphtwin.graph.model import neuron_network
from graphtwin.graph.model.neuron_fit import (
    EVERYTHING,
    FUNCTION,
    Evidence,
    NeuronConfig,
    NeuronPrediction,
    fit_neurons,
    neuron_world,
    predict_rows,
)
from graphtwin.training import FitConfig
from tests.graph.planted_pairs import unwired

pytestmark = pytest.mark.slow


N = 500
SMALL = NeuronConfig(members=1, landmarks=60, hidden=16, batch=128, fit=FitConfig(epochs=8, patience=4, learning_rate=0.01))


def planted(rule: float = 1.0, seed: int = 0) -> NodeInputs:
    """500 neurons of two scans; function 0 tells the layer, function 1 the depth with an error of 20 um, as far as there is a rule."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(N, 4))
    layer = np.where(rng.random(N) < rule, signal[:, 0] > 0, rng.random(N) < 0.5).astype(np.int64)
    position = rng.normal(0.0, 100.0, (N, 3))
    position[:, 1] = 300.0 + rule * 80.0 * signal[:, 1] + rng.normal(0.0, 20.0, N)
    return NodeInputs(
        nucleus_id=np.arange(N),
        function=signal.astype(np.float32),
        has_function=np.ones(N, bool),
        reliability=np.ones(N, np.float32),
        scan=rng.integers(0, 2, N),
        position=position,
        context=np.eye(2, dtype=np.float32)[layer],
        cell_type=rng.integers(0, 2, N),
        layer=layer,
        cell_types=("a", "b"),
        layers=("L2/3", "L4"),
        scans=((1, 1), (1, 2)),
        context_names=("layer=L2/3", "layer=L4"),
    )


def wired(inputs: NodeInputs, seed: int = 0) -> Edges:
    """Similar edges, and synapses drawn at random."""
    pairs = torch.as_tensor(np.random.default_rng(seed).integers(0, N, (2, 3000)))
    return {**similar_edges(unwired(inputs, 5)), "inputs_1": pairs, "outputs_1": pairs.flip(0)}


TRAIN = np.arange(N) % 4 > 0


def predicted(
    inputs: NodeInputs, edges: Edges, evidence: tuple[Evidence, ...] = EVERYTHING, config: NeuronConfig = SMALL, train: np.ndarray = TRAIN
) -> NeuronPrediction:
    return predict_rows(fit_neurons(inputs, edges, train, evidence, config, 0, "test"), np.flatnonzero(inputs.has_function))


def same(one: NeuronPrediction, other: NeuronPrediction) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def test_held_out_labels_positions_and_context_change_no_prediction_of_anybody():
    inputs = planted()
    spoiled = {name: np.array(getattr(inputs, name)) for name in ("position", "context", "layer", "cell_type")}
    spoiled["position"][~TRAIN] += 1000.0
    spoiled["context"][~TRAIN] = 1.0
    for name in ("layer", "cell_type"):
        spoiled[name][~TRAIN] = 1 - spoiled[name][~TRAIN]
    assert same(predicted(inputs, wired(inputs)), predicted(dataclasses.replace(inputs, **spoiled), wired(inputs)))


def test_function_alone_reads_no_synapse_and_no_held_out_scan():
    inputs = planted()
    moved = np.where(TRAIN, inputs.scan, 1 - inputs.scan)
    one = predicted(inputs, wired(inputs, 0), FUNCTION)
    assert same(one, predicted(dataclasses.replace(inputs, scan=moved), wired(inputs, 1), FUNCTION))


def test_everything_reads_synapses():
    inputs = planted()
    assert not same(predicted(inputs, wired(inputs, 0)), predicted(inputs, wired(inputs, 1)))


def unlabelled(inputs: NodeInputs, rows: np.ndarray) -> NodeInputs:
    """The inputs with nothing known of some neurons but their function and scan."""
    position, layer, cell_type, context = (np.array(getattr(inputs, name)) for name in ("position", "layer", "cell_type", "context"))
    position[rows], layer[rows], cell_type[rows], context[rows] = np.nan, -1, -1, 0.0
    return dataclasses.replace(inputs, position=position, layer=layer, cell_type=cell_type, context=context)


@pytest.mark.parametrize("evidence", [FUNCTION, EVERYTHING])
def test_neurons_without_any_label_teach_nothing(evidence: tuple[Evidence, ...], monkeypatch):
    """A fit that may use them ends in the very numbers of a fit that may not, once both compare functions to the same landmarks."""
    monkeypatch.setattr(neuron_network, "_landmarks", lambda functions, n: torch.as_tensor(inputs.function[TRAIN & ~nobody][:n]))
    nobody = np.arange(N) < 150  # 112 of the training side: as class 0, or as a position of 0 um, they would outvote the rule
    inputs = unlabelled(planted(), nobody)
    offered = predicted(inputs, wired(inputs), evidence)
    assert same(offered, predicted(inputs, wired(inputs), evidence, train=TRAIN & ~nobody))
    assert not same(offered, predicted(planted(), wired(inputs), evidence))  # with their labels they do teach


def test_a_fitted_network_reads_the_same_in_neurons_of_another_order():
    inputs, order = planted(), np.random.default_rng(3).permutation(N)
    edges, place = wired(inputs), torch.as_tensor(np.argsort(order))
    columns = {name: values[order] for name, values in vars(inputs).items() if isinstance(values, np.ndarray) and name != "nucleus_id"}
    fitted = fit_neurons(inputs, edges, TRAIN, EVERYTHING, SMALL, 0, "test")
    shuffled = {name: place[pairs] for name, pairs in edges.items()}
    world = neuron_world(dataclasses.replace(inputs, **columns), shuffled, EVERYTHING, TRAIN[order], "cpu")
    moved = predict_rows(dataclasses.replace(fitted, world=world), np.arange(N))
    for one, other in zip(vars(predict_rows(fitted, np.arange(N))).values(), vars(moved).values(), strict=True):
        np.testing.assert_allclose(one, other[place.numpy()], rtol=1e-4, atol=1e-4)


def test_the_same_seed_gives_the_same_predictions():
    inputs = planted()
    assert same(predicted(inputs, wired(inputs)), predicted(inputs, wired(inputs)))


@pytest.mark.parametrize("evidence", [FUNCTION, EVERYTHING])
def test_a_planted_rule_is_recovered_with_honest_error_bars(evidence: tuple[Evidence, ...]):
    inputs = planted()
    found = predicted(inputs, wired(inputs), evidence, SMALL.model_copy(update={"members": 2}))
    held = ~TRAIN
    assert balanced_accuracy_score(inputs.layer[held], found.layer[held].argmax(1)) > 0.85
    error = np.abs(inputs.position[held] - found.position[held])
    assert np.median(error[:, 1]) < 25.0  # 13.5 um is the best; a constant gives 55 um
    covered = (error < 1.96 * found.position_sd[held]).mean()
    assert 0.90 <= covered <= 0.99  # 95 % nominal; 375 values, width learned on 56 neurons


def test_without_a_rule_balanced_accuracy_is_at_chance():
    accuracy = []
    for seed in range(3):
        inputs = planted(rule=0.0, seed=seed)
        found = predicted(inputs, wired(inputs), FUNCTION)
        accuracy.append(balanced_accuracy_score(inputs.layer[~TRAIN], found.layer[~TRAIN].argmax(1)))
    assert abs(np.mean(accuracy) - 0.5) < 0.07  # 2.6 standard errors of 375 guesses


def test_a_fit_with_few_labels_is_an_error_in_words():
    inputs = planted()
    with pytest.raises(ValueError, match=r"test: 10 labelled neurons to learn from; at least 20 are needed"):
        predicted(inputs, wired(inputs), train=np.arange(N) < 10)
