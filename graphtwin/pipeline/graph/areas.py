"""Which brain areas a run learns from one at a time and asks about one another, and what lies in each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int
from scipy import sparse

from graphtwin.cortex import areas_by_neighbours
from graphtwin.evaluation import folds_by_axon, folds_by_neuron
from graphtwin.execute import rng_for
from graphtwin.graph.data import PairSet
from graphtwin.graph.runs import Study
from graphtwin.pipeline.graph.pair_jobs import outer

FEWEST_NEURONS = 100  # neurons of known label or place in an area, below which it is neither learned from nor asked about
FEWEST_CONNECTED = 50  # connected pairs within an area, likewise
MOST_PAIRS = 300_000  # pairs of an area that are asked, about: its cells are drawn where there are more


@dataclass(frozen=True)
class Areas:
    """The areas of a study.

    Attributes:
        names: Areas of the neurons that are asked about.
        code: Number of the area of each row of `inputs`, -1 where nothing tells it.
        agreement: Share of the neurons of known area whose neighbours tell the same one.
        of_neurons: Numbers of the areas whose neurons are learned from and asked about; fewer than two are none.
        of_pairs: Likewise for connectivity.
    """

    names: tuple[str, ...]
    code: Int[np.ndarray, " neurons"]
    agreement: float
    of_neurons: tuple[int, ...]
    of_pairs: tuple[int, ...]


def areas_of(study: Study) -> Areas:
    """The areas that the units of a study name; those of neurons without a unit are told by their neighbours.

    Args:
        study: The study, whose units say their areas.
    """
    said = study.units.dropna(subset=["brain_area"]) if len(study.units) else study.units
    names = tuple(sorted(said["brain_area"].unique())) if study.has_function else ()
    if len(names) < 2:
        return Areas(names, np.full(len(study.inputs.nucleus_id), -1), float("nan"), (), ())
    known = np.full(len(study.inputs.nucleus_id), -1)
    known[study.rows_of(said["nucleus_id"])] = np.searchsorted(names, said["brain_area"].to_numpy(str))
    found = areas_by_neighbours(known, study.inputs.position[:, study.cut])
    alone = Areas(names, found.code, found.agreement, (), ())
    neurons = tuple(area for area in range(len(names)) if _enough_neurons(study, alone, area))
    pairs = tuple(area for area in range(len(names)) if _enough_pairs(study, alone, area))
    return replace(alone, of_neurons=neurons if len(neurons) > 1 else (), of_pairs=pairs if len(pairs) > 1 else ())


def _enough_neurons(study: Study, areas: Areas, area: int) -> bool:
    here = study.inputs.subjects & (areas.code == area)
    return bool(study.tasks) and min(int((study.labelled(task) & here).sum()) for task in study.tasks) >= FEWEST_NEURONS


def _enough_pairs(study: Study, areas: Areas, area: int) -> bool:
    """Whether an area has connections enough, in every fold of its axons too, and axons that are asked about in each."""
    if not study.is_wired or within_area(study, areas, area, None).size.nnz < FEWEST_CONNECTED:
        return False
    fold = asked_pairs(study, areas, area)[2]
    every = range(study.settings.axon_folds)
    return all(within_area(study, areas, area, one).size.nnz >= FEWEST_CONNECTED // 2 and (fold == one).any() for one in every)


def neuron_folds(study: Study) -> Int[np.ndarray, " neurons"]:
    """Fold of each neuron that is asked about, where an area is asked about itself; -1 elsewhere. Each holds its share of every layer."""
    rows = np.flatnonzero(study.inputs.subjects)
    code, classes = study.classes("layer" if study.inputs.layers else "cell_type")
    label = np.array([*classes, "unknown"], dtype=object)[code[rows]]
    fold = np.full(len(study.inputs.nucleus_id), -1)
    fold[rows] = folds_by_neuron(study.inputs.nucleus_id[rows], study.settings.neuron_folds, study.settings.seed, label)
    return fold


def within_area(study: Study, areas: Areas, area: int, without: int | None) -> PairSet:
    """Pairs of the axons of an area, those of a fold left out, with the queried cells of it; axons without a connection there are none.

    Args:
        study: The study with its pairs.
        areas: Areas of the study.
        area: Number of the area.
        without: Fold of axons that is left out; None for none.
    """
    pairs, fold = study.pairs, _axon_folds(study)
    axon = (areas.code[pairs.pre] == area) & (fold != without)
    cell = areas.code[pairs.post] == area
    size = sparse.csr_array(pairs.size[np.flatnonzero(axon)][:, np.flatnonzero(cell)])
    found = replace(pairs, pre=pairs.pre[axon], post=pairs.post[cell], size=size)
    return found.of_axons(np.diff(size.indptr) > 0)


def asked_pairs(
    study: Study, areas: Areas, area: int
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Rows of axon and cell of the pairs of an area that are asked, and the fold of each: all axons that are scored, and drawn cells."""
    pairs = study.pairs
    pre = pairs.pre[(areas.code[pairs.pre] == area) & study.scored_axons]
    post = pairs.post[areas.code[pairs.post] == area]
    wanted = MOST_PAIRS // max(len(pre), 1)
    if wanted < len(post):
        post = np.sort(rng_for(study.settings.seed, "cells of an area", areas.names[area]).choice(post, wanted, replace=False))
    i, j = outer(pre, post)
    return i, j, folds_by_axon(study.inputs.nucleus_id[i], study.settings.axon_folds, study.settings.seed)


def asked_neurons(study: Study, areas: Areas, area: int) -> Bool[np.ndarray, " neurons"]:
    """Which neurons of an area are learned from and asked about."""
    return study.inputs.subjects & (areas.code == area)


def _axon_folds(study: Study) -> Int[np.ndarray, " axons"]:
    return folds_by_axon(study.inputs.nucleus_id[study.pairs.pre], study.settings.axon_folds, study.settings.seed)
