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
from graphtwin.graph.runs import LATERAL, Study
from graphtwin.pipeline.graph import neuron_jobs as neurons
from graphtwin.pipeline.graph import pair_jobs as connectivity
from graphtwin.pipeline.graph.neuron_jobs import Split
from graphtwin.schema import DEPTH

GIVEN_BY = {
    "cell_type": "a table of role cell_types_fine gives it",
    "layer": "a table of role somata or nuclei gives it",
    "position": "columns of the coregistration or of a table of nuclei give it",
}
NO_BLOCKS = "no position of a {neuron} is known, so that there are no blocks of tissue"
NO_WIRING = "the source has no wiring (tables of roles synapses and queried_post give it)"
NO_FUNCTION = "the source has no function (a table of role function or responses, or embeddings, give it)"
UNTOLD = "the source has neither function nor wiring that could tell it"
EVERYWHERE = ""  # name in place of a split: the task is scored in none


@dataclass(frozen=True)
class Scope:
    """The tasks and splits that a run scores, and why it does not score the others.

    Attributes:
        tasks: Tasks that are scored, for each split of neurons that is run.
        pair_splits: Splits of pairs that are run.
        reasons: Reason why a task is not scored in a split (or in `EVERYWHERE`), by task and split; "function" is one that is absent.
        places: Names that the task of positions is scored by.
    """

    tasks: dict[Split, tuple[str, ...]]
    pair_splits: tuple[connectivity.Split, ...]
    reasons: dict[tuple[str, str], str]
    places: tuple[str, ...]

    def scored_as(self, task: str) -> tuple[str, ...]:
        """Names of a task in the tables of metrics."""
        return self.places if task == "position" else (task,)

    def splits(self, task: str) -> list[str]:
        """Splits in which a neuron task is scored."""
        return [split for split, tasks in self.tasks.items() if task in tasks]


def scope_of(study: Study) -> Scope:
    """The scope that a study has labels, function and wiring for; an error where nothing can be scored.

    Args:
        study: The study, whose labels, folds and observed axons decide.
    """
    reasons: dict[tuple[str, str], str] = {}
    scored: dict[Split, list[str]] = {}
    if not study.has_function:
        reasons["function", EVERYWHERE] = NO_FUNCTION
    for task in GIVEN_BY:
        why: dict[Split, str | None] = {split: _unlearnable(study, task) or _unsplittable(study, task, split) for split in _splits(study)}
        if why["neuron"]:
            reasons[task, EVERYWHERE] = why["neuron"]
            continue
        reasons |= {(task, split): reason for split, reason in why.items() if reason}
        for split in (split for split, reason in why.items() if not reason):
            scored.setdefault(split, []).append(task)
    if any("position" in tasks for tasks in scored.values()):
        flat = [axis for axis in study.axes if axis not in study.spread_axes and (axis == DEPTH or DEPTH not in study.axes)]
        reasons |= {(axis, EVERYWHERE): f"all {_neuron(study)}s of known position lie at one place along it" for axis in flat}
    no_axons = _too_few_pairs(study, "axon") if study.is_wired else NO_WIRING
    no_blocks = None if no_axons else _too_few_pairs(study, "block")
    if no_axons and not scored:
        lacking = "; ".join(f"{task.replace('_', ' ')}: {reason}" for (task, _), reason in reasons.items() if task != "function")
        raise ValueError(
            f"nothing can be scored. connectivity cannot be scored: {no_axons}; {lacking}. Bring function and a label (cell types, layers "
            f"or positions), or more axons{' of functional neurons' if study.has_function else ''}. More axon_folds or neuron_folds hold "
            "out fewer at once, fewer leave none empty; a lower min_members lets smaller classes in."
        )
    reasons |= {("connectivity", EVERYWHERE): no_axons} if no_axons else {("connectivity", "block"): no_blocks} if no_blocks else {}
    pair_splits: tuple[connectivity.Split, ...] = () if no_axons else ("axon",) if no_blocks else ("axon", "block")
    places = (DEPTH, LATERAL) if DEPTH in study.axes else tuple(study.places or study.axes)  # an axis is skipped under its own name
    return Scope({split: tuple(scored[split]) for split in neurons.SPLITS if split in scored}, pair_splits, reasons, places)


def _splits(study: Study) -> tuple[Split, ...]:
    """Splits of neurons that there could be: none by scan where the source has no function, and so no scans."""
    return tuple(split for split in neurons.SPLITS if study.has_function or split != "scan")


def _neuron(study: Study) -> str:
    """What a neuron that is asked about is called."""
    return "functional neuron" if study.has_function else "neuron"


def _unlearnable(study: Study, task: str) -> str | None:
    """Why a task has too few labels in this source; None where it has enough."""
    if task in study.tasks:
        return None
    if not study.evidence:
        return UNTOLD
    if task == "position":
        placed = int((study.labelled(task) & study.inputs.subjects).sum())
        if placed >= MIN_MEMBERS:
            return f"all {placed} {_neuron(study)}s of known position lie at one place"
        return f"{placed} {_neuron(study)}s have a known position, {MIN_MEMBERS} are needed ({GIVEN_BY[task]})"
    counts = _members(study, task)
    if counts.empty:
        return f"no {_neuron(study)} has a known {task.replace('_', ' ')} ({GIVEN_BY[task]})"
    least = study.settings.min_members
    return f"fewer than two classes have {least} {_neuron(study)}s ({_listed(counts)}): nothing can be told apart"


