"""Random effects of one grouping of a fitted model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.shapes import Float


@dataclass(frozen=True)
class FittedGrouping:
    """Random effects of one grouping.

    Attributes:
        name: Name of the grouping, such as "group:kind".
        effects: Names of the effects of a group.
        weight: Weight of each feature in what multiplies each effect, for every pattern of categories.
        sd: Standard deviation of each effect between groups, in log rate a unit of the effect.
        correlation: Correlation of every two effects between groups.
        levels: Columns that the groups are made of, each with one value a group.
        modes: Conditional modes (BLUPs) of every group's effects.
        mode_sd: Conditional standard deviations of every group's effects, at the estimated parameters.
        free: Pairs of effects (row, column) whose variance or covariance was estimated.
    """

    name: str
    effects: tuple[str, ...]
    weight: Float[np.ndarray, "patterns features effects"]
    sd: Float[np.ndarray, " effects"]
    correlation: Float[np.ndarray, "effects effects"]
    levels: dict[str, list[Any]]
    modes: Float[np.ndarray, "groups effects"]
    mode_sd: Float[np.ndarray, "groups effects"]
    free: tuple[tuple[int, int], ...]

    @property
    def covariance(self) -> Float[np.ndarray, "effects effects"]:
        """Covariance of the effects between groups."""
        covariance: np.ndarray = np.outer(self.sd, self.sd) * np.nan_to_num(self.correlation)
        return covariance

    def to_frame(self) -> pd.DataFrame:
        """One row a group: its columns, then mode and conditional sd of every effect."""
        frame = pd.DataFrame(self.levels)
        for i, effect in enumerate(self.effects):
            frame[effect], frame[f"{effect}_sd"] = self.modes[:, i], self.mode_sd[:, i]
        return frame
