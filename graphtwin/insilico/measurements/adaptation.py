"""How answers to the same stimulus decay: while it lasts, and when it comes again.

Of each unit at its preferred direction, R being its answer above that to the grey screen, averaged over phases of the grating:

    steady      R(t) = R_late + (R_0 - R_late) exp(-t / tau) from its peak on, which is sought in the first half second
    index       (early - late) / (early + late), the means of the half second from the peak on and of the last half second
    repeats     (R_1 - R_n) / (R_1 + R_n) of the first and the last of n flashes, and the ratio R_2 / R_1 of the second to the first

An index is 0 without adaptation, 1 where nothing is left, and below 0 where answers grow. A responder shows no slower adaptation than it
has memory for: the core of a twin learns from windows of `window_s` (2 s), and its ridge on energies looks back .32 s; what takes
longer is not in them, whatever it is in the animal. Here tau is told between a frame and half of the time that the grating is shown.
Sources: exponential decay, Albrecht, Farrar & Hamilton 1984, doi:10.1113/jphysiol.1984.sp015092; a review, Solomon & Kohn 2014,
doi:10.1016/j.cub.2014.09.001.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.coordinates import frames_of
from graphtwin.insilico.measurements.input_tuning import single_pulses
from graphtwin.insilico.measurements.series_answers import FRAMES_TOGETHER, answers_after_grey, screen_of
from graphtwin.insilico.responders import Responder, State, inputs_of
from graphtwin.insilico.stimuli import Blank, DriftingGrating, InSequence, Pulse, Stimulus
from graphtwin.progress import tqdm

COUNTED_S = 0.5  # seconds from the peak on, and last seconds, whose means the index compares
LEAST_CHANGE = 0.02  # share of the peak that an answer must change by to have a time constant
LEAST_R2 = 0.5  # share of the course's variance that the exponential explains, below which there is no time constant
TRIED = 80  # time constants that are tried
Shown = DriftingGrating | Pulse  # what stays or flashes
log = logging.getLogger("graphtwin")


class AdaptationConfig(BaseModel):
    """Gratings that stay, and gratings that flash."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directions: int = Field(8, ge=2, description="Directions of drift, of which each unit's best one counts.")
    phases: int = Field(4, ge=2, description="Phases of each grating, over which answers are averaged: what follows the bars is lost.")
    cycles_per_degree: float = Field(0.04, gt=0, description="Spatial frequency.")
    cycles_per_second: float = Field(2.0, gt=0, description="Temporal frequency of the drift, cycles per second.")
    steady_s: float = Field(3.0, gt=2 * COUNTED_S, description="Seconds for which a grating stays.")
    flashes: int = Field(4, ge=2, description="Times that a grating comes.")
    flash_s: float = Field(0.25, gt=0, description="Seconds of a flash.")
    gap_s: float = Field(0.25, gt=0, description="Seconds of grey between two flashes.")
    grey_s: float = Field(1.0, gt=0, description="Seconds of grey before each grating.")
    contrast_sd: float = Field(2.0, gt=0, description="Amplitude, in standard deviations of the grey levels of training.")


def measure_adaptation(
    responder: Responder, config: AdaptationConfig | None = None, state: State | None = None, progress: bool = False
) -> pd.DataFrame:
    """Decay of each unit's answers to a grating that stays and to one that comes again, one row a unit; the log counts those without.

    Where pixels are inputs without places, a pulse of each unit's preferred input takes the place of the grating.

    Args:
        responder: Responder to videos.
        config: Settings of the gratings; None takes the defaults.
        state: State in which they are seen, one number a channel.
        progress: Show a progress bar.

    Returns:
        adaptation_index, adaptation_tau_s (NaN for answers that change by less than .02 of their peak, that no exponential explains by
        half, or whose time constant is beyond what can be seen), adaptation_r2, repetition_index, repetition_ratio. NaN for a unit that no
        grating drives above its answer to grey.
    """
    config = config or AdaptationConfig()
    if not np.isfinite(responder.frame_rate_hz):
        raise ValueError(f"{responder.name}: single pictures do not last, and nothing adapts. Give a responder to videos.")
    steady = _of_best_direction(responder, config, _steady, state, progress)
    flashed = _of_best_direction(responder, config, _flashed, state, progress)
    table = pd.concat([_decay(steady, config, responder.frame_rate_hz), _repeats(flashed, config, responder.frame_rate_hz)], axis=1)
    undriven, timeless = int(table["adaptation_index"].isna().sum()), int(table["adaptation_tau_s"].isna().sum())
    if timeless:
        log.warning("%s: %d of %d units have no time constant of adaptation: %d are not driven; of the others answers do "
                    "not decay as an exponential of %.3g to %.3g s.", responder.name, timeless, len(table), undriven,
                    *_seen_s(config, responder.frame_rate_hz))  # fmt: skip
    return table


def _steady(grating: Shown, config: AdaptationConfig) -> Stimulus:
    return grating.model_copy(update={"duration_s": config.steady_s})


def _flashed(grating: Shown, config: AdaptationConfig) -> Stimulus:
    flash = (grating.model_copy(update={"duration_s": config.flash_s}), Blank(duration_s=config.gap_s))
    return InSequence(parts=flash * config.flashes)


