"""One skeleton as an .npz archive holds it: vertices, edges, compartment labels and the unit."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from graphtwin.sources.formats.compartments import RawSkeleton
from graphtwin.sources.formats.lengths import Nm, nm_per_unit_of, says_no_unit
from graphtwin.sources.formats.vertex_labels import EVERY_NAME, LABEL_NAMES, labels_of, plain

UNIT_NAMES = {"nmperunit", "unit", "units"}
MOST_INFLATED = 1032  # a deflated byte holds at most so many; an archive that promises more is no archive of numbers
# What reading a damaged archive raises.
DAMAGED: tuple[type[Exception], ...] = (ValueError, EOFError, AttributeError, OSError, zipfile.BadZipFile, zlib.error)
DAMAGED += (NotImplementedError, RuntimeError, KeyError, TypeError, SyntaxError, MemoryError, OverflowError, IndexError)


def read_npz(path: Path) -> RawSkeleton:
    """An archive of `vertices` (n, 3), `edges` (m, 2), perhaps `compartment` (n; SWC codes or names) and `nm_per_unit` or `units`.

    Args:
        path: Path of the archive.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            found = [name.removesuffix(".npy") for name in archive.namelist()]
            wanted = [name for name in found if name in ("vertices", "edges") or plain(name) in EVERY_NAME | UNIT_NAMES]
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
    labels = {name: array for name, array in arrays.items() if _labels_vertices(name, array, len(vertices))}
    units = {name: _nm_per_unit(array, f"{path}: {name}") for name, array in arrays.items() if plain(name) in UNIT_NAMES}
    codes = labels_of(labels, len(vertices), str(path))
    return RawSkeleton(vertices.astype(np.float64), edges.astype(np.int64), codes, _one_unit(units, path))


def _labels_vertices(name: str, array: np.ndarray, n_vertices: int) -> bool:
    """Whether an array labels vertices: by its name alone, or by a name that other things have too and one value a vertex."""
    return plain(name) in LABEL_NAMES or (plain(name) in EVERY_NAME and array.size == n_vertices)


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
