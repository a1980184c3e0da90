"""Moving edges, and what T4 and T5 cells say of them: T4 answer to brighter edges, T5 to darker ones, each subtype to one direction.

Source: Maisak et al. 2013, doi:10.1038/nature12320.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.synthetic.fly.eyes import COLUMN_PX
from graphtwin.synthetic.function import FRAME_RATE_HZ, GREY, HEIGHT, WIDTH

ANGLES = np.arange(0, 360, 30)
SPEED = 13.0  # columns a second, one of those that published measures of the networks use
FRAMES, FROM = 60, -9.0  # frames of a film, and columns from the middle of the screen at which the edge begins
# Directions that the eight subtypes prefer on this screen: degrees, 0 to the right, 90 upwards; right is from the back to the front here.
KNOWN = {"T4a": 180, "T4b": 0, "T4c": 90, "T4d": 270, "T5a": 180, "T5b": 0, "T5c": 90, "T5d": 270}
FAR = 45.0  # degrees from the known direction that still count as that direction
SELECTIVE = 0.1  # direction selectivity from which on a cell of the network has a direction that its twin can have as well
FIRST = 6  # frames before which answers do not count


def moving_edge(angle_deg: float, brighter: bool) -> np.ndarray:
    """An edge that moves over a grey screen and leaves it white, or black, behind it: [frames, height, width], 0 to 255."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    angle = np.deg2rad(angle_deg)
    along = ((columns - (WIDTH - 1) / 2) * np.cos(angle) + ((HEIGHT - 1) / 2 - rows) * np.sin(angle)) / COLUMN_PX
    front = FROM + SPEED * np.arange(FRAMES) / FRAME_RATE_HZ
    passed = np.clip((front[:, None, None] - along) * COLUMN_PX + 0.5, 0, 1)
    return (GREY + ((255 if brighter else 0) - GREY) * passed).astype(np.float32)


def all_edges() -> np.ndarray:
    """Brighter edges in all directions, then darker ones: [films, frames, height, width]."""
    return np.stack([moving_edge(float(angle), brighter) for brighter in (True, False) for angle in ANGLES])


def selectivity(peaks: np.ndarray, types: np.ndarray) -> pd.DataFrame:
    """Of each T4 and T5 cell: whether it prefers brighter edges, the direction it prefers among those of its kind, its selectivity, and
    whether the direction is the known one.

    Args:
        peaks: Largest answer of each cell to each film of `all_edges`, 0 or more: [films, cells].
        types: Type of each cell.
    """
    chosen = np.flatnonzero(np.isin(types, list(KNOWN)))
    answers = peaks[:, chosen].reshape(2, len(ANGLES), len(chosen))
    sums = (answers * np.exp(1j * np.deg2rad(ANGLES))[:, None]).sum(1)
    largest = answers.sum(1).max(0) + 1e-12
    subtype = types[chosen]
    own = np.where(np.char.startswith(subtype.astype(str), "T4"), 0, 1)
    best = answers.max(1)
    mine = sums[own, np.arange(len(chosen))]
    direction = np.rad2deg(np.angle(mine))
    return pd.DataFrame(
        {
            "cell_type": subtype,
            "prefers_brighter": best[0] > best[1],
            "direction_deg": direction,
            "dsi": np.abs(mine) / largest,
            "as_known": _near(direction, np.array([KNOWN[name] for name in subtype])),
        }
    )


def _near(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether directions in degrees are at most `FAR` apart."""
    return np.abs((one - other + 180) % 360 - 180) <= FAR


def of_both(network: pd.DataFrame, twin: pd.DataFrame) -> dict[str, float]:
    """Share of cells whose twin prefers the network's polarity, and of cells with a direction in the network whose twin has it.

    Args:
        network: Cells of the network, as `selectivity` has them.
        twin: The same cells in silico.
    """
    selective = network["dsi"].to_numpy() >= SELECTIVE
    near = _near(network["direction_deg"].to_numpy(), twin["direction_deg"].to_numpy())
    return {
        "same polarity": float((network["prefers_brighter"] == twin["prefers_brighter"]).mean()),
        "same direction": float(near[selective].mean()) if selective.any() else np.nan,
        "have a direction": float(selective.mean()),
    }


def of_edges(cells: pd.DataFrame) -> dict[str, float]:
    """Shares of T4 cells that prefer brighter and of T5 cells that prefer darker edges, and of all in the known direction."""
    four = cells["cell_type"].str.startswith("T4")
    return {
        "T4 prefer brighter edges": float(cells.loc[four, "prefers_brighter"].mean()),
        "T5 prefer darker edges": float(1 - cells.loc[~four, "prefers_brighter"].mean()),
        "known direction": float(cells["as_known"].mean()),
        "median DSI": float(cells["dsi"].median()),
    }
