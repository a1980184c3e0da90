"""Likeness of two cells by their function, with the cells that may trade places in a permutation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int

from graphtwin import schema
from graphtwin.tuning import describe_tuning, direction_degrees, orientation_difference, signal_correlation

OSI_MIN = 0.4  # OSI in vivo above which a cell counts as tuned: the cut of Ding et al. 2025, doi:10.1038/s41586-025-08840-3


@dataclass(frozen=True)
class Measure:
    """Likeness of two cells.

    Attributes:
        nucleus_id: Nucleus ids of the cells that the measure is defined for.
        likeness: Function from two arrays of rows of `nucleus_id` to the likeness of these pairs of cells.
        stratum: Stratum of each cell: cells of equal number may trade their function in a permutation (same scan and layer).
        unit: Unit of the likeness: "1" or "degrees".
    """

    name: str
    nucleus_id: Int[np.ndarray, " cells"]
    likeness: Callable[[np.ndarray, np.ndarray], np.ndarray]
    stratum: Int[np.ndarray, " cells"]
    unit: str = "1"


def tuning_measures(units: pd.DataFrame, neurons: pd.DataFrame) -> tuple[Measure, Measure]:
    """Signal correlation of all functional cells, and orientation difference of those with OSI above 0.4.

    Args:
        units: The unit that speaks for each nucleus (see `tuning.units`): nucleus_id, session, scan_idx, direction_DDD_D.
        neurons: The neuron table: nucleus_id and layer.
    """
    schema.require_unique(units, ["nucleus_id"], "units of like-to-like")
    columns = [name for name in units if name.startswith("direction_")]
    responses, ids = units[columns].to_numpy(np.float64), units["nucleus_id"].to_numpy(np.int64)
    layer = units["nucleus_id"].map(neurons.set_index("nucleus_id")["layer"]).fillna("unknown")
    stratum = units[["session", "scan_idx"]].assign(layer=layer).groupby(["session", "scan_idx", "layer"]).ngroup().to_numpy(np.int64)
    tuning = describe_tuning(responses, direction_degrees(columns))
    tuned = tuning["osi"].to_numpy() > OSI_MIN
    preferred = tuning["preferred_orientation"].to_numpy(np.float64)[tuned]
    return (
        Measure("signal_correlation", ids, lambda a, b: signal_correlation(responses, a, b), stratum),
        Measure(
            "orientation_difference", ids[tuned], lambda a, b: orientation_difference(preferred[a], preferred[b]), stratum[tuned], "degrees"
        ),
    )
