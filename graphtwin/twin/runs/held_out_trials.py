"""How well a twin predicts trials that no fit read: scores of units, and of kinds of stimulus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from graphtwin.parallel import Device, device_of
from graphtwin.sources import open_recording
from graphtwin.sources.formats import Recording
from graphtwin.twin.runs.twin_folder import load_twin

if TYPE_CHECKING:
    from graphtwin.twin.fit import FittedTwin

SCORED_TIERS = ("test", "oracle")  # tiers of repeated clips in the releases of 2022 and 2023


@dataclass(frozen=True)
class Scored:
    """How well a twin predicts held-out trials.

    Attributes:
        units: Scores of units, one row each: keys, scores with their 95 % intervals over stimuli, bits per response.
        kinds: Scores of kinds of stimulus, one row a kind and score: medians over units with their intervals; see `score_kinds`.
    """

    units: pd.DataFrame
    kinds: pd.DataFrame


def score_twin(
    run: str | Path,
    folder: str | Path,
    tiers: tuple[str, ...] | None = None,
    left_out_s: float | None = None,
    seed: int = 0,
    device: Device = "auto",
    progress: bool = False,
) -> Scored:
    """Score an animal's held-out trials.

    Args:
        run: Folder of a twin that has this animal.
        folder: Folder or file of the recording.
        tiers: Tiers that are scored. None scores units on `test` and `oracle`, those that exist, and kinds on every tier with responses
            that no fit reads: what the twin was never trained on as well.
        left_out_s: Seconds at the start of each clip that do not count; None leaves 5/3 s out, 50 frames at 30 Hz.
        seed: Seed of the intervals.
        device: Device on which torch computes.
        progress: Show a progress bar.
    """
    from graphtwin.twin.scores import LEFT_OUT_S, score_kinds, score_units, stimuli_of, sums_of

    fitted, recording = load_twin(run), open_recording(folder)
    fitted.twin.to(device_of(device))
    test = fitted.clips(recording, tiers or held_out_tiers(recording, fitted))
    train = fitted.training(recording)
    stimuli, kinds = stimuli_of(test), frozenset(stimuli_of(train)["kind"])
    main = stimuli["tier"].isin(tiers or SCORED_TIERS).to_numpy(bool)
    main = main if main.any() else np.ones(len(main), dtype=bool)
    sums = sums_of(fitted.twin, test, LEFT_OUT_S if left_out_s is None else left_out_s, train, progress)
    return Scored(score_units(sums.of(main), recording.units, seed), score_kinds(sums, stimuli, kinds, seed=seed))


def held_out_tiers(recording: Recording, fitted: FittedTwin) -> tuple[str, ...]:
    """Tiers with responses that are neither fitted nor stop a fit; those scored by default where there are no others."""
    clips, trials = fitted.config.clips, recording.trials
    read = {*clips.train_tiers, *clips.validation_tiers, "none", ""}
    found = trials.loc[trials["has_responses"].astype(bool), "tier"].unique()
    return tuple(sorted(set(found) - read)) or SCORED_TIERS
