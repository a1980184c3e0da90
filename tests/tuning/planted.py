"""Neurons whose log tuning curves are known: two harmonics of direction, Gamma noise of known size."""

import numpy as np
import pandas as pd

DEGREES = np.arange(16) * 22.5


def planted_basis() -> np.ndarray:
    """Orthonormal (4, 16): cosine and sine of direction and of twice the direction."""
    angle = np.radians(DEGREES)
    return np.stack([np.cos(2 * angle), np.sin(2 * angle), np.cos(angle), np.sin(angle)]) / np.sqrt(8)


def planted_responses(n: int, seed: int, spread=(2.0, 1.6, 0.9, 0.6), dispersion: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Responses (n, 16) and the true mean curves behind them."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(n, 4)) * spread
    mean = np.exp(rng.normal(size=(n, 1)) + weights @ planted_basis())
    return mean * rng.gamma(1 / dispersion, dispersion, size=mean.shape), mean


def planted_units(n: int, seed: int, scans: int = 4, scan_effect: float = 0.0) -> pd.DataFrame:
    """A units table; `scan_effect` turns every scan's curves towards a direction of its own."""
    responses, _ = planted_responses(n, seed)
    scan = np.arange(n) % scans
    tilt = np.cos(2 * np.radians(DEGREES)[None, :] - scan[:, None])
    columns = [f"direction_{int(degree):03d}_{int(10 * (degree % 1))}" for degree in DEGREES]
    keys = pd.DataFrame(
        {"session": scan // 2 + 4, "scan_idx": scan % 2 + 1, "unit_id": np.arange(n) + 1, "nucleus_id": np.arange(n) + 1000}
    )
    return pd.concat([keys, pd.DataFrame(responses * np.exp(scan_effect * tilt), columns=columns)], axis=1)


def planted_function(n: int, d: int, rank: int, seed: int, gaps: float = 0.0, noise=0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Responses (n, d) of any sign with a gain and an offset a neuron, gaps at random, the orthonormal basis and the noiseless responses.

    `noise` is the standard deviation beside curves of variance 1 a component: one, or one a neuron (n, 1) or a column (d).
    """
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(rank, d))
    basis = np.linalg.qr((basis - basis.mean(1, keepdims=True)).T)[0].T
    curve = rng.normal(size=(n, rank)) * np.linspace(1.0, 0.6, rank) @ basis * np.sqrt(d)
    gain, offset = np.exp(0.5 * rng.normal(size=(n, 1))), 3.0 * rng.normal(size=(n, 1))
    values = offset + gain * (curve + noise * rng.normal(size=(n, d)))
    return np.where(rng.random((n, d)) < gaps, np.nan, values), basis, offset + gain * curve


def any_columns(d: int, **stated) -> pd.DataFrame:
    """What is stated of columns of any kind: nothing but what is given."""
    unknown = {"table": "t", "position": np.nan, "period": np.nan, "axis": "free", "noise": "", "what": ""}
    return pd.DataFrame({"column": [f"c{index}" for index in range(d)], **(unknown | stated)})
