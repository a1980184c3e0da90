"""In words: whether the wiring predicts the order of motor neurons, by chance, beside controls, and beyond shared input alone."""

from __future__ import annotations

import math

import pandas as pd

from graphtwin.motor.controls import SHARED_ALONE
from graphtwin.motor.scores.differences import CIRCUIT
from graphtwin.motor.scores.order_scores import CLOSENESS, ORDER, PERMUTED, QUESTION

SURE = 0.05  # adjusted p up to which scores are above chance
WORDS = {ORDER: "order", CLOSENESS: "closeness of pairs"}


def fewest_permutations(questions: int) -> int:
    """Permutations with which an adjusted p can be as small as `SURE`.

    Args:
        questions: How many are asked, each with a verdict.
    """
    return math.ceil(questions / SURE) - 1


def order_verdict(table: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    """What the scores say of the wiring, of all orders together and of each.

    Yes: by both metrics the circuit is above chance (p of permuted identities, the larger of both, adjusted for all questions, up to .05)
    and surely better than every control without the wiring (each 95 % interval above 0), rewired circuits among these. Not shown: it is
    ahead of each, but not surely by both metrics, or no circuit was rewired. No: it is behind one of them. Not tested: it is behind none,
    and permutations are too few for such a p. Shared input alone is anatomy too: a sentence of its own compares with it.

    Args:
        table: Scores of all models (`tabulated_orders`).
        differences: Of the circuit and each control (`order_differences`).
    """
    asked = table.loc[table["model"] == CIRCUIT, "question"].unique()
    return [
        _sentence(question, table[table["question"] == question], differences[differences["question"] == question], len(asked))
        for question in asked
    ]


def _sentence(question: str, table: pd.DataFrame, differences: pd.DataFrame, questions: int) -> str:
    """The finding of one question."""
    said = "Order in which motor neurons are recruited that no fit has seen"
    said += f", {question.removeprefix(f'{QUESTION}, ')!r}" if question != QUESTION else ", all conditions"
    own = table[table["model"] == CIRCUIT].set_index("metric")
    unwired = differences[differences["control"] != SHARED_ALONE]
    numbers = "; ".join(_numbers(metric, own.loc[metric], table) for metric in WORDS)
    beyond = _beyond(differences[differences["control"] == SHARED_ALONE].set_index("metric"))
    behind, unsure = unwired[unwired["difference"] <= 0], unwired[~(unwired["low"] > 0)]
    permuted = int(table.loc[table["model"] == PERMUTED, "n"].max() if own["p"].notna().any() else 0)
    needed, adjusted = fewest_permutations(questions), own["p_adj"].max()
    among = f", adjusted for {questions} questions {adjusted:.3f}" if questions > 1 else ""
    if len(behind):
        worst = behind.loc[behind["difference"].idxmin()]
        found = f"no, {worst['control']!r} does as well by {WORDS[worst['metric']]} ({_interval(worst)})"
    elif permuted < needed:
        of = f" that is adjusted for {questions} questions" if questions > 1 else ""
        found = f"not tested: permutations = {permuted}, and {needed} are needed for a p of {SURE}{of}"
    elif not adjusted <= SURE:
        which = " and ".join(f"{WORDS[metric]} p {own.loc[metric, 'p']:.3f}" for metric in WORDS)
        found = f"not shown: not surely above permuted identities ({which}{among})"
    elif len(unsure):
        nearest = unsure.loc[unsure["difference"].idxmin()]
        by = f"{WORDS[nearest['metric']]}, {_interval(nearest)}"
        found = f"not shown: above chance, and ahead of {nearest['control']!r}, but not surely (by {by})"
    elif not unwired["control"].str.startswith("rewired").any():
        found = "not shown: above chance, but no circuit was rewired"
    else:
        n = unwired["control"].nunique()
        found = f"yes, the wiring predicts it: above chance, and surely better than each of {n} controls without it"
    if among and adjusted <= SURE:
        numbers += f"; the larger p{among}"
    return f"{said}: {found}. {beyond} {numbers[:1].upper()}{numbers[1:]}."


def _beyond(differences: pd.DataFrame) -> str:
    """What is added to shared input alone."""
    parts = [f"{WORDS[metric]} {_interval(differences.loc[metric])}" for metric in WORDS]
    ahead, surely = differences["difference"] > 0, differences["low"] > 0
    word = (
        "surely more" if surely.all() else "more, not surely by both" if ahead.all() else "not more by both" if ahead.any() else "no more"
    )
    return f"It says {word} than shared input alone ({'; '.join(parts)})."


def _interval(row: pd.Series) -> str:
    """A difference with its interval."""
    return f"{row['difference']:+.3f}" + (
        f", {row['low']:.3f} to {row['high']:.3f}" if pd.notna(row["low"]) else ", too few for an interval"
    )


def _numbers(metric: str, circuit: pd.Series, table: pd.DataFrame) -> str:
    """Score of the circuit with its interval and p, and that of shared input alone."""
    interval = f"{circuit['low']:.3f} to {circuit['high']:.3f}, " if pd.notna(circuit["low"]) else ""
    alone = table[(table["model"] == SHARED_ALONE) & (table["metric"] == metric)].iloc[0]
    p = ["" if pd.isna(row["p"]) else f"p {row['p']:.3f}" for row in (circuit, alone)]
    more = f", {p[0]}" if p[0] else ""
    return (
        f"rank correlation of {WORDS[metric]} {circuit['estimate']:.3f} ({interval}{circuit['n']} {circuit['resampled']}{more}), of shared "
        f"input alone {alone['estimate']:.3f}" + (f" ({p[1]})" if p[1] else "")
    )
