"""Claims: clusters are found where there are valleys, continua of any shape are called none, and known types are agreed with or not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from graphtwin.clusters import CLASSIFIER, TypesConfig, agreement_with_known, principal, types_in
from graphtwin.clusters.found_types import continuum_like, over_widths, second_modes
from graphtwin.clusters.mixtures import choose_mixture, stability_of
from graphtwin.clusters.valleys import basins, densities_of, prominences

DIMENSIONS = 6
CONFIG = TypesConfig(seeds=2, permutations=39)


def normal(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, DIMENSIONS)) * np.linspace(1, 0.4, DIMENSIONS)


def skewed(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).gamma(1.5, size=(n, DIMENSIONS)) * np.linspace(1, 0.4, DIMENSIONS)


def ring(n: int, seed: int) -> np.ndarray:
    """Neurons by preferred direction: no type among them."""
    rng = np.random.default_rng(seed)
    angle, points = rng.uniform(0, 2 * np.pi, n), rng.normal(size=(n, DIMENSIONS)) * 0.2
    points[:, 0] += np.cos(angle)
    points[:, 1] += np.sin(angle)
    return points


def clusters(n: int, seed: int, apart: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    """Three normal clusters whose centres lie at corners of a triangle, with the number of the cluster of each point."""
    rng = np.random.default_rng(seed)
    label = rng.integers(3, size=n)
    centres = np.zeros((3, DIMENSIONS))
    centres[np.arange(3), np.arange(3)] = apart / np.sqrt(2)
    return centres[label] + rng.normal(size=(n, DIMENSIONS)), label


def test_separated_clusters_are_found_and_a_mixture_has_as_many_parts():
    points, label = clusters(400, seed=1)
    found = types_in(points, CONFIG)
    assert found.n_types == 3
    assert adjusted_rand_score(label, found.type_found) > 0.97
    assert found.p_value == pytest.approx(0.05)
    assert found.choice.n_components == 3
    assert found.stability.over_halves > 0.97
    assert (np.diff(np.bincount(found.type_found)) <= 0).all()


@pytest.mark.parametrize("cloud", [normal, skewed, ring])
def test_continua_are_called_clusters_at_no_more_than_the_nominal_rate(cloud):
    wrong = 0
    for seed in range(25):
        points = principal(cloud(300, seed), DIMENSIONS)
        rng = np.random.default_rng(seed)
        _, deepest = over_widths(np.array([second_modes(points)] + [second_modes(continuum_like(points, rng)) for _ in range(19)]))
        wrong += deepest[0] > deepest[1:].max()
    assert wrong <= 4  # 5 % of 25 expected at most; five or more have probability .007


def test_many_small_clusters_are_found_which_a_wide_density_blurs():
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(30), 40)
    points = (rng.normal(size=(30, DIMENSIONS)) * 6)[label] + rng.normal(size=(1200, DIMENSIONS))
    found = types_in(points, CONFIG)
    assert found.n_neighbours < 35  # the root of their number
    assert found.n_types >= 20
    assert len(found.modes) >= found.modes["is_type"].sum() == found.n_types - 1
    assert found.choice.n_components >= 20


def test_a_width_in_which_one_cloud_of_many_stands_out_is_its_largest():
    unit, largest = over_widths(np.array([[1.0, 9.0], [2.0, 1.0], [3.0, 2.0], [2.0, 3.0], [1.0, 1.0]]))
    assert unit == pytest.approx([2.0, 2.0])
    assert largest == pytest.approx([4.5, 1.0, 1.5, 1.5, 0.5])
    assert (over_widths(np.zeros((20, 2)))[1] == 0).all()


def test_a_continuum_that_is_bent_asks_for_many_parts_and_has_one_type():
    found = types_in(ring(600, seed=3), CONFIG)
    assert found.choice.n_components > 2
    assert found.n_types == 1
    assert not found.modes["is_type"].any()
    assert (found.type_found == 0).all()


def test_modes_do_not_depend_on_rotation_order_or_scale():
    points, _ = clusters(300, seed=2)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(DIMENSIONS, DIMENSIONS)))[0]
    order = np.random.default_rng(1).permutation(len(points))
    one = second_modes(points)
    np.testing.assert_allclose(second_modes(points @ turn), one, rtol=1e-6)
    np.testing.assert_allclose(second_modes(points[order]), one, rtol=1e-6)
    np.testing.assert_allclose(second_modes(7 * points + 3), one, rtol=1e-6)


def test_the_valley_between_two_flat_blocks_is_as_deep_as_it_was_made():
    """On a line with one block, a tenth of its density between, and another block, log density falls by ln 10."""
    line = np.concatenate([np.linspace(0, 1, 4000), np.linspace(1, 2, 400), np.linspace(2, 3, 4000)])[:, None]
    widest = densities_of(line)[-1]
    assert prominences(widest)[0] == pytest.approx(np.log(10), abs=0.1)
    parts = basins(widest, 1.0)
    assert sorted(np.bincount(parts)[:2].round(-3)) == [4000, 4000]
    assert parts.max() == 1


def test_clusters_without_any_path_between_them_are_two_and_a_few_points_far_off_join_the_nearest():
    points, label = clusters(300, seed=9, apart=40.0)
    points[:5] = points[label == 2].mean(0) + 25.0 * np.eye(DIMENSIONS)[:5]
    density = densities_of(points)[-1]
    found = prominences(density)
    assert len(found) == 2
    assert found.min() > 3
    assert adjusted_rand_score(label[5:], basins(density, 1.0)[5:]) == 1.0
    assert basins(density, 1.0).max() == 2


def test_neurons_of_one_embedding_do_not_stop_the_search():
    points, _ = clusters(300, seed=4)
    points[:30] = points[0]
    assert np.isfinite(second_modes(points)).all()


def test_a_mixture_is_chosen_by_neurons_it_never_saw():
    assert choose_mixture(normal(500, seed=5), seed=0).n_components == 1
    points, _ = clusters(500, seed=5)
    tried = choose_mixture(points, seed=0).tried.set_index(["shape", "n_components"])["log_likelihood"]
    assert tried["diag", 3] > tried["diag", 1] + 0.3
    assert tried["diag", 3] > tried["diag", 6]


def test_parts_of_clusters_agree_and_parts_of_one_normal_do_not():
    assert stability_of(clusters(300, seed=6)[0], 3, "diag", 2, seed=0).over_halves > 0.97
    assert stability_of(normal(300, seed=6), 3, "diag", 2, seed=0).over_halves < 0.6


def test_known_types_that_are_the_clusters_are_agreed_with_and_dealt_ones_are_not():
    points, label = clusters(400, seed=7)
    scan = np.arange(400) % 2
    names = np.array(["A", "B", "C"], dtype=object)[label]
    agreed = agreement_with_known(points, {"found": label}, names, scan, 39, seed=0).set_index(["method", "metric"])
    assert agreed.loc[("found", "adjusted_rand"), "estimate"] == 1.0
    assert agreed.loc[("found", "adjusted_rand"), "p"] == pytest.approx(1 / 40)
    assert agreed.loc[(CLASSIFIER, "balanced_accuracy"), "estimate"] > 0.95
    dealt = np.random.default_rng(0).permutation(names)
    chance = agreement_with_known(points, {"found": label}, dealt, scan, 39, seed=0).set_index(["method", "metric"])
    assert chance.loc[("found", "adjusted_rand"), "low"] < 0 < chance.loc[("found", "adjusted_rand"), "high"]
    assert chance.loc[("found", "adjusted_rand"), "p"] > 0.05
    assert abs(chance.loc[(CLASSIFIER, "balanced_accuracy"), "estimate"] - 1 / 3) < 0.1


def test_types_along_a_continuum_are_told_by_a_classifier_and_are_no_clusters():
    points = normal(400, seed=8)
    names = np.where(points[:, 0] > 0, "deep", "shallow").astype(object)
    names[:40] = None
    table = agreement_with_known(points, {}, names, np.zeros(400, np.int64), 39, seed=0).set_index("method")
    assert table.loc[CLASSIFIER, "estimate"] > 0.9
    assert table.loc[CLASSIFIER, "n"] == 360
    assert types_in(points, CONFIG).n_types == 1


def test_too_few_neurons_or_one_vector_or_one_type_are_told_in_words():
    with pytest.raises(ValueError, match="types: 30 neurons, 60 are needed"):
        principal(normal(30, seed=0), 4)
    with pytest.raises(ValueError, match="all 80 embeddings are the same vector"):
        principal(np.ones((80, 3)), 4)
    with pytest.raises(ValueError, match="80 of 80 embeddings equal 20 others or more each"):
        types_in(np.repeat(np.eye(2), 40, axis=0), CONFIG)
    with pytest.raises(ValueError, match="80 neurons of 1 known types with 20 neurons or more"):
        agreement_with_known(normal(80, seed=0), {}, np.full(80, "A", dtype=object), np.zeros(80, np.int64), 19, seed=0)
