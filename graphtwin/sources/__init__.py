"""Sources: the only rooms that meet the outside. Each turns an export into the same checked tables, or the same form of a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.sources.doors import load, open_recording
    from graphtwin.sources.formats import OF_ANOTHER, RECRUITMENT, RESPONSES, SINGLE, Offers, SourceTables, Table, TrialArrays, read_trials
    from graphtwin.sources.names import BUNDLED, require_source

__all__ = [
    "BUNDLED",
    "OF_ANOTHER",
    "RECRUITMENT",
    "RESPONSES",
    "SINGLE",
    "Offers",
    "SourceTables",
    "Table",
    "TrialArrays",
    "load",
    "open_recording",
    "read_trials",
    "require_source",
]

__getattr__, __dir__ = public_names(
    __name__,
    {
        "BUNDLED": ("graphtwin.sources.names", "BUNDLED"),
        "load": ("graphtwin.sources.doors", "load"),
        "open_recording": ("graphtwin.sources.doors", "open_recording"),
        "require_source": ("graphtwin.sources.names", "require_source"),
        "OF_ANOTHER": ("graphtwin.sources.formats.source_tables", "OF_ANOTHER"),
        "RECRUITMENT": ("graphtwin.sources.formats.recruitment_tables", "RECRUITMENT"),
        "SINGLE": ("graphtwin.sources.formats.source_tables", "SINGLE"),
        "RESPONSES": ("graphtwin.sources.formats.response_tables", "RESPONSES"),
        "Offers": ("graphtwin.sources.formats.source_tables", "Offers"),
        "SourceTables": ("graphtwin.sources.formats.source_tables", "SourceTables"),
        "Table": ("graphtwin.sources.formats.source_tables", "Table"),
        "TrialArrays": ("graphtwin.sources.formats.trial_files", "TrialArrays"),
        "read_trials": ("graphtwin.sources.formats.trial_files", "read_trials"),
    },
)
