"""Verdicts of curves with known differences, and that chance is not taken for function."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.report.figures.drawing import Drawn
from graphtwin.report.figures.robust_figures import draw_differences
from graphtwin.robustness import DISTORTIONS, RobustConfig, by_seed, differences, scores, tried, verdicts

MODELS = list(dict.fromkeys(recipe.model for recipe in tried(RobustConfig().teaching)))
TWINS = ("similarity, twin", "co-training, twin")


def curves(ahead: dict[str, float], seeds: int = 10, spread: float = 0.01, draw: int = 0, level: float = 0.6) -> pd.DataFrame:
    """Accuracies of all models around one level, some ahead of it."""
    rng = np.random.default_rng(draw)
    rows = []
    for model in MODELS:
        for seed in range(seeds):
            own = level + ahead.get(model, 0.0) + spread * rng.standard_normal()
            rows.append((model, seed, "none", 0.0, 0.9))
            kinds = [(kind, strength) for kind, (_, each) in DISTORTIONS.items() for strength in each]
            rows += [(model, seed, kind, strength, own) for kind, strength in [*kinds, ("FGSM", 0.1), ("PGD", 0.1), ("PGD", 0.0)]]
    return pd.DataFrame(rows, columns=["model", "seed", "distortion", "strength", "accuracy"])


def said(table: pd.DataFrame, masked: dict[str, int] | None = None, chance: float = 0.1) -> list[str]:
    values = by_seed(table)
    return verdicts(values, differences(values, 0), chance, masked or {})


def test_scores_are_means_over_strengths_and_kinds_and_strength_0_counts_as_no_attack():
    table = curves({}, spread=0.0)
    table.loc[table["distortion"] == "noise", "accuracy"] = 0.3
    table.loc[table["distortion"] == "blur", "accuracy"] = 0.4
    table.loc[(table["distortion"] == "PGD") & (table["strength"] == 0), "accuracy"] = 1.0
    found = scores(by_seed(table), 0).set_index(["model", "metric"])["estimate"]
    assert np.isclose(found["none", "noise"], 0.3)
    assert np.isclose(found["none", "distorted"], (0.4 + 4 * 0.6) / 5)  # noise, on which a control is trained, is left out
    assert np.isclose(found["none", "attacked"], 0.6)
    assert np.isclose(found["none", "clean"], 0.9)


def test_function_that_beats_every_control_is_found_and_one_control_that_does_as_well_denies_it():
    found = said(curves(dict.fromkeys(TWINS, 0.1)))
    assert [": yes, function adds to each of 7 controls" in sentence for sentence in found] == [True] * 4
    found = said(curves(dict.fromkeys(TWINS, 0.1) | {"similarity, low-passed pixels": 0.12}))
    assert ": no, function adds nothing: 'similarity, low-passed pixels' does better" in found[0]
    assert ": yes" in found[2]
    found = said(curves(dict.fromkeys(TWINS, 0.1) | {"similarity, low-passed pixels": 0.0995}))
    assert ": not shown: ahead of all 7 controls, but not surely of 1" in found[0] or "does as well" in found[0]


def test_chance_is_taken_for_function_as_often_as_is_said():
    def answers(ahead: float, draw: int) -> list[bool]:
        keys = pd.MultiIndex.from_product([MODELS, range(10), ["clean", "distorted", "attacked"]], names=["model", "seed", "metric"])
        values = keys.to_frame(index=False).assign(value=0.6 + 0.01 * np.random.default_rng(draw).standard_normal(len(keys)))
        values.loc[values["model"].isin(TWINS), "value"] += ahead
        return [": yes" in sentence for sentence in verdicts(values, differences(values, 0), 0.1, {})]

    assert np.mean([answers(0.0, draw) for draw in range(30)]) <= 0.025  # seven controls must be beaten, each in 1 of 40 cases by chance
    assert np.mean([answers(0.02, draw) for draw in range(10)]) > 0.8


def test_what_cannot_be_tested_is_said():
    assert all("not tested: fewer than five seeds" in sentence for sentence in said(curves({}, seeds=4)))
    unlearned = curves(dict.fromkeys(TWINS, 0.1))
    unlearned.loc[unlearned["distortion"] == "none", "accuracy"] = 0.12
    assert all("not tested: without a teacher 0.120" in sentence for sentence in said(unlearned))
    masked = said(curves(dict.fromkeys(TWINS, 0.1)), {"similarity, twin": 3, "co-training, pixels": 1})
    assert ": yes" in masked[0]
    assert "not tested: gradients of 3 of 'similarity, twin' fail a check" in masked[1]
    assert "1 of 'co-training, pixels'" in masked[3]


def test_without_an_attack_of_a_strength_above_0_only_distortions_are_judged_and_drawn():
    table = curves(dict.fromkeys(TWINS, 0.1))
    table.loc[table["distortion"].isin(["FGSM", "PGD"]), "strength"] = 0.0
    found = said(table)
    assert [": yes" in sentence for sentence in found] == [True, False] * 2
    assert all("not tested: no strength above 0 was asked for (attack.strengths)" in sentence for sentence in found[1::2])
    drawn = draw_differences(differences(by_seed(table), 0), "similarity")
    assert isinstance(drawn, Drawn)
    assert all(f">{name}<" in drawn.svg for name in ("similarity, pixels", "label smoothing", "under distortions"))
    assert "under attacks" not in drawn.svg
