"""Claims: replicates come back in order, whoever made them, nobody asks for none, and their p counts what it says."""

import numpy as np
import pytest

from graphtwin.statistics.permutation import two_sided_p
from graphtwin.statistics.replicates import replicate


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_replicates_come_back_in_order(workers):
    assert replicate(lambda number: number**2, 203, workers, "squares") == [number**2 for number in range(203)]


def test_no_replicates_and_no_workers_are_refused():
    with pytest.raises(ValueError, match="squares: 0 replicates on 1 workers"):
        replicate(lambda number: number, 0, 1, "squares")


def test_p_counts_the_replicates_as_far_from_the_middle_on_either_side():
    null = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, -3.0])[:, None]
    assert two_sided_p(np.array([3.0]), null)[0] == 2 / 7
    assert two_sided_p(np.array([3.0]), 5 + null)[0] < 1
    assert two_sided_p(np.array([30.0]), null)[0] == 1 / 7


def test_a_replicate_that_differs_by_rounding_is_as_far():
    observed = np.array([1.234567890123, 0.0])
    assert (two_sided_p(observed, np.tile(observed * (1 + 4e-16), (99, 1))) == 1).all()


def test_a_replicate_without_a_statistic_is_no_evidence():
    null = np.array([-1.0, 1.0, np.nan, np.nan])[:, None]
    assert two_sided_p(np.array([30.0]), null)[0] == 3 / 5
    assert two_sided_p(np.array([30.0]), np.full((4, 1), np.nan))[0] == 1
    assert np.isnan(two_sided_p(np.array([np.nan]), null)[0])
