"""Pairs to proofread next: those whose connection, found or not, would tell most of the like-to-like rule of a run."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin.execute import rng_for
from graphtwin.folders import require_as_written
from graphtwin.graph.runs.asked_ids import OF_PAIR, asked_nuclei
from graphtwin.graph.runs.pair_answers import fitted_on
from graphtwin.graph.runs.rule_fit import SLOPE, FittedRule, fit_rule
from graphtwin.graph.runs.study import Study, read_study, study_files
from graphtwin.kinds import RUN, require_kind
from graphtwin.schema import PAIR_KEY
from graphtwin.statistics import NextExperiments, Rows, most_telling_rows, next_experiments, require_budget, slope_covariance

DRAWS = 100  # random choices that a choice is compared with
log = logging.getLogger("graphtwin")


def next_pairs(
    run: str | Path, budget: int, candidates: pd.DataFrame, materialization: int | None = None, origin: str = "candidates", seed: int = 0
) -> NextExperiments:
    """The pairs to proofread next, each for what it is expected to tell of the slope of similarity a unit of cost.

    Args:
        run: A run folder.
        budget: Number of pairs.
        candidates: Pairs whose connection is not known: pre_nucleus_id and post_nucleus_id, or root ids as `predict_pairs` takes them; and
            `cost`, above 0, where pairs do not cost alike.
        materialization: Materialization that the root ids belong to.
        origin: Name of the place that the candidates come from, for errors.
        seed: Seed of the random choices that are compared.
    """
    study = study_of(run)
    ids, _ = asked_nuclei(study.cortex, candidates, OF_PAIR, materialization, origin)
    cost = _costs(candidates, origin)
    pre, post = (study.inputs.rows(values) for values in ids)
    rule = fit_rule(study)
    open_ = _open(study, rule, pre, post, origin)
    require_budget(budget, int(open_.sum()))
    rows = rule.rows(pre[open_], post[open_])
    chosen = most_telling_rows(rule.observed, rows, budget, SLOPE, rule.axon_variance, cost[open_])
    at = np.flatnonzero(open_)[chosen.order]
    probability = rule.probability(rows.x, rows.group)[chosen.order]
    table = pd.DataFrame({PAIR_KEY[0]: ids[0][at], PAIR_KEY[1]: ids[1][at], "probability": probability, "cost": cost[at]})
    random = _at_random(rule, rows, budget, seed)
    return next_experiments(table, chosen.gain, chosen.alone[chosen.order], random, len(rows.x))


def study_of(run: str | Path) -> Study:
    """The study of a finished run, whose files are as they were written."""
    require_kind(run, RUN)
    run = Path(run)
    require_as_written(run, *(file.relative_to(run).as_posix() for file in study_files(run)))
    return read_study(run)


def _costs(candidates: pd.DataFrame, origin: str) -> Float[np.ndarray, " pairs"]:
    """What each pair costs; 1 where nothing is said."""
    if "cost" not in candidates:
        return np.ones(len(candidates))
    cost = pd.to_numeric(candidates["cost"], errors="coerce").to_numpy(np.float64)
    bad = ~(np.isfinite(cost) & (cost > 0))
    if bad.any():
        raise ValueError(f"{origin}: {int(bad.sum())} of {len(cost)} costs are no numbers above 0. Correct them, or leave the column out.")
    return cost


def _open(
    study: Study, rule: FittedRule, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"], origin: str
) -> Bool[np.ndarray, " pairs"]:
    """Candidates from which something can be learned: of two neurons of known function and place, not observed yet; others are counted."""
    twice = pd.DataFrame({"pre": pre, "post": post}).duplicated().to_numpy() & (pre >= 0) & (post >= 0)
    if twice.any():
        raise ValueError(f"{origin}: {int(twice.sum())} of {len(pre)} pairs are given twice. Give each pair once.")
    known = np.append(rule.usable, False)
    lacking = ~(known[pre] & known[post]) | (pre == post)
    observed = ~lacking & fitted_on(study, pre, post)
    if lacking.any() or observed.any():
        log.warning(
            "%s: %d of %d pairs have a neuron without function or place in the run, and %d are observed already; they are left out.",
            origin, int(lacking.sum()), len(pre), int(observed.sum()),
        )  # fmt: skip
    return ~lacking & ~observed


def _at_random(rule: FittedRule, rows: Rows, budget: int, seed: int) -> list[float]:
    """Nats that as many pairs of random choices tell of the slope."""
    before = slope_covariance(rule.observed, rule.axon_variance)[SLOPE, SLOPE]
    found = []
    for draw in range(DRAWS):
        some = rng_for(seed, "random pairs", draw).choice(len(rows.x), budget, replace=False)
        both = [np.concatenate([getattr(rule.observed, name), getattr(rows, name)[some]]) for name in ("x", "weight", "group")]
        found.append(float(np.log(before / slope_covariance(Rows(*both), rule.axon_variance)[SLOPE, SLOPE]) / 2))
    return found
