"""Surfaces of painted segments, closed where the block ends, made chunk by chunk while it is painted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from graphtwin.synthetic.volume.paint import Block, Painted


class Surfaces:
    """Marching cubes between the centres of neighbouring voxels: chunks share vertices at their borders, which are joined at the end."""

    def __init__(self, block: Block, root_ids: Int64[np.ndarray, " segments"]):
        self.block, self.root_ids = block, np.sort(root_ids)
        self.parts: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {root: [] for root in self.root_ids.tolist()}

    def add(self, chunk: Painted) -> None:
        """Take the surfaces in one chunk."""
        import zmesh

        if not np.isin(self.root_ids, chunk.near).any():
            return
        place = np.searchsorted(self.root_ids, chunk.padded).clip(max=len(self.root_ids) - 1)
        labels = np.where(self.root_ids[place] == chunk.padded, place + 1, 0).astype(np.uint32)
        if not labels.any():
            return
        low = 1 - np.asarray(chunk.halo)
        high = np.equal(np.add(chunk.begin, chunk.labels.shape), self.block.end).astype(int)
        mesher = zmesh.Mesher((1, 1, 1))
        mesher.mesh(np.asfortranarray(np.pad(labels, np.column_stack([low, high]))))
        first = np.subtract(chunk.begin, self.block.begin) - 1  # the layer before the chunk, painted or empty
        for label in sorted(mesher.ids()):
            part = mesher.get(label, normals=False, reduction_factor=0)
            self.parts[int(self.root_ids[label - 1])].append((part.vertices + first, part.faces.astype(np.int64)))

    def mesh(self, root_id: int) -> tuple[Float32[np.ndarray, "vertices 3"], Int64[np.ndarray, "faces 3"]]:
        """The closed surface of a segment, EM nm; its vertices lie half way between two voxels."""
        parts = self.parts[root_id]
        if not parts:
            return np.empty((0, 3), np.float32), np.empty((0, 3), np.int64)
        before = np.cumsum([0, *(len(vertices) for vertices, _ in parts)])
        faces = np.concatenate([corners + start for (_, corners), start in zip(parts, before, strict=False)])
        doubled = np.rint(2 * np.concatenate([vertices for vertices, _ in parts])).astype(np.int64)
        distinct, place = np.unique(doubled, axis=0, return_inverse=True)
        voxels = distinct / 2 + 0.5 + np.asarray(self.block.begin)
        return (voxels * self.block.voxel_nm).astype(np.float32), place.reshape(-1)[faces]


def write_meshes(surfaces: Surfaces, volume: Any) -> None:
    """Write the surfaces in the single-resolution format.

    Args:
        surfaces: Surfaces of the segments, with all chunks taken.
        volume: The segmentation that the surfaces belong to.
    """
    from cloudvolume import Mesh

    folder = Path(volume.cloudpath.removeprefix("file://")) / "mesh"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "info").write_text(json.dumps({"@type": "neuroglancer_legacy_mesh"}))
    for root_id in surfaces.parts:
        vertices, faces = surfaces.mesh(root_id)
        if len(faces):
            volume.mesh.put(Mesh(vertices, faces.astype(np.uint32), segid=root_id), compress=False, skip_delete=True)
