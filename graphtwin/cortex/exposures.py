"""How much each neuron could have met each other one, by nucleus: the exposures of a source, and what of them cannot be used."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.cortex.funnel import Funnel
from graphtwin.cortex.identity import attach
from graphtwin.sources import SourceTables, Table


def exposures(tables: SourceTables, mapped: pd.DataFrame, funnel: Funnel) -> pd.DataFrame:
    """Exposures of pairs of nuclei: materialization, pre_nucleus_id, post_nucleus_id (unique together), exposure, measure, unit.

    Args:
        tables: The tables of a source.
        mapped: The nucleus of each root id, as `root_ids` returns it.
        funnel: Receives the counts of what was lost.
    """
    parts = [_of_nuclei(table, mapped, funnel) for table in tables.of("exposure")]
    if not parts:
        return no_exposures()
    together = pd.concat(parts, ignore_index=True)
    first = ~together.duplicated(["materialization", *schema.PAIR_KEY])
    if len(parts) > 1:
        reason = "an earlier table gives the pair, and is believed"
        together = funnel.keep(together, first, "exposures", "not in an earlier table", reason, "pairs")
    return together.astype({"measure": "category", "unit": "category"}).reset_index(drop=True)


def no_exposures() -> pd.DataFrame:
    """The table without rows, of a source that has no exposures."""
    ids = {name: np.empty(0, np.int64) for name in ("materialization", *schema.PAIR_KEY)}
    words = {name: pd.Categorical([]) for name in ("measure", "unit")}
    return pd.DataFrame({**ids, "exposure": np.empty(0), **words})


def _of_nuclei(table: Table, mapped: pd.DataFrame, funnel: Funnel) -> pd.DataFrame:
    """One table by nucleus: pairs of a cell with itself and of cells without a nucleus are left out, those of several roots summed."""
    frame, name = table.frame, f"exposure {table.materialization}"
    if not set(schema.PAIR_KEY) <= set(frame):
        for side in ("pre", "post"):
            frame = attach(frame, table.materialization, mapped, f"{side}_root_id", f"{side}_nucleus_id")
            known = frame[f"{side}_nucleus_id"].notna()
            frame = funnel.keep(frame, known, name, f"{side} nucleus known", "its root id has no nucleus", "pairs")
        frame = frame.astype(dict.fromkeys(schema.PAIR_KEY, np.int64))
    if frame.empty:
        raise ValueError(
            f"{table.origin}: none of its {len(table.frame)} exposures is of two cells with a nucleus in this source. Check that its root "
            f"ids are of materialization {table.materialization}, or name its cells by nucleus ids."
        )
    frame = funnel.keep(
        frame, frame["pre_nucleus_id"] != frame["post_nucleus_id"], name, "between two nuclei", "a cell with itself", "pairs"
    )
    summed = frame.groupby(schema.PAIR_KEY, as_index=False, sort=True)["exposure"].sum()
    funnel.record(name, "distinct pairs of nuclei", len(frame), len(summed), "further roots of the same nuclei: exposures summed", "pairs")
    return summed.assign(materialization=np.int64(table.materialization), measure=table.measure, unit=table.unit)[
        ["materialization", *schema.PAIR_KEY, "exposure", "measure", "unit"]
    ]
