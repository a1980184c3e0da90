"""Pictures that are the same pixel for pixel: none may be trained on and tested."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from graphtwin.shapes import Bool, Float, Int


def first_alike(pictures: Float[np.ndarray, "pictures height width"]) -> Int[np.ndarray, " pictures"]:
    """Of each picture the row of the first that has the same pixels: its own where there is none before it.

    Args:
        pictures: Grey levels.
    """
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(hashlib.sha256(picture.tobytes()).digest(), row) for row, picture in enumerate(pictures)])


def require_apart(
    folder: Path, pictures: Float[np.ndarray, "pictures height width"], is_test: Bool[np.ndarray, " pictures"], names: tuple[str, ...]
) -> None:
    """Raise where pictures of a folder's tests are among those to train on: whoever learns them by heart would count as right.

    Args:
        folder: Folder with `train` and `test`.
        pictures: Grey levels.
        is_test: Whether each picture is one of `test`.
        names: File of each picture below the folder.
    """
    first = first_alike(pictures)
    taught = {first[row]: row for row in np.flatnonzero(~is_test)[::-1]}
    if both := [row for row in np.flatnonzero(is_test) if first[row] in taught]:
        raise ValueError(
            f"{folder}: {len(both)} of {int(is_test.sum())} test pictures are pixel for pixel the same as pictures to train on, first "
            f"{names[both[0]]} and {names[taught[first[both[0]]]]}. Take them out of test or out of train."
        )
