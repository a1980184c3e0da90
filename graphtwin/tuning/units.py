"""The unit that speaks for a nucleus: a cell that several scans recorded has several units, and every analysis asks the same one."""

from __future__ import annotations

import logging

import pandas as pd

from graphtwin import schema

log = logging.getLogger("graphtwin")


def speaking_units(units: pd.DataFrame, reliability: str | None = "reliability", origin: str = "units") -> pd.DataFrame:
    """One row a nucleus, ascending in nucleus_id: its most reliable unit, among equals the first by session, scan_idx and unit_id.

    A unit of unknown reliability (NaN) comes after those of known reliability; where none is known, the key decides. The log counts the
    units that are left out. A table with one row a nucleus needs neither key nor reliability.

    Args:
        units: Table of units: nucleus_id, session, scan_idx, unit_id and what else is known of a unit.
        reliability: Column that ranks the units of a nucleus, such as `cc_abs_cvt` of the published neurons; None where nothing is known
            of it: all units of a nucleus are then equal.
        origin: File or table that the units come from, for errors and the log.

    Raises:
        ValueError: A nucleus has several rows, and the column or the key by which to choose is missing or repeats.
    """
    schema.require_columns(units, ["nucleus_id"], origin)
    if units["nucleus_id"].is_unique:
        return units.sort_values("nucleus_id", ignore_index=True)
    key = [name for name in schema.UNIT_KEY if name in units]
    ranking = [] if reliability is None else [reliability]
    missing = [*(name for name in ranking if name not in units), *([] if key else [", ".join(schema.UNIT_KEY)])]
    if missing:
        raise ValueError(
            f"{origin}: {int(units.duplicated('nucleus_id', keep=False).sum())} of {len(units)} rows share their nucleus_id with another "
            f"row, and {missing[0]} is missing, by which one would be chosen. Keep one row a nucleus."
        )
    schema.require_unique(units, ["nucleus_id", *key], origin)
    by = ["nucleus_id", *ranking, *key]
    ranked = units.sort_values(by, ascending=[name not in ranking for name in by], na_position="last")
    kept = ranked.drop_duplicates("nucleus_id").reset_index(drop=True)
    log.info(
        "%s: %d units speak for their nucleus, %d of %d are left out: another unit of the nucleus %s.",
        *(origin, len(kept), len(units) - len(kept), len(units)),
        "comes first" if reliability is None else f"has a larger {reliability}, or an equal one and comes first",
    )
    return kept
