"""Tables of smooth tissue without a rule or with one: function is a Gaussian field, and synapses have hot spots that L_d hides.

Drawn with numpy alone and by other code than what is tested: cells lie evenly in a slab, function has eight dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from graphtwin.wiring.pairs import Measure, Outcome, outcome_of
from graphtwin.wiring.spatial.places import Places

SIMILARITY = "cosine"
BOX_UM = np.array([500.0, 200.0, 500.0])
PLANE = [0, 2]  # axes along which function and wiring vary
FUNCTION_UM, WIRING_UM = 120.0, 100.0  # SD of the fields' kernels
FIRST_TARGET = 1001


@dataclass(frozen=True)
class Tissue:
    outcome: Outcome
    places: Places
    measure: Measure
    function: np.ndarray


def field(position_um, length_um, n, rng):
    """Independent Gaussian fields of variance 1: positions x n."""
    square = ((position_um[:, None] - position_um[None]) ** 2).sum(-1)
    size, patterns = np.linalg.eigh(np.exp(-square / (2 * length_um**2)))
    return (patterns * np.sqrt(np.maximum(size, 0))) @ rng.normal(size=(len(position_um), n))


def smooth_tissue(seed, hot_spots="none", n_axons=30, n_targets=150, smooth=0.7, slope=0.0, synapses_an_axon=10):
    """One table of all pairs; hot_spots: "none", "own" (a field for each axon) or "shared"; smooth: share of function's variance."""
    rng = np.random.default_rng([seed, n_axons, {"none": 0, "own": 1, "shared": 2}[hot_spots]])
    n = n_axons + n_targets
    place = rng.uniform(0, BOX_UM, (n, 3))
    vector = np.sqrt(smooth) * field(place[:, PLANE], FUNCTION_UM, 8, rng) + np.sqrt(1 - smooth) * rng.normal(size=(n, 8))
    vector /= np.linalg.norm(vector, axis=1, keepdims=True)
    distance = np.linalg.norm(place[:n_axons, None] - place[None, n_axons:], axis=-1)
    near = rng.random(distance.shape) < np.exp(-distance / 250)
    l_d = np.where(near, 5 * np.exp(rng.normal(0, 0.8, distance.shape) - distance / 200), 0.0)
    log_rate = np.repeat(rng.normal(0, 0.5, (n_axons, 1)), n_targets, 1)
    if hot_spots != "none":
        log_rate += field(place[n_axons:, PLANE], WIRING_UM, n_axons if hot_spots == "own" else 1, rng).T
    similarity = vector[:n_axons] @ vector[n_axons:].T
    expected = l_d * np.exp(log_rate + slope * similarity)
    expected *= synapses_an_axon * n_axons / expected.sum()
    ids = np.r_[1 + np.arange(n_axons), FIRST_TARGET + np.arange(n_targets)]
    axon, target = (grid.ravel() for grid in np.meshgrid(ids[:n_axons], ids[n_axons:], indexing="ij"))
    columns = {"pre_nucleus_id": axon, "post_nucleus_id": target, "n_synapses": rng.poisson(np.minimum(expected, 50)).ravel()}
    pairs = pd.DataFrame(columns | {"l_d_um": l_d.ravel(), SIMILARITY: similarity.ravel()})
    measure = Measure(SIMILARITY, ids, lambda a, b: np.einsum("ij,ij->i", vector[a], vector[b]), np.zeros(n, dtype=np.int64))
    return Tissue(outcome_of(pairs, "synapse_density", [SIMILARITY]), Places(ids, place), measure, vector)


def neighbourhoods(tissue, share):
    """The tissue with an ordinary pair table: candidates within one distance of their axon, which is so that they are a share of all."""
    table = tissue.outcome.table
    pre, post = (tissue.places.of(table[name].to_numpy()) for name in ("pre_nucleus_id", "post_nucleus_id"))
    distance, near = np.linalg.norm(post - pre, axis=1), table["l_d_um"].to_numpy() > 0
    reach = np.sort(distance[near])[min(int(share * len(table)), near.sum() - 1)]
    kept = table[near & (distance <= reach)].reset_index(drop=True)
    return replace(tissue, outcome=outcome_of(kept, "synapse_density", [SIMILARITY]))
