"""Scores over seeds, paired differences of a twin's classifiers and every control, and what they say in words."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from graphtwin.robustness.attacks import FGSM, PGD
from graphtwin.robustness.curves import CLEAN
from graphtwin.robustness.distortions import DISTORTIONS
from graphtwin.robustness.recipes import NOISE, WAYS, Recipe, controls_of, of_pixels
from graphtwin.robustness.teachers import TWIN
from graphtwin.statistics import cluster_counts, resample_mean

DISTORTED, ATTACKED, ACCURACY = "distorted", "attacked", "clean"
JUDGED = {DISTORTED: "under distortions", ATTACKED: "under attacks"}
DRAWS = 1000  # bootstrap draws of seeds
LEARNED = 0.05  # accuracy on test pictures above chance that a classifier without a teacher must have for its robustness to mean anything


def by_seed(curves: pd.DataFrame) -> pd.DataFrame:
    """Scores of every classifier: accuracy as it is, under each distortion, under all, under each attack and under both.

    Means over strengths, of attacks those above 0; `distorted` is the mean over kinds of distortions but noise, on which one of the
    controls is trained, `attacked` over the two attacks.

    Args:
        curves: model, seed, distortion, strength, accuracy.

    Returns:
        Columns model, seed, metric, value.

    Examples:
        >>> (found,) = graphtwin.robustness.curves([classifier.classifier], pictures, config)
        >>> table = found.assign(model="none", seed=0)
        >>> graphtwin.robustness.by_seed(table).columns.tolist()
        ['model', 'seed', 'metric', 'value']
    """
    counted = curves[(curves["strength"] > 0) | (curves["distortion"] == CLEAN)]
    each = counted.groupby(["model", "seed", "distortion"], sort=False)["accuracy"].mean().rename("value").reset_index()
    each["metric"] = each["distortion"].where(each["distortion"] != CLEAN, ACCURACY)
    parts = [each[["model", "seed", "metric", "value"]]]
    for name, kinds in ((DISTORTED, [kind for kind in DISTORTIONS if kind != NOISE]), (ATTACKED, [FGSM, PGD])):
        part = each[each["distortion"].isin(kinds)]
        parts.append(part.groupby(["model", "seed"], sort=False)["value"].mean().reset_index().assign(metric=name))
    values = pd.concat(parts, ignore_index=True)[["model", "seed", "metric", "value"]]
    first = {name: at for at, name in enumerate((ACCURACY, DISTORTED, ATTACKED))}
    return values.sort_values("metric", key=lambda names: names.map(first).fillna(len(first)), kind="stable", ignore_index=True)


def scores(values: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Mean over seeds of every model and metric with its interval.

    Args:
        values: model, seed, metric, value.
        seed: Root of the bootstrap draws.

    Returns:
        Columns model, metric, estimate, low, high (95 %, seeds resampled; NaN with fewer than five), seeds.

    Examples:
        >>> values = pd.DataFrame({"model": "none", "seed": range(6), "metric": "accuracy", "value": [0.8, 0.82, 0.81, 0.79, 0.8, 0.83]})
        >>> graphtwin.robustness.scores(values, seed=0)["estimate"].round(3).tolist()
        [0.808]
    """
    rows = []
    for (model, metric), part in values.groupby(["model", "metric"], sort=False):
        estimate, low, high = _mean(part["value"].to_numpy(), seed)
        rows.append((model, metric, estimate, low, high, len(part)))
    return pd.DataFrame(rows, columns=["model", "metric", "estimate", "low", "high", "seeds"])


