"""Point annotations in the precomputed format, by their spatial index: every cell of every level, whichever are there.

Source: the format's public description in the documentation of Neuroglancer ("Precomputed annotation format", version 1). The reader of
cloud-volume 12.15 leaves out the last cells of a grid that does not divide the bounds, and fails where a cell without points has no file.
"""

from __future__ import annotations

import logging
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, UInt8, UInt64

from graphtwin import schema
from graphtwin.sources.formats import (
    SYMBOLS_NM,
    cloudpath_of,
    damaged,
    first_line,
    properties_of,
    read_info,
    read_records,
)

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("graphtwin")

AXES = ("x", "y", "z")
CELL = re.compile(r"\d+_\d+_\d+")  # name of a cell: its place in the grid
PLACE = 12  # bytes of a place: three float32

Cell = tuple[np.ndarray, np.ndarray]  # points of a cell, as bytes (points, bytes), and their ids


def read_points(path: str | Path) -> pd.DataFrame:
    """Point annotations by id: annotation_id, x_nm, y_nm, z_nm (float32 as stored, to 0.06 nm at a millimetre), and a column a property.

    The dimensions are taken by their names x, y, z, in whichever order the info file has them.

    Args:
        path: Path of the annotations, a folder or a cloud path.
    """
    import pandas as pd

    cloudpath = cloudpath_of(path)
    info = read_info(cloudpath)
    order, nm = _space(info, cloudpath)
    properties = properties_of(info, cloudpath)
    cells = [_split(name, content, cloudpath) for name, content in _read_cells(info, cloudpath)]
    stored, ids = _by_id(*_one_size([cell for cell in cells if len(cell[1])], cloudpath), cloudpath)
    points = read_records(stored, properties, info, cloudpath) if len(ids) else np.empty(0, [("point", "<f4", 3)])
    places = points["point"].astype(np.float64)[:, order] * nm
    if not np.isfinite(places).all():
        n = int((~np.isfinite(places)).any(axis=1).sum())
        raise ValueError(f"{cloudpath}: {n} of {len(ids)} points have no finite place. Remove them, or write the annotations again.")
    columns: dict[str, Any] = {"annotation_id": schema.as_ids(pd.Series(ids), f"{cloudpath}: annotation ids").to_numpy()}
    columns |= {f"{axis}_nm": places[:, i] for i, axis in enumerate(AXES)}
    for i, (name, _) in enumerate(properties):
        values = points[f"p{i}"] if len(ids) else np.empty(0)
        columns[name] = values if values.ndim == 1 else list(values)
    return pd.DataFrame(columns)


def _space(info: dict[str, Any], cloudpath: str) -> tuple[list[int], Float64[np.ndarray, " 3"]]:
    """Where x, y and z are among the dimensions, and their units in nm."""
    kind = str(info.get("annotation_type", info.get("type", info.get("@type", "unknown"))))
    dimensions = info.get("dimensions")
    if info.get("@type") != "neuroglancer_annotations_v1" or kind.upper() != "POINT" or not isinstance(dimensions, dict):
        raise ValueError(f"{cloudpath}: data of type {kind!r}, but points in space are read. Give the path of point annotations.")
    names = [name.lower() for name in dimensions]
    if sorted(names) != list(AXES):
        raise ValueError(
            f"{cloudpath}: the dimensions are named {list(dimensions)}, but points in space have x, y and z, in any order. "
            "Name them so in the info file."
        )
    nm = {name: _nm(given) for name, given in zip(names, dimensions.values(), strict=True)}
    if not all(nm.values()):
        raise ValueError(
            f"{cloudpath}: the dimensions {dimensions} are no lengths: each needs a number above 0 and a unit of length, as [4e-9, 'm']. "
            f"Known units: {', '.join(SYMBOLS_NM)}."
        )
    return [names.index(axis) for axis in AXES], np.array([nm[axis] for axis in AXES])


def _nm(given: object) -> float:
    """Size of a dimension's unit, nm, from its scale and unit; 0 for what is no length."""
    scale, unit = given if isinstance(given, list) and len(given) == 2 else (0, "")
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not isinstance(unit, str):
        return 0.0
    size = scale * SYMBOLS_NM.get(unit, 0.0)
    return size if math.isfinite(size) and size > 0 else 0.0


