"""Which neurons, axons, scans or blocks of tissue are held out together.

A fold is a function of an id and a seed, never of the row it stands in: the same axon is held out in every materialization, and adding rows
moves nobody. Fold -1 means: on no side, to be left out and counted.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped

from graphtwin.execute import rng_for

TILE_NEURONS = 300  # neurons in a tile of tissue, which are resampled together: a choice, by which the tiles of minnie65 are 100 um wide
FEWEST_TILES = 20  # tiles that a small source is cut into, so that there is something to resample
TILE_SIDES_UM = tuple(step * 10.0**power for power in range(4) for step in (1.0, 2.0, 5.0))  # sides that a tile may have, um


def hashed_order(ids: Int[np.ndarray, " rows"], seed: int, name: str) -> Shaped[np.ndarray, " rows"]:
    """A uniform 64-bit number for each id, the same wherever the id occurs. Source: splitmix64, Steele et al. 2014."""
    key = rng_for(seed, "split", name).integers(0, 2**63, dtype=np.uint64)
    z = (ids.astype(np.uint64) ^ key) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def folds_by_axon(pre_nucleus_id: Int[np.ndarray, " pairs"], n_folds: int, seed: int) -> Int[np.ndarray, " pairs"]:
    """Fold of each pair, one for all pairs of an axon and the same in every table that names the axon."""
    _check_folds(n_folds)
    return (hashed_order(pre_nucleus_id, seed, "axon") % np.uint64(n_folds)).astype(np.int64)


def folds_by_neuron(
    nucleus_id: Int[np.ndarray, " rows"], n_folds: int, seed: int, label: Shaped[np.ndarray, " rows"] | None = None
) -> Int[np.ndarray, " rows"]:
    """Fold of each neuron; with labels, every fold gets its share of every label (a missing label is a label of its own).

    A neuron that fills several rows is in one fold; its first label by sorted id and label counts.
    """
    _check_folds(n_folds)
    hashed = hashed_order(nucleus_id, seed, "neuron")
    if label is None:
        return (hashed % np.uint64(n_folds)).astype(np.int64)
    code, labels = pd.factorize(np.asarray(label, dtype=object))
    names = np.array([*map(str, labels), ""], dtype=object)[code]  # the last one is that of a missing label, whose code is -1
    first = np.lexsort((names.astype(str), nucleus_id))
    ids, where = np.unique(nucleus_id[first], return_index=True)
    chosen = first[where]
    fold_of_id = np.empty(len(ids), dtype=np.int64)
    for name in np.unique(names[chosen].astype(str)):
        members = np.flatnonzero(names[chosen] == name)
        start = int(hashed_order(_text_key(name), seed, "label")[0] % np.uint64(n_folds))  # small classes do not all start at fold 0
        fold_of_id[members[np.argsort(hashed[chosen][members])]] = (start + np.arange(len(members))) % n_folds
    return fold_of_id[np.searchsorted(ids, nucleus_id)]


def folds_by_scan(
    session: Int[np.ndarray, " rows"], scan_idx: Int[np.ndarray, " rows"], n_folds: int, seed: int
) -> Int[np.ndarray, " rows"]:
    """Fold of each unit, one for a whole scan; as many folds as scans leaves one scan out at a time."""
    _check_folds(n_folds)
    scans, row = np.unique(np.stack([session, scan_idx], axis=1), axis=0, return_inverse=True)
    if len(scans) < n_folds:
        raise ValueError(f"splits: {len(scans)} scans cannot fill {n_folds} folds. Ask for at most {len(scans)} folds by scan.")
    fold_of_scan = np.empty(len(scans), dtype=np.int64)
    drawn = hashed_order(scans[:, 0].astype(np.int64) * 1000 + scans[:, 1], seed, "scan")
    fold_of_scan[np.argsort(drawn, kind="stable")] = np.arange(len(scans)) % n_folds
    return fold_of_scan[row.ravel()]


def folds_by_block(position: Float[np.ndarray, "rows axes"], n_folds: int) -> Int[np.ndarray, " rows"]:
    """Block of tissue each neuron lies in, cut along the axes given so that each holds as many neurons; -1 where unknown.

    The widest side is cut first, again and again, until there are `n_folds` blocks. Nothing is random.

    Args:
        position: Position of each neuron along the axes that are cut, um: in cortex those beside depth, so that blocks are columns.
        n_folds: Number of blocks.
    """
    _check_folds(n_folds)
    fold = np.full(len(position), -1, dtype=np.int64)
    known = np.flatnonzero(np.isfinite(position).all(axis=1))
    _cut(position, known, n_folds, 0, fold)
    return fold


def tiles(position: Float[np.ndarray, "rows axes"], side_um: float) -> Int[np.ndarray, " rows"]:
    """Square or cube of tissue each neuron lies in: neurons of one tile are no independent draws. -1 where the place is unknown.

    Args:
        position: Position of each neuron along the axes that are cut, um.
        side_um: Side of a tile, um, as `tile_side_um` chooses it.
    """
    known = np.isfinite(position).all(axis=1)
    tile = np.full(len(position), -1, dtype=np.int64)
    tile[known] = np.unique(np.floor(position[known] / side_um), axis=0, return_inverse=True)[1].ravel()
    return tile


def tile_side_um(position: Float[np.ndarray, "rows axes"]) -> float:
    """Side of a tile (um; 1, 2 or 5 times a power of ten) with about `TILE_NEURONS` neurons in it, or a twentieth of all if less.

    Args:
        position: Position of each neuron of a study along the axes that are cut, um; NaN where unknown.
    """
    known = position[np.isfinite(position).all(axis=1)]
    wanted = max(min(TILE_NEURONS, len(known) / FEWEST_TILES), 1.0)
    held = [len(known) / max(tiles(known, side).max(initial=0) + 1, 1) for side in TILE_SIDES_UM]
    return TILE_SIDES_UM[int(np.argmin(np.abs(np.log(np.maximum(held, 1.0) / wanted))))]


def _cut(position: np.ndarray, members: np.ndarray, n_parts: int, first_fold: int, fold: np.ndarray) -> None:
    """Give `members` the folds first_fold .. first_fold + n_parts - 1, cutting the widest side in proportion."""
    if n_parts == 1 or len(members) == 0:
        fold[members] = first_fold
        return
    axis = int(np.argmax(np.ptp(position[members], axis=0)))
    n_low = n_parts // 2
    border = np.quantile(position[members, axis], n_low / n_parts)
    low = position[members, axis] <= border
    _cut(position, members[low], n_low, first_fold, fold)
    _cut(position, members[~low], n_parts - n_low, first_fold + n_low, fold)


def _text_key(text: str) -> np.ndarray:
    digest = hashlib.sha256(text.encode()).digest()
    return np.array([int.from_bytes(digest[:7], "little")], dtype=np.int64)


def _check_folds(n_folds: int) -> None:
    if n_folds < 2:
        raise ValueError(f"splits: {n_folds} folds asked for; a held-out side needs at least 2.")
