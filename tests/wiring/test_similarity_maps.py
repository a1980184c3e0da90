"""Claims: maps are what the pairs say, less what the test holds; what is missing is drawn as it could have been, or refused.

Ordinary pair tables are those of `neighbourhoods`: each axon has the candidates that are nearest to it, and no other pair is known.
"""

import re
from dataclasses import replace

import numpy as np
import pytest

from graphtwin.wiring.pairs.measure import Measure
from graphtwin.wiring.spatial import kriged_maps
from graphtwin.wiring.spatial.completed_maps import axon_covariance, complete_maps
from graphtwin.wiring.spatial.kriged_maps import krige_maps
from graphtwin.wiring.spatial.places import Places
from graphtwin.wiring.spatial.separable import FieldCovariance
from graphtwin.wiring.spatial.similarity_maps import similarity_maps
from graphtwin.wiring.spatial.variogram import Variogram
from tests.wiring.smooth_tissue import SIMILARITY, neighbourhoods, smooth_tissue


def without_rows(outcome, dropped):
    return replace(outcome, table=outcome.table.drop(index=dropped))


def far_rows(outcome, share, seed=0):
    table = outcome.table
    return np.random.default_rng(seed).choice(table.index[table["l_d_um"] == 0], int(share * len(table)), replace=False)


def test_the_score_of_the_maps_is_that_of_the_pairs():
    tissue = smooth_tissue(0, "own")
    maps = similarity_maps(tissue.outcome, SIMILARITY, tissue.places, 0)
    assert maps.test.others.shape[1] == 15  # distance, and the offset along each axis and between them
    score = (maps.residual(0) * maps.value[0]).sum()
    assert score == pytest.approx(maps.test.observed()[0, 0], abs=1e-3 * np.sqrt(maps.test.observed()[0, 1]))
    assert maps.value[0].mean(1) == pytest.approx(0, abs=1e-9)


def test_a_measure_gives_the_maps_of_the_table():
    tissue = smooth_tissue(1)
    by_table = similarity_maps(tissue.outcome, SIMILARITY, tissue.places, 0)
    by_measure = similarity_maps(tissue.outcome, SIMILARITY, tissue.places, 0, tissue.measure)
    np.testing.assert_allclose(by_measure.value, by_table.value, atol=1e-9)


def test_candidates_are_the_same_in_every_draw_of_what_is_missing():
    tissue = smooth_tissue(2)
    maps = similarity_maps(without_rows(tissue.outcome, far_rows(tissue.outcome, 0.2)), SIMILARITY, tissue.places, 0)
    assert maps.missing == pytest.approx(0.2, abs=0.01)
    scores = [(maps.residual(0) * one).sum() for one in maps.value]
    assert len(scores) == 20
    np.testing.assert_allclose(scores, maps.test.observed()[0, 0], atol=1e-3 * np.sqrt(maps.test.observed()[0, 1]))


def test_missing_entries_are_drawn_with_their_noise():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 200)) + 0.5 * rng.normal(size=(30, 200))
    gap = rng.random(truth.shape) < 0.3
    drawn = complete_maps(np.where(gap, np.nan, truth), 200, 0)
    assert (drawn[:, ~gap] == truth[~gap]).all()
    mean, sd = drawn.mean(0)[gap], drawn.std(0)[gap]
    assert np.std(truth[gap] - mean) == pytest.approx(0.5, rel=0.15)  # the noise is all that is not foreseen
    assert np.mean(np.abs(truth[gap] - mean) < 1.96 * sd) == pytest.approx(0.95, abs=0.03)


def test_maps_with_nearly_all_entries_missing_are_refused():
    tissue = neighbourhoods(smooth_tissue(3, n_targets=400), 0.06)
    with pytest.raises(ValueError, match=r"cosine is not known for \d+ of \d+ axons with targets .* Give the cells' function"):
        similarity_maps(tissue.outcome, SIMILARITY, tissue.places, 0)


def test_a_kriged_map_is_a_draw_of_the_field_given_what_is_known(monkeypatch):
    """Against the dense conditional normal distribution."""
    monkeypatch.setattr(kriged_maps, "CLOSE", 1e-8)
    rng = np.random.default_rng(0)
    place, alike = rng.uniform(0, 200, (14, 3)), np.cov(rng.normal(size=(4, 7)))
    alike /= np.mean(np.diag(alike))
    field = FieldCovariance(alike, Variogram(0.2, 0.8, 90.0, "gaussian"), place, np.arange(14))
    known, value = rng.random((4, 14)) < 0.4, rng.normal(size=(4, 14))
    drawn = krige_maps(value, known, field, 4000, 0)
    assert (drawn[:, known] == value[known]).all()
    mixed = (1 - kriged_maps.OWN) * alike + kriged_maps.OWN * np.diag(np.diag(alike))
    covariance = np.kron(mixed, field.variogram.covariance(place, place) + 0.2 * np.eye(14))
    at, gap = np.flatnonzero(known.ravel()), np.flatnonzero(~known.ravel())
    weight = np.linalg.solve(covariance[np.ix_(at, at)], covariance[np.ix_(at, gap)]).T
    np.testing.assert_allclose(drawn.mean(0)[~known], weight @ value[known], atol=0.08)
    left = covariance[np.ix_(gap, gap)] - weight @ covariance[np.ix_(at, gap)]
    np.testing.assert_allclose(np.cov(drawn[:, ~known].T), left, atol=0.12)


