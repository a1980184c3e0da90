"""The funnel: how many units, nuclei and pairs survive every step, and why the rest did not."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

# Columns of the funnel, one row a step: how many went in, how many were lost and why.
COLUMNS = ["stage", "table", "step", "n_before", "n_after", "n_dropped", "reason", "unit"]


@dataclass
class Funnel:
    """Steps recorded in the order they happen.

    Attributes:
        stage: Name of the stage that records the steps, such as `cortex`.
        steps: One row a step, columns `COLUMNS`.
    """

    stage: str
    steps: list[dict[str, object]] = field(default_factory=list)

    def record(self, table: str, step: str, n_before: int, n_after: int, reason: str, unit: str) -> None:
        """Add one step.

        Args:
            table: What is being counted, such as `units` or `synapses 661`.
            step: What a row must be to survive.
            n_before: Rows that arrive.
            n_after: Rows that go on.
            reason: Why the other rows do not go on.
            unit: What a row is: `units`, `nuclei`, `pairs`, `synapses`, `roots` or `rows`.
        """
        values = [self.stage, table, step, n_before, n_after, n_before - n_after, reason, unit]
        self.steps.append(dict(zip(COLUMNS, values, strict=True)))

    def keep(self, frame: pd.DataFrame, mask: pd.Series, table: str, step: str, reason: str, unit: str) -> pd.DataFrame:
        """The rows where the mask holds; how many the mask drops is recorded."""
        kept = frame[mask.to_numpy()]
        self.record(table, step, len(frame), len(kept), reason, unit)
        return kept

    def frame(self) -> pd.DataFrame:
        """The steps as a table."""
        return pd.DataFrame(self.steps, columns=COLUMNS)
