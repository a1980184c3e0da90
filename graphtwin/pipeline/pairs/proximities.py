"""Skeletons in, a table of proximities out: read, discretise, index, ask axon by axon, write."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from graphtwin.artifacts import require_new, write_atomic
from graphtwin.cortex.proximity import MAX_EDGE_NM, RADIUS_NM, Cable, DendriteIndex, Encounters, ask_index, in_order
from graphtwin.sources.loaders import skeletons

log = logging.getLogger("graphtwin")

Unit = tuple[float, float, float]
BUFFERED_ROWS = 100_000  # rows held in memory between two writes


@dataclass
class Summary:
    """Numbers of what went through, counted as it goes.

    Attributes:
        n_axons, n_dendrites: Number of skeletons of axons and of dendrites.
        n_pairs, n_proximal: Number of rows written, and of those within the radius.
        axons_in_pieces, dendrites_in_pieces: Nucleus ids of the skeletons that have gaps, each to its number of pieces.
    """

    n_axons: int
    n_dendrites: int
    n_pairs: int = 0
    n_proximal: int = 0
    axons_in_pieces: dict[int, int] = field(default_factory=dict)
    dendrites_in_pieces: dict[int, int] = field(default_factory=dict)

    def count(self, axon: int, n_pieces: int, l_d_um: np.ndarray) -> None:
        """Add an axon and its rows to the counts."""
        self.n_pairs += len(l_d_um)
        self.n_proximal += int((l_d_um > 0).sum())
        if n_pieces > 1:
            self.axons_in_pieces[axon] = n_pieces


def write_proximities(
    axons: Sequence[str | Path],
    dendrites: Sequence[str | Path],
    out: Path,
    radius_nm: int | None = None,
    max_edge_nm: float | None = None,
    nm_per_unit: Unit | None = None,
    index_file: Path | None = None,
    vertices_out: Path | None = None,
    all_pairs: bool = False,
    workers: int = 1,
    force: bool = False,
) -> Summary:
    """Write one row a pair of an axon and a dendrite that come close, in the order of their nucleus ids; files appear whole or not at all.

    Args:
        axons: Skeletons of axons: files, folders or precomputed volumes, as `skeletons.find_skeletons` takes them.
        dendrites: Skeletons of dendrites, named like those of axons; empty where an index that exists has them.
        out: A .parquet or .csv of pre_nucleus_id, post_nucleus_id, l_d_um, axon_length_um, min_distance_um.
        radius_nm: The largest distance of two proximal points; None takes that of the index, or 5000.
        max_edge_nm: The longest edge that stays whole; None takes that of the index, or 1000.
        nm_per_unit: Length of one unit along x, y and z, nm, of files that do not declare it; None refuses these.
        index_file: Index of the dendrites: read if it is there, written if not.
        vertices_out: A .parquet or .csv for the proximal points.
        all_pairs: Whether pairs without proximity are written too.
        workers: Number of threads.
        force: Whether the two tables may be replaced where they are there.
    """
    from graphtwin.progress import tqdm

    given = [path for path in (out, vertices_out, index_file) if path is not None]
    if len({path.absolute() for path in given}) < len(given):
        raise ValueError(f"{', '.join(map(str, given))}: pairs, proximal points and index go to files of their own. Name each another.")
    for path in (out, vertices_out):
        if path is not None:
            require_new(path, force=force)
    places = skeletons.find_skeletons(axons)
    if not places:
        raise ValueError("no axons: give at least one skeleton.")
    index, gaps = _index(dendrites, index_file, radius_nm, max_edge_nm, nm_per_unit, workers)
    summary = Summary(len(places), len(index.nucleus_id), dendrites_in_pieces=gaps)
    ask = ask_index(index, all_pairs, vertices_out is not None)

    def answer(skeleton: skeletons.Skeleton) -> tuple[Cable, int, Encounters]:
        cable = _cable(skeleton, index.max_edge_nm)
        return cable, cable.n_pieces, ask(cable)

    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    with _table(out) as append, _table(vertices_out) as append_vertices:
        answers = in_order(answer, skeletons.read_skeleton(places, "axon", nm_per_unit), workers)
        for cable, n_pieces, found in tqdm(answers, total=len(places), desc="axons", unit="axon"):
            append(found.columns())
            append_vertices(found.vertices)
            summary.count(cable.nucleus_id, n_pieces, found.l_d_um)
            low, high = np.minimum(low, cable.points_nm.min(axis=0)), np.maximum(high, cable.points_nm.max(axis=0))
    _warn(summary, low / 1000, high / 1000, index)
    return summary


def _index(
    dendrites: Sequence[str | Path],
    file: Path | None,
    radius_nm: int | None,
    max_edge_nm: float | None,
    nm_per_unit: Unit | None,
    workers: int,
) -> tuple[DendriteIndex, dict[int, int]]:
    """The index of the dendrites, read from its file or built (and written there), and which dendrites have gaps where it was built."""
    from graphtwin.progress import tqdm

    if not dendrites and file is None:
        raise ValueError("no dendrites: give --dendrites, or --index with an index that was written before.")
    places = skeletons.find_skeletons(dendrites)
    fingerprint = _fingerprint(places, nm_per_unit)
    if file is not None and (file.exists() or not dendrites):
        index = DendriteIndex.load(file)
        _require_same(index, file, fingerprint if dendrites else index.fingerprint, radius_nm, max_edge_nm)
        return index, {}
    max_edge_nm = MAX_EDGE_NM if max_edge_nm is None else max_edge_nm
    cables, gaps = [], {}
    work = in_order(lambda skeleton: _cable(skeleton, max_edge_nm), skeletons.read_skeleton(places, "dendrite", nm_per_unit), workers)
    for cable in tqdm(work, total=len(places), desc="dendrites", unit="dendrite"):
        cables.append(cable)
        if cable.n_pieces > 1:
            gaps[cable.nucleus_id] = cable.n_pieces
    index = DendriteIndex.build(cables, RADIUS_NM if radius_nm is None else radius_nm, max_edge_nm, fingerprint)
    if file is not None:
        index.save(file)
    return index, gaps


def _cable(skeleton: skeletons.Skeleton, max_edge_nm: float) -> Cable:
    """Discretise a skeleton; an error names where it came from."""
    try:
        return Cable.from_skeleton(skeleton.nucleus_id, skeleton.vertices_nm, skeleton.edges, max_edge_nm)
    except ValueError as error:
        raise ValueError(f"{skeleton.origin}: {error}") from error


def _fingerprint(places: list[skeletons.Place], nm_per_unit: Unit | None) -> str:
    """A hash that tells which skeletons an index is made from: ids, sizes and times of files, and their unit."""
    files = [(place.nucleus_id, Path(place.where)) for place in places]
    stats = [(number, file.stat().st_size, file.stat().st_mtime_ns) if file.is_file() else (number, str(file)) for number, file in files]
    return hashlib.sha256(json.dumps([stats, nm_per_unit]).encode()).hexdigest()


def _require_same(index: DendriteIndex, file: Path, fingerprint: str, radius_nm: int | None, max_edge_nm: float | None) -> None:
    """Raise when an index was made from other dendrites or with other settings than those asked for now."""
    both = {"radius_nm": (index.radius_nm, radius_nm), "max_edge_nm": (index.max_edge_nm, max_edge_nm)}
    other = [f"{name} {has} instead of {wanted}" for name, (has, wanted) in both.items() if wanted not in (None, has)]
    if index.fingerprint != fingerprint:
        other.append("dendrites (their ids, files or unit) other than those given")
    if other:
        raise ValueError(
            f"{file}: this index of {len(index.nucleus_id)} dendrites has {' and '.join(other)}. Remove it to build it again, or leave out "
            "what it already has."
        )


@contextmanager
def _table(path: Path | None) -> Iterator[Callable[[dict[str, np.ndarray] | None], None]]:
    """A function that appends columns to a table; the file takes its name when the block ends well.

    Until then the rows are in a file without a name, so that nothing is left of a process that was killed.
    """
    if path is None:
        yield lambda columns: None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent) as unnamed:
        rows = _Rows(unnamed, path.suffix)
        yield rows.append
        rows.close()
        unnamed.seek(0)
        write_atomic(path, lambda temporary: _copy(unnamed, temporary))


def _copy(unnamed: IO[bytes], path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(unnamed, file)


class _Rows:
    """Columns written as Parquet or CSV to an open file, many axons at a time."""

    def __init__(self, file: IO[bytes], suffix: str):
        self.file, self.suffix = file, suffix
        self.waiting: list[Any] = []
        self.n_waiting = 0
        self.writer: Any = None

    def append(self, columns: dict[str, np.ndarray] | None) -> None:
        """Take some rows, and write when they are many."""
        assert columns is not None
        self.waiting.append(_arrow_table(columns))
        self.n_waiting += self.waiting[-1].num_rows
        if self.n_waiting > BUFFERED_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait."""
        import pyarrow as arrow
        from pyarrow import csv, parquet

        if not self.waiting:
            return
        table = arrow.concat_tables(self.waiting)
        if self.writer is None and self.suffix == ".csv":
            self.file.write((",".join(table.column_names) + "\n").encode())
            self.writer = csv.CSVWriter(self.file, table.schema, write_options=csv.WriteOptions(include_header=False))
        elif self.writer is None:
            self.writer = parquet.ParquetWriter(self.file, table.schema)
        self.writer.write_table(table)
        self.waiting, self.n_waiting = [], 0

    def close(self) -> None:
        """Write the rows that are left, and end the file."""
        self.flush()
        self.writer.close()


