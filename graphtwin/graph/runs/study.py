"""What every fit of a run reads, made from the tables beside the results, so that workers and a resumed run see the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin.config import load_config
from graphtwin.cortex import Cortex
from graphtwin.graph.data import (
    MIN_MEMBERS,
    CorticalGraph,
    Edges,
    NodeInputs,
    PairExposure,
    PairSet,
    build_graph,
    node_inputs,
    pair_exposures,
    pair_set,
    similar_edges,
    synapse_edges,
    within_reach,
)
from graphtwin.graph.settings import Settings
from graphtwin.parallel import device_of
from graphtwin.schema import UNIT_KEY
from graphtwin.tuning import node_features, permute_embeddings, speaking_units

TABLES = (
    *("neurons", "units", "function", "function_columns", "orientations"),
    *("root_ids", "synapses", "queried", "funnel", "exposure", "ceiling"),
)


@dataclass(frozen=True)
class Study:
    """A cortex with its functional features, as the fits read it.

    Attributes:
        features: Functional features, one row a nucleus: keys, reliability, feature_*.
        materialization: Materialization whose pairs are predicted.
    """

    settings: Settings
    cortex: Cortex
    features: pd.DataFrame
    materialization: int

    @cached_property
    def inputs(self) -> NodeInputs:
        """Tensors of all neurons that take part; classes that cannot be learned count as unknown."""
        return learnable(node_inputs(self.cortex, self.features))

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The tasks among cell_type, layer and position whose labels enough functional neurons have to be learned."""
        placed = int((self.labelled("position") & self.inputs.has_function).sum())
        there = {"cell_type": self.inputs.cell_types, "layer": self.inputs.layers, "position": placed >= MIN_MEMBERS}
        return tuple(task for task, enough in there.items() if enough)

    def classes(self, task: str) -> tuple[Int[np.ndarray, " neurons"], tuple[str, ...]]:
        """Class of every neuron of `inputs` (-1 unknown) and the names of the classes; `task` is "cell_type" or "layer"."""
        inputs = self.inputs
        return (inputs.layer, inputs.layers) if task == "layer" else (inputs.cell_type, inputs.cell_types)

    def labelled(self, task: str) -> Bool[np.ndarray, " neurons"]:
        """Which neurons of `inputs` have a label that the task can learn from or be scored on."""
        return np.isfinite(self.inputs.position).all(axis=1) if task == "position" else self.classes(task)[0] >= 0

    @cached_property
    def exposures(self) -> dict[int, PairExposure]:
        """How much each axon could have met each cell, by materialization: as the source says, or by the reach of the settings."""
        if self.settings.reach_um is not None:
            return {self.materialization: within_reach(self.inputs, self.settings.reach_um)}
        return pair_exposures(self.inputs, self.cortex.exposure)

    @cached_property
    def graph(self) -> CorticalGraph:
        """Functional neighbours, synapses and queried cells of these neurons; every relation that a fit reads comes from here."""
        return build_graph(self.inputs, self.cortex.synapses, self.cortex.queried, self.settings.k_similar, self.exposures)

    @cached_property
    def similar(self) -> Edges:
        """Edges between functional neighbours."""
        return similar_edges(self.graph)

    @cached_property
    def all_edges(self) -> Edges:
        """Functional neighbours and all observed synapses; for neuron tasks, where synapses are evidence and not the answer."""
        return {**self.similar, **synapse_edges(self.graph)}

    @cached_property
    def pairs(self) -> PairSet:
        """Observed axons and queried cells of the target materialization."""
        return pair_set(self.graph, self.materialization)

    @cached_property
    def functional_axons(self) -> Bool[np.ndarray, " axons"]:
        """Which observed axons belong to functional neurons: those are evaluated."""
        return self.inputs.has_function[self.pairs.pre]

    @cached_property
    def units(self) -> pd.DataFrame:
        """Units of the cortex that speak for their nucleus: those of `features`; of a nucleus without an embedded unit, the first."""
        units = self.cortex.units
        embedded = units.merge(self.features[UNIT_KEY], on=UNIT_KEY, validate="1:1")
        others = speaking_units(units[~units["nucleus_id"].isin(embedded["nucleus_id"])], None, "units without an embedding")
        return pd.concat([embedded, others]).sort_values("nucleus_id", ignore_index=True)

    @cached_property
    def function(self) -> Float[np.ndarray, "neurons columns"]:
        """Function of any kind of each neuron of `inputs`: of the unit that speaks for it, NaN without; no column without such a table."""
        names = list(self.cortex.function_columns["column"])
        unit = self.features[[*UNIT_KEY, "nucleus_id"]].merge(self.cortex.function[[*UNIT_KEY, *names]], on=UNIT_KEY, how="left")
        return unit.set_index("nucleus_id")[names].reindex(self.inputs.nucleus_id).to_numpy(np.float64)

    @cached_property
    def responses(self) -> tuple[np.ndarray, list[str]]:
        """Responses to directions of each neuron of `inputs` (NaN without), and their columns."""
        names = [name for name in self.cortex.units if str(name).startswith("direction_")]
        unit = self.features[["session", "scan_idx", "unit_id", "nucleus_id"]].merge(
            self.cortex.units.drop(columns="nucleus_id"), how="left"
        )
        return unit.set_index("nucleus_id")[names].reindex(self.inputs.nucleus_id).to_numpy(np.float64), names

    @property
    def device(self) -> str:
        """Device of torch that the fits run on."""
        return device_of(self.settings.device)

    def permuted(self, replicate: int, within_layer: bool) -> Study:
        """The study with function shuffled among neurons of the same scan, and layer unless it is predicted."""
        layer = self.cortex.neurons.set_index("nucleus_id")["layer"]
        stratum = layer if within_layer else layer.map(lambda _: "any", na_action=None)
        return replace(self, features=permute_embeddings(self.features, stratum, self.settings.seed, replicate))

    def without_function(self) -> Study:
        """The study with all functional features 0; who is functional stays known."""
        names = [name for name in self.features if str(name).startswith("feature_")]
        return replace(self, features=self.features.assign(**dict.fromkeys(names, np.float32(0.0))))

    def rows_of(self, nucleus_id: pd.Series) -> Int[np.ndarray, " ids"]:
        """Row of each nucleus in `inputs`, -1 if unknown."""
        return self.inputs.rows(nucleus_id.to_numpy(np.int64))


