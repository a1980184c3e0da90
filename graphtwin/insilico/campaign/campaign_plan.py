"""The plan of a campaign: which cells there are, the shards they are cut into, and what it will cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int64

from graphtwin.config import nearest_of
from graphtwin.execute import threads
from graphtwin.insilico.campaign.campaign_file import CampaignConfig
from graphtwin.insilico.campaign.cells import Asked, Shard, answer, cell_table, parquet_bytes
from graphtwin.insilico.measurements import screen_of
from graphtwin.insilico.responders import Responder, checked, state_channels, units_in
from graphtwin.schema import UNIT_KEY


@dataclass(frozen=True)
class Plan:
    """What a campaign will do.

    Attributes:
        asked: Responders, stimuli and states, as workers get them.
        shards: Pieces of the campaign, each of one responder in one state.
        n_cells: Units x stimuli x states, of all responders.
        n_frames: Frames that are shown, grey ones too.
        seconds: Core-seconds of the forward passes, from a trial.
        n_bytes: Bytes on the disk, from the answers of the trial.
    """

    asked: Asked
    shards: list[Shard]
    n_cells: int
    n_frames: int
    seconds: float
    n_bytes: int

    def __str__(self) -> str:
        """The plan in words."""
        asked = self.asked
        of = ", ".join(
            [
                _counted(asked.stimuli, "stimulus", "stimuli"),
                _counted(asked.config.states, "state", "states"),
                _counted(asked.responders, "responder", "responders"),
            ]
        )
        cost = f"{self.seconds / 3600:.3g} core-hours ({self.seconds / max(self.n_cells, 1) * 1e9 / 3600:.3g} for a billion cells)"
        shards = _counted(self.shards, "shard", "shards")
        return f"{self.n_cells:,} cells ({of}), {self.n_frames:,} frames, {shards}, {cost}, {self.n_bytes / 1e6:,.1f} MB"


def _counted(things: Sequence[object], one: str, many: str) -> str:
    return f"{len(things):,} {one if len(things) == 1 else many}"


def plan_of(config: CampaignConfig, responders: Sequence[Responder], origin: str = "campaign") -> Plan:
    """The plan of a campaign, for which each responder answers noise once and the first batch of the campaign twice.

    Args:
        config: Settings of the campaign.
        responders: Responders that there are; those that the campaign names are taken.
        origin: What errors of stimuli name, such as the file of the campaign.
    """
    asked = _asked(config, responders, origin)
    shards = _shards(asked)
    n_cells = sum(len(asked.columns[shard.responder]) * len(shard.stimuli) for shard in shards)
    n_frames = sum(sum(asked.frames(shard.responder, at) for at in shard.stimuli) for shard in shards)
    seconds, a_cell = zip(*(_trial(asked, number) for number in range(len(asked.responders))), strict=True)
    costs = [
        (sum(asked.frames(s.responder, at) for at in s.stimuli) * seconds[s.responder],
         len(asked.columns[s.responder]) * len(s.stimuli) * a_cell[s.responder])
        for s in shards
    ]  # fmt: skip
    return Plan(asked, shards, n_cells, n_frames, sum(cost for cost, _ in costs), round(sum(size for _, size in costs)))


def _asked(config: CampaignConfig, responders: Sequence[Responder], origin: str) -> Asked:
    """Responders, units, screens and stimuli, looked at before anything is shown."""
    chosen = _chosen(config.responders, responders)
    wanted = None if config.units is None else units_in(config.units, chosen)
    columns = [_columns(responder, wanted) for responder in chosen]
    if wanted is not None:
        known = pd.concat([responder.units[UNIT_KEY] for responder in chosen])
        unknown = len(wanted) - int(pd.MultiIndex.from_frame(wanted).isin(pd.MultiIndex.from_frame(known)).sum())
        if unknown:
            raise ValueError(
                f"{config.units}: {unknown} of {len(wanted)} units are not among the {len(known)} of {len(chosen)} responders "
                f"({', '.join(responder.name for responder in chosen)}). Take them out of the table, or ask more responders."
            )
    kept = [at for at, of in enumerate(columns) if len(of)]
    asked = Asked(
        config,
        tuple(checked(chosen[at], config.seed) for at in kept),
        tuple(columns[at] for at in kept),
        tuple(screen_of(chosen[at], config.contrast_sd) for at in kept),
        tuple(config.shown()),
    )
    for responder, screen in zip(asked.responders, asked.screens, strict=True):
        for state in config.states:
            state_channels(responder, state.channels, 1)
        for number, stimulus in enumerate(asked.stimuli):
            try:
                stimulus.check(screen)
                asked.counted(screen, stimulus)
            except ValueError as error:
                raise ValueError(f"{origin}: stimulus {number} of {len(asked.stimuli)} to {responder.name}: {error}") from error
    return asked


def _chosen(names: Sequence[str], responders: Sequence[Responder]) -> list[Responder]:
    known = {responder.name: responder for responder in responders}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"responders: {unknown[0]!r} is none of {len(known)}{nearest_of(unknown[0], known)}. Give {', '.join(known)}, or leave it out."
        )
    return [known[name] for name in names or known]


def _columns(responder: Responder, wanted: pd.DataFrame | None) -> Int64[np.ndarray, " units"]:
    """Places of the units that are kept in the answers of a responder."""
    if wanted is None:
        return np.arange(len(responder.units))
    there = pd.MultiIndex.from_frame(responder.units[UNIT_KEY])
    return np.flatnonzero(there.isin(pd.MultiIndex.from_frame(wanted)))


def _shards(asked: Asked) -> list[Shard]:
    """Runs of stimuli that last long enough together: they depend on what is asked alone, not on the machine."""
    found: list[Shard] = []
    for responder in range(len(asked.responders)):
        runs: list[list[int]] = [[]]
        frames = 0
        for at in range(len(asked.stimuli)):
            if frames >= asked.config.frames_a_shard:
                runs.append([])
                frames = 0
            runs[-1].append(at)
            frames += asked.frames(responder, at)
        for state in range(len(asked.config.states)):
            found += [Shard(responder, state, number, range(run[0], run[-1] + 1)) for number, run in enumerate(runs)]
    return found


def _trial(asked: Asked, responder: int) -> tuple[float, float]:
    """Seconds of a core for a frame shown to a responder, and bytes of a cell on the disk, from its first batch."""
    frames = asked.frames(responder, 0)
    n = max(1, asked.config.frames_a_batch // frames)
    alike = [at for at in range(min(n * 8, len(asked.stimuli))) if asked.frames(responder, at) == frames][:n]
    answer(asked, responder, 0, alike)  # what is loaded at the first time is no cost of the rest
    with threads(1):
        began = time.process_time()
        answers = answer(asked, responder, 0, alike)
        seconds = time.process_time() - began
    table = cell_table(asked, responder, alike, answers)
    return seconds / (frames * len(alike)), (len(parquet_bytes(table)) - len(parquet_bytes(table.slice(0, 0)))) / table.num_rows
