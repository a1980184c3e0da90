"""Embeddings brought from elsewhere: one table (Parquet, Feather, text), or a matrix `.npy` with a table of ids beside it."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError

import numpy as np
import pandas as pd

from graphtwin.sources.formats import SUFFIXES, read_file, suffix_of


def files(path: str | Path) -> list[Path]:
    """The files that `read_embeddings` reads: the table, or the matrix and the table of ids beside it.

    Args:
        path: Table with embedding_* columns, or matrix `X.npy`.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file. Give a {', '.join(SUFFIXES)} table with embedding_* columns, or an .npy with its ids beside it."
        )
    return [path, _ids_beside(path)] if suffix_of(path) == ".npy" else [path]


def read_embeddings(path: str | Path, ids: str | Path | None = None) -> pd.DataFrame:
    """The table as stored, unchecked against any cortex: `tuning.embeddings.check_embeddings` does that.

    Args:
        path: A table with embedding_* columns, or `X.npy` (units, features), float.
        ids: Table beside an `.npy`, whose row i names the unit (session, scan_idx, unit_id) or nucleus (nucleus_id) of the matrix' row i;
            `X.ids.parquet`, `X.ids.feather`, `X.ids.csv` ... beside `X.npy` by default.
    """
    if ids is None:
        path, *beside = files(path)
        return _read_matrix(path, beside[0]) if beside else read_file(path)
    path = Path(path)
    if suffix_of(path) != ".npy":
        raise ValueError(f"{path}: ids ({ids}) go with an .npy matrix; a {path.suffix} table holds its own.")
    return _read_matrix(path, Path(ids))


def _ids_beside(path: Path) -> Path:
    """The one table beside a matrix that has its name with `.ids` before the suffix, in capitals or not."""
    names = {f"{path.stem}.ids{suffix}".lower() for suffix in SUFFIXES}
    found = sorted(file for file in path.parent.iterdir() if file.name.lower() in names and file.is_file())
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(file.name for file in found)
        raise ValueError(f"{path}: {len(found)} ids tables lie beside it ({listed}). Name the right one.")
    listed = ", ".join(f"{path.stem}.ids{suffix}" for suffix in SUFFIXES)
    raise FileNotFoundError(f"{path}: no ids table beside it. Save which unit each row is as one of {listed}.")


def _read_matrix(path: Path, ids: Path) -> pd.DataFrame:
    """The matrix beside its ids; its vectors keep their precision."""
    matrix, table = _matrix(path), read_file(ids)
    if len(matrix) != len(table):
        raise ValueError(f"{path}: {len(matrix)} rows, but {ids} names {len(table)} units. They must be the same, in the same order.")
    clash = [name for name in table.columns if str(name).startswith("embedding_")]
    if clash:
        raise ValueError(
            f"{ids}: {len(clash)} embedding_* columns in the ids table, first {clash[0]!r}. The vectors come from {path.name} alone."
        )
    vectors = pd.DataFrame(matrix, columns=[f"embedding_{index}" for index in range(matrix.shape[1])])
    return pd.concat([table.reset_index(drop=True), vectors], axis=1)


def _matrix(path: Path) -> np.ndarray:
    """The matrix (units, features) of an .npy file, whose header must promise no more than the file holds."""
    try:
        matrix = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError, SyntaxError, TokenError, TypeError, KeyError, OverflowError, MemoryError) as error:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file.") from error
        raise ValueError(
            f"{path}: {path.stat().st_size} bytes that cannot be read as an .npy of numbers ({' '.join(str(error).split())[:150]}). "
            "The file is cut short or of another format: save it again."
        ) from error
    if matrix.ndim != 2 or matrix.dtype.kind not in "iuf":
        raise ValueError(f"{path}: shape {matrix.shape} of {matrix.dtype}; a matrix (units, features) of numbers is needed.")
    return matrix
