"""`graphtwin motor simulate`: a sensorimotor loop with known weights, as a source and beside it what was planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphtwin.artifacts import write_text
from graphtwin.config import dump_toml, overridden
from graphtwin.extras import require_packages
from graphtwin.folders import written
from graphtwin.kinds import LOOP
from graphtwin.synthetic.loop import LoopConfig, write_loop


def simulate_loop(out: str | Path, overrides: list[str] | None = None, force: bool = False, **asked: Any) -> Path:
    """Simulate a sensorimotor loop and write its source, its trials and its truth.

    Args:
        out: Folder to write: new, empty, or of a loop that has not finished, which is begun anew.
        overrides: Settings of `LoopConfig` as `key=value`.
        force: Take away a loop that is in the folder and begin anew.
        asked: Settings of `LoopConfig` by name: neurons, seed.

    Returns:
        The folder.
    """
    require_packages("graphtwin motor simulate", "h5py")
    config, folder = overridden(LoopConfig, asked, overrides, "loop"), Path(out)
    with written(folder, LOOP, force=force) as begin:
        begin()
        write_text(dump_toml(config), folder / "config.toml")
        write_loop(config, folder)
    return folder
