"""Stacks of models of neurons find planted weights, fall back on the best model, and count classes equally."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from graphtwin.evaluation import fit_label_stack, fit_place_stack


def planted(n: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two models that each know one of two causes of three classes, and one that knows nothing; weights are 1, 0.5 and 0."""
    rng = np.random.default_rng(seed)
    first, second, noise = rng.normal(0, 1.2, (3, n, 3))
    chance = softmax(first + 0.5 * second, axis=1)
    true = (rng.random(n)[:, None] > chance.cumsum(axis=1)).sum(axis=1)
    return {name: softmax(z, axis=1) for name, z in {"first": first, "second": second, "noise": noise}.items()}, true


def test_weights_of_labels_are_those_of_the_rule_and_nothing_is_given_to_noise():
    models, true = planted(20_000)
    stack = fit_label_stack(models, true, 3)
    assert stack.weights["first"] == pytest.approx(1.0, abs=0.08)
    assert stack.weights["second"] == pytest.approx(0.5, abs=0.08)
    assert stack.weights["noise"] < 0.05
    np.testing.assert_allclose(stack(models).sum(axis=1), 1.0, rtol=1e-9)


def test_of_few_neurons_the_best_model_of_labels_stands_nearly_alone():
    models, true = planted(60)
    weights = fit_label_stack({name: models[name] for name in ("noise", "first")}, true, 3).weights
    assert weights["noise"] < 0.25 * weights["first"]


def test_six_neurons_that_a_careful_model_tells_without_fault_do_not_make_it_sure():
    true = np.array([0, 1, 0, 1, 0, 1])
    careful = np.where(np.arange(2) == true[:, None], 0.6, 0.4)
    said = fit_label_stack({"careful": careful}, true, 2)({"careful": careful})
    assert (said.max(axis=1) < 0.75).all()
    assert (said.argmax(axis=1) == true).all()


def test_a_model_that_tells_a_rare_class_from_a_common_one_counts_as_much_as_one_that_tells_the_common_one():
    """Half of what balanced accuracy counts is the class with one neuron in twenty."""
    rng = np.random.default_rng(1)
    true = (rng.random(4000) < 0.05).astype(np.int64)
    frequent = np.tile([0.95, 0.05], (len(true), 1))
    z = rng.normal(0, 1, len(true)) + 2.0 * true - 1.0
    telling = softmax(np.column_stack([-z, z]), axis=1)
    stack = fit_label_stack({"frequencies": frequent, "telling": telling}, true, 2)
    assert stack.weights["telling"] > 0.5
    assert stack.weights["frequencies"] < 0.1
    assert (stack({"frequencies": frequent, "telling": telling}).argmax(axis=1)[true == 1] == 1).mean() > 0.7


def test_unknown_labels_teach_nothing_and_without_any_the_first_model_stands_alone():
    models, true = planted(500)
    hidden = np.where(np.arange(500) < 250, true, -1)
    half = {name: values[:250] for name, values in models.items()}
    assert fit_label_stack(models, hidden, 3) == fit_label_stack(half, true[:250], 3)
    alone = fit_label_stack(models, np.full(500, -1), 3)
    np.testing.assert_allclose(alone(models), models["first"], rtol=1e-6, atol=3e-3)  # probabilities are bounded


def places(n: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Means of models that know 0.8 of one cause and 0.4 of another, and of one that knows nothing; errors have a deviation of 10 um."""
    rng = np.random.default_rng(seed)
    first, second, noise = 300 + rng.normal(0, 40, (3, n))
    true = 100 + 0.8 * first + 0.4 * second + rng.normal(0, 10, n)
    return {"first": first, "second": second, "noise": noise}, true


def test_weights_of_places_are_those_of_least_squares_and_error_bars_hold_95_percent_of_new_neurons():
    means, true = places(4000)
    stack = fit_place_stack(means, true)
    x = np.column_stack([*means.values(), np.ones(len(true))])
    expected = np.linalg.lstsq(x, true, rcond=None)[0]
    np.testing.assert_allclose(list(stack.weights.values())[:2], expected[:2], atol=0.01)
    assert stack.weights["noise"] < 0.02
    new, where = places(4000, seed=1)
    mean, sd = stack(new)
    assert np.std(where - mean) == pytest.approx(10.0, rel=0.05)
    assert (np.abs(where - mean) < 1.96 * sd).mean() == pytest.approx(0.95, abs=0.015)


def test_a_place_that_no_model_tells_is_the_mean_place():
    means, _ = places(200)
    backwards = {"first": means["first"]}
    stack = fit_place_stack(backwards, 600.0 - means["first"])
    np.testing.assert_allclose(stack(backwards)[0], np.mean(600.0 - means["first"]), atol=0.5)


def test_eight_neurons_hardly_move_a_model_of_places():
    """A model that knows half of the variance, and a mean that all agree on: neither is blown up or moved to follow eight neurons."""
    lost = {"half": [], "flat": []}
    for seed in range(30):
        rng = np.random.default_rng(seed)
        known = rng.normal(0, 70, 1008)
        true = known + rng.normal(0, 70, 1008) + 300
        for name, said in (("half", known + 300), ("flat", 300 + rng.normal(0, 0.5, 1008))):
            stack = fit_place_stack({name: said[:8]}, true[:8])
            errors = ((true[8:] - stack({name: said[8:]})[0]) ** 2).mean(), ((true[8:] - said[8:]) ** 2).mean()
            lost[name].append(errors[0] / errors[1])
    assert np.mean(lost["half"]) < 1.2
    assert np.mean(lost["flat"]) < 1.05


def test_of_few_neurons_the_best_model_of_places_stands_nearly_alone_and_has_no_error_bar():
    means, true = places(18)
    stack = fit_place_stack({name: means[name] for name in ("noise", "first")}, np.r_[true[:17], np.nan])
    assert stack.weights["noise"] < 0.25 * stack.weights["first"]
    assert np.isnan(stack.sd)


def test_no_place_beyond_those_of_known_neurons_is_predicted():
    means, true = places(300)
    far = {name: np.array([-1e4, 1e4]) for name in means}
    assert fit_place_stack(means, true)(far)[0].tolist() == [true.min(), true.max()]
