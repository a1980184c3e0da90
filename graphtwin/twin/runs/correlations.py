"""How alike the units of a twin are: signal and noise correlations of all pairs on files, or the most alike of each unit."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.artifacts import ARRAYS, require_new, write_table
from graphtwin.parallel import Device
from graphtwin.schema import NEURON, UNIT_KEY
from graphtwin.sources import open_recording
from graphtwin.twin.runs.answering import Answering, answering, answering_units
from graphtwin.twin.runs.in_silico import stimulus_clips

if TYPE_CHECKING:
    from graphtwin.insilico import Precision, Responder, State, Tiles
    from graphtwin.sources.formats import Recording
    from graphtwin.twin.fitting import FittedTwin

Kind = Literal["signal", "noise"]
NEIGHBOURS = ".parquet"  # ending of a file of the most alike of each unit
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class CorrelateConfig:
    """What is correlated, and how it is written.

    Attributes:
        what: Signal correlations, of mean answers in half seconds, or noise correlations, of responses given the stimulus.
        recording: Recording of an animal of the twin, whose training trials tell what noise its units share; noise alone needs it.
        precision: Numbers of four bytes in a matrix, or of two.
        neighbours: Units that are most alike, of each unit, where the file is a .parquet.
        workers: Processes that correlate.
    """

    what: Kind = "signal"
    recording: Path | None = None
    precision: Precision = "float32"
    neighbours: int = 50
    workers: int = 1


@dataclass(frozen=True)
class BlockTiles:
    """Matrices of pairs within one set of units, one of each twin: their mean or, of several, their standard deviation (n - 1)."""

    blocks: Float[np.ndarray, "twins units units"]
    spread: bool = False

    @property
    def n(self) -> int:
        """Number of units."""
        return int(self.blocks.shape[1])

    def __call__(self, rows: slice, columns: slice) -> Float[np.ndarray, "rows columns"]:
        """See `insilico.Tiles`."""
        each = self.blocks[:, rows, columns]
        return np.asarray(np.std(each, axis=0, ddof=1) if self.spread else each.mean(0))


def correlate_twin(
    run: str | Path | FittedTwin | Answering,
    stimulus: Path,
    out: Path,
    animal: str | None = None,
    device: Device = "auto",
    progress: bool = False,
    force: bool = False,
    state: State | None = None,
    config: CorrelateConfig | None = None,
) -> tuple[int, int]:
    """Write the in silico correlations of all pairs of units, tile by tile; returns the numbers of units and of bins or samples.

    Args:
        run: Folder of a twin, or of several that `--seeds` filled; a twin; or who answers. Of several twins signal correlations are of
            their mean answers, and noise correlations the mean of theirs; of the fits of a circuit those of the first.
        stimulus: Clips that are shown, or a recording that has them, see `stimulus_clips`.
        out: File `X.npy` (units, units), beside which `X.ids.csv` names the units and, by its fingerprints, the twin, and of several twins
            `X_spread.npy` is the spread of each correlation over them. Or `X.parquet`, a row a unit and neighbour: keys and
            rank of the units that are most alike, `correlation`, of several twins `correlation_spread`.
        animal: Name of the only animal that answers; None correlates the units of all (of noise, of that of the recording).
        device: Device on which torch computes.
        progress: Show a progress bar.
        force: Whether these files may be replaced where they are there.
        state: State of behaviour in which clips are seen, one number a channel.
        config: What is correlated and how it is written; None takes signal correlations.

    Examples:
        >>> graphtwin.twin.correlate(twin, Path("clips.npy"), Path("correlations.npy"))  # numbers of units and of bins
        (5, 12)
        >>> np.load("correlations.npy").shape
        (5, 5)
    """
    from graphtwin.insilico import nearest_units, write_all_pairs

    config = config or CorrelateConfig()
    _require_places(out, stimulus, force)
    recording = _recording_of(config)
    asked = answering(run, animal or (recording.name if recording else None), device)
    spread_too, spread_out = asked.n_twins > 1, out.with_name(f"{out.stem}_spread.npy")
    if spread_too and out.suffix in ARRAYS:
        require_new(spread_out, ARRAYS, force, (stimulus,))
    if recording is None:
        mean, spread, n_told = _signal(asked, stimulus, state, progress)
    else:
        mean, spread, n_told = _noise(asked, stimulus, recording, state, progress)
    units = answering_units(asked)
    if out.suffix == NEIGHBOURS:
        number, value = nearest_units(mean, config.neighbours, config.workers, progress)
        write_table(_neighbours(units, number, value, spread).assign(**asked.stamps), out)
        return len(units), n_told
    write_all_pairs(mean, out, config.precision, config.workers, progress)
    if spread is not None:
        write_all_pairs(spread, spread_out, config.precision, config.workers, progress)
    write_table(units.assign(**asked.stamps), out.with_suffix(".ids.csv"))
    return len(units), n_told


def _require_places(out: Path, stimulus: Path, force: bool) -> None:
    require_new(out, (*ARRAYS, NEIGHBOURS), force, (stimulus,))
    if out.suffix in ARRAYS:
        require_new(out.with_suffix(".ids.csv"), force=force, inputs=(stimulus,))


def _recording_of(config: CorrelateConfig) -> Recording | None:
    """The recording that tells shared noise; None where signal is asked for."""
    if config.what == "signal":
        if config.recording is not None:
            raise ValueError(f"{config.recording}: signal correlations need no recording but the stimulus. Ask for noise, or leave it out.")
        return None
    if config.recording is None:
        raise ValueError(
            "noise: a twin alone tells each unit's noise apart from that of the others, so that given the stimulus all its noise "
            "correlations are 0. Give the recording of an animal, whose training trials tell what its units share."
        )
    return open_recording(config.recording)


def _signal(asked: Answering, stimulus: Path, state: State | None, progress: bool) -> tuple[Tiles, Tiles | None, int]:
    """Correlations of mean answers, of several twins their spread, and the number of bins."""
    from graphtwin.insilico import correlated

    each = _binned_answers(asked, stimulus, state, progress)
    if len(each) == 1:
        return correlated(each[0]), None, each.shape[2]
    first_speaks = asked.first_speaks
    said = each[0].copy() if first_speaks else each.mean(0)  # a copy, since all become unit vectors where they lie
    return correlated(said), correlated(each, first_speaks), each.shape[2]


def _binned_answers(asked: Answering, stimulus: Path, state: State | None, progress: bool) -> Float[np.ndarray, "twins units bins"]:
    """Answers of each twin to the same clips, units of one animal after those of the other."""
    from graphtwin.insilico import clip_responses

    n_units, first, found = sum(len(each.units) for each in asked.responders), 0, None
    for responder in asked.responders:
        for at, member in enumerate(_members(responder)):
            shown = stimulus_clips(member, stimulus, asked.recorded_hz[responder.name])
            answers = clip_responses(member, shown, progress, state)
            if found is None:
                found = np.empty((asked.n_twins, n_units, answers.shape[1]), dtype=np.float32)
            found[at, first : first + len(answers)] = answers
        first += len(responder.units)
    assert found is not None, "a twin without animals"
    return found


def _members(responder: Responder) -> tuple[Responder, ...]:
    return tuple(getattr(responder, "members", (responder,)))


def _noise(asked: Answering, stimulus: Path, recording: Recording, state: State | None, progress: bool) -> tuple[Tiles, Tiles | None, int]:
    """Noise correlations of one animal, of several twins their spread, and the number of samples of the stimulus."""
    from graphtwin.twin.fitting import AnimalResponder
    from graphtwin.twin.population import RecordedPopulationConfig, expected_noise, read_population
    from graphtwin.twin.scores import long_enough

    config, blocks, n_samples = RecordedPopulationConfig(), [], 0
    for member in _members(asked.responders[0]):
        assert isinstance(member, AnimalResponder)
        population = config.population.model_copy(update={"kind": "continuous"}) if member.signed else config.population
        fitted = member.fitted
        clips = long_enough(fitted.training(recording), config.left_out_s)
        train = read_population(fitted.twin, clips, config.model_copy(update={"population": population}), False, progress)
        shown = stimulus_clips(member, stimulus, asked.recorded_hz[member.name])
        every, first = max(1, round(member.frame_rate_hz / config.samples_hz)), round(config.left_out_s * member.frame_rate_hz)
        answers = np.concatenate([member.respond(clip, state=state)[first::every] for clip in shown])
        n_samples = len(answers)
        if not n_samples:
            raise ValueError(f"{stimulus}: no clip lasts longer than the {config.left_out_s:g} s that do not count. Give longer clips.")
        found = expected_noise(train, answers / clips.scales.responses, population, progress=progress)
        if not found.n_latents:
            log.warning(
                "%s: no shared latent helped to predict the training trials (%d samples): the noise correlations of its %d units are left "
                "empty.", member.name, len(train.responses), len(member.units),
            )  # fmt: skip
        blocks.append(found.correlations.astype(np.float32))
    all_of_them = np.stack(blocks)
    return BlockTiles(all_of_them), BlockTiles(all_of_them, spread=True) if len(blocks) > 1 else None, n_samples


def _neighbours(units: pd.DataFrame, number: np.ndarray, value: np.ndarray, spread: Tiles | None) -> pd.DataFrame:
    """A row a unit and neighbour; units that are alike to none have no rows."""
    row, rank = np.nonzero(number >= 0)
    other = number[row, rank]
    units = units[[*UNIT_KEY, "animal", *([NEURON] if NEURON in units else [])]]
    table = units.iloc[row].reset_index(drop=True).assign(rank=rank + 1)
    theirs = units.iloc[other].reset_index(drop=True).add_prefix("neighbour_")
    table = pd.concat([table, theirs], axis=1).assign(correlation=value[row, rank])
    if spread is not None:
        table["correlation_spread"] = _of_pairs(spread, row, other)
    return table


def _of_pairs(tiles: Tiles, row: np.ndarray, other: np.ndarray) -> Float[np.ndarray, " pairs"]:
    """Numbers of chosen pairs, one unit with all of its own at a time."""
    units, first = np.unique(row, return_index=True)  # rows stand in the order of their units
    parts = zip(units, np.split(other, first[1:]), strict=True)
    return np.concatenate([tiles(slice(unit, unit + 1), slice(None))[0, of_unit] for unit, of_unit in parts])
