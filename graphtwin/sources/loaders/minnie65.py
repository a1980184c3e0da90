"""The bundled MICrONS minnie65 tables, each file verified against its sha256 as it is read."""

from __future__ import annotations

import json
from pathlib import Path

from graphtwin.sources.formats import SourceTables, manifest

FOLDER = Path(__file__).resolve().parents[2] / "bundle" / "minnie65"  # a link to data/ in the repository, files in a wheel
REGISTRY = "registry.json"  # sha256 of each file of the bundle


def load_minnie65(folder: str | Path | None = None) -> SourceTables:
    """The minnie65 bundle as checked tables.

    Args:
        folder: A copy of the bundle; None takes the one that comes with the package.
    """
    folder = Path(folder) if folder is not None else FOLDER
    if not (folder / REGISTRY).is_file():
        found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else None
        state = "does not exist" if found is None else f"holds no {REGISTRY} (it has {found or 'no files'})"
        raise FileNotFoundError(
            f"{folder}: the minnie65 bundle {state}. Its tables come with the package, and lie in data/minnie65 of a clone: install "
            "graphtwin again, or pass the folder of a copy: graphtwin.sources.loaders.minnie65.load_minnie65(folder)."
        )
    registry: dict[str, str] = json.loads((folder / REGISTRY).read_text(encoding="utf-8"))
    return manifest.read_manifest(folder / "minnie65.toml", sha256=registry)
