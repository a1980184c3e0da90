"""Tissue painted into voxels: tapered tubes and spheres in, segment ids out, chunk by chunk, and the faces where segments touch.

Strokes are painted in the order of their layers, and a voxel keeps the first segment that takes it:

1. the pre- and the postsynaptic point of each synapse, so that they lie in its segments;
2. the two halves of each synapse, so that the segments touch at its position;
3. the cores of axons, necks of synapses included: as thin as a line without gaps can be;
4. the cores of dendrites;
5. somata;
6. dendrites at their full radius;
7. axons at their full radius.

An axon that runs into a dendrite or a soma therefore goes through it in a channel of one or two voxels: it is never erased, and only
another axon can interrupt it. Within a layer the lower root id comes first. The label of a voxel depends on the strokes, not on the chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float64, Int8, Int64
from numba import njit

if TYPE_CHECKING:
    import pandas as pd

POINT, SYNAPSE, AXON_CORE, DENDRITE_CORE, SOMA, DENDRITE, AXON = range(7)  # layers, in the order they are painted in


@dataclass(frozen=True)
class Block:
    """A box of voxels in EM nm; voxel i covers i * voxel_nm to (i + 1) * voxel_nm along each axis.

    Attributes:
        voxel_nm: Edge lengths of a voxel, nm.
        begin, end: First voxel and the one after the last, along each axis.
        chunk: Voxels of a chunk along each axis; chunks are counted from `begin`, and the last ones may be smaller.
    """

    voxel_nm: tuple[int, int, int]
    begin: tuple[int, int, int]
    end: tuple[int, int, int]
    chunk: tuple[int, int, int] = (128, 128, 128)

    @property
    def low_nm(self) -> Float64[np.ndarray, " 3"]:
        """The lower corner (x, y, z), nm."""
        return np.multiply(self.begin, self.voxel_nm).astype(np.float64)

    @property
    def high_nm(self) -> Float64[np.ndarray, " 3"]:
        """The upper corner (x, y, z), nm."""
        return np.multiply(self.end, self.voxel_nm).astype(np.float64)

    @property
    def core_radius_nm(self) -> float:
        """Radius (nm) at which a tube has the voxel of every point of its axis: half the diagonal of a voxel, and a little for rounding."""
        return float(np.linalg.norm(self.voxel_nm)) / 2 * 1.001

    def chunks(self) -> list[tuple[tuple[int, int, int], tuple[int, int, int]]]:
        """First voxel and the one after the last of each chunk; x runs fastest."""
        starts = [range(begin, end, step) for begin, end, step in zip(self.begin, self.end, self.chunk, strict=True)]
        corners = [(x, y, z) for z in starts[2] for y in starts[1] for x in starts[0]]
        return [(corner, self._chunk_end(corner)) for corner in corners]

    def _chunk_end(self, corner: tuple[int, int, int]) -> tuple[int, int, int]:
        x, y, z = (min(at + step, end) for at, step, end in zip(corner, self.chunk, self.end, strict=True))
        return x, y, z

    def near(self, low_nm: Float64[np.ndarray, "boxes 3"], high_nm: Float64[np.ndarray, "boxes 3"]) -> np.ndarray:
        """Which boxes overlap the block."""
        return np.all((low_nm < self.high_nm) & (high_nm > self.low_nm), axis=1)


class Strokes(NamedTuple):
    """Tapered tubes with round ends, nm; a sphere is a tube without length. What lies behind the plane of a stroke is not painted.

    Attributes:
        layer: Layer that the stroke is painted in, POINT to AXON.
        label: The id that is painted: a root id, or a nucleus id.
        start, end: Ends of the tube's axis.
        start_radius, end_radius: Radius of the tube at each end.
        normal, at: Normal of the stroke's plane, and a point it goes through; a normal of zeros is no plane.
    """

    layer: Int8[np.ndarray, " strokes"]
    label: Int64[np.ndarray, " strokes"]
    start: Float64[np.ndarray, "strokes 3"]
    end: Float64[np.ndarray, "strokes 3"]
    start_radius: Float64[np.ndarray, " strokes"]
    end_radius: Float64[np.ndarray, " strokes"]
    normal: Float64[np.ndarray, "strokes 3"]
    at: Float64[np.ndarray, "strokes 3"]

    @classmethod
    def of(cls, layer: int, label: np.ndarray | int, start: np.ndarray, end: np.ndarray, radius: np.ndarray, **more: np.ndarray) -> Strokes:
        """Strokes of one layer; `radius` has a column an end, `more` a `normal` and `at`."""
        n = len(start)
        labels = np.broadcast_to(np.asarray(label, np.int64), n)
        plane = [np.asarray(more.get(name, np.zeros((n, 3))), np.float64) for name in ("normal", "at")]
        start, end, radius = (np.asarray(values, np.float64) for values in (start, end, radius))
        return cls(np.full(n, layer, np.int8), labels, start, end, radius[:, 0], radius[:, 1], *plane)

    @classmethod
    def join(cls, parts: list[Strokes]) -> Strokes:
        """All strokes in the order they are painted in: by layer, then id, then as given."""
        joined = cls(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))
        return joined.take(np.lexsort([joined.label, joined.layer]))

    def take(self, rows: np.ndarray) -> Strokes:
        """The strokes of some rows."""
        return Strokes(*(field[rows] for field in self))

    def boxes(self) -> tuple[Float64[np.ndarray, "strokes 3"], Float64[np.ndarray, "strokes 3"]]:
        """Lower and upper corner of a box around each stroke, nm."""
        first, last = self.start_radius[:, None], self.end_radius[:, None]
        return np.minimum(self.start - first, self.end - last), np.maximum(self.start + first, self.end + last)

    def largest(self, n: int) -> Int64[np.ndarray, " largest"]:
        """The ids with the largest summed volume of strokes; of equal ones, the lower."""
        first, last = self.start_radius, self.end_radius
        cone = np.pi / 3 * np.linalg.norm(self.end - self.start, axis=1) * (first**2 + first * last + last**2)
        ball = np.where(self.layer == SOMA, 4 / 3 * np.pi * first**3, 0)
        ids, place = np.unique(self.label, return_inverse=True)
        return ids[np.argsort(-np.bincount(place, cone + ball, len(ids)), kind="stable")[:n]]


class Painted(NamedTuple):
    """One painted chunk.

    Attributes:
        begin: First voxel of the chunk (x, y, z).
        padded: Ids of the chunk's voxels, and of the layer of voxels before them where the block goes on there; 0 where nothing was
            painted.
        halo: Voxels of the layer before the chunk along each axis: 1, or 0 at the border of the block.
        near: Ids of the strokes near the chunk: no other is in it.
        faces: Faces between two segments: label_a, label_b (the lower id first), axis (0 to 2), n_faces. Of the two voxels at a face, both
            in the block, the one farther along the axis is in the chunk, so that no face is counted in two chunks.
    """

    begin: tuple[int, int, int]
    padded: Int64[np.ndarray, "x y z"]
    halo: tuple[int, int, int]
    near: Int64[np.ndarray, " ids"]
    faces: Int64[np.ndarray, "pairs 4"]

    @property
    def labels(self) -> Int64[np.ndarray, "inner_x inner_y inner_z"]:
        """Ids of the voxels of the chunk itself."""
        return self.padded[self.halo[0] :, self.halo[1] :, self.halo[2] :]


def paint(strokes: Strokes, block: Block) -> Iterator[Painted]:
    """The chunks of a block one by one, so that memory doesn't grow with it.

    Args:
        strokes: Strokes in the order in which `Strokes.join` puts them.
        block: The box of voxels to paint.
    """
    low, high = strokes.boxes()
    here = block.near(low, high)
    strokes, low, high = strokes.take(here), low[here], high[here]
    ids = np.unique(strokes.label)
    for begin, end in block.chunks():
        yield _paint_chunk(strokes, low, high, ids, block, begin, end)


def contact_table(chunks: list[np.ndarray], voxel_nm: tuple[int, int, int]) -> pd.DataFrame:
    """Segments that touch, as the painter saw it: root_id_a (the lower), root_id_b, n_faces, area_um2.

    Args:
        chunks: `Painted.faces` of all chunks.
        voxel_nm: Edge lengths of a voxel, nm.
    """
    import pandas as pd

    x, y, z = voxel_nm
    face_um2 = np.array([y * z, x * z, x * y]) / 1e6
    rows = np.concatenate([*chunks, np.empty((0, 4), np.int64)])
    table = pd.DataFrame(rows, columns=["root_id_a", "root_id_b", "axis", "n_faces"])
    table["area_um2"] = table["n_faces"] * face_um2[table.pop("axis")]
    return table.groupby(["root_id_a", "root_id_b"], as_index=False).sum()


def _paint_chunk(
    strokes: Strokes,
    low: np.ndarray,
    high: np.ndarray,
    ids: np.ndarray,
    block: Block,
    begin: tuple[int, int, int],
    end: tuple[int, int, int],
) -> Painted:
    """Paint one chunk and the voxels just before it, which tell the faces at its lower sides."""
    halo = np.array([int(at > first) for at, first in zip(begin, block.begin, strict=True)])
    voxel, origin = np.asarray(block.voxel_nm, np.float64), block.low_nm
    first = np.asarray(begin) - halo
    rows = np.flatnonzero(((low < np.multiply(end, voxel)) & (high > first * voxel)).all(axis=1))
    labels = np.zeros(tuple(np.asarray(end) - first), np.int32, order="F")
    number = np.searchsorted(ids, strokes.label[rows]).astype(np.int32) + np.int32(1)
    _, _, start, stop, start_radius, stop_radius, normal, at = strokes.take(rows)
    tubes = number, start - origin, stop - origin, start_radius, stop_radius, normal, at - origin, low[rows] - origin, high[rows] - origin
    faces = _paint_strokes(labels, first - np.asarray(block.begin), halo, *tubes, voxel, len(ids) + 1)
    x, y, z = halo.tolist()
    return Painted(begin, np.concatenate([[0], ids]).take(labels), (x, y, z), ids[np.unique(number) - 1], _faces_by_id(faces, ids))


def _faces_by_id(packed: Int64[np.ndarray, " faces"], ids: Int64[np.ndarray, " ids"]) -> Int64[np.ndarray, "pairs 4"]:
    """Faces as rows of ids, axis and count."""
    values, count = np.unique(packed, return_counts=True)
    rest, b = np.divmod(values, len(ids) + 1)
    axis, a = np.divmod(rest, len(ids) + 1)
    return np.column_stack([ids[a - 1], ids[b - 1], axis, count]).astype(np.int64)


@njit(cache=True, nogil=True)
@no_type_check
def _paint_strokes(labels, first, halo, number, start, stop, start_radius, stop_radius, normal, at, low, high, voxel, base):
    """Paint strokes in their order on what is still empty; returns a packed number for each face between two labels.

    A face is met once: when the second of its voxels is painted. Places are counted from the corner of the block, not of the chunk, so that
    rounding is the same whatever the chunks are; `first` is the chunk's first voxel.
    """
    faces, n_faces = np.empty(1024, np.int64), 0
    begin, end = np.empty(3, np.int64), np.empty(3, np.int64)
    for s in range(len(number)):
        for c in range(3):
            begin[c] = max(0, int(np.floor(low[s, c] / voxel[c])) - first[c])
            end[c] = min(labels.shape[c], int(np.ceil(high[s, c] / voxel[c])) - first[c])
        dx, dy, dz = stop[s, 0] - start[s, 0], stop[s, 1] - start[s, 1], stop[s, 2] - start[s, 2]
        square = dx * dx + dy * dy + dz * dz
        for k in range(begin[2], end[2]):
            for j in range(begin[1], end[1]):
                for i in range(begin[0], end[0]):
                    if labels[i, j, k] != 0:
                        continue
                    x, y, z = (i + first[0] + 0.5) * voxel[0], (j + first[1] + 0.5) * voxel[1], (k + first[2] + 0.5) * voxel[2]
                    plane = (x - at[s, 0]) * normal[s, 0] + (y - at[s, 1]) * normal[s, 1] + (z - at[s, 2]) * normal[s, 2]
                    if plane < 0:
                        continue
                    x, y, z = x - start[s, 0], y - start[s, 1], z - start[s, 2]
                    t = min(1.0, max(0.0, (x * dx + y * dy + z * dz) / square)) if square > 0 else 0.0
                    radius = start_radius[s] + t * (stop_radius[s] - start_radius[s])
                    if (x - t * dx) ** 2 + (y - t * dy) ** 2 + (z - t * dz) ** 2 > radius * radius:
                        continue
                    labels[i, j, k] = number[s]
                    if n_faces + 6 > len(faces):
                        longer = np.empty(2 * len(faces), np.int64)
                        longer[:n_faces] = faces[:n_faces]
                        faces = longer
                    n_faces = _meet(labels, halo, i, j, k, faces, n_faces, base)
    return faces[:n_faces]


@njit(cache=True, nogil=True)
@no_type_check
def _meet(labels, halo, i, j, k, faces, n_faces, base):
    """Note the faces of a voxel just painted to neighbours with another label, if the farther of the two is in the chunk."""
    own = labels[i, j, k]
    for axis in range(3):
        for step in (-1, 1):
            x, y, z = i + step * (axis == 0), j + step * (axis == 1), k + step * (axis == 2)
            if min(x, y, z) < 0 or x >= labels.shape[0] or y >= labels.shape[1] or z >= labels.shape[2]:
                continue
            other = labels[x, y, z]
            if other == 0 or other == own or max(i, x) < halo[0] or max(j, y) < halo[1] or max(k, z) < halo[2]:
                continue
            faces[n_faces] = (axis * base + min(own, other)) * base + max(own, other)
            n_faces += 1
    return n_faces
