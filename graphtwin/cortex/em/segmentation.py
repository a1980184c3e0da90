"""What a segmentation says of cells, contacts and synapses, and where tables disagree with it. Arrays in, tables out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, no_type_check

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int64
from numba import njit

PAIR = ["root_id_a", "root_id_b"]  # columns of two segments that touch; a is the lower id
PLACE = ["x_nm", "y_nm", "z_nm"]
NO_SEGMENT = 0  # id of a voxel on background, as precomputed volumes have it

Lookup = Callable[[Float64[np.ndarray, "points 3"]], Int64[np.ndarray, " points"]]


class Cutout(NamedTuple):
    """A box of a segmentation.

    Attributes:
        begin: First voxel of the box (x, y, z), counted in the volume.
        ids: Ids of the box's voxels, and of the layer of voxels behind them along each axis where the volume goes on there.
        overlap: Voxels of the layer behind the box along each axis: 1, or 0 at the border of the volume.
    """

    begin: Int64[np.ndarray, " 3"]
    ids: Int64[np.ndarray, "x y z"]
    overlap: Int64[np.ndarray, " 3"]

    @property
    def inner(self) -> Int64[np.ndarray, "inner_x inner_y inner_z"]:
        """Ids of the box without the layers behind it."""
        x, y, z = np.asarray(self.ids.shape) - self.overlap
        return self.ids[:x, :y, :z]


def count_faces(cutout: Cutout) -> pd.DataFrame:
    """Faces between voxels of two segments, of which the one nearer to the origin is in the box: root_id_a < root_id_b, n_x, n_y, n_z."""
    pairs, axis = _differing(cutout.ids, np.asarray(cutout.inner.shape))
    table = pd.DataFrame({"root_id_a": pairs[:, 0], "root_id_b": pairs[:, 1]})
    for i, name in enumerate("xyz"):
        table[f"n_{name}"] = (axis == i).astype(np.int64)
    return table.groupby(PAIR, as_index=False).sum()


def contact_areas(counts: Iterable[pd.DataFrame], resolution_nm: Float[np.ndarray, " 3"]) -> pd.DataFrame:
    """Contact area of every pair of segments that touch: root_id_a, root_id_b, n_x, n_y, n_z, area_um2.

    A face counts with its own area, so that an oblique contact comes out larger than it is: up to 1.73 times, 1.5 times on average.

    Args:
        counts: `count_faces` of every box, in any order.
        resolution_nm: Edge lengths of a voxel (x, y, z).
    """
    empty = pd.DataFrame({name: np.empty(0, np.int64) for name in [*PAIR, "n_x", "n_y", "n_z"]})
    table = pd.concat([empty, *counts]).groupby(PAIR, as_index=False).sum()
    x, y, z = (np.asarray(resolution_nm, np.float64) / 1000).tolist()
    return table.assign(area_um2=table["n_x"] * y * z + table["n_y"] * x * z + table["n_z"] * x * y)


def sum_nuclei(nuclei: Cutout, segments: Cutout) -> pd.DataFrame:
    """Voxels of each nucleus in a box by the segment they are in: nucleus_id, root_id, n_voxels and the sums of their voxels x, y, z.

    Args:
        nuclei: Ids of nuclei in the box, 0 outside them.
        segments: Ids of segments in the box, 0 on background.
    """
    at = np.nonzero(nuclei.inner)
    columns = {"nucleus_id": nuclei.inner[at], "root_id": segments.inner[at], "n_voxels": np.ones(len(at[0]), np.int64)}
    places = {name: where + first for name, where, first in zip("xyz", at, nuclei.begin.tolist(), strict=True)}
    limits = {f"{edge}_{name}": places[name] for name in "xyz" for edge in ("min", "max")}
    table = pd.DataFrame({**columns, **places, **limits})
    return _add_up(table)


def nucleus_table(
    sums: Iterable[pd.DataFrame], resolution_nm: Float[np.ndarray, " 3"], begin: Int64[np.ndarray, " 3"], end: Int64[np.ndarray, " 3"]
) -> pd.DataFrame:
    """Each nucleus: nucleus_id, centroid x_nm, y_nm, z_nm, volume_um3, root_id that has most of it, share in it, at_border.

    Args:
        sums: `sum_nuclei` of every box.
        resolution_nm: Edge lengths of a voxel (x, y, z).
        begin: First voxel of the volume (x, y, z).
        end: Voxel after the last of the volume (x, y, z); a nucleus that reaches a border is cut, and its centroid is that of a part.
    """
    parts = _add_up(pd.concat([sum_nuclei(_nothing(), _nothing()), *sums]))
    whole = _add_up(parts.assign(root_id=0)).set_index("nucleus_id")
    most = parts.sort_values(["nucleus_id", "n_voxels", "root_id"], ascending=[True, False, True]).drop_duplicates("nucleus_id")
    size = np.asarray(resolution_nm, np.float64)
    n_voxels = whole["n_voxels"].to_numpy(np.float64)
    low = whole[["min_x", "min_y", "min_z"]].to_numpy() <= np.asarray(begin)
    high = whole[["max_x", "max_y", "max_z"]].to_numpy() >= np.asarray(end) - 1
    centre = (whole[["x", "y", "z"]].to_numpy(np.float64) / n_voxels[:, None] + 0.5) * size
    return pd.DataFrame({
        "nucleus_id": whole.index.to_numpy(np.int64),
        **{name: centre[:, i] for i, name in enumerate(PLACE)},
        "volume_um3": n_voxels * size.prod() / 1e9,
        "root_id": most["root_id"].to_numpy(np.int64),
        "share": most["n_voxels"].to_numpy(np.float64) / n_voxels,
        "at_border": (low | high).any(axis=1),
    })  # fmt: skip


def assign_points(
    points_nm: Float64[np.ndarray, "points 3"], lookup: Lookup, resolution_nm: Float[np.ndarray, " 3"], radius_nm: float
) -> tuple[Int64[np.ndarray, " points"], Float64[np.ndarray, " points"]]:
    """The segment under each point, or where there is none, the nearest within a radius; 0 and NaN where there is none either.

    Args:
        points_nm: Points in the volume (x, y, z).
        lookup: Function from points (nm) to the ids of their segments, 0 on background and outside the volume.
        resolution_nm: Edge lengths of a voxel (x, y, z); neighbours are tried by the distance of whole voxels.
        radius_nm: Distance up to which a segment is looked for around a point on background.

    Returns:
        The segments, and the distances (nm) at which they were found.
    """
    found = lookup(points_nm)
    distance = np.where(found != NO_SEGMENT, 0.0, np.nan)
    size = np.asarray(resolution_nm, np.float64)
    reach = np.floor(radius_nm / size).astype(int)
    steps = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3) * size
    far = np.linalg.norm(steps, axis=1)
    order = np.lexsort([*steps.T, far])[1:]
    order = order[far[order] <= radius_nm]
    lost = np.flatnonzero(found == NO_SEGMENT)
    if len(lost) and len(order):
        around = lookup((points_nm[lost, None] + steps[order]).reshape(-1, 3)).reshape(len(lost), len(order))
        first = np.argmax(around != NO_SEGMENT, axis=1)
        nearest = around[np.arange(len(lost)), first]
        found[lost] = nearest
        distance[lost] = np.where(nearest != NO_SEGMENT, far[order][first], np.nan)
    return found, distance


def _add_up(table: pd.DataFrame) -> pd.DataFrame:
    """Voxel counts and sums, minima and maxima of voxel places, by nucleus and segment."""
    how = dict.fromkeys(("n_voxels", *"xyz"), "sum") | {f"{edge}_{name}": edge for name in "xyz" for edge in ("min", "max")}
    return table.groupby(["nucleus_id", "root_id"], as_index=False).agg(how)


def _nothing() -> Cutout:
    return Cutout(np.zeros(3, np.int64), np.zeros((0, 0, 0), np.int64), np.zeros(3, np.int64))


@njit(cache=True, nogil=True)
@no_type_check
def _differing(ids, inner):
    """The two ids, the lower first, and the axis of each face between two segments."""
    pairs, axes, n = np.empty((1024, 2), np.int64), np.empty(1024, np.int8), 0
    for k in range(inner[2]):
        for j in range(inner[1]):
            for i in range(inner[0]):
                own = ids[i, j, k]
                if own == 0:
                    continue
                for axis in range(3):
                    x, y, z = i + (axis == 0), j + (axis == 1), k + (axis == 2)
                    if x >= ids.shape[0] or y >= ids.shape[1] or z >= ids.shape[2]:
                        continue
                    other = ids[x, y, z]
                    if other == 0 or other == own:
                        continue
                    if n == len(axes):
                        pairs, axes = np.concatenate((pairs, np.empty_like(pairs))), np.concatenate((axes, np.empty_like(axes)))
                    pairs[n, 0], pairs[n, 1], axes[n] = min(own, other), max(own, other), axis
                    n += 1
    return pairs[:n], axes[:n]
