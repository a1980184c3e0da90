from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from graphtwin.evaluation import fit_stack


def planted(n: int = 6000, seed: int = 0, step: float = 1.0) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Two models that each know one of two causes, one that knows nothing and one that is wrong; two parts of different level."""
    rng = np.random.default_rng(seed)
    first, second, noise = rng.normal(0, 1.2, (3, n))
    part = (np.arange(n) >= n // 2).astype(np.int64)
    connected = rng.random(n) < expit(first + 0.5 * second - 2 - step * part)
    models = {"first": first - 2, "second": second - 2, "noise": noise - 2, "wrong": -first - 2}
    return {name: expit(value) for name, value in models.items()}, connected, part


def test_weights_are_those_of_the_rule_and_never_negative():
    models, connected, part = planted(n=40_000)
    stack = fit_stack(models, connected, part)
    assert stack.weights["first"] == pytest.approx(1.0, abs=0.08)
    assert stack.weights["second"] == pytest.approx(0.5, abs=0.08)
    assert stack.weights["noise"] < 0.05
    assert stack.weights["wrong"] < 0.05
    assert stack(models).mean() == pytest.approx(connected.mean(), rel=0.1)


def test_a_stack_of_few_pairs_is_the_best_single_model():
    models, connected, part = planted(n=60)
    alone = {name: models[name] for name in ("first", "noise")}
    weights = fit_stack(alone, connected, part).weights
    assert weights["noise"] < 0.25 * weights["first"]


def test_a_model_that_does_not_carry_over_to_kept_parts_gets_no_weight():
    """What ranks one part and reverses the other, as a place does that is learned by heart, is left to the model that holds in both."""
    models, connected, part = planted(n=8000, step=0.0)
    logit = np.log(models["first"] / (1 - models["first"]))
    turning = {"second": models["second"], "turning": expit(np.where(part == 0, logit, -logit - 4))}
    weights = fit_stack(turning, connected, part).weights
    assert weights["turning"] < 0.1
    assert weights["second"] > 0.3


def test_where_weights_turn_from_part_to_part_the_fallback_stands_alone():
    """Each of two models ranks one part and reverses the other; a third holds weakly in both."""
    models, connected, part = planted(n=8000, step=0.0)
    logit = np.log(models["first"] / (1 - models["first"]))
    turned = {"one": np.where(part == 0, logit, -logit - 4), "other": np.where(part == 1, logit, -logit - 4)}
    known = {**{name: expit(value) for name, value in turned.items()}, "second": models["second"]}
    stack = fit_stack(known, connected, part, fallback="second")
    assert {name for name, weight in stack.weights.items() if weight} == {"second"}
    order = np.argsort(known["second"])
    assert (np.diff(stack(known)[order]) >= 0).all()
    assert stack(known).mean() == pytest.approx(connected.mean(), rel=0.1)


def test_a_stack_that_carries_over_to_every_part_does_not_fall_back_and_one_part_cannot_tell():
    models, connected, part = planted(n=20_000)
    assert fit_stack(models, connected, part, fallback="second") == fit_stack(models, connected, part)
    alone = fit_stack(models, connected, np.zeros_like(part), fallback="second").weights
    assert {name for name, weight in alone.items() if weight} == {"second"}


def test_a_part_that_is_connected_more_often_does_not_favour_a_model_that_tells_the_parts_apart():
    models, connected, part = planted(n=20_000)
    models = {"first": models["first"], "part": np.where(part == 0, 0.2, 0.05)}
    assert fit_stack(models, connected, part).weights["part"] < 0.1
    assert roc_auc_score(connected, fit_stack(models, connected, part)(models)) > 0.7


def test_where_nothing_can_be_learned_the_first_model_stands_alone():
    models, _, part = planted(n=50)
    nothing = np.zeros(50, bool)
    stack = fit_stack(models, nothing, part)
    np.testing.assert_allclose(stack(models), models["first"], atol=1e-6)


def test_a_model_that_tells_no_pair_from_another_is_nothing_to_fall_back_on():
    models, connected, part = planted(n=4000)
    models["same"] = np.full(len(connected), 0.1)
    alone = np.zeros_like(part)
    assert fit_stack(models, connected, alone, fallback="same") == fit_stack(models, connected, alone)


def test_few_pairs_that_a_careful_model_ranks_without_fault_do_not_make_it_sure():
    connected = np.array([True, False, False, True, False, False])
    stack = fit_stack({"careful": np.where(connected, 0.15, 0.10)}, connected, np.zeros(6, np.int64))
    said = stack({"careful": np.array([0.10, 0.15])})
    assert 0.02 < said[0] < said[1] < 0.6


def test_a_pair_of_weight_three_counts_as_three_pairs():
    models, connected, part = planted(n=3000)
    weight = np.random.default_rng(1).integers(1, 4, len(connected)).astype(float)
    repeated = np.repeat(np.arange(len(connected)), weight.astype(int))
    weighted = fit_stack(models, connected, part, weight)
    every = fit_stack({name: values[repeated] for name, values in models.items()}, connected[repeated], part[repeated])
    assert weighted.level == pytest.approx(every.level, abs=1e-3)
    for name, value in every.weights.items():
        assert weighted.weights[name] == pytest.approx(value, abs=1e-3)


def test_the_order_of_models_that_say_nearly_the_same_changes_no_weight():
    """A shallow optimum: six models that share most of what they say."""
    rng = np.random.default_rng(3)
    told = rng.normal(size=20_000)
    part, connected = rng.integers(0, 3, len(told)), rng.random(len(told)) < expit(told - 3)
    models = {f"model {at}": expit(0.3 * (at + 1) * told + rng.normal(0, 0.2, len(told)) - 3) for at in range(6)}
    found, turned = fit_stack(models, connected, part), fit_stack(dict(reversed(models.items())), connected, part)
    assert found.level == pytest.approx(turned.level, abs=1e-5)
    for name, weight in found.weights.items():
        assert turned.weights[name] == pytest.approx(weight, abs=1e-5)
    assert sum(weight > 0.05 for weight in found.weights.values()) > 1


def test_a_part_without_a_connected_pair_leaves_weights_as_they_are():
    models, connected, part = planted(n=20_000)
    alone = fit_stack(models, connected, np.zeros_like(part))
    more = {name: np.concatenate([values, values[:500]]) for name, values in models.items()}
    silent = fit_stack(more, np.concatenate([connected, np.zeros(500, bool)]), np.repeat([0, 1], [len(connected), 500]))
    for name, weight in alone.weights.items():
        assert silent.weights[name] == pytest.approx(weight, abs=1e-3)
    assert np.isfinite(silent.level)
