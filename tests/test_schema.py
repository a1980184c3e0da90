"""Walls refuse what does not fit, and say what, how much and where."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphtwin import schema


def embeddings(**columns):
    table = {"session": [1], "scan_idx": [1], "unit_id": [1], "nucleus_id": [1], "embedding_0": np.float32([0.5]), "reliability": [0.5]}
    return pd.DataFrame(table | columns)


@given(st.lists(st.integers(0, 2**62), min_size=1, unique=True))
def test_an_id_is_the_same_integer_whatever_it_was_stored_as(ids):
    ids = [value % 10**18 for value in ids]
    for stored in (pd.Series(ids), pd.Series(ids, dtype="uint64"), pd.Series(ids, dtype="Int64"), pd.Series([str(value) for value in ids])):
        assert schema.as_ids(stored, "file, column id").tolist() == ids


def test_a_float_id_is_refused_even_where_no_digit_was_lost():
    with pytest.raises(ValueError, match=r"file, column id: ids are stored as float64.*0 of 2 ids lie above it.*\(0 are missing\)"):
        schema.as_ids(pd.Series([1.0, 2.0]), "file, column id")


def test_a_float_id_with_a_gap_counts_the_gap():
    with pytest.raises(ValueError, match=r"1 of 2 ids lie above it.*\(1 are missing\)"):
        schema.as_ids(pd.Series([864691135000000001.0, np.nan]), "ids")


def test_a_missing_id_is_refused():
    with pytest.raises(ValueError, match="1 of 2 ids are missing"):
        schema.as_ids(pd.Series([1, pd.NA], dtype="Int64"), "ids")


def test_a_negative_id_is_refused_as_text():
    with pytest.raises(ValueError, match=r"1 of 2 ids are not whole numbers, first \['-1'\]"):
        schema.as_ids(pd.Series(["1", "-1"]), "ids")


def test_an_embeddings_table_that_fits_passes():
    assert len(schema.check(embeddings(), schema.WALLS["embeddings"], "embeddings")) == 1


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"embedding_0": np.float64([0.5])}, "do not fit the schema.*embedding_0.*float32"),
        ({"embedding_0": np.float32([np.nan])}, "do not fit the schema.*embedding_0"),
        ({"reliability": [1.5]}, "1 values do not fit.*reliability"),
        ({"nucleus_id": [1.0]}, "nucleus_id.*int64"),
    ],
)
def test_an_embeddings_table_that_does_not_fit_is_refused(columns, words):
    with pytest.raises(ValueError, match=words):
        schema.check(embeddings(**columns), schema.WALLS["embeddings"], "embeddings")


def test_repeated_keys_are_counted_and_shown():
    twice = pd.concat([embeddings(), embeddings()])
    with pytest.raises(ValueError, match=r"brought: 1 of 2 rows repeat the key \['session', 'scan_idx', 'unit_id'\], first"):
        schema.check(twice, schema.WALLS["embeddings"], "brought")


def test_a_missing_column_names_the_nearest():
    with pytest.raises(ValueError, match=r"'nucleus_id' \(nearest here: 'nucleus'\)"):
        schema.check(embeddings().rename(columns={"nucleus_id": "nucleus"}), schema.WALLS["embeddings"], "embeddings")
