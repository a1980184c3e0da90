"""Skeletons of neurons from .npz, SWC and precomputed volumes: found and named first, then read one by one, checked, in nm."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from graphtwin.sources.formats import (
    SYNAPSE,
    RawSkeleton,
    compartment_of_edges,
    notes_on_codes,
    precomputed_ids,
    read_npz,
    read_precomputed,
    read_swc,
)

log = logging.getLogger("graphtwin")

Compartment = Literal["axon", "dendrite"]
Nm = tuple[float, float, float]

READERS = {".npz": read_npz, ".swc": read_swc}  # reader of a file, by its suffix in small letters
CODES = {"axon": [2], "dendrite": [3, 4]}  # SWC codes of each compartment; the soma is neither
FINEST_EDGE_NM = 5.0  # a median edge below this many nm would be finer than the voxels of any volume
# Ratio of changes along z to those along x and y, below which coordinates are taken for voxels: these are 5 to 12 times as thick as wide,
# and neurons in nm measured 0.8 to 1.1.
FLATTENED = 0.25
EVEN = 0.5  # least ratio of changes along x and y for z to be judged: a straight neurite is no sign of anything
ENOUGH_EDGES = 100  # edges that a skeleton needs for its unit to be judged
SAME_UNIT = 1e-6  # relative difference up to which two units are one, in other words or rounded


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

    A file must have one number in its name, which is the nucleus id. A folder stands for its .npz and .swc files (in capitals too; hidden
    files, folders and files of other kinds are passed over and named in the log). A path with :// or a folder with an `info` file is a
    precomputed volume and stands for all of its skeletons. Of a folder or volume, path#ID,ID stands for those named after the #.

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


def read_skeleton(places: Sequence[Place], compartment: Compartment, nm_per_unit: Nm | None = None) -> Iterator[Skeleton]:
    """The skeletons one by one, in the order of the places.

    Where vertices are labelled as axon or dendrite (`compartment`, `vertex_types`, `is_axon` and more of an .npz or a volume, the type of
    SWC), the edges are kept whose far end is of the compartment. Where none is, the whole skeleton is taken for what it was given as. What
    of codes and headers a reader should know is counted over all skeletons and logged at the end.

    Args:
        places: Places of the skeletons, as `find_skeletons` returns them.
        compartment: Compartment that the skeletons are read for.
        nm_per_unit: Size of one unit along x, y and z, nm, of files that declare none. Volumes are in nm by their format. A file that
            declares another unit is refused, and so is one without any unit where this is None.
    """
    notes = _Notes()
    for where, group in groupby(places, key=lambda place: place.where):
        if _is_cloudpath(where):
            ids = [place.nucleus_id for place in group]
            for number, raw in read_precomputed(where, ids):
                yield _checked(Place(number, where), raw, compartment, nm_per_unit, notes)
        else:
            for place in group:
                yield _checked(place, READERS[Path(where).suffix.lower()](Path(where)), compartment, nm_per_unit, notes)
    notes.log(compartment, len(places))


class _Notes:
    """What is said of many skeletons at once: how much there is of it, and where first."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, int, str]] = {}

    def add(self, words: str, n: int, origin: str) -> None:
        """Count something of one skeleton; {n} in the words is the number of it."""
        total, files, first = self.found.get(words, (0, 0, origin))
        self.found[words] = (total + n, files + 1, first)

    def log(self, compartment: Compartment, n_skeletons: int) -> None:
        """Say all of it, a line each."""
        for words, (total, files, first) in self.found.items():
            log.warning(
                "%ss: %s; in %d of %d skeletons, first %s.", compartment, words.replace("{n}", str(total)), files, n_skeletons, first
            )


def _is_cloudpath(path: str) -> bool:
    return "://" in path


