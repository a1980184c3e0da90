"""What a long adapter does to tuning: how far the preferred orientation moves away from it, and what is left of the answer at its own.

Test gratings are shown alone and right after an adapter. Published (Dragoi, Sharma & Sur 2000, doi:10.1016/S0896-6273(00)00103-3): in V1
an adapter on the flank of a tuning curve pushes the preferred orientation away from it. A responder without memory of the adapter shows
nothing of this; how long memory of a twin is, `adaptation` says.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.coordinates import frames_of
from graphtwin.insilico.measurements.direction_fits import fit_directions
from graphtwin.insilico.measurements.series_answers import FRAMES_TOGETHER, answers_after_grey, screen_of
from graphtwin.insilico.responders import Responder, State
from graphtwin.insilico.stimuli import Blank, DriftingGrating, InSequence, Screen, Stimulus
from graphtwin.progress import tqdm

FLANK_DEG = (10.0, 45.0)  # orientations of adapters on the flank of a tuning curve, from its peak
log = logging.getLogger("graphtwin")


class AdapterConfig(BaseModel):
    """Gratings that adapt, and gratings that test."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    adapters: int = Field(8, ge=4, description="Orientations of adapters.")
    directions: int = Field(16, ge=8, multiple_of=4, description="Directions of the gratings that test.")
    adapter_s: float = Field(2.0, gt=0, description="Seconds of the adapter, and of grey where there is none.")
    gap_s: float = Field(0.1, ge=0, description="Seconds of grey between adapter and test.")
    test_s: float = Field(0.5, gt=0, description="Seconds of the test.")
    cycles_per_degree: float = Field(0.04, gt=0, description="Spatial frequency.")
    cycles_per_second: float = Field(2.0, gt=0, description="Temporal frequency of the drift, cycles per second.")
    contrast_sd: float = Field(2.0, gt=0, description="Amplitude, in standard deviations of the grey levels of training.")


def measure_adapted_tuning(
    responder: Responder, config: AdapterConfig | None = None, state: State | None = None, progress: bool = False
) -> pd.DataFrame:
    """How adapters change the tuning of each unit, one row a unit; NaN for a unit whose answers do not vary over directions.

    Args:
        responder: Responder to videos.
        config: Settings of adapters and tests; None takes the defaults.
        state: State in which all is seen, one number a channel.
        progress: Show a progress bar.

    Returns:
        adapter_shift_deg (mean over adapters on the flank, 10 to 45 degrees from the preferred orientation, of how far the preferred
        orientation moves away from the adapter; below 0 towards it), adapter_suppression (share of the answer at the best direction that
        the adapter nearest to it takes away), flank_suppression (the same, of adapters on the flank).
    """
    config = config or AdapterConfig()
    if not np.isfinite(responder.frame_rate_hz):
        raise ValueError(f"{responder.name}: single pictures do not last, and nothing adapts. Give a responder to videos.")
    degrees = np.arange(config.directions) * 360.0 / config.directions
    adapters = np.arange(config.adapters) * 180.0 / config.adapters
    alone, *after = (
        _tested(responder, config, adapter, degrees, state)
        for adapter in tqdm([None, *adapters], desc=f"adapters of {responder.name}", unit="adapter", disable=not progress, leave=False)
    )
    before, changed = _preferred(alone, degrees), np.stack([_preferred(one, degrees) for one in after])
    away = (adapters[:, None] - before + 90) % 180 - 90  # from the preferred orientation to each adapter
    moved = (changed - before + 90) % 180 - 90
    flank = (np.abs(away) >= FLANK_DEG[0]) & (np.abs(away) <= FLANK_DEG[1]) & np.isfinite(moved)
    best, unit = alone.argmax(0), np.arange(alone.shape[1])
    peak = alone[best, unit]
    with np.errstate(invalid="ignore", divide="ignore"):
        suppressed = 1 - np.stack([one[best, unit] for one in after]) / peak
        shift = np.where(flank, -np.sign(away) * moved, 0.0).sum(0) / flank.sum(0)
        on_flank = np.where(flank, suppressed, 0.0).sum(0) / flank.sum(0)
    known = np.isfinite(before)
    nearest = np.abs(np.nan_to_num(away)).argmin(0)
    if not known.all():
        told = responder.name, int((~known).sum()), len(known)
        log.warning("%s: nothing is told of what adapters do to %d of %d units: they give the same answer to all gratings.", *told)
    return pd.DataFrame(
        {
            "adapter_shift_deg": shift,
            "adapter_suppression": np.where(known, suppressed[nearest, unit], np.nan),
            "flank_suppression": on_flank,
        }
    )


def _preferred(answers: Float[np.ndarray, "directions units"], degrees: Float[np.ndarray, " directions"]) -> Float[np.ndarray, " units"]:
    """Preferred orientation of each unit; NaN for answers that do not vary."""
    return fit_directions(answers.T[:, None], degrees)["orientation_deg"].to_numpy()


def _tested(
    responder: Responder, config: AdapterConfig, adapter: float | None, degrees: Float[np.ndarray, " directions"], state: State | None
) -> Float[np.ndarray, "directions units"]:
    """Mean answers above those to grey, and at least 0, of gratings after an adapter, or after grey in its place."""
    screen = screen_of(responder, config.contrast_sd)
    stimuli = [_sequence(config, adapter, float(degree)) for degree in degrees]
    test, grey = frames_of(config.test_s, screen.frame_rate_hz), frames_of(config.test_s, screen.frame_rate_hz)
    together = max(1, FRAMES_TOGETHER // (grey + stimuli[0].frames(screen)))
    parts = [_above_grey(responder, stimuli[at : at + together], screen, grey, test, state) for at in range(0, len(stimuli), together)]
    return np.concatenate(parts)


def _above_grey(
    responder: Responder, stimuli: list[Stimulus], screen: Screen, grey: int, test: int, state: State | None
) -> Float[np.ndarray, "stimuli units"]:
    answers = answers_after_grey(responder, stimuli, screen, grey, state).astype(np.float64)
    return np.maximum(answers[:, -test:].mean(1) - answers[:, grey // 2 : grey].mean(1), 0.0)


def _sequence(config: AdapterConfig, adapter: float | None, degree: float) -> Stimulus:
    """Adapter or grey, grey, test."""
    grating = DriftingGrating(cycles_per_degree=config.cycles_per_degree, cycles_per_second=config.cycles_per_second)
    adapts: Stimulus = Blank(duration_s=config.adapter_s)
    if adapter is not None:
        adapts = grating.model_copy(update={"direction_deg": float(adapter), "duration_s": config.adapter_s})
    gap = (Blank(duration_s=config.gap_s),) if config.gap_s else ()
    return InSequence(parts=(adapts, *gap, grating.model_copy(update={"direction_deg": degree, "duration_s": config.test_s})))
