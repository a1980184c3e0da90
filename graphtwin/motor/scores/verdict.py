"""In words: whether the wiring predicts what was held out, beside every control."""

from __future__ import annotations

import pandas as pd

from graphtwin.motor.controls import STATIC
from graphtwin.motor.scores.differences import CIRCUIT

# Metrics by which each question is judged. Who responds is asked twice, since some controls have no sign: of sizes by auc, of signed
# responses by spearman.
JUDGED = {
    "stimulation": ("auc", "spearman"),
    "unrecorded": ("r",),
    "activity": ("r",),
    "output": ("r",),
    "recruitment": ("spearman",),
    "lesion": ("r",),
}
SAID = {
    "stimulation": "responses to neurons never stimulated in training",
    "unrecorded": "activity of neurons never recorded in training",
    "activity": "activity in held-out trials",
    "output": "motor output in held-out trials",
    "recruitment": "order of recruitment in held-out trials",
    "lesion": "what lesions do to motor output",
}
DRAWN = ("rewired", "permuted")  # how names of models begin that are the circuit's own with another graph, drawn at random
NAMES = {"auc": "AUC", "spearman": "rank correlation", "r": "r", "r2": "R2"}


def verdict(table: pd.DataFrame, differences: pd.DataFrame, ceiling: pd.DataFrame | None = None) -> list[str]:
    """What the scores say of the wiring, question by question.

    Yes: the circuit is surely better than every control, and graphs drawn at random are among these. Not shown: it is ahead of each, but
    not surely of all, or no such graph was fitted. No: some are as good.
    Each 95 % interval must lie above 0, of every control and every metric that the question is judged by. No correction is made for their
    number: the more there are, the harder is a yes. Intervals know nothing of how much graphs differ that are drawn at random: a graph that
    says nothing beats each of k such by chance in 1 of k + 1 cases, which the sentence says; 19 make that 5 %.

    Args:
        table: Scores of all models (`tabulated`).
        differences: Of the circuit and each control.
        ceiling: What anything could reach: question, metric, ceiling, and `how` it was found.
    """
    asked = [question for question in JUDGED if question in set(table.loc[table["model"] == CIRCUIT, "question"])]
    return [_sentence(question, table, differences, ceiling) for question in asked]


def _sentence(question: str, table: pd.DataFrame, differences: pd.DataFrame, ceiling: pd.DataFrame | None) -> str:
    """The finding of one question."""
    judged = [metric for metric in JUDGED[question] if _of(table, question, metric, CIRCUIT) is not None]
    own = differences[(differences["question"] == question) & differences["metric"].isin(judged)]
    numbers = "; ".join(_numbers(question, metric, table, own, ceiling) for metric in judged)
    said = SAID[question].capitalize()
    if not len(own):
        return f"{said}: not compared with any control. {numbers}."
    tested = own[own["low"].notna()]
    if not len(tested):
        return f"{said}: untested, {int(own['n'].min())} {own['resampled'].iloc[0]} are too few for an interval. {numbers}."
    left = [NAMES[metric] for metric in judged if metric not in set(tested["metric"])]
    numbers += f"; not judged by {' and '.join(left)}, of which there is no interval" if left else ""
    held = tested[~(tested["low"] > 0)]
    if not len(held):
        drawn = sum(control.startswith(DRAWN) for control in tested["control"].unique())
        controls = tested["control"].nunique()
        beaten = f"better than each of {controls} control{'s' * (controls != 1)}"
        if not drawn:  # any wiring may do as well
            return f"{said}: not shown: {beaten}, but none of these is a rewired or permuted circuit. {numbers}."
        chance = f"{drawn} of which are graphs drawn at random, that one which says nothing would all beat in 1 of {drawn + 1} cases"
        return f"{said}: yes, the wiring predicts it: {beaten}, {chance}. {numbers}."
    nearest = held.loc[held["difference"].idxmin()]
    control = str(nearest["control"])
    name = NAMES[str(nearest["metric"])]
    by = f"{nearest['difference']:+.3f} in {name}, {nearest['low']:.3f} to {nearest['high']:.3f}"
    is_static = control in STATIC
    if nearest["difference"] > 0:
        finding = f"not shown: the {'fitted dynamics are' if is_static else 'wiring is'} ahead of {control!r}, but not surely ({by})"
    else:
        better = "does better than the circuit" if nearest["high"] < 0 else "does as well as the circuit"
        what = "the fitted dynamics add" if is_static else "anatomy alone does not do it: the wiring adds"
        finding = f"no, {what} nothing beyond {control!r}, which {better} ({by})"
    others = held["control"].nunique() - 1
    more = f" {others} other control{'s are' if others > 1 else ' is'} not surely worse either." if others else ""
    return f"{said}: {finding}.{more} {numbers}."


def _numbers(question: str, metric: str, table: pd.DataFrame, own: pd.DataFrame, ceiling: pd.DataFrame | None) -> str:
    """Score of the circuit, of the best control, and the share of the way from it to the ceiling."""
    circuit = _of(table, question, metric, CIRCUIT)
    assert circuit is not None  # the caller has looked
    interval = f"{circuit['low']:.3f} to {circuit['high']:.3f}, " if pd.notna(circuit["low"]) else ""
    told = f"{NAMES[metric]} {circuit['estimate']:.3f} ({interval}{circuit['n']} {circuit['resampled']})"
    controls = own.loc[own["metric"] == metric, "control"]
    best = table[(table["question"] == question) & (table["metric"] == metric) & table["model"].isin(controls)]
    if not len(best):
        return told
    first = best.loc[best["estimate"].idxmax()]
    told += f", best control {first['model']!r} {first['estimate']:.3f}"
    if ceiling is None:
        return told
    top = ceiling[(ceiling["question"] == question) & (ceiling["metric"] == metric)]
    if len(top) and pd.notna(top["ceiling"].iloc[0]):
        ceiling_is = f"ceiling of {top['ceiling'].iloc[0]:.3f} ({top['how'].iloc[0]})"
        if top["ceiling"].iloc[0] > first["estimate"]:
            share = (circuit["estimate"] - first["estimate"]) / (top["ceiling"].iloc[0] - first["estimate"])
            told += f", {f'{share:.0%}' if share > 0 else 'no part'} of the way from there to the {ceiling_is}"
        else:
            told += f", not below the {ceiling_is}"
    return told


def _of(table: pd.DataFrame, question: str, metric: str, model: str) -> pd.Series | None:
    """The row of a score, None where there is none."""
    found = table[(table["question"] == question) & (table["metric"] == metric) & (table["model"] == model)]
    return found.iloc[0] if len(found) else None
