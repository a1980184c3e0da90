"""What correlations of responses with the stimulus say of where each unit's receptive field lies.

A unit's standardised response z is taken to be a weighted sum of the stimulus energies E at the place of its field, and noise. Where
weights are Gaussian over units, of mean m and covariance L, the log odds of a place are those of Bayesian linear regression,

    u' A^-1 u / 2 - log |A| / 2 + const,    A = n R + L^-1,    u = n y + L^-1 m,

with R the correlations of the energies there among each other, y with z, and n the number of independent samples. A map of correlations
would count what energies share several times. m and L are learned from many units (expectation-maximisation). n is told by the correlations
themselves: nearly all of them are with places where a unit has no field, and they scatter with variance 1 / n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

FIRST_SD = 2.6  # SD of weights before any unit was seen, in standard errors of a correlation
FINER = 2  # places are compared on a grid this much finer than that of the energies, by cubic splines
UNITS_TOGETHER = 250  # units whose odds are in memory at once: bounds memory
MEDIAN_SQUARE = 0.455  # median square of a standard normal number


class Tally:
    """Sums over samples, from which correlations are made.

    A unit's correlations are those over the samples in which it was held, with energies scaled by their deviation in all samples.
    `energy_of` (units, features) has the sums of energies over the samples of each unit once one is missing, and is None before.
    """

    def __init__(self, n_units: int, channels: int, rows: int, columns: int) -> None:
        """Sums of units' responses with energies at each place of a grid, of no samples yet."""
        self.shape = (channels, rows, columns)
        self.count = 0
        self.held = np.zeros(n_units, dtype=np.int64)
        self.energy_of: np.ndarray | None = None
        self.cross = np.zeros((n_units, channels * rows * columns), dtype=np.float32)
        self.products = np.zeros((rows * columns, channels, channels))
        self.energy = np.zeros(channels * rows * columns)
        self.response, self.response_squares = np.zeros(n_units), np.zeros(n_units)

    def add(self, energies: Float[np.ndarray, "samples channels rows columns"], responses: Float[np.ndarray, "samples units"]) -> None:
        """Add samples of energies and responses; NaN where a unit was not held."""
        flat = energies.reshape(len(energies), -1)
        held = np.isfinite(responses)
        if not held.all() and self.energy_of is None:
            self.energy_of = np.tile(self.energy.astype(np.float32), (len(self.held), 1))
        if self.energy_of is not None:
            self.energy_of += held.T.astype(np.float32) @ flat
            responses = np.where(held, responses, np.float32(0.0))
        self.held += held.sum(0)
        self.cross += responses.T @ flat
        placed = np.ascontiguousarray(energies.reshape(*energies.shape[:2], -1).transpose(2, 1, 0))
        self.products += placed @ placed.transpose(0, 2, 1)
        self.energy += flat.sum(0, dtype=np.float64)
        self.response += responses.sum(0, dtype=np.float64)
        self.response_squares += (responses.astype(np.float64) ** 2).sum(0)
        self.count += len(flat)

    def scale(self) -> Float[np.ndarray, "places channels"]:
        """Deviation of each energy at each place, above 0."""
        mean = (self.energy / max(self.count, 1)).reshape(self.shape[0], -1).T
        return np.sqrt(np.maximum(np.einsum("pkk->pk", self.products) / max(self.count, 1) - mean**2, 1e-12))

    def evidence(self) -> FieldEvidence:
        """Correlations; 0 for a unit or energy that never changes."""
        n, channels, of_unit = max(self.count, 1), self.shape[0], np.maximum(self.held, 1)
        mean = self.response / of_unit
        deviation = np.sqrt(np.maximum(self.response_squares / of_unit - mean**2, 0.0))
        energy = (self.energy / n).reshape(channels, -1).T
        products = self.products / n - energy[:, :, None] * energy[:, None, :]
        scale = self.scale()
        among = products / scale[:, :, None] / scale[:, None, :]
        per_unit = np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0.0).astype(np.float32)
        shares = of_unit.astype(np.float32)[:, None]
        cross = (self.cross / shares).reshape(len(mean), channels, -1).transpose(2, 1, 0)
        own = energy[:, :, None] if self.energy_of is None else (self.energy_of / shares).reshape(cross.shape[::-1]).transpose(2, 1, 0)
        cross = cross - (own * mean).astype(np.float32)
        return FieldEvidence(cross * per_unit / scale[:, :, None].astype(np.float32), among.astype(np.float32), *self.shape[1:])


@dataclass(frozen=True)
class Prior:
    """What weights units have: their mean and its precision, and the number of independent samples that they are known from."""

    mean: Float[np.ndarray, " channels"]
    precision: Float[np.ndarray, "channels channels"]
    samples: float