def _expand(path: str) -> list[Place]:
    """The places one path stands for."""
    whole, _, named = path.partition("#")
    if not _is_cloudpath(path) and (Path(path).exists() or not named):
        whole, named = path, ""
    ids = _named_ids(path, whole, named)
    if _is_cloudpath(path):
        return _of_volume(whole, ids)
    file = Path(whole)
    if file.is_dir() and (file / "info").is_file():
        return _of_volume(f"file://{file.resolve()}", ids)
    places = _of_folder(file) if file.is_dir() else [_of_file(file)]
    missing = sorted(set(ids) - {place.nucleus_id for place in places})
    if missing:
        raise ValueError(f"{path}: {len(missing)} of {len(ids)} ids after the # have no file there, first {missing[0]}. Check them.")
    return [place for place in places if not ids or place.nucleus_id in ids]


def _named_ids(path: str, whole: str, named: str) -> list[int]:
    """The ids after the #."""
    parts = [part.strip() for part in named.split(",")] if named else []
    wrong = [part for part in parts if not (part.isascii() and part.isdigit())]
    if wrong:
        raise ValueError(f"{path}: {wrong[0]!r} after the # is no id. Name skeletons as {whole}#ID,ID.")
    return [_require_int64(int(part), path) for part in parts]


def _of_volume(cloudpath: str, ids: list[int]) -> list[Place]:
    """The skeletons of a volume that are asked for, or all of them."""
    return [Place(_require_int64(number, cloudpath), cloudpath) for number in ids or precomputed_ids(cloudpath)]


def _of_folder(folder: Path) -> list[Place]:
    """The skeletons of a folder; what is passed over is named in the log."""
    held = sorted(folder.iterdir())
    files = [file for file in held if file.suffix.lower() in READERS and not file.name.startswith(".") and not file.is_dir()]
    if not files:
        held_words = f"it has {[file.name for file in held[:5]]}" if held else "it is empty"
        raise ValueError(f"{folder}: no skeleton in this folder ({held_words}). Give one with .npz or .swc files.")
    others = [file.name for file in held if file not in set(files)]
    if others:
        counts = len(others), len(held), others[0]
        log.warning("%s: %d of %d entries are no .npz or .swc file and were passed over, first %s.", folder, *counts)
    return [_of_file(file) for file in files]


def _of_file(file: Path) -> Place:
    """The skeleton of a file."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file. Give an existing .npz or .swc, or a folder of them.")
    if file.suffix.lower() not in READERS:
        raise ValueError(
            f"{file}: {file.suffix or 'no suffix'} is no skeleton this reads. Give .npz (vertices, edges), .swc, a folder of them, or "
            "the path of a precomputed volume."
        )
    return Place(_number(file), str(file))


def _number(file: Path) -> int:
    """The one number in a file's name."""
    numbers = re.findall(r"[0-9]+", file.stem)
    if len(numbers) != 1 or len(numbers[0]) > 19 or int(numbers[0]) >= 2**63:
        raise ValueError(
            f"{file}: the name has {f'the numbers {numbers}' if numbers else 'no number'}, but the nucleus id is read from it. "
            "Name each file with one number below 2^63, as axon_327859.npz."
        )
    return int(numbers[0])


def _require_int64(number: int, origin: str) -> int:
    if number >= 2**63:
        raise ValueError(f"{origin}: the skeleton's id {number} is 2^63 or more, which int64 cannot hold. Give it a smaller id.")
    return number


def _checked(place: Place, raw: RawSkeleton, compartment: Compartment, nm_per_unit: Nm | None, notes: _Notes) -> Skeleton:
    """A skeleton that can be measured, or an error that says what is wrong with it."""
    _require_numbers(raw, place.origin)
    nm = _unit(place, raw, nm_per_unit)
    edges = _select(raw, compartment, place.origin, notes)
    if len(edges) == 0:
        raise ValueError(
            f"{place.origin}: an empty skeleton ({len(raw.vertices)} vertices, {len(raw.edges)} edges, none of them in the {compartment}). "
            "It would pass for a neuron that comes close to nobody: leave it out, or export it again."
        )
    for words, n in raw.notes:
        notes.add(words, n, place.origin)
    return Skeleton(place.nucleus_id, place.origin, raw.vertices * np.asarray(nm), edges)


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


