"""Claims about the form of a page: headings in order, words for each figure, one script of its own that alone may run."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

import graphtwin
from graphtwin.report.terms import name_in_words
from graphtwin.report.words import in_words

pytestmark = pytest.mark.slow


class Outline(HTMLParser):
    """Levels of headings, words of figures, scripts, and the policy of a page."""

    def __init__(self):
        super().__init__()
        self.levels, self.spoken, self.scripts, self.policy, self.images = [], [], [], "", []
        self._script = None

    def handle_starttag(self, tag, attributes):
        of = dict(attributes)
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "svg" and of.get("role") == "img":
            self.spoken.append(of["aria-label"])
        if tag == "img":
            self.images.append(of.get("alt"))
        if of.get("http-equiv") == "Content-Security-Policy":
            self.policy = of["content"]
        self._script = of if tag == "script" else None

    def handle_endtag(self, tag):
        self._script = None

    def handle_data(self, data):
        if self._script is not None:
            self.scripts.append((self._script, data))


def outlined(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    return outline


def column_names(page: str) -> list[str]:
    """Names of columns that stand in a page outside code, samples, links and scripts."""
    for tag in ("pre", "code", "samp", "a", "script", "style", "title", "b"):
        page = re.sub(rf"<{tag}[ >].*?</{tag}>", "", page, flags=re.DOTALL)
    return re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", re.sub(r"<[^>]*>", " ", page))


def require_form(page: str) -> Outline:
    """What holds of every page."""
    found = outlined(page)
    assert found.levels[0] == 1
    assert found.levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(found.levels, found.levels[1:], strict=False)), found.levels
    assert all(re.search(r"\d|No |no ", words) for words in found.spoken), found.spoken
    assert all(found.images)
    own = [text for of, text in found.scripts if of.get("type") != "application/json"]
    assert len(own) == 1
    digest = base64.b64encode(hashlib.sha256(own[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in found.policy
    assert "default-src 'none'" in found.policy
    assert column_names(page) == []
    return found


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
