"""Arrays of MATLAB files, of the old format and of version 7.3, which is HDF5 with axes the other way round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphtwin.extras import require_packages
from graphtwin.sources.formats.nwb_file import is_hdf5

HEADER = b"MATLAB 7.3 MAT-file"  # first bytes of a file of version 7.3, before the signature of HDF5


def read_mat(path: Path) -> dict[str, np.ndarray]:
    """The variables of a file by name: numbers as they are, text and cells of text as arrays of text, a row of characters an entry.

    Args:
        path: File .mat.

    Raises:
        ValueError: It is no MATLAB file, or was cut short.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Give a MATLAB file.")
    with path.open("rb") as file:
        newer = file.read(len(HEADER)) == HEADER or is_hdf5(path)
    return _of_hdf5(path) if newer else _of_older(path)


def only_variable(path: Path) -> np.ndarray:
    """The variable of a file that has one; an error where it has several.

    Args:
        path: File .mat.
    """
    variables = read_mat(path)
    if len(variables) != 1:
        raise ValueError(f"{path}: {len(variables)} variables ({list(variables)}), where one is read. Save it alone.")
    return next(iter(variables.values()))


def _of_older(path: Path) -> dict[str, np.ndarray]:
    """Variables of a file before version 7.3."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        read = loadmat(path)
    except (MatReadError, ValueError, TypeError, EOFError, OSError) as error:
        raise ValueError(f"{path}: no MATLAB file, or one that was cut short ({error}). Save it again.") from error
    return {name: _as_text(value) if value.dtype == object else value for name, value in read.items() if not name.startswith("__")}


def _as_text(cells: np.ndarray) -> np.ndarray:
    """A cell array as text, one entry a cell."""
    return np.array([str(np.ravel(cell)[0]) if np.size(cell) else "" for cell in cells.ravel()])


def _of_hdf5(path: Path) -> dict[str, np.ndarray]:
    """Variables of a file of version 7.3."""
    require_packages("MATLAB files of version 7.3", "h5py")
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return {name: _variable(value, file) for name, value in file.items() if isinstance(value, h5py.Dataset)}
    except OSError as error:
        raise ValueError(f"{path}: no MATLAB file, or one that was cut short ({error}). Save it again.") from error


def _variable(dataset: Any, file: Any) -> np.ndarray:
    """A variable with its axes as MATLAB has them."""
    kind = dataset.attrs.get("MATLAB_class", b"double")
    values = dataset[()]
    if kind == b"char":
        return np.array(["".join(map(chr, row)) for row in np.atleast_2d(values.T)])
    if kind == b"cell":
        return np.array(["".join(map(chr, np.ravel(file[reference][()]))) for reference in values.ravel()])
    return np.asarray(values.T)
