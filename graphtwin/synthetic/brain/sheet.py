"""The cortical sheet seen from the pia: four areas, each with a map of the visual field that is mirrored at the border to its neighbour.

V1 has LM beside it and RL above it; AL lies in the corner between them. At a border both areas see the same place, and from there the field
runs back the way it came, so that V1 and AL have one sign of the map, LM and RL the other.
Source: Garrett et al. 2014, doi:10.1523/JNEUROSCI.1124-14.2014.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

AREAS = ("V1", "LM", "RL", "AL")  # names in the order of the sheet's quadrants, along x and then along z
# Share of each area among recorded units: `data/minnie65/v661/area_membership`, 168,971 units.
SHARES = {"V1": 0.7178, "LM": 0.1261, "RL": 0.1099, "AL": 0.0462}
_LOWER = SHARES["V1"] + SHARES["LM"]  # part of the sheet's side at which V1 and LM end and RL and AL begin
_LEFT = SHARES["V1"] / _LOWER, SHARES["RL"] / (1 - _LOWER)  # part of the width left of the slanted border, below and above
_SLANT = 2 * (_LEFT[1] - _LEFT[0])  # slant of the border, in widths over the whole side
_FOOT = _LEFT[0] - _SLANT * _LOWER / 2  # place of the border where the sheet begins, as a part of the width
ORIGIN_UM = (200.0, 600.0)  # x and z of the corner of the sheet in the pia frame, where that of minnie65 lies


class Sheet(NamedTuple):
    """A square of cortex.

    Attributes:
        side_um: Side of the square.
        visual_field: Half the width and height of the field that each area maps, in monitor coordinates (the monitor ends at 1).
    """

    side_um: float
    visual_field: float

    def areas(self, x_um: Float[np.ndarray, " places"], z_um: Float[np.ndarray, " places"]) -> np.ndarray:
        """The area at each place."""
        u, v = self._unit(x_um, z_um)
        right, upper = u >= _border(v), v >= _LOWER
        return np.array(AREAS, dtype=object)[right + 2 * upper]

    def visual_field_at(self, x_um: Float[np.ndarray, " places"], z_um: Float[np.ndarray, " places"]) -> Float[np.ndarray, "places xy"]:
        """Where in monitor coordinates the cells at each place look: continuous over the whole sheet, mirrored at borders."""
        u, v = self._unit(x_um, z_um)
        border = _border(v)
        # From a border (-1, lower left of the field) to the far edge (1).
        azimuth = np.where(u < border, 1 - 2 * u / border, 2 * (u - border) / (1 - border) - 1)
        elevation = np.where(v < _LOWER, 2 * v / _LOWER - 1, 1 - 2 * (v - _LOWER) / (1 - _LOWER))
        return self.visual_field * np.column_stack([azimuth, elevation])

    def place_of(self, rf: Float[np.ndarray, "places xy"], area: str) -> Float[np.ndarray, "places xz"]:
        """The place (x, z; um) of an area that looks there; fields beyond the mapped part are brought to its edge.

        Args:
            rf: Places of the visual field, monitor coordinates.
            area: Name of the area, one of `AREAS`.
        """
        azimuth, elevation = np.clip(rf / self.visual_field, -1, 1).T
        right, upper = area in ("LM", "AL"), area in ("RL", "AL")
        v = _LOWER + (1 - elevation) / 2 * (1 - _LOWER) if upper else (elevation + 1) / 2 * _LOWER
        border = _border(v)
        u = border + (azimuth + 1) / 2 * (1 - border) if right else (1 - azimuth) / 2 * border
        return np.column_stack([u, v]) * self.side_um + np.array(ORIGIN_UM)

    def _unit(self, x_um: np.ndarray, z_um: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places as parts of the side."""
        return (x_um - ORIGIN_UM[0]) / self.side_um, (z_um - ORIGIN_UM[1]) / self.side_um


def _border(v: np.ndarray) -> np.ndarray:
    """Where V1 ends and LM begins (further up: RL and AL), as a part of the width; slanted so that all four shares are met."""
    return _FOOT + _SLANT * v