def _read_cells(info: dict[str, Any], cloudpath: str) -> list[tuple[str, bytes]]:
    """Name and content of each cell that has a file."""
    from cloudfiles import CloudFiles

    spatial = info.get("spatial")
    given = spatial if isinstance(spatial, list) else [spatial]
    levels = [level for level in given if isinstance(level, dict) and isinstance(level.get("key"), str)]
    if not levels or len(levels) < len(given):
        raise ValueError(f"{cloudpath}: the info file names no spatial index, by which points are read. Write the annotations with one.")
    outside = [level["key"] for level in levels if level["key"].startswith("/") or ".." in level["key"].split("/")]
    if outside:
        raise ValueError(f"{cloudpath}: the spatial index {outside[0]!r} lies outside of the annotations. Name a folder in them.")
    sharded = [level["key"] for level in levels if level.get("sharding")]
    if sharded:
        raise ValueError(f"{cloudpath}: the spatial index {sharded[0]!r} is sharded, which is not read here. Write it without shards.")
    refusals: tuple[type[Exception], ...] = (OSError, ValueError, *damaged())
    try:
        files = CloudFiles(cloudpath)
        names = sorted({name for level in levels for name in _names(files, level["key"])})
        cells = [name for name in names if CELL.fullmatch(name.rpartition("/")[2])]
        found = [(found["path"], found["content"]) for found in files.get(cells)]
    except refusals as error:
        raise ValueError(
            f"{cloudpath}: a cell cannot be read or decompressed ({first_line(error)}). Copy the annotations again."
        ) from error
    if not cells:
        keys = [level["key"] for level in levels]
        raise FileNotFoundError(
            f"{cloudpath}: none of the folders {keys} of its spatial index has a cell, as if they had not been copied. Copy them too."
        )
    if len(cells) < len(names):
        others = sorted(set(names) - set(cells))
        counts = len(others), len(names), others[0]
        log.warning("%s: %d of %d files are no cells of the spatial index and were passed over, first %s.", cloudpath, *counts)
    return found


def _names(files: Any, key: str) -> list[str]:
    """Names of the files of a level; a level in which no point is left may have no folder."""
    try:
        return list(files.list(prefix=f"{key.rstrip('/')}/", flat=True))
    except FileNotFoundError:
        return []


def _split(name: str, content: bytes, cloudpath: str) -> Cell:
    """The points of a cell, as bytes, and their ids."""
    n = int.from_bytes(content[:8], "little")
    size, rest = divmod(len(content) - 8, n) if n else (0, len(content) - 8)
    if rest or (n and size < PLACE + 8):
        raise ValueError(
            f"{cloudpath}: {name} has {len(content)} bytes, which is no whole number of bytes for each of {n} points. It is cut short or "
            "damaged: copy it again."
        )
    points = np.frombuffer(content, np.uint8, n * max(size - 8, 0), offset=min(8, len(content))).reshape(n, -1 if n else 0)
    return points, np.frombuffer(content, "<u8", n, offset=8 + points.nbytes) if n else np.empty(0, np.uint64)


def _one_size(cells: list[Cell], cloudpath: str) -> Cell:
    """The points and ids of all cells, where a point takes as many bytes in each."""
    sizes, counts = np.unique([points.shape[1] for points, _ in cells], return_counts=True)
    if len(sizes) > 1:
        by_cells = dict(zip(sizes.tolist(), counts.tolist(), strict=True))
        raise ValueError(
            f"{cloudpath}: a point takes {sizes.tolist()} bytes, in this many of the cells: {by_cells}. Some are cut short or damaged, or "
            "of other annotations: copy them again."
        )
    if not cells:
        return np.empty((0, 0), np.uint8), np.empty(0, np.uint64)
    return np.concatenate([points for points, _ in cells]), np.concatenate([ids for _, ids in cells]).astype(np.uint64)


def _by_id(
    stored: UInt8[np.ndarray, "points bytes"], ids: UInt64[np.ndarray, " points"], cloudpath: str
) -> tuple[UInt8[np.ndarray, "distinct bytes"], UInt64[np.ndarray, " distinct"]]:
    """The points and their ids in the order of the ids, each once: a point on the border of two cells may be in both."""
    order = np.argsort(ids, kind="stable")
    stored, ids = stored[order], ids[order]
    again = np.r_[False, ids[1:] == ids[:-1]][: len(ids)]
    differ = again[1:] & (stored[1:] != stored[:-1]).any(axis=1) if len(ids) else np.zeros(0, bool)
    if differ.any():
        raise ValueError(
            f"{cloudpath}: {int(differ.sum())} of {len(ids)} points have the id of another one with other values, first "
            f"{ids[1:][differ][0]}. Number every point once."
        )
    if again.any():
        log.warning("%s: %d of %d points are there again, as on the border of two cells, and count once.", cloudpath, again.sum(), len(ids))
    return stored[~again], ids[~again]
