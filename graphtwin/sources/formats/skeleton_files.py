"""One skeleton as its file holds it: vertices, edges and compartment labels from .npz, SWC and precomputed volumes."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from graphtwin.config import nearest

# SWC's own codes; 0 is a vertex nobody labelled. Source: Cannon et al. 1998, doi:10.1016/S0165-0270(98)00091-0.
LABELS = {"undefined": 0, "soma": 1, "axon": 2, "dendrite": 3, "basal": 3, "basal dendrite": 3, "apical": 4, "apical dendrite": 4}
SWC_COLUMNS = ["node", "type", "x", "y", "z", "radius", "parent"]  # columns of SWC, in its order
BATCH = 32  # precomputed skeletons fetched at once: cloud-volume asks for them side by side


class RawSkeleton(NamedTuple):
    """A skeleton as its file holds it, in the unit of the file.

    Attributes:
        vertices: Positions, in the unit of the file.
        edges: Numbers of the two vertices of each edge, unchecked.
        labels: SWC code of each vertex; None where the file has none.
    """

    vertices: Float[np.ndarray, "vertices 3"]
    edges: Int64[np.ndarray, "edges 2"]
    labels: Int64[np.ndarray, " vertices"] | None


def read_npz(path: Path) -> RawSkeleton:
    """An archive of `vertices` (n, 3), `edges` (m, 2) and perhaps `compartment` (n): SWC codes or names such as axon."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            arrays = {name: held[name] for name in ("vertices", "edges", "compartment") if name in held.files}
            found = held.files
    except (ValueError, EOFError, AttributeError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path}: {path.stat().st_size} bytes that cannot be read as .npz ({error}). "
            "The file is cut short or of another kind: copy it again."
        ) from error
    if not {"vertices", "edges"} <= set(arrays):
        raise ValueError(f"{path}: it holds {found}, but a skeleton is `vertices` (n, 3) and `edges` (m, 2). Save it with these names.")
    vertices = _as_rows(arrays["vertices"], 3, "iuf", f"{path}: vertices")
    edges = _as_rows(arrays["edges"], 2, "iu", f"{path}: edges")
    labels = arrays.get("compartment")
    codes = None if labels is None else _as_codes(labels, len(vertices), path)
    return RawSkeleton(vertices.astype(np.float64), edges.astype(np.int64), codes)


