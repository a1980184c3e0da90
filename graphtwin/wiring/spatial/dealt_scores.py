"""Scores of surrogates in which each target has the function of another: the sum of weight times similarity, many replicates at once.

Targets are rows here, so that what a target is dealt lies side by side in memory for all axons of a group: a replicate reads each weight
once, in order, and costs as many multiplications as a group has axons with pairs x targets with pairs. With the weights of axons as rows
and a look-up for each pair it took ten times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from graphtwin.wiring.spatial.similarity_maps import SimilarityMaps

TOGETHER = 8  # replicates that share a pass over the weights


@dataclass(frozen=True)
class GroupWeights:
    """Weights of one group's axons at the targets where one of them has any.

    Attributes:
        axon: Rows of the maps that have a weight.
        target: Targets that have a weight, ascending.
        weight: Their weights.
    """

    axon: Int[np.ndarray, " axons"]
    target: Int[np.ndarray, " targets"]
    weight: Float[np.ndarray, "targets axons"]


Similarities = tuple[Float[np.ndarray, "targets _"], ...]  # of each group's axons with all targets


def group_weights(maps: SimilarityMaps) -> list[GroupWeights]:
    """The residuals of each group as weights: observed minus expected synapses.

    Args:
        maps: The maps of the similarity.
    """
    found = []
    for group in range(len(maps.test.choices.groups)):
        residual = maps.residual(group)
        axon, target = np.flatnonzero(residual.any(1)), np.flatnonzero(residual.any(0))
        found.append(GroupWeights(axon, target, np.ascontiguousarray(residual[np.ix_(axon, target)].T)))
    return found


def similarities_of(maps: SimilarityMaps, weights: list[GroupWeights]) -> list[Similarities]:
    """The maps of each group's axons, of every draw of the maps; groups of the same axons share them.

    Args:
        maps: The maps of the similarity.
        weights: The groups, by `group_weights`.
    """
    keys = [group.axon.tobytes() for group in weights]
    axons = dict(zip(keys, (group.axon for group in weights), strict=True))
    drawn = [{key: np.ascontiguousarray(value[axon].T) for key, axon in axons.items()} for value in maps.value]
    return [tuple(one[key] for key in keys) for one in drawn]


def dealt_scores(
    weights: list[GroupWeights], similarities: Similarities, source: Int[np.ndarray, "replicates targets"]
) -> Float[np.ndarray, "replicates groups"]:
    """Score of each group when each target has the function of its source.

    Args:
        weights: Weights of each group.
        similarities: Similarities of each group's axons, of one draw of the maps.
        source: The target whose function each target is given.
    """
    columns = [_dealt(group.target, group.weight, value, source) for group, value in zip(weights, similarities, strict=True)]
    return np.stack(columns, axis=1)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
@no_type_check
def _dealt(target, weight, value, source):
    """Score of each replicate. Releases the GIL; sums are in another order than written, the same in each call."""
    score = np.zeros(len(source))
    for i in range(len(target)):
        for r in range(len(source)):
            given, total = source[r, target[i]], 0.0
            for a in range(weight.shape[1]):
                total += weight[i, a] * value[given, a]
            score[r] += total
    return score
