"""Checks: a recording, tables or a volume that can be read and is faulty all the same, found before it is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.checks.finding import Finding, is_faulty, refused, warn
    from graphtwin.checks.recording import check_recording
    from graphtwin.checks.tables import check_source, check_tables
    from graphtwin.checks.volume import check_volume

__all__ = ["Finding", "check_recording", "check_source", "check_tables", "check_volume", "is_faulty", "refused", "warn"]

__getattr__, __dir__ = public_names(
    __name__,
    {
        "Finding": ("graphtwin.checks.finding", "Finding"),
        "is_faulty": ("graphtwin.checks.finding", "is_faulty"),
        "refused": ("graphtwin.checks.finding", "refused"),
        "check_recording": ("graphtwin.checks.recording", "check_recording"),
        "check_source": ("graphtwin.checks.tables", "check_source"),
        "check_tables": ("graphtwin.checks.tables", "check_tables"),
        "warn": ("graphtwin.checks.finding", "warn"),
        "check_volume": ("graphtwin.checks.volume", "check_volume"),
    },
)