def read_swc(path: Path) -> RawSkeleton:
    """A table of nodes, one a line: number, type, x, y, z, radius, number of the parent (-1 for a root); # begins a comment."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # numpy's, of a file without a line: such a skeleton is refused in words later
        try:
            nodes = np.loadtxt(path, ndmin=2, usecols=range(len(SWC_COLUMNS)))
        except (ValueError, OSError) as error:
            raise ValueError(f"{path}: no SWC that can be read ({error}). Each line needs {', '.join(SWC_COLUMNS)}.") from error
    if len(nodes) == 0:
        return RawSkeleton(np.empty((0, 3)), np.empty((0, 2), np.int64), None)
    number, parent = nodes[:, 0].astype(np.int64), nodes[:, 6].astype(np.int64)
    order = np.argsort(number)
    repeated = int((np.diff(number[order]) == 0).sum())
    if repeated:
        raise ValueError(f"{path}: {repeated} of {len(nodes)} nodes have the number of another one. Number every node once.")
    child = np.flatnonzero(parent >= 0)
    place = order[np.minimum(np.searchsorted(number[order], parent[child]), len(nodes) - 1)]
    lost = number[place] != parent[child]
    if lost.any():
        raise ValueError(
            f"{path}: {int(lost.sum())} of {len(nodes)} nodes have a parent that is not in the file, first node {number[child[lost]][0]} "
            f"with parent {parent[child[lost]][0]}. Export the whole tree, or make them roots (parent -1)."
        )
    return RawSkeleton(nodes[:, 2:5], np.column_stack([child, place]), nodes[:, 1].astype(np.int64))


def precomputed_ids(cloudpath: str) -> list[int]:
    """Ids of the skeletons of a volume, where each is a file of its own."""
    volume = _volume(cloudpath)
    from cloudfiles import CloudFiles

    names = list(CloudFiles(f"{volume.cloudpath.rstrip('/')}/{volume.skeleton.meta.skeleton_path}").list())
    ids = sorted(int(name) for name in names if name.isdigit())
    if not ids:
        raise ValueError(
            f"{cloudpath}: its skeletons cannot be listed ({len(names)} files, none named by an id: sharded or empty). "
            f"Say which to read: {cloudpath}#ID,ID,..."
        )
    return ids


def read_precomputed(cloudpath: str, ids: Iterable[int]) -> Iterator[tuple[int, RawSkeleton]]:
    """Skeletons of a volume in nm, by id and in the order asked, a batch at a time; `compartment` is a vertex attribute."""
    from osteoid.exceptions import SkeletonDecodeError

    volume = _volume(cloudpath)
    ids = list(ids)
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        try:
            skeletons = {int(skeleton.id): skeleton for skeleton in volume.skeleton.get(batch)}  # they come in any order
        except SkeletonDecodeError as error:
            raise ValueError(
                f"{cloudpath}: of {len(batch)} skeletons asked for, some are missing or cannot be decoded ({error}). "
                f"Check the ids {batch[:3]}... against the volume."
            ) from error
        for number in batch:
            skeleton = skeletons[number]
            labels = getattr(skeleton, "compartment", None)
            codes = None if labels is None else _as_codes(np.asarray(labels), len(skeleton.vertices), f"{cloudpath}#{number}")
            yield number, RawSkeleton(skeleton.vertices.astype(np.float64), skeleton.edges.astype(np.int64), codes)


@lru_cache(maxsize=8)
def _volume(cloudpath: str) -> Any:
    """The volume of a path to a segmentation, or to a folder of skeletons alone."""
    try:
        from cloudfiles import CloudFiles
        from cloudvolume import CloudVolume
    except ImportError as error:
        raise ValueError(f"{cloudpath}: cloud-volume is needed to read volumes. Install it: pip install 'graphtwin[volumes]'.") from error
    plain = cloudpath.removeprefix("precomputed://").rstrip("/")
    info = CloudFiles(plain).get_json("info")
    if info is None:
        raise FileNotFoundError(f"{cloudpath}: no info file there. Give the path of a precomputed segmentation that has skeletons.")
    if info.get("@type") == "neuroglancer_skeletons":
        plain, _, name = plain.rpartition("/")
        size = {"resolution": [1, 1, 1], "voxel_offset": [0, 0, 0], "volume_size": [1, 1, 1]}
        info = CloudVolume.create_new_info(1, "segmentation", "uint64", "raw", **size, skeletons=name)
        return CloudVolume(plain, info=info, progress=False)
    if "skeletons" not in info:
        raise ValueError(f"{cloudpath}: a volume without skeletons (its info has {sorted(info)}). Give one that has them, or their folder.")
    return CloudVolume(plain, progress=False)


def _as_rows(array: np.ndarray, columns: int, kinds: str, what: str) -> np.ndarray:
    """The array, if it has as many columns as asked for and numbers of one of the kinds (numpy's letters)."""
    if array.size == 0:
        return np.empty((0, columns))
    if array.ndim != 2 or array.shape[1] != columns or array.dtype.kind not in kinds:
        number = "numbers" if "f" in kinds else "integers"
        raise ValueError(f"{what} have shape {array.shape} and dtype {array.dtype}; (n, {columns}) of {number} is needed. Save them so.")
    return array


def _as_codes(labels: np.ndarray, n_vertices: int, origin: Path | str) -> np.ndarray:
    """SWC code of each vertex, from labels that are codes or names."""
    labels = labels.reshape(-1)
    if len(labels) != n_vertices:
        raise ValueError(f"{origin}: {len(labels)} compartment labels for {n_vertices} vertices. One a vertex is needed.")
    if labels.dtype.kind in "iuf":
        return np.rint(labels).astype(np.int64)
    names, place = np.unique(labels.astype(str), return_inverse=True)
    unknown = [str(name) for name in names if name.lower() not in LABELS]
    if unknown:
        raise ValueError(
            f"{origin}: compartment labels {unknown} are unknown (nearest {nearest(unknown[0].lower(), LABELS)!r}; known: "
            f"{', '.join(LABELS)}, or SWC's codes). Rename them."
        )
    return np.array([LABELS[name.lower()] for name in names])[place]
