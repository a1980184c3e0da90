"""Skeletons of neurons from .npz, SWC and precomputed volumes: found and named first, then read one by one, checked, in nm."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from graphtwin.sources.formats import RawSkeleton, precomputed_ids, read_npz, read_precomputed, read_swc

Compartment = Literal["axon", "dendrite"]

READERS = {".npz": read_npz, ".swc": read_swc}  # reader of a file, by its suffix
CODES = {"axon": [2], "dendrite": [3, 4]}  # SWC codes of each compartment; the soma is neither
FINEST_EDGE_NM = 5.0  # a median edge below this many nm would be finer than the voxels of any volume
# Ratio of changes along z to those along x and y, below which coordinates are taken for voxels: these are 5 to 12 times as thick as wide,
# and neurons in nm measured 0.8 to 1.1.
FLATTENED = 0.25
EVEN = 0.5  # least ratio of changes along x and y for z to be judged: a straight neurite is no sign of anything
ENOUGH_EDGES = 100  # edges that a skeleton needs for its unit to be judged


class Place(NamedTuple):
    """Id of a skeleton, and where it is stored.

    Attributes:
        nucleus_id: The number in the file's name, or the id in the volume.
        where: Path of the file or volume that holds the skeleton.
    """

    nucleus_id: int
    where: str

    @property
    def origin(self) -> str:
        """Name of the place in errors."""
        return f"{self.where}#{self.nucleus_id}" if _is_cloudpath(self.where) else self.where


@dataclass(frozen=True)
class Skeleton:
    """One axon or dendrite, checked.

    Attributes:
        nucleus_id: Id of the neuron's nucleus.
        origin: File or volume that the skeleton was read from.
        vertices_nm: Finite positions, nm.
        edges: Numbers of the two vertices of each edge.
    """

    nucleus_id: int
    origin: str
    vertices_nm: Float[np.ndarray, "vertices 3"]
    edges: Int64[np.ndarray, "edges 2"]


def find_skeletons(given: Sequence[str | Path]) -> list[Place]:
    """Every skeleton of some files, folders and volumes, by nucleus id; nothing is read but lists of names.

    A file must have one number in its name, which is the nucleus id. A folder stands for its .npz and .swc files. A path with :// or a
    folder with an `info` file is a precomputed volume and stands for all of its skeletons, or for those named after a #, as path#ID,ID.

    Args:
        given: Paths of files, folders and volumes.
    """
    places = sorted(place for path in given for place in _expand(str(path)))
    for first, second in pairwise(places):
        if first.nucleus_id == second.nucleus_id:
            ids = [place.nucleus_id for place in places]
            raise ValueError(
                f"{len(ids) - len(set(ids))} of {len(ids)} skeletons have the nucleus id of another one, first {first.nucleus_id}: "
                f"{first.origin} and {second.origin}. Give every neuron once; the number in a file's name is its nucleus id."
            )
    return places


def read_skeleton(
    places: Sequence[Place], compartment: Compartment, nm_per_unit: tuple[float, float, float] | None = None
) -> Iterator[Skeleton]:
    """The skeletons one by one, in the order of the places.

    Where vertices are labelled (`compartment` of an .npz or a volume, the type of SWC; all 0 is no label), the edges between two vertices
    of the compartment are kept. Without labels the whole skeleton is taken for what it was given as.

    Args:
        places: Places of the skeletons, as `find_skeletons` returns them.
        compartment: Compartment that the skeletons are read for.
        nm_per_unit: Size of one unit of the files along x, y and z, nm; None expects nm and refuses what looks like another unit.
    """
    for where, group in groupby(places, key=lambda place: place.where):
        if _is_cloudpath(where):
            ids = [place.nucleus_id for place in group]
            for number, raw in read_precomputed(where, ids):
                yield _checked(Place(number, where), raw, compartment, nm_per_unit)
        else:
            for place in group:
                yield _checked(place, READERS[Path(where).suffix](Path(where)), compartment, nm_per_unit)


def _is_cloudpath(path: str) -> bool:
    return "://" in path


def _expand(path: str) -> list[Place]:
    """The places one path stands for."""
    if _is_cloudpath(path):
        return _of_volume(path)
    file = Path(path)
    if file.is_dir() and (file / "info").is_file():
        return _of_volume(f"file://{file.resolve()}")
    if file.is_dir():
        files = sorted(inner for inner in file.iterdir() if inner.suffix in READERS)
        if not files:
            held = sorted(inner.name for inner in file.iterdir())
            held_words = f"it has {held[:5]}" if held else "it is empty"
            raise ValueError(f"{path}: no skeleton in this folder ({held_words}). Give one with .npz or .swc files.")
        return [Place(_number(inner), str(inner)) for inner in files]
    if file.suffix not in READERS:
        raise ValueError(
            f"{path}: {file.suffix or 'no suffix'} is no skeleton this reads. Give .npz (vertices, edges), .swc, a folder of them, or "
            "the path of a precomputed volume."
        )
    if not file.is_file():
        raise FileNotFoundError(f"{path}: no such file. Give an existing .npz or .swc, or a folder of them.")
    return [Place(_number(file), path)]


def _of_volume(path: str) -> list[Place]:
    """All skeletons of a volume, or those named after the #."""
    cloudpath, _, named = path.partition("#")
    wrong = [part for part in named.split(",") if named and not part.strip().isdigit()]
    if wrong:
        raise ValueError(f"{path}: {wrong[0]!r} after the # is no id. Name skeletons as {cloudpath}#ID,ID.")
    ids = [int(part) for part in named.split(",")] if named else precomputed_ids(cloudpath)
    return [Place(number, cloudpath) for number in ids]


