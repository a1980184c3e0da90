"""What all pages share: their templates, the chapters that hold figures, the facts on top, and the glossary at the end."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from graphtwin.artifacts import write_text
from graphtwin.report.figures import Block, Drawn
from graphtwin.report.terms import link_words, name_in_words

SCRIPT = Path(__file__).parents[1] / "static" / "page.js"  # the one script of a page


@dataclass(frozen=True)
class Section:
    """A chapter of the page with its figures."""

    key: str
    title: str
    lead: str
    blocks: list[Block]


def page(template: str) -> jinja2.Template:
    """A template of this room; every text is escaped, and a name that is not given is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parents[1] / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = SCRIPT.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {"script": Markup(script), "script_hash": f"sha256-{digest}"}
    environment.filters["is_drawn"] = lambda block: isinstance(block, Drawn)
    return environment.get_template(template)


def write_page(rendered: str, path: Path) -> Path:
    """Write a page atomically, its words linked to the glossary of those that occur, which stands at its end and in the contents.

    Args:
        rendered: The page as HTML.
        path: File to write.
    """
    return write_text(with_words(rendered), path)


def with_words(rendered: str) -> str:
    """A page without names of columns, with its words linked to the glossary at its end."""
    named = name_in_words(rendered)
    linked, terms = link_words(named)
    if not terms:
        return named
    linked = linked.replace("</main>", f"{page('words.html.j2').render(terms=terms)}</main>", 1)
    return linked.replace("</ol></nav>", '<li><a href="#words">Words</a></li>\n</ol></nav>', 1)


def facts(provenance: dict[str, Any] | None) -> list[tuple[str, str]]:
    """The few facts of the provenance that stand at the top of the page."""
    if not isinstance(provenance, dict):
        return []
    names = {"source_has": "which has", "graphtwin": "graphtwin", "git_commit": "commit", "seed": "seed"}
    found = [(label, str(provenance[key])) for key, label in names.items() if provenance.get(key) is not None]
    inputs = provenance.get("inputs")
    if isinstance(inputs, dict):
        source = [("source", str(inputs["name"]))] if "name" in inputs else []
        found = [*source, *found, ("input files", str(sum(len(str(value)) == 64 for value in inputs.values())))]
    return [(label, value[:10] if label == "commit" else value) for label, value in found]
