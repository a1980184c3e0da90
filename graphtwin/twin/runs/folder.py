"""The functional twin on files: train on folders of recordings, transfer to a new one, score and predict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin import artifacts
from graphtwin.config import dump_toml, load_config
from graphtwin.coordinates import Monitor
from graphtwin.parallel import Device, device_of
from graphtwin.sources.formats.recording import Recording
from graphtwin.sources.open_recording import open_recording

if TYPE_CHECKING:
    from graphtwin.twin.fit.fitted_twin import FittedTwin
    from graphtwin.twin.fit.foundation import FoundationConfig, Trained

SCORED_TIERS = ("test", "oracle")  # repeated clips in the releases of 2022 and 2023


def train_twin(
    folders: Sequence[str | Path],
    out: str | Path,
    overrides: list[str] | None = None,
    minutes: float | None = None,
    seed: int = 0,
    resume: bool = False,
    threads: int = 2,
    device: Device = "auto",
) -> Path:
    """Train one core for all recordings and write the run folder: twin.pt, config.toml, history.csv, provenance.json.

    Args:
        folders: Recordings.
        out: New or empty; to resume, the folder of the training that was stopped.
        overrides: Settings of `FoundationConfig`, as `fit.epochs=20`.
        minutes: Of each recording's training trials that are used.
        seed: The root of every draw.
        resume: Go on with the training in `out`.
        threads: Of torch.
        device: Where torch computes.
    """
    from graphtwin.twin.fit.foundation import FoundationConfig

    config = load_config(FoundationConfig, None, overrides)
    return _train(folders, Path(out), config, minutes, seed, resume, threads, device_of(device), None)


def transfer_twin(
    run: str | Path,
    folder: str | Path,
    out: str | Path,
    minutes: float | None = None,
    seed: int = 0,
    resume: bool = False,
    threads: int = 2,
    device: Device = "auto",
    monitor: Monitor | None = None,
) -> Path:
    """Fit a new animal onto the core of a run, which stays as it is; see `train_twin`.

    Args:
        run: The run folder of the core, whose settings hold for the new animal too.
        folder: The recording.
        out: New or empty; to resume, the folder of the training that was stopped.
        minutes: Training trials that are used last this long together.
        seed: The root of every draw.
        resume: Go on with the training in `out`.
        threads: Threads of torch.
        device: Where torch computes.
        monitor: Screen that the new animal saw; None: as the settings of the run say, else as its recording does.
    """
    config = open_twin(run).config
    config = config if monitor is None else config.model_copy(update={"monitor": monitor})
    return _train([folder], Path(out), config, minutes, seed, resume, threads, device_of(device), Path(run))


def _train(
    folders: Sequence[str | Path],
    out: Path,
    config: FoundationConfig,
    minutes: float | None,
    seed: int,
    resume: bool,
    threads: int,
    device: str,
    onto: Path | None,
) -> Path:
    import torch  # noqa: F401  # so that `threads` bounds it

    from graphtwin import execute, parallel
    from graphtwin.twin.fit.fitted_twin import fitted_of, write_twin
    from graphtwin.twin.fit.foundation import train_foundation

    with execute.threads(threads), parallel.joined(device):
        first = parallel.process_number() == 0
        if first:
            begin(out, config, resume)
        recordings = [open_recording(folder) for folder in folders]
        if first:
            inputs = {recording.name: f"{len(recording.trials)} trials, {len(recording.units)} units" for recording in recordings}
            write_begun(artifacts.provenance(seed, inputs | core_of(onto)) | {"minutes": minutes}, out)
        trained = train_foundation(recordings, config, seed, out / "fit.pt", first, minutes, open_twin(onto).twin if onto else None, device)
    if not first:
        return out
    write_twin(fitted_of(trained), out / "twin.pt")
    write_history(trained, out)
    (out / "fit.pt").unlink(missing_ok=True)
    return out


def begin(out: Path, config: FoundationConfig, resume: bool) -> None:
    """Write the settings into a new run folder; an error where it is taken, or belongs to other settings."""
    written = out / "config.toml"
    if (out / "twin.pt").exists():
        raise FileExistsError(f"{out}: a finished twin is there. Name another --out.")
    if out.exists() and any(out.iterdir()):
        if not written.exists():
            raise FileExistsError(f"{out}: exists and is no run folder. Name another --out.")
        if not resume:
            raise FileExistsError(f"{out}: a training was begun there. Give --resume to go on with it, or name another --out.")
        if written.read_text(encoding="utf-8") != dump_toml(config):
            raise ValueError(f"{out}: was begun with other settings than those given ({written}). Use the same, or name another --out.")
    artifacts.write_text(dump_toml(config), written)


def core_of(run: Path | None) -> dict[str, str]:
    """The core that is kept, as an input: its file's hash; nothing where a core is trained."""
    return {} if run is None else {"core": artifacts.sha256(run / "twin.pt")}


