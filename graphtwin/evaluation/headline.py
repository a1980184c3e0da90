"""Which pairs the headline speaks of: those that could have met, where a source says which."""

from __future__ import annotations

import pandas as pd

WITHIN_EXPOSURE = "within exposure"  # subset of pairs whose exposure is above 0
EVERY = "all"  # subset of all rows


def headline_subset(table: pd.DataFrame, task: str, split: str) -> str:
    """The subset that the headline of a task and split is about: pairs within exposure where they are scored, else all rows.

    Args:
        table: Metrics or differences of a run.
        task: Name of the task, such as "connectivity".
        split: Name of what is held out.
    """
    rows = (table["task"] == task) & (table["split"] == split)
    return WITHIN_EXPOSURE if (table.loc[rows, "subset"] == WITHIN_EXPOSURE).any() else EVERY
