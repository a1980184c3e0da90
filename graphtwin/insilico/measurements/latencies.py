"""When a unit answers: the latency of its answer to pictures that appear, and the course of its kernel over lags."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for
from graphtwin.insilico.measurements.field_fits import separable
from graphtwin.insilico.measurements.noise_maps import NoiseMaps
from graphtwin.insilico.responders import Responder, State, inputs_of, require_answers

APPEARANCES = 60  # pictures of noise that appear
REST_S, SHOWN_S = 0.5, 0.6  # seconds of grey before each, and seconds for which it is shown
PATCH_DEG = 10.0  # edge of the patches of these pictures
APPEARANCES_TOGETHER = 6
log = logging.getLogger("graphtwin")


def measure_latencies(responder: Responder, state: State | None = None, seed: int = 0) -> pd.DataFrame:
    """Seconds from the appearance of pictures of noise to half of a unit's strongest answer, one row a unit.

    The answer is the root mean square, over pictures, of what they change; a unit that answers in the frame in which a picture appears has
    latency 0. NaN where nothing changes; the log counts these.

    Args:
        responder: Responder to videos.
        state: State in which the pictures are seen, one number a channel.
        seed: Seed of the pictures.

    Returns:
        latency_s, time_to_peak_s.
    """
    rate = responder.frame_rate_hz
    if not np.isfinite(rate):
        raise ValueError(f"{responder.name}: single pictures have no latency. Give a responder to videos.")
    change = np.zeros((frames_of(SHOWN_S, rate), len(responder.units)))
    for start in range(0, APPEARANCES, APPEARANCES_TOGETHER):
        shown = _appearing(responder, start, seed)
        answers = responder.respond_clips(shown, state)
        require_answers(responder, answers, *shown.shape[:2])
        onset = frames_of(REST_S, rate)
        change += ((answers[:, onset:] - answers[:, onset - 1 : onset]).astype(np.float64) ** 2).sum(0)
    course = np.sqrt(change / APPEARANCES)
    silent = course.max(0) <= 0
    if silent.any():
        told = responder.name, int(silent.sum()), len(silent), APPEARANCES
        log.warning("%s: %d of %d units have no latency: %d pictures of noise change nothing in their answers.", *told)
    latency = np.where(silent, np.nan, _half_rise(course) / rate)
    return pd.DataFrame(
        {"latency_s": latency, "time_to_peak_s": np.where(silent, np.nan, (course >= (1 - 1e-6) * course.max(0)).argmax(0) / rate)}
    )


def _appearing(responder: Responder, start: int, seed: int) -> Float[np.ndarray, "clips frames height width"]:
    """Clips of a grey screen on which a picture of noise appears and stays; inputs without places have noise of their own each."""
    mean, deviation = responder.grey
    patch_deg = 0.0 if inputs_of(responder) else PATCH_DEG
    down, across = (max(1, round(patch_deg / degrees)) for degrees in responder.monitor.degrees_a_pixel(*responder.size))
    height, width = responder.size
    patches = [
        rng_for(seed, "picture that appears", at).standard_normal((-(-height // down), -(-width // across)))
        for at in range(start, start + APPEARANCES_TOGETHER)
    ]
    pictures = np.stack(patches).repeat(down, 1).repeat(across, 2)[:, None, :height, :width]
    seen = np.repeat([0.0, 1.0], [frames_of(seconds, responder.frame_rate_hz) for seconds in (REST_S, SHOWN_S)])
    return (mean + deviation * pictures * seen[:, None, None]).astype(np.float32)


def _half_rise(course: Float[np.ndarray, "frames units"]) -> Float[np.ndarray, " units"]:
    """Frame at which each course first reaches half of its peak, between frames in a straight line; a step at frame k is at k."""
    half = course.max(0) / 2
    first = (course >= half).argmax(0)
    unit = np.arange(course.shape[1])
    before = np.where(first > 0, course[np.maximum(first - 1, 0), unit], 0.0)
    rise = course[first, unit] - before
    return np.maximum(first - 0.5 + np.divide(half - before, rise, out=np.full(len(unit), 0.5), where=rise > 0), 0.0)


def describe_kernels(maps: NoiseMaps) -> pd.DataFrame:
    """The course over lags of each unit's map, one row a unit; NaN for a unit without a map.

    Args:
        maps: Maps of the units, with lags of a frame or so each.

    Returns:
        kernel_peak_s (lag of the largest weight), kernel_biphasic (largest weight of the other sign over it, 0 to 1), kernel_squared
        (whether it is the course of the map of squares), kernel_0, kernel_1, ... (weights by lag, of unit length, the largest above 0).
    """
    (linear, course), (squared, of_squares) = separable(maps.linear), separable(maps.squared)
    sharper = [np.abs(part).reshape(len(part), -1) for part in (linear, squared)]
    heights = [part.max(1) / np.maximum(np.median(part, axis=1), 1e-300) for part in sharper]
    by_square = heights[1] > heights[0]
    kernel = np.where(by_square[:, None], of_squares, course)
    known = np.maximum(sharper[0].max(1), sharper[1].max(1)) > 0
    kernel = np.where(known[:, None], kernel, np.nan)
    told = pd.DataFrame(
        {
            "kernel_peak_s": np.where(known, maps.lag_s[np.nan_to_num(kernel).argmax(1)], np.nan),
            "kernel_biphasic": -np.minimum(kernel.min(1), 0) / kernel.max(1),
            "kernel_squared": by_square,
        }
    )
    return told.join(pd.DataFrame(kernel, columns=[f"kernel_{lag}" for lag in range(kernel.shape[1])]))
