"""Drifting gratings shown to a responder, and the tuning that its answers tell."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.coordinates import frames_of
from graphtwin.insilico.measurements.series_answers import FRAMES_TOGETHER, answers_after_grey, screen_of
from graphtwin.insilico.responders import Responder, inputs_of
from graphtwin.insilico.stimuli import DriftingGrating
from graphtwin.progress import tqdm
from graphtwin.schema import UNIT_KEY
from graphtwin.told import told_by_fields
from graphtwin.tuning import describe_tuning

DIRECTIONAL = ["gosi", "gdsi", "osi", "dsi", "preferred_orientation", "preferred_direction"]  # columns that `describe_tuning` gives
TUNING = [*DIRECTIONAL, "spatial_frequency_cpd", "temporal_frequency_hz", "f1_f0"]  # columns of what gratings tell of a unit
SAME = 1e-6  # of the largest answer: a unit whose answers to all gratings differ by less gives the same answer to all of them
log = logging.getLogger("graphtwin")


class GratingConfig(BaseModel):
    """Full-field drifting gratings that are shown in silico, each after a grey screen.

    Examples:
        >>> graphtwin.insilico.GratingConfig(directions=8).directions
        8
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    directions: int = Field(
        16, ge=4, multiple_of=4, description="Directions of drift, at equal steps around the circle from 0 (rightwards; 90 is upwards)."
    )
    cycles_per_degree: tuple[float, ...] = Field(
        (0.03, 0.045, 0.07), min_length=1, description="Spatial frequencies, in cycles per degree at the centre of the monitor."
    )
    cycles_per_second: tuple[float, ...] = Field(
        (1.0, 2.0, 4.0), min_length=1, description="Temporal frequencies of the drift, in cycles per second."
    )
    counted_s: float = Field(1.0, gt=0, description="Seconds of each grating that count, rounded to whole cycles, one at least.")
    onset_s: float = Field(0.5, ge=0, description="Seconds of each grating that do not count, and of the grey screen before it.")
    contrast_sd: float = Field(2.0, gt=0, description="Amplitude, in standard deviations of the grey levels that the twin was trained on.")


@told_by_fields
@dataclass(frozen=True)
class GratingResponses:
    """Answers of one animal's units to drifting gratings.

    Attributes:
        mean: F0, the mean over whole cycles to half a frame, in the units of the recording; where these are signed, what it is above the
            answer to the grey screen, 0 where it is below: tuning is of what gratings add.
        modulation: F1, the amplitude at the frequency of the drift, in the units of the recording.

    Examples:
        >>> mean = np.ones((3, 16, 1, 1)) + np.eye(16)[:3, :, None, None]  # units x directions x spatial x temporal frequencies
        >>> answers = graphtwin.insilico.GratingResponses(mean, np.zeros_like(mean))
        >>> answers
        GratingResponses
          mean: array of 3 x 16 x 1 x 1
          modulation: array of 3 x 16 x 1 x 1
    """

    mean: Float[np.ndarray, "units directions spatial temporal"]
    modulation: Float[np.ndarray, "units directions spatial temporal"]


