"""The only doors to data: whatever release or laboratory a path comes from, the same tables or the same recording are handed over."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from graphtwin.sources.formats import Recording, SourceTables
from graphtwin.sources.names import circuit_in, require_source

log = logging.getLogger("graphtwin")

MIN_REPEATS = 4  # showings of a stimulus that is kept for scoring where a release has no tiers


def load(source: str | Path = "minnie65") -> SourceTables:
    """The tables of a source, checked.

    Args:
        source: The name of a bundled source, or the path of a TOML that names the tables of a folder (format: `data/README.md`), of an HDF5
            file of the larval crawling circuit, or of a folder of the oculomotor integrator (`load_larva`, `load_oculomotor` take signs).

    Examples:
        >>> tables = graphtwin.load("tables/tables.toml")
        >>> tables.name, len(tables.tables)
        ('small', 11)
        >>> len(graphtwin.load("minnie65").tables)  # those that the package brings
        17
    """
    require_source(source)
    if Path(source).suffix.lower() == ".toml":
        from graphtwin.sources.loaders import table_folder as tables

        return tables.load_folder(source)
    from graphtwin.sources.loaders import load_fly, load_larva, load_minnie65, load_oculomotor, load_worm

    by_path: dict[str, Callable[[str | Path], SourceTables]] = {"larva": load_larva, "oculomotor": load_oculomotor}
    if circuit := circuit_in(Path(source)):
        return by_path[circuit](source)
    by_name: dict[str, Callable[[], SourceTables]] = {"minnie65": load_minnie65, "worm": load_worm, "fly": load_fly}
    named = by_name[str(source)]()
    for part, credit in named.credits.items():
        log.info("source %s, %s: %s.", named.name, part, credit)
    return named


def open_recording(path: str | Path) -> Recording:
    """The recording in a Sensorium folder or .zip, or in an NWB file; where there are no tiers, repeated stimuli become `oracle`.

    Args:
        path: Folder or file. A file is an NWB file by its suffix, in small or capital letters, or by its content.
    """
    from graphtwin.sources.formats import is_hdf5, refuse_zarr

    path = Path(path)
    before, number_sign, _ = str(path).partition("#")
    if number_sign and not path.exists() and Path(before).exists():
        raise ValueError(f"{path}: a recording is opened whole, so that nothing is named by '#'. Give {before}.")
    refuse_zarr(path)
    if path.suffix.lower() == ".nwb" or is_hdf5(path):
        from graphtwin.sources.loaders import read_nwb

        return with_tiers(read_nwb(path))
    from graphtwin.sources.loaders import read_sensorium

    return read_sensorium(path)


def with_tiers(recording: Recording) -> Recording:
    """The recording with tiers: `oracle` for stimuli shown at least four times, `train` for others, where it has none of its own."""
    trials = recording.trials
    if (trials["tier"] != "").any():
        return recording
    shown = trials.groupby("stimulus")["stimulus"].transform("size")
    return replace(recording, trials=trials.assign(tier=np.where(shown >= MIN_REPEATS, "oracle", "train")))
