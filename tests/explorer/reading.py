"""What a page holds, read back as a page reads it."""

from __future__ import annotations

import gzip
import json
from typing import Any

import numpy as np


def unpacked(block: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Words and arrays of a block."""
    raw = gzip.decompress(block)
    length = int.from_bytes(raw[:4], "little")
    words = json.loads(raw[4 : 4 + length])
    arrays = {}
    for name, told in words["arrays"].items():
        assert (4 + length + told["at"]) % 8 == 0  # a typed array of a page begins at a multiple of its size
        count = int(np.prod(told["shape"]))
        arrays[name] = np.frombuffer(raw, told["kind"], count, 4 + length + told["at"]).reshape(told["shape"])
    return words, arrays
