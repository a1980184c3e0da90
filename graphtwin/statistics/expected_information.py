"""Which experiments tell most about parameters that are known as Gaussians: Bayesian D-optimal design.

An experiment of Fisher information J takes a parameter of posterior precision A to A + J, and is expected to tell log(|A + J| / |A|) / 2
nats of it: half the log determinant of I + J S, S the inverse of A (Chaloner & Verdinelli 1995, doi:10.1214/ss/1177009939). Experiments
are chosen one after the other, each for what it adds to those before. What one adds never grows as others are chosen, so that a
candidate whose old gain is below another's new one need not be looked at again (Minoux 1978, doi:10.1007/BFb0006528), and the greedy
choice tells 1 - 1/e of the most at least (Nemhauser et al. 1978, doi:10.1007/BF01588971).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphtwin.shapes import Float, Int

Precision = Float[np.ndarray, "parameters entries entries"]
Information = Float[np.ndarray, "candidates parameters entries entries"]


@dataclass(frozen=True)
class Chosen:
    """Experiments in the order of choice.

    Attributes:
        order: Number of each chosen candidate.
        gain: Nats that each adds to those before it, summed over parameters.
        alone: Nats that each candidate would tell alone, chosen or not.
    """

    order: Int[np.ndarray, " budget"]
    gain: Float[np.ndarray, " budget"]
    alone: Float[np.ndarray, " candidates"]


def most_informative(
    precision: Precision,
    information: Information,
    budget: int,
    cost: Float[np.ndarray, " candidates"] | None = None,
    repeats: bool = False,
) -> Chosen:
    """The candidates that tell most, one after the other, each for what it adds a unit of cost.

    Args:
        precision: Posterior precision of each of several independent parameters, before any is chosen.
        information: Fisher information of each candidate about each parameter.
        budget: Number of candidates to choose.
        cost: What each candidate costs; None where all cost alike.
        repeats: Whether a candidate may be chosen more than once.
    """
    require_budget(budget, len(information), repeats)
    price = np.ones(len(information)) if cost is None else np.asarray(cost, dtype=np.float64)
    now, level = np.array(precision, dtype=np.float64), _log_determinants(precision)
    alone = np.array([_log_determinants(now + one) - level for one in information]) / 2
    waiting = [(-gain / each, at, 0) for at, (gain, each) in enumerate(zip(alone, price, strict=True))]
    heapq.heapify(waiting)
    order: list[int] = []
    gains: list[float] = []
    while len(order) < budget:
        told, at, seen = heapq.heappop(waiting)
        if seen < len(order):
            gain = (_log_determinants(now + information[at]) - level) / 2
            heapq.heappush(waiting, (-gain / price[at], at, len(order)))
            continue
        order.append(at)
        gains.append(-told * price[at])
        now += information[at]
        level = _log_determinants(now)
        if repeats:
            heapq.heappush(waiting, (told, at, 0))
    return Chosen(np.array(order), np.array(gains), alone)


def told_together(precision: Precision, information: Information, chosen: Sequence[int] | Int[np.ndarray, " chosen"]) -> float:
    """Nats that some candidates tell together, summed over parameters; one that is named twice counts twice."""
    total = np.array(precision, dtype=np.float64)
    for at in chosen:
        total += information[at]
    return (_log_determinants(total) - _log_determinants(precision)) / 2


def require_budget(budget: int, candidates: int, repeats: bool = False) -> None:
    """Raise where a budget is below 1, or above the number of candidates though each may be chosen once.

    Args:
        budget: Number of candidates to choose.
        candidates: Number of candidates that there are.
        repeats: Whether a candidate may be chosen more than once.
    """
    if budget < 1:
        raise ValueError(f"budget {budget}: chooses nothing. Give 1 or more.")
    if not candidates or (budget > candidates and not repeats):
        raise ValueError(
            f"budget {budget}: there are {candidates} candidates, each of which is chosen once. Give a budget from 1 to {candidates}, or "
            "more candidates."
        )


def _log_determinants(matrices: Float[np.ndarray, "parameters entries entries"]) -> float:
    """Sum of the log determinants of positive definite matrices."""
    factors = np.linalg.cholesky(np.asarray(matrices, dtype=np.float64))
    return float(2 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum())
