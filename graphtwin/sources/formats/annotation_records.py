"""How a point of precomputed annotations is stored: its place, then its properties, in the layout of the format or of another writer.

By the format (documentation of Neuroglancer, "Precomputed annotation format") properties of four bytes come first, then those of two, then
those of one, each in the order of the info file, and zeros up to a multiple of four bytes. Other layouts are in files too:

- neuroglancer's own Python writer (write_annotations.py of 2.41) aligns a uint32 to three bytes, and so puts zeros before it;
- writers that leave out the zeros at the end, or keep the order of the info file, with or without zeros that align every property.

A layout fits when its size is that of the points, and what should be zero is. That of the format holds where it fits, unless the files
are those of the Python writer and its layout fits as well with other values: then nothing tells which is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import UInt8

# Types of properties by name, as numpy has them; little-endian.
TYPES = {"uint32": "<u4", "int32": "<i4", "float32": "<f4", "uint16": "<u2", "int16": "<i2", "uint8": "u1", "int8": "i1"}
TYPES |= {"rgb": "3u1", "rgba": "4u1"}
PLACE = 12  # bytes of a place: three float32
PYTHON_WRITER = {"uint32": 3}  # alignment that neuroglancer's Python writer has for a type, where it is not the size of its parts
BY_FORMAT, BY_PYTHON_WRITER = "as the format says", "as neuroglancer's Python writer does"

Property = tuple[str, str]  # name and type


def properties_of(info: dict[str, Any], origin: str) -> list[Property]:
    """Name and type of each property, in the order of the info file.

    Args:
        info: Content of the info file.
        origin: Name of the annotations, for errors.
    """
    given = info.get("properties", [])
    properties = []
    for spec in given if isinstance(given, list) else [given]:
        name, kind = (spec.get("id"), spec.get("type")) if isinstance(spec, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(kind, str) or kind not in TYPES:
            raise ValueError(f"{origin}: the property {name!r} has the type {kind!r}; known are {', '.join(TYPES)}. Correct the info file.")
        properties.append((name, kind))
    names = [name for name, _ in properties]
    taken = sorted({name for name in names if names.count(name) > 1 or name in {"annotation_id", "x_nm", "y_nm", "z_nm"}})
    if taken:
        raise ValueError(f"{origin}: the properties {taken} are there twice or have names of columns that every table has. Rename them.")
    return properties


def layouts(properties: list[Property]) -> dict[str, np.dtype]:
    """The layouts of a point by what they are, each once, that of the format first; properties have the fields p0, p1, ...

    Args:
        properties: Name and type of each property, in the order of the info file.
    """
    found: dict[str, np.dtype] = {}
    for words, record in _every_layout(properties):
        if record not in found.values():
            found[words] = record
    return found


def _every_layout(properties: list[Property]) -> Iterator[tuple[str, np.dtype]]:
    kinds = [kind for _, kind in properties]
    sizes = [np.dtype(TYPES[kind]).base.itemsize for kind in kinds]
    given = list(range(len(kinds)))
    wide_first = sorted(given, key=lambda i: -sizes[i])
    odd = [PYTHON_WRITER.get(kind, size) for kind, size in zip(kinds, sizes, strict=True)]
    yield BY_FORMAT, _record(kinds, wide_first, [1] * len(kinds), 4)
    yield BY_PYTHON_WRITER, _record(kinds, sorted(given, key=lambda i: -odd[i]), odd, 4)
    yield "in its order but without zeros at the end", _record(kinds, wide_first, [1] * len(kinds), 1)
    yield "in the order of the info file", _record(kinds, given, [1] * len(kinds), 4)
    yield "in the order of the info file and aligned", _record(kinds, given, sizes, 4)
    yield "in the order of the info file without zeros at the end", _record(kinds, given, [1] * len(kinds), 1)


def _record(kinds: list[str], order: list[int], alignment: list[int], multiple: int) -> np.dtype:
    """A point whose properties come in an order, each at a multiple of its alignment, and whose size is a multiple too."""
    names, formats, offsets, at = ["point"], [np.dtype("3<f4")], [0], 0
    for i in order:
        at += -at % alignment[i]
        names.append(f"p{i}")
        formats.append(np.dtype(TYPES[kinds[i]]))
        offsets.append(PLACE + at)
        at += formats[-1].itemsize
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": PLACE + at + -at % multiple})


def read_records(stored: UInt8[np.ndarray, "points bytes"], properties: list[Property], info: dict[str, Any], origin: str) -> np.ndarray:
    """The points in the one layout that fits, with the fields point, p0, p1, ...; an error says why there is none.

    Args:
        stored: Bytes of each point.
        properties: Name and type of each property.
        info: Content of the info file, from which the Python writer of neuroglancer is known.
        origin: Name of the annotations, for errors.
    """
    known = layouts(properties)
    fitting = {words: record for words, record in known.items() if record.itemsize == stored.shape[1] and _zeros_are_zero(stored, record)}
    read = {words: np.ascontiguousarray(stored).view(record)[:, 0] for words, record in fitting.items()}
    if not read:
        sizes = ", ".join(f"{record.itemsize} bytes {words}" for words, record in known.items())
        raise ValueError(
            f"{origin}: a point takes {stored.shape[1]} bytes in its files, and its properties {[name for name, _ in properties]} can be "
            f"stored in {sizes}. None of these fits: the files are cut short or padded in another way, or the info file is of others."
        )
    if BY_FORMAT in read and not (BY_PYTHON_WRITER in read and _is_of_python_writer(info)):
        return read[BY_FORMAT]
    first, *others = read
    differ = [words for words in others if not _same(read[first], read[words], len(properties))]
    if differ:
        raise ValueError(
            f"{origin}: the properties {[name for name, _ in properties]} can have been stored {first} or {', '.join(differ)}: both fit "
            "the files and give other values. Write them again; neuroglancer's writer keeps to the format with int32 in place of uint32."
        )
    return read[first]


def _zeros_are_zero(stored: UInt8[np.ndarray, "points bytes"], record: np.dtype) -> bool:
    """Whether the bytes that no property takes are zero in all points."""
    free = np.ones(record.itemsize, bool)
    for field, offset, *_ in (record.fields or {}).values():
        free[offset : offset + field.itemsize] = False
    return not stored[:, free].any()


def _is_of_python_writer(info: dict[str, Any]) -> bool:
    """Whether an info file is as neuroglancer's Python writer makes it: one cell, and relationships under names of their own."""
    spatial, relationships = info.get("spatial", []), info.get("relationships", [])
    one_cell = len(spatial) == 1 and spatial[0].get("key") == "spatial0" and set(spatial[0].get("grid_shape", [])) == {1}
    return one_cell and all(relation.get("key") == f"rel_{relation.get('id')}" for relation in relationships)


def _same(one: np.ndarray, other: np.ndarray, n_properties: int) -> bool:
    """Whether two readings of the same points have the same values, to the bit."""
    return all(one[f"p{i}"].tobytes() == other[f"p{i}"].tobytes() for i in range(n_properties))
