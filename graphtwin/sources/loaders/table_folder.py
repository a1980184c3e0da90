"""A laboratory's own folder of CAVE-style exports (Parquet, Feather, text), named by a small TOML."""

from __future__ import annotations

from pathlib import Path

from graphtwin.sources.formats import SourceTables, manifest


def load_folder(toml: str | Path) -> SourceTables:
    """The tables that the TOML names, checked; paths in it are relative to the TOML.

    Args:
        toml: Path of the TOML; its format is described in `data/README.md` and by `manifest.Manifest`.
    """
    return manifest.read_manifest(Path(toml))
