"""How variable a neuron's responses are from trial to trial, beside what its rates predict, and a loan where nobody measured it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

FLOOR = 1e-3  # share of a neuron's mean rate or error: smaller values are raised to it, for they are no better known


def response_variability(orientations: pd.DataFrame) -> pd.DataFrame:
    """Log standard error of each mean response, above the line on which it rises with the log rate over all neurons and orientations.

    Gain cancels where the line's slope is near 1, and the number of trials where it is the same for all neurons of a scan, whose features
    are ranked within the scan. Nothing here knows a label. Index: nucleus_id; variability_i: orientation i, no unit.

    Args:
        orientations: Table of nucleus_id, orientation_index, rate and rate_error: every nucleus with every orientation, none without
            response.
    """
    wide = orientations.pivot(index="nucleus_id", columns="orientation_index", values=["rate", "rate_error"])
    rate, error = (_log(wide[name].to_numpy(np.float64)) for name in ("rate", "rate_error"))
    centred = rate - rate.mean()
    slope = float((centred * error).sum() / max((centred**2).sum(), 1e-12))
    columns = [f"variability_{index}" for index in range(rate.shape[1])]
    return pd.DataFrame(error - error.mean() - slope * centred, index=wide.index, columns=columns)


def _log(values: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(values, FLOOR * values.mean(1, keepdims=True)))


def lend(
    measured: Float[np.ndarray, "units measures"], known: Float[np.ndarray, "units features"], scan: Int[np.ndarray, " units"]
) -> Float[np.ndarray, "units measures"]:
    """The measures, those that are missing lent by the unit of the same scan whose known features are nearest.

    A gap would speak: whether a second measurement exists goes with depth, and so would any value that only gaps have. A loan is a
    value of the scan's own distribution and says no more than the features that chose it.

    Args:
        measured: Measures, one row a unit, NaN where it was not measured; at least one row is complete.
        known: Features that every unit has.
        scan: Number of each unit's scan; a scan in which nobody was measured borrows from all.
    """
    from scipy.spatial import cKDTree

    there = np.isfinite(measured).all(1)
    lender = np.arange(len(measured))
    for label in np.unique(scan[~there]):
        asking = np.flatnonzero((scan == label) & ~there)
        asked = np.flatnonzero((scan == label) & there)
        asked = asked if len(asked) else np.flatnonzero(there)
        lender[asking] = asked[cKDTree(known[asked]).query(known[asking])[1]]
    return measured[lender]
