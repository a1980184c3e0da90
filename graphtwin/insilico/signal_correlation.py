"""Signal correlation: how alike the mean responses of two units are over a fixed set of clips, measured or predicted.

Responses are averaged in bins of half a second, as published (Ding et al. 2025, doi:10.1038/s41586-025-08840-3). All pairs of N units cost
N^2 multiplications a bin, as one matrix product in blocks: 10,000 units and 5,000 bins are 5 10^11, about ten seconds of a core.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.coordinates import frames_of

ROWS_TOGETHER = 1024


class Bins(BaseModel):
    """How responses to a clip are averaged over time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bin_s: float = Field(0.5, gt=0, description="Duration of a bin.")
    left_out_s: float = Field(1.0, ge=0, description="Time at the start of each clip, whose answers go to the clip's appearance.")


def binned(responses: Float[np.ndarray, "frames units"], frame_rate_hz: float, bins: Bins | None = None) -> Float[np.ndarray, "units bins"]:
    """Mean response in each whole bin of one clip."""
    bins = bins or Bins()
    per_bin = max(1, frames_of(bins.bin_s, frame_rate_hz))
    late = responses[frames_of(bins.left_out_s, frame_rate_hz) :]
    whole = len(late) // per_bin
    return np.asarray(late[: whole * per_bin].reshape(whole, per_bin, responses.shape[1]).mean(1).T, dtype=np.float32)


def correlation_blocks(responses: Float[np.ndarray, "units bins"], rows: int = ROWS_TOGETHER) -> Iterator[Float[np.ndarray, "rows units"]]:
    """Pearson correlations of some units with all units, then of the next ones: never more than rows x units in memory.

    A unit whose response does not vary has NaN.
    """
    centred = responses - responses.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    nothing = 8 * np.finfo(responses.dtype).eps * np.abs(responses).max(1, keepdims=True) * np.sqrt(responses.shape[1])
    unit = np.divide(centred, length, out=np.full_like(centred, np.nan), where=length > nothing)
    for start in range(0, len(unit), rows):
        yield np.clip(unit[start : start + rows] @ unit.T, -1.0, 1.0)


def correlations(responses: Float[np.ndarray, "units bins"]) -> Float[np.ndarray, "units units"]:
    """All pairs at once, in units x units memory."""
    return np.concatenate(list(correlation_blocks(responses)))
