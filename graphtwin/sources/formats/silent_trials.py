"""Which trials of zeros alone are silence, and which are responses that were left out.

The Sensorium releases write zeros where they keep responses back. Of a few units on an electrode a trial in which none fires is an ordinary
answer, and to leave it out would leave in only what was answered.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.sources.formats.array_files import ArrayFiles
from graphtwin.sources.formats.clip_arrays import rows_as_frames

LOOKED_AT = 200  # answered trials of a tier that tell whether silence is likely, spread over all: bounds time
LEAST_NEAR = 0.1  # trials in which one unit alone answers, for each of zeros, from which on zeros are silence


def with_silence(trials: pd.DataFrame, files: ArrayFiles, n_units: int) -> pd.DataFrame:
    """Trials whose zeros are silence have responses too: those of tiers in which others nearly are silent.

    Where units are silent now and then, trials in which one alone answers are about as frequent as those in which none does; where
    responses of many units were left out, there are none of these. A tier of zeros alone stays without responses.

    Args:
        trials: Trials with their tier, number of valid frames, and whether they have responses other than 0.
        files: Files of the recording.
        n_units: Number of units.
    """
    has_responses = trials["has_responses"].to_numpy(bool).copy()
    for rows in trials.groupby("tier").indices.values():
        answered, others = rows[has_responses[rows]], rows[~has_responses[rows]]
        if not len(answered):
            continue
        zeros = [row for row in others if _units_that_answer(files, trials, int(row), n_units) == 0]
        if not zeros:
            continue
        looked_at = answered[:: -(-len(answered) // LOOKED_AT)]
        alone = np.mean([_units_that_answer(files, trials, int(row), n_units) == 1 for row in looked_at])
        if alone * len(answered) >= LEAST_NEAR * len(zeros):
            has_responses[zeros] = True
    return trials.assign(has_responses=has_responses)


def _units_that_answer(files: ArrayFiles, trials: pd.DataFrame, row: int, n_units: int) -> int:
    """Number of units with a response other than 0 in a trial; -1 where the file is missing or shorter, or no number is in it."""
    name, n_frames = f"data/responses/{trials['trial'].iloc[row]}.npy", int(trials["n_frames"].iloc[row])
    if name not in files:
        return -1
    responses = rows_as_frames(files.numbers(name), n_units, files.where(name))[:n_frames]
    if len(responses) < n_frames or not np.isfinite(responses).any():
        return -1
    return int((np.nan_to_num(responses) != 0).any(axis=0).sum())
