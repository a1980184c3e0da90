"""`graphtwin robust simulate`: pictures with a shortcut, and responses that do not see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphtwin.artifacts import write_text
from graphtwin.config import dump_toml, overridden
from graphtwin.folders import written
from graphtwin.kinds import SHORTCUT
from graphtwin.synthetic.shortcut import ShortcutConfig, write_shortcut


def simulate_shortcut(out: str | Path, overrides: list[str] | None = None, force: bool = False, **asked: Any) -> Path:
    """Draw pictures of four classes with a shortcut and a population's responses to them, and write both.

    Args:
        out: Folder to write: new, empty, or of pictures that have not finished, which are begun anew.
        overrides: Settings of `ShortcutConfig` as `key=value`.
        force: Take away pictures that are in the folder and begin anew.
        asked: Settings of `ShortcutConfig` by name: seed.

    Returns:
        The folder.
    """
    config, folder = overridden(ShortcutConfig, asked, overrides, "shortcut"), Path(out)
    with written(folder, SHORTCUT, force=force) as begin:
        begin()
        write_text(dump_toml(config), folder / "config.toml")
        write_shortcut(config, folder)
    return folder
