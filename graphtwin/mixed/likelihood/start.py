"""Where a fit starts: one common rate, moderate variances, shapes by moments, then fixed and random effects fitted together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphtwin.mixed.design import Design, effect_scales
from graphtwin.mixed.families import IDENTITY, LOG, Distribution, Link, Normaliser
from graphtwin.mixed.likelihood.laplace import Beyond, Evaluation, Model, climbing, evaluate, joint_mode
from graphtwin.shapes import Float

FIRST_SD = 0.5  # starting standard deviation of the predictor by each random effect, at one standard deviation of what multiplies it


def starting_evaluation(
    design: Design,
    family: Distribution,
    model: Model,
    normaliser: Normaliser,
    beyond: Beyond | None = None,
    log_ranges: Sequence[float] = (),
) -> Evaluation:
    """The likelihood where a fit starts.

    Args:
        design: Design with one column of responses.
        family: Distribution of the response.
        model: The penalised likelihood.
        normaliser: Part of the log-likelihood that depends on the response and the family's shape alone.
        beyond: What is added to the Laplace log-likelihood.
        log_ranges: Log ranges of the fields whose ranges are estimated.
    """
    layout, vector = model.layout, np.zeros(model.layout.n_parameters)
    rate = _common_predictor(design, family.link)
    vector[: layout.n_fixed] = _common_rate(design, rate)
    vector[layout.n_fixed : layout.n_fixed + layout.n_roots] = starting_roots(design, predictor_unit(design, family.link))
    vector[layout.n_fixed + layout.n_roots :] = np.r_[family.start(design.y, family.link.mean(design.offset + rate)), log_ranges]
    point = joint_mode(climbing(model), vector)
    return evaluate(model, normaliser, point.vector, point.modes, beyond)


def predictor_unit(design: Design, link: Link) -> float:
    """What is a moderate change of the predictor: 1 on a log scale or one of log odds, the response's standard deviation on its own."""
    return float(np.std(design.y)) if link is IDENTITY else 1.0


def _common_predictor(design: Design, link: Link) -> float:
    """The predictor, without offset, that all rows together have."""
    if link is LOG:
        return float(np.log(design.y.sum()) - _log_sum(design.offset))
    return float(link.predictor(np.mean(design.y, keepdims=True))[0] - design.offset.mean())


def starting_roots(design: Design, unit: float = 1.0) -> Float[np.ndarray, " roots"]:
    """Entries of the roots a fit starts from: diagonal ones that move the predictor by `FIRST_SD` units, 0 beside them."""
    parts = []
    for grouping in design.groupings:
        scale = effect_scales(design, grouping.weight)
        parts += [FIRST_SD * unit / scale[a] if a == b else 0.0 for a, b in grouping.free]
    return np.array(parts + [FIRST_SD * unit] * len(design.fields))


def _common_rate(design: Design, rate: float) -> np.ndarray:
    """Fixed effects that come closest to one rate for all rows."""
    weight = design.fixed.weight
    target = np.zeros(weight.shape[:2])
    target[:, 0] = rate
    solution: np.ndarray = np.linalg.lstsq(np.concatenate(weight), target.ravel(), rcond=None)[0]
    return solution


def _log_sum(offset: np.ndarray) -> float:
    """Logarithm of the summed exposure."""
    largest = offset.max()
    return float(largest + np.log(np.exp(offset - largest).sum()))
