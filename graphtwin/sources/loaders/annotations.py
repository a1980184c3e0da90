"""Point annotations in the precomputed format, by their spatial index: every cell of every level, whichever are there.

Source: the format's public description in the documentation of Neuroglancer ("Precomputed annotation format", version 1). The reader of
cloud-volume 12.15 leaves out the last cells of a grid that does not divide the bounds, and fails where a cell without points has no file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64

from graphtwin.sources.formats import cloudpath_of, damaged, first_line, read_info

if TYPE_CHECKING:
    import pandas as pd

NM = {"m": 1e9, "mm": 1e6, "um": 1e3, "µm": 1e3, "nm": 1.0}  # nm in one unit of length
# Types of precomputed annotations by name, as numpy has them; little-endian.
TYPES = {"uint32": "<u4", "int32": "<i4", "float32": "<f4", "uint16": "<u2", "int16": "<i2", "uint8": "u1", "int8": "i1"}
TYPES |= {"rgb": "3u1", "rgba": "4u1"}


def read_points(path: str | Path) -> pd.DataFrame:
    """Point annotations by id: annotation_id, x_nm, y_nm, z_nm (float32 as stored, to 0.06 nm at a millimetre), and a column a property.

    Args:
        path: Path of the annotations, a folder or a cloud path.
    """
    import pandas as pd

    cloudpath = cloudpath_of(path)
    info = read_info(cloudpath)
    record = _record(info, cloudpath)
    cells = [_decode(name, content, record, cloudpath) for name, content in _read_cells(info, cloudpath)]
    points = np.concatenate([np.empty(0, record), *(points for points, _ in cells)])
    ids = np.concatenate([np.empty(0, np.int64), *(ids for _, ids in cells)])
    nm = [size * NM[unit] for size, unit in info["dimensions"].values()]
    places = points["point"].astype(np.float64) * nm
    columns: dict[str, Any] = {"annotation_id": ids, **{f"{axis}_nm": places[:, i] for i, axis in enumerate("xyz")}}
    for spec in info["properties"]:
        values = points[spec["id"]]
        columns[spec["id"]] = values if values.ndim == 1 else list(values)
    return pd.DataFrame(columns).sort_values("annotation_id", ignore_index=True)


def _record(info: dict[str, Any], cloudpath: str) -> np.dtype:
    """How a point is stored: its place, then properties, the wide ones first, filled up to four bytes."""
    kind = str(info.get("annotation_type", info.get("type", info.get("@type", "unknown"))))
    if info.get("@type") != "neuroglancer_annotations_v1" or kind.upper() != "POINT" or len(info["dimensions"]) != 3:
        raise ValueError(f"{cloudpath}: data of type {kind!r}, but points in space are read. Give the path of point annotations.")
    if any(unit not in NM for _, unit in info["dimensions"].values()):
        raise ValueError(f"{cloudpath}: the dimensions {info['dimensions']} are no lengths. Known units: {', '.join(NM)}.")
    fields = [(spec["id"], TYPES[spec["type"]]) for spec in info["properties"]]
    fields.sort(key=lambda field: -np.dtype(field[1]).base.itemsize)
    used = np.dtype(fields).itemsize
    return np.dtype([("point", "<f4", 3), *fields, ("filling", "V1", -used % 4)])


def _read_cells(info: dict[str, Any], cloudpath: str) -> list[tuple[str, bytes]]:
    """Name and content of each cell that has a file."""
    from cloudfiles import CloudFiles

    sharded = [level["key"] for level in info["spatial"] if level.get("sharding")]
    if sharded:
        raise ValueError(f"{cloudpath}: the spatial index {sharded[0]!r} is sharded, which is not read here. Write it without shards.")
    files = CloudFiles(cloudpath)
    names = sorted(name for level in info["spatial"] for name in files.list(prefix=f"{level['key']}/"))
    try:
        return [(found["path"], found["content"]) for found in files.get(names)]
    except damaged() as error:
        raise ValueError(f"{cloudpath}: a cell cannot be decompressed ({first_line(error)}). Copy the annotations again.") from error


def _decode(name: str, content: bytes, record: np.dtype, cloudpath: str) -> tuple[np.ndarray, Int64[np.ndarray, " points"]]:
    """The points of a cell and their ids."""
    n = int.from_bytes(content[:8], "little")
    expected = 8 + n * (record.itemsize + 8)
    if len(content) != expected:
        raise ValueError(
            f"{cloudpath}: {name} has {len(content)} bytes, but {n} points need {expected}. It is cut short or damaged: copy it again."
        )
    points = np.frombuffer(content, record, n, offset=8)
    return points, np.frombuffer(content, "<u8", n, offset=8 + points.nbytes).astype(np.int64)
