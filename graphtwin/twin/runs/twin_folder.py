"""The folder of a functional twin: how it is begun, what a training leaves there, and the twin read from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from graphtwin import artifacts
from graphtwin.begun import require_same_settings
from graphtwin.config import dump_toml
from graphtwin.folders import WORK, require_as_written
from graphtwin.kinds import TWIN, require_kind, require_place
from graphtwin.sources import open_recording

if TYPE_CHECKING:
    from graphtwin.sources.formats import Recording
    from graphtwin.twin.data import View
    from graphtwin.twin.fitting import FittedTwin, Trained
    from graphtwin.twin.settings import FoundationConfig

FILE_NAME = "twin.pt"  # file of the twin in its folder
STAMPS = "fingerprint.json"  # file of the fingerprints of twin and core, for people and scripts; commands compute them from the twin
# Arguments that the numbers of a training depend on, beside its settings and inputs: sums of several threads differ in their last digit.
DECIDED = ("seed", "minutes", "images", "threads", "device")
CHECKPOINT = Path(WORK) / "fit.pt"  # file of the state after an epoch, from which a stopped training goes on


def load_twin(run: str | Path) -> FittedTwin:
    """The functional twin of a folder, or of a file that `FittedTwin.save` wrote.

    Args:
        run: Folder that `graphtwin twin train` or `graphtwin twin transfer` wrote, or the file.

    Examples:
        >>> graphtwin.twin.load("runs/twins/seed-0")
        FittedTwin: recurrent core of 8 features, 1 animals
          recording: 5 units, videos at 30 Hz of 16 x 24 pixels, 5 stimuli, pupil_size, running
          folder: runs/twins/seed-0
    """
    from graphtwin.twin.fitting import read_twin

    run = Path(run)
    if run.is_file():
        return read_twin(run)
    require_kind(run, TWIN)
    fitted = read_twin(run / FILE_NAME)
    require_as_written(run, FILE_NAME)
    return replace(fitted, folder=run)


def open_animal(run: str | Path, folder: str | Path, tiers: tuple[str, ...] | None = None) -> Recording:
    """The recording of an animal that a twin has; what its names tell is refused before the twin is loaded.

    Args:
        run: Folder of the twin.
        folder: Folder or file of the recording.
        tiers: Tiers that were asked for, each of which must have trials with responses; None asks for none.
    """
    from graphtwin.twin.data import require_tiers

    require_kind(run, TWIN)
    recording = open_recording(folder)
    known = [name for name in _read_json(Path(run) / "provenance.json")["inputs"] if name != "core"]
    if recording.name not in known:
        raise ValueError(f"{recording.name}: not an animal of this twin ({', '.join(known)}). Transfer the twin to it first.")
    require_tiers(recording, *((tier,) for tier in tiers or ()))
    return recording


def require_twin_place(out: Path, config: FoundationConfig, resume: bool, force: bool = False, inputs: Sequence[str | Path] = ()) -> None:
    """Raise where the folder of a training is taken, or belongs to other settings.

    Args:
        out: Folder of the training.
        config: Settings of the training.
        resume: Go on with the training that is there.
        force: Whether a twin that is there may be taken away.
        inputs: Recordings and the twin that are read.
    """
    from graphtwin.twin.settings import as_told_today

    if require_place(out, TWIN, resume, force, inputs):
        require_same_settings(out, config, today=partial(as_told_today, origin=str(out / "config.toml")))


def identity_of(recording: Recording) -> str:
    """What tells a recording from others, and from itself after a change: its size, and a hash of its tables and its last trial."""
    told = hashlib.sha256()
    for table in (recording.units, recording.trials):
        told.update(table.to_csv(index=False).encode())
    for row in np.flatnonzero(recording.trials["has_responses"].astype(bool))[-1:]:
        trial = recording.open_trial(int(row))
        for part in (trial.video, trial.responses, trial.behaviour, trial.eye_position):
            told.update(np.ascontiguousarray(part).tobytes())
    return f"{len(recording.trials)} trials, {len(recording.units)} units, sha256 {told.hexdigest()[:16]}"


def core_of(run: Path | None) -> dict[str, str]:
    """The core that is kept, as an input: its file's hash; nothing where a core is trained."""
    return {} if run is None else {"core": artifacts.sha256(run / FILE_NAME)}


def write_begun(config: FoundationConfig, provenance: dict[str, Any], core_saw: dict[str, View], out: Path) -> Path:
    """Write down what a training is begun with; an error where it goes on with another of what its numbers depend on.

    Args:
        config: Settings of the training.
        provenance: What it is made from.
        core_saw: View of each animal that its core was, or is, trained on.
        out: Folder of the training.
    """
    require_begun_alike(provenance, out)
    artifacts.write_text(dump_toml(config), out / "config.toml")
    told = {name: {"size": view.size, "frame_rate_hz": None if view.still else view.frame_rate_hz} for name, view in core_saw.items()}
    return artifacts.write_json(provenance | {"core_saw": told}, out / "provenance.json")


def seen_by_core(run: Path) -> dict[str, View]:
    """The view of each animal that the core of a twin was trained on; of a twin that was transferred these are not its own animals.

    Args:
        run: Folder of the twin.
    """
    from graphtwin.twin.data import View

    told = _read_json(run / "provenance.json").get("core_saw")
    if told is None:
        raise ValueError(f"{run}: its provenance.json has no core_saw, the views of its core: an earlier version wrote it. Train again.")
    rates = {name: np.nan if seen["frame_rate_hz"] is None else float(seen["frame_rate_hz"]) for name, seen in told.items()}
    return {name: View((seen["size"][0], seen["size"][1]), rates[name]) for name, seen in told.items()}


def require_begun_alike(provenance: dict[str, Any], out: Path) -> None:
    """Raise where a folder holds a training that was begun with another of what its numbers depend on; a new one holds none."""
    path = out / "provenance.json"
    if path.exists():
        then, now = ({name: told[name] for name in DECIDED} | told["inputs"] for told in (_read_json(path), provenance))
        names = sorted(then.keys() | now.keys())
        changed = [f"{name} was {_said(then, name)}, is {_said(now, name)}" for name in names if then.get(name) != now.get(name)]
        if changed:
            raise ValueError(f"{out}: cannot go on with other arguments: {'; '.join(changed)}. Give the same, or name another --out.")


def write_found(trained: Trained, out: Path) -> Path:
    """Write down what the data chose, beside what a training was begun with: the family of responses."""
    path = out / "provenance.json"
    return artifacts.write_json(_read_json(path) | {"family": trained.config.twin.family}, path)


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


def write_stamps(fitted: FittedTwin, out: Path) -> Path:
    """Fingerprints of the twin and its core, by which its folder is found from a table that it made."""
    from graphtwin.twin.fitting import stamps

    return artifacts.write_json(stamps(fitted), out / STAMPS)