def test_many_targets_are_kriged_through_landmarks():
    rng = np.random.default_rng(1)
    place, known, value = rng.uniform(0, 400, (160, 3)), rng.random((5, 160)) < 0.3, rng.normal(size=(5, 160))
    exact, through = (
        krige_maps(value, known, FieldCovariance(np.eye(5), Variogram(0.3, 0.7, 150.0, "gaussian"), place, landmarks), 400, 0).mean(0)
        for landmarks in (np.arange(160), np.arange(0, 160, 2))
    )
    assert np.corrcoef(exact[~known], through[~known])[0, 1] > 0.95
    assert exact[~known].std() > 0.3


def test_axons_without_a_common_target_have_a_covariance():
    """Two axons of one function that meet in no target are both alike to a third."""
    rng = np.random.default_rng(2)
    function = rng.normal(size=(12, 2))
    function[1] = function[0]
    value = function @ rng.normal(size=(2, 600)) + 0.3 * rng.normal(size=(12, 600))
    value[0, :300], value[1, 300:] = np.nan, np.nan
    truth = function @ function.T + 0.09 * np.eye(12)
    truth /= np.mean(np.diag(truth))
    found = axon_covariance(value, 0)
    np.testing.assert_allclose(found, truth, atol=0.15)
    assert found[0, 1] == pytest.approx(truth[0, 1], rel=0.15)


def correlation(value, place_um, farthest_um):
    """Of a map with itself, at targets up to a distance apart, over all axons."""
    value = value - value.mean(1, keepdims=True)
    near = np.triu(np.linalg.norm(place_um[:, None] - place_um[None], axis=-1) < farthest_um, 1)
    return (value.T @ value)[near].mean() / (value**2).sum(0).mean()


def test_ordinary_tables_have_maps_as_smooth_as_function_is():
    found = []
    for seed in range(4):
        tissue = smooth_tissue(seed, n_targets=300)
        part = neighbourhoods(tissue, 0.15)
        maps = similarity_maps(part.outcome, SIMILARITY, part.places, 0)
        assert 0.8 < maps.missing < 0.9
        score = [(maps.residual(0) * one).sum() for one in maps.value]
        np.testing.assert_allclose(score, maps.test.observed()[0, 0], atol=1e-3 * np.sqrt(maps.test.observed()[0, 1]))
        whole = similarity_maps(tissue.outcome, SIMILARITY, tissue.places, 0)
        found.append([correlation(maps.value[0], maps.target_um, 60), correlation(whole.value[0], whole.target_um, 60)])
        assert re.match(r"8\d% of axons with targets have no known value.*20 maps that hold .* drawn from the field fitted", maps.kept)
        assert whole.kept is None
    drawn, truth = np.mean(found, axis=0)
    assert drawn == pytest.approx(truth, abs=0.12)
    assert truth > 0.3


def test_axons_with_too_few_pairs_are_left_out_and_counted():
    tissue = neighbourhoods(smooth_tissue(6, n_targets=300), 0.2)
    table = tissue.outcome.table
    mine = table.index[table["pre_nucleus_id"] == 4]
    maps = similarity_maps(without_rows(tissue.outcome, mine[2:]), SIMILARITY, tissue.places, 0)
    assert 4 not in maps.test.choices.axons
    assert maps.left_out == 1
    assert maps.kept.endswith("1 axons known with fewer than 3 targets are not in these surrogates.")
    with pytest.raises(ValueError, match="none of 30 axons has 3 pairs of known cosine"):
        similarity_maps(
            replace(tissue.outcome, table=table.groupby("pre_nucleus_id").head(2).reset_index(drop=True)), SIMILARITY, tissue.places, 0
        )


def test_kriging_that_does_not_fit_into_memory_is_refused(monkeypatch):
    monkeypatch.setattr(kriged_maps, "MAX_ENTRIES", 1000)
    tissue = neighbourhoods(smooth_tissue(7, n_targets=300), 0.2)
    with pytest.raises(ValueError, match=r"maps: \d+ known pairs of 30 axons need .* GB to be completed"):
        similarity_maps(tissue.outcome, SIMILARITY, tissue.places, 0)


def test_pairs_without_positions_are_left_out():
    tissue = smooth_tissue(4)
    half = np.r_[0:30, 30:180:2]
    places = Places(tissue.places.nucleus_id[half], tissue.places.position_um[half])
    maps = similarity_maps(tissue.outcome, SIMILARITY, places, 0)
    assert len(maps.test.choices.targets) <= 75
    assert np.isfinite(maps.target_um).all()
    with pytest.raises(ValueError, match="both positions are known for none of 4500 pairs"):
        similarity_maps(tissue.outcome, SIMILARITY, Places(np.array([5]), np.zeros((1, 3))), 0)


def test_a_measure_that_differs_from_the_table_or_lacks_cells_is_refused():
    tissue = smooth_tissue(5)
    other = Measure(SIMILARITY, tissue.measure.nucleus_id, lambda a, b: np.zeros(len(b)), tissue.measure.stratum)
    with pytest.raises(ValueError, match=r"cosine of the cells differs from the column of the table in \d+ of \d+ pairs"):
        similarity_maps(tissue.outcome, SIMILARITY, tissue.places, 0, other)
    fewer = Measure(SIMILARITY, tissue.measure.nucleus_id[1:], tissue.measure.likeness, tissue.measure.stratum[1:])
    with pytest.raises(ValueError, match="cosine is not defined for 1 of"):
        similarity_maps(tissue.outcome, SIMILARITY, tissue.places, 0, fewer)
