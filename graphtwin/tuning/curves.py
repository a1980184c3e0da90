"""Tuning of every neuron at once: preferred angles, selectivity, width, von Mises curves.

Angles are in degrees. Directions are evenly spaced around the circle; the first one is given, since a stimulus set need not start at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

KAPPAS = np.array([0.5, 1.5, 4.0])  # concentrations that the grid for the start of a von Mises fit tries
# Columns that `tuning_features` reads.
TOLD_BY_GRATINGS = ["gdsi", "preferred_direction", "gosi", "preferred_orientation"]
TOLD_BY_GRATINGS += ["spatial_frequency_cpd", "temporal_frequency_hz", "f1_f0"]
N_ANGLES = 12  # angles on half of the circle that the grid for the start of a von Mises fit tries
KAPPA_RANGE = (0.05, 8.0)  # least and largest concentration of a fit: flat, and as narrow as steps of 22.5 degrees resolve


def direction_degrees(columns: list[str]) -> Float[np.ndarray, " directions"]:
    """Degrees named by `direction_DDD_D` columns, checked to be evenly spaced around the circle."""
    degrees = np.array([float(name.removeprefix("direction_").replace("_", ".")) for name in columns])
    steps = np.diff(np.r_[degrees, degrees[0] + 360.0])
    if len(degrees) < 4 or not np.allclose(steps, 360.0 / len(degrees)):
        raise ValueError(
            f"direction columns {columns[:3]} ... {columns[-1:]}: {len(degrees)} directions, steps {np.unique(steps.round(3))} degrees. "
            "Give at least four, in order and evenly spaced around the circle."
        )
    return degrees


def describe_tuning(responses: Float[np.ndarray, "neurons directions"], degrees: Float[np.ndarray, " directions"]) -> pd.DataFrame:
    """Descriptors of each tuning curve, one row a neuron; only the `preferred_*` columns depend on where the circle starts.

    gOSI = |sum R e^{2i theta}| / sum R and gDSI with e^{i theta}; OSI = (preferred - orthogonal) / (their sum) and DSI likewise with the
    opposite direction, at the direction of the largest response. `mean` is in the units of the responses, the rest has none.
    """
    index, count = np.arange(len(responses)), responses.shape[1]
    total = responses.sum(1)
    share = responses / total[:, None]
    first, second = _resultant(share, degrees, 1), _resultant(share, degrees, 2)
    best = responses.argmax(1)
    peak, opposite = responses[index, best], responses[index, (best + count // 2) % count]
    orthogonal = (responses[index, (best + count // 4) % count] + responses[index, (best - count // 4) % count]) / 2
    amplitudes = np.abs(np.fft.rfft(share, axis=1))[:, 1:5]
    return pd.DataFrame(
        {
            "preferred_direction": np.degrees(np.angle(first)) % 360.0,
            "preferred_orientation": np.degrees(np.angle(second)) % 360.0 / 2.0,
            "osi": _contrast(peak, orthogonal),
            "dsi": _contrast(peak, opposite),
            "gosi": np.abs(second),
            "gdsi": np.abs(first),
            "tuning_width": orientation_width(responses),
            "mean": responses.mean(1),
            "variation": responses.std(1) / responses.mean(1),
            "sparseness": lifetime_sparseness(responses),
            "entropy": -(share * np.log(np.maximum(share, 1e-12))).sum(1) / np.log(count),
            **{f"harmonic_{order + 1}": amplitudes[:, order] for order in range(amplitudes.shape[1])},
        }
    )


def tuning_features(tuning: pd.DataFrame) -> Float[np.ndarray, "neurons features"]:
    """Vectors whose cosines say how alike neurons are tuned, whatever the phase and place of their fields.

    Preferred direction and orientation as points at the distance of their selectivity, log frequencies, F1/F0 and orientation
    selectivity; each standardised over the neurons, the two entries of a point together. A neuron that lacks one has NaN.

    Args:
        tuning: Table of gdsi, preferred_direction, gosi, preferred_orientation (degrees), spatial_frequency_cpd, temporal_frequency_hz,
            f1_f0.
    """
    complete = tuning[TOLD_BY_GRATINGS].notna().all(axis=1).to_numpy()
    if not complete.any():
        return np.full((len(tuning), 8), np.nan)
    known = tuning.loc[complete, TOLD_BY_GRATINGS]
    points = [
        known[selectivity].to_numpy() * np.exp(1j * times * np.radians(known[angle].to_numpy()))
        for selectivity, angle, times in (("gdsi", "preferred_direction", 1), ("gosi", "preferred_orientation", 2))
    ]
    circles = [part / max(np.sqrt((np.abs(point) ** 2).mean() / 2), 1e-12) for point in points for part in (point.real, point.imag)]
    numbers = [np.log(known["spatial_frequency_cpd"]), np.log(known["temporal_frequency_hz"]), known["f1_f0"], known["gosi"]]
    vectors = np.full((len(tuning), len(circles) + len(numbers)), np.nan)
    vectors[complete] = np.column_stack([*circles, *((number - number.mean()) / max(number.std(ddof=0), 1e-12) for number in numbers)])
    return vectors


def _resultant(share: np.ndarray, degrees: np.ndarray, order: int) -> np.ndarray:
    return share @ np.exp(1j * order * np.radians(degrees))


def _contrast(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    return np.divide(high - low, high + low, out=np.zeros_like(high), where=high + low > 0)


def lifetime_sparseness(responses: Float[np.ndarray, "neurons directions"]) -> Float[np.ndarray, " neurons"]:
    """Sparseness over directions: 0 for equal responses to all of them, 1 for a response to one.

    Source: Vinje & Gallant 2000, doi:10.1126/science.287.5456.1273.
    """
    count = responses.shape[1]
    activity = responses.mean(1) ** 2 / (responses**2).mean(1)
    return (1.0 - activity) / (1.0 - 1.0 / count)


def orientation_width(responses: Float[np.ndarray, "neurons directions"]) -> Float[np.ndarray, " neurons"]:
    """Circular standard deviation (degrees of orientation) of the response above its minimum; large for an untuned neuron."""
    above = responses - responses.min(1, keepdims=True)
    angle = 4j * np.pi * np.arange(responses.shape[1]) / responses.shape[1]
    length = np.abs(above @ np.exp(angle)) / np.maximum(above.sum(1), 1e-12)
    return np.degrees(np.sqrt(-2.0 * np.log(np.clip(length, 1e-6, 1.0)))) / 2.0


@dataclass(frozen=True)
class VonMises:
    """Two-peak von Mises curves: baseline + preferred e^{kappa (cos(t - mu) - 1)} + opposite e^{kappa (cos(t - mu - 180) - 1)}.

    Attributes:
        baseline, preferred, opposite: Heights of the baseline and of both peaks, in the units of the responses, non-negative; `preferred`
            is the larger peak.
        mu: Direction of the larger peak, degrees.
        kappa: Concentration of both peaks, no unit.
    """

    baseline: Float[np.ndarray, " neurons"]
    preferred: Float[np.ndarray, " neurons"]
    opposite: Float[np.ndarray, " neurons"]
    mu: Float[np.ndarray, " neurons"]
    kappa: Float[np.ndarray, " neurons"]

    def response(self, degrees: Float[np.ndarray, " directions"]) -> Float[np.ndarray, "neurons directions"]:
        """Values of the curves at some directions, degrees."""
        peaks = _peaks(np.radians(self.mu), self.kappa, np.radians(degrees))
        return np.einsum("nk,ndk->nd", np.column_stack([self.baseline, self.preferred, self.opposite]), peaks)


def fit_von_mises(
    responses: Float[np.ndarray, "neurons directions"],
    degrees: Float[np.ndarray, " directions"],
    observed: Bool[np.ndarray, "neurons directions"] | None = None,
    iterations: int = 25,
) -> VonMises:
    """Von Mises curves by least squares for all neurons at once: a grid over (mu, kappa), then damped Gauss-Newton on all five parameters.

    Args:
        responses: Mean responses.
        degrees: Stimulus directions, degrees.
        observed: Whether the fit may look at an entry; all finite ones by default.
        iterations: Gauss-Newton steps; a step that raises a neuron's error is refused and its damping raised.
    """
    seen = (np.isfinite(responses) if observed is None else observed & np.isfinite(responses)).astype(float)
    values = np.where(seen > 0, responses, 0.0)
    scale = np.maximum(values.sum(1) / np.maximum(seen.sum(1), 1), 1e-12)
    angles = np.radians(degrees)
    parameters = _grid_start(values / scale[:, None], seen, angles)
    parameters = _gauss_newton(parameters, values / scale[:, None], seen, angles, iterations)
    heights, mu = parameters[:, :3] * scale[:, None], parameters[:, 3]
    swap = heights[:, 2] > heights[:, 1]
    mu = np.degrees(np.where(swap, mu + np.pi, mu)) % 360.0
    return VonMises(
        heights[:, 0], np.where(swap, heights[:, 2], heights[:, 1]), np.where(swap, heights[:, 1], heights[:, 2]), mu, parameters[:, 4]
    )


def _peaks(mu: np.ndarray, kappa: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Shapes that add up to a curve: a constant, a peak at mu and one opposite to it, (neurons, directions, 3)."""
    cosine = np.cos(angles[None, :] - mu[:, None])
    return np.stack([np.ones_like(cosine), np.exp(kappa[:, None] * (cosine - 1)), np.exp(kappa[:, None] * (-cosine - 1))], axis=2)