def _unit(place: Place, raw: RawSkeleton, asked: Nm | None) -> Nm:
    """Size of one unit of a skeleton, nm: as its file declares it, else as it was asked for."""
    declared = raw.nm_per_unit
    if declared is not None and asked is not None and not np.allclose(declared, asked, rtol=SAME_UNIT, atol=0):
        volume = _is_cloudpath(place.where)
        has = "a precomputed volume is in nm" if volume else f"the file says that one unit is {_words(declared)} nm"
        raise ValueError(
            f"{place.origin}: {has}, but --nm-per-unit says {_words(asked)}. Leave the option out, or correct "
            f"{'the transform of the skeletons in the info file' if volume else 'the file'}. Where files differ, let each say its own."
        )
    if asked is not None:
        return asked
    doubt = _doubt_of_nm(raw)
    if declared is None:
        raise ValueError(
            f"{place.origin}: the file does not say in which unit its coordinates are{f'; {doubt}' if doubt else ''}. Say what one unit is "
            "along x, y and z: --nm-per-unit 1 1 1 for nm, 1000 1000 1000 for micrometres, 4 4 40 for voxels of minnie65. A file can say "
            "it itself: SWC in a comment (# units: um), an .npz as nm_per_unit."
        )
    if doubt and _is_cloudpath(place.where):
        raise ValueError(
            f"{place.origin}: the coordinates do not look like nm: {doubt}. Correct the transform of the skeletons in the info file, or "
            "say that these are nm after all: --nm-per-unit 1 1 1."
        )
    return declared


def _words(numbers: Nm) -> str:
    return " ".join(f"{number:g}" for number in numbers)


def _doubt_of_nm(raw: RawSkeleton) -> str:
    """Why coordinates look like voxels or micrometres rather than nm; nothing where they do not."""
    if len(raw.edges) < ENOUGH_EDGES:
        return ""
    steps = np.abs(raw.vertices[raw.edges[:, 0]] - raw.vertices[raw.edges[:, 1]])
    median = float(np.median(np.linalg.norm(steps, axis=1)))
    x, y, z = steps.sum(axis=0)
    if 0 < median < FINEST_EDGE_NM:
        return f"half of its {len(steps)} edges are shorter than {median:.3g}, in nm finer than any volume (micrometres or voxels?)"
    if min(x, y) > EVEN * max(x, y) and 0 < z < FLATTENED * (x + y) / 2:
        return f"along z it changes {(x + y) / 2 / z:.1f} times less than along x and y, as in voxels that are thicker than wide"
    return ""


def _select(raw: RawSkeleton, compartment: Compartment, origin: str, notes: _Notes) -> Int64[np.ndarray, "kept 2"]:
    """The edges of a compartment; all of them where none is labelled as axon or dendrite."""
    for words, n in notes_on_codes(raw):
        notes.add(words, n, origin)
    codes = compartment_of_edges(raw)
    if codes is None or raw.labels is None:
        return raw.edges
    inside = np.logical_or.reduce([codes == code for code in CODES[compartment]])
    if not inside.any():
        labels, counts = np.unique(np.where(raw.labels == SYNAPSE, -1, raw.labels), return_counts=True)
        raise ValueError(
            f"{origin}: none of {len(raw.vertices)} vertices is labelled {compartment} (SWC code {CODES[compartment]}); labels and how "
            f"many: {dict(zip(labels.tolist(), counts.tolist(), strict=True))}. Leave it out, or label it; a file that labels neither axon "
            "nor dendrite is taken whole."
        )
    lost = int((codes == 0).sum())
    if lost:
        notes.add("{n} edges have no compartment (code 0 beside labelled vertices) and count to none", lost, origin)
    return raw.edges[inside]
