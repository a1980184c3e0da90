"""`graphtwin motor simulate --circuit fly`: the fly's motion pathway, recorded, as a source and beside it its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphtwin.artifacts import write_text
from graphtwin.config import dump_toml, overridden
from graphtwin.extras import require_packages
from graphtwin.folders import written
from graphtwin.kinds import RECORDED_FLY
from graphtwin.synthetic.fly import FlyConfig, write_fly


def simulate_fly(out: str | Path, overrides: list[str] | None = None, force: bool = False, **asked: Any) -> Path:
    """Simulate a recording of a trained network of the motion pathway, and write its source, its trials and its truth.

    Args:
        out: Folder to write: new, empty, or of a recording that has not finished, which is begun anew.
        overrides: Settings of `FlyConfig` as `key=value`.
        force: Take away a recording that is in the folder and begin anew.
        asked: Settings of `FlyConfig` by name: network, seed.

    Returns:
        The folder.
    """
    require_packages("graphtwin motor simulate --circuit fly", "flycns", "h5py")
    config, folder = overridden(FlyConfig, asked, overrides, "fly"), Path(out)
    with written(folder, RECORDED_FLY, force=force) as begin:
        begin()
        write_text(dump_toml(config), folder / "config.toml")
        write_fly(config, folder)
    return folder
