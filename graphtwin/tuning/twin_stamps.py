"""Of which functional twin the rows of a table are: axes of embeddings, and errors of predictions, are those of one twin's core."""

from __future__ import annotations

import pandas as pd

from graphtwin.schema import TWIN, TWIN_CORE

NAMELESS = "no twin that is named"


def require_one_twin(frame: pd.DataFrame, origin: str) -> dict[str, list[str]]:
    """The fingerprints of the twins, and of the core, that told the rows of an analysis; an error where these are of two.

    Twins with one core have the axes of their embeddings in common, and what the core makes of stimuli, so that a twin and animals that
    were transferred onto it may stand in one analysis. A table without the column `twin` is of somebody else's model: nothing is asked.

    Args:
        frame: The rows that are used together, of units, neurons or pairs.
        origin: Name of the table, for errors.

    Returns:
        Fingerprints by column, `twin` and `twin_core`, for the record of the analysis; empty where the table names none.

    Raises:
        ValueError: Rows are of twins with different cores, or only some of them name a twin.
    """
    if TWIN not in frame or frame[TWIN].isna().all():
        return {}
    by = TWIN_CORE if TWIN_CORE in frame and frame.loc[frame[TWIN].notna(), TWIN_CORE].notna().all() else TWIN
    named = frame[by].where(frame[TWIN].notna()).fillna(NAMELESS).astype(str)
    rows = named.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    if len(rows) > 1:
        twins = frame[TWIN].fillna(NAMELESS).groupby(named).unique()
        told = [f"{number} of {_named(name, list(twins[name]), by)}" for name, number in rows.items()]
        raise ValueError(
            f"{origin}: its {len(frame)} rows are of {len(rows)} twins that share no core: {', '.join(told[:4])}"
            f"{f' and {len(told) - 4} more' if len(told) > 4 else ''}. What one twin says of a unit cannot be compared with what another "
            "says of the next: write the table of all animals with one twin, or with twins transferred onto one core."
        )
    return {name: sorted(frame[name].dropna().astype(str).unique()) for name in (TWIN, TWIN_CORE) if name in frame}


def _named(name: str, twins: list[str], by: str) -> str:
    """A twin in words, with its core where cores are compared."""
    if by == TWIN or name == NAMELESS:
        return name
    return f"{'/'.join(twins)} (core {name})"
