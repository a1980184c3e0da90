"""Likeness of two cells by their function, with the cells that may trade places in a permutation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from graphtwin import schema
from graphtwin.tuning import (
    FEWEST_SHARED,
    describe_tuning,
    direction_degrees,
    function_correlation,
    orientation_difference,
    signal_correlation,
)

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


def tuning_measures(units: pd.DataFrame, neurons: pd.DataFrame, function: pd.DataFrame) -> tuple[Measure, ...]:
    """Signal correlation of functional cells, and orientation difference of those with OSI above 0.4 where directions were shown.

    The signal correlation is over function of any kind where there is any. Where its columns have gaps, cells are left out, those that
    share too few columns with most others first, until all pairs are known.

    Args:
        units: The unit that speaks for each nucleus (see `tuning.units`): nucleus_id, session, scan_idx, unit_id, direction_DDD_D.
        neurons: The neuron table: nucleus_id and layer.
        function: The cortex' function: session, scan_idx, unit_id, nucleus_id and a column a response; no rows where there is none.
    """
    schema.require_unique(units, ["nucleus_id"], "units of like-to-like")
    layer = units["nucleus_id"].map(neurons.set_index("nucleus_id")["layer"]).fillna("unknown")
    stratum = units[["session", "scan_idx"]].assign(layer=layer).groupby(["session", "scan_idx", "layer"]).ngroup().to_numpy(np.int64)
    columns = [name for name in units if name.startswith("direction_")]
    responses = units[columns].to_numpy(np.float64)
    shown = np.isfinite(responses).all(1) & bool(columns)
    found = [_of_function(units, function, stratum)] if len(function) else []
    return (*found, *_of_directions(units[shown], responses[shown], columns, stratum[shown])[len(found) :])


def _of_directions(units: pd.DataFrame, responses: np.ndarray, columns: list[str], stratum: np.ndarray) -> tuple[Measure, ...]:
    """Signal correlation and orientation difference; none without responses to directions."""
    if not len(responses):
        return ()
    ids = units["nucleus_id"].to_numpy(np.int64)
    tuning = describe_tuning(responses, direction_degrees(columns))
    tuned = tuning["osi"].to_numpy() > OSI_MIN
    preferred = tuning["preferred_orientation"].to_numpy(np.float64)[tuned]
    return (
        Measure("signal_correlation", ids, lambda a, b: signal_correlation(responses, a, b), stratum),
        Measure(
            "orientation_difference", ids[tuned], lambda a, b: orientation_difference(preferred[a], preferred[b]), stratum[tuned], "degrees"
        ),
    )


def _of_function(units: pd.DataFrame, function: pd.DataFrame, stratum: np.ndarray) -> Measure:
    """Correlation over the columns of function that both cells show."""
    names = [name for name in function if name not in (*schema.UNIT_KEY, "nucleus_id")]
    joined = units[schema.UNIT_KEY].merge(function[[*schema.UNIT_KEY, *names]], on=schema.UNIT_KEY, how="left")[names]
    values = joined.to_numpy(np.float64)
    kept = _sharing(np.isfinite(values))
    ids, values = units["nucleus_id"].to_numpy(np.int64)[kept], values[kept]

    def likeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.nan_to_num(function_correlation(values, a, b))  # a cell without change over the shared columns is like none

    return Measure("signal_correlation", ids, likeness, stratum[kept])


def _sharing(measured: Bool[np.ndarray, "cells columns"]) -> Int[np.ndarray, " kept"]:
    """Cells of which every two share enough columns to be compared, after those that share with fewest are left out one by one."""
    least = min(FEWEST_SHARED, measured.shape[1])
    kept = np.flatnonzero(measured.sum(1) >= least)
    if measured[kept].all():
        return kept
    counts = measured[kept].astype(np.float32)
    lacking = counts @ counts.T < least
    there = np.ones(len(kept), dtype=bool)
    while lacking.any():
        worst = int(lacking.sum(1).argmax())
        lacking[worst], lacking[:, worst], there[worst] = False, False, False
    return kept[there]
