"""Candidate pairs of a run as matrices of axons and targets: which of them connect, and what models said of each before it was known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, UInt8

from graphtwin.report import KNOWN_COLUMNS, RunFolder

PAIRS = "predictions/connectivity"
EXPOSURE = "pair_exposure"
GRAPH_MODEL = "graph model"
NO_CANDIDATE = 255  # level of a pair that nobody looked at
LOWEST, STEP = -12.0, 16.0 / 254  # log odds of level 0, and of a level more
MOST = 30_000_000  # candidates that a page holds in the memory of a browser


@dataclass(frozen=True)
class ExposureShown:
    """What the synapses of a pair are proportional to.

    Attributes:
        measure: Quantity in words.
        unit: Unit of the quantity.
        levels: Logarithm of every pair as a level from 1 to 254; 0 where there is none, 255 where it is not known.
        lowest: Logarithm of level 1.
        step: Logarithm of a level more.
    """

    measure: str
    unit: str
    levels: UInt8[np.ndarray, "axons targets"]
    lowest: float
    step: float


@dataclass(frozen=True)
class PairsShown:
    """Candidate pairs.

    Attributes:
        pre: Nucleus of each axon, ascending.
        post: Nucleus of each target, ascending.
        levels: Of each model shown, the log odds of every pair as a level; 255 where the pair was no candidate.
        connected: Place in `pre` and in `post` of every connected candidate.
        synapse_size: Size of the synapses of each connected candidate, summed, as the source has it; NaN where it is not known.
        scores: Average precision of each model on all held-out candidates, with its 95 % interval over axons; in words of its row.
        exposure: How much each pair could connect at all; None where the run does not know.
    """

    pre: Int[np.ndarray, " axons"]
    post: Int[np.ndarray, " targets"]
    levels: dict[str, UInt8[np.ndarray, "axons targets"]]
    connected: Int[np.ndarray, "connected 2"]
    synapse_size: Float[np.ndarray, " connected"]
    scores: dict[str, dict[str, float]]
    exposure: ExposureShown | None = None


def pairs_shown(run: RunFolder) -> PairsShown | None:
    """The candidates of a run whose wiring was predicted; None where it was not.

    The graph model is shown, and the model that did best on held-out axons where that is another.

    Raises:
        ValueError: More candidates than a browser holds.
    """
    columns = run.columns(PAIRS)
    if not columns:
        return None
    models = _chosen(run, [name for name in columns if name not in KNOWN_COLUMNS])
    table = run.table(
        PAIRS, [*[name for name in ("pre_nucleus_id", "post_nucleus_id", "connected", "size", EXPOSURE) if name in columns], *models]
    )
    if table is None:
        return None
    pre, row = np.unique(table["pre_nucleus_id"].to_numpy(np.int64), return_inverse=True)
    post, column = np.unique(table["post_nucleus_id"].to_numpy(np.int64), return_inverse=True)
    if len(pre) * len(post) > MOST:
        raise ValueError(
            f"{run.path}: {len(pre):,} axons x {len(post):,} targets are {len(pre) * len(post):,} pairs; a page holds {MOST:,}. Look at a "
            "run of fewer axons."
        )
    levels = {}
    for model in models:
        of_model = np.full((len(pre), len(post)), NO_CANDIDATE, np.uint8)
        of_model[row, column] = to_levels(table[model].to_numpy(np.float64))
        levels[model] = of_model
    rows = np.flatnonzero(table["connected"].to_numpy(bool))
    size = table["size"].to_numpy(np.float32)[rows] if "size" in table else np.full(len(rows), np.nan, np.float32)
    connected = np.stack([row[rows], column[rows]], axis=1).astype(np.int32)
    exposed = None
    if EXPOSURE in table and table[EXPOSURE].notna().any():
        amounts = np.full((len(pre), len(post)), np.nan)
        amounts[row, column] = table[EXPOSURE].to_numpy(np.float64)
        exposed = _exposure(run, amounts)
    return PairsShown(pre, post, levels, connected, size, _scores(run, models), exposed)


def _exposure(run: RunFolder, amounts: Float[np.ndarray, "axons targets"]) -> ExposureShown:
    """Amounts as levels, with what they are of."""
    told = run.table("tables/exposure", ["measure", "unit"])
    measure, unit = ("exposure", "") if told is None else (str(told["measure"].iloc[0]), str(told["unit"].iloc[0]))
    some = np.isfinite(amounts) & (amounts > 0)
    logs = np.log(amounts, where=some, out=np.zeros_like(amounts))
    lowest, highest = (float(logs[some].min()), float(logs[some].max())) if some.any() else (0.0, 0.0)
    step = max((highest - lowest) / 253, 1e-9)
    levels = np.where(some, 1 + np.clip((logs - lowest) / step, 0, 253), np.where(amounts == 0, 0, NO_CANDIDATE))
    return ExposureShown(measure, unit, levels.astype(np.uint8), lowest, step)


def to_levels(probability: Float[np.ndarray, " pairs"]) -> UInt8[np.ndarray, " pairs"]:
    """Levels of .063 in log odds, from -12 to 4, in which probabilities lie; what is beyond is at the end."""
    kept = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.clip(np.floor((np.log(kept / (1 - kept)) - LOWEST) / STEP), 0, NO_CANDIDATE - 1).astype(np.uint8)


def _precision(run: RunFolder) -> pd.DataFrame:
    metrics = run.table("metrics")
    if metrics is None:
        return pd.DataFrame(columns=["model", "estimate", "low", "high"])
    asked = {"task": "connectivity", "split": "axon", "subset": "all", "metric": "average_precision"}
    return metrics.loc[np.logical_and.reduce([metrics[name] == value for name, value in asked.items()])]


def _chosen(run: RunFolder, models: list[str]) -> list[str]:
    found = _precision(run)
    ranked = [name for name in found.sort_values("estimate", ascending=False)["model"] if name in models]
    first = [GRAPH_MODEL] if GRAPH_MODEL in models else []
    return list(dict.fromkeys([*first, *ranked[:1]])) or models[:1]


def _scores(run: RunFolder, models: list[str]) -> dict[str, dict[str, float]]:
    found = _precision(run).set_index("model")
    named = ["estimate", "low", "high"]
    known = found[np.isfinite(found[named].to_numpy(np.float64)).all(axis=1)]
    return {model: {name: float(known.loc[model, name]) for name in named} for model in models if model in known.index}
