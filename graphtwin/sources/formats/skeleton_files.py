"""One skeleton as an .npz archive holds it: vertices, edges, compartment labels and the unit."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from graphtwin.config import nearest_of
from graphtwin.sources.formats.compartments import LABELS, RawSkeleton
from graphtwin.sources.formats.lengths import Nm, nm_per_unit_of, says_no_unit

# Names of the labels of vertices in archives and volumes, without case and marks: of this package and CAVE; of cloud-volume and kimimaro.
LABEL_NAMES = {"compartment", "compartments", "vertextype", "vertextypes", "nodetype", "nodetypes", "swctype", "swctypes", "swclabel"}
UNIT_NAMES = {"nmperunit", "unit", "units"}
MOST_INFLATED = 1032  # a deflated byte holds at most so many; an archive that promises more is no archive of numbers
# What reading a damaged archive raises.
DAMAGED: tuple[type[Exception], ...] = (ValueError, EOFError, AttributeError, OSError, zipfile.BadZipFile, zlib.error)
DAMAGED += (NotImplementedError, RuntimeError, KeyError, TypeError, SyntaxError, MemoryError, OverflowError, IndexError)


def plain(name: str) -> str:
    """A name without case and marks.

    Args:
        name: Name of an array or an attribute.
    """
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def read_npz(path: Path) -> RawSkeleton:
    """An archive of `vertices` (n, 3), `edges` (m, 2), perhaps `compartment` (n; SWC codes or names) and `nm_per_unit` or `units`.

    Args:
        path: Path of the archive.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            found = [name.removesuffix(".npy") for name in archive.namelist()]
            wanted = [name for name in found if name in ("vertices", "edges") or plain(name) in LABEL_NAMES | UNIT_NAMES]
            arrays = {name: _array(archive, f"{name}.npy") for name in wanted}
    except FileNotFoundError:
        raise
    except DAMAGED as error:
        raise ValueError(
            f"{path}: {path.stat().st_size} bytes that cannot be read as .npz ({error or type(error).__name__}). "
            "The file is cut short or of another kind: copy it again."
        ) from error
    if not {"vertices", "edges"} <= set(arrays):
        raise ValueError(f"{path}: it holds {found}, but a skeleton is `vertices` (n, 3) and `edges` (m, 2). Save it with these names.")
    vertices = _as_rows(arrays["vertices"], 3, "iuf", f"{path}: vertices")
    edges = _as_rows(arrays["edges"], 2, "iu", f"{path}: edges")
    labels = {name: as_codes(array, len(vertices), f"{path}: {name}") for name, array in arrays.items() if plain(name) in LABEL_NAMES}
    units = {name: _nm_per_unit(array, f"{path}: {name}") for name, array in arrays.items() if plain(name) in UNIT_NAMES}
    return RawSkeleton(vertices.astype(np.float64), edges.astype(np.int64), one_labelling(labels, str(path)), _one_unit(units, path))


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """An array of an archive, whose header is believed only as far as the archive has bytes."""
    info = archive.getinfo(name)
    if info.file_size > MOST_INFLATED * info.compress_size + 1000:
        raise ValueError(f"{name} promises {info.file_size} bytes from {info.compress_size}")
    with archive.open(info) as file:
        n_bytes, dtype = _promised(file)
        if dtype.hasobject:
            raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
        if n_bytes > info.file_size:
            raise ValueError(f"{name} promises {n_bytes} bytes of numbers and has {info.file_size}")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _promised(file: Any) -> tuple[int, np.dtype]:
    """Number of bytes and dtype that an array's header says it has."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    n_bytes = dtype.itemsize
    for n in shape:
        if n < 0:
            raise ValueError(f"a shape of {shape}")
        n_bytes *= n
    return n_bytes, dtype


def _nm_per_unit(array: np.ndarray, what: str) -> Nm | None:
    """Size of one unit along x, y and z, from one or three numbers of nm or a unit in words."""
    if array.dtype.kind in "US" and array.size == 1:
        text = str(array.reshape(-1).astype(str)[0]) if array.dtype.kind == "U" else array.reshape(-1)[0].decode("utf-8", "replace")
        nm = nm_per_unit_of(text)
        if nm is None and not says_no_unit(text):
            raise ValueError(f"{what} is {text[:40]!r}, which is no length this knows (nm, um, 8 nanometer). Save the number of nm.")
        return nm
    numbers = array.reshape(-1)
    if array.dtype.kind not in "iuf" or array.size not in (1, 3) or not (np.isfinite(numbers) & (numbers > 0)).all():
        raise ValueError(f"{what} has dtype {array.dtype} and shape {array.shape}; one or three numbers of nm above 0 are needed.")
    x, y, z = (float(number) for number in np.broadcast_to(numbers, 3))
    return x, y, z


def _one_unit(units: dict[str, Nm | None], path: Path) -> Nm | None:
    declared = {name: nm for name, nm in units.items() if nm is not None}
    if len(set(declared.values())) > 1:
        raise ValueError(f"{path}: it declares {len(declared)} units: {declared} nm. Leave the right one.")
    return next(iter(declared.values()), None)


def _as_rows(array: np.ndarray, columns: int, kinds: str, what: str) -> np.ndarray:
    """The array, if it has as many columns as asked for and numbers of one of the kinds (numpy's letters)."""
    if array.size == 0:
        return np.empty((0, columns))
    if array.ndim != 2 or array.shape[1] != columns or array.dtype.kind not in kinds:
        number = "numbers" if "f" in kinds else "integers"
        raise ValueError(f"{what} have shape {array.shape} and dtype {array.dtype}; (n, {columns}) of {number} is needed. Save them so.")
    return array


def as_codes(labels: np.ndarray, n_vertices: int, what: str) -> Int64[np.ndarray, " vertices"]:
    """SWC code of each vertex, from labels that are codes or names.

    Args:
        labels: One code or name a vertex.
        n_vertices: Number of vertices.
        what: Name of file and labels, for errors.
    """
    labels = labels.reshape(-1)
    if len(labels) != n_vertices:
        raise ValueError(f"{what}: {len(labels)} compartment labels for {n_vertices} vertices. One a vertex is needed.")
    if labels.dtype.kind in "iufb":
        wrong = ~(np.abs(labels.astype(np.float64)) < 2**31) | (labels != np.rint(labels.astype(np.float64)))
        if wrong.any():
            raise ValueError(
                f"{what}: {int(wrong.sum())} of {n_vertices} compartment labels are no whole numbers, first {labels[wrong][0]}. "
                "Codes are SWC's: 1 soma, 2 axon, 3 and 4 dendrite."
            )
        return labels.astype(np.int64)
    text = np.char.decode(labels, "latin-1") if labels.dtype.kind == "S" else labels.astype(str)
    names, place = np.unique(text, return_inverse=True)
    unknown = [str(name) for name in names if name.lower() not in LABELS]
    if unknown:
        raise ValueError(
            f"{what}: compartment labels {unknown[:5]} are unknown ({nearest_of(unknown[0].lower(), LABELS, 'nearest {}; ')}known: "
            f"{', '.join(LABELS)}, or SWC's codes). Rename them."
        )
    return np.array([LABELS[name.lower()] for name in names], np.int64)[place.reshape(-1)]


def one_labelling(labels: dict[str, Int64[np.ndarray, " vertices"]], origin: str) -> Int64[np.ndarray, " vertices"] | None:
    """The labels of the vertices, where all that are not 0 throughout agree; None where there are none.

    Args:
        labels: Codes of the vertices, by the name that the file has for them.
        origin: Name of the file, for errors.
    """
    given = {name: codes for name, codes in labels.items() if codes.any()}
    first = next(iter(given), None)
    if first is None:
        return next(iter(labels.values()), None)
    for name, codes in given.items():
        differ = int((codes != given[first]).sum())
        if differ:
            raise ValueError(f"{origin}: {first} and {name} differ at {differ} of {len(codes)} vertices. Leave the one that is right.")
    return given[first]
