"""Which model of a run answers: for each task the one that did best on what was held out, the baselines among them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from graphtwin.evaluation import EVERY, headline_subset
from graphtwin.graph.runs.model_labels import FROM_FUNCTION, GRAPH_MODEL, NETWORK, NO_FUNCTION, is_graph_model

# Task -> what is held out, and the metric that decides.
JUDGED_BY = {
    "connectivity": ("axon", "average_precision"),
    "cell_type": ("neuron", "balanced_accuracy"),
    "layer": ("neuron", "balanced_accuracy"),
}
PLACE_JUDGED_BY = ("neuron", "r2")  # of depth, or of the axes that a source names


@dataclass(frozen=True)
class Best:
    """The model that answers for a task.

    Attributes:
        model: Label of the model, as the tables of metrics call it.
        held_out: Word for what was held out: "axon" or "neuron".
        metric: Name of the metric that decided.
        estimate, low, high: Score of the model with its interval.
        others: Number of models that it was the best of, itself among them.
        next_best: Label of the second, None where there is one model.
        next_estimate: Score of the second.
        subset: Rows that it was the best on: pairs within exposure, or all.
    """

    task: str
    model: str
    held_out: str
    metric: str
    estimate: float
    low: float
    high: float
    others: int
    next_best: str | None
    next_estimate: float
    subset: str = EVERY

    def __str__(self) -> str:
        """The choice in words, with the score that it rests on."""
        score = f"{self.metric.replace('_', ' ')} {self.estimate:.4f} [{self.low:.4f}, {self.high:.4f}]"
        then = f", next {self.next_best} {self.next_estimate:.4f}" if self.next_best else ""
        where = "" if self.subset == EVERY else f" {self.subset}"
        return f"{self.task.replace('_', ' ')}: {self.model}, best of {self.others} on held-out {self.held_out}s{where} ({score}{then})"


def best_models(metrics: pd.DataFrame) -> dict[str, Best]:
    """The best model of each task that the run scored.

    The largest estimate wins, whatever the intervals say: they overlap between good models, and one has to answer. It was chosen on the
    cells that it is scored on, so that its score is a little too good.

    Args:
        metrics: The run's table of metrics.
    """
    places = metrics.loc[(metrics["metric"] == PLACE_JUDGED_BY[1]) & (metrics["subset"] == "all"), "task"].unique()
    judged = JUDGED_BY | dict.fromkeys(map(str, places), PLACE_JUDGED_BY)
    return {task: found for task, (split, metric) in judged.items() if (found := _best(metrics, task, split, metric)) is not None}


def _place_among_equals(model: str) -> int:
    """Of models with the same score that with the least number answers, then the first in the table: the graph model before others."""
    first = (GRAPH_MODEL, NO_FUNCTION)
    if model in first:
        return first.index(model)
    return 2 + (model == FROM_FUNCTION) if is_graph_model(model) and not model.startswith(NETWORK) else 4


def _best(metrics: pd.DataFrame, task: str, split: str, metric: str) -> Best | None:
    subset = headline_subset(metrics, task, split)
    rows = metrics[(metrics["task"] == task) & (metrics["split"] == split) & (metrics["subset"] == subset) & (metrics["metric"] == metric)]
    rows = rows.dropna(subset="estimate")
    if rows.empty:
        return None
    ordered = rows.assign(ties=rows["model"].map(_place_among_equals)).sort_values(
        ["estimate", "ties"], ascending=[False, True], kind="stable"
    )
    first, second = ordered.iloc[0], ordered.iloc[1] if len(ordered) > 1 else None
    return Best(
        task=task,
        model=str(first["model"]),
        held_out=split,
        metric=metric,
        estimate=float(first["estimate"]),
        low=float(first["low"]),
        high=float(first["high"]),
        others=len(ordered),
        next_best=None if second is None else str(second["model"]),
        next_estimate=float("nan") if second is None else float(second["estimate"]),
        subset=subset,
    )
