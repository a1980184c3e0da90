"""Small arrays that stay in memory once they were read: the files of a picture hold a few kB each, and opening one takes longest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

MOST_BYTES = 512 * 2**20  # bytes of a recording's arrays that are kept, at most; what comes after is read again whenever it is asked for


@dataclass
class KeptArrays:
    """Arrays by name, none of which can be written to; another process to which they go begins without any.

    Attributes:
        most: Bytes that are kept, at most.
        size: Bytes that are kept.
    """

    most: int = MOST_BYTES
    size: int = 0
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def of(self, name: str, read: Callable[[str], np.ndarray]) -> np.ndarray:
        """The array of a name, as stored; it is read where it is not kept, and kept where it still fits."""
        if name in self.arrays:
            return self.arrays[name]
        found = read(name)
        if self.size + found.nbytes > self.most:
            return found
        kept = np.array(found)
        kept.flags.writeable = False
        self.size += kept.nbytes
        return self.arrays.setdefault(name, kept)

    def __reduce__(self) -> tuple[type[KeptArrays], tuple[int]]:
        """What is pickled: how much may be kept."""
        return KeptArrays, (self.most,)