def _unsplittable(study: Study, task: str, split: Split) -> str | None:
    """Why a task cannot be scored in a split; None where it can."""
    if neurons.n_folds(study, split) < 2:
        return "there is one scan, so that none can be held out"
    folds, known = neurons.neuron_folds(study, split), study.labelled(task)
    if split == "block" and (folds < 0).all():
        return NO_BLOCKS.format(neuron=_neuron(study))
    for fold in range(neurons.n_folds(study, split)):
        if not (folds == fold).any():
            return f"fold {fold} of the split by {split} holds no {_neuron(study)}"
        left = int((neurons.training_rows(study, split, fold) & known).sum())
        if left < MIN_LABELLED:
            return f"with fold {fold} of the split by {split} held out {left} labelled neurons are left, {MIN_LABELLED} are needed"
    return None


def _too_few_pairs(study: Study, split: connectivity.Split) -> str | None:
    """Why connectivity cannot be learned and scored in a split; None where it can."""
    if split == "block" and not study.labelled("position")[study.pairs.pre[study.scored_axons]].any():
        return NO_BLOCKS.format(neuron=_neuron(study))
    for fold in range(connectivity.n_pair_folds(study, split)):
        training, pre, post = connectivity.sides(study, split, fold)
        where = f"fold {fold} of the split by {split}"
        if not len(pre) or not len(post):
            return f"{where} holds {len(pre)} axons of {_neuron(study)}s and {len(post)} queried cells"
        if training.size.nnz < MIN_LABELLED:
            return f"with {where} held out {training.size.nnz} connected pairs are left, {MIN_LABELLED} are needed"
    return None


def _members(study: Study, task: str) -> pd.Series:
    """How many of the neurons that are asked about the source gives to each class, the largest first."""
    asked = study.inputs.nucleus_id[study.inputs.subjects]
    return study.cortex.neurons.set_index("nucleus_id")[task].reindex(asked).value_counts()


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
    asked, table = int(study.inputs.subjects.sum()), "functional nuclei" if study.has_function else "nuclei of the study"
    if study.has_function:
        steps.record("units of nuclei", "speak for their nucleus", len(study.cortex.units), len(study.units), why, "units")
        functional = int(study.cortex.neurons["is_functional"].sum())
        of = functional or len(study.cortex.neurons)  # embeddings may be all that tells which cells are functional
        steps.record(table if functional else "nuclei", "with an embedding", of, asked, "none of its units has one", "nuclei")
    else:
        every = len(study.cortex.neurons)
        steps.record("nuclei", "of the study", every, len(study.inputs.nucleus_id), "neither outputs nor inputs were looked for", "nuclei")
        steps.record("nuclei", "with a function", len(study.inputs.nucleus_id), 0, f"{NO_FUNCTION}; kept", "nuclei")
    if study.has_function and study.is_wired:
        observed = np.isin(np.flatnonzero(study.inputs.subjects), np.concatenate([study.pairs.pre, study.pairs.post]))
        why = "its outputs were not observed and its inputs not looked for, or the wiring has none of its name; kept"
        steps.record(table, "in the wiring", asked, int(observed.sum()), why, "nuclei")
    for task in GIVEN_BY:
        known = study.labelled(task) & study.inputs.subjects
        n = int(known.sum()) if scope.splits(task) else 0
        step = f"of a {task.replace('_', ' ')} that is scored"
        steps.record(table, step, asked, n, _why_masked(study, scope, task), "nuclei")
    if not study.is_wired:
        steps.record("pairs", "observed", 0, 0, NO_WIRING, "pairs")
        return steps.frame()
    axons, name = study.scored_axons, f"axons {study.materialization}"
    step = "of a functional nucleus" if study.has_function else "that are scored"
    steps.record(name, step, len(axons), int(axons.sum()), "no function: trains the graph model, is not scored", "axons")
    _count_exposed(study, steps)
    for split in scope.pair_splits:
        sides = [connectivity.sides(study, split, fold)[1:] for fold in range(connectivity.n_pair_folds(study, split))]
        scored = sum(len(connectivity.outer(pre, post)[0]) for pre, post in sides)
        every = len(connectivity.outer(study.pairs.pre[axons], study.pairs.post)[0])
        why = "a cell of unknown position, or cells of two blocks"
        whose = "functional axons" if study.has_function else "axons"
        steps.record(f"pairs of {whose}, split by {split}", "with both cells held out", every, scored, why, "pairs")
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
    """Why neurons that are asked about are not scored in a task: unknown, or of a class with too few members."""
    if (task, EVERYWHERE) in scope.reasons:
        return f"{scope.reasons[task, EVERYWHERE]}: the task is skipped"
    if task == "position":
        return "position unknown; kept, masked"
    counts = _members(study, task)
    rare = counts[~counts.index.isin(study.classes(task)[1])]
    unknown = f"{int(study.inputs.subjects.sum() - counts.sum())} unknown"
    return f"{unknown}{f'; fewer than {study.settings.min_members} of a class: {_listed(rare)}' if len(rare) else ''}; kept, masked"


def skipped_verdicts(scope: Scope) -> list[Verdict]:
    """A sentence for each task that is not scored at all."""
    return [
        Verdict(name, None, "skipped", None, f"{name.replace('_', ' ')}: not scored, since {reason}.")
        for (task, split), reason in scope.reasons.items()
        for name in [name for name in scope.scored_as(task) if name != LATERAL]
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
        for name in scope.scored_as(task):
            said[name] = {"skipped": reason} if split == EVERYWHERE else {**said.get(name, {}), split: {"skipped": reason}}
    return said
