"""Skeletons of precomputed volumes, in nm by the transform of their info file.

Source: the format's public description in the documentation of Neuroglancer ("Precomputed skeleton format").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from graphtwin.sources.formats.clouds import damaged, first_line, read_info
from graphtwin.sources.formats.compartments import RawSkeleton
from graphtwin.sources.formats.vertex_labels import EVERY_NAME, labels_of, plain

BATCH = 32  # skeletons fetched at once: cloud-volume asks for them side by side
ATTRIBUTE_TYPES = {"float32", "int8", "uint8", "int16", "uint16", "int32", "uint32", "float64", "int64", "uint64"}
# What files hold whose info file has no list of attributes, by the documentation of cloud-volume.
UNDECLARED = [{"id": "radius", "data_type": "float32"}, {"id": "vertex_types", "data_type": "uint8"}]
NM = (1.0, 1.0, 1.0)
SINGULAR = 1e-9  # a transform whose columns, at length 1, span a volume below this has lost an axis


class Folder(NamedTuple):
    """The skeletons of a volume, before one is read.

    Attributes:
        cloudpath: Path of their folder.
        info: Content of its info file.
        rotation, shift_nm: What a stored vertex is multiplied with and moved by, which makes it nm.
        attributes: Name, dtype and number of components of each attribute of the vertices.
    """

    cloudpath: str
    info: dict[str, Any]
    rotation: Float64[np.ndarray, "3 3"]
    shift_nm: Float64[np.ndarray, " 3"]
    attributes: list[tuple[str, np.dtype, int]]


def precomputed_ids(cloudpath: str) -> list[int]:
    """Ids of the skeletons of a volume, where each is a file of its own.

    Args:
        cloudpath: Path of the segmentation, or of the folder of its skeletons.
    """
    folder = open_folder(cloudpath)
    from cloudfiles import CloudFiles

    names = list(CloudFiles(folder.cloudpath).list(flat=True))
    ids = sorted(int(name) for name in names if name.isascii() and name.isdigit())
    if not ids:
        raise ValueError(
            f"{cloudpath}: its skeletons cannot be listed ({len(names)} files, none named by an id: sharded or empty). "
            f"Say which to read: {cloudpath}#ID,ID,..."
        )
    return ids


def read_precomputed(cloudpath: str, ids: Iterable[int]) -> Iterator[tuple[int, RawSkeleton]]:
    """Skeletons of a volume in nm, by id and in the order asked, a batch at a time; labels are a vertex attribute such as `compartment`.

    Args:
        cloudpath: Path of the segmentation, or of the folder of its skeletons.
        ids: Ids of the skeletons.
    """
    folder = open_folder(cloudpath)
    ids = list(ids)
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        contents = _fetch(folder, batch, cloudpath)
        lost = [number for number in batch if number not in contents]
        if lost:
            raise ValueError(
                f"{cloudpath}: of {len(batch)} skeletons asked for, {len(lost)} are missing, first {folder.cloudpath}/{lost[0]}. "
                "Check the ids against the volume."
            )
        for number in batch:
            yield number, _decode(contents[number], folder, f"{cloudpath}#{number}")


def open_folder(cloudpath: str) -> Folder:
    """The folder of skeletons of a path to a segmentation, or to that folder itself.

    Args:
        cloudpath: Path of the segmentation, or of the folder of its skeletons.
    """
    plain_path = cloudpath.removeprefix("precomputed://").rstrip("/")
    info = read_info(plain_path)
    if info.get("@type") != "neuroglancer_skeletons":
        key = info.get("skeletons")
        if not isinstance(key, str) or not key:
            raise ValueError(
                f"{cloudpath}: a volume without skeletons (its info has {sorted(info)}). Give one that has them, or their folder."
            )
        plain_path = f"{plain_path}/{key}"
        info = read_info(plain_path)
    rotation, shift_nm = _transform(info, plain_path)
    return Folder(plain_path, info, rotation, shift_nm, _attributes(info, plain_path))


def _transform(info: dict[str, Any], origin: str) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, " 3"]]:
    """The transform of stored vertices to nm: identity where none is declared."""
    given = info.get("transform", [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0])
    try:
        matrix = np.array(given, np.float64).reshape(3, 4)
    except (TypeError, ValueError, OverflowError):
        matrix = np.full((3, 4), np.nan)
    rotation, diagonal = matrix[:, :3], np.diag(matrix)
    lengths = np.linalg.norm(rotation, axis=0)
    wrong = ""
    if not np.isfinite(matrix).all():
        wrong = "12 finite numbers are needed, three rows of four"
    elif (lengths == 0).any() or abs(np.linalg.det(rotation / lengths)) < SINGULAR:
        wrong = f"it has rank {np.linalg.matrix_rank(rotation)} and presses all vertices into a plane or a line"
    elif (diagonal <= 0).any():
        wrong = f"its diagonal {diagonal.tolist()} is not above 0, which swaps or mirrors axes"
    if wrong:
        raise ValueError(
            f"{origin}: the transform of the skeletons is {given}: {wrong}. For voxels of a x b x c nm it is "
            "[a, 0, 0, 0, 0, b, 0, 0, 0, 0, c, 0]: correct it in the info file (some programs write it wrong where voxels are not cubes)."
        )
    return rotation, matrix[:, 3]


def _attributes(info: dict[str, Any], origin: str) -> list[tuple[str, np.dtype, int]]:
    """Attributes of the vertices, in the order in which they are stored."""
    given = info.get("vertex_attributes", UNDECLARED) or []
    attributes = []
    for spec in given if isinstance(given, list) else [given]:  # navis knows of files with one attribute outside a list
        try:
            name, kind, n = str(spec["id"]), str(spec["data_type"]), int(spec.get("num_components", 1))
        except (KeyError, TypeError, ValueError, AttributeError):
            name, kind, n = str(spec)[:60], "", 0
        if kind not in ATTRIBUTE_TYPES or not 0 < n < 1000:
            raise ValueError(f"{origin}: the vertex attribute {name!r} has no known data_type and num_components. Correct the info file.")
        attributes.append((name, np.dtype(kind).newbyteorder("<"), n))
    return attributes


def _fetch(folder: Folder, ids: list[int], cloudpath: str) -> dict[int, bytes]:
    """Content of each skeleton, without those that are missing."""
    from cloudfiles import CloudFiles

    refusals: tuple[type[Exception], ...] = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, *damaged())
    try:
        if folder.info.get("sharding") is None:
            found = {int(file["path"]): file["content"] for file in CloudFiles(folder.cloudpath).get([str(number) for number in ids])}
        else:
            found = _sharded(folder, ids)
    except refusals as error:
        raise ValueError(
            f"{cloudpath}: of {len(ids)} skeletons asked for, some cannot be fetched or decompressed ({first_line(error)}). "
            f"Check the ids {ids[:3]}... against the volume, or copy it again."
        ) from error
    return {number: content for number, content in found.items() if content is not None}


def _sharded(folder: Folder, ids: list[int]) -> dict[int, Any]:
    """Contents of skeletons that lie many to a file."""
    from cloudvolume import CloudVolume

    above, _, name = folder.cloudpath.rpartition("/")
    size = {"resolution": [1, 1, 1], "voxel_offset": [0, 0, 0], "volume_size": [1, 1, 1]}
    info = CloudVolume.create_new_info(1, "segmentation", "uint64", "raw", **size, skeletons=name)
    return CloudVolume(above, info=info, progress=False).skeleton.reader.get_data(ids, name, progress=False)


def _decode(content: bytes, folder: Folder, origin: str) -> RawSkeleton:
    """Numbers of vertices and edges (uint32), vertices (float32), edges (uint32), then the attributes one after the other."""
    n_vertices, n_edges = (int(n) for n in np.frombuffer(content[:8].ljust(8, b"\0"), "<u4"))
    tree = 8 + 12 * n_vertices + 8 * n_edges
    sizes = [n_vertices * dtype.itemsize * n for _, dtype, n in folder.attributes]
    undeclared = [4 * n_vertices] if "vertex_attributes" not in folder.info else []  # cloud-volume wrote radii so, without a word
    if len(content) not in (tree, tree + sum(sizes), *(tree + size for size in undeclared)):
        raise ValueError(
            f"{origin}: {len(content)} bytes, but {n_vertices} vertices and {n_edges} edges need {tree}, and {tree + sum(sizes)} with the "
            f"attributes {[name for name, _, _ in folder.attributes]} of its volume. The skeleton cannot be decoded: copy it again, or "
            "declare its attributes in the info file."
        )
    stored = np.frombuffer(content, "<f4", 3 * n_vertices, 8).reshape(-1, 3)
    edges = np.frombuffer(content, "<u4", 2 * n_edges, 8 + 12 * n_vertices).reshape(-1, 2)
    labels, start = {}, tree
    for (name, dtype, n), size in zip(folder.attributes if len(content) == tree + sum(sizes) else [], sizes, strict=False):
        if plain(name) in EVERY_NAME:
            labels[name] = np.frombuffer(content, dtype, n_vertices * n, start)
        start += size
    vertices = stored.astype(np.float64) @ folder.rotation.T + folder.shift_nm
    return RawSkeleton(vertices, edges.astype(np.int64), labels_of(labels, n_vertices, origin), NM)
