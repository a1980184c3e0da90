"""Function of any kind: columns with gaps and signs teach a basis, and the embeddings carry what neurons share."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.tuning.basis import fit_basis
from graphtwin.tuning.column_folds import column_folds
from graphtwin.tuning.embeddings import embedding_columns
from graphtwin.tuning.features import node_features
from graphtwin.tuning.learned import learn_embeddings
from graphtwin.tuning.noise import Noise
from graphtwin.tuning.references import alike_mean, interpolate_axes, low_rank
from graphtwin.tuning.roughness import axis_roughness, roughness_of
from graphtwin.tuning.selection import BasisConfig, hold_out
from graphtwin.tuning.similarity import function_correlation, signal_correlation
from tests.tuning.planted import any_columns, planted_function

GAUSSIAN = Noise("gaussian")
FREE = np.zeros((24, 24))


def fitted(values: np.ndarray, rank: int, noise: Noise = GAUSSIAN, roughness: np.ndarray = FREE, smoothness: float = 0.0):
    return fit_basis(values, rank, smoothness, None, noise, roughness)


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cosines of the angles between two subspaces."""
    return np.linalg.svd(one @ other.T, compute_uv=False)


@pytest.mark.parametrize("gaps", [0.0, 0.4])
def test_a_planted_basis_of_any_sign_is_recovered_with_the_responses_behind_gaps(gaps):
    values, basis, clean = planted_function(300, 24, 2, seed=1, gaps=gaps)
    fit = fitted(values, 2)
    assert cosines(basis, fit.basis).min() > 0.99
    hidden = np.isnan(values)
    assert np.corrcoef(fit.response()[hidden | (gaps == 0)], clean[hidden | (gaps == 0)])[0, 1] > 0.97
    np.testing.assert_allclose(fit.basis @ fit.basis.T, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(fit.basis.sum(1), 0.0, atol=1e-9)


def test_gaps_at_random_do_not_bias_the_weights():
    values, _, _ = planted_function(300, 24, 1, seed=2, noise=0.3)
    whole = fitted(values, 1).weights[:, 0]
    gone = np.random.default_rng(0).random(values.shape) < 0.4
    with_gaps = fitted(np.where(gone, np.nan, values), 1).weights[:, 0]
    slope = (whole @ with_gaps) / (whole @ whole)
    assert abs(slope - 1.0) < 0.06
    assert np.corrcoef(whole, with_gaps)[0, 1] > 0.97


def test_gain_and_offset_of_a_neuron_change_nothing_but_themselves():
    values, _, _ = planted_function(120, 24, 2, seed=3, gaps=0.2)
    rng = np.random.default_rng(0)
    scale, shift = np.exp(rng.normal(size=120)), 5.0 * rng.normal(size=120)
    plain, moved = fitted(values, 2), fitted(values * scale[:, None] + shift[:, None], 2)
    np.testing.assert_allclose(moved.weights, plain.weights, atol=1e-6)
    np.testing.assert_allclose(moved.response(), plain.response() * scale[:, None] + shift[:, None], rtol=1e-5, atol=1e-5)


def test_noise_of_columns_and_of_neurons_is_found_and_chosen():
    rng = np.random.default_rng(4)
    of_columns, of_neurons = np.exp(rng.normal(size=24)), np.exp(rng.normal(size=(200, 1)))
    config = BasisConfig(ranks=(2,), folds=2)
    for noise, name in ((0.4 * of_columns, "column"), (0.4 * of_neurons, "neuron")):
        held_out = hold_out(planted_function(200, 24, 2, seed=5, noise=noise)[0], any_columns(24), config)
        assert held_out.noise == Noise("gaussian", name)
    basis = fitted(planted_function(400, 24, 2, seed=6, noise=0.4 * of_columns)[0], 2, Noise("gaussian", "column"))
    assert np.corrcoef(np.log(basis.column_variance), 2 * np.log(of_columns))[0, 1] > 0.9


def test_gamma_noise_is_chosen_for_activity_that_scatters_with_its_size_and_cannot_be_for_negative_values():
    values, _, clean = planted_function(150, 12, 2, seed=7)
    rates = np.exp(clean / 2) * np.random.default_rng(0).gamma(6.0, 1 / 6.0, clean.shape)
    config = BasisConfig(ranks=(2,), folds=2)
    assert hold_out(rates, any_columns(12), config).noise == Noise("gamma")
    assert hold_out(rates, any_columns(12, noise="gaussian"), config).noise.family == "gaussian"
    assert "gamma" not in set(hold_out(values, any_columns(12), config).noises["noise"])


def test_the_planted_rank_is_chosen_and_beats_every_simpler_model():
    values, _, _ = planted_function(250, 24, 3, seed=8, gaps=0.3)
    held_out = hold_out(values, any_columns(24), BasisConfig(ranks=(1, 2, 3, 4, 6), folds=3))
    assert held_out.rank == 3
    differences = held_out.scores[held_out.scores["metric"] == "variance_explained"].set_index("model")["low"]
    names = ["neighbours", "svd", "neuron_and_column_mean", "column_mean", "own_mean"]
    assert all(differences[f"shared_basis - {name}"] > 0 for name in names)


def test_noise_alone_is_not_explained():
    values = np.random.default_rng(0).normal(size=(150, 20))
    scores = hold_out(values, any_columns(20), BasisConfig(ranks=(1, 2), folds=2)).scores
    ours = scores[(scores["model"] == "shared_basis") & (scores["metric"] == "variance_explained")].iloc[0]
    assert -0.1 < ours["estimate"] < 0.02


@pytest.mark.parametrize("seed", [9, 10])
def test_a_smooth_curve_at_uneven_places_is_recovered_better_with_the_penalty_of_its_line(seed):
    rng = np.random.default_rng(seed)
    places = np.sort(rng.uniform(0, 10, 24))
    true = np.sin(places)[None] - np.sin(places).mean()
    values = rng.normal(size=(40, 1)) * true + 1.5 * rng.normal(size=(40, 24))
    found = [fitted(values, 1, GAUSSIAN, axis_roughness(places), smoothness).basis for smoothness in (0.0, 3.0)]
    rough, smooth = (cosines(true / np.linalg.norm(true), basis)[0] for basis in found)
    assert smooth > rough


def test_roughness_charges_no_straight_line_at_uneven_places_and_an_alternation_once():
    places = np.array([0.0, 1.0, 2.5, 7.0, 3.0])
    form = axis_roughness(places)
    np.testing.assert_allclose(form @ places, 0.0, atol=1e-12)
    np.testing.assert_allclose(form @ np.ones(5), 0.0, atol=1e-12)
    assert np.linalg.eigvalsh(form)[2] > 1e-3  # all else is charged
    wave = np.tile([1.0, -1.0], 6) / np.sqrt(12)
    assert wave @ axis_roughness(np.arange(12) * 30.0, 360.0) @ wave == pytest.approx(1.0)
    turned = axis_roughness((np.arange(12) * 30.0 + 200.0) % 360.0, 360.0)
    np.testing.assert_allclose(turned, axis_roughness(np.arange(12) * 30.0, 360.0), atol=1e-12)
    both = pd.concat([any_columns(3), any_columns(5, table="u", axis="linear").assign(position=places)])
    np.testing.assert_allclose(roughness_of(both)[3:, 3:], form)
    assert not roughness_of(both)[:3].any()


def test_a_smooth_basis_of_many_columns_is_that_of_few_whatever_solves_it(monkeypatch):
    values, _, _ = planted_function(60, 24, 2, seed=11)
    roughness = axis_roughness(np.arange(24.0))
    dense = fitted(values, 2, GAUSSIAN, roughness, 0.3).response()
    monkeypatch.setattr("graphtwin.tuning.basis.DENSE", 10)
    np.testing.assert_allclose(fitted(values, 2, GAUSSIAN, roughness, 0.3).response(), dense, rtol=1e-6, atol=1e-8)


def test_of_a_very_large_table_some_neurons_teach_the_basis_and_all_are_read_out(monkeypatch):
    values, basis, _ = planted_function(300, 24, 2, seed=12, gaps=0.2)
    whole = fitted(values, 2)
    monkeypatch.setattr("graphtwin.tuning.basis.LARGEST_FIT", 150 * 24)
    monkeypatch.setattr("graphtwin.tuning.basis.CHUNK", 70 * 24)
    part = fitted(values, 2)
    assert part.weights.shape == whole.weights.shape
    assert cosines(basis, part.basis).min() > 0.98
    assert np.corrcoef(part.response().ravel(), whole.response().ravel())[0, 1] > 0.995


def test_every_neuron_with_gaps_loses_a_fair_share_of_what_it_has_and_frames_are_lost_in_runs():
    measured = np.random.default_rng(0).random((50, 12)) > 0.5
    folds = column_folds(measured, 3, np.random.default_rng(0))
    counts = np.array([[((folds[row] == fold) & measured[row]).sum() for fold in range(3)] for row in range(50)])
    assert (counts.max(1) - counts.min(1) <= 1).all()
    frames = column_folds(
        np.ones((12, 12), dtype=bool), 3, np.random.default_rng(0), any_columns(12, axis="linear", position=np.arange(12.0))
    )
    assert ((np.roll(frames, 1, axis=1) != frames).sum(1) == 3).all()  # three runs, around the end


def test_simpler_models_say_what_their_names_promise():
    seen = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 1, 1]], dtype=bool)
    scaled = np.array([[1.0, -1.0, 0.0], [1.0, -1.0, 4.0], [-1.0, 1.0, -6.0], [2.0, -2.0, 2.0]])
    full = np.vstack([scaled] * 2)[:, :2]
    rank_one = np.outer([1.0, 2.0, -1.0, 0.5], [3.0, 1.0, -4.0])
    hidden = np.ones((4, 3), dtype=bool)
    hidden[0, 2] = False
    np.testing.assert_allclose(low_rank(np.where(hidden, rank_one, 0), hidden, np.zeros(3), 1)[0, 2], -4.0, rtol=0.35)
    assert full.shape == (8, 2)
    by_hand = (4.0 + 2.0 - 6.0 + 0.0) / 4.0  # all three others and the column's mean, 0
    many = np.tile(seen, (1, 2)), np.tile(scaled, (1, 2))
    assert alike_mean(many[1], many[0], np.zeros(6))[0, 2] == pytest.approx(by_hand)
    known = np.array([[1.0, np.nan, 4.0, np.nan]])
    places = any_columns(4, axis="linear").assign(position=[0.0, 1.0, 3.0, 5.0])
    np.testing.assert_allclose(interpolate_axes(known, np.array([2.5]), places), [[1.0, 2.0, 4.0, 4.0]])


