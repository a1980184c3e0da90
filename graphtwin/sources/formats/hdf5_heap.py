"""A check that the HDF5 library lacks: it reads texts from heaps, object after object, and never ends where one of them is empty."""

from __future__ import annotations

import mmap
from pathlib import Path

HEAP = b"GCOL\x01\0\0\0"  # begin of a heap, by version 3 of the file format
HEADER = 16  # bytes before the objects of a heap, and before the content of each object
LARGEST = 2**28  # bytes of a file that is looked through: larger ones take seconds


def refuse_endless_heap(path: Path) -> None:
    """Raise where a heap of an HDF5 file has an object after which there is no next one (seen with h5py 3.16 and HDF5 2.0).

    Args:
        path: HDF5 file; one larger than 256 MiB is not looked through.
    """
    size = path.stat().st_size
    if not HEADER < size <= LARGEST:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(HEAP)
        while start >= 0:
            end = start + int.from_bytes(content[start + 8 : start + HEADER], "little")
            at = start + HEADER
            while at + HEADER <= min(end, size):
                number, length = (int.from_bytes(content[at + first : at + last], "little") for first, last in ((0, 2), (8, HEADER)))
                step = (HEADER + -(-length // 8) * 8 if number else length) % 2**64
                if step == 0 or step >= 2**63:
                    raise ValueError(f"{path}: is damaged within (an empty object in the heap of texts at byte {at}). Copy it again.")
                at += step
            start = content.find(HEAP, start + 8)
