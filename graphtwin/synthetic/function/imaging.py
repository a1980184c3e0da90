"""What two-photon imaging makes of rates: events drawn a sample of the microscope, missed ones, shared gain, deconvolved activity at 30 Hz.

For sample k of a unit, taken at time t_k, phase and imaging plane giving the offset:

    lambda_k = integral of the rate from t_(k-1) to t_k                     events expected
    g_k      = exp(loadings . z(t_k) - |loadings|^2 / 2)                    shared gain of mean 1; z: slow latents of unit variance
    n_k      ~ Poisson(lambda_k g_k), or 0 with probability `missed`        events seen
    y_k      ~ amplitude Gamma(shape n_k / JITTER, scale JITTER)            deconvolved activity; exactly 0 without events

so that E y = (1 - missed) amplitude lambda and P(y = 0) = missed + (1 - missed) E exp(-lambda g). Screen and microscope have clocks of
their own: the samples fall elsewhere in every trial, and are interpolated to the frames of the film, as in the releases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numba import njit

from graphtwin.execute import rng_for
from graphtwin.synthetic.function.behaviour import slow
from graphtwin.synthetic.function.stimuli import FRAME_RATE_HZ

JITTER = 0.3  # variance of the amplitude of one event, over its squared mean
RATE_HZ = 7.3  # samples a second of every plane; the recordings of MICrONS have about 6.3, those of Sensorium 2023 about 8
LATENT_S = 1.0  # time constant of the shared fluctuations of gain, seconds
RISE_S, DECAY_S = 0.08, 0.7  # time constants of the indicator, seconds, for raw fluorescence: about those of GCaMP6s
FLUORESCENCE_NOISE = 0.6  # SD of raw fluorescence, in the peak of one event of a cell with `amplitude` 1


@dataclass(frozen=True)
class Samples:
    """What the microscope took of one trial.

    Attributes:
        first: Frames from the trial's first frame to each unit's first sample, which lies at most two samples before it.
        number: Number of each unit's first sample, counted from the start of the scan.
        period: Frames from one sample to the next.
        expected: Mean of `activity` given film, behaviour and gaze.
        activity: Deconvolved activity of every sample.
    """

    first: Float[np.ndarray, " units"]
    number: Int[np.ndarray, " units"]
    period: float
    expected: Float[np.ndarray, "units samples"]
    activity: Float[np.ndarray, "units samples"]

    def at_frames(self, values: Float[np.ndarray, "units samples"], n_frames: int) -> Float[np.ndarray, "units frames"]:
        """Values of the samples, between them linear, at the frames of the film."""
        return _interpolated(values, self.first, self.period, n_frames)


def latents(n_frames: int, n_latents: int, seed: int, animal: int, scan: str) -> Float[np.ndarray, "latents frames"]:
    """Shared slow fluctuations of a whole scan, unit variance."""
    return np.stack([slow(rng_for(seed, "latent", animal, scan, at), n_frames, LATENT_S) for at in range(n_latents)]).astype(np.float32)


def sample_events(
    rates: Float[np.ndarray, "units frames"],
    shared: Float[np.ndarray, "latents frames"],
    table: pd.DataFrame,
    offset: Float[np.ndarray, " units"],
    start: int,
    rng: np.random.Generator,
) -> Samples:
    """Take the samples of one trial.

    Args:
        rates: Rate of each unit in each frame of the trial, events a second.
        shared: Latents in each frame of the trial.
        table: The units' rows of `Tuning.table`: amplitude, missed, latent_0, ...
        offset: Time at which a unit's plane is scanned, as a share of the period (`plane_offset`).
        start: Frame of the scan at which the trial begins.
        rng: Random generator of the trial.
    """
    period = FRAME_RATE_HZ / RATE_HZ
    number = np.floor(start / period - offset).astype(np.int64) - 1
    first = (number + offset) * period - start
    n_samples = int(np.ceil(rates.shape[1] / period)) + 3
    events = _integrated(rates, first, period, n_samples)
    places = np.clip((first[:, None] + period * np.arange(n_samples)).astype(np.int64), 0, shared.shape[1] - 1)
    gain = shared_gain(shared, table, places)
    mean, activity = draw_events(events, gain, table, rng)
    return Samples(first, number, period, mean, activity)


def draw_events(
    events: Float[np.ndarray, "units samples"], gain: Float[np.ndarray, "units samples"], table: pd.DataFrame, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "units samples"], Float[np.ndarray, "units samples"]]:
    """Mean and one draw of the deconvolved activity of each sample.

    Args:
        events: Number of events expected in each sample.
        gain: Shared gain at each sample.
        table: The units' rows of `Tuning.table`.
        rng: Random generator of the trial.
    """
    missed, amplitude = (table[name].to_numpy(np.float32)[:, None] for name in ("missed", "amplitude"))
    seen = rng.poisson(events * gain)
    seen[rng.random(seen.shape, dtype=np.float32) < missed] = 0
    activity = np.zeros(seen.shape, dtype=np.float32)
    some = seen > 0
    activity[some] = rng.standard_gamma(seen[some] / JITTER) * JITTER
    return (events * (1 - missed) * amplitude).astype(np.float32), activity * amplitude


def shared_gain(
    shared: Float[np.ndarray, "latents frames"], table: pd.DataFrame, places: Int[np.ndarray, "units samples"]
) -> Float[np.ndarray, "units samples"]:
    """The gain g of every unit at each of its samples.

    Args:
        shared: Latents of each frame.
        table: The units' rows of `Tuning.table`.
        places: Frame of each sample.
    """
    loadings = table[[f"latent_{at}" for at in range(len(shared))]].to_numpy(np.float32)
    return _gain(loadings, shared, places)


def plane_offset(field: Int[np.ndarray, " units"]) -> Float[np.ndarray, " units"]:
    """Time at which each unit is scanned, as a share of the period: planes one after the other."""
    planes = np.unique(field)
    return np.searchsorted(planes, field) / len(planes)


@njit(cache=True, nogil=True)
@no_type_check
def _gain(loadings, shared, places):
    """The shared gain of every unit at each of its samples."""
    gain = np.empty(places.shape, dtype=np.float32)
    for unit in range(len(loadings)):
        half = np.float32(0)
        for at in range(loadings.shape[1]):
            half += loadings[unit, at] ** 2 / 2
        for k in range(places.shape[1]):
            log_gain = -half
            for at in range(loadings.shape[1]):
                log_gain += loadings[unit, at] * shared[at, places[unit, k]]
            gain[unit, k] = np.exp(log_gain)
    return gain


@njit(cache=True, nogil=True)
@no_type_check
def _integrated(rates, first, period, n_samples):
    """Expected events in the period before each sample; before the first frame and after the last, the rate goes on as it is there."""
    n_units, n_frames = rates.shape
    events = np.empty((n_units, n_samples), dtype=np.float32)
    for unit in range(n_units):
        for k in range(n_samples):
            stop = first[unit] + k * period
            start = stop - period
            total, frame = 0.0, int(np.floor(start))
            while frame < stop:
                overlap = min(stop, frame + 1.0) - max(start, float(frame))
                total += overlap * rates[unit, min(max(frame, 0), n_frames - 1)]
                frame += 1
            events[unit, k] = total / FRAME_RATE_HZ
    return events


@njit(cache=True, nogil=True)
@no_type_check
def _interpolated(values, first, period, n_frames):
    """Values at frames 0, 1, ... from samples at first + k period, in frames."""
    n_units, n_samples = values.shape
    out = np.empty((n_units, n_frames), dtype=np.float32)
    for unit in range(n_units):
        for t in range(n_frames):
            place = (t - first[unit]) / period
            before = min(max(int(np.floor(place)), 0), n_samples - 2)
            share = place - before
            out[unit, t] = values[unit, before] * (1 - share) + values[unit, before + 1] * share
    return out


def fluorescence(
    activity: Float[np.ndarray, "units samples"], table: pd.DataFrame, rng: np.random.Generator
) -> Float[np.ndarray, "units samples"]:
    """Raw fluorescence of a scan, from the deconvolved activity of all its samples in order.

    F = F0 + gain (calcium + slow drift + noise). An event of mean size adds k(t) = exp(-t / decay) - exp(-t / rise), scaled to a peak of 1,
    at time t after it. Events of a sample happened in the period T before it, anywhere alike: j samples later they have added the mean of
    k from j T to (j + 1) T. A sample therefore shows its own events, in part.

    Args:
        activity: Deconvolved activity of all samples of the scan, one row a unit.
        table: The units' rows of `Tuning.table`.
        rng: Random generator of the scan.
    """
    from scipy.signal import lfilter

    period_s = 1 / RATE_HZ
    events = activity / table["amplitude"].to_numpy()[:, None]

    def faded(of_s: float) -> np.ndarray:
        """Remainder of events that fade with a time constant, mean over the period before each sample."""
        keep = np.exp(-period_s / of_s)
        return of_s / period_s * (1 - keep) * lfilter([1.0], [1.0, -keep], events, axis=1)

    peak_s = np.log(DECAY_S / RISE_S) * DECAY_S * RISE_S / (DECAY_S - RISE_S)
    calcium = (faded(DECAY_S) - faded(RISE_S)) / (np.exp(-peak_s / DECAY_S) - np.exp(-peak_s / RISE_S))
    drift = np.cumsum(rng.standard_normal(activity.shape) * 0.01, axis=1)
    base, gain = rng.lognormal(5.5, 0.4, (len(activity), 1)), rng.lognormal(3.5, 0.4, (len(activity), 1))
    noise = FLUORESCENCE_NOISE * rng.standard_normal(activity.shape)
    return (base + gain * (calcium + drift + noise)).astype(np.float32)