def _grid_start(values: np.ndarray, seen: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Best (baseline, two heights, mu, kappa) of a grid; half the circle is enough, since the two peaks may trade places."""
    best, tallest = np.full(len(values), np.inf), values.max(1, keepdims=True)
    parameters = np.zeros((len(values), 5))
    for kappa in KAPPAS:
        for mu in np.arange(N_ANGLES) * np.pi / N_ANGLES:
            shape = _peaks(np.array([mu]), np.array([kappa]), angles)[0]
            gram = (seen @ np.einsum("dk,dl->dkl", shape, shape).reshape(len(angles), 9)).reshape(-1, 3, 3)
            gram += 1e-3 * np.eye(3)  # two of three shapes look alike when the curve is flat
            heights = np.clip(_solve(gram, values @ shape), 0.0, tallest)
            error = (seen * (values - heights @ shape.T) ** 2).sum(1)
            better = error < best
            best[better] = error[better]
            parameters[better] = np.column_stack([heights, np.full(len(heights), mu), np.full(len(heights), kappa)])[better]
    return parameters


def _gauss_newton(start: np.ndarray, values: np.ndarray, seen: np.ndarray, angles: np.ndarray, iterations: int) -> np.ndarray:
    """Levenberg-Marquardt on (heights, mu, log kappa), each neuron with its own damping, until none gains a thousandth of its error."""
    parameters, damping, active = start.copy(), np.full(len(values), 0.1), np.arange(len(values))
    for _ in range(iterations):
        here, data, mask = parameters[active], values[active], seen[active]
        residual, jacobian = _linearise(here, data, mask, angles)
        turned = jacobian.transpose(0, 2, 1)
        gram = turned @ jacobian
        diagonal = np.einsum("nkk->nk", gram)
        system = gram + (damping[active, None] * (diagonal + 1e-3))[:, :, None] * np.eye(5)
        step = _solve(system, (turned @ residual[:, :, None])[:, :, 0])
        trial = _moved(here, step, data.max(1, keepdims=True))
        error, trial_error = (residual**2).sum(1), (_linearise(trial, data, mask, angles)[0] ** 2).sum(1)
        accept = trial_error < error
        parameters[active[accept]] = trial[accept]
        damping[active] = np.clip(np.where(accept, damping[active] / 3, damping[active] * 4), 1e-6, 1e4)
        settled = (accept & (error - trial_error < 1e-3 * error)) | (damping[active] >= 1e4) | (error < 1e-20)
        active = active[~settled]
        if not len(active):
            break
    return parameters


def _moved(parameters: np.ndarray, step: np.ndarray, tallest: np.ndarray) -> np.ndarray:
    """A step kept where data can speak: heights from 0 to the tallest response seen, kappa within its range."""
    heights = np.clip(parameters[:, :3] + step[:, :3], 0.0, tallest)
    mu = parameters[:, 3] + np.clip(step[:, 3], -0.5, 0.5)
    kappa = np.clip(parameters[:, 4] * np.exp(np.clip(step[:, 4], -0.7, 0.7)), *KAPPA_RANGE)
    return np.column_stack([heights, mu, kappa])


def _linearise(parameters: np.ndarray, values: np.ndarray, seen: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Residual and derivative of the curve by the three heights, mu and log kappa, 0 where a direction wasn't seen."""
    heights, mu, kappa = parameters[:, :3], parameters[:, 3], parameters[:, 4]
    peaks = _peaks(mu, kappa, angles)
    tall, small = heights[:, 1, None] * peaks[:, :, 1], heights[:, 2, None] * peaks[:, :, 2]
    cosine, sine = np.cos(angles[None, :] - mu[:, None]), np.sin(angles[None, :] - mu[:, None])
    by_mu = kappa[:, None] * sine * (tall - small)
    by_log_kappa = kappa[:, None] * ((cosine - 1) * tall + (-cosine - 1) * small)
    residual = seen * (values - np.einsum("nk,ndk->nd", heights, peaks))
    return residual, seen[:, :, None] * np.concatenate([peaks, by_mu[:, :, None], by_log_kappa[:, :, None]], axis=2)


def _solve(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.linalg.solve(matrices, vectors[:, :, None])[:, :, 0]
