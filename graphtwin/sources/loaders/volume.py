"""Precomputed segmentations, wherever cloud-volume reads them (file://, gs://, s3://, https://): cutouts, ids at points, meshes.

Voxel i covers i * resolution to (i + 1) * resolution along each axis; ids are int64; places are nm. Skeletons of a volume are read by
`sources.loaders.skeletons`, its annotations by `sources.loaders.annotations`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from graphtwin.sources.formats import Scale, cloudpath_of, damaged, first_line, read_box, read_info, scales_of

# Units that positions often have instead of nm, in nm along x, y and z.
UNITS = {"voxels of 4 x 4 x 40 nm": (4.0, 4.0, 40.0), "um": (1000.0, 1000.0, 1000.0)}


class Mesh(NamedTuple):
    """Surface of a segment.

    Attributes:
        vertices_nm: Corners of the surface, nm.
        faces: Numbers of the three vertices of each triangle.
    """

    vertices_nm: Float64[np.ndarray, "vertices 3"]
    faces: Int64[np.ndarray, "faces 3"]


@dataclass(frozen=True)
class Volume:
    """A segmentation at one resolution; nothing is read before it is asked for.

    Attributes:
        path: Path of the segmentation.
        resolution_nm: Edge lengths of a voxel, nm.
        begin, end: First voxel and voxel after the last, along each axis.
        chunk: Voxels of a stored chunk along each axis, counted from `begin`.
        scale: The resolution as its info file declares it.
        held: Volume as cloud-volume holds it.
    """

    path: str
    resolution_nm: Float64[np.ndarray, " 3"]
    begin: Int64[np.ndarray, " 3"]
    end: Int64[np.ndarray, " 3"]
    chunk: Int64[np.ndarray, " 3"]
    scale: Scale
    held: Any

    @property
    def low_nm(self) -> Float64[np.ndarray, " 3"]:
        """Lower corner of the volume, nm."""
        return self.begin * self.resolution_nm

    @property
    def high_nm(self) -> Float64[np.ndarray, " 3"]:
        """Upper corner of the volume, nm."""
        return self.end * self.resolution_nm

    def cutout(self, begin: Int64[np.ndarray, " 3"], end: Int64[np.ndarray, " 3"]) -> Int64[np.ndarray, "x y z"]:
        """The ids from one voxel up to, but without, another; 0 is no segment.

        Args:
            begin: First voxel, along each axis.
            end: Voxel after the last, along each axis.
        """
        if (begin < self.begin).any() or (end > self.end).any() or (end <= begin).any():
            raise ValueError(
                f"{self.path}: the cutout {begin.tolist()} to {end.tolist()} is not within the voxels {self.begin.tolist()} to "
                f"{self.end.tolist()} (or is empty). Positions in nm are divided by {self.resolution_nm.tolist()} first."
            )
        ids = read_box(self.scale, begin, end, self.path) if self.scale.plain else self._download(begin, end)[..., 0]
        if ids.dtype.kind == "u" and ids.size and int(ids.max()) >= 2**63:
            raise ValueError(f"{self.path}: an id of {int(ids.max())} does not fit int64. Ids of 2^63 and more are not supported.")
        return ids.astype(np.int64)

    def boxes(self, chunk: tuple[int, int, int] | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """First voxel and voxel after the last of each chunk, x fastest.

        Args:
            chunk: Voxels of a chunk along each axis; None takes chunks as they are stored.
        """
        step = self.chunk if chunk is None else np.asarray(chunk)
        grid = -(-(self.end - self.begin) // step)
        for z, y, x in np.ndindex(*grid[::-1].tolist()):
            begin = self.begin + np.array([x, y, z]) * step
            yield begin, np.minimum(begin + step, self.end)

    def contains(self, points_nm: Float[np.ndarray, "points 3"]) -> Bool[np.ndarray, " points"]:
        """Whether each point is in the volume; a point with NaN is not."""
        return np.all((points_nm >= self.low_nm) & (points_nm < self.high_nm), axis=1)

    def segments_at(self, points_nm: Float[np.ndarray, "points 3"]) -> Int64[np.ndarray, " points"]:
        """The id at each point; every chunk that has one is read once.

        Args:
            points_nm: Points in the volume, nm.
        """
        from graphtwin.progress import tqdm

        self.require_inside(points_nm)
        voxels = np.floor(points_nm / self.resolution_nm).astype(np.int64)
        chunks, place = np.unique((voxels - self.begin) // self.chunk, axis=0, return_inverse=True)
        order, ends = np.argsort(place.reshape(-1), kind="stable"), np.cumsum(np.bincount(place.reshape(-1)))
        by_chunk = np.split(order, ends)[: len(chunks)]
        found = np.empty(len(voxels), np.int64)
        for corner, rows in tqdm(
            zip(chunks * self.chunk + self.begin, by_chunk, strict=True), total=len(chunks), desc="points", unit="chunk", delay=2
        ):
            ids = self.cutout(corner, np.minimum(corner + self.chunk, self.end))
            found[rows] = ids[tuple((voxels[rows] - corner).T)]
        return found

    def require_inside(self, points_nm: Float[np.ndarray, "points 3"]) -> None:
        """Raise when a point is outside, and say which unit the points may be in."""
        outside = ~self.contains(points_nm)
        if not outside.any():
            return
        raise ValueError(
            f"{self.path}: {int(outside.sum())} of {len(points_nm)} points are outside the volume, first point "
            f"{points_nm[np.argmax(outside)].tolist()}; it has {self.low_nm.tolist()} to {self.high_nm.tolist()} nm. "
            f"{self.suspected_unit(points_nm)}"
        )

    def suspected_unit(self, points_nm: Float[np.ndarray, "points 3"]) -> str:
        """A sentence: the unit in which more of the points would be inside than in nm, if there is one."""
        own = f"voxels of this volume ({' x '.join(f'{edge:g}' for edge in self.resolution_nm)} nm)"
        counts = {unit: int(self.contains(points_nm * np.asarray(nm)).sum()) for unit, nm in {own: self.resolution_nm, **UNITS}.items()}
        unit = max(counts, key=lambda name: counts[name])
        if counts[unit] > int(self.contains(points_nm).sum()):
            return f"As {unit}, {counts[unit]} of {len(points_nm)} would be inside: convert them to nm."
        return "Leave points outside the volume out (`contains` says which are inside)."

    def mesh(self, segment: int) -> Mesh:
        """The surface of a segment.

        Args:
            segment: Id of the segment.
        """
        refusals: tuple[type[Exception], ...] = (ValueError, KeyError, AttributeError, *damaged())
        try:
            read = self.held.mesh.get(segment)
        except refusals as error:
            raise ValueError(
                f"{self.path}: no mesh of segment {segment} that can be read ({first_line(error)}). "
                "Check the id; not every segment has a mesh."
            ) from error
        mesh = read[segment] if isinstance(read, dict) else read
        return Mesh(np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64).reshape(-1, 3))

    def _download(self, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
        from cloudvolume.exceptions import EmptyVolumeException

        refusals: tuple[type[Exception], ...] = (ValueError, KeyError, TypeError, AttributeError, NotImplementedError, OSError, *damaged())
        try:
            return np.asarray(self.held[tuple(slice(int(low), int(high)) for low, high in zip(begin, end, strict=True))])
        except ImportError as error:
            raise ValueError(f"{self.path}: its encoding needs another library ({first_line(error)}). Install it.") from error
        except EmptyVolumeException as error:
            raise FileNotFoundError(
                f"{self.path}: the chunk {first_line(error)} is missing, asked for with the voxels {begin.tolist()} to {end.tolist()}. "
                "Copy the volume again, or leave this part out."
            ) from error
        except refusals as error:
            raise ValueError(
                f"{self.path}: a chunk of the voxels {begin.tolist()} to {end.tolist()} cannot be decoded ({first_line(error)}). It is cut "
                "short or damaged: copy it again."
            ) from error


def open_volume(path: str | Path, resolution_nm: tuple[float, float, float] | None = None, mip: int = 0) -> Volume:
    """Open a segmentation.

    Args:
        path: Folder of the segmentation, or a path with file://, gs://, s3:// or https://.
        resolution_nm: Edge lengths of a voxel at the resolution to open, nm; None takes the one of a number.
        mip: Number of the resolution to open, 0 for the finest, where no edge lengths are given.
    """
    cloudpath = cloudpath_of(path)
    info = read_info(cloudpath)
    if info.get("type") != "segmentation":
        kind = info.get("type", info.get("@type", "unknown"))
        raise ValueError(f"{path}: a volume of type {kind!r}, but a segmentation is needed. Give the path of a precomputed segmentation.")
    known = scales_of(info, cloudpath)
    scales = [scale.resolution_nm for scale in known]
    if resolution_nm is not None and tuple(resolution_nm) not in scales:
        raise ValueError(f"{path}: no resolution of {list(resolution_nm)} nm; it has {[list(scale) for scale in scales]}.")
    if not 0 <= mip < len(scales):
        raise ValueError(f"{path}: no resolution of number {mip}; it has {len(scales)}: {[list(scale) for scale in scales]} nm, from 0.")
    mip = mip if resolution_nm is None else scales.index(tuple(resolution_nm))
    from cloudvolume import CloudVolume

    refusals: tuple[type[Exception], ...] = (ValueError, KeyError, TypeError, AttributeError, IndexError, *damaged())
    try:
        held = CloudVolume(cloudpath, mip=mip, info=info, progress=False, fill_missing=False, bounded=True)
    except refusals as error:
        raise ValueError(f"{path}: its info file cannot be understood ({first_line(error)}). Copy it again.") from error
    scale = known[mip]
    return Volume(str(path), np.asarray(scale.resolution_nm), scale.begin, scale.end, scale.chunk, scale, held)
