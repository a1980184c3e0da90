"""Pages and tables beside a run: shown with whose they are, and what they say of a unit is found again at its neuron."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.artifacts import write_json
from graphtwin.explorer.beside import read_beside
from graphtwin.explorer.contents import contents_of
from graphtwin.report import RunFolder
from graphtwin.schema import UNIT_KEY
from graphtwin.tuning import speaking_units
from tests.explorer.reading import unpacked


def beside(run: Path, *further: Path):
    return read_beside(RunFolder.open(run), further)


def test_the_run_s_own_page_comes_first_and_a_folder_says_whether_it_is_of_the_run(finished: Path, analysis: Path):
    own, found = beside(finished, analysis)
    assert (own.title, own.html) == ("Report", "<h1>The run</h1>")
    assert found.title == "search for types: found"
    assert found.says == "found is a search for types, made of this run's own files."
    write_json({"inputs": {"embeddings.parquet": "0" * 64}}, analysis / "provenance.json")
    assert "nothing says that it is of the same volume" in beside(finished, analysis)[1].says


def test_links_that_lead_out_of_a_page_are_taken_away(finished: Path, analysis: Path):
    html = beside(finished, analysis)[1].html
    assert html == '<h1>Types</h1><a href="#more">more</a> <a class="file">types.csv</a>'


def test_pages_of_one_name_are_told_apart(finished: Path, analysis: Path):
    assert [one.title for one in beside(finished, analysis, analysis)[1:]] == ["search for types: found", "search for types: found (2)"]


def test_what_a_table_says_of_the_unit_that_speaks_is_a_colour_of_its_neuron(finished: Path, scores: Path):
    words, arrays = unpacked(contents_of(str(finished), beside(finished, scores)))
    told = pd.read_csv(scores)
    said = words["beside"][1]["says"]
    assert f"{len(told)} rows, one a unit. Left out: note. {len(told) - 1} of them are of units of this run." in said
    assert words["beside"][1]["columns"] == ["cc_abs", "cc_abs_low"]
    units = pd.read_parquet(finished / "tables/units.parquet").merge(pd.read_parquet(finished / "embeddings.parquet"))
    spoken = speaking_units(units).merge(told, on=list(UNIT_KEY), how="left")
    of_neuron = spoken.set_index("nucleus_id")["cc_abs"].reindex(arrays["nucleus_id"])
    np.testing.assert_allclose(arrays["column scores/cc_abs"], of_neuron, rtol=1e-6)
    assert not any(one["name"].endswith("_low") for one in words["columns"])
    row = int(np.flatnonzero(arrays["table 1 neuron"] >= 0)[3])
    unit = arrays["table 1 key"][row]
    (nucleus,) = units.loc[(units[list(UNIT_KEY)] == unit).all(axis=1), "nucleus_id"]
    assert arrays["nucleus_id"][arrays["table 1 neuron"][row]] == nucleus


def test_agreement_of_twins_has_a_column_a_quantity(finished: Path, scores: Path):
    units = pd.read_csv(scores)[list(UNIT_KEY)]
    long = pd.concat([units.assign(quantity=name, agreement=at / 4, note="") for at, name in enumerate(("field", "direction"))])
    long.to_csv(scores, index=False)
    words, arrays = unpacked(contents_of(str(finished), beside(finished, scores)))
    assert words["beside"][1]["columns"] == ["agreement of twins, direction", "agreement of twins, field"]
    assert (arrays["table 1"] == [0.25, 0.0]).all()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda table: table.rename(columns={"unit_id": "unit"}), "Give one with session, scan_idx, unit_id or nucleus_id"),
        (lambda table: pd.concat([table, table.iloc[:2]]), r"2 of \d+ rows repeat session, scan_idx, unit_id"),
        (lambda table: table[[*UNIT_KEY, "note"]], "no column of numbers"),
        (lambda table: table.assign(session=np.nan), "have no session"),
    ],
)
def test_tables_that_cannot_be_joined_are_refused(finished: Path, scores: Path, spoil, words: str):
    spoil(pd.read_csv(scores)).to_csv(scores, index=False)
    with pytest.raises(ValueError, match=words):
        beside(finished, scores)


def test_folders_without_a_page_are_refused(finished: Path, analysis: Path):
    (analysis / "report.html").unlink()
    with pytest.raises(ValueError, match=r"a search for types without report\.html\. Draw it first"):
        beside(finished, analysis)
