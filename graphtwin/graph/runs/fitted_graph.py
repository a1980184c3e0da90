"""A fitted graph model with the data it was fitted on, as a finished run keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from graphtwin.artifacts import read_tensors
from graphtwin.folders import require_as_written
from graphtwin.graph.model import EVERYTHING, FUNCTION, Evidence, FittedNeurons, FittedPairs, restore_neurons, restore_pairs
from graphtwin.graph.runs.study import Study, read_study, study_files
from graphtwin.kinds import RUN, require_kind

# The models of a run that answer for neurons, by what they may see.
NEURON_MODELS: dict[str, tuple[Evidence, ...]] = {"function": FUNCTION, "everything": EVERYTHING}


@dataclass(frozen=True)
class FittedGraph:
    """A fitted graph model, ready to predict.

    Attributes:
        study: The data it was fitted on.
        neurons: Fitted neuron networks by name: "function" and "everything"; none where the source has no labels.
        pairs: The connectivity network, with function if that did better on held-out axons.
    """

    study: Study
    neurons: dict[str, FittedNeurons]
    pairs: FittedPairs


def load_graph(run: str | Path) -> FittedGraph:
    """The graph model of a finished run.

    Args:
        run: The folder that `graphtwin run` wrote.
    """
    require_kind(run, RUN)
    run = Path(run)
    weights = read_tensors(run / "graph.pt", "Run again, into a new folder.")
    require_as_written(run, *(file.relative_to(run).as_posix() for file in (*study_files(run), run / "graph.pt")))
    study = read_study(run)
    settings = study.settings
    neurons = {
        name: restore_neurons(weights[name], study.inputs, study.all_edges, evidence, settings.neurons)
        for name, evidence in NEURON_MODELS.items()
        if name in weights
    }
    seen = study if weights["pairs_use_function"] else study.without_function()
    return FittedGraph(study, neurons, restore_pairs(weights["pairs"], seen.inputs, seen.similar, study.pairs, settings.pairs))
