"""What an .npy file says of its content before any of it is read: shape, order and dtype, held against the bytes that follow."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import Any

import numpy as np

POINTER = b"version https://git-lfs"  # first bytes of a file whose content Git LFS has not brought yet


def header_of(file: Any, size: int) -> tuple[tuple[int, ...], bool, np.dtype] | str:
    """Shape, order and dtype of an .npy file whose content follows, or in words why it is not read.

    Args:
        file: File at its first byte, which is then at the first byte of its content.
        size: Bytes of the whole file.
    """
    start = file.read(len(POINTER))
    if start == POINTER:
        return "is a pointer of Git LFS, without its content. Fetch it: `git lfs pull`."
    version = np.lib.format.read_magic(io.BytesIO(start))
    if version not in ((1, 0), (2, 0)):
        return f"is an .npy file of version {version}, for columns with names. Save an array of numbers or text."
    begin = 10 if version == (1, 0) else 12  # bytes of the magic string, the version and the length of what follows
    end = begin + int.from_bytes(start[8:begin], "little")
    file.seek(0)
    shape, in_columns, dtype = _described(file.read(end))
    file.seek(end)
    if dtype.hasobject:
        return "holds Python objects as a pickle, which is never opened. Save it again as numbers or text, without dtype object."
    if dtype.kind not in "biufcSU" or dtype.subdtype is not None:
        return f"holds {dtype}, where numbers or text are expected. Save a plain array."
    promised, left = math.prod(shape) * dtype.itemsize, size - file.tell()
    if min(shape, default=1) < 0 or promised > left:
        raise ValueError(f"its header promises {promised} bytes of shape {shape}, but {left} follow")
    return shape, in_columns, dtype


@lru_cache(maxsize=256)
def _described(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """What numpy reads from the first bytes of a file; files of a recording begin alike, and numpy takes long over words."""
    words = io.BytesIO(header)
    version = np.lib.format.read_magic(words)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(words)