def _arrow_table(columns: dict[str, np.ndarray]) -> Any:
    """Columns as an Arrow table, made of their buffers: pyarrow's own conversion would import pandas, half a second for a small job."""
    import pyarrow as arrow

    arrays = [
        arrow.array(values.tolist(), arrow.string())
        if values.dtype.kind == "U"
        else arrow.Array.from_buffers(
            arrow.from_numpy_dtype(values.dtype), len(values), [None, arrow.py_buffer(np.ascontiguousarray(values))]
        )
        for values in columns.values()
    ]
    return arrow.Table.from_arrays(arrays, names=list(columns))


def _warn(summary: Summary, low: np.ndarray, high: np.ndarray, index: DendriteIndex) -> None:
    """Warn of what a reader of the table should know; `low` and `high` are corners of the box around all axons, um."""
    for side, gaps, n in (
        ("axons", summary.axons_in_pieces, summary.n_axons),
        ("dendrites", summary.dendrites_in_pieces, summary.n_dendrites),
    ):
        if gaps:
            worst = max(gaps, key=lambda number: gaps[number])
            log.warning("%d of %d %s are in pieces, nucleus %d in %d; all pieces count.", len(gaps), n, side, worst, gaps[worst])
    if summary.n_proximal == 0:
        inner, outer = index.pool.low.min(axis=0) / 1000, index.pool.high.max(axis=0) / 1000
        log.warning(
            "no pair within %d nm. Axons lie at %s to %s um, dendrites at %s to %s um: are both in nm, and in the same frame?",
            *(index.radius_nm, *(np.round(corner).astype(int).tolist() for corner in (low, high, inner, outer))),
        )
