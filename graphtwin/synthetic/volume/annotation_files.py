"""Points with properties and related segments in the precomputed annotation format.

Source: the format's public description in the documentation of Neuroglancer ("Precomputed annotation format", version 1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from graphtwin.synthetic.volume.paint import Block


def write_points(
    folder: Path,
    ids: Int64[np.ndarray, " points"],
    points_nm: Float64[np.ndarray, "points 3"],
    block: Block,
    properties: Mapping[str, Int64[np.ndarray, " points"]],
    segments: Mapping[str, Int64[np.ndarray, " points"]],
) -> None:
    """Write points by id, by place (a cell a chunk of the block) and by segment. Places are kept as float32: to 0.06 nm at a millimetre.

    Args:
        folder: Folder of the annotations, made here.
        ids: Ids of the points, ascending.
        points_nm: Place of each point in the block (x, y, z).
        block: Block of tissue, whose chunks are the cells that points are grouped in.
        properties: Values of each point by property, whole numbers below 2^32.
        segments: Related segment of each point, by relationship.
    """
    for name, values in properties.items():
        outside = (values < 0) | (values >= 2**32)
        if outside.any():
            raise ValueError(
                f"{int(outside.sum())} of {len(values)} points have a {name} outside 0 to 2^32 - 1, first {values[outside][0]} at id "
                f"{ids[outside][0]}. The annotation format has no wider integers."
            )
    record = np.dtype([("point", "<f4", 3), *((name, "<u4") for name in properties)])
    records = np.zeros(len(ids), record)
    records["point"] = points_nm
    for name, values in properties.items():
        records[name] = values
    cell_nm = np.multiply(block.chunk, block.voxel_nm)
    cells = ((points_nm - block.low_nm) // cell_nm).astype(np.int64)
    grid = -(-(np.asarray(block.end) - block.begin) // np.asarray(block.chunk))
    every = ["_".join(map(str, cell)) for cell in np.ndindex(*grid.tolist())]  # cells without a point too: not every reader does without
    _write_groups(folder / "spatial0", ["_".join(map(str, cell)) for cell in cells.tolist()], ids, records, every)
    for name, related in segments.items():
        _write_groups(folder / name, [str(segment) for segment in related.tolist()], ids, records, [])
    _write_each(folder / "by_id", ids, records, np.column_stack([np.empty((len(ids), 0), np.int64), *segments.values()]))
    most = max(np.unique(cells, axis=0, return_counts=True)[1], default=1)
    info = {
        "@type": "neuroglancer_annotations_v1",
        "dimensions": {axis: [1e-9, "m"] for axis in "xyz"},
        "lower_bound": block.low_nm.tolist(),
        "upper_bound": block.high_nm.tolist(),
        "annotation_type": "POINT",
        "properties": [{"id": name, "type": "uint32"} for name in properties],
        "relationships": [{"id": name, "key": name} for name in segments],
        "by_id": {"key": "by_id"},
        "spatial": [{"key": "spatial0", "grid_shape": grid.tolist(), "chunk_size": cell_nm.tolist(), "limit": int(most)}],
    }
    (folder / "info").write_text(json.dumps(info))


def _write_groups(folder: Path, names: list[str], ids: np.ndarray, records: np.ndarray, every: list[str]) -> None:
    """Write a file a group: the number of points, the points, their ids."""
    folder.mkdir(parents=True)
    members: dict[str, list[int]] = {name: [] for name in every}
    for row, name in enumerate(names):
        members.setdefault(name, []).append(row)
    for name, rows in members.items():
        count = np.array([len(rows)], "<u8")
        (folder / name).write_bytes(count.tobytes() + records[rows].tobytes() + ids[rows].astype("<u8").tobytes())


def _write_each(folder: Path, ids: np.ndarray, records: np.ndarray, related: Int64[np.ndarray, "points relationships"]) -> None:
    """Write a file a point: the point, then each relationship's segments with their number."""
    folder.mkdir(parents=True)
    one = np.array([1], "<u4").tobytes()
    for number, record, segments in zip(ids.tolist(), records, related.astype("<u8"), strict=True):
        (folder / str(number)).write_bytes(record.tobytes() + b"".join(one + segment.tobytes() for segment in segments))
