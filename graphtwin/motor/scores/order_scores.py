"""How well the order of motor neurons is predicted that no fit has seen: of neurons by their place, and of pairs by their distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
import scipy.stats

from graphtwin.motor.circuit import Orders
from graphtwin.motor.fitting import Condition, Told, pairs_of
from graphtwin.motor.scores.differences import CIRCUIT
from graphtwin.motor.scores.score import REPLICATES
from graphtwin.shapes import Float
from graphtwin.statistics import Resampled, cluster_counts, holm, one_sided_p, resampled

QUESTION = "recruitment"  # of all conditions together; of one it is "recruitment, forward"
ORDER, CLOSENESS = "spearman", "closeness"
UNIT = "motor neurons"
ROUNDING = 1e-12  # share of a sum of squares that may be rounding
PERMUTED = "permuted identities"

Scores = dict[tuple[str, str], Resampled]  # by question and metric


def conditions_of(orders: Orders, values: Float[np.ndarray, "draws conditions motor"]) -> list[Condition]:
    """The neurons of each order, and their ranks in some draws.

    Args:
        orders: The orders that were measured.
        values: Ranks of all neurons, measured (`orders.ranks`) or permuted; NaN where the measured ones are.
    """
    there = [np.flatnonzero(np.isfinite(order)) for order in orders.values]
    return [Condition(rows, values[:, place][:, rows]) for place, rows in enumerate(there)]


def scores_of(told: Sequence[Told], orders: Orders, seed: int = 0) -> Scores:
    """Scores of a model and their resamples over motor neurons; of several draws of a model, the mean over these.

    - spearman: rank correlation over the neurons of an order of predicted and measured place
    - closeness: rank correlation over pairs of its neurons of predicted and measured distance (that is of closeness, which is less of it);
      pairs of homologues are left out

    A resample draws neurons with their homologues; a pair counts as often as both are drawn. Ranks are those of the whole sample.

    Args:
        told: What the model says of each order.
        orders: The orders that were measured.
        seed: Root of the draws, which are the same for all models.
    """
    counts = _counts(int(orders.groups.max()) + 1, seed)
    each: dict[str, list[np.ndarray]] = {ORDER: [], CLOSENESS: []}
    found, sizes = {}, []
    for condition, (one, seen) in enumerate(zip(told, conditions_of(orders, orders.ranks[None]), strict=True)):
        groups, y = orders.groups[seen.rows], seen.values[0]
        first, second = pairs_of(groups)
        sizes.append(len(np.unique(groups)))
        units = {ORDER: (one.order, y, counts[:, groups]), CLOSENESS: (one.apart, np.abs(y[first] - y[second]), None)}
        for metric, (said, true, weight) in units.items():
            weight = counts[:, groups[first]] * counts[:, groups[second]] if weight is None else weight
            ranks = _ranks(true[None])[0]
            replicates = np.mean([_correlation(weight, row, ranks) for row in _ranks(said)], axis=0)
            each[metric].append(replicates)
            found[f"{QUESTION}, {orders.conditions[condition]}", metric] = resampled(replicates, sizes[-1])
    if len(told) > 1:
        return {(QUESTION, metric): resampled(np.mean(parts, axis=0), min(sizes)) for metric, parts in each.items()} | found
    return found


def draws_of(told: Sequence[Told], conditions: Sequence[Condition], orders: Orders) -> Float[np.ndarray, "conditions metrics draws"]:
    """Both scores of every draw, each held against the places of that draw.

    Args:
        told: What a model says of each order.
        conditions: The places that it is held against, of as many draws.
        orders: The orders that were measured.
    """
    found = []
    for one, condition in zip(told, conditions, strict=True):
        first, second = pairs_of(orders.groups[condition.rows])
        apart = np.abs(condition.values[:, first] - condition.values[:, second])
        found.append([_row_correlations(one.order, condition.values), _row_correlations(one.apart, apart)])
    return np.array(found)


def tabulated_orders(
    scores: Mapping[str, Scores], null: Mapping[str, Float[np.ndarray, "conditions metrics draws"]], orders: Orders
) -> pd.DataFrame:
    """Estimates, 95 % intervals over motor neurons, and p by permuted identities.

    Args:
        scores: Scores by model.
        null: Scores of permuted identities by model, of those that were permuted.
        orders: The orders that were measured.

    Returns:
        Columns question, model, metric, estimate, low, high (NaN below five neurons), n, resampled, chance, p (one-sided; NaN of a
        model that was not permuted), p_adj (of a question, the larger p of its metrics, by Holm over the questions of a model). The last
        model, permuted identities, has the mean and the middle 95 % of the circuit's.
    """
    rows = []
    for model, own in scores.items():
        for (question, metric), score in own.items():
            low, high = score.interval()
            told = {"question": question, "model": model, "metric": metric, "estimate": score.estimate, "low": low, "high": high}
            told |= {"n": int(score.degrees) + 1, "resampled": UNIT, "chance": 0.0, "p": np.nan}
            if model in null and null[model].shape[2]:
                told["p"] = float(one_sided_p(score.estimate, _null(null[model], question, metric, orders)))
            rows.append(told)
    if CIRCUIT in null and null[CIRCUIT].shape[2]:
        for question, metric in scores[CIRCUIT]:
            draws = _null(null[CIRCUIT], question, metric, orders)
            low, high = np.quantile(draws, [0.025, 0.975])
            told = {"question": question, "model": PERMUTED, "metric": metric, "estimate": draws.mean(), "low": low, "high": high}
            rows.append(told | {"n": len(draws), "resampled": "permutations", "chance": 0.0, "p": np.nan})
    table = pd.DataFrame(rows)
    larger = table.groupby(["model", "question"], sort=False)["p"].max()
    adjusted = larger.groupby("model", sort=False).transform(lambda p: holm(p.to_numpy(np.float64)))
    return table.join(adjusted.rename("p_adj"), on=["model", "question"])


def order_differences(scores: Mapping[str, Scores], controls: Sequence[str]) -> pd.DataFrame:
    """Paired differences of the circuit and each control over the same draws of motor neurons.

    Args:
        scores: Scores by model.
        controls: Names of the controls.

    Returns:
        Columns question, metric, model, control, difference (above 0 where the circuit does better), low, high, n, resampled.
    """
    rows = []
    for control in controls:
        for (question, metric), own in scores[CIRCUIT].items():
            found = own - scores[control][question, metric]
            low, high = found.interval()
            told = {"question": question, "metric": metric, "model": CIRCUIT, "control": control, "difference": found.estimate}
            rows.append(told | {"low": low, "high": high, "n": int(found.degrees) + 1, "resampled": UNIT})
    return pd.DataFrame(rows, columns=["question", "metric", "model", "control", "difference", "low", "high", "n", "resampled"])


def _null(draws: np.ndarray, question: str, metric: str, orders: Orders) -> np.ndarray:
    """Scores of permuted identities for one question and metric."""
    of_metric = draws[:, (ORDER, CLOSENESS).index(metric)]
    if question == QUESTION:
        return np.asarray(of_metric.mean(axis=0))
    return np.asarray(of_metric[orders.conditions.index(question.removeprefix(f"{QUESTION}, "))])


@lru_cache(maxsize=4)
def _counts(n: int, seed: int) -> Float[np.ndarray, "replicates_and_one groups"]:
    """How often each group of homologues is drawn."""
    counts = cluster_counts(n, REPLICATES, seed, UNIT).astype(np.float64)
    counts.flags.writeable = False
    return counts


def _ranks(values: Float[np.ndarray, "draws units"]) -> Float[np.ndarray, "draws units"]:
    """Ranks within each draw, about their mean; ties share theirs."""
    ranks = scipy.stats.rankdata(values, axis=1)
    return np.asarray(ranks - ranks.mean(axis=1, keepdims=True))


def _row_correlations(said: Float[np.ndarray, "draws units"], true: Float[np.ndarray, "draws units"]) -> Float[np.ndarray, " draws"]:
    """Rank correlation of each row; 0 where the prediction never changes."""
    x, y = _ranks(said), _ranks(true)
    below = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return np.divide((x * y).sum(axis=1), below, out=np.zeros(len(x)), where=below > 0)


def _correlation(
    weight: Float[np.ndarray, "replicates units"], x: Float[np.ndarray, " units"], y: Float[np.ndarray, " units"]
) -> Float[np.ndarray, " replicates"]:
    """Correlation of two columns under weights of their units; 0 where the first never changes, NaN where the second does not."""
    sums = weight @ np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1)
    n, sx, sy, sxx, syy, sxy = sums.T
    spread_x, spread_y = n * sxx - sx * sx, n * syy - sy * sy
    flat = spread_x <= ROUNDING * n * np.maximum(sxx, ROUNDING)
    below = np.sqrt(np.maximum(spread_x, 0) * np.maximum(spread_y, 0))
    r = np.divide(n * sxy - sx * sy, below, out=np.full(len(n), np.nan), where=below > 0)
    return np.where(flat & (spread_y > 0), 0.0, r)
