"""Small valid annotations, skeletons and segmentations, how they are read, and what must hold of what was read."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from example_format import require


def make_annotations(folder: Path) -> None:
    """Four points with two properties in two cells."""
    (folder / "cells").mkdir(parents=True)
    dimensions = {"x": [4e-9, "m"], "y": [4e-9, "m"], "z": [4e-8, "m"]}
    level = {"key": "cells", "grid_shape": [2, 1, 1], "chunk_size": [50, 100, 100], "limit": 9}
    properties = [{"id": "size", "type": "uint32"}, {"id": "side", "type": "uint8"}]
    info = {"@type": "neuroglancer_annotations_v1", "annotation_type": "POINT", "dimensions": dimensions, "properties": properties}
    info |= {"lower_bound": [0, 0, 0], "upper_bound": [100] * 3, "relationships": [], "by_id": {"key": "by_id"}, "spatial": [level]}
    (folder / "info").write_text(json.dumps(info))
    for cell, ids in (("0_0_0", (7, 2**62)), ("1_0_0", (5, 6))):
        points = b"".join(struct.pack("<3fIB3x", 10 * i, 20.5, 30, 4, 1) for i in range(2))
        (folder / "cells" / cell).write_bytes(struct.pack("<Q", 2) + points + struct.pack("<2Q", *ids))


def read_annotations(folder: Path) -> pd.DataFrame:
    """The points."""
    from graphtwin.sources.loaders import read_points

    return read_points(folder)


def check_annotations(folder: Path, points: pd.DataFrame) -> None:
    """Ids fit and no point is lost; where the info is the written one, ids and places are those that the bytes say."""
    require(points["annotation_id"].dtype == np.int64 and (points["annotation_id"] >= 0).all(), "an id is negative")
    require(np.isfinite(points[["x_nm", "y_nm", "z_nm"]].to_numpy()).all(), "a place is not finite")
    plain = {}
    for cell in (folder / "cells").iterdir():
        content = cell.read_bytes()
        (n,) = struct.unpack_from("<Q", content)
        ids = struct.unpack_from(f"<{n}Q", content, 8 + 20 * n)
        plain |= {number: struct.unpack_from("<3f", content, 8 + 20 * row) for row, number in enumerate(ids)}
    if json.loads((folder / "info").read_text())["dimensions"] == {"x": [4e-9, "m"], "y": [4e-9, "m"], "z": [4e-8, "m"]}:
        require(set(points["annotation_id"]) == set(plain), "points are lost")
        found = points.set_index("annotation_id")[["x_nm", "y_nm", "z_nm"]]
        for number, place in plain.items():
            require(np.allclose(np.atleast_2d(found.loc[number])[-1], np.array(place, float) * [4, 4, 40], rtol=1e-6), "a place is another")


def make_swc(folder: Path) -> None:
    """An axon of twelve nodes with a fork."""
    folder.mkdir(parents=True)
    parents = [-1, 1, 2, 3, 4, 5, 3, 7, 8, 9, 10, 11]
    lines = [f"{i + 1} 2 {i * 1.5} {i % 3} {i * 0.5} 0.25 {parent}" for i, parent in enumerate(parents)]
    (folder / "axon_7.swc").write_text("# an axon\n# units: um\n" + "\n".join(lines) + "\n")


def make_npz(folder: Path) -> None:
    """The same as arrays."""
    folder.mkdir(parents=True)
    vertices = np.column_stack([np.arange(12) * 1500.0, np.arange(12) % 3 * 1000.0, np.zeros(12)])
    edges = np.column_stack([np.arange(11), np.arange(1, 12)])
    np.savez(folder / "axon_7.npz", vertices=vertices, edges=edges, compartment=np.full(12, 2))


def make_precomputed(folder: Path) -> None:
    """Two skeletons of a volume, as files of their own."""
    (folder / "skeletons").mkdir(parents=True)
    scale = {"key": "s", "size": [64] * 3, "resolution": [4, 4, 40], "voxel_offset": [0] * 3, "chunk_sizes": [[64] * 3], "encoding": "raw"}
    info = {"type": "segmentation", "data_type": "uint64", "num_channels": 1, "skeletons": "skeletons", "scales": [scale]}
    (folder / "info").write_text(json.dumps(info))
    attributes = [{"id": "compartment", "data_type": "uint8", "num_components": 1}]
    transform = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
    about = {"@type": "neuroglancer_skeletons", "transform": transform, "vertex_attributes": attributes}
    (folder / "skeletons" / "info").write_text(json.dumps(about))
    for number in (7, 8):
        places = np.column_stack([np.arange(9) * 400, np.arange(9) % 2 * 200, np.zeros(9)]).astype("<f4")
        edges = np.column_stack([np.arange(8), np.arange(1, 9)]).astype("<u4")
        content = struct.pack("<II", 9, 8) + places.tobytes() + edges.tobytes() + bytes([2] * 9)
        (folder / "skeletons" / str(number)).write_bytes(content)


def read_skeletons(folder: Path) -> list[Any]:
    """Every axon there; an .npz says no unit, so nm are named."""
    from graphtwin.sources.loaders import skeletons

    nm = (1.0, 1.0, 1.0) if any(folder.glob("*.npz")) else None
    places = skeletons.find_skeletons([str(folder)])
    return list(skeletons.read_skeleton(places, "axon", nm))


def check_skeletons(folder: Path, found: list[Any]) -> None:
    """Vertices are places and edges name them; an SWC has the length that a plain reading of its lines gives."""
    for skeleton in found:
        require(np.isfinite(skeleton.vertices_nm).all(), "a vertex is not finite")
        edges = skeleton.edges
        require(len(edges) and edges.min() >= 0 and edges.max() < len(skeleton.vertices_nm), "an edge names no vertex")
    text = (folder / "axon_7.swc").read_bytes() if (folder / "axon_7.swc").is_file() else b""
    if b"# units: um" in text and text.count(b"#") == 2 and found:
        try:
            rows = [[float(x.replace(b",", b".")) for x in line.split()[:7]] for line in text.split(b"\n") if line.strip()[:1].isdigit()]
        except ValueError:
            return
        nodes = {int(row[0]): row for row in rows if len(row) == 7}
        if all(row[1] == 2 for row in nodes.values()) and len(nodes) == len(found[0].vertices_nm):
            pairs = [(row[2:5], nodes[int(row[6])][2:5]) for row in nodes.values() if int(row[6]) in nodes and row[6] != row[0]]
            length = sum(float(np.linalg.norm(np.subtract(a, b))) for a, b in pairs) * 1000
            ours = np.linalg.norm(np.diff(found[0].vertices_nm[found[0].edges], axis=1)[:, 0], axis=1).sum()
            require(np.isclose(length, ours, rtol=1e-6), f"length {ours} where the lines say {length}")


def make_segmentation(folder: Path) -> None:
    """A volume of one chunk."""
    (folder / "s").mkdir(parents=True)
    scale = {"key": "s", "size": [8] * 3, "resolution": [4, 4, 40], "voxel_offset": [0] * 3, "chunk_sizes": [[8] * 3], "encoding": "raw"}
    info = {"type": "segmentation", "data_type": "uint64", "num_channels": 1, "scales": [scale]}
    (folder / "info").write_text(json.dumps(info))
    (folder / "s" / "0-8_0-8_0-8").write_bytes(np.arange(512, dtype="<u8").tobytes())


def read_segmentation(folder: Path) -> np.ndarray:
    """The voxels of the volume, a chunk at most."""
    from graphtwin.sources.loaders import open_volume

    volume = open_volume(folder)
    return volume.cutout(volume.begin, np.minimum(volume.end, volume.begin + 8))


def check_segmentation(folder: Path, ids: np.ndarray) -> None:
    """Ids are int64 and not negative."""
    require(ids.dtype == np.int64 and (ids >= 0).all(), "an id is negative")
