"""Scores of every classifier of a run: curves, attacks and their checks, frequencies, neurons predicted, differences and verdicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from graphtwin.artifacts import write_json, write_parquet, write_table
from graphtwin.execute import map_jobs, threads
from graphtwin.pipeline.robust.classifier_jobs import STRENGTHS
from graphtwin.pipeline.robust.run_folder import CLASSIFIERS, RobustStudy, read_classifier, read_study
from graphtwin.robustness import (
    CLEAN,
    DISTORTIONS,
    NONE,
    Classifier,
    Recipe,
    attacked_rows,
    by_seed,
    curves,
    differences,
    distorted,
    features_of,
    frequencies_used,
    gradient_checks,
    median_correlation,
    predicted_responses,
    scores,
    verdicts,
)

TABLES = ("curves", "scores", "differences", "attack_checks", "frequencies", "neurons_predicted")
FILES = (*(f"{name}.{ending}" for name in TABLES for ending in ("csv", "parquet")), "notes.json")
PIXEL_MODEL = "pixels themselves"  # name of the ridge on pixels in the table of neurons predicted


def write_scores(study: RobustStudy, recipes: dict[str, Recipe], folder: Path) -> None:
    """Score all classifiers of a run and write tables and verdicts.

    Args:
        study: What the run is made of.
        recipes: The recipe of every model.
        folder: Folder of the run.
    """
    from graphtwin.progress import tqdm

    config = study.config
    done = map_jobs(_do, [(recipe,) for recipe in recipes.values()], common=(folder,), workers=config.workers, in_order=True)
    found = list(tqdm(done, total=len(recipes), desc="scores", unit="model", delay=2))
    parts = {name: pd.concat([tables[name] for tables in found], ignore_index=True) for name in found[0]}
    if len(study.encoded):
        own = pd.DataFrame(_predicted(None, study)).assign(model=PIXEL_MODEL, seed=0)
        parts["neurons_predicted"] = pd.concat([parts["neurons_predicted"], own], ignore_index=True)
    values = by_seed(parts["curves"])
    parts["scores"], parts["differences"] = scores(values, config.seed), differences(values, config.seed)
    for name in TABLES:
        write_parquet(parts[name], folder / f"{name}.parquet")
        write_table(parts[name], folder / f"{name}.csv")
    checks = parts["attack_checks"]
    masked = {str(model): int(n) for model, n in checks[~checks["passed"].astype(bool)].groupby("model")["seed"].nunique().items()}
    told = verdicts(values, parts["differences"], study.data.chance, masked)
    write_json({"found": told, "notes": _notes(study, recipes, folder)}, folder / "notes.json")


def _do(folder: Path, recipe: Recipe) -> dict[str, pd.DataFrame]:
    """Tables of all seeds of one model, in a process of one thread."""
    with threads(1):
        study = read_study(folder)
        data, config = study.data, study.config
        rows = attacked_rows(data, config)
        pictures, label = torch.from_numpy(data.pictures[rows]), torch.from_numpy(data.label[rows])
        classifiers = [read_classifier(recipe, number, folder / CLASSIFIERS).classifier for number in range(config.seeds)]
        parts: dict[str, list[pd.DataFrame]] = {"curves": curves(classifiers, data, config)}
        parts |= {name: [] for name in ("attack_checks", "frequencies", "neurons_predicted")}
        for number, classifier in enumerate(classifiers):
            other = _another(recipe, number, study, folder)
            parts["attack_checks"].append(gradient_checks(classifier, other, pictures, label, config.attack, config.seed))
            used = frequencies_used(classifier, data.pictures[data.test], data.label[data.test], config.frequency_noise, config.seed)
            parts["frequencies"].append(used)
            predicted = pd.DataFrame(_predicted(classifier, study), columns=["distortion", "strength", "r"])
            parts["neurons_predicted"].append(predicted)
    return {
        name: pd.concat([table.assign(model=recipe.model, seed=number) for number, table in enumerate(each)], ignore_index=True)
        for name, each in parts.items()
    }


def _another(recipe: Recipe, number: int, study: RobustStudy, folder: Path) -> Classifier | None:
    """A classifier on which pictures are made that are tried on another: by labels alone, of another seed."""
    if study.config.seeds < 2:
        return None
    return read_classifier(Recipe(NONE), (number + 1) % study.config.seeds, folder / CLASSIFIERS).classifier


def _predicted(classifier: Classifier | None, study: RobustStudy) -> list[dict[str, object]]:
    """How well the features of a classifier, or pixels, predict the twin's neurons, of pictures as they are and distorted."""
    if not len(study.encoded):
        return []
    data, seed = study.data, study.config.seed
    training, shown = np.flatnonzero(~data.is_test), data.pictures[study.encoded]
    strengths = {kind: middle(kind) for kind in study.distorted}
    seen = {kind: shown if kind == CLEAN else distorted(shown, kind, strengths[kind], seed) for kind in strengths}
    tests = [features_of(classifier, pictures) for pictures in seen.values()]
    predictions = predicted_responses(features_of(classifier, data.pictures[training]), study.responses[training], *tests)
    return [
        {"distortion": kind, "strength": strengths[kind], "r": median_correlation(study.distorted[kind], prediction)}
        for kind, prediction in zip(seen, predictions, strict=True)
    ]


def middle(kind: str) -> float:
    """The strength of a distortion at which neurons are asked: the middle one."""
    if kind == CLEAN:
        return 0.0
    strengths = DISTORTIONS[kind][1]
    return strengths[len(strengths) // 2]


def _notes(study: RobustStudy, recipes: dict[str, Recipe], folder: Path) -> list[str]:
    """What a reader should know of a run beside its verdicts."""
    table, data = pd.read_parquet(folder / f"{STRENGTHS}.parquet"), study.data
    end = [
        model
        for model, part in table.groupby("model")
        if recipes[str(model)].strength == part["strength"].max() and part["strength"].nunique() > 1
    ]
    notes = [
        f"{data.name}: {len(data.label)} pictures of {data.size[0]} x {data.size[1]} pixels in {len(data.classes)} classes, "
        f"{len(data.test)} of them for tests; always naming the commonest class is right in {data.chance:.3f}.",
        f"The twin has {study.responses.shape[1]} units"
        + (
            "; the untrained one is the same twin with first draws of its weights."
            if study.untrained is not None
            else ", of whose responses alone is known: the untrained one is two layers of random convolutions, and which classifiers "
            "predict neurons under distortion was not asked."
        ),
    ]
    if end:
        notes.append(
            f"Of {len(end)} kinds of classifiers the largest strength that was tried was taken ({'; '.join(map(str, end))}). Whether a "
            "larger one would do as well in validation, and be more robust or less, was not asked."
        )
    return notes
