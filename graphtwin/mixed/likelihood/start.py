"""Where a fit starts: one common rate, moderate variances, shapes by moments, then fixed and random effects fitted together."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from graphtwin.mixed.design import Design, effect_scales
from graphtwin.mixed.families import Family, Normaliser
from graphtwin.mixed.likelihood.laplace import Evaluation, Model, evaluate, joint_mode

FIRST_SD = 0.5  # starting standard deviation of the log rate by each random effect, at one standard deviation of what multiplies it


def starting_evaluation(design: Design, family: Family, model: Model, normaliser: Normaliser) -> Evaluation:
    """The likelihood where a fit starts."""
    layout, vector = model.layout, np.zeros(model.layout.n_parameters)
    rate = float(np.log(design.y.sum()) - _log_sum(design.offset))
    vector[: layout.n_fixed] = _common_rate(design, rate)
    vector[layout.n_fixed : layout.n_fixed + layout.n_roots] = starting_roots(design)
    vector[layout.n_fixed + layout.n_roots :] = family.start(design.y, np.exp(design.offset + rate))
    point = joint_mode(model, vector)
    return evaluate(model, normaliser, point.vector, point.modes)


def starting_roots(design: Design) -> Float[np.ndarray, " roots"]:
    """Entries of the roots a fit starts from: diagonal ones that move the log rate by `FIRST_SD`, 0 beside them."""
    parts = []
    for grouping in design.groupings:
        scale = effect_scales(design, grouping.weight)
        parts += [FIRST_SD / scale[a] if a == b else 0.0 for a, b in grouping.free]
    return np.array(parts)


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
