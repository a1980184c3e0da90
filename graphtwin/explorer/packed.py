"""Arrays and words in one block of bytes that a page reads without a library: a header in JSON, then each array at a multiple of eight.

The block begins with the length of the header, an unsigned 32-bit number, lowest byte first; the whole is compressed by gzip, which
browsers undo by themselves (`DecompressionStream`).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

KINDS = {"float32": "f4", "uint8": "u1", "uint16": "u2", "int32": "i4", "int64": "i8"}  # arrays that have a typed array in a page
ALIGNED = 8  # bytes that every array begins at a multiple of
LEVEL = 6  # of compression


def pack(words: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The block, compressed.

    Args:
        words: Whatever JSON holds; `arrays` is added to it, with the kind, shape and first byte (after the header) of each.
        arrays: Arrays of float32, uint8, uint16, int32 or int64.

    Raises:
        TypeError: An array of another kind.
    """
    told, parts, at = {}, [], 0
    for name, array in arrays.items():
        kind = str(array.dtype)
        if kind not in KINDS:
            raise TypeError(f"array {name!r} is of {kind}. Give one of {', '.join(KINDS)}.")
        data = np.ascontiguousarray(array, dtype="<" + KINDS[kind]).tobytes()
        told[name] = {"kind": kind, "shape": list(array.shape), "at": at}
        parts.append(data + bytes(-len(data) % ALIGNED))
        at += len(parts[-1])
    header = json.dumps(dict(words) | {"arrays": told}, allow_nan=False).encode()
    header += b" " * (-(len(header) + 4) % ALIGNED)
    return gzip.compress(len(header).to_bytes(4, "little") + header + b"".join(parts), LEVEL, mtime=0)
