"""A fitted graph model with the data it was fitted on and the models it was held against, as a finished run keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin import execute
from graphtwin.artifacts import read_tensors
from graphtwin.evaluation import LabelStack, PlaceStack, Stack
from graphtwin.folders import require_as_written
from graphtwin.graph.model import (
    FittedNeurons,
    FittedPairs,
    predict_rows,
    restore_neurons,
    restore_pairs,
)
from graphtwin.graph.runs.best_models import Best, best_models
from graphtwin.graph.runs.model_labels import GRAPH_MODEL, MESSAGE_PASSING, NO_FUNCTION, label_of, network_of
from graphtwin.graph.runs.rivals import PairRivals, fit_pair_rivals, label_rival, place_rival
from graphtwin.graph.runs.stacked_neurons import NeuronStacks
from graphtwin.graph.runs.study import Study, read_study, study_files
from graphtwin.kinds import RUN, require_kind
from graphtwin.told import told_as_table


@told_as_table
@dataclass(frozen=True)
class FittedGraph:
    """A fitted graph model, ready to predict.

    Attributes:
        study: The data it was fitted on.
        neurons: Fitted neuron networks by name, as in `Study.evidence`; none where the source has no labels.
        pairs: The networks of connectivity, with function if that did better on held-out axons; None where connectivity was not scored.
        pairs_use_function: Whether they are those with function.
        stacks: Weights of the graph model of pairs, and of the stack that lacks message passing, by label.
        neuron_stacks: Weights of each graph model of neurons, by its label and task.
        best: The model of each task that did best on what was held out, which answers.
        folder: Folder of the run that fitted it, in which all of it lies.

    Examples:
        >>> model = graphtwin.graph.load("runs/planted")
        >>> model
        FittedGraph: 220 neurons, 4 tasks
          connectivity: ... (average precision ..., axons held out)
          cell type: ... (balanced accuracy ..., neurons held out)
          layer: ... (balanced accuracy ..., neurons held out)
          depth: ... (r2 ..., neurons held out)
          folder: runs/planted
        >>> list(model.predict(pd.DataFrame({"pre_nucleus_id": [0, 2], "post_nucleus_id": [1, 3]})).columns)
        ['pre_nucleus_id', 'post_nucleus_id', 'probability', 'expected_size', 'model', 'fitted_on', 'note']
        >>> model.predict(pd.DataFrame({"nucleus_id": [3]}))[["nucleus_id", "layer"]].shape
        (1, 2)
    """

    study: Study
    neurons: dict[str, FittedNeurons]
    pairs: FittedPairs | None
    pairs_use_function: bool
    stacks: dict[str, Stack]
    neuron_stacks: dict[str, NeuronStacks]
    best: dict[str, Best]
    folder: Path

    def __repr__(self) -> str:
        """What it predicts, and by which model."""
        lines = [f"FittedGraph: {len(self.study.cortex.neurons)} neurons, {len(self.best)} tasks"]
        for task, best in self.best.items():
            score = f"{best.metric.replace('_', ' ')} {best.estimate:.3g}, {best.held_out}s held out"
            lines.append(f"  {task.replace('_', ' ')}: {best.model} ({score})")
        return "\n".join([*lines, f"  folder: {self.folder}"])

    def predict(
        self, asked: pd.DataFrame, materialization: int | None = None, origin: str = "asked", fill_unknown: bool = False
    ) -> pd.DataFrame:
        """What the models that did best on held-out data say of pairs or of neurons: the same rows in the same order, none dropped.

        Args:
            asked: Pairs (pre_nucleus_id and post_nucleus_id; or root ids or names of both) or neurons (nucleus_id, or root id or name).
            materialization: Materialization that root ids belong to; None for nucleus ids, and where the run knows of one only.
            origin: Name of the place that the rows come from, for errors.
            fill_unknown: Answer rows with cells that the run does not know by overall rates and means, in place of nothing.

        Returns:
            Of pairs the columns that `predict_pairs` states: probability, expected_size, model, fitted_on, note; of neurons those of
            `predict_neurons`: cell_type, layer, depth_um, their probabilities, models and evidence, fitted_on, note.
        """
        from graphtwin.graph.runs.asked_ids import OF_PAIR
        from graphtwin.graph.runs.neuron_answers import predict_neurons
        from graphtwin.graph.runs.pair_answers import predict_pairs

        if any(set(names) <= set(asked.columns) for names in OF_PAIR):
            return predict_pairs(self, asked, materialization, origin, fill_unknown)
        return predict_neurons(self, asked, origin, materialization, fill_unknown)

    @property
    def pair_model(self) -> str:
        """Label of the model that answers for pairs."""
        best = self.best.get("connectivity")
        if best is None or best.model in (GRAPH_MODEL, NO_FUNCTION):
            return GRAPH_MODEL if self.pairs_use_function else NO_FUNCTION
        return best.model

    @property
    def stack(self) -> Stack | None:
        """The stack that answers for pairs; None where a single model does."""
        return self.stacks.get(GRAPH_MODEL if self.pair_model == NO_FUNCTION else self.pair_model)

    @cached_property
    def pair_rivals(self) -> PairRivals | None:
        """The baselines whose answers are needed for pairs, fitted on all of them; None where message passing alone answers."""
        weights = {self.pair_model: 1.0} if self.stack is None else self.stack.weights
        models = [model for model, weight in weights.items() if weight and model != MESSAGE_PASSING]
        if not models:
            return None
        with execute.threads(1):
            return fit_pair_rivals(self.study, self.study.pairs, models)

    @property
    def networks(self) -> dict[str, str]:
        """Name in `neurons` of the network of each graph model of neurons, by the label of the network."""
        return {network_of(label_of(evidence)): name for name, evidence in self.study.evidence.items()}

    def neuron_model(self, task: str) -> str:
        """Label of the model that answers for "cell_type", "layer", or a task of `Study.places`."""
        return self.best[task].model if task in self.best else label_of(list(self.study.evidence.values())[-1])

    def probabilities(self, task: str, model: str, rows: Int[np.ndarray, " rows"]) -> Float[np.ndarray, "rows classes"]:
        """Probability of each class of "cell_type" or "layer", for rows of `inputs` that are asked about."""
        stack = self.neuron_stacks.get(model, {}).get(task)
        if isinstance(stack, LabelStack):
            return stack({name: self.probabilities(task, name, rows) for name in stack.read})
        if model in self.networks:
            found: np.ndarray = getattr(predict_rows(self.neurons[self.networks[model]], rows), task)
            return found
        return np.asarray(label_rival(self.study, model, task)[rows])

    def places(self, task: str, model: str, rows: Int[np.ndarray, " rows"]) -> Float[np.ndarray, "rows 2"]:
        """Mean and standard deviation of a task of `Study.places` (um), for rows of `inputs` that are asked about."""
        stack = self.neuron_stacks.get(model, {}).get(task)
        if isinstance(stack, PlaceStack):
            return np.column_stack(stack({name: self.places(task, name, rows)[:, 0] for name in stack.read}))
        axis = self.study.places[task]
        if model in self.networks:
            found = predict_rows(self.neurons[self.networks[model]], rows)
            return np.column_stack([found.position[:, axis], found.position_sd[:, axis]])
        return np.asarray(place_rival(self.study, model, axis)[rows])


def load_graph(run: str | Path) -> FittedGraph:
    """The graph model of a finished run.

    Args:
        run: The folder that `graphtwin run` wrote.

    Examples:
        >>> graphtwin.graph.load("runs/planted").best["connectivity"].metric
        'average_precision'
    """
    require_kind(run, RUN)
    run = Path(run)
    weights = read_tensors(run / "graph.pt", "Run again, into a new folder.")
    needed = (*study_files(run), run / "graph.pt", run / "metrics.parquet")
    require_as_written(run, *(file.relative_to(run).as_posix() for file in needed))
    study = read_study(run)
    settings = study.settings
    neurons = {
        name: restore_neurons(weights[name], study.inputs, study.all_edges, evidence, settings.neurons)
        for name, evidence in study.evidence.items()
        if name in weights
    }
    with_function = bool(weights["pairs_use_function"])
    seen = study if with_function else study.without_function()
    pairs = restore_pairs(weights["pairs"], seen.inputs, seen.similar, study.pairs, settings.pairs) if "pairs" in weights else None
    stacks = {label: Stack(kept["weights"], kept["level"]) for label, kept in weights["stacks"].items()}
    kept = weights["neuron_stacks"]
    of_neurons = {label: {task: _neuron_stack(values) for task, values in found.items()} for label, found in kept.items()}
    return FittedGraph(study, neurons, pairs, with_function, stacks, of_neurons, best_models(pd.read_parquet(run / "metrics.parquet")), run)


def _neuron_stack(values: dict[str, Any]) -> LabelStack | PlaceStack:
    """A stack from its fields: that of a place has a level."""
    return PlaceStack(**values) if "level" in values else LabelStack(**values)
