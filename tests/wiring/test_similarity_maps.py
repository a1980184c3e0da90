"""Claims: maps are what the pairs say, less what the test holds; what is missing is drawn as it could have been, or refused."""

from dataclasses import replace

import numpy as np
import pytest

from graphtwin.wiring.pairs.measure import Measure
from graphtwin.wiring.spatial.completed_maps import complete_maps
from graphtwin.wiring.spatial.places import Places
from graphtwin.wiring.spatial.similarity_maps import similarity_maps
from tests.wiring.smooth_tissue import SIMILARITY, smooth_tissue


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


def test_maps_with_most_entries_missing_are_refused():
    tissue = smooth_tissue(3)
    table = tissue.outcome.table
    with pytest.raises(ValueError, match=r"cosine is not known for \d+ of 4500 axons with targets .* Give the cells' function"):
        similarity_maps(without_rows(tissue.outcome, table.index[table["l_d_um"] == 0]), SIMILARITY, tissue.places, 0)


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
