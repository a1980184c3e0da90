import numpy as np
import pytest

from graphtwin.tuning.learned import direction_columns
from graphtwin.tuning.references import OF_DIRECTIONS, interpolate_circle
from graphtwin.tuning.selection import BasisConfig, choose, hold_out
from tests.tuning.planted import planted_responses, planted_units

COLUMNS = direction_columns(planted_units(1, seed=0))


@pytest.fixture(scope="module")
def held_out():
    config = BasisConfig(ranks=(2, 4), smoothness=(0.0, 0.1))
    return hold_out(planted_responses(600, seed=11)[0], COLUMNS, config)


def test_the_planted_rank_wins_on_held_out_directions(held_out):
    assert held_out.rank == 4


def test_the_shared_basis_beats_every_single_neuron_reading_of_planted_curves(held_out):
    differences = held_out.scores[held_out.scores["metric"] == "variance_explained"].set_index("model")
    assert all(differences.loc[f"shared_basis - {name}", "low"] > 0 for name in OF_DIRECTIONS)


def test_the_score_of_the_own_mean_is_zero(held_out):
    own = held_out.scores[held_out.scores["model"] == "own_mean"]
    assert (own[["estimate", "low", "high"]] == 0).all(axis=None)


def test_neurons_without_tuning_have_no_predictable_direction():
    flat = np.random.default_rng(0).gamma(10.0, 0.1, size=(400, 16))
    scores = hold_out(flat, COLUMNS, BasisConfig(ranks=(2, 4), smoothness=(0.0,))).scores
    ours = scores[(scores["model"] == "shared_basis") & (scores["metric"] == "variance_explained")].iloc[0]
    assert -0.1 < ours["estimate"] < 0.02


def test_a_hidden_value_changes_no_prediction_of_itself():
    responses, _ = planted_responses(200, seed=12)
    config = BasisConfig(ranks=(2,), smoothness=(0.0,))
    spoiled = responses.copy()
    spoiled[3, 5] *= 1.5
    before, after = (hold_out(values, COLUMNS, config).predictions for values in (responses, spoiled))
    for name in before:
        assert before[name][3, 5] == pytest.approx(after[name][3, 5], rel=1e-6), name


def test_interpolation_around_the_circle_is_linear_between_what_was_seen():
    responses = np.array([[1.0, 9.0, 9.0, 4.0, 9.0]])
    seen = np.array([[True, False, False, True, False]])
    np.testing.assert_allclose(interpolate_circle(responses, seen), [[1.0, 2.0, 3.0, 4.0, 2.5]])


def test_a_larger_rank_must_be_better_by_more_than_its_error(held_out):
    grid = held_out.grid.assign(deviance=[1.0, 1.2, 1.1, 1.3] * (len(held_out.grid) // 4))
    assert choose(grid)[0] == 2
