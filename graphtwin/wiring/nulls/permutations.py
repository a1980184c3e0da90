"""Nulls of a pair table: what the slope of a similarity would be if it played no part in who connects.

`permute_within_axons` deals the similarities of an axon anew among its candidates, or among those of one stratum. Who connects and L_d
    stay. Valid where targets are about equally popular.
`permute_neurons` deals the function of targets anew within strata, the same for all axons. Who connects, L_d and how popular each target
    is stay. Valid where function does not go with place or popularity within a stratum.
`pair_rewiring.rewire_pairs` moves connections among candidates. Similarity and the number of partners of every axon and target stay.
    Valid with L_d as weight, also where targets are popular; in bins of L_d only where similarity does not follow L_d inside a bin.

A target that many axons prefer makes all of them agree on its function. Permuting pairs gives every axon a lottery of its own and so breaks
what the axons share: with popular targets it finds rules that are not there. Use neurons or rewiring then, and believe no null alone.
`analyses/planted_pairs` counts how often each of them errs, and where.
Strata may explain a part of the slope; the null slopes then lie around that part instead of 0.

The statistic of permutations is the z of the score test given the other similarities of the candidates (`score_test`); `pair_rewiring`
says why rewiring has another. p counts replicates whose z lies at least as far from the mean of all z, the observed one included;
two-sided, (1 + number) / (1 + replicates).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numba import njit

from graphtwin.execute import rng_for
from graphtwin.statistics import replicate, two_sided_p
from graphtwin.wiring.conditional import ConditionalFit, ScoreTest, score_parts, score_test
from graphtwin.wiring.pairs import EFFECT, CandidateSet, Measure

N_REPLICATES = 1000  # replicates of a null: the least p is then 1 / 1001
OBSERVED = ["group", "similarity", "estimate", "low", "high", "df", *EFFECT]
AGREE_SD = 1e-3  # SD of a similarity: how closely a measure must repeat the column of the table
MAX_CELLS = 2 * 10**8  # cells of a table of axons x targets; at 8 bytes each 1.6 GB


@dataclass(frozen=True)
class NullDistribution:
    """Observed and null statistics of one similarity, by group.

    Attributes:
        null: Name of the null hypothesis.
        test: The test of the similarity, with its observed slope in each group.
        z: Observed score statistic of each group.
        null_z: Score statistics of the replicates.
        null_slope: One-step slopes of the replicates, per unit of the similarity.
        moved: Share of pairs (or connections) that changed, mean over replicates.
    """

    null: str
    test: ScoreTest
    z: Float[np.ndarray, " groups"]
    null_z: Float[np.ndarray, "replicates groups"]
    null_slope: Float[np.ndarray, "replicates groups"]
    moved: float

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups."""
        return self.test.choices.groups

    def p_value(self) -> Float[np.ndarray, " groups"]:
        """Two-sided p of each group."""
        return two_sided_p(self.z, self.null_z)

    def to_frame(self) -> pd.DataFrame:
        """One row a group: slope observed, mean and SD of null slopes, z observed, p, replicates, share moved.

        low, high, df, and rate_ratio with its interval (what one SD multiplies synapses by) are those of the observed slope in the
        conditional model that is tested, whose errors are clustered by axon. Neither p nor the null rests on them.
        """
        fitted = self.test.fit.to_frame()
        observed = fitted.loc[fitted["similarity"] == self.test.similarity, OBSERVED].reset_index(drop=True)
        columns = {"null": self.null, "null_mean": np.nanmean(self.null_slope, 0), "null_sd": np.nanstd(self.null_slope, 0)}
        return observed.assign(**columns, z=self.z, p=self.p_value(), n_replicates=len(self.null_z), moved=self.moved)


def distribution(null: str, test: ScoreTest, parts: list[np.ndarray], moved: float) -> NullDistribution:
    """Observed beside replicates, each given by the parts of its score."""
    z, _ = test.z(test.observed())
    null_z, null_slope = test.z(np.stack(parts))
    return NullDistribution(null, test, z, null_z, null_slope, moved)


def permute_within_axons(
    choices: CandidateSet,
    similarity: str,
    seed: int,
    n_replicates: int = N_REPLICATES,
    stratum: Int[np.ndarray, " rows"] | None = None,
    workers: int = 1,
) -> NullDistribution:
    """Deal each axon's similarities anew among its candidates, connected or not.

    Args:
        choices: The candidates; their other similarities stay in place and are held in the test.
        similarity: Name of the similarity that is dealt.
        seed: The run's seed.
        n_replicates: Number of permutations.
        stratum: Number of each row's stratum in the pair table (`quantile_bins`): pairs exchange similarities within theirs only.
        workers: Number of threads.
    """
    test = score_test(choices, similarity)
    code = np.zeros(len(choices.row), dtype=np.int64) if stratum is None else stratum[choices.row]
    order, cell = permutation_cells(choices, code)
    value, expected, others = test.value[order], test.expected[order], test.others[order]
    residual, frame = test.residual[order], test.frame()
    name = "within axons" if stratum is None else "within axons and strata"

    def draw(number: int) -> np.ndarray:
        dealt = shuffle(value, cell, rng_for(seed, "permuted pairs", similarity, number))
        return score_parts(*frame, expected, residual, others, dealt)

    sizes = np.diff(cell)
    moved = float(np.sum(sizes - 1) / len(value))
    if moved == 0:
        raise ValueError(
            f"{name}: every one of {len(value)} pairs is alone in its stratum, nothing can be exchanged. Use fewer or wider bins."
        )
    return distribution(name, test, replicate(draw, n_replicates, workers, f"{similarity} {name}"), moved)


