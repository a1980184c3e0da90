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