def test_correlation_over_shared_columns_is_that_of_numpy_and_needs_five():
    values = np.random.default_rng(0).normal(size=(4, 9)) + 100.0
    a, b = np.array([0, 0, 1]), np.array([1, 2, 2])
    np.testing.assert_array_equal(function_correlation(values, a, b), signal_correlation(values, a, b))
    values[0, [1, 4]], values[1, 7], values[2, 2:7] = np.nan, np.nan, np.nan
    shared = np.isfinite(values[0]) & np.isfinite(values[1])
    found = function_correlation(values, a, b)
    assert found[0] == pytest.approx(np.corrcoef(values[0, shared], values[1, shared])[0, 1])
    assert np.isnan(found[1:]).all()


def retina_like(n: int = 160, wander: float = 0.5, noise: float = 1.8, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Units of four types that answer to a movie of 40 frames, with noise that wanders, and the types."""
    rng = np.random.default_rng(seed)
    time = np.arange(40) / 10.0
    kind = np.arange(n) % 4
    answer = np.sin(2 * np.pi * time[None] * np.array([0.5, 0.5, 1.0, 1.0])[:, None] + np.array([0.0, 1.0, 0.0, 1.0])[:, None])
    slow = np.apply_along_axis(np.convolve, 1, rng.normal(size=(n, 49)), np.ones(10) / 10, "valid")
    values = np.exp(0.4 * rng.normal(size=(n, 1))) * (answer[kind] + noise * rng.normal(size=(n, 40)) + wander * slow) - 0.5
    columns = any_columns(40, axis="linear").assign(position=time)
    keys = {"session": 1, "scan_idx": 1, "unit_id": np.arange(n), "nucleus_id": np.arange(n)}
    return pd.DataFrame({**keys, **dict(zip(columns["column"], values.T, strict=True))}), columns, kind


@pytest.mark.parametrize(("n", "wander", "noise", "told_by"), [(240, 0.3, 1.3, "embedding"), (160, 2.0, 1.8, "features")])
def test_types_of_held_out_neurons_are_told_better_than_by_the_raw_columns(n, wander, noise, told_by):
    """Where noise wanders, held-out runs of frames allow few components: the embedding is small, and the features are not."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    units, columns, kind = retina_like(n, wander, noise)
    learned = learn_embeddings(units, BasisConfig(ranks=(1, 2, 3, 4), smoothness=(0.0, 1.0), folds=3), columns)
    raw = units[list(columns["column"])].to_numpy()
    vectors = learned.embeddings[embedding_columns(learned.embeddings)].to_numpy()
    frame = node_features(units[["session", "scan_idx", "unit_id", "nucleus_id"]], learned.embeddings, None, units)
    features = frame[[name for name in frame if name.startswith("feature_")]].to_numpy()
    read = {"embedding": vectors, "features": features, "raw": raw}
    found = {name: cross_val_score(LogisticRegression(max_iter=500), x, kind, cv=4).mean() for name, x in read.items()}
    assert found[told_by] > found["raw"] + 0.02
    assert np.corrcoef(frame["feature_amplitude"], raw.std(1))[0, 1] > 0.8


def test_where_a_neuron_was_measured_tells_nothing_of_its_type():
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    rng = np.random.default_rng(3)
    kind = np.arange(150) % 2
    measured = rng.random((150, 30)) < np.where((np.arange(30) < 15) == (kind == 0)[:, None], 0.9, 0.3)
    columns = any_columns(30, noise="gaussian")
    keys = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(150), "nucleus_id": np.arange(150)})
    units = keys.join(pd.DataFrame(np.where(measured, rng.normal(size=(150, 30)), np.nan), columns=columns["column"]))
    learned = learn_embeddings(units, BasisConfig(ranks=(2,), folds=2), columns)
    frame = node_features(keys, learned.embeddings, None, units)
    found = [cross_val_score(LogisticRegression(), x, kind, cv=4).mean() for x in (measured, frame.filter(like="feature_").to_numpy())]
    assert found[0] > 0.95
    assert found[1] < 0.62  # 0.5 by chance, binomial 99 % interval to 0.61


def test_units_with_too_few_values_or_without_change_are_left_out_and_counted():
    units, columns, _ = retina_like(40)
    names = list(columns["column"])
    units.loc[3, names[2:]] = np.nan
    units.loc[5, names] = 1.5
    learned = learn_embeddings(units, BasisConfig(ranks=(1, 2), smoothness=(0.0,), folds=2), columns)
    assert learned.funnel["n_dropped"].tolist() == [1, 1]
    assert set(units["unit_id"]) - set(learned.embeddings["unit_id"]) == {3, 5}
    with pytest.raises(ValueError, match="1 of 40 units can be read"):
        learn_embeddings(units.assign(**dict.fromkeys(names, 0.0)).where(units["unit_id"] > 0, units), BasisConfig(), columns)


def test_two_columns_and_twenty_neurons_are_enough():
    values = np.random.default_rng(1).normal(size=(20, 2))
    held_out = hold_out(values, any_columns(2), BasisConfig(ranks=(1, 2)))
    assert held_out.rank == 1
    assert np.isfinite(held_out.explained).all()
