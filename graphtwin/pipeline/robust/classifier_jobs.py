"""Every fit of a run as a job of one thread: strengths are tried, validation accuracy chooses one, and all seeds are fitted with it."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from graphtwin.artifacts import write_parquet, write_table
from graphtwin.execute import map_jobs, threads
from graphtwin.folders import WORK
from graphtwin.pipeline.robust.run_folder import CLASSIFIERS, read_classifier, read_study, stem_of, write_classifier
from graphtwin.robustness import Recipe, RobustConfig, tried
from graphtwin.robustness import fit as fit_classifier

STRENGTHS = "strengths"  # name of the table of strengths that were tried
AT_ONCE = 6  # classifiers of a job
log = logging.getLogger("graphtwin")


def fit_all(config: RobustConfig, folder: Path) -> dict[str, Recipe]:
    """Fit every classifier that is not there yet, and keep those of chosen strengths; returns the recipe of every model.

    Args:
        config: Settings.
        folder: Folder of the run, in which its study is.
    """
    recipes = tried(config.teaching)
    several = {recipe.model for recipe in recipes if sum(recipe.model == other.model for other in recipes) > 1}
    first = [(recipe, number) for recipe in recipes for number in range(config.teaching.tuning_seeds) if recipe.model in several]
    _fit(first, config, folder, "strengths")
    table = _validated(first, folder)
    chosen = chosen_strengths(table, config.teaching.tolerance)
    found = {recipe.model: recipe for recipe in recipes if recipe.strength == chosen.get(recipe.model, recipe.strength)}
    table["chosen"] = [row.strength == chosen[row.model] for row in table.itertuples()]
    write_parquet(table, folder / f"{STRENGTHS}.parquet")
    write_table(table, folder / f"{STRENGTHS}.csv")
    fit_kept([(recipe, number) for recipe in found.values() for number in range(config.seeds)], config, folder)
    return found


def fit_kept(jobs: list[tuple[Recipe, int]], config: RobustConfig, folder: Path) -> None:
    """Fit classifiers of chosen strengths that are not among the pieces of work, and keep all of them.

    Args:
        jobs: Recipe and number of the seed of each.
        config: Settings.
        folder: Folder of the run, in which its study is.
    """
    _fit(jobs, config, folder, "classifiers")
    for job in jobs:
        write_classifier(read_classifier(*job, folder / WORK), folder / CLASSIFIERS)


def chosen_strengths(table: pd.DataFrame, tolerance: float) -> dict[str, float]:
    """The largest strength of every model whose mean validation accuracy is no further below the best of the model's than the tolerance.

    Args:
        table: model, strength, seed, validation (accuracy).
        tolerance: Accuracy.
    """
    mean = table.groupby(["model", "strength"])["validation"].mean()
    return {
        str(model): float(part.index.get_level_values("strength")[part.to_numpy() >= part.max() - tolerance - 1e-12].max())
        for model, part in mean.groupby(level="model")
    }


def chosen_recipes(config: RobustConfig, folder: Path) -> dict[str, Recipe]:
    """The recipe with the chosen strength of every model of a run whose strengths were chosen."""
    table = pd.read_parquet(folder / f"{STRENGTHS}.parquet")
    chosen = dict(table.loc[table["chosen"], ["model", "strength"]].drop_duplicates().itertuples(index=False, name=None))
    return {recipe.model: recipe for recipe in tried(config.teaching) if recipe.strength == chosen.get(recipe.model, recipe.strength)}


def _validated(jobs: list[tuple[Recipe, int]], folder: Path) -> pd.DataFrame:
    """Validation accuracy of classifiers that were fitted."""
    rows = [(recipe.model, recipe.strength, number, read_classifier(recipe, number, folder / WORK).validation) for recipe, number in jobs]
    return pd.DataFrame(rows, columns=["model", "strength", "seed", "validation"])


def _fit(jobs: list[tuple[Recipe, int]], config: RobustConfig, folder: Path, what: str) -> None:
    """Fit what is missing, some at a time in a process."""
    from graphtwin.progress import tqdm

    missing = [job for job in jobs if not (folder / WORK / f"{stem_of(*job)}.pt").exists()]
    parts = [missing[at : at + AT_ONCE] for at in range(0, len(missing), AT_ONCE)]
    with tqdm(total=len(missing), desc=what, unit="classifier", delay=2) as bar:
        for done in map_jobs(_do, [(part,) for part in parts], common=(folder,), workers=config.workers):
            bar.update(done)


def _do(folder: Path, jobs: list[tuple[Recipe, int]]) -> int:
    """Fit some classifiers in a process of one thread and keep them."""
    import torch  # noqa: F401  # imported so that `threads` bounds it

    with threads(1):
        study = read_study(folder)
        taught = study.teachers()
        for recipe, number in jobs:
            write_classifier(fit_classifier(study.data, recipe, taught.get(recipe.teacher), study.config, number), folder / WORK)
    return len(jobs)
