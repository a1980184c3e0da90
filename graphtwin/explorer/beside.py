"""What stands beside a run in the explorer's frame: pages of finished folders, and tables of units or neurons, each with whose they are."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.kinds import KINDS, MANIFEST, RUN, require_kind
from graphtwin.report import RunFolder
from graphtwin.schema import UNIT_KEY
from graphtwin.sources.formats import read_file

PAGE = "report.html"  # name of the page of a finished folder
KEYS = (list(UNIT_KEY), ["nucleus_id"])  # keys of a table that can stand beside a run
STAMPS = ("twin_core", "twin")  # columns of the fingerprints of a twin, in the order in which they say that two tables are of one
MOST_COLUMNS = 60  # of a table that is shown
LINKS = re.compile(r'(<a\b[^>]*?)\shref="(?!#)[^"]*"')  # links of our own pages that lead out of them


@dataclass(frozen=True)
class PageBeside:
    """A page that is shown as it is, where its script can reach nothing.

    Attributes:
        title: What the page is, in few words, one of its own among all that stand beside the run.
        says: What the folder says of whose data it is of.
        html: The page, without links that lead out of it.
    """

    title: str
    says: str
    html: str


@dataclass(frozen=True)
class TableBeside:
    """A table of units or neurons.

    Attributes:
        title: Name of the table, one of its own among all that stand beside the run.
        says: What the table is of, and what of it was left out.
        key: Columns that name a row: those of a unit, or nucleus_id.
        rows: Key and numbers, one row a unit or neuron.
    """

    title: str
    says: str
    key: list[str]
    rows: pd.DataFrame


def read_beside(run: RunFolder, further: Sequence[str | Path]) -> list[PageBeside | TableBeside]:
    """The run's own page, and whatever else was asked for, in order.

    Args:
        run: Finished run.
        further: Finished folders that have a page, pages (.html), and tables with session, scan_idx and unit_id, or nucleus_id.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: A folder has no page, or a table has no key, repeats it, or has no number.
    """
    require_kind(run.path, RUN)
    own = run.text(PAGE)
    found: list[PageBeside | TableBeside] = [] if own is None else [PageBeside("Report", "", _without_links(own))]
    titles = [one.title for one in found]
    for path in map(Path, further):
        one = _page_of(run, path) if path.is_dir() else _page(path) if path.suffix.lower() == ".html" else _table(run, path)
        titles.append(one.title)
        again = titles.count(one.title)
        found.append(one if again == 1 else dataclasses.replace(one, title=f"{one.title} ({again})"))
    return found


def _without_links(html: str) -> str:
    return LINKS.sub(r"\1", html)


def _page(path: Path) -> PageBeside:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such page. Give a page that graphtwin wrote, or the folder that it lies in.")
    return PageBeside(
        path.stem, f"{path.name}: nothing in a page by itself says whose data it is of.", _without_links(path.read_text("utf-8"))
    )


def _page_of(run: RunFolder, folder: Path) -> PageBeside:
    """The page of a finished folder of any kind, with whether it was made of what the run was made of, or of the run."""
    kind = require_kind(folder, *KINDS.values())
    page = folder / PAGE
    if not page.is_file():
        raise ValueError(
            f"{folder}: {kind.is_a} without {PAGE}. Draw it first (`graphtwin report {folder}`), or give a table of its units."
        )
    name = folder.resolve().name
    theirs, ours = _inputs(folder), _inputs(run.path)
    if theirs & ours or (kind == RUN and theirs == ours):
        says = f"{name} is {kind.is_a}, made of {len(theirs & ours)} of the files that this run was made of."
    elif theirs & _files(run.path):
        says = f"{name} is {kind.is_a}, made of this run's own files."
    else:
        says = f"{name} is {kind.is_a}. None of its inputs is one of this run's: nothing says that it is of the same volume."
    return PageBeside(f"{kind.name}: {name}", says, _without_links(page.read_text("utf-8")))


def _inputs(folder: Path) -> set[str]:
    """Checksums of what a folder was made of, as its provenance has them."""
    told = RunFolder(folder).json("provenance") or {}
    return {str(one) for one in told.get("inputs", {}).values() if re.fullmatch("[0-9a-f]{64}", str(one))}


def _files(folder: Path) -> set[str]:
    """Checksums of the files of a finished folder."""
    told: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    return {one["sha256"] for one in told.values() if isinstance(one, dict) and "sha256" in one}


def _table(run: RunFolder, path: Path) -> TableBeside:
    table = read_file(path)
    key = next((key for key in KEYS if set(key) <= set(table)), None)
    if key is None:
        raise ValueError(
            f"{path}: a table of {', '.join(map(str, list(table)[:6]))}. Give one with session, scan_idx, unit_id or nucleus_id."
        )
    unnamed = int(table[key].isna().any(axis=1).sum())
    if unnamed:
        raise ValueError(f"{path}: {unnamed} of {len(table)} rows have no {' or no '.join(key)}. Leave them out.")
    if {"quantity", "agreement"} <= set(table):
        table = _agreement(table, key)
    repeated = int(table.duplicated(key).sum())
    if repeated:
        raise ValueError(f"{path}: {repeated} of {len(table)} rows repeat {', '.join(key)}. Give a table with one row a unit or neuron.")
    told = table.select_dtypes(["number", "bool"]).dropna(axis=1, how="all")
    numbers = [name for name in told if name not in (*UNIT_KEY, "nucleus_id")]
    if not numbers:
        raise ValueError(f"{path}: no column of numbers beside {', '.join(key)}. Give a table with something to show.")
    left = [str(name) for name in table if name not in (*numbers[:MOST_COLUMNS], *key)]
    rows = pd.concat([table[key].astype(np.int64), table[numbers[:MOST_COLUMNS]].astype(np.float32)], axis=1)
    says = (
        f"{path.name}: {len(rows):,} row{'s' * (len(rows) != 1)}, one a {'unit' if len(key) > 1 else 'neuron'}.{_of_one_twin(run, table)}"
    )
    return TableBeside(path.stem, says + (f" Left out: {', '.join(left)}." if left else ""), key, rows)


def _agreement(table: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """A row a unit of what `graphtwin twin agree` says of a unit and quantity a row."""
    wide = table.pivot(index=key, columns="quantity", values="agreement")
    return wide.add_prefix("agreement of twins, ").reset_index()


def _of_one_twin(run: RunFolder, table: pd.DataFrame) -> str:
    """Whether the run's embeddings are of the twin that a table is of, where both say which."""
    for stamp in STAMPS:
        if stamp in table and stamp in run.columns("embeddings"):
            ours, theirs = (set(one[stamp].dropna().astype(str)) for one in (run.table("embeddings", [stamp]), table) if one is not None)
            return "" if ours & theirs else " It is of another twin than the run's embeddings."
    return ""
