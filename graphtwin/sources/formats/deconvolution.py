"""Deconvolution: from raw fluorescence to activity, by the library of the authors of OASIS."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from graphtwin.progress import tqdm

ROUNDING = 1e-9  # share of a trace's range: what differences of a fitted trace leave where nothing happened
# Frames of a trace: 60 traces of so many at 6.3 Hz gave a decay a frame of .78 (SD .11) for a true .80, traces of 40 frames .66 (.20) and
# two of them a value outside 0 to 1.
LEAST_FRAMES = 100
SEGMENT, NOISY = 256, (0.25, 0.5)  # frames of a spectrum's segment, and the range of frequencies (cycles a frame) that is noise alone
LAGS, BIAS = 11, 0.98  # lags of the autocovariance in frames, and the factor by which the authors multiply its decay
TOO_SLOW, TOO_FAST = 0.95, 0.15  # decay a frame that is taken where the autocovariance gives more than 1, and 0 or less


def oasis(
    fluorescence: Float[np.ndarray, "frames units"], frame_rate_hz: float, decay_s: float | None = None
) -> Float[np.ndarray, "frames units"]:
    """Non-negative activity a frame, in units of fluorescence; an autoregressive model of the first order a unit.

    The resting level of a trace is estimated and may have either sign, so that a constant added to a trace changes nothing. Resting level,
    noise, decay and penalty are those of the whole trace: frames of trials that are held out have a part in them.

    Source: Friedrich, Zhou and Paninski 2017, doi:10.1371/journal.pcbi.1005423, as their package `oasis-deconv` computes it (0.05 to
    0.2 s a unit of 10,000 frames). Noise and decay are estimated here, by their formulas: theirs draw at random where a trace has no decay.

    Args:
        fluorescence: Raw traces, of 100 frames or more. A unit with NaN is an error; a constant one has no activity.
        frame_rate_hz: Frames a second of the traces.
        decay_s: Decay time of the indicator, seconds; None estimates it for each unit from its autocovariance.
    """
    try:
        from oasis.functions import deconvolve
    except ImportError as error:
        raise ImportError(
            "deconvolution needs the package oasis-deconv (GPL-3.0): `pip install 'graphtwin[deconvolution]'`. Or pass a function of your "
            "own, or None to read the fluorescence as it is stored."
        ) from error
    frames = len(fluorescence)
    if frames < LEAST_FRAMES:
        raise ValueError(
            f"a scan of {frames} frames ({frames / frame_rate_hz:.1f} s at {frame_rate_hz:.3g} Hz) is too short to deconvolve: noise and "
            f"decay are estimated from {LEAST_FRAMES} frames ({LEAST_FRAMES / frame_rate_hz:.1f} s) or more. Leave it out, or read its "
            "fluorescence as it is stored: `read_nwb(path, deconvolve=None)`."
        )
    unknown = ~np.isfinite(fluorescence).all(axis=0)
    if unknown.any():
        raise ValueError(
            f"{int(unknown.sum())} of {len(unknown)} traces hold NaN or infinity, first column {int(np.flatnonzero(unknown)[0])}. "
            "Leave these units out, or cut the frames: a gap cannot be deconvolved."
        )
    activity = np.zeros(fluorescence.shape, dtype=np.float32)
    moving = np.flatnonzero(np.ptp(fluorescence, axis=0) > 0)
    for unit in tqdm(moving, desc="deconvolution", unit="unit", disable=None):
        trace = fluorescence[:, unit].astype(np.float64)
        noise = noise_sd(trace)
        tau_s = decay_s or -1 / (frame_rate_hz * np.log(BIAS * decay_a_frame(trace, noise)))
        # By default the package keeps the resting level at 0 or above, and traces that rest below it lose their events.
        found = deconvolve(trace, tau_d=tau_s, framerate=frame_rate_hz, sn=noise, penalty=1, b_nonneg=False)[1]
        activity[:, unit] = np.where(found > ROUNDING * np.ptp(fluorescence[:, unit]), found, 0.0)
    return activity


def noise_sd(trace: Float[np.ndarray, " frames"]) -> float:
    """SD of the noise, from the power of the trace's upper frequencies; a scan shorter than a segment is one segment.

    Source: Friedrich et al. 2017 (above), after Pnevmatikakis et al. 2016, doi:10.1016/j.neuron.2015.11.037.
    """
    from scipy.signal import welch

    frequency, power = welch(trace, nperseg=min(SEGMENT, len(trace)))
    return float(np.sqrt(power[(frequency > NOISY[0]) & (frequency < NOISY[1])].mean() / 2))


def decay_a_frame(trace: Float[np.ndarray, " frames"], noise: float) -> float:
    """Share of the calcium of a frame that is left in the next: least squares over lags of the autocovariance, without that of the noise.

    Source: that of `noise_sd`. Where the least-squares value is no decay, a slow or a fast one is taken, always the same.
    """
    centred = trace - trace.mean()
    covariance = np.array([centred[lag:] @ centred[: len(centred) - lag] for lag in range(LAGS + 1)]) / len(centred)
    before = covariance[:LAGS] - noise**2 * (np.arange(LAGS) == 0)
    found = float(before @ covariance[1:] / (before @ before))
    return TOO_SLOW if found > 1 else TOO_FAST if found <= 0 else found
