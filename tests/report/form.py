"""What holds of every page: headings in order, words for figures, no names of columns, its version, one script that alone may run."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import graphtwin
from tests.report.reading import unlinked


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
    assert re.search(r"\.plot svg {[^}]* fill: var\(--strong\)", page)  # of black text, of which matplotlib says no colour
    assert column_names(page) == []
    assert f"Software: graphtwin {graphtwin.__version__}" in unlinked(page)
    return found
