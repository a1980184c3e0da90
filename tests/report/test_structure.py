"""Claims about the form of a page: headings in order, words for each figure, one script of its own that alone may run."""

from __future__ import annotations

import re

import pytest

import graphtwin
from graphtwin.report.terms import name_in_words
from graphtwin.report.words import in_words
from tests.report.form import column_names, require_form

pytestmark = pytest.mark.slow


def test_the_page_of_a_run_has_a_form(finished):
    found = require_form((finished / "report.html").read_text(encoding="utf-8"))
    assert len(found.spoken) == 14
    assert sum(of.get("type") == "application/json" for of, _ in found.scripts) == 14


def test_no_name_of_a_column_is_shown_to_readers_and_files_are_code(finished):
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert column_names(page) == []
    assert "signal_correlation" not in re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)


def test_columns_are_said_in_words_with_their_units():
    assert in_words("field_x_deg of signal_correlation at L_d, n_synapses") == "field x (°) of signal correlation at L_d, synapses"
    assert in_words("see tables/my_units.csv or my-own_file.x") == "see tables/my_units.csv or my-own_file.x"
    named = name_in_words("<p>no my_table.parquet: `a_b` and a_b</p><pre>a_b</pre><svg><text>a_b</text></svg>")
    assert named == "<p>no <code>my_table.parquet</code>: <code>a_b</code> and a b</p><pre>a_b</pre><svg><text>a b</text></svg>"


def test_every_page_says_its_version_and_what_to_cite(finished):
    page = (finished / "report.html").read_text(encoding="utf-8")
    methods = page[page.index('<section id="methods">') : page.index('<section id="provenance">')]
    assert f"graphtwin {graphtwin.__version__}" in methods
    assert "Please cite" in methods
    assert "4,000 rows, 40 axons" in methods
