"""Slopes and errors where function and wiring are both smooth in space."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from graphtwin.wiring.conditional import fit_conditional
from graphtwin.wiring.pairs import outcome_of
from graphtwin.wiring.questions import Question, adjusted, analyse, claims, sentence
from graphtwin.wiring.questions.claims import UNHELD
from graphtwin.wiring.spatial import Places, geometry_terms, places_of, robust_slopes
from graphtwin.wiring.spatial.geometry_terms import natural_spline
from graphtwin.wiring.spatial.separable import FieldCovariance, field_covariance
from graphtwin.wiring.spatial.variogram import Variogram, fit_variogram

N_TABLES = 120  # of 5 %, 1 to 13 are between 0.008 and 0.108: 99 % of such studies


def smooth(rng: np.random.Generator, position: np.ndarray, length_um: float, n: int) -> np.ndarray:
    """Gaussian fields with variance 1."""
    covariance = np.exp(-cdist(position, position, "sqeuclidean") / (2 * length_um**2)) + 1e-6 * np.eye(len(position))
    return np.linalg.cholesky(covariance) @ rng.normal(size=(len(position), n))


def tissue(seed: int, n_axons: int = 16, n_targets: int = 100, slope: float = 0.0, shared: float = 0.0) -> tuple[pd.DataFrame, Places]:
    """A sheet of 400 um in which function is smooth, and wiring has hot spots that all axons share."""
    rng = np.random.default_rng([seed, n_axons])
    position = np.c_[rng.uniform(0, 400, (n_axons + n_targets, 2)), rng.uniform(0, 100, n_axons + n_targets)]
    function = np.sqrt(0.7) * smooth(rng, position[:, :2], 120, 6) + np.sqrt(0.3) * rng.normal(size=(len(position), 6))
    function /= np.linalg.norm(function, axis=1, keepdims=True)
    similarity = function[:n_axons] @ function[n_axons:].T
    distance = cdist(position[:n_axons], position[n_axons:])
    l_d = np.where(rng.random(distance.shape) < np.exp(-distance / 250), rng.lognormal(1.5, 0.8, distance.shape), 0)
    hot = shared * smooth(rng, position[n_axons:, :2], 100, 1)[:, 0]
    rate = l_d * np.exp(slope * similarity + hot + rng.normal(0, 0.5, (n_axons, 1)))
    i, j = np.nonzero(l_d)
    pairs = pd.DataFrame({"pre_nucleus_id": 1 + i, "post_nucleus_id": 1001 + j, "l_d_um": l_d[i, j], "sim": similarity[i, j]})
    counts = rng.poisson(np.minimum(rate * 12 * n_axons / rate.sum(), 50))[i, j]
    ids = np.r_[1 + np.arange(n_axons), 1001 + np.arange(n_targets)]
    return pairs.assign(n_synapses=counts, distance_um=distance[i, j]), Places(ids, position)


def of(pairs: pd.DataFrame, places: Places | None, **options: object) -> pd.Series:
    table, reasons = robust_slopes(outcome_of(pairs, "synapse_density", ["sim"]), places, **options)
    assert not reasons
    return table.iloc[0]


def test_a_natural_spline_is_straight_beyond_its_outer_knots_and_bends_between():
    value = np.linspace(0, 1, 2001)
    basis = natural_spline(value, 3)
    bend = np.abs(np.diff(basis, 2, axis=0))
    assert basis.shape == (2001, 3)
    assert bend[:90].max() < 1e-9
    assert bend[-90:].max() < 1e-9
    assert (bend[1:].max(axis=0)[1:] > 1e-8).all()
    assert natural_spline(np.full(50, 3.0), 3).shape == (50, 0)


def test_columns_at_other_pairs_are_those_of_one_spline():
    value = np.random.default_rng(0).gamma(2.0, size=300)
    np.testing.assert_allclose(natural_spline(value, 3, value[:40]), natural_spline(value, 3)[:40], atol=1e-12)
    beyond = natural_spline(value, 3, value.max() + np.arange(4.0))
    assert np.abs(np.diff(beyond, 2, axis=0)).max() < 1e-9  # straight
    pairs, places = tissue(0)
    near = pairs[pairs["distance_um"] < 200]
    both = geometry_terms(near, places, at=pairs)
    np.testing.assert_allclose(both.loc[near.index], geometry_terms(near, places), atol=1e-12)
    assert both.index.equals(pairs.index)


def test_a_sheet_has_no_column_for_the_axis_that_it_lacks():
    pairs, places = tissue(0)
    flat = Places(places.nucleus_id, places.position_um * [1, 1, 0])
    assert [name.rsplit(",", 1)[0] for name in geometry_terms(pairs, flat)].count("offset along z") == 0
    assert sum("offset along z" in name for name in geometry_terms(pairs, places)) == 2


def test_a_variogram_is_recovered_from_maps_with_gaps():
    rng = np.random.default_rng(1)
    position = rng.uniform(0, 1000, (300, 3)) * [1, 1, 0.1]
    maps = np.sqrt(0.6) * smooth(rng, position, 90, 40).T + np.sqrt(0.4) * rng.normal(size=(40, 300)) + rng.normal(0, 5, (40, 1))
    found = fit_variogram(maps, rng.random(maps.shape) < 0.5, position)
    assert found.kernel == "gaussian"
    assert found.nugget == pytest.approx(0.4, abs=0.06)
    assert found.smooth == pytest.approx(0.6, abs=0.06)
    assert found.range_um == pytest.approx(90, rel=0.2)


def test_a_map_that_is_long_along_one_axis_has_a_variogram_of_that_shape():
    rng = np.random.default_rng(5)
    position = rng.uniform(0, 800, (300, 3)) * [1, 1, 0.1]
    maps = smooth(rng, position * [1, 4, 1], 240, 40).T + 0.5 * rng.normal(size=(40, 300))
    found = fit_variogram(maps, np.ones(maps.shape, dtype=bool), position)
    assert found.stretch[:2] == (1, 4)
    assert found.range_um == pytest.approx(240, rel=0.25)
    along_x, along_y = (found.covariance(np.zeros((1, 3)), 100.0 * np.eye(3)[[axis]])[0, 0] for axis in (0, 1))
    assert along_x > 2 * along_y


def test_what_few_maps_measure_counts_more():
    def field(alike: np.ndarray) -> FieldCovariance:
        return FieldCovariance(alike, Variogram(0.5, 0.5, 50.0, "gaussian"), np.zeros((1, 3)), np.arange(1))

    assert (field(np.eye(6)).maps, field(np.eye(6)).few_maps) == pytest.approx((6.0, 1.5))
    assert field(np.ones((6, 6))).maps == pytest.approx(1.0)
    assert field(np.ones((6, 6))).few_maps == pytest.approx(1.0)


def test_the_variance_of_a_score_is_that_over_draws_of_the_fields():
    rng = np.random.default_rng(2)
    position = rng.uniform(0, 300, (60, 3))
    alike = np.cov(rng.normal(size=(5, 8)))
    alike /= np.mean(np.diag(alike))
    covariance = FieldCovariance(alike, Variogram(0.3, 0.7, 80.0, "exponential"), position, np.arange(60))
    residual = rng.normal(size=(5, 60))
    field = np.linalg.cholesky(0.7 * np.exp(-cdist(position, position) / 80) + 0.3 * np.eye(60))
    draws = np.linalg.cholesky(alike) @ rng.normal(size=(20_000, 5, 60)) @ field.T
    scores = (draws * residual).sum(axis=(1, 2))
    variance, shared = covariance.variance(residual)
    assert np.var(scores) == pytest.approx(variance, rel=0.05)
    own = sum(np.var((draws[:, i] * residual[i]).sum(axis=1)) for i in range(5))
    assert variance - shared == pytest.approx(own, rel=0.05)


def test_many_targets_go_through_landmarks_with_the_same_variance(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(3)
    position = rng.uniform(0, 600, (500, 3)) * [1, 1, 0.2]
    maps = smooth(rng, position, 120, 6).T + 0.3 * rng.normal(size=(6, 500))
    known, residual = np.ones(maps.shape, dtype=bool), rng.normal(size=maps.shape)
    residual -= residual.mean(axis=1, keepdims=True)
    exact = field_covariance(maps, known, position, 0).variance(residual)[0]
    monkeypatch.setattr("graphtwin.wiring.spatial.separable.LANDMARKS", 250)
    assert field_covariance(maps, known, position, 0).variance(residual)[0] == pytest.approx(exact, rel=0.1)


def test_the_slope_is_that_of_the_conditional_model_with_geometry_held():
    pairs, places = tissue(4, slope=1.0)
    terms = geometry_terms(pairs, places)
    held = fit_conditional(outcome_of(pairs.assign(**terms), "synapse_density", ["sim", *terms.columns]).choices)
    row = of(pairs, places)
    assert row["estimate"] == pytest.approx(held.slope[0, 0], rel=1e-9)
    assert row["se_clustered"] == pytest.approx(held.se_axon[0, 0], rel=1e-9)
    assert row["df"] == pytest.approx(held.degrees[0, 0], rel=1e-9)
    assert row["rate_ratio"] == pytest.approx(np.exp(row["estimate"] * held.choices.scale[0]))


@pytest.mark.parametrize("name", ["synapse_density", "co_travel"])
def test_one_sd_is_the_same_in_every_group_and_model(name: str):
    pairs, places = tissue(4, slope=1.0)
    narrow = pairs["pre_nucleus_id"] % 2 == 0
    pairs = pairs.assign(sim=pairs["sim"].where(~narrow, 0.2 * pairs["sim"]), group=np.where(narrow, "narrow", "wide"))
    outcome = outcome_of(pairs, name, ["sim"], "group")
    half = Places(places.nucleus_id[:66], places.position_um[:66])  # what has no position counts among the candidates
    (robust, _), (placed, _) = robust_slopes(outcome, places), robust_slopes(outcome, half)
    conditional = outcome.per_unit(fit_conditional(outcome.choices).to_frame())
    used = pairs[pairs["l_d_um"] > 0] if name == "synapse_density" else pairs[pairs["n_synapses"] == 0]
    for table in (robust, placed, conditional):
        np.testing.assert_allclose(table["sd"], 2 * [np.std(used["sim"])])
        np.testing.assert_allclose(table["rate_ratio"], np.exp(table["estimate"] * np.std(used["sim"])))
        np.testing.assert_allclose(table["rate_ratio_low"], np.exp(table["low"] * np.std(used["sim"])))


@pytest.mark.slow
def test_hot_spots_that_axons_share_make_no_rule_and_fool_errors_over_axons():
    rows = pd.DataFrame([of(*tissue(seed, shared=1.2)) for seed in range(N_TABLES)])
    assert 0.008 <= (rows["p"] <= 0.05).mean() <= 0.108
    assert 0.008 <= (rows["p_spatial"] <= 0.05).mean() <= 0.108
    assert np.mean(np.abs(rows["estimate"] / rows["se_clustered"]) > 2.2) > 0.1
    assert rows["estimate"].std() == pytest.approx(np.sqrt((rows["se"] ** 2).mean()), rel=0.25)


@pytest.mark.slow
def test_a_planted_slope_is_covered_and_found():
    rows = pd.DataFrame([of(*tissue(seed, slope=1.5)) for seed in range(N_TABLES)])
    covered = (rows["low"] <= 1.5) & (rows["high"] >= 1.5)
    assert 0.89 <= covered.mean() <= 0.99
    assert ((rows["p"] <= 0.05) & (rows["p_spatial"] <= 0.05)).mean() > 0.8


def test_several_animals_are_the_clusters():
    pairs, places = tissue(5)
    animal = pd.Series(np.repeat(["a", "b", "c", "d"], 4), index=1 + np.arange(16))
    row = of(pairs, places, animal=animal)
    assert (row["clusters"], row["n_clusters"]) == ("animals", 4)
    assert row["df"] < 4
    single = of(pairs, places, animal=pd.Series([f"animal {k}" for k in range(16)], index=1 + np.arange(16)))
    assert single["se"] == pytest.approx(of(pairs, places)["se"])


def test_a_group_of_one_animal_has_axons_as_clusters():
    pairs, places = tissue(5)
    animal = pd.Series(np.repeat(["a", "b"], 8), index=1 + np.arange(16))
    mine = pairs[pairs["pre_nucleus_id"] <= 8]
    row, alone = of(mine, places, animal=animal), of(mine, places)
    assert (row["clusters"], row["n_clusters"]) == ("axons", 8)
    assert row["se_clustered"] == alone["se_clustered"] > 0
    assert row["df"] == alone["df"]


@pytest.mark.parametrize("few", [2, 4, 5])
def test_a_slope_on_fewer_than_five_axons_says_on_how_few_it_stands(few: int):
    pairs, places = tissue(5)
    pairs = pairs.assign(group=np.where(pairs["pre_nucleus_id"] <= few, "few axons", "others"))
    outcome = outcome_of(pairs, "synapse_density", ["sim"], "group")
    question = Question(outcome, fit_conditional(outcome.choices), 0, 0, 1, places)
    found = analyse(question)["robust slope"]()
    rows = found.frames()["robust"].set_index("group")
    assert rows.loc["few axons", "n_axons"] == few
    said = [note for note in found.notes if "stands on" in note]
    if few == 5:
        assert said == []
    else:
        degrees = f"{rows.loc['few axons', 'df']:.1f} degrees of freedom"
        assert len(said) == 1
        assert said[0].startswith(f"sim: the robust slope in few axons stands on {few} axons ({degrees}). An error over axons needs two")


def test_few_animals_are_said_as_few_axons_are():
    pairs, places = tissue(5)
    animal = pd.Series(np.repeat(["a", "b", "c", "d"], 4), index=1 + np.arange(16))
    outcome = outcome_of(pairs, "synapse_density", ["sim"])
    notes = analyse(Question(outcome, fit_conditional(outcome.choices), 0, 0, 1, places, animal))["robust slope"]().notes
    assert any("stands on 4 animals" in note and "honest one 5" in note for note in notes)


def test_an_axon_of_unknown_animal_is_no_animal_of_its_own():
    pairs, places = tissue(5)
    animal = pd.Series(["a", "b", None, "b"] * 4, index=1 + np.arange(16))
    table, reasons = robust_slopes(outcome_of(pairs, "synapse_density", ["sim"]), places, 0, animal)
    assert table.empty
    assert "animal is not known for 4 of 16 axons, first [3, 7, 11]" in reasons["all"]


def test_pairs_without_a_position_are_counted_and_left_out():
    pairs, places = tissue(6)
    half = Places(places.nucleus_id[:66], places.position_um[:66])
    row = of(pairs, half)
    assert row["n_unplaced"] == (pairs["post_nucleus_id"] > 1050).sum()
    assert row["n_pairs"] == len(pairs) - row["n_unplaced"]


def test_a_group_that_has_no_slope_is_a_reason_and_the_others_stay():
    pairs, places = tissue(7)
    pairs = pairs.assign(group=np.where(pairs["pre_nucleus_id"] == 1, "one axon", "others"))
    table, reasons = robust_slopes(outcome_of(pairs, "synapse_density", ["sim"], "group"), places)
    assert list(table["group"]) == ["others"]
    assert "fewer than 2 axons" in reasons["one axon"]


@pytest.mark.parametrize(("n_synapses", "held"), [(40, "distance"), (10, "")])
def test_few_synapses_hold_less_geometry_and_the_row_says_what(n_synapses: int, held: str):
    pairs, places = tissue(8, n_axons=8)
    made = np.flatnonzero(pairs["n_synapses"])
    keep = np.random.default_rng(0).choice(made, n_synapses, replace=False)
    few = pairs.assign(n_synapses=np.isin(np.arange(len(pairs)), keep).astype(int))
    assert of(few, places)["geometry"] == held


def test_cells_at_one_place_have_no_places():
    neurons = pd.DataFrame({"nucleus_id": [1, 2, 3], "x_um": 5.0, "depth_um": 6.0, "z_um": 7.0})
    assert places_of(neurons) is None
    assert places_of(neurons[["nucleus_id"]]) is None
    moved = neurons.assign(x_um=[5.0, np.nan, 9.0])
    assert list(places_of(moved).nucleus_id) == [1, 3]


def test_a_rule_is_claimed_where_interval_spatial_null_and_correction_agree():
    pairs, places = tissue(9, slope=2.5)
    table = adjusted(pd.DataFrame([of(pairs, places)]))
    (entry,) = claims(table)
    assert entry["claimed"]
    assert entry["why_not"] == []
    assert f"one SD of sim multiplies synapses by {entry['rate_ratio']:.2f}" in sentence([entry], "synapses")
    (unplaced,) = claims(adjusted(pd.DataFrame([of(pairs, None)])))
    assert not unplaced["claimed"]
    assert unplaced["p_spatial"] is None
    assert "positions of the cells are not known" in unplaced["why_not"][0]
    (crowded,) = claims(table.assign(p_adj=0.2))
    assert not crowded["claimed"]
    assert "adjusted for all similarities" in crowded["why_not"][0]
    (smooth_alone,) = claims(table.assign(p_spatial=0.3))
    assert "no rule of sim is claimed: equally smooth function" in sentence([smooth_alone], "synapses")


def test_each_group_has_its_own_reason_in_the_sentence():
    reasons = {"V1->V1": "too few axons.", "V1->HVA": "the interval holds 0", "HVA->V1": "too few axons."}
    entries = [{"similarity": "sim", "group": group, "claimed": False, "why_not": [reason]} for group, reason in reasons.items()]
    said = sentence(entries, "synapses")
    assert said.endswith("no rule of sim is claimed in V1->V1, HVA->V1: too few axons; in V1->HVA: the interval holds 0.")


def test_families_are_corrected_apart():
    table = pd.DataFrame({"null": ["a", "a", "b", "b"], "p": [0.01, 0.04, 0.03, np.nan]})
    found = adjusted(table, ["null"])
    assert found["p_adj"].to_list()[:3] == pytest.approx([0.02, 0.04, 0.03])
    assert found["q"].to_list()[:3] == pytest.approx([0.02, 0.04, 0.03])
    assert np.isnan(found["p_adj"].iloc[3])


def test_the_sentence_says_that_distance_was_held_only_where_it_was():
    entry = {"similarity": "a", "group": "all", "claimed": False, "why_not": ["the interval holds 0 (p = 0.4)"]}
    unheld = entry | {"similarity": "b", "why_not": [*entry["why_not"], UNHELD]}
    assert sentence([entry, unheld], "synapses").startswith("With distance and each axon's total held, no rule of a")
    assert sentence([unheld], "synapses") == "With each axon's total held, no rule of b is claimed: the interval holds 0 (p = 0.4)."