def grating_responses(responder: Responder, config: GratingConfig | None = None, progress: bool = False) -> GratingResponses:
    """Expected responses to every direction at every spatial and temporal frequency; time grows with their product.

    Args:
        responder: Responder whose units answer.
        config: Settings of the gratings; None takes the defaults.
        progress: Show a progress bar.
    """
    config = config or GratingConfig()
    rate = responder.frame_rate_hz
    if not np.isfinite(rate):
        raise ValueError(f"{responder.name}: the twin was trained on single pictures, in which nothing drifts. Give a twin of videos.")
    onset = frames_of(config.onset_s, rate)
    screen = screen_of(responder, config.contrast_sd)
    shape = config.directions, len(config.cycles_per_degree), len(config.cycles_per_second)
    mean, modulation = np.empty((2, len(responder.units), *shape))
    with tqdm(total=int(np.prod(shape)), desc=f"gratings to {responder.name}", unit="grating", disable=not progress, leave=False) as bar:
        for last, hertz in enumerate(config.cycles_per_second):
            turns = hertz / rate
            counted = round(max(1, round(config.counted_s * hertz)) / turns)  # number of frames that whole cycles last
            places = list(np.ndindex(shape[:2]))
            together = max(1, FRAMES_TOGETHER // (2 * onset + counted))
            for some in (places[start : start + together] for start in range(0, len(places), together)):
                shown = [
                    DriftingGrating(
                        direction_deg=direction * 360.0 / shape[0],
                        cycles_per_degree=config.cycles_per_degree[spatial],
                        cycles_per_second=hertz,
                        duration_s=(onset + counted) / rate,
                    )
                    for direction, spatial in some
                ]
                answers = answers_after_grey(responder, shown, screen, onset)
                late = answers[:, 2 * onset :]
                driven = late.mean(1)
                rest = answers[:, onset // 2 : onset].mean(1) if onset else np.zeros_like(driven)
                at = (slice(None), *np.transpose(some), last)
                mean[at] = (np.maximum(driven - rest, 0.0) if responder.signed else driven).T
                wave = np.exp(-2j * np.pi * turns * np.arange(counted))
                modulation[at] = 2 * np.abs(np.einsum("f,cfu->uc", wave, late)) / counted
                bar.update(len(some))
    return GratingResponses(mean, modulation)


def seen_as_they_are(config: GratingConfig, responders: Sequence[Responder]) -> GratingConfig:
    """The gratings of at most half a cycle a pixel that move by less than half a cycle a frame; others would seem coarser, or drift back.

    The log counts those left out.

    Args:
        config: Settings of the gratings that are to be shown.
        responders: Responders that are to see them; the coarsest pixels and the rarest frames decide. NaN frames a second leave none out.

    Examples:
        >>> graphtwin.insilico.seen_as_they_are(graphtwin.insilico.GratingConfig(), [responder]).cycles_per_degree
        (0.045,)
    """
    responders = [responder for responder in responders if not inputs_of(responder)]  # others are shown no gratings
    if not responders:
        return config
    rate = min(responder.frame_rate_hz for responder in responders)
    pixel = max(max(responder.monitor.degrees_a_pixel(*responder.size)) for responder in responders)
    slow = tuple(cycles for cycles in config.cycles_per_second if not 2 * cycles >= rate)
    coarse = tuple(cycles for cycles in config.cycles_per_degree if 2 * cycles * pixel <= 1)
    if not slow:
        raise ValueError(
            f"gratings: none of {len(config.cycles_per_second)} temporal frequencies is below half of the {rate:.3g} frames a second "
            f"that the twin sees (slowest {min(config.cycles_per_second):g} Hz). Ask for a slower drift."
        )
    if not coarse:
        raise ValueError(
            f"gratings: none of {len(config.cycles_per_degree)} spatial frequencies is at most half a cycle a pixel of {pixel:.3g} degrees "
            f"(coarsest {min(config.cycles_per_degree):g} cycles per degree). Ask for {0.5 / pixel:.2g} or less."
        )
    for what, all_of_them, kept, why, unit in (
        ("temporal", config.cycles_per_second, slow, f"too fast for {rate:.3g} frames a second", "Hz"),
        ("spatial", config.cycles_per_degree, coarse, f"too fine for pixels of {pixel:.3g} degrees", "cycles per degree"),
    ):
        left_out = [f"{cycles:g}" for cycles in all_of_them if cycles not in kept]
        if left_out:
            told = len(left_out), len(all_of_them), what, why, ", ".join(left_out), unit
            log.warning("gratings: %d of %d %s frequencies left out, %s: %s %s.", *told)
    return config.model_copy(update={"cycles_per_second": slow, "cycles_per_degree": coarse})


def measure_tuning(responders: Sequence[Responder], config: GratingConfig | None = None, progress: bool = False) -> pd.DataFrame:
    """Tuning of all units of some responders to drifting gratings, one row a unit; the same gratings for all of them.

    Directions are compared by the mean response over all frequencies, frequencies by that over all directions: what one grating says of a
    unit, its neighbours in the set confirm. f1_f0 tells simple cells from complex ones (Skottun et al. 1991,
    doi:10.1016/0042-6989(91)90033-2); indicators that smooth responses lower it.

    Args:
        responders: Responders to videos; the animals of a twin, for example.
        config: Settings of the gratings; None takes the defaults.
        progress: Show a progress bar.

    Returns:
        session, scan_idx, unit_id, animal, gosi, gdsi, osi, dsi, preferred_orientation, preferred_direction (degrees, see
        `describe_tuning`), spatial_frequency_cpd, temporal_frequency_hz (geometric means of those shown, weighted by the responses),
        f1_f0 (F1 over F0, gratings weighted by F0 squared), direction_000_0 ... (mean responses).

    Examples:
        >>> config = graphtwin.insilico.GratingConfig(cycles_per_degree=(0.03,), cycles_per_second=(2.0,))
        >>> graphtwin.insilico.measure_tuning([responder], config)[["unit_id", "gosi"]].shape
        (3, 2)
    """
    config = seen_as_they_are(config or GratingConfig(), responders)
    tables = []
    for responder in responders:
        found = describe_gratings(grating_responses(responder, config, progress), config)
        if alike := int(found["gosi"].isna().sum()):
            log.warning(
                "%s: %d of %d units give the same answer to all gratings: nothing is told of them.", responder.name, alike, len(found)
            )
        tables.append(pd.concat([responder.units[UNIT_KEY].assign(animal=responder.name), found], axis=1))
    return pd.concat(tables, ignore_index=True)


def describe_gratings(answers: GratingResponses, config: GratingConfig) -> pd.DataFrame:
    """The columns of `measure_tuning` from answers to gratings, whoever gave them; NaN for a unit that answers all gratings alike.

    Args:
        answers: Answers of all units to the gratings.
        config: Settings of the gratings that were shown.

    Examples:
        >>> config = graphtwin.insilico.GratingConfig(directions=8, cycles_per_degree=(0.03,), cycles_per_second=(2.0,))
        >>> mean = np.random.default_rng(0).uniform(1, 2, (3, 8, 1, 1))
        >>> graphtwin.insilico.describe_gratings(graphtwin.insilico.GratingResponses(mean, 0 * mean), config)["gosi"].shape
        (3,)
    """
    degrees = np.arange(config.directions) * 360.0 / config.directions
    names = [f"direction_{angle:05.1f}".replace(".", "_") for angle in degrees]
    power = (answers.mean**2).sum((1, 2, 3))
    alike = np.ptp(answers.mean, axis=(1, 2, 3)) <= SAME * np.abs(answers.mean).max((1, 2, 3), initial=0)  # which prefers nothing
    of_directions = np.where(alike[:, None], np.nan, answers.mean.mean((2, 3)))
    total = answers.mean.mean(1).sum((1, 2), keepdims=True)
    share = np.divide(
        answers.mean.mean(1), total, out=np.full(answers.mean.mean(1).shape, np.nan), where=(total > 0) & ~alike[:, None, None]
    )
    told = {
        "spatial_frequency_cpd": np.exp(share.sum(2) @ np.log(config.cycles_per_degree)),
        "temporal_frequency_hz": np.exp(share.sum(1) @ np.log(config.cycles_per_second)),
        "f1_f0": np.where(power > 0, (answers.modulation * answers.mean).sum((1, 2, 3)) / np.where(power > 0, power, 1.0), np.nan),
    }
    tuned = describe_tuning(of_directions, degrees)[DIRECTIONAL].mask(pd.Series(alike), axis=0)
    return tuned.assign(**told).join(pd.DataFrame(of_directions, columns=names))
