"""Embeddings brought from elsewhere: one table (Parquet, Feather, CSV), or a matrix `.npy` with a table of ids beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

TABLES = (".parquet", ".feather", ".csv")  # suffixes of table files


def files(path: str | Path) -> list[Path]:
    """The files that `read_embeddings` reads: the table, or the matrix and the table of ids beside it.

    Args:
        path: Table with embedding_* columns, or matrix `X.npy`.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file. Give a {', '.join(TABLES)} table with embedding_* columns, or an .npy with its ids beside it."
        )
    return [path, _ids_beside(path)] if path.suffix == ".npy" else [path]


def read_embeddings(path: str | Path, ids: str | Path | None = None) -> pd.DataFrame:
    """The table as stored, unchecked against any cortex: `tuning.embeddings.check_embeddings` does that.

    Args:
        path: A table with embedding_* columns, or `X.npy` (units, features), float.
        ids: Table beside an `.npy`, whose row i names the unit (session, scan_idx, unit_id) or nucleus (nucleus_id) of the matrix' row i;
            `X.ids.parquet`, `X.ids.feather` or `X.ids.csv` beside `X.npy` by default.
    """
    if ids is None:
        path, *beside = files(path)
        return _read_matrix(path, beside[0]) if beside else _read_table(path)
    path = Path(path)
    if path.suffix != ".npy":
        raise ValueError(f"{path}: ids ({ids}) go with an .npy matrix; a {path.suffix} table holds its own.")
    return _read_matrix(path, Path(ids))


def _read_table(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".feather":
        return pd.read_feather(path)
    if path.suffix == ".csv":
        return pd.read_csv(path)
    raise ValueError(f"{path}: {path.suffix or 'no suffix'} is not a table this reads. Save it as one of {', '.join(TABLES)}.")


def _ids_beside(path: Path) -> Path:
    candidates = [path.with_name(f"{path.stem}.ids{suffix}") for suffix in TABLES]
    found = [candidate for candidate in candidates if candidate.is_file()]
    if len(found) == 1:
        return found[0]
    names = ", ".join(candidate.name for candidate in found or candidates)
    if found:
        raise ValueError(f"{path}: {len(found)} ids tables lie beside it ({names}). Name the right one.")
    raise FileNotFoundError(f"{path}: no ids table beside it. Save which unit each row is as one of {names}.")


def _read_matrix(path: Path, ids: Path) -> pd.DataFrame:
    matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    table = _read_table(ids)
    if matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.number):
        raise ValueError(f"{path}: shape {matrix.shape} of {matrix.dtype}; a matrix (units, features) of numbers is needed.")
    if len(matrix) != len(table):
        raise ValueError(f"{path}: {len(matrix)} rows, but {ids} names {len(table)} units. They must be the same, in the same order.")
    clash = [name for name in table.columns if str(name).startswith("embedding_")]
    if clash:
        raise ValueError(
            f"{ids}: {len(clash)} embedding_* columns in the ids table, first {clash[0]!r}. The vectors come from {path.name} alone."
        )
    vectors = pd.DataFrame(np.asarray(matrix), columns=[f"embedding_{index}" for index in range(matrix.shape[1])])
    return pd.concat([table.reset_index(drop=True), vectors], axis=1)
