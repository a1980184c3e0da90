"""The run folder as the report reads it: every piece may be absent, and then the reader says None."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from graphtwin.folders import WORK
from graphtwin.kinds import MANIFEST
from graphtwin.schema import AXES, DEPTH
from graphtwin.sources.formats import L_D, ExposureNames

KNOWN_COLUMNS = [
    "pre_nucleus_id",
    "post_nucleus_id",
    "connected",
    "size",
    "fold",
    "distance_um",
    "pair_exposure",
]  # of a table of predicted pairs, whose others are models
SUFFIXES = (".parquet", ".csv", ".json", ".toml", ".pt")  # endings of the files of a run that the page lists


@dataclass(frozen=True)
class RunFolder:
    """A finished run on disk.

    Attributes:
        exposure: How its tables call what synapses are proportional to; they are read as those of L_d.
    """

    path: Path
    exposure: ExposureNames = L_D

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """The run folder at a path, which must exist."""
        path = Path(path)
        if not path.is_dir():
            raise FileNotFoundError(f"{path}: no such run folder. Give the folder that `graphtwin run --out` wrote.")
        return cls(path)

    def table(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
        """`<name>.parquet` as a frame, None when it is not there or holds no row.

        Args:
            name: Path inside the folder without its suffix, such as `predictions/layer`.
            columns: Names of the columns to read; all by default.
        """
        file = self.path / f"{name}.parquet"
        if not file.is_file():
            return None
        frame = pd.read_parquet(file, columns=None if columns is None else list(columns))
        return None if frame.empty else self.exposure.back(frame)

    def columns(self, name: str) -> list[str]:
        """The columns of `<name>.parquet`, none when it is not there."""
        file = self.path / f"{name}.parquet"
        return list(pq.read_schema(file).names) if file.is_file() else []

    def json(self, name: str) -> Any:
        """`<name>.json`, None when it is not there."""
        file = self.path / f"{name}.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None

    def text(self, name: str) -> str | None:
        """A text file, None when it is not there."""
        file = self.path / name
        return file.read_text(encoding="utf-8") if file.is_file() else None

    def axes(self) -> tuple[str, ...]:
        """Names of the three axes of positions."""
        table = self.table("tables/axes")
        return AXES if table is None else tuple(table["axis"])

    def places(self) -> list[str]:
        """Tasks of position that verdicts and figures are about: depth where there is one, else every axis."""
        return [DEPTH] if DEPTH in self.axes() else list(self.axes())

    def lacks(self, what: str) -> bool:
        """Whether metrics.json says that the source has no such thing: "function", or "connectivity" of what is not wired."""
        return "skipped" in (self.json("metrics") or {}).get(what, {})

    def files(self) -> list[tuple[str, int]]:
        """Tables, settings and weights of the run as (path inside the folder, bytes), sorted; pieces of work and manifests are left out."""
        every = [file for file in self.path.rglob("*") if file.suffix in SUFFIXES and file.is_file() and file.name != MANIFEST]
        found = [file for file in every if not any(part == WORK or part.startswith(".") for part in file.relative_to(self.path).parts)]
        return sorted((file.relative_to(self.path).as_posix(), file.stat().st_size) for file in found)
