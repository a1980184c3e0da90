"""Claims: replicates come back in order, whoever made them, and nobody asks for none."""

import pytest

from graphtwin.wiring.replicates import replicate


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_replicates_come_back_in_order(workers):
    assert replicate(lambda number: number**2, 203, workers, "squares") == [number**2 for number in range(203)]


def test_no_replicates_and_no_workers_are_refused():
    with pytest.raises(ValueError, match="squares: 0 replicates on 1 workers"):
        replicate(lambda number: number, 0, 1, "squares")
