"""What a file declares of its eye traces: that they are the direction of gaze, how far they err, and by how much they lag the eye."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.config import validate
from graphtwin.sources.formats.common_frames import interpolated

log = logging.getLogger("graphtwin")
WRITTEN = '{"unit": "degrees", "error_deg": 0.5, "delay_s": 0.01}'  # an example, for errors


@dataclass(frozen=True)
class Gaze:
    """A calibrated eye trace: azimuth and elevation of the line of sight, degrees rightwards and upwards from straight ahead.

    Attributes:
        error_deg: SD of the error of measured gaze along each axis, degrees of visual angle; it lasts over a fixation.
        delay_s: Seconds by which the trace as stored lags the eye; trials are handed over without it.
    """

    error_deg: float = 0.0
    delay_s: float = 0.0


class _Errors(BaseModel):
    """What a file may say of the error of a trace whose unit stands elsewhere."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    error_deg: float = Field(
        0.0, strict=True, ge=0, description="SD of the error of measured gaze along each axis, degrees of visual angle."
    )
    delay_s: float = Field(0.0, strict=True, ge=0, lt=5, description="Seconds by which the trace lags the eye; read trials are without it.")


class _Entry(_Errors):
    """The entry `gaze` of config.json."""

    unit: Literal["degrees", "radians"] = Field(description="Unit of the trace: degrees or radians of visual angle.")


def gaze_in(settings: dict[str, Any], where: str) -> tuple[Gaze | None, float]:
    """The gaze that an entry `gaze` declares, None without one, and the degrees that a stored number is.

    Args:
        settings: Settings of the recording.
        where: Name of the file they are from, for errors.
    """
    named = settings.get("gaze")
    if named is None:
        return None, 1.0
    if not isinstance(named, dict):
        raise ValueError(f"{where}, gaze: is {named!r}. It is written {WRITTEN}.")
    entry = validate(_Entry, named, f"{where}, gaze")
    return Gaze(entry.error_deg, entry.delay_s), 1.0 if entry.unit == "degrees" else float(np.degrees(1.0))


def gaze_of_series(degrees: float | None, comments: str, where: str) -> Gaze | None:
    """The gaze that a series of eye positions declares by its unit; None where that is no angle.

    Args:
        degrees: Degrees that its unit is, None where it is no angle.
        comments: Comments of the series: a JSON object in them may say error_deg and delay_s; other words say nothing.
        where: Name of the file and the series, for errors.
    """
    if degrees is None:
        return None
    if not comments.strip().startswith("{"):
        return Gaze()
    try:
        told = json.loads(comments)
    except json.JSONDecodeError as error:
        raise ValueError(f'{where}: its comments begin as JSON and are none ({error}). Write {{"error_deg": 0.5}}, or words.') from error
    entry = validate(_Errors, told, f"{where}, comments")
    return Gaze(entry.error_deg, entry.delay_s)


def without_infinities(trace: Float[np.ndarray, "samples 2"]) -> Float[np.ndarray, "samples 2"]:
    """A trace whose infinite values are missing, NaN, as those are at which a tracker lost the eye."""
    return np.where(np.isinf(trace), np.float32(np.nan), trace)


def tell_infinities(traces: Mapping[str, Float[np.ndarray, "samples 2"]], where: str) -> None:
    """Warn of infinite values of declared gaze, which count as missing.

    Args:
        traces: Traces by the words that name them, as trials.
        where: Name of the recording or series they are from.
    """
    infinite = {name: int(np.isinf(trace).any(1).sum()) for name, trace in traces.items()}
    found = [name for name, count in infinite.items() if count]
    if found:
        log.warning(
            "%s: %d of %d samples of declared gaze are infinite, first in %s: they count as missing. Write NaN where the eye was lost.",
            where, sum(infinite.values()), sum(map(len, traces.values())), found[0],
        )  # fmt: skip


def without_delay(trace: Float[np.ndarray, "frames 2"], delay_s: float, frame_rate_hz: float) -> Float[np.ndarray, "frames 2"]:
    """Where the eye was at each frame, of a trace that lags it; NaN at the end, which the trace would tell later, and beside gaps.

    Args:
        trace: Eye position at each frame of a trial.
        delay_s: Seconds by which it lags the eye.
        frame_rate_hz: Frames a second; of single pictures (NaN) the one position stays.
    """
    if delay_s == 0 or not np.isfinite(frame_rate_hz):
        return trace
    at = np.arange(len(trace), dtype=np.float64)
    later = np.round(at + delay_s * frame_rate_hz, 6)  # a whole number of frames takes these frames as they are
    return interpolated(at, np.asarray(trace, dtype=np.float64), later).astype(np.float32)
