import numpy as np
import pytest

from graphtwin.tuning.basis import fit_basis
from graphtwin.tuning.column_folds import column_folds
from graphtwin.tuning.roughness import axis_roughness
from graphtwin.tuning.selection import BasisConfig
from tests.tuning.planted import DEGREES, planted_basis, planted_responses


def test_a_planted_basis_is_recovered():
    responses, mean = planted_responses(1500, seed=1)
    fit = fit_basis(responses, rank=4, smoothness=0.0)
    cosines = np.linalg.svd(planted_basis() @ fit.basis.T, compute_uv=False)  # of the angles between the two subspaces
    assert cosines.min() > 0.98
    assert np.corrcoef(np.log(fit.response()).ravel(), np.log(mean).ravel())[0, 1] > 0.98


def test_the_noise_is_recovered():
    responses, _ = planted_responses(1500, seed=2, dispersion=0.1)
    assert fit_basis(responses, rank=4, smoothness=0.0).dispersion == pytest.approx(0.1, rel=0.15)


def test_the_gauge_is_fixed():
    fit = fit_basis(planted_responses(600, seed=3)[0], rank=4, smoothness=0.1)
    np.testing.assert_allclose(fit.basis @ fit.basis.T, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(fit.basis.sum(1), 0.0, atol=1e-9)
    assert (np.diff(fit.prior_variance) <= 0).all()
    assert (fit.basis.max(1) >= -fit.basis.min(1)).all()


def test_permuting_neurons_permutes_the_weights():
    responses, _ = planted_responses(300, seed=4)
    order = np.random.default_rng(0).permutation(300)
    straight, permuted = fit_basis(responses, 4, 0.1), fit_basis(responses[order], 4, 0.1)
    np.testing.assert_allclose(permuted.response(), straight.response()[order], rtol=1e-6)


def test_rotating_all_stimuli_by_a_step_rotates_the_curves():
    responses, _ = planted_responses(400, seed=5)
    straight, rotated = fit_basis(responses, 3, 0.1), fit_basis(np.roll(responses, 1, axis=1), 3, 0.1)
    np.testing.assert_allclose(rotated.response(), np.roll(straight.response(), 1, axis=1), rtol=1e-6)


def test_scaling_a_neuron_changes_its_gain_alone():
    responses, _ = planted_responses(200, seed=6)
    scale = np.exp(np.random.default_rng(0).normal(size=200))
    straight, scaled = fit_basis(responses, 4, 0.1), fit_basis(responses * scale[:, None], 4, 0.1)
    np.testing.assert_allclose(scaled.weights, straight.weights, atol=1e-8)
    np.testing.assert_allclose(scaled.offset - straight.offset, np.log(scale), atol=1e-8)


def test_a_direction_that_was_not_recorded_is_predicted_from_the_others():
    responses, mean = planted_responses(800, seed=7)
    hidden = column_folds(np.ones((800, 16), dtype=bool), 4, np.random.default_rng(0)) == 0
    fit = fit_basis(np.where(hidden, np.nan, responses), 4, 0.0)
    error, spread = ((np.log(fit.response()) - np.log(mean))[hidden] ** 2).mean(), np.log(mean)[hidden].var()
    assert error < 0.15 * spread


def test_every_neuron_loses_the_same_share_of_its_directions_a_fold():
    folds = column_folds(np.ones((101, 16), dtype=bool), 4, np.random.default_rng(0))
    assert all(((folds == fold).sum(1) == 4).all() for fold in range(4))
    assert len(np.unique(folds, axis=0)) <= 16  # patterns: the cost of a fit stays linear in neurons


def test_the_draw_of_folds_is_the_partition_then_the_turns():
    rng = np.random.default_rng(7)
    partition, turn = rng.permutation(np.arange(16) % 4), rng.permutation(np.arange(40) % 16)
    expected = partition[(np.arange(16)[None] + turn[:, None]) % 16]
    np.testing.assert_array_equal(column_folds(np.ones((40, 16), dtype=bool), 4, np.random.default_rng(7)), expected)


def test_roughness_sees_no_constant_and_charges_fast_changes_most():
    roughness = axis_roughness(DEGREES, 360.0)
    np.testing.assert_allclose(roughness @ np.ones(16), 0.0, atol=1e-12)
    alternating = np.tile([1.0, -1.0], 8) / 4
    assert alternating @ roughness @ alternating == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: r - 10.0, "are negative. The Gamma model"),
        (lambda r: np.where(np.arange(len(r))[:, None] == 7, np.nan, r), r"1 of 20 neurons have no positive finite response, first row 7"),
    ],
)
def test_responses_the_model_cannot_carry_are_refused(spoil, message):
    with pytest.raises(ValueError, match=message):
        fit_basis(spoil(planted_responses(20, seed=8)[0]), 2, 0.0)


def test_a_rank_the_directions_cannot_carry_is_refused():
    with pytest.raises(ValueError, match="rank 16 with 16 columns: choose 1 to 15"):
        fit_basis(planted_responses(20, seed=9)[0], 16, 0.0)


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValueError, match="rank_list"):
        BasisConfig(rank_list=(2,))
