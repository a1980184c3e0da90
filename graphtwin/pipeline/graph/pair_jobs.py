"""Held-out axons: connectivity by the graph model, its baselines, its permutation null and the graph model of a rewired graph."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Int
from scipy import sparse

from graphtwin.evaluation import N_NEGATIVES, folds_by_axon, folds_by_block
from graphtwin.graph.data import PairSet
from graphtwin.graph.model import FittedPairs, fit_pairs, pair_probabilities
from graphtwin.graph.runs import (
    FEW_NEGATIVES,
    GRAPH_MODEL,
    HELD_OUT,
    MESSAGE_PASSING,
    NO_FUNCTION,
    TUNED,
    Rivals,
    Study,
    draws_of,
    fit_pair_rivals,
    inner_rivals,
    inner_sides,
    pair_rivals,
    predicting_sides,
    stacked,
)
from graphtwin.pipeline.graph.jobs import Job, JobKey, Results
from graphtwin.wiring.nulls import rewire

Split = Literal["axon", "block"]
SPLITS: tuple[Split, ...] = ("axon", "block")
TASK = "pairs"
EXPOSURE = "pair_exposure"  # column of the exposure of each pair: "exposure" is the model that knows nothing else


def pair_folds(study: Study, split: str) -> tuple[Int[np.ndarray, " axons"], Int[np.ndarray, " cells"]]:
    """Fold of every observed axon and of every queried cell; -1 for cells that the split does not hold out."""
    pairs, settings = study.pairs, study.settings
    if split == "axon":
        return folds_by_axon(study.inputs.nucleus_id[pairs.pre], settings.axon_folds, settings.seed), np.full(len(pairs.post), -1)
    both = np.concatenate([pairs.pre, pairs.post])
    fold = folds_by_block(study.inputs.position[both][:, study.cut], settings.block_folds)
    return fold[: len(pairs.pre)], fold[len(pairs.pre) :]


def sides(study: Study, split: str, fold: int | None) -> tuple[PairSet, np.ndarray, np.ndarray]:
    """Training pairs, and the rows of held-out functional axons and of the cells they are scored on."""
    pairs = study.pairs
    axon, cell = pair_folds(study, split)
    held = (axon == fold) & study.scored_axons
    if split == "axon":
        return pairs.of_axons(axon != fold), pairs.pre[held], pairs.post
    train = (axon != fold) & (axon >= 0)
    kept = (cell != fold) & (cell >= 0)
    size = sparse.csr_array(pairs.size[np.flatnonzero(train)][:, np.flatnonzero(kept)])
    observed = np.diff(size.indptr) > 0
    training = replace(pairs, pre=pairs.pre[train], post=pairs.post[kept], size=size).of_axons(observed)
    return training, pairs.pre[held], pairs.post[cell == fold]


def outer(pre: Int[np.ndarray, " axons"], post: Int[np.ndarray, " cells"]) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """All pairs of axons and cells but a cell with itself, axon by axon."""
    i, j = np.repeat(pre, len(post)), np.tile(post, len(pre))
    return i[i != j], j[i != j]


def n_pair_folds(study: Study, split: Split) -> int:
    """Number of folds of a split of pairs."""
    return study.settings.axon_folds if split == "axon" else study.settings.block_folds


def pair_jobs(study: Study, splits: tuple[Split, ...] = SPLITS) -> list[Job]:
    """Graph model, baselines and nulls of every fold.

    Args:
        study: The study, whose settings say the number of folds and of nulls.
        splits: Splits of pairs that are run.
    """
    jobs = []
    for split in splits:
        for fold in range(n_pair_folds(study, split)):
            key = partial(JobKey, TASK, split=split, fold=fold)
            jobs += [
                Job(key("graph", "as is"), pair_graph_job, 10),
                Job(key("baselines"), pair_baseline_job, 36 if split == "axon" else 12),
            ]
            if split == "axon" and fold < study.settings.null_folds:
                jobs += null_jobs(study, fold)
            if split == "axon" and study.has_function:
                jobs.append(Job(key("graph", "no function"), pair_graph_job, 10))
    return jobs


def null_jobs(study: Study, fold: int) -> list[Job]:
    """Graph models of permuted function and of rewired graphs, for one fold of axons; what knows no function is not permuted."""
    kinds = {"permuted": study.settings.permutations if study.has_function else 0, "rewired": study.settings.rewired}
    jobs = [
        Job(JobKey(TASK, "graph", variant, "axon", fold, replicate), pair_graph_job, 10)
        for variant, number in kinds.items()
        for replicate in range(number)
    ]
    rewired = [JobKey(TASK, "baselines", "rewired", "axon", fold, replicate) for replicate in range(study.settings.rewired)]
    return [*jobs, *(Job(key, pair_baseline_job, 24) for key in rewired)]


def pair_graph_job(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """Probabilities (and sizes) of one fold's pairs by message passing, and of its inner sides, which are numbered by `part`.

    A variant changes what is learned from, never what is scored.
    """
    training, pre, post = _learned_from(study, key)
    seen, replicate = study, key.replicate or 0
    if key.variant == "no function":
        seen = study.without_function()
    elif key.variant == "permuted":
        seen = study.permuted(replicate, within_layer=True)
    settings = study.settings
    name = f"{draws_of(GRAPH_MODEL)} {key.variant} {key.split} {key.fold} {replicate}"
    inner, predicting = inner_sides(study, training, key.split), predicting_sides(study, training, key.split)
    args = settings.pairs, settings.seed, name, study.device, checkpoint if key.variant != "permuted" else None
    told = study.told if key.split == "axon" and key.variant != "rewired" else None  # others learn from pairs that no other fit does
    fitted = fit_pairs(seen.inputs, seen.similar, training, inner, *args, predicting=predicting, told=told)
    probability, size = pair_probabilities(fitted, *outer(pre, post))
    held = pd.DataFrame({"probability": probability} | ({"expected_size": size} if key.variant == "as is" else {}))
    return pd.concat([held.assign(part=HELD_OUT), kept_table(fitted)], ignore_index=True)


def kept_table(fitted: FittedPairs) -> pd.DataFrame:
    """Probabilities of the pairs that each network's fit kept back."""
    kept = [pd.DataFrame({"probability": probability, "part": part}) for part, probability in enumerate(fitted.kept)]
    return pd.concat(kept, ignore_index=True)


