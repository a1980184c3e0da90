"""From raw fluorescence to activity, by the library of the authors of OASIS."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

ROUNDING = 1e-9  # what differences of a fitted trace leave where nothing happened, as a share of its range


def oasis(
    fluorescence: Float[np.ndarray, "frames units"], frame_rate_hz: float, decay_s: float | None = None
) -> Float[np.ndarray, "frames units"]:
    """Non-negative activity a frame, in units of fluorescence; an autoregressive model of the first order a unit.

    Source: Friedrich, Zhou and Paninski 2017, doi:10.1371/journal.pcbi.1005423, as their package `oasis-deconv` computes it (0.05 to
    0.2 s a unit of 10,000 frames).

    Args:
        fluorescence: Raw traces. A unit with NaN is an error; a constant one has no activity.
        frame_rate_hz: Of the traces.
        decay_s: Of the indicator; None estimates it for each unit from its autocovariance.
    """
    try:
        from oasis.functions import deconvolve
    except ImportError as error:
        raise ImportError(
            "deconvolution needs the package oasis-deconv: `pip install graphtwin[nwb]`. Or pass a function of your own, or None to read "
            "the fluorescence as it is stored."
        ) from error
    unknown = ~np.isfinite(fluorescence).all(axis=0)
    if unknown.any():
        raise ValueError(
            f"{int(unknown.sum())} of {len(unknown)} traces hold NaN or infinity, first column {int(np.flatnonzero(unknown)[0])}. "
            "Leave these units out, or cut the frames: a gap cannot be deconvolved."
        )
    known = {} if decay_s is None else {"tau_d": decay_s, "framerate": frame_rate_hz}
    activity = np.zeros(fluorescence.shape, dtype=np.float32)
    moving = np.flatnonzero(np.ptp(fluorescence, axis=0) > 0)
    for unit in tqdm(moving, desc="deconvolution", unit="unit", disable=None):
        found = deconvolve(fluorescence[:, unit].astype(np.float64), penalty=1, **known)[1]
        activity[:, unit] = np.where(found > ROUNDING * np.ptp(fluorescence[:, unit]), found, 0.0)
    return activity
