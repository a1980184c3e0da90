"""What the numbers say, in words: whether one model adds anything to another, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from graphtwin.evaluation.headline import EVERY
from graphtwin.statistics import one_sided_p

NAMES = {
    "auc": "AUC",
    "auc_within_distance": "AUC within matched distance",
    "auc_within_axon": "AUC within axons",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "balanced_accuracy_within_scan": "balanced accuracy within scans",
    "r2": "R2",
    "r2_within_scan": "R2 within scans",
    "median_absolute_error": "median error",
    "log_loss": "log loss",
}
# Metrics that are errors and losses; of all others more is better.
LOWER_IS_BETTER = {"median_absolute_error", "log_loss", "brier", "calibration_error"}
LEVEL = 0.05  # largest one-sided p at which a model adds something: the usual 5 %
FEWEST_PERMUTATIONS = 19  # permutations whose least p, 1 / (1 + n), reaches `LEVEL`
About = Literal["function", "structure"]
Finding = Literal["adds", "unclear", "untested", "harms"]


@dataclass(frozen=True)
class Comparison:
    """A paired difference of two models, first minus second, with its 95 % interval over clusters."""

    task: str
    split: str
    metric: str
    first: str
    second: str
    difference: float
    low: float
    high: float
    n_clusters: int
    cluster: str
    unit: str = "1"
    subset: str = EVERY


@dataclass(frozen=True)
class Verdict:
    """What was found, in a word and in a sentence.

    Attributes:
        task: What was predicted.
        about: What the first model has and the second lacks; None where no models were compared.
        finding: Whether what the first model has adds to the prediction, or that this could not be tested; or that the task was skipped, or
            a model chosen, or that it was measured how far models come to a ceiling, or what they carry from one brain area to another.
        p_value: One-sided p of permutations; None where there are none, or none that changed anything.
        sentence: The finding in words, with the numbers.
        split: What was held out.
        metric: Name of the metric that the models were compared by.
        first: Name of the model that has what the verdict is about.
        second: Name of the model that lacks what the verdict is about.
    """

    task: str
    about: About | None
    finding: Literal["adds", "unclear", "untested", "harms", "skipped", "chosen", "measured", "carried"]
    p_value: float | None
    sentence: str
    split: str | None = None
    metric: str | None = None
    first: str | None = None
    second: str | None = None


def comparison_of(row: Mapping[str, Any], first: str, second: str) -> Comparison:
    """The comparison of two models that a row of the table of differences holds.

    Args:
        row: A row of `Scores.differences`.
        first: Name of the model from whose metric the other's is taken.
        second: Name of the other model.
    """
    if row["model"] != f"{first} - {second}":
        raise ValueError(
            f"verdicts: the row of {row['model']!r} is no difference of {first!r} and {second!r}. Take that of the two models."
        )
    return Comparison(
        task=row["task"],
        split=row["split"],
        metric=row["metric"],
        first=first,
        second=second,
        difference=float(row["estimate"]),
        low=float(row["low"]),
        high=float(row["high"]),
        n_clusters=int(row["n_clusters"]),
        cluster=row["cluster"],
        unit=row["unit"],
        subset=row.get("subset", EVERY),
    )


def p_of_better(metric: str, observed: float, null: Float[np.ndarray, " permutations"]) -> float:
    """One-sided p of a metric on the real data against those where something was permuted, on the side that is better."""
    return float(one_sided_p(observed, null, "less" if metric in LOWER_IS_BETTER else "greater"))


def judge(
    comparison: Comparison,
    about: About = "function",
    observed: float | None = None,
    null: Float[np.ndarray, " permutations"] | None = None,
    what: str | None = None,
    permuted: str | None = None,
    same_is_better: bool = True,
) -> Verdict:
    """Say whether what a model has and another lacks adds anything.

    Function adds when the whole interval is on the better side and permutations of function have p <= 0.05. Fewer than 19 of them cannot
    have that, nor permutations that change nothing: then it could not be tested. Nothing permutes structure; of it the interval decides.

    Args:
        comparison: The difference of the model that has something minus the best one that lacks it.
        about: What the first model has and the second lacks.
        observed: Metric of the model that was permuted on the real data, needed with `null`.
        null: Its metric in every run where what it has was permuted.
        what: What the first model has and the second lacks, in the words of the sentence; the word of `about` if not given.
        permuted: Name of the model that was permuted; the first if not given.
        same_is_better: Whether the same model without it is surely better as well. Of several models on the same rows the best is so by
            luck too: being worse than that one alone is no harm of what is asked about.
    """
    what = what or about
    p_value, untested = None, "no permutation was run for this model"
    if null is not None and len(null) and observed is not None:
        found = p_of_better(comparison.metric, observed, null)
        p_value = found if np.isfinite(found) else None
        untested = _why_untested(found, observed, len(null), what)
    finding = _finding(comparison, about, p_value, untested)
    finding = "unclear" if finding == "harms" and not same_is_better else finding
    text = f"{_claim(comparison, what, finding, untested)}: {_numbers(comparison)}"
    if p_value is not None and null is not None:
        text += f"; {_permutations(p_value, observed, null, what, permuted or comparison.first, comparison.first)}"
    of = comparison
    return Verdict(of.task, about, finding, p_value, text + ".", of.split, of.metric, of.first, of.second)


def _why_untested(p_value: float, observed: float, n_null: int, what: str) -> str:
    """Why permutations could not have told; empty where they could, and where one of too few did as well as the real data."""
    if not np.isfinite(observed):
        return "the prediction has no value where it was permuted"
    if not np.isfinite(p_value):
        return f"permuting {what} never changes the prediction"
    if n_null < FEWEST_PERMUTATIONS and p_value <= 1 / (1 + n_null) + 1e-9:
        return f"{n_null} permutation{'s' if n_null > 1 else ''} cannot reach p = {LEVEL}, at least {FEWEST_PERMUTATIONS} are needed"
    return ""


def _finding(c: Comparison, about: About, p_value: float | None, untested: str) -> Finding:
    better, worse = _sides(c)
    if worse:
        return "harms"
    if not better:
        return "unclear"
    if about == "structure":
        return "adds"
    if untested:
        return "untested"
    return "adds" if p_value is not None and p_value <= LEVEL + 1e-9 else "unclear"


def _sides(c: Comparison) -> tuple[bool, bool]:
    """Whether the whole interval is on the better side, and whether on the worse one."""
    return (c.high < 0, c.low > 0) if c.metric in LOWER_IS_BETTER else (c.low > 0, c.high < 0)


def _claim(c: Comparison, what: str, finding: Finding, untested: str) -> str:
    task = c.task.replace("_", " ")
    if finding == "adds":
        return f"{task}: {what} adds to the prediction"
    if finding == "harms":
        return f"{task}: with {what} the prediction is worse than the best without it"
    if finding == "untested":
        return f"{task}: whether {what} adds anything cannot be tested, since {untested}"
    if not np.isfinite([c.low, c.high]).all():
        return f"{task}: whether {what} adds anything cannot be said, the interval is undefined with {c.n_clusters} {c.cluster}s"
    if _sides(c)[0]:
        return f"{task}: it is unclear whether {what} adds anything, since permuting it does as well"
    return f"{task}: no evidence that {what} adds anything"


def _numbers(c: Comparison) -> str:
    unit = "" if c.unit == "1" else f" {c.unit}"
    where = "" if c.subset == EVERY else f" {c.subset}"
    text = (
        f"{NAMES.get(c.metric, c.metric)}{where} of {c.first} minus {c.second} is {_signed(c.difference)}{unit} "
        f"(95 % interval {_signed(c.low)} to {_signed(c.high)}{unit}, {c.n_clusters} {c.cluster}s)"
    )
    if c.low <= 0 <= c.high:
        best = -c.low if c.metric in LOWER_IS_BETTER else c.high
        text += f"; the interval includes 0 and a gain above {_plain(best)}{unit} is unlikely"
    return text


def _permutations(p_value: float, observed: float | None, null: np.ndarray, what: str, permuted: str, first: str) -> str:
    of = "it" if permuted == first else f"that of {permuted}"
    text = f"with {what} permuted {of} is {_plain(float(np.mean(null)))} on average against {_plain(observed)}"
    return text + f" (p = {p_value:.2g}, n = {len(null)})"


def _signed(value: float) -> str:
    return f"{value:+.3g}" if abs(value) < 1 else f"{value:+.1f}"


def _plain(value: float | None) -> str:
    return "unknown" if value is None else _signed(value).removeprefix("+")
