"""The answers of a campaign as its page shows them: of each responder in each state stimuli x units, of no more units than memory holds."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from graphtwin.insilico.campaign import read_answers
from graphtwin.report.folder import RunFolder

MOST_CELLS = 4_000_000  # answers of one responder in one state that are in memory at once, at most; of more units some are shown


@dataclass(frozen=True)
class StateAnswers:
    """Answers of one responder in one state.

    Attributes:
        responder: Name of the responder.
        state: Name of the state.
        channels: Channels of behaviour that the state sets, in recorded units.
        units: Keys of the units that are shown, in the order of the answers, and where they lie, where that is known.
        n_units: Number of units of the responder in the campaign.
        mean: Mean answers.
        spread: Standard deviation of the mean over the twins of an ensemble; none where one responder answered.
    """

    responder: str
    state: str
    channels: dict[str, float]
    units: pd.DataFrame
    n_units: int
    mean: Float[np.ndarray, "stimuli units"]
    spread: Float[np.ndarray, "stimuli units"] | None

    @property
    def still(self) -> int:
        """Number of shown units that answer alike to all stimuli."""
        return int((np.ptp(self.mean, axis=0) <= 1e-6 * np.abs(self.mean).max(0)).sum())


def answers_in(run: RunFolder) -> list[StateAnswers]:
    """Answers of every responder in every state, in the order of the campaign; none where its tables are not there."""
    units, stimuli, text = run.table("units"), run.table("stimuli"), run.text("campaign.toml")
    if units is None or stimuli is None or text is None:
        return []
    states = tomllib.loads(text)["states"]
    found = []
    for responder, of in units.groupby("responder", sort=False):
        rows = _evenly(len(of), max(1, MOST_CELLS // len(stimuli)))
        for state in states:
            read = (run.path, str(responder), state["name"], rows.tolist())
            spread = read_answers(*read, "mean_spread") if _keeps_spread(run) else None
            mean = read_answers(*read)
            shown, channels = of.drop(columns="responder").iloc[rows], state.get("channels", {})
            found.append(StateAnswers(str(responder), state["name"], channels, shown, len(of), mean, spread))
    return found


def _keeps_spread(run: RunFolder) -> bool:
    first = min((run.path / "cells").rglob("shard-*.parquet"), default=None)
    return first is not None and "mean_spread" in run.columns(first.relative_to(run.path).with_suffix("").as_posix())


def _evenly(number: int, most: int) -> Int64[np.ndarray, " chosen"]:
    """All of some rows, or as many as are wanted, evenly spaced."""
    return np.arange(number) if number <= most else np.linspace(0, number - 1, most).astype(np.int64)
