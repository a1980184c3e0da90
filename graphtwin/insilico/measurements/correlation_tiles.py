"""Correlations of all pairs of units, tile by tile: as a matrix on the disk that need not fit memory, or the most alike of each unit.

All pairs of N units over B bins cost N^2 B multiplications, as matrix products of tiles of 2,048 x 2,048 units, each pair once (each twice
for the most alike). Memory holds the unit vectors, 4 N B bytes, and for each process four tiles (67 MB), whatever the N^2 numbers take.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from graphtwin.artifacts import write_atomic
from graphtwin.execute import map_jobs
from graphtwin.progress import tqdm
from graphtwin.told import told_by_fields
from graphtwin.tuning import unit_vectors

TILE = 2048  # units of a side of a tile
Precision = Literal["float32", "float16"]


@runtime_checkable
class Tiles(Protocol):
    """A symmetric matrix of all pairs of units, known piece by piece.

    Attributes:
        n: Number of units.

    Examples:
        >>> tiles = graphtwin.insilico.correlated(np.random.default_rng(0).normal(size=(1, 6, 50)))
        >>> tiles.n, tiles(slice(0, 2), slice(0, 3)).shape
        (6, (2, 3))
    """

    @property
    def n(self) -> int: ...  # noqa: D102

    def __call__(self, rows: slice, columns: slice) -> Float[np.ndarray, "rows columns"]:
        """The numbers of some units with others; NaN where there is none."""


@told_by_fields
@dataclass(frozen=True)
class SignalTiles:
    """Pearson correlations of responses.

    Attributes:
        vectors: Responses as unit vectors, which `correlated` makes; of several members their products' spread is told.
        about_first: Whether that is the root mean square distance of the other members from the first (`Ensemble.first_speaks`), not the
            standard deviation (n - 1) over all.
    """

    vectors: Float[np.ndarray, "members units bins"]
    about_first: bool = False

    @property
    def n(self) -> int:
        """Number of units."""
        return int(self.vectors.shape[1])

    def __call__(self, rows: slice, columns: slice) -> Float[np.ndarray, "rows columns"]:
        """Correlations of one member, NaN for units that do not vary; of several their spread."""
        each = [np.clip(one[rows] @ one[columns].T, -1.0, 1.0) for one in self.vectors]
        if self.about_first:
            return np.asarray(np.sqrt(np.mean([np.square(one - each[0]) for one in each[1:]], axis=0)))
        return np.asarray(each[0] if len(each) == 1 else np.std(each, axis=0, ddof=1))


def correlated(responses: Float[np.ndarray, "*members units bins"], about_first: bool = False) -> SignalTiles:
    """Correlations of the responses of units; the responses are changed into unit vectors where they lie, and nothing is copied.

    Args:
        responses: Responses of one responder, or of several members whose spread is asked for.
        about_first: Whether the spread is that of the others about the first; see `SignalTiles`.

    Examples:
        >>> responses = np.random.default_rng(0).normal(size=(1, 6, 50))  # members x units x bins
        >>> graphtwin.insilico.correlated(responses)(slice(0, 6), slice(0, 6)).shape
        (6, 6)
    """
    flat = responses.reshape(-1, responses.shape[-1])
    for start in range(0, len(flat), TILE):
        flat[start : start + TILE] = unit_vectors(flat[start : start + TILE])
    return SignalTiles(flat.reshape(-1, *responses.shape[-2:]), about_first)


def write_all_pairs(tiles: Tiles, path: str | Path, precision: Precision = "float32", workers: int = 1, progress: bool = False) -> Path:
    """Write the whole symmetric matrix as .npy, of which no more than a few tiles are in memory; it is there as a whole, or not at all.

    Args:
        tiles: The matrix.
        path: File to write. `np.load(path, mmap_mode="r")` reads parts of it.
        precision: Numbers of four bytes, or of two, which are right to .0005.
        workers: Number of processes, each of which writes tiles of its own.
        progress: Show a progress bar.

    Examples:
        >>> tiles = graphtwin.insilico.correlated(np.random.default_rng(0).normal(size=(1, 6, 50)))
        >>> np.load(graphtwin.insilico.write_all_pairs(tiles, "all.npy")).shape
        (6, 6)
    """
    path = Path(path)
    wanted = tiles.n**2 * np.dtype(precision).itemsize
    places = range(0, tiles.n, TILE)
    jobs = [(row, column) for row in places for column in places if column >= row]

    def write(temporary: Path) -> None:
        _reserve(temporary, path, tiles.n, precision, wanted)
        written = map_jobs(_write_tile, jobs, common=(tiles, str(temporary)), workers=workers)
        for _ in tqdm(written, total=len(jobs), desc=path.name, unit="tile", disable=not progress, leave=False):
            pass

    return write_atomic(path, write)


def nearest_units(
    tiles: Tiles, count: int, workers: int = 1, progress: bool = False
) -> tuple[Int[np.ndarray, "units count"], Float[np.ndarray, "units count"]]:
    """For each unit the others of the largest numbers, the largest first; -1 and NaN where there are fewer.

    Args:
        tiles: The matrix, of which a few tiles are in memory.
        count: How many of each unit, at most all others.
        workers: Number of processes.
        progress: Show a progress bar.

    Examples:
        >>> tiles = graphtwin.insilico.correlated(np.random.default_rng(0).normal(size=(1, 6, 50)))
        >>> nearest, correlation = graphtwin.insilico.nearest_units(tiles, count=2)
        >>> nearest.shape
        (6, 2)
    """
    if count < 1:
        raise ValueError(f"neighbours = {count}: give 1 or more.")
    count = min(count, tiles.n - 1)
    jobs = [(start, count) for start in range(0, tiles.n, TILE)]
    found = map_jobs(_nearest_of_rows, jobs, common=(tiles,), workers=workers, in_order=True)
    parts = list(tqdm(found, total=len(jobs), desc="neighbours", unit="strip", disable=not progress, leave=False))
    units, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    return units, values


def _reserve(temporary: Path, path: Path, n: int, precision: Precision, wanted: int) -> None:
    """Take the room of the whole matrix: a disk that is full later would kill the process that writes to its mapped pages."""
    free = shutil.disk_usage(path.parent).free
    if wanted > free:
        raise OSError(
            f"{path}: {n:,} x {n:,} numbers in {precision} take {wanted / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free there. Make "
            "room, give float16 as the precision, or name a .parquet file for the most alike of each unit alone."
        )
    matrix = np.lib.format.open_memmap(temporary, mode="w+", dtype=precision, shape=(n, n))
    del matrix
    if hasattr(os, "posix_fallocate"):
        with temporary.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, temporary.stat().st_size)


def _write_tile(tiles: Tiles, path: str, row: int, column: int) -> None:
    """Write a tile and its mirror image; pages that were written are given back when the map is closed."""
    rows, columns = slice(row, row + TILE), slice(column, column + TILE)
    block = tiles(rows, columns)
    matrix = np.lib.format.open_memmap(path, mode="r+")
    matrix[rows, columns] = block
    if row != column:
        matrix[columns, rows] = block.T


def _nearest_of_rows(tiles: Tiles, start: int, count: int) -> tuple[Int[np.ndarray, "rows count"], Float[np.ndarray, "rows count"]]:
    """The largest numbers of some rows: those of each tile are held against the largest so far."""
    rows = slice(start, min(start + TILE, tiles.n))
    height = rows.stop - rows.start
    units, values = np.full((height, count), -1), np.full((height, count), -np.inf, dtype=np.float32)
    for columns, block in _row_of_tiles(tiles, rows):
        if len(columns) > count:
            best = np.argpartition(-block, count - 1, axis=1)[:, :count]
            block, numbers = np.take_along_axis(block, best, 1), columns[best]
        else:
            numbers = np.broadcast_to(columns, block.shape)
        units, values = np.concatenate([units, numbers], 1), np.concatenate([values, block], 1)
        order = np.lexsort((units, -values), axis=1)[:, :count]
        units, values = np.take_along_axis(units, order, 1), np.take_along_axis(values, order, 1)
    none = np.isneginf(values)
    return np.where(none, -1, units), np.where(none, np.nan, values)


def _row_of_tiles(tiles: Tiles, rows: slice) -> Iterator[tuple[Int[np.ndarray, " columns"], Float[np.ndarray, "rows columns"]]]:
    """Numbers of units and what some rows have with them; -inf for a unit with itself, and where there is none."""
    for first in range(0, tiles.n, TILE):
        columns = np.arange(first, min(first + TILE, tiles.n))
        block = np.asarray(tiles(rows, slice(first, first + TILE)), dtype=np.float32)
        block = np.where(np.isfinite(block), block, -np.inf)
        block[columns[None] == np.arange(rows.start, rows.stop)[:, None]] = -np.inf
        yield columns, block
