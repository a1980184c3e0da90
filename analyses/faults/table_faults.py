"""Faults of tables as CAVE exports them, by code that shares nothing with the checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

Rng = np.random.Generator


def edit(folder: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = folder / "tables" / f"{name}.parquet"
    table = pd.read_parquet(path)
    path.unlink()
    change(table).to_parquet(path)


def rounded_ids(folder: Path, rng: Rng) -> None:
    """Root ids that went through a spreadsheet or a float."""
    name = str(rng.choice(["nucleus_detection_v0", "coregistration_manual_v3", "somata"]))
    by = int(rng.choice([128, 1000]))
    edit(folder, name, lambda table: table.assign(pt_root_id=table["pt_root_id"] // by * by))


def swapped_sessions(folder: Path, rng: Rng) -> None:
    """Session and scan exchanged."""
    name = str(rng.choice(["direction_responses", "area_membership"]))
    edit(folder, name, lambda table: table.rename(columns={"session": "scan_idx", "scan_idx": "session"}))


def impossible_depths(folder: Path, rng: Rng) -> None:
    """Scans at depths where there is no tissue: all tables of places moved down, or one scan of the coregistration."""
    by = int(rng.choice([-1, 1]) * rng.uniform(2500, 6000) * 1000 / 4)
    if rng.random() < 0.5:
        for path in (folder / "tables").glob("*.parquet"):
            table = pd.read_parquet(path)
            columns = [column for column in table if str(column).endswith("pt_position_y")]
            edit(folder, path.stem, lambda table, columns=columns: table.assign(**{column: table[column] + by for column in columns}))
        return
    for name in ("coregistration_manual_v3", "functional_coreg"):
        edit(
            folder,
            name,
            lambda table: table.assign(pt_position_y=table["pt_position_y"] + by * (table["session"] == table["session"].max())),
        )


def other_unit(folder: Path, rng: Rng) -> None:
    """Positions of one table in nanometres, or in micrometres."""
    name, nm = str(rng.choice(["nucleus_detection_v0", "coregistration_manual_v3", "somata"])), rng.random() < 0.5
    sizes = {"x": 4, "y": 4, "z": 40}
    columns = {f"pt_position_{axis}": size if nm else size / 1000 for axis, size in sizes.items()}
    edit(folder, name, lambda table: table.assign(**{column: table[column] * by for column, by in columns.items()}))


def synapses_outside(folder: Path, rng: Rng) -> None:
    """Synapses of another volume among those of this one."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        rows = rng.random(len(table)) < 0.1
        columns = [column for column in table if "_pt_position_" in str(column)]
        by = rng.choice([-1, 1]) * rng.integers(400000, 900000)
        return table.assign(**{column: table[column] + by * rows for column in columns})

    edit(folder, "synapses_pni_2", change)


def superseded_rows(folder: Path, rng: Rng) -> None:
    """Rows that others took the place of, still in the table."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        rows = table[rng.random(len(table)) < 0.1]
        new = rows.assign(id=rows["id"] + 10_000_000)
        replaced = pd.Series(0, index=table.index)
        replaced[rows.index] = new["id"].to_numpy()
        return pd.concat([table.assign(superceded_id=replaced), new.assign(superceded_id=0)], ignore_index=True)

    edit(folder, "nucleus_detection_v0", change)


TABLES = {one.__name__: one for one in (rounded_ids, swapped_sessions, impossible_depths, other_unit, synapses_outside, superseded_rows)}