def permutation_cells(
    choices: CandidateSet, stratum: Int[np.ndarray, " pairs"]
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " cells_and_one"]]:
    """Order of pairs by block and stratum, and where each cell of exchangeable pairs begins."""
    block = choices.block
    order = np.lexsort((stratum, block))
    new = (np.diff(block[order]) != 0) | (np.diff(stratum[order]) != 0)
    return order, np.r_[0, 1 + np.flatnonzero(new), len(order)]


def permute_neurons(
    choices: CandidateSet,
    measure: Measure,
    seed: int,
    n_replicates: int = N_REPLICATES,
    workers: int = 1,
    fit: ConditionalFit | None = None,
) -> NullDistribution:
    """Let targets exchange their function within the measure's strata; who connects, L_d and the axons' function stay.

    A target that would receive the function of the very axon gets what that axon's cell received instead, so that no axon meets itself.

    Args:
        choices: The candidates, with a column called `measure.name`.
        measure: Likeness of any two cells, with every axon and target among its cells. Strata should keep what function goes with: area,
            layer, scan.
        seed: The run's seed.
        n_replicates: Number of permutations.
        workers: Number of threads.
        fit: The conditional model of the candidates, where it is there already.
    """
    test = score_test(choices, measure.name, fit)
    likeness, stratum = _likeness(choices, measure, test)
    own = pd.Index(choices.targets).get_indexer(choices.axons)
    order = np.argsort(stratum, kind="stable")
    if len(np.unique(stratum)) == len(stratum):
        raise ValueError(f"every one of {len(stratum)} targets is alone in its stratum, nothing can be exchanged. Use wider strata.")
    residual, frame = test.residual, test.frame()

    def draw(number: int) -> tuple[np.ndarray, float]:
        source = np.empty(len(stratum), dtype=np.int64)
        lottery = rng_for(seed, "permuted neurons", measure.name, number).random(len(order))
        source[order] = order[np.lexsort((lottery, stratum[order]))]
        value = _relabelled(choices.start, choices.block_axon, choices.target, likeness, source, own)
        moved = float((source != np.arange(len(source))).mean())
        return score_parts(*frame, test.expected, residual, test.others, value), moved

    drawn = replicate(draw, n_replicates, workers, f"{measure.name} of neurons")
    return distribution("neurons", test, [parts for parts, _ in drawn], float(np.mean([moved for _, moved in drawn])))


def likeness_of_all(measure: Measure, test: ScoreTest) -> Float[np.ndarray, "axons targets"]:
    """Likeness of every axon with every target, candidates or not, in the scale of `test.value`; NaN where the measure does not know it.

    Args:
        measure: Likeness of any two cells, under the name of the similarity that is tested.
        test: The test, whose candidates have a column of the same likeness.

    Raises:
        ValueError: The measure is not defined for a cell, or differs from the column.
    """
    choices = test.choices
    index = pd.Index(measure.nucleus_id)
    pre, post = index.get_indexer(choices.axons), index.get_indexer(choices.targets)
    missing = int((pre < 0).sum() + (post < 0).sum())
    if missing:
        raise ValueError(
            f"{measure.name} is not defined for {missing} of {len(pre) + len(post)} axons and targets. "
            "Give every cell its function, or leave out pairs whose cells have none."
        )
    column = choices.column(measure.name)
    likeness = np.stack([measure.likeness(np.full(len(post), one), post).astype(np.float64) for one in pre])
    likeness = (likeness - choices.centre[column]) / choices.scale[column]
    off = ~(np.abs(likeness[choices.block_axon[choices.block], choices.target] - test.value) <= AGREE_SD)
    if off.any():
        raise ValueError(
            f"{measure.name} of the cells differs from the column of the table in {off.sum()} of {len(off)} pairs. "
            "Use the same vectors, units and preprocessing for both."
        )
    return likeness


def _likeness(choices: CandidateSet, measure: Measure, test: ScoreTest) -> tuple[np.ndarray, np.ndarray]:
    """Likeness of every axon with every target in the scale of `choices.x`, all known, and the targets' strata."""
    n_axons, n_targets = len(choices.axons), len(choices.targets)
    if n_axons * n_targets > MAX_CELLS:
        raise ValueError(f"{n_axons} axons x {n_targets} targets need {n_axons * n_targets * 8 / 1e9:.1f} GB. Test groups of axons apart.")
    likeness = likeness_of_all(measure, test)
    unknown = int(np.isnan(likeness).sum())
    if unknown:
        raise ValueError(
            f"{measure.name} is not known for {unknown} of {likeness.size} axons with targets, which may be dealt to each "
            "other. Leave out pairs whose cells lack a function."
        )
    return likeness, measure.stratum[pd.Index(measure.nucleus_id).get_indexer(choices.targets)]


@njit(cache=True, nogil=True)
@no_type_check
def shuffle(value, cell, rng):
    """The values, dealt anew within each cell (Fisher-Yates); cell: first row of each, and the end. Releases the GIL."""
    dealt = value.copy()
    for c in range(len(cell) - 1):
        begin = cell[c]
        for i in range(cell[c + 1] - 1, begin, -1):
            j = begin + int(rng.random() * (i - begin + 1))
            dealt[i], dealt[j] = dealt[j], dealt[i]
    return dealt


@njit(cache=True, nogil=True)
@no_type_check
def _relabelled(start, block_axon, target, likeness, source, own):
    """Likeness of each pair when each target has the function of its source; own[axon] is the axon's place among the targets or -1."""
    value = np.empty(len(target))
    for b in range(len(block_axon)):
        a = block_axon[b]
        for i in range(start[b], start[b + 1]):
            given = source[target[i]]
            value[i] = likeness[a, source[given] if given == own[a] else given]
    return value
