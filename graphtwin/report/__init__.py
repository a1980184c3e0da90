"""A finished folder drawn from its files alone: figures, tables and one self-contained page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.report.finished import find_types, like_to_like, power, write_report
    from graphtwin.report.folder import KNOWN_COLUMNS, RunFolder
    from graphtwin.report.pages import write_correlated, write_measured
    from graphtwin.report.tables import print_results
    from graphtwin.report.terms import Term, glossary

__all__ = [
    "KNOWN_COLUMNS",
    "RunFolder",
    "Term",
    "find_types",
    "glossary",
    "like_to_like",
    "power",
    "print_results",
    "write_correlated",
    "write_measured",
    "write_report",
]

__getattr__, __dir__ = public_names(
    __name__,
    {
        "write_report": ("graphtwin.report.finished", "write_report"),
        "like_to_like": ("graphtwin.report.finished", "like_to_like"),
        "find_types": ("graphtwin.report.finished", "find_types"),
        "power": ("graphtwin.report.finished", "power"),
        "write_correlated": ("graphtwin.report.pages", "write_correlated"),
        "write_measured": ("graphtwin.report.pages", "write_measured"),
        "KNOWN_COLUMNS": ("graphtwin.report.folder", "KNOWN_COLUMNS"),
        "RunFolder": ("graphtwin.report.folder", "RunFolder"),
        "Term": ("graphtwin.report.terms", "Term"),
        "glossary": ("graphtwin.report.terms", "glossary"),
        "print_results": ("graphtwin.report.tables", "print_results"),
    },
)
