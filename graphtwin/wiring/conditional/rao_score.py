"""Rao's score test of one similarity given others, in one pass and without a fit of its own: the statistic behind permutations.

Under the hypothesis that the similarity plays no part, an axon's synapses fall on its candidates in proportion to L_d and to what the other
similarities say. The score U sums similarity times (observed - expected) synapses; z = U / sqrt(I), with the information I that the
similarity adds to the others. Dividing by sqrt(I) matters: where similarity varies more among pairs of large L_d, a permutation changes the
variance of U, and U alone has not its nominal error. Source: Rao 1948, doi:10.1017/S0305004100023987; for studentised statistics in
permutations: Chung & Romano 2013, doi:10.1214/13-AOS1090. U / I is the slope after one Newton step from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numba import njit

from graphtwin.wiring.conditional.conditional_fit import (
    ConditionalFit,
    fit_conditional,
    per_group,
    require_fitted,
    solve,
    synapses_of_blocks,
)
from graphtwin.wiring.pairs import CandidateSet


@dataclass(frozen=True)
class ScoreTest:
    """What stays the same in every replicate of a null.

    Attributes:
        choices: The candidates.
        similarity: Name of the similarity that is tested; all others of the candidates are held.
        fit: The conditional model of the similarity and the others.
        value: The similarity of each pair, in the scale of `choices.x`.
        others: The other similarities of each pair, in the scale of `choices.x`.
        expected: Expected synapses of each pair under the hypothesis, given the axons' totals.
        synapses: Synapses of each block.
        others_mean: Sum over each block of expected synapses times the other similarities.
        others_information: Inverse of the other similarities' information in each group.
    """

    choices: CandidateSet
    similarity: str
    fit: ConditionalFit
    value: Float[np.ndarray, " pairs"]
    others: Float[np.ndarray, "pairs others"]
    expected: Float[np.ndarray, " pairs"]
    synapses: Float[np.ndarray, " blocks"]
    others_mean: Float[np.ndarray, "blocks others"]
    others_information: Float[np.ndarray, "groups others others"]

    @property
    def slope(self) -> Float[np.ndarray, " groups"]:
        """Slope of the similarity per unit, fitted jointly with the others."""
        return self.fit.slope[:, self.choices.column(self.similarity)]

    @property
    def scale(self) -> float:
        """SD of the similarity over the candidates, in the unit of the similarity."""
        return float(self.choices.scale[self.choices.column(self.similarity)])

    @property
    def residual(self) -> Float[np.ndarray, " pairs"]:
        """Observed minus expected synapses of each pair."""
        return self.choices.n_synapses - self.expected

    def observed(self) -> Float[np.ndarray, "groups parts"]:
        """The parts of the score in the data."""
        return score_parts(*self.frame(), self.expected, self.residual, self.others, self.value)

    def frame(self) -> tuple[np.ndarray, ...]:
        """The first arguments of `score_parts`, which no replicate changes."""
        n_others = self.others.shape[1]
        out = np.zeros((len(self.choices.groups), 2 + 2 * n_others))
        return self.choices.start, self.choices.block_group, self.synapses, self.others_mean, out

    def z(self, parts: Float[np.ndarray, "*replicates groups parts"]) -> tuple[np.ndarray, np.ndarray]:
        """The z and the one-step slope (per unit of the similarity) of each group, from the parts of one replicate or of many.

        NaN where the similarity does not vary within any axon.
        """
        n_others = self.others.shape[1]
        cross, others_score = parts[..., 2 : 2 + n_others], parts[..., 2 + n_others :]
        share = np.einsum("...gk,gkm->...gm", cross, self.others_information)
        score = parts[..., 0] - np.einsum("...gk,...gk->...g", share, others_score)
        information = parts[..., 1] - np.einsum("...gk,...gk->...g", share, cross)
        some = np.where(information > 0, information, np.nan)
        return score / np.sqrt(some), score / some / self.scale


def score_test(choices: CandidateSet, similarity: str, fit: ConditionalFit | None = None) -> ScoreTest:
    """Prepare the test of one similarity given all others among the candidates.

    Args:
        choices: The candidates.
        similarity: Name of the similarity that is tested.
        fit: The conditional model of all of them, where it is there already.

    Raises:
        ValueError: All similarities together, or the others alone, cannot be fitted (see `fit_conditional`).
    """
    column = choices.column(similarity)
    fit = fit or fit_conditional(choices)  # refuses what has no slope to test
    held = [name for name in choices.similarities if name != similarity]
    rest = choices.only(held)
    beta, status = solve(rest, np.ones(len(choices.axons)), np.delete(fit.standardised, column, axis=1))
    require_fitted(rest, beta, status)  # some have a fit with the similarity and none without
    expected = expected_synapses(rest, beta)
    others_mean = np.stack([choices.sum_blocks(expected * z) for z in rest.x.T], 1) if held else np.zeros((len(choices.block_axon), 0))
    return ScoreTest(
        choices=choices,
        similarity=similarity,
        fit=fit,
        value=np.ascontiguousarray(choices.x[:, column]),
        others=rest.x,
        expected=expected,
        synapses=synapses_of_blocks(choices),
        others_mean=others_mean,
        others_information=np.linalg.inv(_information(rest, expected, others_mean)),
    )


def expected_synapses(choices: CandidateSet, beta: Float[np.ndarray, "groups similarities"]) -> Float[np.ndarray, " pairs"]:
    """Each axon's synapses shared out among its candidates by the slopes (scale of `choices.x`)."""
    block = choices.block
    weight = choices.exposure * np.exp(np.einsum("ij,ij->i", choices.x, beta[choices.block_group[block]]))
    return weight * (synapses_of_blocks(choices) / choices.sum_blocks(weight))[block]


def _information(rest: CandidateSet, expected: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Information of the other similarities in each group."""
    synapses = synapses_of_blocks(rest)
    share = np.divide(1.0, synapses, out=np.zeros_like(synapses), where=synapses > 0)
    n = rest.x.shape[1]
    blocks = np.empty((len(synapses), n, n))
    for k in range(n):
        for m in range(n):
            blocks[:, k, m] = rest.sum_blocks(expected * rest.x[:, k] * rest.x[:, m]) - mean[:, k] * mean[:, m] * share
    return per_group(rest, blocks)


@njit(cache=True, nogil=True)
@no_type_check
def score_parts(start, block_group, synapses, others_mean, like, expected, residual, others, value):
    """Parts of the score of each group: score, information, information shared with each other similarity, scores of the others.

    Within a block pairs may stand in any order, the same in the last four arrays. `like` gives the shape of the result. Releases the GIL.
    """
    q = others.shape[1]
    out, cross = np.zeros_like(like), np.zeros(q)
    for b in range(len(block_group)):
        if synapses[b] == 0:
            continue
        g = block_group[b]
        score, mean, square = 0.0, 0.0, 0.0
        for k in range(q):
            cross[k] = 0.0
        for i in range(start[b], start[b + 1]):
            v, e = value[i], expected[i]
            score += residual[i] * v
            mean += e * v
            square += e * v * v
            for k in range(q):
                cross[k] += e * v * others[i, k]
                out[g, 2 + q + k] += residual[i] * others[i, k]
        out[g, 0] += score
        out[g, 1] += square - mean * mean / synapses[b]
        for k in range(q):
            out[g, 2 + k] += cross[k] - mean * others_mean[b, k] / synapses[b]
    return out
