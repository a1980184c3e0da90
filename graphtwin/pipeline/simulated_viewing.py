"""`graphtwin twin simulate`: animals that look around, in the formats of recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphtwin.artifacts import write_text
from graphtwin.config import dump_toml, overridden
from graphtwin.folders import written
from graphtwin.kinds import VIEWING
from graphtwin.synthetic.viewing import ViewingConfig, write_viewing


def simulate_viewing(out: str | Path, overrides: list[str] | None = None, force: bool = False, **asked: Any) -> Path:
    """Simulate animals that look around on a screen, and write their recordings and what was planted.

    Args:
        out: Folder to write: new, empty, or of animals that have not finished, which are begun anew.
        overrides: Settings of `ViewingConfig` as `key=value`.
        force: Take away animals that are in the folder and begin anew.
        asked: Settings of `ViewingConfig` by name: seed, area, animals, units, minutes.

    Returns:
        The folder.
    """
    config, folder = overridden(ViewingConfig, asked, overrides, "viewing"), Path(out)
    with written(folder, VIEWING, force=force) as begin:
        begin()
        write_text(dump_toml(config), folder / "config.toml")
        write_viewing(config, folder)
    return folder
