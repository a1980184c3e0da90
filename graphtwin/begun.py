"""What a folder was begun with: whoever goes on there has the same settings and the same inputs."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from graphtwin.config import changed_settings, dump_toml, read_toml

SHOWN = 5  # settings or inputs that an error names


def require_same_settings(
    folder: Path, config: BaseModel, without_effect: Collection[str] = (), today: Callable[[dict[str, Any]], dict[str, Any]] = dict
) -> None:
    """Raise where the folder was begun with other settings; a folder without `config.toml` was not begun.

    Args:
        folder: Folder of a run, whose `config.toml` holds the settings that it was begun with.
        config: Settings of now.
        without_effect: Full names of settings that may differ.
        today: Gives settings that an earlier version wrote as this one has them.
    """
    written = folder / "config.toml"
    if not written.exists():
        return
    changed = changed_settings(today(read_toml(written)), tomllib.loads(dump_toml(config)), without_effect)
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise ValueError(
            f"{folder}: was begun with other settings; different now: {'; '.join(changed[:SHOWN])}{more}. Use the same settings, or name "
            "another --out."
        )


def require_same_inputs(folder: Path, inputs: dict[str, str]) -> None:
    """Raise where the folder was begun with other inputs; a folder without `provenance.json` was not begun.

    Args:
        folder: Folder of a run.
        inputs: Name of each input, and what tells it from others: a hash of its file, or its version.
    """
    path = folder / "provenance.json"
    if not path.exists():
        return
    before = json.loads(path.read_text(encoding="utf-8"))["inputs"]
    changed = sorted(name for name in before.keys() | inputs.keys() if before.get(name) != inputs.get(name))
    if changed:
        raise ValueError(
            f"{folder}: {len(changed)} inputs have changed since the run began: {', '.join(changed[:SHOWN])}. "
            "Restore them, or name another --out."
        )
