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
from graphtwin.evaluation import tile_side_um
from graphtwin.graph.data import (
    MIN_MEMBERS,
    CorticalGraph,
    Edges,
    NodeInputs,
    PairExposure,
    PairSet,
    Told,
    build_graph,
    node_inputs,
    pair_exposures,
    pair_set,
    similar_edges,
    synapse_edges,
    within_reach,
)
from graphtwin.graph.model import Evidence
from graphtwin.graph.settings import Settings
from graphtwin.parallel import device_of
from graphtwin.schema import DEPTH, UNIT_KEY
from graphtwin.told import told_by_fields
from graphtwin.tuning import node_features, permute_embeddings, speaking_units

TABLES = (
    *("neurons", "units", "function", "function_columns", "orientations", "axes"),
    *("root_ids", "synapses", "queried", "funnel", "exposure", "ceiling"),
)
LATERAL = "lateral"  # name of the task of the places beside depth


@told_by_fields
@dataclass(frozen=True)
class Study:
    """A cortex with its functional features, as the fits read it.

    Attributes:
        features: Functional features, one row a nucleus: keys, reliability, feature_*; no row where the source has no function.
        materialization: Materialization whose pairs are predicted; None where the source has no wiring.
    """

    settings: Settings
    cortex: Cortex
    features: pd.DataFrame
    materialization: int | None

    @cached_property
    def inputs(self) -> NodeInputs:
        """Tensors of all neurons that take part; classes that cannot be learned count as unknown."""
        least = self.settings.min_members
        return learnable(node_inputs(self.cortex, self.features, least), least)

    @property
    def has_function(self) -> bool:
        """Whether any neuron has a function."""
        return bool(self.inputs.has_function.any())

    @property
    def is_wired(self) -> bool:
        """Whether the source tells who contacts whom."""
        return self.materialization is not None

    @property
    def has_scans(self) -> bool:
        """Whether there are several scans, to be told apart or held out."""
        return len(self.inputs.scans) > 1

    @property
    def scan(self) -> Int[np.ndarray, " neurons"]:
        """Number of each neuron's scan; 0 for all where the source has no function."""
        return self.inputs.scan.clip(min=0) if not self.has_function else self.inputs.scan

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the three axes of positions."""
        return tuple(self.cortex.axes["axis"])

    @property
    def cut(self) -> list[int]:
        """Axes along which tissue is cut into blocks and tiles: those beside depth, all where none is depth."""
        return [place for place, name in enumerate(self.axes) if name != DEPTH]

    @cached_property
    def tile_side_um(self) -> float:
        """Side of the tiles of tissue whose neurons are resampled together, um."""
        return tile_side_um(self.inputs.position[:, self.cut])

    @cached_property
    def spread_axes(self) -> dict[str, int]:
        """Axes along which the neurons that are asked about do not all lie at one place, and their columns in `inputs.position`."""
        place = self.inputs.position[self.labelled("position") & self.inputs.subjects]
        return {name: axis for axis, name in enumerate(self.axes) if len(place) and np.ptp(place[:, axis]) > 0}

    @property
    def places(self) -> dict[str, int]:
        """Tasks of position that verdicts and predictions are about, and their axes: depth where there is one, else every axis."""
        return {name: axis for name, axis in self.spread_axes.items() if name == DEPTH or DEPTH not in self.axes}

    @property
    def evidence(self) -> dict[str, tuple[Evidence, ...]]:
        """What each model of neurons may rest on: "function" alone, and "everything" that the source has beside it."""
        function: tuple[Evidence, ...] = ("function",) if self.has_function else ()
        others: tuple[Evidence, ...] = (*(("scan",) if self.has_scans else ()), *(("synapses",) if self.is_wired else ()))  # type: ignore[assignment]
        found = {"function": function, "everything": (*function, *others) if others else ()}
        return {name: evidence for name, evidence in found.items() if evidence}

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The tasks among cell_type, layer and position whose labels enough neurons have to be learned, if anything is to tell them by."""
        if not self.evidence:
            return ()
        placed = int((self.labelled("position") & self.inputs.subjects).sum())
        spread = placed >= MIN_MEMBERS and bool(self.spread_axes)
        there = {"cell_type": self.inputs.cell_types, "layer": self.inputs.layers, "position": spread}
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
        if self.settings.reach_um is not None and self.materialization is not None:
            return {self.materialization: within_reach(self.inputs, self.settings.reach_um)}
        return pair_exposures(self.inputs, self.cortex.exposure)

    def exposure_of(
        self, materialization: int, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]
    ) -> Float[np.ndarray, " pairs"]:
        """Exposure of pairs of nucleus ids in a materialization that has exposures; NaN where it was not measured."""
        rows = self.inputs.rows(pre), self.inputs.rows(post)
        known, found = (rows[0] >= 0) & (rows[1] >= 0), np.full(len(pre), np.nan)
        found[known] = self.exposures[materialization].of(rows[0][known], rows[1][known])
        return found

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
        """Observed axons and queried cells of the target materialization; an error where the source has no wiring."""
        return pair_set(self.graph, self.wired_at)

    @cached_property
    def told(self) -> Told:
        """What fits on the same training pairs share, whatever neurons answer."""
        return Told()

    @property
    def wired_at(self) -> int:
        """The materialization whose pairs are predicted; an error where the source has no wiring."""
        if self.materialization is None:
            raise ValueError(
                "run: its source has no wiring (tables of roles synapses and queried_post), so that nothing can be said of pairs. "
                "Add these tables and run again."
            )
        return self.materialization

    @cached_property
    def scored_axons(self) -> Bool[np.ndarray, " axons"]:
        """Which observed axons are evaluated: those of functional neurons, or all of them where the source has no function."""
        return self.inputs.subjects[self.pairs.pre]

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
        key = replicate, within_layer
        if key not in self._dealt:
            layer = self.cortex.neurons.set_index("nucleus_id")["layer"]
            stratum = layer if within_layer else layer.where(layer.isna(), "any")
            self._dealt.clear()
            self._dealt[key] = replace(self, features=permute_embeddings(self.features, stratum, self.settings.seed, replicate))
        return self._dealt[key]

    @cached_property
    def _dealt(self) -> dict[tuple[int, bool], Study]:
        """The permuted study that was asked for last: the folds of a permutation share its inputs and functional neighbours."""
        return {}

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
        embeddings: The embeddings table, learned or brought; without a row where the source has no function.
    """
    chosen = target_materialization(settings, cortex)
    if embeddings.empty:
        return Study(settings, cortex, embeddings[[*UNIT_KEY, "nucleus_id", "reliability"]], chosen)
    features = node_features(cortex.units, embeddings, cortex.orientations, cortex.function)
    features = features.assign(reliability=embeddings["reliability"].to_numpy(np.float64))
    return Study(settings, cortex, speaking_units(features, origin="embedded units"), chosen)


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


def learnable(inputs: NodeInputs, min_members: int) -> NodeInputs:
    """The inputs without classes that cannot be learned and held out: their neurons count as unknown.

    A class is kept only beside another one: of a single class there is nothing to tell.

    Args:
        inputs: All neurons with their classes.
        min_members: Least number of neurons, of those that are asked about, in a class.
    """
    kept = {}
    for task, classes in (("cell_type", inputs.cell_types), ("layer", inputs.layers)):
        codes = getattr(inputs, task)
        members = np.bincount(codes[inputs.subjects & (codes >= 0)], minlength=len(classes))
        enough = np.flatnonzero(members >= min_members)
        enough = enough if len(enough) > 1 else enough[:0]
        code_of = np.full(len(classes) + 1, -1)  # the last entry answers for -1
        code_of[enough] = np.arange(len(enough))
        kept[task], kept[f"{task}s"] = code_of[codes], tuple(classes[index] for index in enough)
    return replace(inputs, **kept)


def target_materialization(settings: Settings, cortex: Cortex) -> int | None:
    """The materialization asked for, or the one with the most observed pairs; None where the source has none and none is asked for."""
    counts = cortex.synapses["materialization"].value_counts()
    chosen = settings.materialization
    if chosen is None:
        return int(counts.index[0]) if len(counts) else None
    if chosen not in counts.index:
        raise ValueError(
            f"materialization {chosen}: no synaptic pairs in the source, which has {sorted(map(int, counts.index))}. "
            "Set materialization to one of these, or add its synapse table."
        )
    return chosen
