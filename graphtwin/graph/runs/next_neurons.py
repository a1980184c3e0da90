"""Neurons to record next: those whose function would make most of the observed pairs tell of the like-to-like rule of a run.

Whom a neuron contacts is known where its axon was observed, and who contacts it where it was queried; without its function these pairs say
nothing of the rule. Its similarity to others is unknown before it is recorded: it is expected to be spread as that of the observed pairs,
so that a pair of weight w adds w to the information about the slope of similarity. Intercepts of axons are taken as known.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin.execute import rng_for
from graphtwin.graph.runs.asked_ids import OF_NEURON, asked_nuclei
from graphtwin.graph.runs.next_pairs import DRAWS, study_of
from graphtwin.graph.runs.rule_fit import SLOPE, FittedRule, fit_rule, placed
from graphtwin.statistics import NextExperiments, next_experiments, require_budget, slope_covariance

log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class _Waiting:
    """Observed pairs that say nothing until neurons are recorded.

    Attributes:
        pre, post: Number of the candidate at either end, -1 where that end is recorded already.
        sums: Weight of each pair, times log distance, times its square; and 1, which counts the pair.
        n: Number of candidates.
    """

    pre: Int[np.ndarray, " pairs"]
    post: Int[np.ndarray, " pairs"]
    sums: Float[np.ndarray, "pairs 4"]
    n: int

    def opened(self, recorded: Bool[np.ndarray, " candidates"]) -> Float[np.ndarray, "candidates 4"]:
        """What each candidate would add, once some others are recorded."""
        known = np.append(recorded, True)
        found = np.zeros((self.n + 1, 4))
        for end, other in ((self.pre, self.post), (self.post, self.pre)):
            told = known[other]
            for column in range(4):
                found[:, column] += np.bincount(end[told] % (self.n + 1), self.sums[told, column], minlength=self.n + 1)
        return np.where(recorded[:, None], 0.0, found[:-1])

    def together(self, recorded: Bool[np.ndarray, " candidates"]) -> Float[np.ndarray, " 4"]:
        """What some candidates add together."""
        known = np.append(recorded, True)
        return np.asarray(self.sums[known[self.pre] & known[self.post]].sum(0))


def next_neurons(
    run: str | Path,
    budget: int,
    candidates: pd.DataFrame | None = None,
    materialization: int | None = None,
    origin: str = "candidates",
    seed: int = 0,
) -> NextExperiments:
    """The neurons to record next, each for what the pairs that it opens are expected to tell of the slope of similarity.

    Args:
        run: A run folder.
        budget: Number of neurons.
        candidates: Neurons without a recording: nucleus_id, or root ids; None takes all of the run whose axon was observed or whose inputs
            were queried.
        materialization: Materialization that the root ids belong to.
        origin: Name of the place that the candidates come from, for errors.
        seed: Seed of the random choices that are compared.
    """
    study = study_of(run)
    asked = np.ones(len(study.inputs.nucleus_id), dtype=bool)
    if candidates is not None:
        (ids,), _ = asked_nuclei(study.cortex, candidates, OF_NEURON, materialization, origin)
        asked = np.isin(study.inputs.nucleus_id, ids)
    rule = fit_rule(study)
    looked_at = np.isin(np.arange(len(asked)), np.concatenate([study.pairs.pre, study.pairs.post]))
    rows = np.flatnonzero(asked & ~rule.usable & placed(study) & looked_at)
    if candidates is not None and len(rows) < len(candidates):
        log.warning(
            "%s: %d of %d neurons are unknown to the run, recorded already, without a place, or have neither an observed axon nor queried "
            "inputs; they are left out.", origin, len(candidates) - len(rows), len(candidates),
        )  # fmt: skip
    require_budget(budget, len(rows))
    waiting = _waiting(rule, rows)
    before = np.linalg.inv(slope_covariance(rule.observed, rule.axon_variance))
    order, gain, alone, opened = _greedy(waiting, before, budget)
    table = pd.DataFrame({"nucleus_id": study.inputs.nucleus_id[rows[order]], "pairs": opened})
    return next_experiments(table, gain, alone[order], _at_random(waiting, before, budget, seed), len(rows))


def _waiting(rule: FittedRule, rows: Int[np.ndarray, " candidates"]) -> _Waiting:
    """Observed pairs with a candidate at one end or both, and a recorded neuron at the other."""
    number = np.full(len(rule.usable), -2)  # neither recorded nor a candidate
    number[rule.usable] = -1
    number[rows] = np.arange(len(rows))
    pairs = rule.study.pairs
    axons, cells = (side[number[side] > -2] for side in (pairs.pre, pairs.post))
    pre, post = (side.ravel() for side in np.meshgrid(axons, cells, indexing="ij"))
    some = (pre != post) & ((number[pre] >= 0) | (number[post] >= 0))
    pre, post = pre[some], post[some]
    told = rule.rows(pre, post, unknown=True)
    distance = told.x[:, 1]
    sums = np.stack([told.weight, told.weight * distance, told.weight * distance**2, np.ones(len(pre))], axis=1)
    return _Waiting(number[pre], number[post], sums, len(rows))


def _greedy(
    waiting: _Waiting, precision: Float[np.ndarray, "slopes slopes"], budget: int
) -> tuple[Int[np.ndarray, " budget"], Float[np.ndarray, " budget"], Float[np.ndarray, " candidates"], Int[np.ndarray, " budget"]]:
    """Candidates in order, nats that each adds, nats that each would add first, and pairs that each opens."""
    recorded = np.zeros(waiting.n, dtype=bool)
    order, gains, opened, alone = [], [], [], np.empty(0)
    for step in range(budget):
        sums = waiting.opened(recorded)
        gain = _gains(precision, sums)
        alone = gain if step == 0 else alone
        at = int(np.where(recorded, -np.inf, gain).argmax())
        order.append(at)
        gains.append(gain[at])
        opened.append(round(sums[at, 3]))
        recorded[at] = True
        precision = precision + _information(sums[at])
    return np.array(order), np.array(gains), alone, np.array(opened)


def _information(sums: Float[np.ndarray, "*many 4"]) -> Float[np.ndarray, "*many 3 3"]:
    """Information about intercept, log distance and similarity, whose mean is 0 and variance 1, from what `_Waiting.sums` add up to."""
    found = np.zeros((*sums.shape[:-1], 3, 3))
    found[..., 0, 0], found[..., 1, 1], found[..., SLOPE, SLOPE] = sums[..., 0], sums[..., 2], sums[..., 0]
    found[..., 0, 1] = found[..., 1, 0] = sums[..., 1]
    return found


def _gains(precision: Float[np.ndarray, "slopes slopes"], sums: Float[np.ndarray, "*many 4"]) -> Float[np.ndarray, " *many"]:
    """Nats of the slope that sums add."""
    before = np.linalg.inv(precision)[SLOPE, SLOPE]
    return np.asarray(np.log(before / np.linalg.inv(precision + _information(sums))[..., SLOPE, SLOPE]) / 2)


def _at_random(waiting: _Waiting, precision: Float[np.ndarray, "slopes slopes"], budget: int, seed: int) -> list[float]:
    """Nats that as many neurons of random choices tell of the slope."""
    found = []
    for draw in range(DRAWS):
        recorded = np.zeros(waiting.n, dtype=bool)
        recorded[rng_for(seed, "random neurons", draw).choice(waiting.n, budget, replace=False)] = True
        found.append(float(_gains(precision, waiting.together(recorded))))
    return found
