"""Claims: masks of leaves say what a walk down the trees says, to the last bit, whatever the columns hold."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from graphtwin.evaluation.tree_ensemble import MOST_LEAVES, TreeEnsemble


def columns_and_labels(n=4_000):
    """A smooth column, one of few values, one with unknown values, one that nobody varies and one that says nothing."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 5)).astype(np.float32)
    x[:, 1] = np.round(x[:, 1])
    x[rng.random(n) < 0.3, 2] = np.nan
    x[:, 3] = 1.0
    return x, x[:, 0] + x[:, 1] + np.where(np.isnan(x[:, 2]), 2.0, x[:, 2] ** 2) + rng.normal(size=n) > 1.5


@pytest.mark.parametrize("settings", [{}, {"max_leaf_nodes": MOST_LEAVES, "min_samples_leaf": 5}, {"min_samples_leaf": 5_000}])
def test_probabilities_are_those_of_scikit_learn_bit_for_bit(settings):
    x, y = columns_and_labels()
    fitted = HistGradientBoostingClassifier(**{"max_iter": 30, "early_stopping": False, **settings}).fit(x[:2_000], y[:2_000])
    asked = x[2_000:]
    asked[:3] = np.array([np.inf, -np.inf, np.nan], np.float32)[:, None]
    asked[3, 0] = np.unique(x[:2_000, 0])[1_000]
    np.testing.assert_array_equal(TreeEnsemble.of(fitted)(asked), fitted.predict_proba(asked)[:, 1])


def test_a_value_on_a_threshold_goes_the_same_way():
    x = np.repeat(np.arange(8, dtype=np.float32), 50)[:, None]
    fitted = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=10, early_stopping=False).fit(x, x[:, 0] > 3)
    threshold = fitted._predictors[0][0].nodes["num_threshold"][0]
    asked = np.array([[threshold], [np.nextafter(np.float32(threshold), np.float32(9))]], np.float32)
    np.testing.assert_array_equal(TreeEnsemble.of(fitted)(asked), fitted.predict_proba(asked)[:, 1])


@pytest.mark.parametrize(
    ("settings", "n_classes", "words"),
    [
        ({"max_leaf_nodes": 60, "min_samples_leaf": 5}, 2, "masks have room for 32"),
        ({"categorical_features": [1]}, 2, "categorical columns"),
        ({}, 3, "more than two classes"),
    ],
)
def test_trees_that_masks_cannot_hold_are_refused(settings, n_classes, words):
    x, y = columns_and_labels()
    labels = y if n_classes == 2 else np.arange(len(y)) % n_classes
    fitted = HistGradientBoostingClassifier(**{"max_iter": 3, "early_stopping": False, **settings}).fit(np.abs(np.nan_to_num(x)), labels)
    with pytest.raises(ValueError, match=words):
        TreeEnsemble.of(fitted)
