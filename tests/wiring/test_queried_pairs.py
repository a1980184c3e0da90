"""Like-to-like without L_d: a planted rule is found, and one that place explains is not once geometry is held."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.wiring.questions.queried_pairs import GEOMETRY, Exposed, queried_pairs, slopes_of
from tests.wiring.test_like_to_like import planted

pytestmark = pytest.mark.slow


def fitted(slope: float, seed: int, popularity: float = 0.0, n_axons: int = 80, gradient: float = 1.0) -> pd.DataFrame:
    pairs, posts, neurons, measure = planted(slope, seed, n_axons=n_axons, n_posts=150, popularity=popularity, gradient=gradient)
    return slopes_of(queried_pairs(pairs, posts, neurons, measure), measure, neurons, seed, 39).set_index("model")


def test_pairs_are_all_observed_axons_with_all_queried_cells():
    made, posts, neurons, measure = planted(0.0, 0)
    table = queried_pairs(made, posts, neurons, measure)
    axons = made["pre_nucleus_id"].unique()
    assert len(table) == len(axons) * len(posts)
    assert table["n_synapses"].sum() == len(made)
    key = ["pre_nucleus_id", "post_nucleus_id"]
    pd.testing.assert_frame_equal(
        table.loc[table["n_synapses"] > 0, key].reset_index(drop=True), made.sort_values(key, ignore_index=True)[key]
    )


def test_geometry_is_that_of_the_somata():
    made, posts, neurons, measure = planted(0.0, 0)
    row = queried_pairs(made, posts, neurons, measure).iloc[7]
    place = neurons.set_index("nucleus_id")[["x_um", "depth_um", "z_um"]]
    offset = place.loc[row["post_nucleus_id"]].to_numpy() - place.loc[row["pre_nucleus_id"]].to_numpy()
    distance, depth = np.linalg.norm(offset), abs(offset[1])
    np.testing.assert_allclose(row[list(GEOMETRY)].to_numpy(float), [distance, distance**2, depth, depth**2])


def test_cells_without_a_position_take_no_part():
    made, posts, neurons, measure = planted(0.0, 0)
    lost = neurons.assign(depth_um=neurons["depth_um"].where(neurons["nucleus_id"] != posts[3]))
    assert posts[3] not in set(queried_pairs(made, posts, lost, measure)["post_nucleus_id"])


def test_a_planted_rule_is_found_with_geometry_held():
    found = fitted(1.5, 0).loc["with geometry"]
    assert found["low"] > 0.5
    assert found["p_null"] == 1 / 40  # the least that 39 replicates can say


def test_the_robust_slope_finds_the_rule_too_and_holds_more_of_the_geometry():
    found = fitted(1.5, 0, gradient=0.0)
    robust, held = found.loc["robust"], found.loc["with geometry"]
    assert robust["low"] > 0.5
    assert robust["p_spatial"] <= 0.01
    assert "offset between x and z" in robust["geometry"]
    assert abs(robust["estimate"] - held["estimate"]) < 2 * held["se"]
    assert robust["rate_ratio_low"] == pytest.approx(np.exp(robust["low"] * robust["sd"]))
    assert held["rate_ratio_low"] == pytest.approx(np.exp(held["low"] * held["sd"]))


def test_similarity_that_decides_who_meets_is_no_rule_within_exposure():
    """Axons come near cells that are like them, and connect to those whom they meet as much as they meet them."""
    pairs, posts, neurons, measure = planted(0.0, 3, n_axons=80, n_posts=150, gradient=0.0)
    row = pd.Series(range(len(measure.nucleus_id)), index=measure.nucleus_id)

    def of(pre, post):
        like = measure.likeness(row[pre].to_numpy(), row[post].to_numpy())
        return np.where((pre * 7 + post) % 3 > 0, np.exp(3 * like), 0.0)  # a third never meet

    rng, axons = np.random.default_rng(0), np.unique(pairs["pre_nucleus_id"])
    pre, post = np.repeat(axons, len(posts)), np.tile(posts, len(axons))
    made = pd.DataFrame({"pre_nucleus_id": pre, "post_nucleus_id": post})[rng.random(len(pre)) < 0.1 * of(pre, post)]
    everywhere = slopes_of(queried_pairs(made, posts, neurons, measure), measure, neurons, 0, 9).set_index("model")
    met = queried_pairs(made, posts, neurons, measure, Exposed("contact area", of))
    within = slopes_of(met, measure, neurons, 0, 9).set_index("model")
    assert len(met) < 0.7 * len(pre)
    np.testing.assert_allclose(met["l_d_um"], of(met["pre_nucleus_id"].to_numpy(), met["post_nucleus_id"].to_numpy()))
    for model in ("alone", "with geometry", "robust"):
        assert everywhere.loc[model, "low"] > 2
        assert within.loc[model, "low"] < 0 < within.loc[model, "high"]


def test_function_that_is_one_gradient_through_the_tissue_is_no_proof_of_a_rule():
    robust = fitted(1.5, 0, gradient=3.0).loc["robust"]
    assert robust["low"] > 0  # who connects does follow similarity
    assert robust["p_spatial"] > 0.05  # but another gradient would have done as well


def test_cells_in_one_plane_have_their_distance_held_and_can_be_permuted():
    pairs, posts, neurons, measure = planted(1.5, 0, n_axons=80, n_posts=150, gradient=0.0)
    flat = neurons.assign(depth_um=7.0)
    held = slopes_of(queried_pairs(pairs, posts, flat, measure), measure, flat, 0, 39).set_index("model").loc["with geometry"]
    assert held["note"] == ""
    assert held["low"] > 0.5
    assert held["p_null"] == 1 / 40  # the least that 39 replicates can say


def test_where_there_is_no_robust_slope_its_reason_stands_in_its_place():
    pairs, posts, neurons, measure = planted(1.5, 0, n_axons=80, n_posts=150)
    choices = queried_pairs(pairs, posts, neurons, measure)
    two = neurons.assign(x_um=neurons["x_um"].where(neurons["nucleus_id"].isin(posts[:2])))  # no axon has a position
    robust = slopes_of(choices, measure, two, 0, 9).set_index("model").loc["robust"]
    assert np.isnan(robust["estimate"])
    assert "positions" in robust["note"]


def test_a_slope_that_place_makes_is_gone_once_geometry_is_held():
    t = pd.DataFrame([fitted(0.0, seed)["t"] for seed in range(30)])
    assert t["alone"].mean() > 1.0  # function varies smoothly with place, and near cells connect
    assert abs(t["with geometry"].mean()) < 0.8


def test_without_a_rule_the_null_calls_one_in_twenty():
    p = [fitted(0.0, 100 + seed, popularity=0.7, n_axons=40).loc["with geometry", "p_null"] for seed in range(60)]
    assert np.mean(np.array(p) <= 0.05) <= 0.15  # 5 % expected; binomial 99.9 % limit, n = 60
