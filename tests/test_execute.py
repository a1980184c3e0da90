"""Random numbers belong to what is drawn, not to when or where."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from graphtwin.execute import rng_for, threads


def test_a_named_draw_is_the_same_everywhere():
    # The value pins the naming scheme: a change of it changes every published number.
    assert rng_for(0, "bootstrap", 3).integers(2**32) == rng_for(0, "bootstrap", 3).integers(2**32)
    assert rng_for(0, "bootstrap", 3).integers(2**32) == 3131053553


def test_names_and_seeds_part_the_streams():
    draws = {
        rng_for(seed, *names).integers(2**63) for seed in (0, 1) for names in (("a",), ("a", 0), ("a", "0"), ("b",), ("a", "b"), ("ab",))
    }
    assert len(draws) == 12


def test_named_streams_are_uncorrelated():
    draws = np.array([rng_for(0, "replicate", index).standard_normal(500) for index in range(40)])
    off = np.corrcoef(draws)[np.triu_indices(40, 1)]
    assert abs(off.mean()) < 4 * (1 / np.sqrt(500)) / np.sqrt(len(off))


def test_threads_are_bounded_and_restored():
    np.ones((10, 10)) @ np.ones((10, 10))
    before = [pool["num_threads"] for pool in threadpool_info()]
    with threads(1):
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_no_threads_is_an_error():
    with pytest.raises(ValueError, match="at least one thread"), threads(0):
        pass
