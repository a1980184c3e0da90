"""In silico experiments: what the units of a fitted twin answer to stimuli of our choice; the animal rests and looks straight ahead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.twin.perspective import PerspectiveConfig
from graphtwin.twin.signal_correlation import Bins, binned
from graphtwin.twin.tuning import describe_tuning
from graphtwin.twin.weights import FittedTwin

CHUNK = 300  # frames of a stimulus in memory at a time
TUNING = ["gosi", "gdsi", "osi", "dsi", "preferred_orientation", "preferred_direction"]


class GratingConfig(BaseModel):
    """Full-field drifting gratings, each after a grey screen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directions: int = Field(16, ge=4, multiple_of=4, description="At equal steps around the circle, from 0 (rightwards; 90 is upwards).")
    cycles_per_degree: tuple[float, ...] = Field((0.03, 0.045, 0.07), min_length=1, description="At the centre of the monitor.")
    cycles_per_second: float = Field(2.0, gt=0)
    seconds: float = Field(2.0, gt=0, description="Of each grating.")
    onset_s: float = Field(0.5, ge=0, description="At its start that does not count, whole cycles following it.")
    contrast_sd: float = Field(2.0, gt=0, description="Amplitude, in standard deviations of the grey levels that the twin was trained on.")


def respond(fitted: FittedTwin, animal: str, video: Float[np.ndarray, "frames height width"]) -> Float[np.ndarray, "frames units"]:
    """Expected responses to a video of any length, in the units of the recording.

    Args:
        fitted: A twin, in eval mode.
        animal: Whose units answer.
        video: Grey levels as in the recordings.
    """
    seen = fitted.animals[animal]
    mean, deviation = seen.scales.video
    state: Any = None
    parts = []
    for start in range(0, len(video), CHUNK):
        part = torch.tensor(np.asarray(video[start : start + CHUNK], dtype=np.float32), device=fitted.twin.device)[None]
        rest = part.new_zeros(1, part.shape[1], len(seen.behaviour)), part.new_zeros(1, part.shape[1], 2)
        with torch.no_grad():
            numbers, state = fitted.twin(animal, (part - mean) / deviation, *rest, state)
            parts.append(fitted.twin.mean(animal, numbers)[0].cpu().numpy() * seen.scales.responses.astype(np.float32))
    return np.concatenate(parts)


def in_silico_responses(
    fitted: FittedTwin, animal: str, clips: Iterable[Float[np.ndarray, "frames height width"]], bins: Bins | None = None
) -> Float[np.ndarray, "units bins"]:
    """Mean expected response in each bin of a fixed set of clips, one clip in memory at a time.

    Args:
        fitted: A twin, in eval mode.
        animal: Whose units answer.
        clips: Grey levels as in the recordings, at the frame rate of the twin.
        bins: Half seconds after the first second of each clip, if not given.
    """
    rate = frame_rate_hz(fitted, animal)
    found = [binned(respond(fitted, animal, clip), rate, bins) for clip in clips]
    if not sum(part.shape[1] for part in found):
        raise ValueError(f"stimulus: none of {len(found)} clips is longer than the part of it that does not count. Give longer clips.")
    return np.concatenate(found, axis=1)


def frame_rate_hz(fitted: FittedTwin, animal: str) -> float:
    """Frames a second that the twin sees; NaN for one that was trained on single pictures."""
    return float(fitted.config.clips.frame_rate_hz or fitted.animals[animal].frame_rate_hz)


def grating(
    direction: float, cycles_per_degree: float, cycles_per_frame: float, size: tuple[int, int], frames: int, monitor: PerspectiveConfig
) -> Float[np.ndarray, "frames height width"]:
    """A sine of amplitude 1 that drifts over the whole monitor.

    Args:
        direction: Of drift, degrees: 0 rightwards, 90 upwards.
        cycles_per_degree: At the centre of the monitor.
        cycles_per_frame: Of the drift.
        size: Height and width, pixels.
        frames: Length.
        monitor: Its size and distance.
    """
    height, width = size
    degrees = [
        np.degrees(side / pixels / monitor.distance_cm) * (np.arange(pixels) - (pixels - 1) / 2)
        for side, pixels in ((monitor.height_cm, height), (monitor.width_cm, width))
    ]
    angle = np.radians(direction)
    along = np.cos(angle) * degrees[1] - np.sin(angle) * degrees[0][:, None]
    return np.cos(2 * np.pi * (cycles_per_degree * along - cycles_per_frame * np.arange(frames)[:, None, None])).astype(np.float32)


def direction_responses(fitted: FittedTwin, animal: str, config: GratingConfig | None = None) -> Float[np.ndarray, "units directions"]:
    """Mean expected response to each direction, at the spatial frequency at which the unit answers its best direction most."""
    config = config or GratingConfig()
    rate = frame_rate_hz(fitted, animal)
    if not np.isfinite(rate):
        raise ValueError(f"{animal}: the twin was trained on single pictures, in which nothing drifts. Give a twin of videos.")
    seen = fitted.animals[animal]
    mean, deviation = seen.scales.video
    frames, onset = round((config.onset_s + config.seconds) * rate), round(config.onset_s * rate)
    shown = np.full((onset, *seen.size), mean, dtype=np.float32)
    found = []
    for frequency in config.cycles_per_degree:
        answers = []
        for direction in np.arange(config.directions) * 360.0 / config.directions:
            drift = grating(direction, frequency, config.cycles_per_second / rate, seen.size, frames, fitted.config.twin.perspective)
            video = np.concatenate([shown, mean + config.contrast_sd * deviation * drift]).astype(np.float32)
            answers.append(respond(fitted, animal, video)[2 * onset :].mean(0))
        found.append(np.stack(answers, axis=1))
    tried = np.stack(found)
    return np.asarray(tried[tried.max(2).argmax(0), np.arange(tried.shape[1])])


def tune(fitted: FittedTwin, config: GratingConfig | None = None) -> pd.DataFrame:
    """Orientation and direction tuning of all units of a twin, one row a unit.

    Returns:
        session, scan_idx, unit_id, animal, gosi, gdsi, osi, dsi, preferred_orientation, preferred_direction (degrees, see
        `tuning.describe_tuning`), direction_000_0 ... (mean responses).
    """
    config = config or GratingConfig()
    degrees = np.arange(config.directions) * 360.0 / config.directions
    names = [f"direction_{angle:05.1f}".replace(".", "_") for angle in degrees]
    tables = []
    for animal, seen in fitted.animals.items():
        responses = direction_responses(fitted, animal, config).astype(np.float64)
        tuning = describe_tuning(responses, degrees)[TUNING]
        tables.append(pd.concat([seen.units.assign(animal=animal), tuning, pd.DataFrame(responses, columns=names)], axis=1))
    return pd.concat(tables, ignore_index=True)
