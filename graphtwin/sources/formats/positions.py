"""Positions as files have them: how they are written, how many nm their unit is, and whether they can lie in tissue."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped

from graphtwin import schema

STAMP = "dataframe_resolution"  # attribute that CAVEclient leaves on a frame: nm a unit of its positions along x, y and z
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|nan", re.IGNORECASE)

FARTHEST_UM = 2e4  # distance from 0 that no position in a volume has: a mouse brain is 13 mm long
CORNER_UM = 10.0  # a diameter of a soma: no volume has all its cells within one of its corner
CLOSEST_UM = 1.0  # nuclei do not lie nearer to one another: half have a neighbour so near only where the unit is wrong
MANY = 10  # cells from which on their distances are judged
ENOUGH = 10_000  # cells whose nearest neighbours are looked up
FEW = 4  # different places from which on it is no chance that all are multiples of a voxel's edge in nm

SOMA_UM, AROUND_UM = 5.0, 15.0  # centres of somata lie at least so far apart; others are counted within this distance of each
EXPECTED = 8.0  # pairs within a soma's width that chance would make, from which on their absence says that these are the places of somata
SELDOM = 0.1  # of such pairs: the most that somata make (centres that were split in two), 0.003 in minnie65
PIXELS_NM = (4, 6, 8, 16, 32, 64)  # edges of pixels of EM volumes, and of coarser ones made of them
SECTIONS_NM = (29, 30, 33, 35, 40, 45, 50)  # thicknesses of sections
SURE = 8  # different places along an axis from which on their common divisor is that of the volume

Edges = tuple[float, float, float]  # edges of a voxel along x, y and z, nm


@dataclass(frozen=True)
class Stated:
    """Edges of a voxel along x, y and z, nm, where they are stated for one table, and for all tables of a source."""

    of_table: Edges | None = None
    of_frame: Edges | None = None


def with_points(table: pd.DataFrame, name: str, origin: str) -> pd.DataFrame:
    """The table with the three columns of a point as float64, from three columns or from one of triples; as it is where it has neither.

    Args:
        table: A table with `name`_x, `name`_y and `name`_z; or with `name`, whose cells are arrays, lists, or text such as "[1 2 3]".
        name: CAVE's name of the point, such as pt_position.
        origin: Name of the file, for errors.
    """
    columns = [f"{name}_{axis}" for axis in "xyz"]
    if name in table and not set(columns) & set(table):
        triples = [_triple(value) for value in table[name]]
        wrong = [triple is None for triple in triples]
        if any(wrong):
            raise ValueError(
                f"{origin}: {sum(wrong)} of {len(table)} values of {name} are not three numbers, "
                f"first {str(table[name].iloc[wrong.index(True)])[:60]!r}. Export it split in x, y, z."
            )
        return table.assign(**dict(zip(columns, np.array(triples, dtype=np.float64).T, strict=True)))
    present = [column for column in columns if column in table]
    return table.assign(**{column: schema.as_numbers(table[column], f"{origin}, column {column}") for column in present})


def _triple(value: object) -> list[float] | None:
    """The numbers of one point; three NaN where it is unknown, None where they are not three numbers."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return [np.nan] * 3
    if isinstance(value, str):
        parts = value.strip("[](){} \n").replace(",", " ").split()
        if len(parts) not in (0, 3) or not all(NUMBER.fullmatch(part) for part in parts):
            return None
        return [float(part) for part in parts] or [np.nan] * 3
    try:
        numbers = np.asarray(value, dtype=np.float64).ravel().tolist()
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == 3 else None


def edges_of(table: pd.DataFrame, stated: Stated, usual: Edges, origin: str) -> tuple[Edges, bool]:
    """Nanometres that a unit of the table's positions is along x, y and z, and whether anything states it.

    Args:
        table: A table; CAVEclient leaves the resolution of its positions in the frame's attributes, which Parquet and Feather keep.
        stated: What the source states.
        usual: The edges to take where nothing states any.
        origin: Name of the file, for errors.

    Raises:
        ValueError: The file and the source state different edges, and nothing says which of them this table has.
    """
    stamp = table.attrs.get(STAMP)
    stamped = None
    if isinstance(stamp, list | tuple | np.ndarray) and len(stamp) == 3:
        numbers = pd.to_numeric(pd.Series(list(stamp)), errors="coerce").to_numpy(np.float64)
        stamped = (float(numbers[0]), float(numbers[1]), float(numbers[2])) if (numbers > 0).all() and np.isfinite(numbers).all() else None
    if stated.of_table is not None:
        return stated.of_table, True
    if stamped is not None and stated.of_frame is not None and not np.allclose(stamped, stated.of_frame):
        raise ValueError(
            f"{origin}: the file says that its positions are in units of {_of(stamped)} nm ({STAMP}), the source in voxels of "
            f"{_of(stated.of_frame)} nm. Write `voxel_nm = [...]` under this table in the TOML with those that it has, or export it again."
        )
    found = stamped or stated.of_frame
    return (usual, False) if found is None else (found, True)


def _of(edges: Edges) -> str:
    return " x ".join(f"{edge:g}" for edge in edges)


