"""What a run scores with the labels that its source has, and in words what it does not, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.cortex import Funnel
from graphtwin.evaluation import Verdict
from graphtwin.graph.data import MIN_MEMBERS
from graphtwin.graph.model import MIN_LABELLED
from graphtwin.graph.runs import Study
from graphtwin.pipeline.graph import neuron_jobs as neurons
from graphtwin.pipeline.graph import pair_jobs as connectivity
from graphtwin.pipeline.graph.neuron_jobs import Split

GIVEN_BY = {
    "cell_type": "a table of role cell_types_fine gives it",
    "layer": "a table of role somata or nuclei gives it",
    "position": "columns of the coregistration or of a table of nuclei give it",
}
SCORED_AS = {"cell_type": ("cell_type",), "layer": ("layer",), "position": ("depth", "lateral"), "connectivity": ("connectivity",)}
NO_BLOCKS = "no position of a functional neuron is known, so that there are no blocks of tissue"
EVERYWHERE = ""  # name in place of a split: the task is scored in none


@dataclass(frozen=True)
class Scope:
    """The tasks and splits that a run scores, and why it does not score the others.

    Attributes:
        tasks: Tasks that are scored, for each split of neurons that is run.
        pair_splits: Splits of pairs that are run.
        reasons: Reason why a task is not scored in a split (or in `EVERYWHERE`), by task and split.
    """

    tasks: dict[Split, tuple[str, ...]]
    pair_splits: tuple[connectivity.Split, ...]
    reasons: dict[tuple[str, str], str]

    def splits(self, task: str) -> list[str]:
        """Splits in which a neuron task is scored."""
        return [split for split, tasks in self.tasks.items() if task in tasks]


def scope_of(study: Study) -> Scope:
    """The scope that a study has labels for; an error where not even connectivity can be scored.

    Args:
        study: The study, whose labels, folds and observed axons decide.
    """
    reasons: dict[tuple[str, str], str] = {}
    scored: dict[Split, list[str]] = {}
    for task in GIVEN_BY:
        why = {split: _unlearnable(study, task) or _unsplittable(study, task, split) for split in neurons.SPLITS}
        if why["neuron"]:
            reasons[task, EVERYWHERE] = why["neuron"]
            continue
        reasons |= {(task, split): reason for split, reason in why.items() if reason}
        for split in (split for split, reason in why.items() if not reason):
            scored.setdefault(split, []).append(task)
    lacking = {split: _too_few_pairs(study, split) for split in ("axon", "block")}
    if lacking["axon"]:
        raise ValueError(f"connectivity cannot be scored: {lacking['axon']}. Bring more axons of functional neurons, or lower axon_folds.")
    if lacking["block"]:
        reasons["connectivity", "block"] = lacking["block"]
    pair_splits: tuple[connectivity.Split, ...] = ("axon",) if lacking["block"] else ("axon", "block")
    return Scope({split: tuple(scored[split]) for split in neurons.SPLITS if split in scored}, pair_splits, reasons)


def _unlearnable(study: Study, task: str) -> str | None:
    """Why a task has too few labels in this source; None where it has enough."""
    if task in study.tasks:
        return None
    if task == "position":
        placed = int((study.labelled(task) & study.inputs.has_function).sum())
        return f"{placed} functional neurons have a known position, {MIN_MEMBERS} are needed ({GIVEN_BY[task]})"
    counts = _members(study, task)
    if counts.empty:
        return f"no functional neuron has a known {task.replace('_', ' ')} ({GIVEN_BY[task]})"
    return f"fewer than two classes have {MIN_MEMBERS} functional neurons ({_listed(counts)}): nothing can be told apart"


def _unsplittable(study: Study, task: str, split: Split) -> str | None:
    """Why a task cannot be scored in a split; None where it can."""
    if neurons.n_folds(study, split) < 2:
        return "there is one scan, so that none can be held out"
    folds, known = neurons.neuron_folds(study, split), study.labelled(task)
    if split == "block" and (folds < 0).all():
        return NO_BLOCKS
    for fold in range(neurons.n_folds(study, split)):
        if not (folds == fold).any():
            return f"fold {fold} of the split by {split} holds no functional neuron"
        left = int((neurons.training_rows(study, split, fold) & known).sum())
        if left < MIN_LABELLED:
            return f"with fold {fold} of the split by {split} held out {left} labelled neurons are left, {MIN_LABELLED} are needed"
    return None


def _too_few_pairs(study: Study, split: connectivity.Split) -> str | None:
    """Why connectivity cannot be learned and scored in a split; None where it can."""
    if split == "block" and not study.labelled("position")[study.pairs.pre[study.functional_axons]].any():
        return NO_BLOCKS
    for fold in range(connectivity.n_pair_folds(study, split)):
        training, pre, post = connectivity.sides(study, split, fold)
        where = f"fold {fold} of the split by {split}"
        if not len(pre) or not len(post):
            return f"{where} holds {len(pre)} axons of functional neurons and {len(post)} queried cells"
        if training.size.nnz < MIN_LABELLED:
            return f"with {where} held out {training.size.nnz} connected pairs are left, {MIN_LABELLED} are needed"
    return None


def _members(study: Study, task: str) -> pd.Series:
    """How many neurons with a function the source gives to each class, the largest first."""
    with_function = study.inputs.nucleus_id[study.inputs.has_function]
    return study.cortex.neurons.set_index("nucleus_id")[task].reindex(with_function).value_counts()


def _listed(counts: pd.Series) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def funnel(study: Study, scope: Scope) -> pd.DataFrame:
    """Neurons, axons and pairs that are joined but not scored, with the reason; rare classes by name and number.

    Args:
        study: The study whose neurons, axons and pairs are counted.
        scope: Tasks and splits that are scored.
    """
    steps = Funnel("study")
    why = "another unit of the nucleus is more reliable, or as reliable and first by session, scan_idx and unit_id"
    steps.record("units of nuclei", "speak for their nucleus", len(study.cortex.units), len(study.units), why, "units")
    functional = int(study.cortex.neurons["is_functional"].sum())
    with_function = int(study.inputs.has_function.sum())
    steps.record("functional nuclei", "with an embedding", functional, with_function, "none of its units has one", "nuclei")
    for task in GIVEN_BY:
        known = study.labelled(task) & study.inputs.has_function
        n = int(known.sum()) if scope.splits(task) else 0
        step = f"of a {task.replace('_', ' ')} that is scored"
        steps.record("functional nuclei", step, with_function, n, _why_masked(study, scope, task), "nuclei")
    axons, name = study.functional_axons, f"axons {study.materialization}"
    steps.record(
        name, "of a functional nucleus", len(axons), int(axons.sum()), "no function: trains the graph model, is not scored", "axons"
    )
    _count_exposed(study, steps)
    for split in scope.pair_splits:
        sides = [connectivity.sides(study, split, fold)[1:] for fold in range(connectivity.n_pair_folds(study, split))]
        scored = sum(len(connectivity.outer(pre, post)[0]) for pre, post in sides)
        every = len(connectivity.outer(study.pairs.pre[axons], study.pairs.post)[0])
        why = "a cell of unknown position, or cells of two blocks"
        steps.record(f"pairs of functional axons, split by {split}", "with both cells held out", every, scored, why, "pairs")
    return steps.frame()


def _count_exposed(study: Study, steps: Funnel) -> None:
    """Record axons without a measured exposure, pairs that cannot meet, and synapses where they are said not to."""
    pairs, exposed = study.pairs, study.pairs.exposed
    if exposed is None:
        return
    measured, of = exposed.axons[pairs.pre], f"{exposed.measure}, {study.materialization}"
    why = "no exposure of the axon is known: none of its pairs is within exposure"
    steps.record(f"axons with {of}", "with a measured exposure", len(measured), int(measured.sum()), why, "axons")
    linked = pairs.size.tocoo()
    value = exposed.of(pairs.pre[linked.row], pairs.post[linked.col])
    zero, unknown = int((value == 0).sum()), int(np.isnan(value).sum())
    why = f"{zero} at exposure 0, {unknown} of an axon or cell that was not measured; they stay among all pairs"
    steps.record(f"connected pairs with {of}", "within exposure", len(value), int((value > 0).sum()), why, "pairs")


def _why_masked(study: Study, scope: Scope, task: str) -> str:
    """Why functional neurons are not scored in a task: unknown, or of a class with too few members."""
    if (task, EVERYWHERE) in scope.reasons:
        return f"{scope.reasons[task, EVERYWHERE]}: the task is skipped"
    if task == "position":
        return "position unknown; kept, masked"
    counts = _members(study, task)
    rare = counts[~counts.index.isin(study.classes(task)[1])]
    unknown = f"{int(study.inputs.has_function.sum() - counts.sum())} unknown"
    return f"{unknown}{f'; fewer than {MIN_MEMBERS} of a class: {_listed(rare)}' if len(rare) else ''}; kept, masked"


def skipped_verdicts(scope: Scope) -> list[Verdict]:
    """A sentence for each task that is not scored at all."""
    return [
        Verdict(SCORED_AS[task][0], None, "skipped", None, f"{SCORED_AS[task][0].replace('_', ' ')}: not scored, since {reason}.")
        for (task, split), reason in scope.reasons.items()
        if split == EVERYWHERE
    ]


def say_skipped(tree: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """The metrics as nested JSON with `skipped`: the reason, in the place of what is not scored.

    Args:
        tree: The metrics as nested JSON: task, split, subset, model, metric.
        scope: Tasks and splits that are scored.
    """
    said = dict(tree)
    for (task, split), reason in scope.reasons.items():
        for name in SCORED_AS[task]:
            said[name] = {"skipped": reason} if split == EVERYWHERE else {**said.get(name, {}), split: {"skipped": reason}}
    return said
