"""A table of pairs with a rule that is known: for tests, for power before an experiment, and for judging a null.

Neurons lie in a slab, function varies with place (retinotopy) and from cell to cell, axons come near some targets (L_d), and synapses are
Poisson with expected number L_d times a rate. Every nuisance that has fooled an analysis can be set: axons and targets of uneven rate,
synapses that cluster, function that follows place, a rate that falls with distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin.execute import rng_for

SLAB_UM = np.array([500.0, 200.0, 500.0])  # size of the slab of tissue along x, depth and z
FIRST_TARGET = 1_000_000  # nucleus id of the first target; axons count from 1
L_D_SCALE_UM = 5.0  # median L_d of a near pair at zero distance
POPULATIONS = np.array(["Connected", "ADP", "Same region"], dtype=object)
PROJECTIONS = np.array(["V1->V1", "V1->HVA", "HVA->V1", "HVA->HVA"], dtype=object)
REACH_UM = 150.0  # distance over which L_d and the chance to come near fall by e


@dataclass(frozen=True)
class PlantedPairs:
    """Pairs and the function they were made from.

    Attributes:
        pairs: The pair table (columns of the contract, with signal_correlation, distance_um and layers).
        nucleus_id: Nucleus ids of the axons, then of the targets.
        function: Vector of each cell, mean 0 and length 1: the signal correlation of two cells is the product.
        layer: Layer of each cell (0, 1, 2).
        place: Position of each cell's soma: x, depth, z in um.
    """

    pairs: pd.DataFrame
    nucleus_id: Int[np.ndarray, " cells"]
    function: Float[np.ndarray, "cells dimensions"]
    layer: Int[np.ndarray, " cells"]
    place: Float[np.ndarray, "cells xyz"]


@dataclass(frozen=True)
class Planted:
    """The rule and the nuisances to plant. Rates are per um of L_d; slopes act on log expected synapses.

    Attributes:
        slope: Slope per unit of signal correlation.
        distance_slope: Slope per 100 um between somata, beyond what L_d does.
        retinotopy: SD of function's part that varies smoothly with place, over that which differs between neighbours.
        common: SD of the part that all cells share, such as a response to every onset: axons then agree about a target.
        axon_sd, popularity: SD of the log rate over axons, and over targets.
        rate_slope: Change of an axon's log rate with its mean signal correlation, per SD over axons.
        dispersion: Dispersion of a pair's count, which has variance mu + dispersion mu^2.
        l_d_slope: Change of log L_d with one unit of signal correlation (like-to-like at the axonal scale).
        near: Chance of a pair to come near at zero distance.
        projections: Whether cells are of V1 and HVA, and not of one area.
    """

    n_axons: int = 40
    n_targets: int = 400
    n_synapses: int = 400
    slope: float = 0.0
    distance_slope: float = 0.0
    retinotopy: float = 0.5
    common: float = 0.0
    axon_sd: float = 0.5
    popularity: float = 0.0
    rate_slope: float = 0.0
    dispersion: float = 0.0
    l_d_slope: float = 0.0
    near: float = 1.0
    projections: bool = False


def plant(planted: Planted, seed: int, replicate: int = 0) -> PlantedPairs:
    """Draw one table; `n_synapses` is its expected total."""
    rng = rng_for(seed, "planted pairs", replicate)
    n_cells = planted.n_axons + planted.n_targets
    place, layer = rng.uniform(0, SLAB_UM, (n_cells, 3)), rng.integers(0, 3, n_cells)
    function = _function(place, planted.retinotopy, planted.common, rng)
    nucleus_id = np.r_[1 + np.arange(planted.n_axons), FIRST_TARGET + np.arange(planted.n_targets)]
    axon, target = (grid.ravel() for grid in np.meshgrid(np.arange(planted.n_axons), np.arange(planted.n_axons, n_cells), indexing="ij"))
    likeness = function[: planted.n_axons] @ function[planted.n_axons :].T
    correlation = likeness.ravel()
    distance = np.linalg.norm(place[axon] - place[target], axis=1)
    l_d = L_D_SCALE_UM * np.exp(rng.normal(0, 1, len(axon)) - distance / REACH_UM + planted.l_d_slope * correlation)
    l_d[rng.random(len(axon)) > planted.near * np.exp(-distance / REACH_UM)] = 0
    liking = rng.normal(0, planted.axon_sd, n_cells)[axon] + rng.normal(0, planted.popularity, n_cells)[target]
    liking += planted.rate_slope * ((likeness.mean(1) - likeness.mean()) / likeness.mean(1).std())[axon]
    expected = l_d * np.exp(planted.slope * correlation + planted.distance_slope * distance / 100 + liking)
    expected *= planted.n_synapses / expected.sum()
    if planted.dispersion > 0:
        expected = expected * rng.gamma(1 / planted.dispersion, planted.dispersion, len(expected))
    n_synapses = rng.poisson(expected)
    area = np.where(rng.random(n_cells) < 0.6, "V1", "HVA") if planted.projections else np.full(n_cells, "V1")
    columns = {"pre_nucleus_id": nucleus_id[axon], "post_nucleus_id": nucleus_id[target], "n_synapses": n_synapses, "l_d_um": l_d}
    columns |= {"distance_um": distance, "signal_correlation": correlation, "post_layer": layer[target]}
    columns |= {"population": POPULATIONS[np.where(n_synapses > 0, 0, np.where(l_d > 0, 1, 2))]}
    columns |= {"proj_hva": PROJECTIONS[2 * (area[axon] == "HVA") + (area[target] == "HVA")]}
    return PlantedPairs(pd.DataFrame(columns), nucleus_id, function, layer, place)


def _function(place: np.ndarray, retinotopy: float, common: float, rng: np.random.Generator, dimensions: int = 12) -> np.ndarray:
    """Vectors of mean 0 and length 1 with a part that is smooth in the plane of the cortex and one that all share."""
    wave = rng.normal(0, 1 / 120, (2, dimensions))  # radians per um
    smooth = np.sqrt(2) * np.cos(place[:, [0, 2]] @ wave + rng.uniform(0, 2 * np.pi, dimensions))
    vector = retinotopy * smooth + common * rng.normal(size=dimensions) + rng.normal(size=(len(place), dimensions))
    vector -= vector.mean(axis=1, keepdims=True)
    return vector / np.linalg.norm(vector, axis=1, keepdims=True)
