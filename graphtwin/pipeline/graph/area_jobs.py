"""Areas held out: what is learned from the neurons, or from the axons and cells, of one brain area is asked about those of every other.

Nothing of an area that is asked about is learned from: no label, no place, no synapse. Beside it each area is asked about itself, in folds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float32, Int

from graphtwin.graph.data import PairSet
from graphtwin.graph.model import fit_neurons, fit_pairs, pair_probabilities, predict_rows
from graphtwin.graph.runs import (
    GRAPH_MODEL,
    HELD_OUT,
    NO_FUNCTION,
    Rivals,
    Study,
    draws_of,
    fit_pair_rivals,
    inner_rivals,
    inner_sides,
    label_of,
    network_of,
    pair_rivals,
    predicting_sides,
    stacked,
    with_stacks,
)
from graphtwin.pipeline.graph.areas import Areas, areas_of, asked_neurons, asked_pairs, neuron_folds, within_area
from graphtwin.pipeline.graph.jobs import Job, JobKey, Results
from graphtwin.pipeline.graph.neuron_jobs import REAL, kept_neurons, of_baselines, of_network
from graphtwin.pipeline.graph.pair_jobs import kept_table

NEURONS, PAIRS = "area neurons", "area pairs"
ACROSS, OWN = "across", "own"  # variants: all other areas are asked about; or a fold of the area itself, which is not learned from
SPLIT = "area"


def area_jobs(study: Study, areas: Areas) -> list[Job]:
    """A fit of each area that is asked about all others, and one of each fold of it.

    Args:
        study: The study, whose settings say the number of folds.
        areas: Areas of the study.
    """
    jobs = []
    for task, work, of_task, folds, cost in (
        (NEURONS, neurons_job, areas.of_neurons, study.settings.neuron_folds, 6),
        (PAIRS, pairs_job, areas.of_pairs, study.settings.axon_folds, 20),
    ):
        for area in of_task:
            key = partial(JobKey, task, split=SPLIT, replicate=area)
            jobs += [Job(key(variant=ACROSS, fold=0), work, cost)]
            jobs += [Job(key(variant=OWN, fold=fold), work, cost) for fold in range(folds)]
    return jobs


def neurons_job(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """What the graph model from function and its baselines say of the neurons that a key asks about, a row a neuron and model."""
    areas, area, evidence = areas_of(study), int(key.replicate or 0), study.evidence["function"]
    teach = asked_neurons(study, areas, area)
    if key.variant == ACROSS:
        held = np.isin(areas.code, areas.of_neurons) & study.inputs.subjects & ~teach
    else:
        held = teach & (neuron_folds(study) == key.fold)
        teach &= ~held
    name, settings = f"{draws_of(label_of(evidence))} {_said(areas, key)}", study.settings
    fitted = fit_neurons(study.inputs, study.similar, teach, evidence, settings.neurons, settings.seed, name, study.device, checkpoint)
    model, rows = network_of(label_of(evidence)), np.flatnonzero(held)
    tables = [
        of_network(study, rows, predict_rows(fitted, rows), key, model).assign(part=HELD_OUT, permutation=REAL),
        kept_neurons(study, fitted, key, model).assign(permutation=REAL),
        of_baselines(study, teach, held, key, study.tasks),
    ]
    return with_stacks(study, pd.concat(tables, ignore_index=True), {SPLIT: study.tasks})


def pairs_job(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """Probabilities of the pairs that a key asks about, in the order of `pairs_of`, by the baselines and the graph model.

    Other areas are new tissue to the graph model: its weights are learned on blocks of its own area, as where blocks are held out.
    """
    areas = areas_of(study)
    training = within_area(study, areas, int(key.replicate or 0), key.fold if key.variant == OWN else None)
    pre, post = pairs_of(study, areas, key)
    split = "axon" if key.variant == OWN else "block"
    sides, labels = inner_sides(study, training, split), pair_rivals(study, split)
    found = fit_pair_rivals(study, training, labels)(pre, post)
    rivals = Rivals(pd.DataFrame(found), inner_rivals(study, sides, labels))
    columns = {model: found[model].astype(np.float32) for model in labels}
    for label, seen in ((GRAPH_MODEL, study), (NO_FUNCTION, study.without_function())):
        columns[label] = _by_graph_model(seen, training, (pre, post), rivals, split, f"{label} {_said(areas, key)}", checkpoint)
    return pd.DataFrame(columns)


def _by_graph_model(
    seen: Study,
    training: PairSet,
    asked: tuple[np.ndarray, np.ndarray],
    rivals: Rivals,
    split: str,
    name: str,
    checkpoint: Path,
) -> Float32[np.ndarray, " pairs"]:
    """Probabilities by the graph model of a study that has function, or has it set to 0."""
    where = checkpoint.with_name(f"{checkpoint.stem}_{'without' if NO_FUNCTION in name else 'with'}{checkpoint.suffix}")
    args = seen.settings.pairs, seen.settings.seed, draws_of(name), seen.device, where
    sides, predicting = inner_sides(seen, training, split), predicting_sides(seen, training, split)
    fitted = fit_pairs(seen.inputs, seen.similar, training, sides, *args, predicting=predicting)
    held = pd.DataFrame({"probability": pair_probabilities(fitted, *asked)[0], "part": HELD_OUT})
    return stacked(pd.concat([held, kept_table(fitted)], ignore_index=True), rivals, split, [GRAPH_MODEL])[GRAPH_MODEL]


def pairs_of(study: Study, areas: Areas, key: JobKey) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Rows of axon and cell of the pairs that a job asks about: those of every other area in turn, or of a fold of its own axons."""
    area = int(key.replicate or 0)
    if key.variant == OWN:
        pre, post, fold = asked_pairs(study, areas, area)
        return pre[fold == key.fold], post[fold == key.fold]
    found = [asked_pairs(study, areas, other)[:2] for other in areas.of_pairs if other != area]
    return np.concatenate([pre for pre, _ in found]), np.concatenate([post for _, post in found])