def make_study(settings: Settings, cortex: Cortex, embeddings: pd.DataFrame) -> Study:
    """Functional features of the most reliable unit of each nucleus, joined with the cortex.

    Args:
        settings: Settings of the run.
        cortex: The joined tables.
        embeddings: The embeddings table, learned or brought.
    """
    features = node_features(cortex.units, embeddings, cortex.orientations, cortex.function)
    features = features.assign(reliability=embeddings["reliability"].to_numpy(np.float64))
    return Study(settings, cortex, speaking_units(features, origin="embedded units"), target_materialization(settings, cortex))


def study_files(run: Path) -> list[Path]:
    """The files of a run folder that its study is made from."""
    return [run / "config.toml", run / "embeddings.parquet", *(run / "tables" / f"{name}.parquet" for name in TABLES)]


def read_study(run: Path) -> Study:
    """The study of a run folder, which holds data and no code.

    Args:
        run: The folder that `graphtwin run` writes; its fits need not be finished.
    """
    settings = load_config(Settings, run / "config.toml")
    cortex = Cortex(**{name: pd.read_parquet(run / "tables" / f"{name}.parquet") for name in TABLES})
    return make_study(settings, cortex, pd.read_parquet(run / "embeddings.parquet"))


def learnable(inputs: NodeInputs) -> NodeInputs:
    """The inputs without classes that cannot be learned and held out: their neurons count as unknown.

    A class is kept that MIN_MEMBERS neurons with a function have, and only beside another one: of a single class there is nothing to tell.
    """
    kept = {}
    for task, classes in (("cell_type", inputs.cell_types), ("layer", inputs.layers)):
        codes = getattr(inputs, task)
        members = np.bincount(codes[inputs.has_function & (codes >= 0)], minlength=len(classes))
        enough = np.flatnonzero(members >= MIN_MEMBERS)
        enough = enough if len(enough) > 1 else enough[:0]
        code_of = np.full(len(classes) + 1, -1)  # the last entry answers for -1
        code_of[enough] = np.arange(len(enough))
        kept[task], kept[f"{task}s"] = code_of[codes], tuple(classes[index] for index in enough)
    return replace(inputs, **kept)


def target_materialization(settings: Settings, cortex: Cortex) -> int:
    """The materialization asked for, or the one with the most observed pairs; an error where it has none."""
    counts = cortex.synapses["materialization"].value_counts()
    chosen = settings.materialization
    if chosen is None and len(counts):
        return int(counts.index[0])
    if chosen is None or chosen not in counts.index:
        raise ValueError(
            f"materialization {chosen}: no synaptic pairs in the source, which has {sorted(map(int, counts.index))}. "
            "Set materialization to one of these, or add its synapse table."
        )
    return chosen