def _learned_from(study: Study, key: JobKey) -> tuple[PairSet, np.ndarray, np.ndarray]:
    """The sides of a job; of a rewired graph the training pairs are rewired."""
    training, pre, post = sides(study, key.split, key.fold)
    return (rewired(training, study.settings.seed, key.replicate or 0) if key.variant == "rewired" else training), pre, post


def rewired(training: PairSet, seed: int, replicate: int) -> PairSet:
    """Training pairs with targets exchanged between axons; every degree stays."""
    linked = training.size.tocoo()
    post = rewire(training.pre[linked.row], training.post[linked.col], seed, replicate)
    size = sparse.csr_array((linked.data, (linked.row, np.searchsorted(training.post, post))), shape=training.size.shape)
    return replace(training, size=size)


def pair_baseline_job(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """Probabilities of one fold's pairs by the baselines, learned from what the graph model learns from, and of its inner sides."""
    training, pre, post = _learned_from(study, key)
    labels = pair_rivals(study, key.split)
    told = TUNED if key.split == "axon" and key.variant != "rewired" and study.has_function else ()
    n_negatives = FEW_NEGATIVES if study.settings.preset == "short" else N_NEGATIVES
    found = fit_pair_rivals(study, training, (*labels, *told), n_negatives)(*outer(pre, post))
    held = pd.DataFrame({model: probability.astype(np.float32) for model, probability in found.items()})
    inner = inner_rivals(study, inner_sides(study, training, key.split), labels)
    return pd.concat([held.assign(part=HELD_OUT, connected=False, weight=1.0), inner], ignore_index=True)


def pair_table(study: Study, split: Split, results: Results) -> pd.DataFrame:
    """All held-out pairs of a split with every model's probability, `connected`, `size`, fold, soma distance (um) and exposure, if any."""
    inputs, pairs, frames = study.inputs, study.pairs, []
    for fold in range(n_pair_folds(study, split)):
        _, pre, post = sides(study, split, fold)
        i, j = outer(pre, post)
        size = pairs.size[np.searchsorted(pairs.pre, pre)][:, np.searchsorted(pairs.post, post)].toarray()
        size = size.ravel()[(pre[:, None] != post[None]).ravel()]
        key = partial(JobKey, TASK, split=split, fold=fold)
        graph, rivals = results[key("graph", "as is")], Rivals.of(results[key("baselines")])
        columns = {
            "pre_nucleus_id": inputs.nucleus_id[i],
            "post_nucleus_id": inputs.nucleus_id[j],
            "connected": size > 0,
            "size": size.astype(np.float32),
        }
        columns |= {
            "fold": np.full(len(i), fold),
            "distance_um": np.linalg.norm(inputs.position[i] - inputs.position[j], axis=1).astype(np.float32),
        }
        if pairs.exposed is not None:
            columns[EXPOSURE] = pairs.exposed.of(i, j).astype(np.float32)
        columns |= {model: rivals.held[model].to_numpy() for model in pair_rivals(study, split)}
        if split == "axon" and study.has_function:
            columns |= {model: rivals.held[model].to_numpy() for model in TUNED}
            columns[NO_FUNCTION] = stacked(results[key("graph", "no function")], rivals, split, [GRAPH_MODEL])[GRAPH_MODEL]
        held = graph[graph["part"] == HELD_OUT]
        columns |= stacked(graph, rivals, split) | {MESSAGE_PASSING: held["probability"].to_numpy()}
        frames.append(pd.DataFrame(columns | {"expected_size": held["expected_size"].to_numpy()}))
    return pd.concat(frames, ignore_index=True)
