"""The circuit against each control, over the same units."""

from __future__ import annotations

import pandas as pd

from graphtwin.motor.scores.score import resampled_score

CIRCUIT = "circuit"  # name of the model whose wiring is the question
TABLE = ["question", "metric", "model", "control", "difference", "low", "high", "n", "resampled"]


def differences(units: pd.DataFrame, model: str = CIRCUIT, seed: int = 0) -> pd.DataFrame:
    """Paired differences of one model and every other, question by question and metric by metric.

    Args:
        units: `measured` units of all models.
        model: Name of the model that the others are taken from.
        seed: Root of the draws, which are the same for both models.

    Returns:
        Columns question, metric, model, control, difference (above 0 where the model does better), low, high (95 %; NaN below five units),
        n (units that both have), resampled.
    """
    rows = []
    for (question, metric, unit), part in units.groupby(["question", "metric", "resampled"], sort=False):
        own = part[part["model"] == model]
        for control, other in part[part["model"] != model].groupby("model", sort=False):
            keys = ["unit", "column"]
            common = own[keys].merge(other[keys], on=keys)
            if not len(common):
                continue
            ours, theirs = (resampled_score(common.merge(side, on=keys), str(unit), seed) for side in (own, other))
            found = ours - theirs
            low, high = found.interval()
            told = {"question": question, "metric": metric, "model": model, "control": control, "difference": found.estimate}
            rows.append(told | {"low": low, "high": high, "n": common["unit"].nunique(), "resampled": unit})
    return pd.DataFrame(rows, columns=TABLE)
