"""Tables of a source held against each other: the same cells at the same places, the same units under the same numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphtwin import schema
from graphtwin.sources.formats.source_tables import Table

APART_UM = 15.0  # distance in um from which on two places are not of one cell: a soma is hardly wider
MOST = 0.5  # share of shared cells that lie apart from which on it is the tables that differ, and not some cells that were corrected
FEW = 2  # shared cells that tables must have to be compared


def require_agreement(tables: Sequence[Table], origin: str) -> None:
    """Raise where two tables put the same cells elsewhere, or name units by session and scan_idx in different order.

    Args:
        tables: Checked tables of one source.
        origin: Name of the TOML, for the error.
    """
    placed = [table for table in tables if set(schema.POSITION) <= set(table.frame)]
    for place, table in enumerate(placed):
        for earlier in placed[:place]:
            _require_same_places(earlier, table, origin)
    of_units = [table for table in tables if set(schema.UNIT_KEY) <= set(table.frame)]
    for table in of_units:
        for matched in [other for other in of_units if other.role == "coregistration" and other is not table]:
            schema.require_unit_order(table.frame, matched.frame, f"{origin}: {table.origin}", matched.origin)


def _require_same_places(earlier: Table, later: Table, origin: str) -> None:
    """Raise where most cells of both tables lie apart: their positions are in different units or frames."""
    key = _shared_key(earlier, later)
    if not key:
        return
    one, other = (table.frame[[*key, *schema.POSITION]].dropna().drop_duplicates(key) for table in (earlier, later))
    both = one.merge(other, on=key, suffixes=("", "_later"))
    if len(both) < FEW:
        return
    first, second = both[schema.POSITION].to_numpy(), both[[f"{name}_later" for name in schema.POSITION]].to_numpy()
    apart = np.linalg.norm(first - second, axis=1)
    if (apart > APART_UM).mean() > MOST:
        shown = [f"({', '.join(f'{value:.0f}' for value in places[apart.argmax()])})" for places in (first, second)]
        raise ValueError(
            f"{origin}: {int((apart > APART_UM).sum())} of {len(both)} cells that {earlier.origin} and {later.origin} share lie more than "
            f"{APART_UM:g} um apart, in the median {np.median(apart):,.0f} um; one lies at {shown[0]} and at {shown[1]} um. They are in "
            "different units or frames: state `voxel_nm` under the table that differs, or tilt_deg and pia_um under [frame] where one "
            "table has positions in the pia frame and the other voxels."
        )


def _shared_key(earlier: Table, later: Table) -> list[str]:
    """Columns that name the same cell or unit in both tables; none where they have no such columns."""
    keys = [["nucleus_id"], schema.UNIT_KEY, ["root_id"] if earlier.materialization == later.materialization else ["no such column"]]
    return next((key for key in keys if set(key) <= set(earlier.frame) and set(key) <= set(later.frame)), [])