def differences(values: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Paired differences, over seeds, of each model that is drawn to a twin and its controls.

    Args:
        values: model, seed, metric, value.
        seed: Root of the bootstrap draws.

    Returns:
        Columns model, control, metric, difference (above 0 where the twin's does better), low, high, seeds.

    Examples:
        >>> values = pd.DataFrame({"model": ["similarity, twin", "none"] * 6, "seed": np.arange(12) // 2, "metric": "accuracy"})
        >>> values["value"] = np.random.default_rng(0).normal(0.5, 0.01, 12)
        >>> graphtwin.robustness.differences(values, seed=0).columns.tolist()
        ['model', 'control', 'metric', 'difference', 'low', 'high', 'seeds']
    """
    wide, rows = values.pivot(index="seed", columns=["metric", "model"], values="value"), []
    for metric in values["metric"].unique():
        for way in WAYS:
            model = Recipe(way, TWIN).model
            for control in controls_of(way):
                if (metric, control) in wide and (metric, model) in wide:
                    pairs = (wide[metric, model] - wide[metric, control]).dropna().to_numpy()
                    rows.append((model, control, metric, *_mean(pairs, seed), len(pairs)))
    return pd.DataFrame(rows, columns=["model", "control", "metric", "difference", "low", "high", "seeds"])


def verdicts(values: pd.DataFrame, table: pd.DataFrame, chance: float, masked: dict[str, int]) -> list[str]:
    """Whether function adds robustness, in words: for each way of teaching, under distortions and under attacks.

    Yes: surely better than every control, each 95 % interval above 0; not shown: ahead of each, but not surely of all; no: some do as well.
    Four questions are asked, and none is corrected for the others: by chance a control that is as good is surely beaten in 1 of 40 cases.

    Args:
        values: model, seed, metric, value.
        table: Paired differences (`differences`).
        chance: Accuracy of whoever always names the commonest class.
        masked: Number of classifiers of each model whose gradient failed a check.

    Examples:
        >>> values = pd.DataFrame({"model": ["similarity, twin", "none"] * 6, "seed": np.arange(12) // 2})
        >>> values = values.assign(metric="accuracy", value=0.5)
        >>> table = graphtwin.robustness.differences(values, seed=0)
        >>> graphtwin.robustness.verdicts(values, table, chance=0.5, masked={})[0][:56]
        'Similarity, accuracy under distortions: not tested: no s'
    """
    plain = values[(values["model"] == "none") & (values["metric"] == ACCURACY)]["value"].mean()
    found = []
    for way in WAYS:
        for metric, said in JUDGED.items():
            asked, model = f"{way.capitalize()}, accuracy {said}", Recipe(way, TWIN).model
            own = table[(table["model"] == model) & (table["metric"] == metric)]
            failed = {name: masked.get(name, 0) for name in (model, *controls_of(way)) if masked.get(name, 0)}
            if plain < chance + LEARNED:
                found.append(
                    f"{asked}: not tested: without a teacher {plain:.3f} of the test pictures are named, and {chance:.3f} by always naming "
                    "one class. These classifiers learn nothing that could be robust."
                )
            elif metric == ATTACKED and failed:
                which = ", ".join(f"{n} of {name!r}" for name, n in failed.items())
                found.append(
                    f"{asked}: not tested: gradients of {which} fail a check, so that they may only seem robust (attack_checks.csv)."
                )
            elif not len(own):
                found.append(f"{asked}: not tested: no strength above 0 was asked for (attack.strengths).")
            elif own["low"].isna().all():
                found.append(f"{asked}: not tested: fewer than five seeds, of which there is no interval.")
            else:
                found.append(f"{asked}: {_answer(own, way)}")
    return found


def _answer(own: pd.DataFrame, way: str) -> str:
    """What the differences of one model and metric say."""
    nearest = own.loc[own["difference"].idxmin()]
    by = f"{nearest['difference']:+.3f} ({nearest['low']:.3f} to {nearest['high']:.3f}, {nearest['seeds']} seeds)"
    pixels = own[own["control"].isin(of_pixels(way))]
    first = pixels.loc[pixels["difference"].idxmin()]
    over = f" Over {first['control']!r}: {first['difference']:+.3f} ({first['low']:.3f} to {first['high']:.3f})."
    if (own["low"] > 0).all():
        return f"yes, function adds to each of {len(own)} controls; the nearest is {nearest['control']!r}, {by}.{over}"
    if (own["difference"] > 0).all():
        unsure = int((~(own["low"] > 0)).sum())
        return (
            f"not shown: ahead of all {len(own)} controls, but not surely of {unsure}; the nearest is {nearest['control']!r}, {by}.{over}"
        )
    better = "does better" if nearest["high"] < 0 else "does as well"
    return f"no, function adds nothing: {nearest['control']!r} {better}, {by}.{over}"


@lru_cache(maxsize=8)
def _drawn(n: int, seed: int) -> np.ndarray:
    """How often each of some seeds is drawn: the same for all models."""
    return cluster_counts(n, DRAWS, seed, "seed")


def _mean(values: np.ndarray, seed: int) -> tuple[float, float, float]:
    """Mean over seeds and its interval."""
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    found = resample_mean(np.asarray(values, np.float64), np.arange(len(values)), _drawn(len(values), seed))
    return found.estimate, *found.interval()
