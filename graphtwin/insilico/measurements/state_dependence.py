"""How the state of the animal changes what units answer: gain, additive shift, and change of preference."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.coordinates import frames_of
from graphtwin.insilico.measurements.direction_fits import fit_directions
from graphtwin.insilico.measurements.series_answers import answer_series, screen_of
from graphtwin.insilico.responders import Responder, State
from graphtwin.insilico.stimuli import DriftingGrating, StaticGrating, Stimulus, series

log = logging.getLogger("graphtwin")


class StateConfig(BaseModel):
    """Gratings over the whole screen that are shown in two states."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directions: int = Field(16, ge=8, multiple_of=4, description="Directions of drift; of single pictures half as many orientations.")
    cycles_per_degree: tuple[float, ...] = Field((0.03, 0.045, 0.07), min_length=1, description="Spatial frequencies.")
    cycles_per_second: float = Field(2.0, gt=0, description="Temporal frequency of the drift, cycles per second.")
    counted_s: float = Field(1.0, gt=0, description="Seconds of each grating that count.")
    onset_s: float = Field(0.5, ge=0, description="Seconds of each grating that do not count, and of the grey screen before it.")
    contrast_sd: float = Field(2.0, gt=0, description="Amplitude, in standard deviations of the grey levels of training.")


def measure_state_dependence(
    responder: Responder, calm: State | None, aroused: State, config: StateConfig | None = None, progress: bool = False
) -> pd.DataFrame:
    """Gain, shift and change of preference of all units from one state to another, for the same gratings; see `compare_states`.

    Args:
        responder: Responder that knows the channels of both states.
        calm: One state, one number a channel; None rests.
        aroused: The other state.
        config: Settings of the gratings; None takes the defaults.
        progress: Show a progress bar.
    """
    if not responder.state_names:
        raise ValueError(
            f"{responder.name}: knows no channel of behaviour, so that its units answer alike in every state. Give another responder."
        )
    config = config or StateConfig()
    stimuli, degrees = _gratings(responder, config)
    screen = screen_of(responder, config.contrast_sd)
    onset = config.onset_s if screen.shows_movies else 0.0
    found = [answer_series(responder, stimuli, screen, onset, state, progress).mean for state in (calm, aroused)]
    shape = (len(degrees), -1, len(responder.units))
    one, two = (answers.reshape(shape).transpose(2, 1, 0) for answers in found)
    if len(degrees) < config.directions:  # orientations stand for both of their directions
        one, two, degrees = np.tile(one, 2), np.tile(two, 2), np.r_[degrees, degrees + 180]
    return compare_states(one, two, degrees, responder.name)


def compare_states(
    one: Float[np.ndarray, "units repeats directions"],
    two: Float[np.ndarray, "units repeats directions"],
    degrees: Float[np.ndarray, " directions"],
    name: str = "responder",
) -> pd.DataFrame:
    """Least squares of two = gain one + shift over all conditions, and preferences of both states, one row a unit.

    Answers of the first state are taken to be free of noise; noise in them would draw the gain to 0. NaN for a unit whose answers do not
    vary in the first state, preferences where they do not vary in either; the log counts these units.

    Args:
        one: Answers in the first state, repeats being conditions such as spatial frequencies.
        two: Answers in the second state.
        degrees: Directions, evenly spaced around the circle.
        name: Name of the responder, for the log.

    Returns:
        gain, shift (units of the answers), shift_relative (over the mean answer of the first state), state_r2, orientation_change_deg
        (-90 to 90, counterclockwise), direction_change_deg (-180 to 180).
    """
    first, second = (part.reshape(len(part), -1).astype(np.float64) for part in (one, two))
    mean = first.mean(1)
    centred = first - mean[:, None]
    known = np.ptp(first, axis=1) > 1e-6 * np.abs(first).max(1)
    if not known.all():
        log.warning("%s: nothing is told of %d of %d units in another state: they give the same answer to all gratings.",
                    name, int((~known).sum()), len(known))  # fmt: skip
    power = (centred**2).sum(1)
    gain = np.divide((centred * second).sum(1), power, out=np.full(len(first), np.nan), where=known)
    shift = second.mean(1) - gain * mean
    left = ((second - gain[:, None] * first - shift[:, None]) ** 2).sum(1)
    varied = ((second - second.mean(1, keepdims=True)) ** 2).sum(1)
    before, after = (fit_directions(part - np.minimum(part.min((1, 2), keepdims=True), 0), degrees) for part in (one, two))
    turn = {angle: (after[f"{angle}_deg"] - before[f"{angle}_deg"]).to_numpy() for angle in ("orientation", "direction")}
    return pd.DataFrame(
        {
            "gain": gain,
            "shift": shift,
            "shift_relative": np.divide(shift, mean, out=np.full(len(mean), np.nan), where=mean != 0),
            "state_r2": 1 - np.divide(left, varied, out=np.full(len(left), np.nan), where=varied > 0),
            "orientation_change_deg": (turn["orientation"] + 90) % 180 - 90,
            "direction_change_deg": (turn["direction"] + 180) % 360 - 180,
        }
    )


def _gratings(responder: Responder, config: StateConfig) -> tuple[Sequence[Stimulus], Float[np.ndarray, " directions"]]:
    """Gratings at every direction and spatial frequency, the latter changing fastest; static ones where nothing can drift."""
    rate = responder.frame_rate_hz
    if not np.isfinite(rate):
        degrees = np.arange(config.directions // 2) * 360.0 / config.directions
        still = series(StaticGrating(), orientation_deg=degrees.tolist(), cycles_per_degree=list(config.cycles_per_degree))
        return still, degrees
    degrees = np.arange(config.directions) * 360.0 / config.directions
    cycles = max(1, round(config.counted_s * config.cycles_per_second))
    lasts = (frames_of(config.onset_s, rate) + frames_of(cycles / config.cycles_per_second, rate)) / rate
    drifting = DriftingGrating(cycles_per_second=config.cycles_per_second, duration_s=lasts)
    return series(drifting, direction_deg=degrees.tolist(), cycles_per_degree=list(config.cycles_per_degree)), degrees
