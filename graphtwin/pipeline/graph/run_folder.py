"""The run folder before and between runs: whether it may be written, belongs to these settings and inputs, and is finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graphtwin import artifacts, kinds, sources
from graphtwin.begun import require_same_settings
from graphtwin.graph.settings import Settings
from graphtwin.sources import SourceTables
from graphtwin.sources.loaders import brought_embeddings as embeddings

# Parts of the provenance that may differ between a run and its resumption, a difference that is then noted.
SOFTWARE = ("graphtwin", "git_commit", "python", "libraries")
WITHOUT_EFFECT = ("out", "threads")  # settings that no result depends on


def require_run_place(folder: Path, settings: Settings, resume: bool, force: bool = False) -> None:
    """Raise unless the run folder is new or empty, to be begun anew, or, to resume, one of the same settings."""
    if kinds.require_place(folder, kinds.RUN, resume, force, (settings.source, settings.embeddings_file)):
        require_same_settings(folder, settings, WITHOUT_EFFECT)


def inputs_of(settings: Settings, tables: SourceTables) -> dict[str, str]:
    """The inputs of a run: the source's name, materializations and file hashes, and the hash of embeddings that are brought."""
    brought = embeddings.files(settings.embeddings_file) if settings.embeddings_file is not None else []
    other = sources.load(settings.ceiling).provenance if settings.ceiling is not None else {}
    of_ceiling = {f"ceiling: {name}": value for name, value in other.items()}
    return tables.provenance | of_ceiling | {str(file): artifacts.sha256(file) for file in brought}


def provenance_of(folder: Path, settings: Settings, inputs: dict[str, str]) -> dict[str, Any]:
    """The provenance of a run; one that goes on with other software than it was begun with has `begun_with` as well."""
    now, path = artifacts.provenance(settings.seed, inputs), folder / "provenance.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else now
    software = {name: before[name] for name in SOFTWARE}
    differs = any(before[name] != now[name] for name in SOFTWARE)
    return now | ({"begun_with": before.get("begun_with", software)} if differs or "begun_with" in before else {})


def already_finished(folder: Path) -> str:
    """Message about a finished run that is asked to go on."""
    report = folder / "report.html"
    where = f"Its report: {report}" if report.exists() else f"`graphtwin report {folder}` writes its report"
    return f"{folder}: finished already, with these settings and inputs; nothing was done. {where}."