@dataclass(frozen=True)
class FieldEvidence:
    """Correlations of responses and energies at each place, y, and of energies among each other, R."""

    with_units: Float[np.ndarray, "places channels units"]
    among: Float[np.ndarray, "places channels channels"]
    rows: int
    columns: int

    def of(self, units: np.ndarray | slice) -> FieldEvidence:
        """Evidence of some of the units."""
        return FieldEvidence(self.with_units[:, :, units], self.among, self.rows, self.columns)

    def of_channels(self, number: int) -> FieldEvidence:
        """Evidence of the first channels."""
        return FieldEvidence(self.with_units[:, :number], self.among[:, :number, :number], self.rows, self.columns)

    def log_odds(self, prior: Prior) -> tuple[Float[np.ndarray, "places units"], np.ndarray, np.ndarray]:
        """Log odds of each place; the weights that each unit would have there, and the covariance of their errors."""
        information = prior.samples * self.among + prior.precision
        covariance = np.linalg.inv(information)
        told = prior.samples * self.with_units + (prior.precision @ prior.mean)[:, None]
        weights = covariance @ told
        odds = ((told * weights).sum(1) - np.linalg.slogdet(information)[1][:, None]) / 2
        return odds, weights, covariance

    def independent_samples(self) -> float:
        """How many independent samples correlations come from that are those of chance, as nearly all are."""
        varies = np.einsum("pkk->pk", self.among) > 0.5  # 1, or 0 where the stimulus was masked and no correlation scatters
        return MEDIAN_SQUARE / max(float(np.median(self.with_units[varies] ** 2)), 1e-6)

    def learn(self, iterations: int) -> Prior:
        """The prior, from all units that respond."""
        active = np.flatnonzero(self.with_units.any((0, 1)))
        seen = self.of(active)
        channels = self.among.shape[1]
        samples = seen.independent_samples() if len(active) else 1.0
        first = np.eye(channels) * FIRST_SD**2 / samples
        prior = Prior(np.zeros(channels, dtype=np.float32), np.linalg.inv(first).astype(np.float32), samples)
        for _ in range(iterations if len(active) else 0):
            odds, weights, covariance = seen.log_odds(prior)
            best = odds.argmax(0)
            found = weights[best, :, np.arange(len(best))].astype(np.float64)
            mean = found.sum(0) / (len(found) + channels)
            spread = (found - mean).T @ (found - mean) + covariance[best].sum(0) + channels * first
            precision = np.linalg.inv(spread / (len(found) + channels))
            prior = Prior(mean.astype(np.float32), precision.astype(np.float32), samples)
        return prior

    def finer(self) -> FieldEvidence:
        """Evidence on a finer grid. Correlations are interpolated, because their squares, the odds, change too fast for it."""
        down, across = _splines(self.rows), _splines(self.columns)

        def refined(values: np.ndarray) -> np.ndarray:
            grid = np.moveaxis(values.reshape(self.rows, self.columns, *values.shape[1:]), (0, 1), (-2, -1))
            return np.ascontiguousarray(np.moveaxis(down @ grid @ across.T, (-2, -1), (0, 1)).reshape(-1, *values.shape[1:]))

        return FieldEvidence(refined(self.with_units), refined(self.among), self.rows * FINER, self.columns * FINER)

    def likeliest(self, prior: Prior) -> tuple[Int[np.ndarray, " units"], Float[np.ndarray, "units channels"]]:
        """The likeliest place of the grid, and the weights that a unit would have there."""
        n_units = self.with_units.shape[2]
        places, found = np.zeros(n_units, dtype=np.int64), np.zeros((n_units, self.among.shape[1]), dtype=np.float32)
        for start in range(0, n_units, UNITS_TOGETHER):
            block = slice(start, start + UNITS_TOGETHER)
            odds, weights, _ = self.of(block).log_odds(prior)
            places[block] = odds.argmax(0)
            found[block] = weights[places[block], :, np.arange(odds.shape[1])]
        return places, found

    def finer_odds(self, prior: Prior) -> Float[np.ndarray, "units rows columns"]:
        """Log odds of the places of the finer grid."""
        n_units = self.with_units.shape[2]
        blocks = (self.of(slice(start, start + UNITS_TOGETHER)).finer() for start in range(0, n_units, UNITS_TOGETHER))
        return np.concatenate([block.log_odds(prior)[0].T.reshape(-1, block.rows, block.columns) for block in blocks])

    def centres(self, prior: Prior) -> Float[np.ndarray, "units 2"]:
        """The likeliest places, between places of the grid at the peak of a paraboloid; edges of the grid at -1 and 1."""
        n_units = self.with_units.shape[2]
        blocks = (self.of(slice(start, start + UNITS_TOGETHER)) for start in range(0, n_units, UNITS_TOGETHER))
        return np.concatenate([peaks(block.finer_odds(prior)) for block in blocks])


def _splines(points: int) -> np.ndarray:
    """Matrix from values at the middles of `points` intervals to those of intervals FINER times as many."""
    from scipy.ndimage import map_coordinates

    at = (np.arange(points * FINER) + 0.5) / FINER - 0.5
    return np.stack([map_coordinates(one, [at], order=3, mode="nearest") for one in np.eye(points)], axis=1).astype(np.float32)


def peaks(odds: Float[np.ndarray, "units rows columns"]) -> Float[np.ndarray, "units 2"]:
    """Peaks of paraboloids through each highest value and its eight neighbours; x, y with edges at -1 and 1."""
    n_units, rows, columns = odds.shape
    row, column = np.divmod(odds.reshape(n_units, -1).argmax(1), columns)
    row, column = row.clip(1, rows - 2), column.clip(1, columns - 2)
    y, x = (part.ravel() for part in np.mgrid[-1:2, -1:2])
    around = odds[np.arange(n_units)[:, None], row[:, None] + y, column[:, None] + x].astype(np.float64)
    terms = np.column_stack([np.ones(9), x, y, x * x / 2, y * y / 2, x * y])
    _, to_x, to_y, xx, yy, xy = np.linalg.pinv(terms) @ around.T
    determinant = xx * yy - xy**2
    is_peak = (determinant > 1e-12) & (xx < 0)
    shift = np.stack([xy * to_y - yy * to_x, xy * to_x - xx * to_y]) / np.where(is_peak, determinant, 1.0)
    at = np.stack([column, row]) + np.where(is_peak, shift, 0.0).clip(-1, 1)
    return ((2 * at.T + 1) / [columns, rows] - 1).clip(-1, 1)
