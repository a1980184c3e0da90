"""Walls refuse what does not fit, and say what, how much and where."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from graphtwin import schema


def embeddings(**columns):
    table = {"session": [1], "scan_idx": [1], "unit_id": [1], "nucleus_id": [1], "embedding_0": np.float32([0.5]), "reliability": [0.5]}
    return pd.DataFrame(table | columns)


@given(st.lists(st.integers(0, 2**62), min_size=1, unique=True))
def test_an_id_is_the_same_integer_whatever_it_was_stored_as(ids):
    ids = [value % 10**18 | 1 for value in ids]  # odd: even ones may look rounded
    for stored in (pd.Series(ids), pd.Series(ids, dtype="uint64"), pd.Series(ids, dtype="Int64"), pd.Series([str(value) for value in ids])):
        assert schema.as_ids(stored, "file, column id").tolist() == ids


@given(st.lists(st.integers(0, 2**53), min_size=1))
def test_floats_that_can_have_lost_no_digit_are_read(ids):
    for stored in (pd.Series(ids, dtype="float64"), pd.Series([f"{value}.0" for value in ids]), pd.Series(ids, dtype="Float64")):
        assert schema.as_ids(stored, "file, column id").tolist() == ids


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (pd.Series([864691135000000001.0, 7.0]), r"floats \(float64, first 8\.64691135e\+17\).*only up to 9007199254740992: 1 of 2"),
        (pd.Series([2**24 + 2, 7], dtype="float32"), r"floats \(float32.*only up to 16777216: 1 of 2 ids lie above it"),
        (pd.Series([1.5, 7.0]), r"1 of 2 ids are no whole numbers, first 1\.5 in row 1"),
        (pd.Series([7.0, np.nan]), "1 of 2 ids are missing, first in row 2. Leave these rows out"),
        (pd.Series(["864691135000000001", None]), "1 of 2 ids are missing, first in row 2"),
        (pd.Series(["864691135000000001", " "]), "1 of 2 ids are missing, first in row 2"),
        (pd.Series([1, pd.NA], dtype="Int64"), "1 of 2 ids are missing"),
        (pd.Series([5, -1]), "1 of 2 ids are negative, first -1 in row 2"),
        (pd.Series(["1", "-1"]), "1 of 2 ids are negative"),
        (pd.Series(["1", "-99999999999999999999"]), "1 of 2 ids are negative"),
        (pd.Series([7, 2**63 + 5], dtype="uint64"), r"1 of 2 ids lie above 2\^63 - 1, first 9223372036854775813 in row 2"),
        (pd.Series(["7", "9223372036854775813"]), r"1 of 2 ids lie above 2\^63 - 1"),
        (pd.Series([2**63 + 5, 7], dtype=object), r"1 of 2 ids lie above 2\^63 - 1"),
        (pd.Series([Decimal(2**63 + 5), Decimal(7)]), r"1 of 2 ids lie above 2\^63 - 1"),
        (pd.Series(["8.64691E+17", "8.64692E+17"]), r"not whole numbers, first \['8\.64691E\+17'.*rounded by a spreadsheet"),
        (pd.Series(["864,691,135", "1"]), r"1 of 2 ids are not whole numbers, first \['864,691,135'\].*without signs between"),
        (pd.Series(["0x1F", "1"]), r"1 of 2 ids are not whole numbers, first \['0x1F'\]"),
        (pd.Series([True, False]), r"2 of 2 ids are not whole numbers, first \['True', 'False'\]"),
    ],
)
def test_every_fault_of_ids_has_its_own_sentence(ids, words):
    with pytest.raises(ValueError, match=f"file, column id: .*{words}"):
        schema.as_ids(ids, "file, column id")


@given(st.lists(st.integers(2**58, 2**62), min_size=4, max_size=9, unique_by=lambda value: value // 2**30))
def test_ids_that_went_through_floats_or_a_spreadsheet_are_found_and_others_are_not(ids):
    through_floats = [int(float(value)) for value in ids]
    through_a_spreadsheet = [int(f"{value:.14e}".split("e")[0].replace(".", "")) * 10 ** (len(str(value)) - 15) for value in ids]
    assume(any(value % 1000 for value in through_floats))  # else a spreadsheet could have left them
    for rounded, words in ((through_floats, "a float"), (through_a_spreadsheet, "a spreadsheet")):
        with pytest.raises(ValueError, match=f"different ids above 2\\^53 are what {words} rounds .*last digits are lost"):
            schema.as_ids(pd.Series(rounded), "ids")
    as_they_are = [value | 1 for value in ids]
    assert schema.as_ids(pd.Series(as_they_are), "ids").tolist() == as_they_are


def test_ids_that_a_float_and_a_spreadsheet_can_write_are_said_to_come_from_the_spreadsheet():
    ids = [(2**58 // 8000 + step) * 8000 for step in range(4)]
    with pytest.raises(ValueError, match="are what a spreadsheet rounds whole numbers to"):
        schema.as_ids(pd.Series(ids), "ids")


def test_round_ids_that_may_be_chance_are_read():
    for ids in ([864691135000000000], [864691135000000000, 864691135000000001], [1000, 2000, 3000, 4000], [2**60]):
        assert schema.as_ids(pd.Series(ids), "ids").tolist() == ids


def test_session_and_scan_that_changed_places_are_found_by_the_share_of_units_that_join():
    units = pd.DataFrame({"session": 4, "scan_idx": 7, "unit_id": np.arange(10)})
    swapped = units.rename(columns={"session": "scan_idx", "scan_idx": "session"})
    schema.require_unit_order(units, units, "here.csv", "there.csv")
    schema.require_unit_order(pd.concat([units, swapped]), units, "here.csv", "there.csv")  # both are there: it cannot be told
    with pytest.raises(ValueError, match=r"here\.csv: 0 of 10 units are in there\.csv, and 10 when session and scan_idx change places"):
        schema.require_unit_order(swapped, units, "here.csv", "there.csv")


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


def test_a_table_that_has_none_of_the_columns_is_asked_whether_it_is_the_right_one():
    units = pd.DataFrame({"session": [1], "mask_id": [2]})
    with pytest.raises(ValueError, match=r"2 columns are missing.*was another table meant\? Rename"):
        schema.require_columns(units, ["synapse_id", "pre_root_id"], "synapses")
    with pytest.raises(ValueError, match=r"1 columns are missing(?!.*another table)"):
        schema.require_columns(units, ["session", "pre_root_id"], "synapses")


def test_a_missing_column_names_the_nearest():
    with pytest.raises(ValueError, match=r"'nucleus_id' \(nearest here: 'nucleus'\)"):
        schema.check(embeddings().rename(columns={"nucleus_id": "nucleus"}), schema.WALLS["embeddings"], "embeddings")


def test_nothing_is_said_of_a_nearest_name_where_no_name_is_near():
    with pytest.raises(ValueError, match=r"1 columns are missing: 'reliability'\. The table has \['x'\]"):
        schema.require_columns(pd.DataFrame({"x": [1]}), ["reliability"], "table")
