"""Claims: every word has a meaning and one place, pages link the first use of a word and list those that occur, and nothing else moves."""

from __future__ import annotations

import re

import pytest

from graphtwin.report import Term, glossary
from graphtwin.report.pages.page import with_words
from graphtwin.report.terms import link_words
from tests.report.reading import unlinked

PAGE = '<nav><ol></ol></nav><main><h2>AUC</h2><p title="AUC">An AUC, an auc, the Average precision; L_d.</p><pre>recall</pre></main>'


def test_every_word_has_a_sentence_of_its_own_and_a_doi_that_is_one():
    assert len({term.anchor for term in glossary()}) == len(glossary()) > 50
    spellings = [spelling for term in glossary() for spelling in (term.name, *term.also)]
    assert len(spellings) == len(set(spellings))
    for term in glossary():
        assert term.meaning.endswith("."), term.name
        assert not term.source or re.fullmatch(r"10\.\d{4,}/\S+", term.doi), term.source


@pytest.mark.parametrize(
    "name", ["balanced accuracy", "within scans", "co-travel", "L_d", "cc_abs", "cc_max", "cc_norm", "odds ratio", "gOSI"]
)
def test_the_words_that_readers_ask_for_are_there(name: str):
    assert name in {term.name for term in glossary()}


def test_the_first_use_in_a_sentence_is_linked_and_code_is_not_read():
    linked, terms = link_words(PAGE)
    assert [term.name for term in terms] == ["AUC", "average precision", "L_d"]
    assert (
        '<p title="AUC">An <a class="word" href="#word-auc">AUC</a>, an auc, the <a class="word" href="#word-average-precision">' in linked
    )
    assert unlinked(linked) == PAGE


def test_a_page_lists_the_words_that_occur_and_where_a_formula_is_from():
    page = with_words(PAGE)
    assert page.count("<dt ") == 3
    assert '<a href="https://doi.org/10.1038/s41586-025-08840-3">' in page
    assert '<li><a href="#words">Words</a></li>' in page
    assert with_words("<main><p>Nothing.</p></main>") == "<main><p>Nothing.</p></main>"


def test_an_escaped_apostrophe_is_one():
    linked, (term,) = link_words("<p>That is Moran&#39;s I.</p>")
    assert isinstance(term, Term)
    assert '<a class="word" href="#word-moran-s-i">Moran&#39;s I</a>' in linked