def _number(file: Path) -> int:
    """The one number in a file's name."""
    numbers = re.findall(r"\d+", file.stem)
    if len(numbers) != 1 or int(numbers[0]) >= 2**63:
        raise ValueError(
            f"{file}: the name has {f'the numbers {numbers}' if numbers else 'no number'}, but the nucleus id is read from it. "
            "Name each file with one number below 2^63, as axon_327859.npz."
        )
    return int(numbers[0])


def _checked(place: Place, raw: RawSkeleton, compartment: Compartment, nm_per_unit: tuple[float, float, float] | None) -> Skeleton:
    """A skeleton that can be measured, or an error that says what is wrong with it."""
    _require_numbers(raw, place.origin)
    if nm_per_unit is None:
        _require_nm(raw, place.origin)
    edges = _select(raw, compartment, place.origin)
    if len(edges) == 0:
        raise ValueError(
            f"{place.origin}: an empty skeleton ({len(raw.vertices)} vertices, {len(raw.edges)} edges, none of them in the {compartment}). "
            "It would pass for a neuron that comes close to nobody: leave it out, or export it again."
        )
    return Skeleton(place.nucleus_id, place.origin, raw.vertices * np.asarray(nm_per_unit or (1.0, 1.0, 1.0)), edges)


def _require_numbers(raw: RawSkeleton, origin: str) -> None:
    """Raise when a vertex is no place or an edge has no such vertex."""
    wrong = ~np.isfinite(raw.vertices).all(axis=1)
    if wrong.any():
        raise ValueError(
            f"{origin}: {int(wrong.sum())} of {len(wrong)} vertices are NaN or infinite, first vertex {int(np.argmax(wrong))}. "
            "Remove them together with their edges, or export the skeleton again."
        )
    wrong = ((raw.edges < 0) | (raw.edges >= len(raw.vertices))).any(axis=1)
    if wrong.any():
        first = raw.edges[np.flatnonzero(wrong)[0]].tolist()
        raise ValueError(
            f"{origin}: {int(wrong.sum())} of {len(raw.edges)} edges name a vertex that is not there, first {first} of "
            f"{len(raw.vertices)} vertices. Edges count vertices from 0."
        )


def _require_nm(raw: RawSkeleton, origin: str) -> None:
    """Raise when the coordinates look like voxels or micrometres."""
    if len(raw.edges) < ENOUGH_EDGES:
        return
    steps = np.abs(raw.vertices[raw.edges[:, 0]] - raw.vertices[raw.edges[:, 1]])
    median = float(np.median(np.linalg.norm(steps, axis=1)))
    x, y, z = steps.sum(axis=0)
    doubt = ""
    if 0 < median < FINEST_EDGE_NM:
        doubt = f"half of its {len(steps)} edges are shorter than {median:.3g}, in nm finer than any volume: micrometres or voxels?"
    elif min(x, y) > EVEN * max(x, y) and 0 < z < FLATTENED * (x + y) / 2:
        doubt = f"along z it changes {(x + y) / 2 / z:.1f} times less than along x and y, as in voxels that are thicker than wide: voxels?"
    if doubt:
        raise ValueError(
            f"{origin}: the coordinates do not look like nm: {doubt} Say what one unit is along x, y and z: "
            "--nm-per-unit 4 4 40 for voxels of minnie65, 1000 1000 1000 for micrometres, 1 1 1 if these are nm after all."
        )


def _select(raw: RawSkeleton, compartment: Compartment, origin: str) -> Int64[np.ndarray, "kept 2"]:
    """The edges of a compartment; all of them where nothing is labelled."""
    if raw.labels is None or not raw.labels.any():
        return raw.edges
    inside = np.isin(raw.labels, CODES[compartment])
    if not inside.any():
        codes, counts = np.unique(raw.labels, return_counts=True)
        raise ValueError(
            f"{origin}: none of {len(inside)} vertices is labelled {compartment} (SWC code {CODES[compartment]}); labels and how many: "
            f"{dict(zip(codes.tolist(), counts.tolist(), strict=True))}. Leave it out, or label it; labels that are all 0 take all of it."
        )
    return raw.edges[inside[raw.edges].all(axis=1)]
