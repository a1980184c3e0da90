"""Values of an array of Arrow from its buffers, as Arrow's columnar format lays them out.

Source: https://arrow.apache.org/docs/format/Columnar.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

# Arrow's name of a type: for text the code of the places where each text ends, for numbers their own, "bits" for one bit a value.
TEXT = {"string": "<i4", "utf8": "<i4", "large_string": "<i8", "large_utf8": "<i8"}
NUMBERS = {
    **{f"{sign}int{8 * size}": f"<{code}{size}" for sign, code in (("", "i"), ("u", "u")) for size in (1, 2, 4, 8)},
    **{"halffloat": "<f2", "float": "<f4", "double": "<f8"},
}
LAYOUTS = TEXT | NUMBERS | {"bool": "bits"}

Buffer = bytes | bytearray


def values_of(name: str, length: int, offset: int, buffers: Sequence[Buffer | None]) -> tuple[np.ndarray, np.ndarray]:
    """Values, text as objects with None where it is missing, and where they are missing.

    Args:
        name: Arrow's name of the type, a key of `LAYOUTS`.
        length: Number of values.
        offset: Number of values in the buffers before the first.
        buffers: Bits of the values that are there, or None where all are; then the ends of texts and the texts, or the numbers.

    Raises:
        ValueError: The buffers are shorter than the array.
    """
    if min(length, offset) < 0:
        raise ValueError(f"an array of Arrow of {length} values begins at {offset}")
    known, *stored = buffers
    if name in TEXT:
        ends, content = stored
        values = _texts(ends or b"", content or b"", offset, length, TEXT[name])
    elif name == "bool":
        values = _bits(stored[0] or b"")[offset : offset + length]
    else:
        values = np.frombuffer(stored[0] or b"", dtype=NUMBERS[name])[offset : offset + length]
    missing = np.zeros(len(values), dtype=bool) if known is None else ~_bits(known)[offset : offset + length]
    if not len(values) == len(missing) == length:
        raise ValueError(f"an array of Arrow of {length} values has {len(values)}")
    if name in TEXT:
        values[missing] = None
    return values, missing


def _bits(content: Buffer) -> np.ndarray:
    """One truth value a bit, the lowest bit of a byte first."""
    return np.unpackbits(np.frombuffer(content, dtype=np.uint8), bitorder="little").astype(bool)


def _texts(ends: Buffer, content: Buffer, offset: int, length: int, code: str) -> np.ndarray:
    """Texts that lie end to end in UTF-8, from the places where each ends."""
    places = np.frombuffer(ends, dtype=code)[offset : offset + length + 1].tolist() or [0]
    if len(places) != length + 1 or places != sorted(places) or places[0] < 0 or places[-1] > len(content):
        raise ValueError("text of Arrow lies outside its buffer")
    values = np.empty(length, dtype=object)
    values[:] = [bytes(content[start:end]).decode("utf-8") for start, end in pairwise(places)]
    return values
