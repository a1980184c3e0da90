"""What a command looks at before anything heavy is loaded: files to read, the device, packages; and the option to write over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Force = Annotated[
    bool, typer.Option("--force", help="Write over what is there: a file, or a folder of the same kind, which is removed and begun anew.")
]


def require_files(*paths: Path | None) -> None:
    """Raise for the first file that is not there; None is one that was not asked for.

    Args:
        paths: Files that the command reads.
    """
    for path in paths:
        if path is not None and not path.is_file():
            raise FileNotFoundError(f"{path}: {'is a folder, and a file is needed' if path.is_dir() else 'no such file'}. Name a file.")


def require_device(device: str) -> None:
    """Raise where torch cannot compute on a device that was asked for.

    Args:
        device: "auto", "cpu" or "cuda"; torch is loaded for the last only.
    """
    if device == "cuda":
        from graphtwin.parallel import device_of

        device_of("cuda")


def require_recordings(*recordings: Path) -> None:
    """Raise for the first recording that is not there, and where a package that reads it is missing.

    Args:
        recordings: Folders, archives or NWB files.
    """
    from graphtwin.extras import require_packages
    from graphtwin.kinds import kind_of

    for path in recordings:
        if not path.exists() and not path.with_name(f"{path.name}.zip").exists() and "#" not in path.name:
            raise FileNotFoundError(f"{path}: neither this folder nor {path.name}.zip exists. Give the path of a recording.")
        if path.is_dir() and (kind := kind_of(path)) is not None:
            raise ValueError(f"{path}: is {kind.is_a}, for {kind.used_by}, and no recording. Give the path of a recording.")
        if path.suffix.lower() == ".nwb":
            require_packages(f"{path}: recordings in NWB files", "h5py", "oasis")
