"""A segmentation in, contact areas of its segments out: read box by box, added up, kept on the way, written."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int64

from graphtwin.artifacts import require_new, write_json, write_parquet, write_table
from graphtwin.cortex.em import PAIR, Cutout, add_contacts, areas_um2, block_of, box_of, contacts_in
from graphtwin.sources.loaders import Volume, open_volume, read_roots

MOST_VOXELS = 2**24  # voxels of a box: 128 MiB of ids
PENDING_ROWS = 2_000_000  # rows of boxes that wait before they are added up
KEPT_EVERY = 32  # boxes after which what was found is written, to go on from
log = logging.getLogger("graphtwin")

Chosen = list[Int64[np.ndarray, "_"] | None]  # root ids of axons, and of cells; None for all


def write_contacts(
    volume: str | Path,
    out: Path,
    axons: Path | None = None,
    cells: Path | None = None,
    mip: int = 0,
    least_um2: float = 0.0,
    force: bool = False,
) -> pd.DataFrame:
    """Write a row a pair of segments that touch; a measurement that was stopped goes on where it was, and memory is that of a box.

    Args:
        volume: Path of the segmentation.
        out: A .parquet or .csv of pre_root_id, post_root_id, contact_area_um2, staircase_um2, n_faces. Where neither axons nor cells are
            given each pair stands once, the lower id first.
        axons: Table of the segments that are axons; None takes all.
        cells: Table of the segments that are cells; None takes all.
        mip: Number of the resolution, 0 for the finest.
        least_um2: Area that a pair has at least, um2.
        force: Whether a file that is there may be replaced.

    Returns:
        The table.
    """
    require_new(out, force=force, inputs=(axons, cells))
    opened = open_volume(volume, mip=mip)
    chosen = [None if path is None else read_roots(path) for path in (axons, cells)]
    found = _measured(opened, chosen, Path(f"{out}.work"))
    area, staircase = areas_um2(found, opened.resolution_nm)
    faces = found[["n_x", "n_y", "n_z"]].sum(axis=1).to_numpy()
    table = _directed(found.assign(contact_area_um2=area, staircase_um2=staircase, n_faces=faces), chosen)
    table = table[table["contact_area_um2"] >= least_um2].reset_index(drop=True)
    if table.empty:
        log.warning("%s: no two of the segments touch (of %d contacts in the volume's boxes that were kept).", volume, len(found))
    write_table(table, out)
    shutil.rmtree(f"{out}.work", ignore_errors=True)
    return table


def _measured(volume: Volume, chosen: Chosen, work: Path) -> pd.DataFrame:
    """Contacts of the whole volume, box by box; what is done is kept in a folder from time to time."""
    from graphtwin.progress import tqdm

    block = block_of(volume.resolution_nm)
    box = box_of(volume.chunk, block, MOST_VOXELS)
    boxes = list(volume.boxes(tuple(box.tolist())))
    question = _question(volume, chosen, box)
    done, parts = _kept(work, question)
    for number in tqdm(range(done, len(boxes)), initial=done, total=len(boxes), desc="contacts", unit="box"):
        begin, end = boxes[number]
        overlap = (end < volume.end).astype(np.int64)
        cutout = Cutout(begin, volume.cutout(begin, end + overlap), overlap)
        parts.append(_of_chosen(contacts_in(cutout, volume.resolution_nm, block), chosen))
        if sum(map(len, parts)) > PENDING_ROWS:
            parts = [add_contacts(parts)]
        if (number + 1) % KEPT_EVERY == 0:
            parts = [add_contacts(parts)]
            _keep(work, question, number + 1, parts[0])
    return add_contacts(parts)


def _question(volume: Volume, chosen: Chosen, box: Int64[np.ndarray, " 3"]) -> dict[str, object]:
    """What is measured, in words and numbers that another measurement would not have."""
    ids = ["all" if some is None else hashlib.sha256(np.sort(some).tobytes()).hexdigest() for some in chosen]
    bounds = [volume.begin.tolist(), volume.end.tolist(), volume.resolution_nm.tolist(), box.tolist()]
    return {"volume": volume.path, "axons": ids[0], "cells": ids[1], "bounds": bounds}


def _kept(work: Path, question: dict[str, object]) -> tuple[int, list[pd.DataFrame]]:
    """Number of boxes that an earlier call of the same question measured, and what it found in them."""
    if not (work / "done.json").exists():
        return 0, []
    state = json.loads((work / "done.json").read_text(encoding="utf-8"))
    differing = sorted(name for name in question if state["question"].get(name) != question[name])
    if differing:
        raise ValueError(
            f"{work}: holds {state['boxes']} boxes of another measurement ({', '.join(differing)} differ). Remove the folder, "
            "or ask what was asked before."
        )
    log.info("%s: going on after %d boxes.", work, state["boxes"])
    return int(state["boxes"]), [pd.read_parquet(work / state["file"])]


def _keep(work: Path, question: dict[str, object], boxes: int, found: pd.DataFrame) -> None:
    """Write what was found in some boxes, whole, before the file that names it; then remove the earlier one."""
    work.mkdir(parents=True, exist_ok=True)
    file = work / f"contacts_{boxes}.parquet"
    write_parquet(found, file)
    write_json({"boxes": boxes, "file": file.name, "question": question}, work / "done.json")
    for earlier in work.glob("contacts_*.parquet"):
        if earlier != file:
            earlier.unlink()


def _of_chosen(contacts: pd.DataFrame, chosen: Chosen) -> pd.DataFrame:
    """Contacts of an axon with a cell, whichever of both has the lower id."""
    if all(some is None for some in chosen):
        return contacts
    keep = np.zeros(len(contacts), dtype=bool)
    for axon, cell in _orders():
        keep |= _is_in(contacts[axon], chosen[0]) & _is_in(contacts[cell], chosen[1])
    return contacts[keep]


def _directed(contacts: pd.DataFrame, chosen: Chosen) -> pd.DataFrame:
    """Rows from axon to cell, in both directions where both are both; each pair once where nothing was chosen."""
    columns = ["contact_area_um2", "staircase_um2", "n_faces"]
    parts = []
    for axon, cell in [PAIR] if all(some is None for some in chosen) else _orders():
        rows = contacts[_is_in(contacts[axon], chosen[0]) & _is_in(contacts[cell], chosen[1])]
        parts.append(rows[[axon, cell, *columns]].set_axis(["pre_root_id", "post_root_id", *columns], axis=1))
    return pd.concat(parts, ignore_index=True).sort_values(["pre_root_id", "post_root_id"], ignore_index=True)


def _orders() -> Iterator[list[str]]:
    yield PAIR
    yield PAIR[::-1]


def _is_in(ids: pd.Series, some: Int64[np.ndarray, " ids"] | None) -> np.ndarray:
    return np.ones(len(ids), dtype=bool) if some is None else ids.isin(some).to_numpy()
