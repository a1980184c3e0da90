"""Sources: the only rooms that meet the outside. Each turns an export into the same checked tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphtwin.sources.formats.manifest import SourceTables, Table

__all__ = ["SourceTables", "Table", "load"]

BUNDLED = ("minnie65",)  # sources that the repository brings


def load(source: str | Path = "minnie65") -> SourceTables:
    """The tables of a source, checked.

    Args:
        source: The name of a bundled source, or the path of a TOML that names the tables of a folder (format: `data/README.md`).
    """
    from graphtwin.config import nearest

    if Path(source).suffix == ".toml":
        from graphtwin.sources.loaders import table_folder as tables

        return tables.load_folder(source)
    if Path(source).is_dir():
        found = sorted(path.name for path in Path(source).iterdir())
        raise ValueError(
            f"source {str(source)!r} is a folder ({f'it has {found[:10]}' if found else 'it is empty'}). Give the TOML that names "
            "its tables: its format, with an example, is in data/README.md."
        )
    if str(source) not in BUNDLED:
        raise ValueError(
            f"source {str(source)!r} is neither a bundled source ({', '.join(BUNDLED)}; nearest {nearest(str(source), BUNDLED)!r}) "
            "nor a .toml file. "
            "For a folder of exports, give the path of the TOML that names its tables."
        )
    from graphtwin.sources.loaders import minnie65

    return minnie65.load_minnie65()


def __getattr__(name: str) -> Any:
    """The tables' classes, imported at first use: skeletons are read without pandera (PEP 562)."""
    if name in ("SourceTables", "Table"):
        from graphtwin.sources.formats import manifest

        return getattr(manifest, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