def write_begun(provenance: dict[str, Any], out: Path) -> Path:
    """Write down what a training is begun with; an error where it goes on and was begun with another seed, other minutes or inputs."""
    path = out / "provenance.json"
    if path.exists():
        then, now = ({"seed": told["seed"], "minutes": told["minutes"], **told["inputs"]} for told in (_read_json(path), provenance))
        names = sorted(then.keys() | now.keys())
        changed = [f"{name} was {_said(then, name)}, is {_said(now, name)}" for name in names if then.get(name) != now.get(name)]
        if changed:
            raise ValueError(f"{out}: cannot go on with other arguments: {'; '.join(changed)}. Give the same, or name another --out.")
    return artifacts.write_json(provenance, path)


def _read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _said(told: dict[str, Any], name: str) -> str:
    """A value in words; no minutes are all of them."""
    return "not given" if name not in told else "all" if told[name] is None else str(told[name])


def write_history(trained: Trained, out: Path) -> Path:
    """Training and validation loss of every epoch, and the validation loss with readouts settled, as `stage` tells."""
    last = {"stage": "readouts settled", "validation": trained.settled["settled"]}
    rows = [*({"stage": "epoch"} | row for row in trained.state.history), last]
    history = pd.DataFrame(rows).rename_axis("epoch").reset_index()
    return artifacts.write_table(history, out / "history.csv")


def open_twin(run: str | Path) -> FittedTwin:
    """The twin of a run folder."""
    from graphtwin.twin.fit.fitted_twin import read_twin

    return read_twin(Path(run) / "twin.pt")


@dataclass(frozen=True)
class Scored:
    """How well a twin predicts held-out trials.

    Attributes:
        units: One row a unit: keys, scores with their 95 % intervals over stimuli, bits per response.
        kinds: One row a kind of stimulus and score: medians over units with their intervals; see `generalisation.score_kinds`.
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
        run: A run folder whose twin has this animal.
        folder: The recording.
        tiers: That are scored. None scores units on `test` and `oracle`, those that exist, and kinds on every tier with responses that no
            fit reads: what the twin was never trained on as well.
        left_out_s: Time at the start of each clip that does not count; 5/3 s otherwise, 50 frames at 30 Hz.
        seed: Of the intervals.
        device: Where torch computes.
        progress: Show a bar.
    """
    from graphtwin.twin.scores.generalisation import score_kinds, stimuli_of
    from graphtwin.twin.scores.prediction import sums_of
    from graphtwin.twin.scores.unit_scores import LEFT_OUT_S, score_units

    fitted, recording = open_twin(run), open_recording(folder)
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


def predict_video(
    run: str | Path,
    video: Float[np.ndarray, "frames height width"],
    animal: str | None = None,
    device: Device = "auto",
    progress: bool = False,
) -> Float[np.ndarray, "frames units"]:
    """Expected responses, in the units of the recording, of an animal at rest that looks straight ahead.

    Args:
        run: A run folder.
        video: Grey levels as in the recordings; any number of frames.
        animal: Its name; the first of the twin otherwise.
        device: Where torch computes.
        progress: Show a bar.
    """
    from graphtwin.twin.fit.animal_responder import AnimalResponder

    fitted = open_twin(run)
    fitted.twin.to(device_of(device))
    name = animal or next(iter(fitted.animals))
    fitted.twin.animal(name)
    require_video(video, fitted.animals[name].size)
    return AnimalResponder(fitted, name).respond(video, progress)


def require_video(video: np.ndarray, size: tuple[int, int]) -> None:
    """Raise unless the video has frames of this size with finite grey levels."""
    if video.ndim != 3 or video.shape[1:] != size:
        raise ValueError(f"stimulus: shape {video.shape}, but the twin sees (frames, {size[0]}, {size[1]}). Rescale it first.")
    bad = int((~np.isfinite(video)).any((1, 2)).sum())
    if bad:
        raise ValueError(f"stimulus: {bad} of {len(video)} frames have NaN or infinite grey levels. Cut them off.")
