"""Places of motor neurons in an order, those that were never measured among them, each with how far it may be off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphtwin.motor.fitting.held_out_orders import NOISE, Condition, fitted_orders, softmax, whole_orders
from graphtwin.shapes import Float, Int

UNPLACED = -1  # group of those without a place in an order


@dataclass(frozen=True)
class Placed:
    """What is said of the neurons of one order: of those with a place by fits that have not seen it, of the others by all places.

    Attributes:
        mean: Expected place among those that were measured, in their ranks; it may lie between two of them.
        deviation: SD of that place, what no wiring explains included.
    """

    mean: Float[np.ndarray, " motor"]
    deviation: Float[np.ndarray, " motor"]


def place_orders(
    families: Sequence[Float[np.ndarray, "kernels motor motor"]], conditions: Sequence[Condition], groups: Int[np.ndarray, " motor"]
) -> list[Placed]:
    """Places of all motor neurons by the model of `predict_orders`, its kernels and shares of noise weighed by inner folds.

    Args:
        families: Kernels of all motor neurons; a family is as likely as another beforehand.
        conditions: Orders, of all motor neurons, in one draw each; NaN for those without a place.
        groups: Group of each motor neuron, from 0; one with a place is held out with its group, its homologues.

    Returns:
        Means and deviations for each order.
    """
    kernels = np.concatenate(list(families))
    settings, noise = np.repeat(kernels, len(NOISE), axis=0), np.tile(NOISE, len(kernels))
    prior = -np.log(np.repeat([len(NOISE) * len(some) for some in families], [len(NOISE) * len(some) for some in families]))[:, None]
    own = [np.where(np.isfinite(one.values[0]), groups[one.rows], UNPLACED) for one in conditions]
    whole = [whole_orders(settings, noise, one.rows) for one in conditions]
    found = [Placed(np.full(len(one.rows), np.nan), np.full(len(one.rows), np.nan)) for one in conditions]
    for group in np.unique(np.concatenate(own)).tolist():
        told = zip(whole, conditions, own, strict=True)
        fits = [fitted_orders(*every, noise, one.values, some, (group, UNPLACED)) for every, one, some in told]
        weight = softmax(prior + sum(fit.evidence for fit in fits))[:, 0]
        for fit, one, some, placed in zip(fits, conditions, own, found, strict=True):
            there = np.flatnonzero(some[fit.held] == group)
            kept = np.delete(one.values[0], fit.held)
            mean, unit = fit.order[:, 0, there], kept.std()
            variance = fit.scale[:, :1] * fit.covariance[:, there, there] + np.square(mean)
            together = weight @ mean
            placed.mean[fit.held[there]] = kept.mean() + unit * together
            placed.deviation[fit.held[there]] = unit * np.sqrt(np.maximum(weight @ variance - np.square(together), 0))
    return found
