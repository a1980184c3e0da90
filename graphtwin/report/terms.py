"""The glossary: what the words of the pages mean, and which of them stand on a page."""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from graphtwin.report.words import in_words

PIECES = re.compile(r"(<!--.*?-->|<[^>]*>)", flags=re.DOTALL)
FILE = Path(__file__).parent / "glossary.toml"
UNREAD = {"a", "code", "nav", "pre", "samp", "script", "style", "svg"}  # elements in which a word is no use of it
AS_IT_IS = {"a", "b", "code", "pre", "samp", "script", "style", "title"}  # and in which names of columns stay what they are
# What is code in a sentence: whatever stands between backticks, and names of files.
CODE = re.compile(r"`([^`]+)`|(?<![\w./-])((?:[\w-]+/)*[\w-]+\.(?:parquet|csv|json|toml|npz|npy|pt|h5))(?!\w)")
UNLINKED = {"b", "button", "caption", "h1", "h2", "h3", "li", "summary", "td", "th"}  # and in which it is one, but no place for a link


@dataclass(frozen=True)
class Term:
    """A word of the pages.

    Attributes:
        name: The word as the glossary lists it.
        meaning: Its meaning in a sentence or two.
        also: Other spellings and forms by which it is found.
        source: Paper and doi of a formula or rule; empty where it is nobody's.
    """

    name: str
    meaning: str
    also: tuple[str, ...] = ()
    source: str = ""

    @property
    def anchor(self) -> str:
        """Anchor of the word in the glossary of a page."""
        return f"word-{re.sub(r'[^a-z0-9]+', '-', self.name.lower().replace('²', '2')).strip('-')}"

    @property
    def doi(self) -> str:
        """The doi of the source alone; empty where there is none."""
        return self.source.partition("doi:")[2].strip()


@cache
def glossary() -> tuple[Term, ...]:
    """All words that pages and documentation explain, in the order of the alphabet."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))["term"]
    terms = [Term(**entry | {"also": tuple(entry.get("also", ()))}) for entry in entries]
    return tuple(sorted(terms, key=lambda term: term.name.lower()))


def link_words(body: str) -> tuple[str, list[Term]]:
    """A page with the first use of each word in a sentence linked to the glossary, and all words that occur.

    Args:
        body: HTML; what stands in code, figures, links and the contents is no use of a word, and headings are left as they are.
    """
    pattern, of = _pattern(glossary())
    found: dict[str, Term] = {}
    linked: set[str] = set()
    inside: list[str] = []

    def link(match: re.Match[str]) -> str:
        spelled = html.unescape(match[0])
        term = of.get(spelled) or of[spelled.lower()]
        found[term.name] = term
        if inside or term.name in linked:
            return match[0]
        linked.add(term.name)
        return f'<a class="word" href="#{term.anchor}">{match[0]}</a>'

    pieces = PIECES.split(body)
    for at, piece in enumerate(pieces):
        if at % 2:
            _follow(piece, inside)
        elif not set(inside) & UNREAD:
            pieces[at] = pattern.sub(link, piece)
    return "".join(pieces), sorted(found.values(), key=lambda term: term.name.lower())


def name_in_words(body: str) -> str:
    """A page with the columns that its sentences, tables and figures name in words, and with files and commands set as code.

    Args:
        body: HTML; what stands in links, code, scripts, samples and bold names is left as it is.
    """
    inside: list[str] = []
    pieces = PIECES.split(body)
    for at, piece in enumerate(pieces):
        if at % 2:
            _follow(piece, inside)
        elif "svg" in inside:
            pieces[at] = in_words(piece)
        elif not set(inside) & AS_IT_IS:
            spoken = CODE.split(piece)
            pieces[at] = "".join(
                in_words(part or "") if k % 3 == 0 else f"<code>{part}</code>" if part else "" for k, part in enumerate(spoken)
            )
    return "".join(pieces)


def _follow(tag: str, inside: list[str]) -> None:
    """Keep account of the elements that are not linked and are open."""
    named = re.match(r"<(/?)([a-z0-9]+)", tag)
    if named is None or named[2] not in UNREAD | UNLINKED | AS_IT_IS or tag.endswith("/>"):
        return
    if not named[1]:
        inside.append(named[2])
    elif named[2] in inside:
        inside.remove(named[2])


@cache
def _pattern(terms: Sequence[Term]) -> tuple[re.Pattern[str], dict[str, Term]]:
    """What finds any spelling, the longest first, and the term of each; spellings with capitals are found as they are written."""
    of = {spelling: term for term in terms for spelling in (term.name, *term.also)}
    spelled = [_expression(name) for name in sorted(of, key=len, reverse=True)]
    return re.compile(rf"(?<![\w-])(?:{'|'.join(spelled)})(?![\w-])"), of


def _expression(spelling: str) -> str:
    """The spelling as a page may have it: an apostrophe may be escaped, and small letters may be capitals."""
    escaped = re.escape(spelling).replace("'", "(?:'|&#39;)")
    return escaped if spelling != spelling.lower() else f"(?i:{escaped})"
