"""The cells of a campaign: what one unit answers to one stimulus in one state, shard by shard, as the bytes of a Parquet file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int64

from graphtwin.coordinates import frames_of
from graphtwin.execute import threads
from graphtwin.insilico.campaign.campaign_file import CampaignConfig
from graphtwin.insilico.responders import Checked
from graphtwin.insilico.stimuli import Screen, Stimulus, Windowed, render_batch
from graphtwin.schema import UNIT_KEY

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Shard:
    """A piece of a campaign that is answered and written as one.

    Attributes:
        responder: Place of the responder.
        state: Place of the state.
        number: Number of the shard among those of this responder and state.
        stimuli: Numbers of its stimuli, one after the other.
    """

    responder: int
    state: int
    number: int
    stimuli: range


@dataclass(frozen=True, eq=False)
class Asked:
    """What the workers of a campaign have in common.

    Attributes:
        config: Settings of the campaign.
        responders: Responders, each looked at.
        columns: For each responder, the places of the units that are kept.
        screens: For each responder, the screen that stimuli are drawn on.
        stimuli: All stimuli.
    """

    config: CampaignConfig
    responders: tuple[Checked, ...]
    columns: tuple[Int64[np.ndarray, " _"], ...]
    screens: tuple[Screen, ...]
    stimuli: tuple[Stimulus, ...]

    @property
    def drifts(self) -> bool:
        """Whether any stimulus has a temporal frequency, so that F1 is kept."""
        return any(temporal_hz(stimulus) > 0 for stimulus in self.stimuli)

    @property
    def spreads(self) -> bool:
        """Whether any responder is an ensemble, so that the spread of its members is kept."""
        return any(responder.ensemble is not None for responder in self.responders)

    def grey_frames(self, responder: int) -> int:
        """Grey frames before each stimulus; none for single pictures."""
        return frames_of(self.config.grey_s, self.screens[responder].frame_rate_hz)

    def frames(self, responder: int, stimulus: int) -> int:
        """Frames that a responder is shown for a stimulus, grey ones too."""
        return self.grey_frames(responder) + self.stimuli[stimulus].frames(self.screens[responder])

    def counted(self, screen: Screen, stimulus: Stimulus) -> tuple[int, int, float]:
        """First frame of a stimulus that counts, their number, and the cycles a frame of its drift: whole cycles, where one fits."""
        first = frames_of(self.config.onset_s, screen.frame_rate_hz)
        late = stimulus.frames(screen) - first
        if late < 1:
            raise ValueError(
                f"{stimulus.kind}: lasts {stimulus.duration_s:g} s, of which the first {self.config.onset_s:g} (onset_s) do not count. "
                "Give a longer duration_s, or a shorter onset_s."
            )
        turns = temporal_hz(stimulus) / screen.frame_rate_hz if screen.shows_movies else 0.0
        cycles = int(late * turns + 1e-9)
        return (first, round(cycles / turns), turns) if cycles else (first, late, 0.0)


@dataclass(frozen=True, eq=False)
class Answers:
    """What is kept of the answers of some units to some stimuli.

    Attributes:
        mean: F0, the mean response over the frames that count, in the units of the recording.
        modulation: F1, the amplitude at the temporal frequency of the stimulus; NaN where it has none, or lasts less than a cycle.
        spread: How far the mean may be off by what the members of an ensemble say (`Ensemble.spread`); NaN for one responder alone.
        binned: For each stimulus, the mean response in each whole bin from the onset on; none where bins are not kept.
    """

    mean: Float[np.ndarray, "stimuli units"]
    modulation: Float[np.ndarray, "stimuli units"]
    spread: Float[np.ndarray, "stimuli units"]
    binned: list[Float[np.ndarray, "units bins"]]


def temporal_hz(stimulus: Stimulus) -> float:
    """Cycles per second at which all of a stimulus repeats; 0 where it does not. The drift of Trippy is random: it has none."""
    if isinstance(stimulus, Windowed):
        return temporal_hz(stimulus.part)
    return 0.0 if stimulus.kind == "trippy" else float(getattr(stimulus, "cycles_per_second", 0.0))


def answer(asked: Asked, responder: int, state: int, stimuli: Sequence[int]) -> Answers:
    """What is kept of the answers of one responder to stimuli that last equally long, in one forward pass.

    Args:
        asked: What the campaign asks.
        responder: Place of the responder.
        state: Place of the state.
        stimuli: Numbers of the stimuli.
    """
    screen, columns, config = asked.screens[responder], asked.columns[responder], asked.config
    shown = [asked.stimuli[at] for at in stimuli]
    grey = asked.grey_frames(responder)
    clips = render_batch(shown, screen).numpy()
    before = np.full((len(clips), grey, *clips.shape[2:]), screen.grey, dtype=np.float32)
    each = asked.responders[responder].respond_each(np.concatenate([before, clips], 1), state=config.states[state].channels)
    each = each[:, :, grey:] if len(columns) == each.shape[3] else each[:, :, grey:, columns]
    ensemble = asked.responders[responder].ensemble
    late = each[0] if ensemble is None else each[: len(ensemble.speakers)].mean(0)
    mean, modulation, spread = np.full((3, len(shown), len(columns)), np.nan, dtype=np.float32)
    binned = []
    for at, stimulus in enumerate(shown):
        first, n, turns = asked.counted(screen, stimulus)
        angle = 2 * np.pi * turns * np.arange(n)
        sums = np.stack([np.ones(n), np.cos(angle), np.sin(angle)]) @ late[at, first : first + n].astype(np.float64)
        mean[at] = sums[0] / n
        if ensemble is not None:
            spread[at] = ensemble.spread(each[:, at, first : first + n].mean(1, dtype=np.float64))
        if turns:
            modulation[at] = 2 * np.hypot(sums[1], sums[2]) / n
        if config.bin_s is not None:
            binned.append(_bins(late[at, first:], max(1, frames_of(config.bin_s, screen.frame_rate_hz))))
    return Answers(mean, modulation, spread, binned)


def _bins(responses: Float[np.ndarray, "frames units"], per_bin: int) -> Float[np.ndarray, "units bins"]:
    whole = len(responses) // per_bin
    return responses[: whole * per_bin].reshape(whole, per_bin, -1).mean(1, dtype=np.float64).T.astype(np.float32)


def answer_shard(asked: Asked, shard: Shard) -> tuple[Shard, bytes]:
    """A shard and the bytes of its Parquet file: the same for the same campaign, whoever answers and after whatever.

    Args:
        asked: What the campaign asks.
        shard: Piece of the campaign.
    """
    import torch  # noqa: F401  # imported so that `threads` bounds it

    alike: dict[int, list[int]] = {}
    for at in shard.stimuli:
        alike.setdefault(asked.frames(shard.responder, at), []).append(at)
    order: list[int] = []
    parts: list[Answers] = []
    with threads(1):
        for frames, numbers in alike.items():
            n = max(1, asked.config.frames_a_batch // frames)
            for start in range(0, len(numbers), n):
                order += numbers[start : start + n]
                parts.append(answer(asked, shard.responder, shard.state, numbers[start : start + n]))
    back = np.argsort(order)
    binned = [bins for part in parts for bins in part.binned]
    answers = Answers(
        np.concatenate([part.mean for part in parts])[back],
        np.concatenate([part.modulation for part in parts])[back],
        np.concatenate([part.spread for part in parts])[back],
        [binned[at] for at in back] if binned else [],
    )
    return shard, parquet_bytes(cell_table(asked, shard.responder, shard.stimuli, answers))


def cell_table(asked: Asked, responder: int, stimuli: Sequence[int], answers: Answers) -> pa.Table:
    """Cells as rows, stimulus after stimulus: session, scan_idx, unit_id, mean; mean_spread, f1 and binned where they are kept.

    Args:
        asked: What the campaign asks.
        responder: Place of the responder.
        stimuli: Numbers of the stimuli.
        answers: Answers to them, in their order.
    """
    import pyarrow as pa

    units = asked.responders[responder].units[UNIT_KEY].iloc[asked.columns[responder]]
    columns = {"stimulus": pa.array(np.repeat(np.asarray(stimuli, dtype=np.int32), len(units)))}
    columns |= {name: pa.array(np.tile(units[name].to_numpy(np.int64), len(stimuli))) for name in UNIT_KEY}
    columns["mean"] = pa.array(answers.mean.ravel())
    if asked.spreads:
        columns["mean_spread"] = pa.array(answers.spread.ravel())
    if asked.drifts:
        columns["f1"] = pa.array(answers.modulation.ravel())
    if answers.binned:
        lengths = np.repeat([bins.shape[1] for bins in answers.binned], len(units))
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
        columns["binned"] = pa.ListArray.from_arrays(offsets, pa.array(np.concatenate([bins.ravel() for bins in answers.binned])))
    return pa.table(columns)


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file whose pages can be told from damaged ones."""
    import pyarrow.parquet as pq

    held = io.BytesIO()
    keys = ["stimulus", *UNIT_KEY]  # few values, many times
    pq.write_table(table, held, compression="zstd", use_dictionary=keys, write_page_checksum=True)
    return held.getvalue()
