"""Units that come and go: those that were held in the same trials share what a fit sums over trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from graphtwin.twin.data import Clips


@dataclass(frozen=True)
class HoldingGroup:
    """Units that are fitted to the same trials.

    Attributes:
        units: Columns of the recording.
        share: Share of the frames of these trials in which each unit was held; 1 but where missing responses are filled in.
        fill: Mean response of each unit, which stands for missing ones; None where the group reads only frames in which all its units
            were held.
    """

    units: Int[np.ndarray, " some"]
    share: Float[np.ndarray, " some"]
    fill: Float[np.ndarray, " some"] | None = None

    def rows(
        self, x: Float[np.ndarray, "rows features"], y: Float[np.ndarray, "rows units"], often: Float[np.ndarray, " rows"]
    ) -> tuple[Float[np.ndarray, "kept features"], Float[np.ndarray, "kept some"], Float[np.ndarray, " kept"]]:
        """Features, the group's responses, and how often each counts, in the rows that it reads."""
        own = y if len(self.units) == y.shape[1] else y[:, self.units]
        missing = np.isnan(own)
        if not missing.any():
            return x, own, often
        if self.fill is not None:
            return x, np.where(missing, self.fill, own).astype(own.dtype), often
        kept = ~missing.any(1)
        return x[kept], own[kept], often[kept]


def held_in(clips: Clips) -> Bool[np.ndarray, " units"]:
    """Whether each unit was held in any of the trials; those are read until all are known to be.

    Args:
        clips: Trials that something was fitted to.
    """
    held = np.zeros(clips.n_units, dtype=bool)
    for row in clips.rows:
        if held.all():
            break
        held |= np.isfinite(np.asarray(clips.recording.open_trial(int(row)).responses)).any(0)
    return held


def holding_groups(clips: Clips, most: int) -> list[HoldingGroup]:
    """Units by the trials in which they were held, one group where all were held throughout; the rarer ways together in the last.

    Args:
        clips: Trials that are read, their responses once.
        most: Number of groups at most.
    """
    whole = np.zeros((len(clips.rows), clips.n_units), dtype=bool)
    total, count, frames = np.zeros(clips.n_units), np.zeros(clips.n_units), 0
    for at, row in enumerate(clips.rows):
        responses = np.asarray(clips.recording.open_trial(int(row)).responses)
        held = np.isfinite(responses)
        whole[at] = held.any(0)
        total += np.where(held, responses, 0.0).sum(0)
        count += held.sum(0)
        frames += int(held.any(1).sum())
    if (count == frames).all():
        return [HoldingGroup(np.arange(clips.n_units), np.ones(clips.n_units))]
    _, way_of, common = np.unique(whole, axis=1, return_inverse=True, return_counts=True)
    order = np.argsort(-common, kind="stable")
    own = order if len(order) <= most else order[: most - 1]
    groups = [np.flatnonzero(way_of.ravel() == way) for way in own]
    found = [HoldingGroup(units, np.ones(len(units))) for units in groups]
    rest = np.flatnonzero(~np.isin(way_of.ravel(), own))
    if len(rest):
        scales = clips.scales
        mean = (total[rest] / np.maximum(count[rest], 1) - scales.origin[rest]) / scales.responses[rest]
        found.append(HoldingGroup(rest, np.maximum(count[rest] / frames, 1 / frames), mean))
    return found
