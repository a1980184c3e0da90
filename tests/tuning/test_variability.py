import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from graphtwin.tuning.variability import lend, response_variability


def planted(n=500, n_orientations=4, seed=0):
    """Rates, errors that rise as their power 0.8, and each response's own excess."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(3.0, size=(n, n_orientations))
    excess = rng.normal(0.0, 0.3, rate.shape)
    keys = {"nucleus_id": np.repeat(np.arange(n) + 7, n_orientations), "orientation_index": np.tile(np.arange(n_orientations), n)}
    return pd.DataFrame({**keys, "rate": rate.ravel(), "rate_error": (0.1 * rate**0.8 * np.exp(excess)).ravel()}), excess


def test_the_planted_excess_of_every_error_is_found():
    orientations, excess = planted()
    found = response_variability(orientations)
    assert list(found.columns) == [f"variability_{index}" for index in range(4)]
    np.testing.assert_array_equal(found.index, np.arange(500) + 7)
    np.testing.assert_allclose(found.to_numpy(), excess - excess.mean(), atol=0.06)


def test_neither_row_order_nor_the_unit_of_responses_changes_it():
    orientations, _ = planted()
    expected = response_variability(orientations)
    shuffled = orientations.sample(frac=1.0, random_state=0).assign(rate=lambda f: 9 * f["rate"], rate_error=lambda f: 9 * f["rate_error"])
    pd.testing.assert_frame_equal(response_variability(shuffled), expected)


def test_a_single_silent_orientation_stays_finite():
    orientations, _ = planted()
    orientations.loc[3, ["rate", "rate_error"]] = 0.0
    assert np.isfinite(response_variability(orientations).to_numpy()).all()


def test_the_nearest_unit_of_the_same_scan_lends_and_whoever_was_measured_keeps_his_own():
    measured = np.array([[1.0], [2.0], [np.nan], [3.0], [np.nan]])
    known = np.array([[0.0], [1.0], [0.9], [0.9], [3.0]])
    np.testing.assert_array_equal(lend(measured, known, np.array([0, 0, 0, 1, 0]))[:, 0], [1, 2, 2, 3, 2])


def test_a_scan_in_which_nobody_was_measured_borrows_from_all():
    measured = np.array([[1.0], [2.0], [np.nan]])
    np.testing.assert_array_equal(lend(measured, np.array([[0.0], [5.0], [4.0]]), np.array([0, 0, 1]))[:, 0], [1, 2, 2])


def test_a_loan_does_not_tell_that_the_measurement_is_missing():
    rng = np.random.default_rng(3)
    known, measured, scan = rng.normal(size=(2000, 3)), rng.normal(size=(2000, 4)), rng.integers(0, 4, 2000)
    there = rng.random(2000) < 0.7
    gaps = np.where(there[:, None], measured, np.nan)
    assert presence_decoded(np.nan_to_num(gaps), there) > 0.95
    assert presence_decoded(np.column_stack([known, lend(gaps, known, scan)]), there) < 0.56


def presence_decoded(values: np.ndarray, there: np.ndarray) -> float:
    """AUC of telling who was measured, from values and how far they lie from 0."""
    seen = np.column_stack([values, np.abs(values)])
    return float(roc_auc_score(there, cross_val_predict(LogisticRegression(), seen, there, method="predict_proba")[:, 1]))
