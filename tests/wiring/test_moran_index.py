"""Claims: Moran's I is what its formula says, is flat where nothing is smooth, and is told where both function and wiring are."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from graphtwin.wiring.spatial.moran_index import moran_index, not_flat
from graphtwin.wiring.spatial.similarity_maps import similarity_maps
from tests.wiring.smooth_tissue import SIMILARITY, smooth_tissue


def maps_of(seed, *given, **options):
    tissue = smooth_tissue(seed, *given, **options)
    return similarity_maps(tissue.outcome, SIMILARITY, tissue.places, seed)


def test_moran_index_is_that_of_every_two_candidates_of_an_axon():
    maps = maps_of(0, n_axons=10, n_targets=40, synapses_an_axon=40)
    table = moran_index(maps, 0, 5)
    choices, test = maps.test.choices, maps.test
    pearson = test.residual / np.sqrt(test.expected)
    pearson -= (choices.sum_blocks(pearson) / np.diff(choices.start))[choices.block]
    for row in table[table["what"] == "wiring residual"].itertuples():
        products = []
        for i in range(len(pearson)):
            for j in range(i):
                distance = np.linalg.norm(maps.target_um[choices.target[i]] - maps.target_um[choices.target[j]])
                if choices.block[i] == choices.block[j] and row.low_um < distance <= row.high_um:
                    products.append(pearson[i] * pearson[j])
        assert row.n_pairs == len(products)
        assert row.moran_i == pytest.approx(np.mean(products) / np.mean(pearson**2))


def test_smooth_function_is_alike_at_short_distances_and_not_at_long_ones():
    table = moran_index(maps_of(1), 0, 99).query("what == 'function'")
    assert table["p"].iloc[0] == 0.01
    assert table["moran_i"].iloc[0] > 0.3
    assert table["moran_i"].iloc[-1] < 0.1
    assert (table["null_mean"].abs() < 0.02).all()


def test_hot_spots_are_told_and_flat_residuals_are_not():
    hot = moran_index(maps_of(2, "own", synapses_an_axon=60), 0, 199)
    said = not_flat(hot)
    assert said is not None
    assert "function varies in space too" in said
    flat = hot.assign(p=np.where(hot["what"] == "wiring residual", 0.2, hot["p"]))
    assert not_flat(flat) is None


@pytest.mark.slow
def test_residuals_of_even_tissue_are_not_flat_in_5_percent_of_tables():
    told = sum(not_flat(moran_index(maps_of(seed, smooth=0.0), seed, 199)) is not None for seed in range(60))
    assert told <= 9  # 5 % expected; binomial 99.5 % quantile, n = 60


def test_of_many_targets_a_sample_is_used(monkeypatch):
    monkeypatch.setattr(sys.modules["graphtwin.wiring.spatial.moran_index"], "MOST_TARGETS", 40)
    table = moran_index(maps_of(3), 0, 9).query("what == 'function'")
    assert table["n_pairs"].sum() == pytest.approx(30 * 40 * 39 / 2 * 0.5, rel=0.02)


def test_cells_at_one_place_have_no_distances():
    maps = maps_of(4)
    with pytest.raises(ValueError, match=r"targets lie at 1 places; this null needs 8"):
        moran_index(replace(maps, target_um=np.zeros_like(maps.target_um)), 0)