def answers_of_pairs(study: Study, areas: Areas, results: Results, test: int) -> Iterator[tuple[int, pd.DataFrame]]:
    """For each area that taught, what its models say of the pairs of an area, in the order of `asked_pairs`.

    Args:
        study: The study.
        areas: Areas of the study.
        results: Tables of all jobs.
        test: Number of the area that is asked about.
    """
    fold = asked_pairs(study, areas, test)[2]
    for train in areas.of_pairs:
        key = partial(JobKey, PAIRS, split=SPLIT, replicate=train)
        if train != test:
            found = results[key(variant=ACROSS, fold=0)]
            before = sum(len(asked_pairs(study, areas, other)[2]) for other in areas.of_pairs if other != train and other < test)
            yield train, found[before : before + len(fold)].reset_index(drop=True)
            continue
        own = {one: results[key(variant=OWN, fold=one)] for one in range(study.settings.axon_folds)}
        rows = np.concatenate([np.flatnonzero(fold == one) for one in own])
        together = pd.concat(own.values(), ignore_index=True)
        yield train, together.iloc[np.argsort(rows)].reset_index(drop=True)


def answers_of_neurons(study: Study, areas: Areas, results: Results, test: int) -> Iterator[tuple[int, pd.DataFrame]]:
    """For each area that taught, what its models say of the neurons of an area, a row a neuron and model; see `answers_of_pairs`."""
    asked = study.inputs.nucleus_id[asked_neurons(study, areas, test)]
    for train in areas.of_neurons:
        variant, folds = (OWN, study.settings.neuron_folds) if train == test else (ACROSS, 1)
        keys = [JobKey(NEURONS, variant=variant, split=SPLIT, fold=fold, replicate=train) for fold in range(folds)]
        found = pd.concat([results[key] for key in keys], ignore_index=True)
        yield train, found[found["nucleus_id"].isin(asked)]


def _said(areas: Areas, key: JobKey) -> str:
    """What a key learns from, in the names of draws."""
    return f"{key.variant} {areas.names[int(key.replicate or 0)]} {key.fold}"
