"""Orders of recruitment without a fit: of those whose inputs are alike, and the mean."""

from __future__ import annotations

import numpy as np

from graphtwin.motor.fitting import Condition, Told, pairs_of
from graphtwin.motor.model import Inputs, cosine
from graphtwin.shapes import Int

SHARED_ALONE, MEAN = "shared input alone", "mean order"


def plain_orders(inputs: Inputs, conditions: list[Condition], groups: Int[np.ndarray, " motor"]) -> dict[str, list[Told]]:
    """What shared input alone says, with nothing fitted, and what is said without any wiring.

    - shared input alone: the mean order of the other motor neurons, each weighed by the cosine of the synapses that both get from each
      premotor neuron; two neurons are the closer the larger their cosine is (the distance is 1 less the cosine)
    - mean order: the same for all

    Args:
        inputs: What the motor neurons get.
        conditions: Orders.
        groups: Group of each motor neuron: homologues count for nothing in each other's order.
    """
    alike, shared, mean = cosine(inputs.counts), [], []
    for condition in conditions:
        rows = condition.rows
        others = groups[rows][:, None] != groups[rows]
        weight = alike[np.ix_(rows, rows)] * others
        y, n = condition.values.T, others.sum(axis=1)[:, None]
        y = y - y.mean(axis=0)  # squares of large values would lose the digits of what differs
        middle = others @ y / n
        deviation = np.sqrt(np.maximum(others @ np.square(y) / n - np.square(middle), 0))
        total = weight.sum(axis=1)[:, None]
        away = np.divide(weight @ y, total, out=middle.copy(), where=total > 0) - middle
        order = np.divide(away, deviation, out=np.zeros_like(away), where=deviation > 0).T
        first, second = pairs_of(groups[rows])
        distance = np.tile(1 - alike[rows[first], rows[second]], (len(order), 1))
        shared.append(Told(order, distance))
        mean.append(Told(np.zeros_like(order), np.zeros_like(distance)))
    return {SHARED_ALONE: shared, MEAN: mean}
