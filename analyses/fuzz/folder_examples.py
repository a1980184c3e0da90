"""Small valid files that a user shows to a twin, or that the package wrote, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from example_format import require


def make_video(folder: Path) -> None:
    """Grey levels to show to a twin."""
    folder.mkdir(parents=True)
    np.save(folder / "movie.npy", np.random.default_rng(0).uniform(0, 255, (5, 4, 6)).astype("f4"))


def read_grey_levels(folder: Path) -> np.ndarray:
    """The video as it is stored."""
    from graphtwin.twin.runs import read_video

    return read_video(folder / "movie.npy")


def check_video(folder: Path, video: np.ndarray) -> None:
    """It holds numbers."""
    require(video.dtype.kind in "biuf", "it holds no numbers")


def make_tensors(folder: Path) -> None:
    """Tensors of a twin."""
    import torch

    folder.mkdir(parents=True)
    torch.save({"weights": torch.arange(12.0).reshape(3, 4), "name": "core"}, folder / "twin.pt")


def read_tensors(folder: Path) -> Any:
    """The tensors, read as every fitted model is."""
    from graphtwin.artifacts import read_tensors as read

    return read(folder / "twin.pt")


def make_kind(folder: Path) -> None:
    """What a folder says it is."""
    from graphtwin.kinds import RUN, write_kind

    folder.mkdir(parents=True)
    write_kind(folder, RUN)


def read_kind(folder: Path) -> Any:
    """The kind of the folder."""
    from graphtwin.kinds import kind_of

    return kind_of(folder)


def anything(folder: Path, value: Any) -> None:
    """Whatever came out was read without running anything; its values are bytes of the file."""
