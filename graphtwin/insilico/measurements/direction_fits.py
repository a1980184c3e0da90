"""Orientation and direction from answers to gratings: von Mises curves, and a test of selectivity against shuffles."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.execute import rng_for
from graphtwin.insilico.measurements.curve_fits import explained, fit_curves
from graphtwin.statistics import benjamini_hochberg
from graphtwin.tuning import fit_von_mises

SHUFFLES = 999
STARTS = np.array([0.0, 45.0, 90.0, 135.0])  # orientations that a fit starts from, degrees


def fit_directions(responses: Float[np.ndarray, "units repeats directions"], degrees: Float[np.ndarray, " directions"]) -> pd.DataFrame:
    """Von Mises curves through the mean answers over repeats, one row a unit; NaN for a unit whose answers do not vary.

    Direction: two peaks half a circle apart, of one width (`graphtwin.tuning.fit_von_mises`). Orientation: one peak,
    baseline + height e^{kappa (cos 2(theta - mu) - 1)}, through the means of opposite directions.

    Args:
        responses: Answers, repeats being trials or whatever else was shown at each direction, such as spatial frequencies.
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
    """Whether units prefer an orientation and a direction, against answers whose directions were shuffled within each repeat.

    Of a responder without noise, repeats are other conditions shown at each direction (spatial and temporal frequencies, phases): a unit
    is selective when these agree on what it prefers, or when its one curve is smoother around the circle than in other orders. Of samples,
    repeats are trials. The statistic is the length of the mean vector, |sum R e^{i n theta}|: n is 2 for orientation, where opposite
    directions are averaged first, and 1 for direction. A unit whose answers do not vary has NaN. p is (1 + number of shuffles at least as
    long) / (1 + shuffles), after Phipson & Smyth 2010, doi:10.2202/1544-6115.1585.

    Args:
        responses: Answers.
        degrees: Directions, degrees.
        seed: Seed of the shuffles.
        shuffles: Number of shuffles.

    Returns:
        orientation_p, direction_p, and with the false discovery rate of Benjamini & Hochberg orientation_q, direction_q.
    """
    half = len(degrees) // 2
    opposite = (responses[:, :, :half] + responses[:, :, half:]) / 2
    named = {
        "orientation": _shuffled_p(opposite, np.exp(2j * np.radians(degrees[:half])), rng_for(seed, "shuffled orientations"), shuffles),
        "direction": _shuffled_p(responses, np.exp(1j * np.radians(degrees)), rng_for(seed, "shuffled directions"), shuffles),
    }
    return pd.DataFrame(
        {f"{name}_p": values for name, values in named.items()}
        | {f"{name}_q": benjamini_hochberg(values) for name, values in named.items()}
    )


def _shuffled_p(
    responses: Float[np.ndarray, "units repeats angles"], wave: np.ndarray, rng: np.random.Generator, shuffles: int
) -> Float[np.ndarray, " units"]:
    """P of the length of the mean vector of each unit's answers, whose angles are shuffled within each repeat; NaN where none vary."""
    repeats, angles = responses.shape[1:]
    flat = responses.reshape(len(responses), -1).astype(np.float64)
    observed = np.abs(flat @ np.tile(wave, repeats))
    longer = np.zeros(len(flat))
    for _ in range(shuffles):
        order = rng.permuted(np.tile(np.arange(angles), (repeats, 1)), axis=1)
        longer += np.abs(flat @ wave[order].ravel()) >= observed * (1 - 1e-9)
    p = (1 + longer) / (1 + shuffles)
    p[np.ptp(flat, axis=1) <= 1e-6 * np.abs(flat).max(1)] = np.nan
    return p
