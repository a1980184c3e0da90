"""A fitted spatial random effect, and its value at any place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.mixed.design import field_basis
from graphtwin.shapes import Bool, Float, Int


@dataclass(frozen=True)
class FittedField:
    """A Gaussian field over coordinates.

    Attributes:
        name: Name of the effect, such as "field(post_x, post_y)".
        coordinates: Columns with the coordinates.
        kernel: Name of the correlation by distance.
        sd: Standard deviation of the linear predictor (log rate, log odds or mean) between places far apart.
        range: Range of the correlation, in the unit of the coordinates (`kernels` says where in the formula it stands).
        range_held: Whether the range was held because the data don't tell it, and is no estimate.
        n_places: Number of different places in the table.
        kept: Share of the field's variance that the knots carry, averaged over the places: 1 where each place is a knot.
        knots: Coordinates of the knots.
        modes: Conditional mode of each standardised coefficient, one a knot.
    """

    name: str
    coordinates: tuple[str, ...]
    kernel: str
    sd: float
    range: float
    range_held: bool
    n_places: int
    kept: float
    knots: Float[np.ndarray, "knots axes"]
    modes: Float[np.ndarray, " knots"]

    def read(self, table: pd.DataFrame) -> tuple[Float[np.ndarray, "rows axes"], Bool[np.ndarray, " rows"]]:
        """Coordinates of every row and whether they are known; a column that the table lacks is unknown in all rows."""
        nothing = pd.Series(np.nan, index=table.index)
        columns = [
            pd.to_numeric(table.get(name, nothing), errors="coerce").to_numpy(np.float64, na_value=np.nan) for name in self.coordinates
        ]
        places = np.column_stack(columns)
        return places, np.isfinite(places).all(axis=1)

    def loads(self, table: pd.DataFrame) -> tuple[Float[np.ndarray, "places knots"], Int[np.ndarray, " rows"]]:
        """What multiplies every knot's standardised coefficient at each different place, and the place of each row.

        The last place stands for all that are unknown; its numbers are NaN.
        """
        places, known = self.read(table)
        different, code = np.unique(places[known], axis=0, return_inverse=True)
        place = np.full(len(table), len(different))
        place[known] = code.ravel()
        basis = field_basis(different, self.knots, self.kernel, self.range)[0] if len(different) else np.zeros((0, len(self.knots)))
        return np.r_[self.sd * basis, np.full((1, len(self.knots)), np.nan)], place

    def effect(self, table: pd.DataFrame) -> Float[np.ndarray, " rows"]:
        """Value of the field in the linear predictor of every row; NaN where the place is unknown.

        Args:
            table: Rows with the coordinates.
        """
        loads, place = self.loads(table)
        effect: np.ndarray = (loads @ self.modes)[place]
        return effect

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> FittedField:
        """A field from its entries in JSON."""
        arrays = {name: np.array(found[name], dtype=np.float64) for name in ("knots", "modes")}
        return cls(**(found | arrays | {"coordinates": tuple(found["coordinates"])}))
