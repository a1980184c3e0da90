"""Trainings on disk: one core for the animals of several recordings, and a new animal on a core that is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphtwin import artifacts
from graphtwin.config import load_config
from graphtwin.coordinates import Monitor
from graphtwin.parallel import Device, device_of
from graphtwin.sources.open_recording import open_recording
from graphtwin.twin.runs.twin_folder import begin, core_of, load_twin, write_begun, write_history

if TYPE_CHECKING:
    from graphtwin.twin.fit.foundation import FoundationConfig


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
    """Train one core for all recordings and write its folder: kind.json, twin.pt, config.toml, history.csv, provenance.json.

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
    """Fit a new animal onto the core of a trained twin, which stays as it is; see `train_twin`.

    Args:
        run: The folder of the core, whose settings hold for the new animal too.
        folder: The recording.
        out: New or empty; to resume, the folder of the training that was stopped.
        minutes: Training trials that are used last this long together.
        seed: The root of every draw.
        resume: Go on with the training in `out`.
        threads: Threads of torch.
        device: Where torch computes.
        monitor: Screen that the new animal saw; None: as the settings of the core say, else as its recording does.
    """
    config = load_twin(run).config
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
            begin(out, config, resume, "graphtwin twin transfer" if onto else "graphtwin twin train")
        recordings = [open_recording(folder) for folder in folders]
        if first:
            inputs = {recording.name: f"{len(recording.trials)} trials, {len(recording.units)} units" for recording in recordings}
            write_begun(artifacts.provenance(seed, inputs | core_of(onto)) | {"minutes": minutes}, out)
        trained = train_foundation(recordings, config, seed, out / "fit.pt", first, minutes, load_twin(onto).twin if onto else None, device)
    if not first:
        return out
    write_twin(fitted_of(trained), out / "twin.pt")
    write_history(trained, out)
    (out / "fit.pt").unlink(missing_ok=True)
    return out
