"""What the numbers of a run say: the questions that it answers, and its verdicts in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphtwin.evaluation import LOWER_IS_BETTER, About, Finding, Verdict, comparison_of, headline_subset, judge
from graphtwin.graph.runs import (
    BOOSTED_MESSAGES,
    FROM_FUNCTION,
    GRAPH_MODEL,
    LATERAL,
    NETWORK,
    NO_FUNCTION,
    WITHOUT_MESSAGES,
    is_graph_model,
    network_of,
)
from graphtwin.pipeline.graph.held_out_scores import OF_FUNCTION, WITHIN_SCAN
from graphtwin.wiring.questions import ROBUST, WITH_GEOMETRY, claims, sentence

SCAN_OR_MAJORITY = ("scan alone", "majority")
BASELINES = ("boosting", "logistic", "distance", "exposure")  # of pairs, of which the best is what the graph model is held against
WITHOUT_FUNCTION = (NO_FUNCTION, WITHOUT_MESSAGES, BOOSTED_MESSAGES, *BASELINES)
STACKED = "the graph model, which has the baselines in it,"


@dataclass(frozen=True)
class Asked:
    """A question that a run answers: whether a model predicts better than every model that lacks what it has, and what that is about.

    Attributes:
        lacking: Models that lack it, of which the best is compared; the first of equals.
        what: What the first model has and the others lack, in words.
    """

    task: str
    split: str
    metric: str
    first: str
    lacking: tuple[str, ...]
    about: About
    what: str


OF_PAIRS = [
    Asked("connectivity", "axon", "average_precision", GRAPH_MODEL, WITHOUT_FUNCTION, "function", "function"),
    Asked("connectivity", "axon", "auc", GRAPH_MODEL, BASELINES, "structure", STACKED),
    Asked("connectivity", "axon", "average_precision", GRAPH_MODEL, BASELINES, "structure", STACKED),
    Asked("connectivity", "axon", "auc", GRAPH_MODEL, (WITHOUT_MESSAGES,), "structure", "message passing"),
    Asked("connectivity", "axon", "average_precision", GRAPH_MODEL, (WITHOUT_MESSAGES,), "structure", "message passing"),
    Asked("connectivity", "axon", "average_precision", GRAPH_MODEL, (BOOSTED_MESSAGES,), "structure", "the network, beside messages,"),
    Asked("connectivity", "block", "average_precision", GRAPH_MODEL, (WITHOUT_MESSAGES,), "structure", "message passing, to new tissue,"),
    Asked("connectivity", "axon", "average_precision", "boosting + tuning", ("boosting",), "function", "tuning similarity (function)"),
]


def _of_neurons(metrics: pd.DataFrame) -> list[Asked]:
    """The questions about neurons: what function tells of each task, or where the source has none what partners tell.

    Models of function never see the scan, whose place was chosen: where there are several they tell neurons of one scan apart.
    """
    there = metrics[(metrics["split"] == "neuron") & (metrics["subset"] == "all") & metrics["model"].map(is_graph_model)]
    places = [str(task) for task in there.loc[there["metric"].str.startswith("r2"), "task"].unique() if task != LATERAL]
    found = []
    for task in ("cell_type", "layer", *places):
        rows, plain = there[there["task"] == task], "r2" if task in places else "balanced_accuracy"
        metric = f"{plain}{WITHIN_SCAN}" if (rows["metric"] == f"{plain}{WITHIN_SCAN}").any() else plain
        if (rows["model"] == FROM_FUNCTION).any():
            found.append(Asked(task, "neuron", metric, FROM_FUNCTION, SCAN_OR_MAJORITY, "function", "function"))
        else:
            models = [str(model) for model in rows["model"].unique() if not str(model).startswith(NETWORK)]
            found += [Asked(task, "neuron", metric, model, ("majority",), "structure", "what partners tell") for model in models]
    return found


def verdicts(metrics: pd.DataFrame, differences: pd.DataFrame, nulls: pd.DataFrame) -> list[Verdict]:
    """Verdicts on what the numbers say, one sentence a question; permutations stand behind those about function in the graph model.

    Args:
        metrics: Metrics of every model, which say which of those that lack something is best.
        differences: Paired differences of models.
        nulls: Metrics where function was permuted, as `null_table` returns them: of neurons those of the network alone.
    """
    found = []
    for asked in [*_of_neurons(metrics), *OF_PAIRS]:
        scored = _rows(metrics, asked).set_index("model")["estimate"]
        if asked.about == "function" and asked.first == GRAPH_MODEL and NO_FUNCTION not in scored:
            continue  # a source without function
        there = [name for name in asked.lacking if np.isfinite(scored.get(name, np.nan))]
        if asked.first not in scored or not there:
            continue
        best = (min if asked.metric in LOWER_IS_BETTER else max)(there, key=scored.__getitem__)
        apart = _rows(differences, asked).set_index("model", drop=False)
        row = apart.loc[f"{asked.first} - {best}"]
        if asked.split == "block" and row["estimate"] == row["low"] == row["high"] == 0:
            found.append(_fallen_back(asked, best))
            continue
        of = network_of(asked.first) if asked.first == FROM_FUNCTION else asked.first
        same = nulls[(nulls["task"] == asked.task) & (nulls["metric"] == asked.metric) & (nulls["model"] == of)]
        same = same[same["null"].str.startswith(OF_FUNCTION) & (asked.about == "function")]
        null, observed = same["estimate"].to_numpy(np.float64), float(same["observed"].iloc[0]) if len(same) else None
        better = asked.about != "function" or asked.first != GRAPH_MODEL or apart.loc[f"{GRAPH_MODEL} - {NO_FUNCTION}", "high"] < 0
        found.append(judge(comparison_of(row.to_dict(), asked.first, best), asked.about, observed, null, asked.what, of, bool(better)))
    return found


def _fallen_back(asked: Asked, other: str) -> Verdict:
    """The verdict on what stacks add in new tissue where both are distance alone."""
    text = (
        f"{asked.task}, held-out {asked.split}s: the graph model is distance alone there, since no stack that was learned on some blocks "
        "of the training side ranked every other block as well as distance does. What message passing adds to new tissue cannot be said."
    )
    return Verdict(asked.task, asked.about, "untested", None, text, asked.split, asked.metric, asked.first, other)


def _rows(table: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """The rows of a table of results that a question is about."""
    subset = headline_subset(table, asked.task, asked.split)
    key = {"task": asked.task, "split": asked.split, "subset": subset, "metric": asked.metric}
    return table[np.logical_and.reduce([table[name] == value for name, value in key.items()])]


def wiring_verdict(slopes: pd.DataFrame) -> list[Verdict]:
    """Whether similarity decides who connects once place is held fixed: claimed where interval, spatial null and Holm's p agree.

    The permutation of the targets' function within scan and layer stands beside it: it keeps how popular each target is, but not how smooth
    function is.

    Args:
        slopes: Slopes as `conditional_like_to_like` returns them; without a row there is no verdict.
    """
    if slopes.empty:
        return []
    robust = slopes[slopes["model"] == ROBUST]
    robust = robust.assign(group=robust["materialization"].astype(str))
    fitted, lacking = robust[robust["note"] == ""], robust[robust["note"] != ""]
    entries = claims(fitted, list(lacking[["similarity", "group", "note"]].itertuples(index=False, name=None)))
    held = slopes[slopes["model"] == WITH_GEOMETRY]
    said = [f"{row.similarity} at {row.materialization} {row.p_null:.2g}" for row in held.itertuples() if np.isfinite(row.p_null)]
    unknown = int(held["p_null"].isna().sum())
    said += [f"{unknown} could not be permuted"] if unknown else []
    permuted = f"Permuting the targets' function within scan and layer, p: {', '.join(said)}."
    tested = bool(np.isfinite(fitted["p_spatial"]).any())
    measures = [str(name) for name in dict.fromkeys(slopes["within"]) if name]
    where = f" within exposure ({', '.join(measures)})" if measures else ""
    everywhere = slopes.loc[slopes["within"] == "", "materialization"].unique()
    where += f", and over all pairs at {', '.join(map(str, everywhere))}" if measures and len(everywhere) else ""
    finding: Finding = "adds" if any(entry["claimed"] for entry in entries) else "unclear" if tested else "untested"
    return [Verdict("like_to_like", None, finding, None, f"like-to-like{where}: {sentence(entries, 'the rate of connection')} {permuted}")]
