"""Orientation and direction from answers to gratings: von Mises curves, and a test of selectivity against shuffles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.execute import rng_for
from graphtwin.insilico.measurements.curve_fits import explained, fit_curves
from graphtwin.statistics import benjamini_hochberg
from graphtwin.tuning import fit_von_mises

SHUFFLES = 999
SELECTIVE_Q = 0.05  # false discovery rate up to which a unit counts as selective
STARTS = np.array([0.0, 45.0, 90.0, 135.0])  # orientations that a fit starts from, degrees


def fit_directions(responses: Float[np.ndarray, "units repeats directions"], degrees: Float[np.ndarray, " directions"]) -> pd.DataFrame:
    """Von Mises curves through the mean answers over repeats, one row a unit; NaN for a unit whose answers do not vary.

    Direction: two peaks half a circle apart, of one width (`graphtwin.tuning.fit_von_mises`). Orientation: one peak,
    baseline + height e^{kappa (cos 2(theta - mu) - 1)}, through the means of opposite directions.

    Args:
        responses: Answers, 0 or above, repeats being trials or whatever else was shown at each direction, such as spatial frequencies;
            of signed answers what stimuli add (`SeriesAnswers.driven`).
        degrees: Directions, evenly spaced around the circle, even in number.

    Returns:
        direction_deg, direction_index ((preferred - opposite peak) / (their sum)), direction_r2; orientation_deg, orientation_index
        (height over height and twice the baseline), orientation_width_deg (half width at half height), orientation_r2.
    """
    mean = responses.mean(1).astype(np.float64)
    flat = np.ptp(mean, axis=1) <= 1e-6 * np.abs(mean).max(1)
    directions = fit_von_mises(mean, degrees)
    peaks = directions.preferred + directions.opposite
    error = ((directions.response(degrees) - mean) ** 2).sum(1)
    half = len(degrees) // 2
    orientations = (mean[:, :half] + mean[:, half:]) / 2
    baseline, height, mu, kappa, r2 = _one_peak(orientations, degrees[:half])
    found = pd.DataFrame(
        {
            "direction_deg": directions.mu,
            "direction_index": np.divide(directions.preferred - directions.opposite, peaks, out=np.zeros(len(peaks)), where=peaks > 0),
            "direction_r2": explained(error, mean),
            "orientation_deg": mu,
            "orientation_index": height / np.maximum(height + 2 * baseline, 1e-300),
            "orientation_width_deg": np.degrees(np.arccos(np.clip(1 - np.log(2) / kappa, -1, 1))) / 2,
            "orientation_r2": r2,
        }
    )
    return found.mask(pd.Series(flat), axis=0)


def _one_peak(values: Float[np.ndarray, "units orientations"], degrees: Float[np.ndarray, " orientations"]) -> tuple[np.ndarray, ...]:
    """Baseline, height, peak in degrees, kappa and explained variance of the best of fits from several starts."""
    scale = np.maximum(np.abs(values).max(1, keepdims=True), 1e-300)
    wanted, angles = values / scale, 2 * np.radians(degrees)

    def curve(tried: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low, high, at, width = (part[:, None] for part in np.clip(tried, [-12, -12, -np.inf, -4], [4, 4, np.inf, 4]).T)
        kappa = np.exp(width)
        tall = np.exp(high + kappa * (np.cos(angles - at) - 1))
        slopes = [np.exp(low) + 0 * tall, tall, tall * kappa * np.sin(angles - at), tall * kappa * (np.cos(angles - at) - 1)]
        return np.exp(low) + tall, np.stack(slopes, axis=2)

    best, parameters = np.full(len(values), np.inf), np.zeros((len(values), 4))
    for start in STARTS:
        low, high = np.log(np.maximum(wanted.min(1), 1e-3)), np.log(np.maximum(np.ptp(wanted, axis=1), 1e-3))
        begin = np.column_stack([low, high, np.full(len(values), 2 * np.radians(start)), np.full(len(values), 0.5)])
        found, error = fit_curves(curve, begin, wanted)
        better = error < best
        best[better], parameters[better] = error[better], found[better]
    baseline, height = np.exp(np.clip(parameters[:, :2], -12, 4).T) * scale[:, 0]
    mu = np.degrees(parameters[:, 2]) % 360 / 2
    return baseline, height, mu, np.exp(np.clip(parameters[:, 3], -4, 4)), explained(best, wanted)


def selectivity_tests(
    responses: Float[np.ndarray, "units repeats directions"],
    degrees: Float[np.ndarray, " directions"],
    seed: int = 0,
    shuffles: int = SHUFFLES,
) -> pd.DataFrame:
    """Whether units prefer an orientation, and a direction of it, against shuffled answers.

    Of a responder without noise, repeats are other conditions shown at each direction (spatial and temporal frequencies, phases): a unit
    is selective when these agree on what it prefers. Of samples, repeats are trials. For orientation opposite directions are averaged, and
    orientations are shuffled within each repeat: the statistic is the mean vector, |sum R e^{2 i theta}|. For direction opposite
    directions trade places by chance in each repeat, which leaves orientation as it is: the statistic is |sum R e^{i theta}|. A unit whose
    answers do not vary has NaN. p is (1 + number of shuffles at least as long) / (1 + shuffles), after Phipson & Smyth 2010,
    doi:10.2202/1544-6115.1585.

    Args:
        responses: Answers.
        degrees: Directions, degrees.
        seed: Seed of the shuffles.
        shuffles: Number of shuffles.

    Returns:
        orientation_p, direction_p, and with the false discovery rate of Benjamini & Hochberg orientation_q, direction_q.
    """
    (units, repeats, _), half = responses.shape, len(degrees) // 2
    values = responses.astype(np.float64)
    together, apart = values[:, :, :half] + values[:, :, half:], values[:, :, :half] - values[:, :, half:]
    wave = np.exp(1j * np.radians(degrees[:half]))
    shuffled, traded = rng_for(seed, "shuffled orientations"), rng_for(seed, "traded directions")

    def orders() -> np.ndarray:
        return wave[shuffled.permuted(np.tile(np.arange(half), (repeats, 1)), axis=1)] ** 2

    def signs() -> np.ndarray:
        return wave * traded.choice([-1.0, 1.0], (repeats, half))

    rounding = 1e-9 * np.abs(values).sum((1, 2))
    silent = np.ptp(values.reshape(units, -1), axis=1) <= 1e-6 * np.abs(values).max((1, 2))
    named = {
        "orientation": np.where(silent, np.nan, _p_of(together, np.tile(wave**2, (repeats, 1)), orders, shuffles, rounding)),
        "direction": np.where(silent, np.nan, _p_of(apart, np.tile(wave, (repeats, 1)), signs, shuffles, rounding)),
    }
    return pd.DataFrame(
        {f"{name}_p": values for name, values in named.items()}
        | {f"{name}_q": benjamini_hochberg(values) for name, values in named.items()}
    )


def _p_of(
    values: Float[np.ndarray, "units repeats angles"],
    wave: np.ndarray,
    drawn: Callable[[], np.ndarray],
    shuffles: int,
    rounding: Float[np.ndarray, " units"],
) -> Float[np.ndarray, " units"]:
    """Share of draws of a wave (repeats, angles) along which values sum to a vector at least as long as along the wave itself."""
    flat = values.reshape(len(values), -1)
    observed = np.abs(flat @ wave.ravel())
    longer = sum((np.abs(flat @ drawn().ravel()) >= observed - rounding).astype(np.int64) for _ in range(shuffles))
    return np.asarray((1 + longer) / (1 + shuffles))
