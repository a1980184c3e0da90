"""Faults of table files that the house's columns do not carry: places of synapses, rows that others took the place of, rows twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.checks.finding import Finding, some
from graphtwin.config import read_toml
from graphtwin.sources.formats import read_file

PLACES = ("pre_pt_position", "ctr_pt_position", "post_pt_position")
REPLACED = ("superceded_id", "superseded_id")
# Axons and dendrites reach beyond the somata of a table: by so much of its width on each side.
REACH = 0.5
OUTSIDE = 0.01  # share of synapses beyond it from which they are not of this tissue
NM = {"x": 4.0, "y": 4.0, "z": 40.0}


def check_files(toml: Path) -> list[Finding]:
    """What is wrong with the files of a TOML as they are, before they are renamed, selected and moved to the pia frame."""
    try:
        given = read_toml(toml)
        entries = [
            entry for entry in given.get("tables", []) if isinstance(entry, dict) and (toml.parent / str(entry.get("file"))).is_file()
        ]
        raw = {str(entry["file"]): (str(entry.get("role", "")), read_file(toml.parent / str(entry["file"]))) for entry in entries}
    except (ValueError, OSError):
        return []  # the loader says so
    found = replaced_rows(raw) + repeated_rows(raw)
    return found + synapses_outside(raw, {str(entry["file"]): entry.get("voxel_nm") for entry in entries})


def replaced_rows(raw: dict[str, tuple[str, pd.DataFrame]]) -> list[Finding]:
    """Rows that are not valid, or that another row took the place of."""
    found = []
    for file, (_, table) in raw.items():
        gone = np.zeros(len(table), dtype=bool)
        for name in [name for name in REPLACED if name in table]:
            gone |= table[name].map(lambda value: not pd.isna(value) and str(value).strip() not in ("", "0", "0.0")).to_numpy(dtype=bool)
        for name in [name for name in ("valid", "is_valid", "valid_ref") if name in table]:
            gone |= table[name].map(lambda value: str(value).strip().lower() in ("f", "false", "0", "0.0")).to_numpy(dtype=bool)
        if gone.any():
            found.append(
                Finding(
                    "rows that are not valid",
                    "warning",
                    f"{int(gone.sum())} of {len(table)} rows are not valid, or another took their place",
                    f"{file}, rows {some(np.flatnonzero(gone).tolist())}",
                    "certain: the table says so itself",
                    "none here: they are left out; elsewhere a cell is counted twice, or at a place it no longer has",
                    "export valid rows alone",
                )
            )
    return found


def repeated_rows(raw: dict[str, tuple[str, pd.DataFrame]]) -> list[Finding]:
    """Synapses that are listed twice under different ids."""
    found = []
    for file, (role, table) in raw.items():
        columns = [name for name in table if name not in ("id", "synapse_id", "created", "valid", *REPLACED)]
        if role != "synapse_list" or not any(str(name).startswith("ctr_pt_position") for name in columns):
            continue
        twice = table[columns].astype(str).duplicated()
        if twice.any():
            found.append(
                Finding(
                    "rows listed twice",
                    "fault",
                    f"{int(twice.sum())} of {len(table)} synapses are listed twice under two ids",
                    f"{file}, rows {some(np.flatnonzero(twice).tolist())}",
                    "certain: both sides, place and size are equal",
                    "numbers of synapses are too high",
                    "drop the copies",
                )
            )
    return found


def synapses_outside(raw: dict[str, tuple[str, pd.DataFrame]], voxel_nm: dict[str, object]) -> list[Finding]:
    """Synapses that lie where no cell of any table is, and synapses whose two sides lie far apart."""
    found: list[Finding] = []
    cells = [_places(table, "pt_position") for file, (role, table) in raw.items() if role != "proofreading" and voxel_nm.get(file) is None]
    known = np.concatenate([one for one in cells if one is not None] or [np.zeros((0, 3))])
    known = known[np.isfinite(known).all(1)]
    for file, (_, table) in raw.items():
        sides = {name: place for name in PLACES if (place := _places(table, name)) is not None}
        if len(known) >= 20 and voxel_nm.get(file) is None:
            low, high = np.quantile(known, [0.005, 0.995], axis=0)
            reach = REACH * (high - low)
            for name, place in sides.items():
                outside = ~((place >= low - reach) & (place <= high + reach)).all(1)
                if outside.mean() > OUTSIDE:
                    found.append(
                        Finding(
                            "synapses outside the tissue",
                            "fault",
                            f"{outside.mean():.0%} of {len(place)} synapses lie outside the tissue",
                            f"{file}, column {name}, rows {some(np.flatnonzero(outside).tolist())}",
                            f"cells reach from {np.round(low).tolist()} to {np.round(high).tolist()} voxels, these synapses from "
                            f"{np.round(place[outside].min(0)).tolist()} to {np.round(place[outside].max(0)).tolist()}",
                            "distances along neurites, and which synapse is where, are wrong",
                            "find the unit of these positions, or leave the rows out",
                        )
                    )
                    break
    return found


def _places(table: pd.DataFrame, name: str) -> np.ndarray | None:
    """Positions as stored, split over three columns or in one; None where the table has none."""
    split = [f"{name}_{axis}" for axis in "xyz"]
    if set(split) <= set(table):
        return table[split].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    if name in table:
        triples = [
            np.asarray(value, dtype=np.float64) if isinstance(value, (list, np.ndarray)) and len(value) == 3 else np.full(3, np.nan)
            for value in table[name]
        ]
        return np.array(triples) if triples else None
    return None
