"""Correlations of all pairs are those of Pearson whatever the tiles and workers; the most alike of each unit are those of the matrix."""

from __future__ import annotations

import shutil
from collections import namedtuple

import numpy as np
import pytest

from graphtwin.insilico.measurements import SignalTiles, correlated, correlation_tiles, nearest_units, write_all_pairs


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlation_tiles, "TILE", 5)


def responses(members: int = 1, units: int = 23) -> np.ndarray:
    drawn = np.random.default_rng(1).gamma(1.0, 1.0, (members, units, 60)).astype(np.float32)
    drawn[:, 7] = 3.3
    return drawn


def pearson(of: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.corrcoef(of)
    found[7] = found[:, 7] = np.nan
    return found


@pytest.mark.parametrize("tile", [5, 23, 2048])
def test_correlations_of_all_pairs_are_pearsons_whatever_the_tiles(tmp_path, monkeypatch, tile):
    monkeypatch.setattr(correlation_tiles, "TILE", tile)
    write_all_pairs(correlated(responses()[0]), tmp_path / "c.npy")
    found = np.load(tmp_path / "c.npy", mmap_mode="r")
    np.testing.assert_allclose(found, pearson(responses()[0]), atol=1e-6)
    assert found.dtype == np.float32


def test_the_spread_of_a_pair_is_the_standard_deviation_of_its_correlations_over_members(tmp_path, small_tiles):
    write_all_pairs(correlated(responses(3)), tmp_path / "s.npy")
    wanted = np.std([pearson(one) for one in responses(3)], axis=0, ddof=1)
    np.testing.assert_allclose(np.load(tmp_path / "s.npy"), wanted, atol=1e-6)


def test_the_spread_about_the_first_member_is_the_distance_of_the_others_from_it(tmp_path, small_tiles):
    write_all_pairs(correlated(responses(3), about_first=True), tmp_path / "s.npy")
    first, *others = (pearson(one) for one in responses(3))
    wanted = np.sqrt(np.mean([np.square(one - first) for one in others], axis=0))
    np.testing.assert_allclose(np.load(tmp_path / "s.npy"), wanted, atol=1e-6)


def test_two_bytes_a_number_are_right_to_half_a_thousandth(tmp_path, small_tiles):
    write_all_pairs(correlated(responses()[0]), tmp_path / "c.npy", "float16")
    found = np.load(tmp_path / "c.npy")
    assert found.nbytes == 2 * 23**2
    np.testing.assert_allclose(found, pearson(responses()[0]), atol=5e-4)


def test_two_workers_write_the_bytes_of_one_and_find_the_same_neighbours(tmp_path):
    tiles = correlated(np.random.default_rng(0).standard_normal((2100, 12)).astype(np.float32))  # three tiles
    found = []
    for workers in (1, 2):
        write_all_pairs(tiles, tmp_path / f"{workers}.npy", "float16", workers)
        found.append(nearest_units(tiles, 4, workers))
    assert (tmp_path / "1.npy").read_bytes() == (tmp_path / "2.npy").read_bytes()
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("count", [1, 4, 30])
def test_neighbours_are_the_largest_correlations_of_each_row_without_itself_and_without_units_that_do_not_vary(small_tiles, count):
    units, values = nearest_units(correlated(responses()[0]), count)
    wanted = pearson(responses()[0])
    np.fill_diagonal(wanted, np.nan)
    known = np.where(np.isnan(wanted), -np.inf, wanted)
    order = np.argsort(-known, axis=1)[:, : min(count, 22)]
    best = np.take_along_axis(known, order, 1)
    np.testing.assert_array_equal(units, np.where(np.isinf(best), -1, order))
    np.testing.assert_allclose(values, np.where(np.isinf(best), np.nan, best), atol=1e-6)
    assert (units[7] == -1).all()
    assert not (units == 7).any()


def test_responses_become_unit_vectors_where_they_lie():
    of = responses()[0]
    tiles = correlated(of)
    assert isinstance(tiles, SignalTiles)
    assert np.shares_memory(tiles.vectors, of)


def test_a_matrix_that_the_disk_does_not_hold_is_refused_with_what_takes_less(tmp_path, monkeypatch):
    usage = namedtuple("usage", ["free"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1000))
    with pytest.raises(OSError, match=r"c\.npy: 23 x 23 numbers in float32 take 0\.0 GB, and 0\.0 GB are free there"):
        write_all_pairs(correlated(responses()[0]), tmp_path / "c.npy")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="neighbours = 0: give 1 or more"):
        nearest_units(correlated(responses()[0]), 0)


def test_a_matrix_whose_writing_fails_is_not_there(tmp_path, monkeypatch, small_tiles):
    tiles = correlated(responses()[0])
    monkeypatch.setattr(correlation_tiles, "_write_tile", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_all_pairs(tiles, tmp_path / "c.npy")
    assert not list(tmp_path.iterdir())
