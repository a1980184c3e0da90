"""A session in the microscope: which clip is shown when, and what the units of a scan answer, trial after trial."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin import schema
from graphtwin.execute import rng_for
from graphtwin.synthetic.function import imaging
from graphtwin.synthetic.function.behaviour import Behaviour, behave
from graphtwin.synthetic.function.imaging import RATE_HZ, Samples
from graphtwin.synthetic.function.preferences import Tuning
from graphtwin.synthetic.function.stimuli import FRAME_RATE_HZ, KINDS, N_DIRECTIONS, NOVEL_KINDS, SEGMENT_FRAMES, film
from graphtwin.synthetic.function.visual_responder import VisualResponder, expected_rates, responder

GAP_FRAMES = (15, 31)  # frames of grey between trials, at random from 15 to 30, so that the microscope's samples fall elsewhere in each
SPONTANEOUS = 0.15  # rate in front of a grey screen, as a share of that during movies
WITHHELD = ("live_test_main", "final_test")  # tiers whose responses are left out of the files, as in a running competition


class MovieConfig(BaseModel):
    """Which clips are shown in the scan of videos, beside the minutes of training clips."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip_s: float = Field(10.0, ge=2, description="Seconds of a clip, rounded to frames of 1/30 s.")
    oracle_clips: int = Field(6, ge=0, description="Clips like those of training, shown again and again (tier `oracle`).")
    oracle_repeats: int = Field(10, ge=1, description="How often each oracle clip is shown.")
    test_clips: int = Field(2, ge=0, description="Clips like those of training whose responses are withheld (tier `live_test_main`).")
    test_repeats: int = Field(5, ge=1, description="How often each test clip is shown.")
    novel_clips: int = Field(1, ge=0, description="Clips of each kind of stimulus that training has none of (tier `final_test_bonus`).")
    novel_repeats: int = Field(6, ge=1, description="How often each clip of a novel kind is shown.")
    kinds: tuple[str, ...] = Field(("dead_leaves",), description="Kinds of stimulus of training, oracle and test clips, in turn.")


@dataclass(frozen=True)
class Scan:
    """One scan, ready to be played.

    Attributes:
        name: Name of the scan, `{animal}-{session}-{scan_idx}`.
        units: Units of the scan, as `scans.scan_units` draws them.
        table: The units' rows of `Tuning.table`.
        trials: Trials of the scan, as `programme` lists them.
        behaviour: Behaviour in all frames of the scan.
        latents: Shared fluctuations of gain in all frames of the scan.
        seed: Seed of the run.
    """

    name: str
    units: pd.DataFrame
    table: pd.DataFrame
    trials: pd.DataFrame
    behaviour: Behaviour
    latents: Float[np.ndarray, "latents frames"]
    seed: int


@dataclass(frozen=True)
class Played:
    """One trial of a scan.

    Attributes:
        row: Row of the trial in `Scan.trials`.
        video: Frames that were shown, grey levels.
        behaviour: Behaviour during these frames.
        samples: Samples that the microscope took.
    """

    row: int
    video: Float[np.ndarray, "frames height width"]
    behaviour: Behaviour
    samples: Samples

    @property
    def responses(self) -> Float[np.ndarray, "units frames"]:
        """Deconvolved activity at the frames of the film."""
        return self.samples.at_frames(self.samples.activity, len(self.video))

    @property
    def expected(self) -> Float[np.ndarray, "units frames"]:
        """Mean of `responses`, given film, behaviour and gaze."""
        return self.samples.at_frames(self.samples.expected, len(self.video))