def require_voxels(places: Float[np.ndarray, "points 3"], edges: Edges, declared: bool, origin: str, corner: bool = True) -> None:
    """Raise where positions that are taken for voxels lie where no volume is, or are plainly in nm or um.

    Args:
        places: Positions as the file has them; NaN where unknown.
        edges: Edges of a voxel along x, y and z, nm.
        declared: Whether the file or the source states the edges.
        origin: Name of the file, for the error.
        corner: Whether all points may not lie in the volume's corner, as cells may not.
    """
    finite = np.isfinite(places).all(axis=1)
    known = places if finite.all() else places[finite]
    if not len(known):
        return
    reach_um = np.maximum(known.max(axis=0), -known.min(axis=0)) * np.asarray(edges) / 1000
    why = ""
    if reach_um.max() > FARTHEST_UM:
        why = f"reach {reach_um.max():,.0f} um, farther than any volume; are they nm?"
    elif corner and reach_um[:2].max() < CORNER_UM:
        why = f"all lie within {CORNER_UM:g} um of the volume's corner in x and y; are they um?"
    elif _are_nm(known, edges):
        why = "are all multiples of a voxel's edges in nm, as only positions in nm are."
    elif not declared and (known != np.round(known)).any():
        why = "are no whole numbers, as voxels are; are they nm or um?"
    elif not declared and (step := _step_in_nm(known)):
        why = f"are all multiples of {step}, the edges of a voxel in nm."
    elif not declared and corner and (near := _soma_pairs_in_nm(known)) is not None:
        why = (
            f"would have {near[0]} pairs within {SOMA_UM:g} um of each other if they were nm, where chance makes {near[1]:.0f}: centres "
            "of somata keep that distance, and places in voxels know nothing of it. Are they nm?"
        )
    if why:
        taken = "taken" if declared else "without a word on their unit taken"
        raise ValueError(
            f"{origin}: its {len(known)} positions, {taken} as voxels of {_of(edges)} nm, {why} First {known[0].tolist()}. State how many "
            "nm a unit of them is along x, y and z: `voxel_nm` under [frame] of the TOML, or under this table alone ([1, 1, 1] for nm, "
            "[1000, 1000, 1000] for um)."
        )


def _are_nm(places: Float[np.ndarray, "points 3"], edges: Edges) -> bool:
    """Whether all places are multiples of the edges, one of which has an odd factor: coarser voxels are multiples of powers of two only."""
    whole = np.asarray(edges)
    if (whole != np.round(whole)).any() or (places[:ENOUGH] % whole != 0).any():
        return False
    odd = [axis for axis, edge in enumerate(whole.astype(int)) if (edge & -edge) != edge]
    if not odd or (places % whole != 0).any():
        return False
    different = [np.unique(np.abs(places[:, axis])).astype(np.int64) for axis in odd]
    # Round numbers have larger divisors in common than an edge.
    return any(len(values) >= FEW and np.gcd.reduce(values) == whole[axis] for axis, values in zip(odd, different, strict=True))


def _step_in_nm(places: Float[np.ndarray, "points 3"]) -> str:
    """The edges of a voxel of which whole numbers are all multiples, where they are those of a volume of sections; empty where not."""
    different = [np.unique(np.abs(axis)).astype(np.int64) for axis in places[:ENOUGH].T]
    if min(map(len, different)) < SURE:
        return ""
    x, y, z = (int(np.gcd.reduce(values)) for values in different)
    if x != y or x not in PIXELS_NM or z not in SECTIONS_NM or (places % [x, y, z] != 0).any():
        return ""
    return f"{x}, {y} and {z}"


def _soma_pairs_in_nm(places: Float[np.ndarray, "points 3"]) -> tuple[int, float] | None:
    """Pairs of places within a soma's width of each other if they are nm, and those that chance would make; None where these tell nothing.

    Places without order have pairs in proportion to the volume around them, and stay so when an axis is stretched. Somata exclude one
    another, in their own unit alone: in minnie65 5 of 1,760 expected pairs are there in nm; voxels read as nm have 1,151,559 of 709,000.
    """
    from scipy.spatial import cKDTree

    um = np.unique(places, axis=0) / 1000
    if len(um) > ENOUGH:
        um = um[np.argpartition(np.abs(um[:, 0] - np.median(um[:, 0])), ENOUGH)[:ENOUGH]]
    tree = cKDTree(um)
    near, around = (int(n - len(um)) // 2 for n in tree.count_neighbors(tree, np.array([SOMA_UM, AROUND_UM])))
    expected = around * (SOMA_UM / AROUND_UM) ** 3
    return (near, expected) if expected >= EXPECTED and near <= SELDOM * expected else None


def require_tissue(um: Float[np.ndarray, "points 3"], cells: Shaped[np.ndarray, " points"], origin: str) -> None:
    """Raise where positions of cells lie farther away or nearer to one another than cells do.

    Args:
        um: Positions, um; NaN where unknown.
        cells: Id of the cell at each position.
        origin: Name of the file, for the error.
    """
    from scipy.spatial import cKDTree

    known = np.isfinite(um).all(axis=1)
    um, cells = um[known], cells[known]
    if len(um) and np.abs(um).max() > FARTHEST_UM:
        raise ValueError(
            f"{origin}: positions reach {np.abs(um).max():,.0f} um, farther than any volume; are they nm? "
            "Correct the unit in the file, or state it in the TOML."
        )
    if len(um) > ENOUGH:  # those of a slab are as near to one another as all
        slab = np.argpartition(np.abs(um[:, 0] - np.median(um[:, 0])), ENOUGH)[:ENOUGH]
        um, cells = um[slab], cells[slab]
    places = um[np.unique(cells, return_index=True)[1]]
    if len(places) < MANY or (np.ptp(places, axis=0) > 0).sum() < 3:  # in a plane or on a line they were put there, and tell no unit
        return
    apart = float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))
    if apart < CLOSEST_UM:
        raise ValueError(
            f"{origin}: half of {len(places)} of its cells have another within {apart:.3g} um, nearer than nuclei can lie. Positions are "
            "in another unit than they are taken for: correct it in the file, or state `voxel_nm` in the TOML (nm a unit along x, y, z)."
        )