def _of_best_direction(
    responder: Responder,
    config: AdaptationConfig,
    shown: Callable[[Shown, AdaptationConfig], Stimulus],
    state: State | None,
    progress: bool,
) -> Float[np.ndarray, "frames units"]:
    """Course of each unit's answer above grey at the direction of its largest mean, the mean over phases."""
    rate, screen = responder.frame_rate_hz, screen_of(responder, config.contrast_sd)
    grey, courses = frames_of(config.grey_s, rate), []
    choices = _choices(responder, config)
    for alike in tqdm(choices, desc=f"adaptation of {responder.name}", unit="direction", disable=not progress, leave=False):
        stimuli = [shown(one, config) for one in alike]
        together = max(1, FRAMES_TOGETHER // (grey + stimuli[0].frames(screen)))
        parts = [
            answers_after_grey(responder, stimuli[start : start + together], screen, grey, state)
            for start in range(0, len(stimuli), together)
        ]
        mean = np.concatenate(parts).mean(0, dtype=np.float64)
        courses.append(mean[grey:] - mean[grey // 2 : grey].mean(0))
    every = np.stack(courses)
    best = every.mean(1).argmax(0)
    return every[best, :, np.arange(len(best))].T


def _choices(responder: Responder, config: AdaptationConfig) -> list[list[Shown]]:
    """What a unit may prefer: directions of gratings, each in all phases; pulses of single inputs where these have no places."""
    if inputs_of(responder):
        return [[pulse] for pulse in single_pulses(responder, config.steady_s)]
    phases = (np.arange(config.phases) * 360.0 / config.phases).tolist()
    told = {"cycles_per_degree": config.cycles_per_degree, "cycles_per_second": config.cycles_per_second}
    degrees = (np.arange(config.directions) * 360.0 / config.directions).tolist()
    return [[DriftingGrating(direction_deg=degree, phase_deg=phase, **told) for phase in phases] for degree in degrees]


def _seen_s(config: AdaptationConfig, rate: float) -> tuple[float, float]:
    """Shortest and longest time constant that is told, seconds."""
    return 1.0 / rate, config.steady_s / 2


def _decay(course: Float[np.ndarray, "frames units"], config: AdaptationConfig, rate: float) -> pd.DataFrame:
    """Index, time constant and fit of answers to a grating that stays."""
    counted, n = frames_of(COUNTED_S, rate), len(course)
    peak = course[:counted].argmax(0)
    at = np.arange(n)[:, None] - peak  # frames since the peak
    early = np.where((at >= 0) & (at < counted), course, 0.0).sum(0) / counted
    late = course[-counted:].mean(0)
    driven = (early > 0) & (early + late > 1e-6 * np.abs(course).max(0))
    index = np.divide(early - late, early + late, out=np.full(len(early), np.nan), where=driven)
    tau, change, r2 = _exponential(course, np.where(at >= 0, at / rate, np.nan), _seen_s(config, rate))
    told = driven & (np.abs(change) >= LEAST_CHANGE * np.abs(course).max(0)) & (r2 >= LEAST_R2)
    low, high = _seen_s(config, rate)
    told &= (tau > low * 1.001) & (tau < high * 0.999)
    return pd.DataFrame(
        {"adaptation_index": index, "adaptation_tau_s": np.where(told, tau, np.nan), "adaptation_r2": np.where(driven, r2, np.nan)}
    )


def _exponential(
    course: Float[np.ndarray, "frames units"], since_s: Float[np.ndarray, "frames units"], seen_s: tuple[float, float]
) -> tuple[Float[np.ndarray, " units"], Float[np.ndarray, " units"], Float[np.ndarray, " units"]]:
    """Time constant, change and explained variance of a + b exp(-t / tau) from the peak on, by least squares; tau from a list."""
    known = np.isfinite(since_s)
    n, t = known.sum(0), np.where(known, since_s, 0.0)
    mean = np.where(known, course, 0.0).sum(0) / n
    wanted = np.where(known, course - mean, 0.0)
    variance = (wanted**2).sum(0)
    best, tau, change = np.full(len(mean), -np.inf), np.full(len(mean), np.nan), np.zeros(len(mean))
    for tried in np.geomspace(*seen_s, TRIED):
        decay = np.where(known, np.exp(-t / tried), 0.0)
        decay = np.where(known, decay - decay.sum(0) / n, 0.0)
        power = (decay**2).sum(0)
        slope = np.divide((decay * wanted).sum(0), power, out=np.zeros(len(mean)), where=power > 0)
        gained = slope**2 * power
        better = gained > best
        best, tau, change = np.where(better, gained, best), np.where(better, tried, tau), np.where(better, slope, change)
    return tau, change, np.divide(best, variance, out=np.zeros(len(mean)), where=variance > 0)


def _repeats(course: Float[np.ndarray, "frames units"], config: AdaptationConfig, rate: float) -> pd.DataFrame:
    """What is left of the answer to a flash when it comes again."""
    period = frames_of(config.flash_s, rate) + frames_of(config.gap_s, rate)
    each = course[: config.flashes * period].reshape(config.flashes, period, -1).mean(1)
    first, second, last = each[0], each[1], each[-1]
    driven = (first > 1e-6 * np.abs(course).max(0)) & (first + last > 0)
    nothing = np.full(len(first), np.nan)
    return pd.DataFrame(
        {
            "repetition_index": np.divide(first - last, first + last, out=nothing.copy(), where=driven),
            "repetition_ratio": np.divide(second, first, out=nothing.copy(), where=driven),
        }
    )
