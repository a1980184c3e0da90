"""Published points stand beside the data that they are of, and beside no other."""

from __future__ import annotations

import pytest

from graphtwin.report.figures.slope_figures import of_same_pairs
from graphtwin.sources.loaders import published_slopes


def test_the_published_slopes_stand_beside_their_own_pairs():
    own = published_slopes()
    assert len(of_same_pairs(own)) == len(own) > 0
    assert list(of_same_pairs(own).columns) == list(own.columns)


@pytest.mark.parametrize(("column", "factor"), [("n_pairs", 3), ("n_axons", 4)])
def test_a_simulation_or_another_volume_with_the_same_columns_has_none(column: str, factor: int):
    own = published_slopes()
    assert of_same_pairs(own.assign(**{column: own[column] * factor})).empty
    assert of_same_pairs(own.assign(similarity="my_similarity")).empty
