"""Trainings on disk: one core for the animals of several recordings, and a new animal on a core that is there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphtwin import artifacts
from graphtwin.checks import check_recording, warn
from graphtwin.config import load_config, read_toml, validate
from graphtwin.coordinates import Monitor
from graphtwin.folders import written
from graphtwin.kinds import FILE, TWIN, is_finished, kind_of, require_kind
from graphtwin.parallel import Device, device_of
from graphtwin.sources import open_recording
from graphtwin.twin.runs.twin_folder import (
    CHECKPOINT,
    FILE_NAME,
    core_of,
    identity_of,
    load_twin,
    require_begun_alike,
    require_twin_place,
    seen_by_core,
    write_begun,
    write_found,
    write_history,
    write_stamps,
)

if TYPE_CHECKING:
    from graphtwin.sources.formats import Recording
    from graphtwin.twin.fitting import FittedTwin
    from graphtwin.twin.settings import FoundationConfig

log = logging.getLogger("graphtwin")


def fit_twin(
    recordings: Sequence[str | Path],
    out: str | Path,
    overrides: list[str] | None = None,
    minutes: float | None = None,
    seed: int = 0,
    resume: bool = False,
    threads: int = 2,
    device: Device = "auto",
    force: bool = False,
    images: int | None = None,
) -> FittedTwin:
    """Fit one core to all recordings and write its folder: twin.pt, config.toml, history.csv, provenance.json, fingerprint.json.

    Args:
        recordings: Folders or files of recordings.
        out: Folder of the training, new or empty; to resume, that of the training that was stopped.
        overrides: Settings of `FoundationConfig`, as `fit.epochs=20`.
        minutes: Minutes of each recording's training trials that are used; None uses all.
        seed: Seed of every draw.
        resume: Go on with the training in `out`.
        threads: Threads of torch.
        device: Device on which torch computes.
        force: Take away a twin that is in the folder, once the recordings are known to be good, and begin anew.
        images: Different pictures of each recording's training trials that are used; None uses all.

    Examples:
        >>> new = graphtwin.twin.fit(["recording"], out="runs/new", overrides=["twin.core.features=4", *fast], threads=1)
        >>> new
        FittedTwin: recurrent core of 8 features, 1 animals
          recording: 5 units, videos at 30 Hz of 16 x 24 pixels, 5 stimuli, pupil_size, running
          folder: runs/new
    """
    from graphtwin.twin.settings import FoundationConfig

    config = load_config(FoundationConfig, None, overrides)
    opened = _opened(recordings, config, minutes, images)
    return _train(opened, recordings, Path(out), config, minutes, seed, resume, threads, device_of(device), None, force, images)


def fit_twins(
    recordings: Sequence[str | Path],
    out: str | Path,
    seeds: int,
    overrides: list[str] | None = None,
    minutes: float | None = None,
    seed: int = 0,
    resume: bool = False,
    threads: int = 2,
    device: Device = "auto",
    force: bool = False,
    images: int | None = None,
) -> list[FittedTwin]:
    """Fit twins that differ in their seed alone, one after the other, in folders `seed-0`, `seed-1` ... for `agree_twins` to compare.

    Each is the twin that `fit_twin` makes of this seed. One that is finished is left as it is where the training goes on.

    Args:
        recordings: Folders or files of recordings.
        out: Folder in which those of the twins lie.
        seeds: Number of twins.
        overrides: Settings of `FoundationConfig`, as `fit.epochs=20`.
        minutes: Minutes of each recording's training trials that are used; None uses all.
        seed: Seed of the first twin; each next one has the next number.
        resume: Go on with the twins that are begun, and begin the others.
        threads: Threads of torch.
        device: Device on which torch computes.
        force: Take away the twins that are there, each as its turn comes, and begin anew.
        images: Different pictures of each recording's training trials that are used; None uses all.

    Returns:
        The twins, in the order of their seeds.

    Examples:
        >>> twins = graphtwin.twin.fit_seeds(["recording"], out="runs/twins", seeds=2, overrides=fast, threads=1, resume=True)
        >>> [str(one.folder) for one in twins]
        ['runs/twins/seed-0', 'runs/twins/seed-1']
    """
    from graphtwin.twin.settings import FoundationConfig

    config = load_config(FoundationConfig, None, overrides)
    places, fitted = places_of_seeds(out, seeds, seed), []
    for number, place in enumerate(places, seed):
        if resume and is_finished(place):
            require_twin_place(place, config, resume, force, recordings)
            opened = [open_recording(folder) for folder in recordings]
            require_begun_alike(_provenance(opened, None, minutes, images, number, threads, device_of(device)), place)
            log.info("%s: finished already.", place)
            fitted.append(load_twin(place))
        else:
            begun = resume and (place / FILE).exists()
            fitted.append(fit_twin(recordings, place, overrides, minutes, number, begun, threads, device, force, images))
    return fitted


def places_of_seeds(out: str | Path, seeds: int, seed: int = 0) -> list[Path]:
    """The folders of twins of several seeds; an error where the folder that is to hold them is something else.

    Args:
        out: Folder in which those of the twins lie.
        seeds: Number of twins.
        seed: Seed of the first of them.
    """
    out = Path(out)
    if (kind := kind_of(out)) is not None:
        raise FileExistsError(f"{out}: is {kind.is_a}, and {seeds} twins go into folders inside of --out. Name another --out.")
    return [out / f"seed-{number}" for number in range(seed, seed + seeds)]


def transfer_twin(
    run: str | Path | FittedTwin,
    recording: str | Path,
    out: str | Path,
    minutes: float | None = None,
    seed: int = 0,
    resume: bool = False,
    threads: int = 2,
    device: Device = "auto",
    monitor: Monitor | None = None,
    force: bool = False,
    images: int | None = None,
) -> FittedTwin:
    """Fit a new animal onto the core of a trained twin, which stays as it is; see `fit_twin`.

    Args:
        run: Folder of the twin that has the core, or that twin, whose settings hold for the new animal too.
        recording: Folder or file of the recording.
        out: Folder of the training, new or empty; to resume, that of the training that was stopped.
        minutes: Minutes of the recording's training trials that are used; None uses all.
        seed: Seed of every draw.
        resume: Go on with the training in `out`.
        threads: Threads of torch.
        device: Device on which torch computes.
        monitor: Screen that the new animal saw; None takes that of the core's settings, or else that of the recording.
        force: Take away a twin that is in the folder, once the recording is known to be good, and begin anew.
        images: Different pictures of each recording's training trials that are used; None uses all.

    Examples:
        >>> new = graphtwin.twin.transfer(twin, "recording", out="runs/transferred", threads=1)
        >>> new.folder.name
        'transferred'
    """
    from graphtwin.twin.settings import FoundationConfig, as_told_today

    run = Path(run)
    require_kind(run, TWIN)
    written_in = run / "config.toml"
    told = read_toml(written_in)
    config = validate(FoundationConfig, as_told_today(told, str(written_in)), str(written_in))
    opened = _opened([recording], config, minutes, images, run)
    if "location" not in told:
        log.info(
            "%s: its core is from before `location` was a setting: neighbours in cortex are not asked about the units of %s either. Train "
            "the core anew to have them asked.",
            run, opened[0].name,
        )  # fmt: skip
    if config.twin.core.kind != "dense_lstm" and "feature_gains" not in told.get("twin", {}).get("core", {}):
        log.info(
            "%s: its core is from before `twin.core.feature_gains` was a setting: behaviour changes gains of the units of %s, and not what "
            "they prefer. Train the core anew to have that told.",
            run, opened[0].name,
        )  # fmt: skip
    config = load_twin(run).config
    config = config if monitor is None else config.model_copy(update={"monitor": monitor})
    return _train(opened, [recording], Path(out), config, minutes, seed, resume, threads, device_of(device), run, force, images)


def _provenance(
    recordings: Sequence[Recording],
    onto: Path | None,
    minutes: float | None,
    images: int | None,
    seed: int,
    threads: int,
    device: str,
) -> dict[str, Any]:
    """What a training is made from."""
    inputs = {recording.name: identity_of(recording) for recording in recordings} | core_of(onto)
    return artifacts.provenance(seed, inputs) | {"minutes": minutes, "images": images, "threads": threads, "device": device.split(":")[0]}


def _opened(
    folders: Sequence[str | Path], config: FoundationConfig, minutes: float | None, images: int | None, onto: Path | None = None
) -> list[Recording]:
    """The recordings of a training; what their names and forms tell is refused before torch is loaded and trials are read."""
    from graphtwin.twin.data import doubt_of_core, require_amount, require_tiers, require_view, view_of

    recordings = [open_recording(folder) for folder in folders]
    views = {recording.name: view_of(recording, config.clips.frame_rate_hz) for recording in recordings}
    saw = views if onto is None else seen_by_core(onto)
    for recording in recordings:
        require_tiers(recording, config.clips.train_tiers)
        require_amount(recording, minutes, images)
        require_view(recording.name, views[recording.name], saw)
        if doubt := doubt_of_core(recording.name, views[recording.name], saw):
            log.warning("%s", doubt)
    return recordings


def _train(
    recordings: Sequence[Recording],
    folders: Sequence[str | Path],
    out: Path,
    config: FoundationConfig,
    minutes: float | None,
    seed: int,
    resume: bool,
    threads: int,
    device: str,
    onto: Path | None,
    force: bool,
    images: int | None,
) -> FittedTwin:
    import torch  # noqa: F401  # so that `threads` bounds torch too

    from graphtwin import execute, parallel
    from graphtwin.twin.data import view_of
    from graphtwin.twin.fitting import fitted_of, train_foundation, write_twin

    with execute.threads(threads), parallel.joined(device):
        first = parallel.process_number() == 0
        if first:
            require_twin_place(out, config, resume, force, [*folders, *([onto] if onto else [])])
        command = "graphtwin twin transfer" if onto else TWIN.command
        with written(out, TWIN, resume, force, command) if first else nullcontext() as begin:
            views = {recording.name: view_of(recording, config.clips.frame_rate_hz) for recording in recordings}
            saw = views if onto is None else seen_by_core(onto)
            core = None if onto is None else load_twin(onto)
            if begin is not None:
                for recording in recordings:
                    warn(check_recording(recording, quick=True), recording.name)
                begin()
                write_begun(config, _provenance(recordings, onto, minutes, images, seed, threads, device), saw, out)
            kept = core.twin if core else None
            trained = train_foundation(recordings, config, seed, out / CHECKPOINT, first, minutes, kept, device, images)
            fitted = fitted_of(trained)
            if first:
                write_found(trained, out)
                write_twin(fitted, out / FILE_NAME)
                write_history(trained, out)
                write_stamps(fitted, out)
    fitted.twin.eval()
    return replace(fitted, folder=out)