def programme(config: MovieConfig, minutes: float, seed: int, animal: int) -> pd.DataFrame:
    """All trials in the order shown.

    Args:
        config: What is shown beside training clips, and how long clips are.
        minutes: Minutes of training clips (tier `train`), each shown once.
        seed: Seed of the run.
        animal: Number of the animal: training clips are its own, clips of other tiers are the same for all animals.

    Returns:
        A table with columns trial (0, 1, ...), tier, kind, clip (a name; equal for repeats), n_frames, first_frame (of the scan).
    """
    _require_known(config.kinds)
    clip_frames = round(config.clip_s * FRAME_RATE_HZ)
    n_train = max(1, round(minutes * 60 * FRAME_RATE_HZ / clip_frames))
    shown = [("train", config.kinds[at % len(config.kinds)], f"train-{animal}-{at}") for at in range(n_train)]
    for tier, clips, repeats in (
        ("oracle", config.oracle_clips, config.oracle_repeats),
        ("live_test_main", config.test_clips, config.test_repeats),
    ):
        shown += [(tier, config.kinds[at % len(config.kinds)], f"{tier}-{at}") for at in range(clips)] * repeats
    shown += [("final_test_bonus", kind, f"novel-{at}") for kind in NOVEL_KINDS for at in range(config.novel_clips)] * config.novel_repeats
    rng = rng_for(seed, "programme", animal)
    trials = pd.DataFrame(shown, columns=["tier", "kind", "clip"]).iloc[rng.permutation(len(shown))].reset_index(drop=True)
    rounds = max(1, clip_frames // (N_DIRECTIONS * SEGMENT_FRAMES)) * N_DIRECTIONS * SEGMENT_FRAMES
    trials["n_frames"] = np.where(trials["kind"].isin(["drifting_gratings", "pink_noise", "random_dots"]), rounds, clip_frames)
    trials["n_frames"] = trials["n_frames"].clip(upper=clip_frames)
    gaps = rng.integers(*GAP_FRAMES, len(trials))
    trials["first_frame"] = np.cumsum(gaps) + np.concatenate([[0], np.cumsum(trials["n_frames"])[:-1]])
    trials.insert(0, "trial", np.arange(len(trials)))
    return trials


def prepare_scan(units: pd.DataFrame, tuning: Tuning, trials: pd.DataFrame, seed: int, animal: int) -> Scan:
    """A scan of some units: their tuning, and the behaviour and latents of all its frames.

    Args:
        units: Units of one scan: session, scan_idx, unit_id, nucleus_id, field.
        tuning: Tuning of the animal's neurons.
        trials: Trials of the scan, as `programme` lists them.
        seed: Seed of the run.
        animal: Number of the animal.
    """
    schema.require_columns(units, [*schema.UNIT_KEY, "nucleus_id", "field"], "units of a scan")
    scans = units[["session", "scan_idx"]].drop_duplicates()
    if len(scans) != 1:
        raise ValueError(f"units of {len(scans)} scans were given. Prepare one scan at a time, and one with units.")
    table = tuning_of(units, tuning)
    scan = f"{scans['session'].iloc[0]}-{scans['scan_idx'].iloc[0]}"
    n_frames = int(trials["first_frame"].iloc[-1] + trials["n_frames"].iloc[-1]) + GAP_FRAMES[1]
    n_latents = sum(name.startswith("latent_") for name in table)
    return Scan(
        name=f"{animal}-{scan}",
        units=units.reset_index(drop=True),
        table=table,
        trials=trials,
        behaviour=behave(n_frames, seed, animal, scan),
        latents=imaging.latents(n_frames, n_latents, seed, animal, scan),
        seed=seed,
    )


def tuning_of(units: pd.DataFrame, tuning: Tuning) -> pd.DataFrame:
    """The row of `Tuning.table` of each unit's nucleus."""
    rows = pd.Index(tuning.table["nucleus_id"]).get_indexer(units["nucleus_id"])
    if (rows < 0).any():
        raise ValueError(f"{int((rows < 0).sum())} of {len(units)} units belong to nuclei without tuning. Tune all neurons first.")
    return tuning.table.iloc[rows].reset_index(drop=True)


def play(scan: Scan, units: VisualResponder | None = None) -> Iterator[Played]:
    """The trials in order, one in memory at a time.

    Args:
        scan: The scan, as `prepare_scan` makes it.
        units: Responder of the scan's units, if there is one already.
    """
    units = units or responder(scan.table)
    offset = imaging.plane_offset(scan.units["field"].to_numpy(np.int64))
    for row, trial in enumerate(scan.trials.itertuples()):
        start, stop = trial.first_frame, trial.first_frame + trial.n_frames
        video = film(trial.kind, scan.seed, trial.clip, n_frames=trial.n_frames)
        behaviour = scan.behaviour.part(start, stop)
        rates = expected_rates(units, video, behaviour)
        rng = rng_for(scan.seed, "events", scan.name, row)
        shared = scan.latents[:, start:stop]
        yield Played(row, video, behaviour, imaging.sample_events(rates, shared, scan.table, offset, start, rng))


def continuous_activity(scan: Scan, played: Iterator[Played]) -> Float[np.ndarray, "units samples"]:
    """Deconvolved activity of all samples of the scan, in trials and in the grey between them.

    Sample k of a unit is taken (k + `imaging.plane_offset`) periods after the scan's first frame.

    Args:
        scan: The scan, as `prepare_scan` makes it.
        played: All trials of the scan.
    """
    period = FRAME_RATE_HZ / RATE_HZ
    n_samples = int(len(scan.behaviour.running) / period) - 1
    rng = rng_for(scan.seed, "spontaneous", scan.name)
    rate = (SPONTANEOUS * scan.table["rate_hz"] / RATE_HZ).to_numpy()[:, None]
    activity = (rng.poisson(rate, (len(scan.table), n_samples)) * scan.table["amplitude"].to_numpy()[:, None]).astype(np.float32)
    for trial in played:
        places = trial.samples.number[:, None] + np.arange(trial.samples.activity.shape[1])
        unit, k = np.nonzero((places >= 0) & (places < n_samples))
        activity[unit, places[unit, k]] = trial.samples.activity[unit, k]
    return activity


def _require_known(kinds: tuple[str, ...]) -> None:
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise ValueError(f"movies of kinds {unknown or 'none'} are asked for. Choose of {', '.join(KINDS)}.")
