"""A model against simple ones: paired differences of scores over units, on the same trials, and in words which wins.

A difference is the median over units of the model's score less the other's. A model wins where the interval over resampled units lies on
its side of 0, and on these stimuli alone where they are fewer than five; the interval over resampled stimuli stands beside. Where a model
predicts the same for all frames its correlation counts as 0, since it tells no stimulus from another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.statistics import FEWEST_UNITS, percentile_interval
from graphtwin.twin.scores.generalisation import draws, median_of
from graphtwin.twin.scores.unit_scores import PREDICTED, StimulusSums, all_scores

DECIDES = "cc_abs"  # score that says who wins: the ceiling that divides cc_norm is the same for both, and unknown for some units
RIDGE, MEAN = "ridge", "mean response"


def mean_response_sums(sums: StimulusSums, mean: Float[np.ndarray, " units"]) -> StimulusSums:
    """The sums of the same stimuli for one who predicts each unit's mean response in training, whatever is shown."""
    n, frames = sums.n, sums.frames
    unknown = np.full(sums.y.shape, np.nan)
    told = {"p": n * mean, "pp": n * mean**2, "yp": mean * sums.y}
    averaged = {"mean_p": frames * mean, "mean_pp": frames * mean**2, "mean_yp": mean * sums.mean_y}
    return StimulusSums(**(vars(sums) | told | averaged | {"gain": unknown, "binned_gain": unknown}))


def compare(
    sums: StimulusSums, others: Mapping[str, StimulusSums], stimuli: pd.DataFrame, main: np.ndarray, model: str = "twin", seed: int = 0
) -> pd.DataFrame:
    """One row a group of stimuli, other model and score: of the main tiers together (`all`), and of each kind of stimulus.

    Args:
        sums: Sums of the model, a row a stimulus.
        others: Sums of other models by name, of the same stimuli.
        stimuli: Table of the stimuli, as `stimuli_of` makes it, in the order of the sums.
        main: Whether each stimulus is of the main tiers.
        model: What the model is called in words.
        seed: Seed of the intervals.

    Returns:
        kind, against, n_stimuli, n_repeats (showings of a stimulus, median), score, n_units (that have it from both), median,
        median_against, difference (median over units), units_low, units_high, stimuli_low, stimuli_high, share_better (of units that the
        model predicts better), verdict.
    """
    groups = {"all": main} | {kind: (stimuli["kind"] == kind).to_numpy(bool) for kind in stimuli["kind"].unique()}
    rows = []
    for kind, chosen in groups.items():
        shown = {"n_stimuli": int(chosen.sum()), "n_repeats": stimuli["n_repeats"][chosen].median()}
        for name, other in others.items():
            for row in _differences(sums.of(chosen), other.of(chosen), seed):
                rows.append({"kind": kind, "against": name, **shown, **row, "verdict": _verdict(row | shown, model, name)})
    return pd.DataFrame(rows)


def _differences(one: StimulusSums, other: StimulusSums, seed: int) -> list[dict[str, Any]]:
    """Rows of the table for one group of stimuli."""
    every = np.ones(len(one.n))
    ours, theirs = _scores(one, every), _scores(other, every)
    again = [_less(_scores(one, weight), _scores(other, weight)) for weight in draws(len(one.n), seed)] if len(one.n) > 1 else []
    rows = []
    for score, apart in _less(ours, theirs).items():
        known = np.isfinite(apart)
        samples = np.array([np.nanmedian(sample[score][known]) for sample in again if np.isfinite(sample[score][known]).any()])
        low, high = percentile_interval(samples, len(one.n) - 1.0)
        found = median_of(apart[known], seed)
        rows.append({
            "score": score, "n_units": int(known.sum()),
            "median": _median(ours[score][known]), "median_against": _median(theirs[score][known]),
            "difference": found.pop("median"), **found, "stimuli_low": low, "stimuli_high": high,
            "share_better": float((apart[known] > 0).mean()) if known.any() else np.nan,
        })  # fmt: skip
    return rows


def _scores(sums: StimulusSums, weight: Float[np.ndarray, " stimuli"]) -> dict[str, Float[np.ndarray, " units"]]:
    """Scores that are compared; a correlation is 0 where responses vary and predictions do not."""
    found = all_scores(sums, weight)
    s = sums.weighted(weight)
    n = np.maximum(s["n"], 1)
    constant = s["pp"] - s["p"] ** 2 / n <= 1e-9 * (1e-12 + s["pp"])
    varies = s["yy"] - s["y"] ** 2 / n > 1e-12
    for name in ("single_trial_correlation", "cc_abs"):
        found[name] = np.where(constant & varies, 0.0, found[name])
    found["cc_norm"] = np.where(found["cc_max"] > 0, np.where(constant & varies, 0.0, found["cc_norm"]), np.nan)
    return {name: found[name] for name in PREDICTED}


def _less(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: ours[name] - theirs[name] for name in PREDICTED}


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _verdict(row: Mapping[str, Any], model: str, other: str) -> str:
    """Which of both wins, in words."""
    if row["n_units"] < FEWEST_UNITS:
        return f"cannot be told apart: units are {row['n_units']}, and there is no interval below {FEWEST_UNITS}"
    few = "" if row["n_stimuli"] >= FEWEST_UNITS else f" on these {row['n_stimuli']} stimuli alone"
    if row["units_low"] > 0:
        return f"{model} wins{few}"
    return f"{other} wins{few}" if row["units_high"] < 0 else "cannot be told apart"
