"""The folder of a functional twin: how it is begun, what a training leaves there, and the twin read from it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from graphtwin import artifacts
from graphtwin.config import changed_settings, dump_toml, read_toml
from graphtwin.kinds import TWIN, require_kind, require_place, write_kind

if TYPE_CHECKING:
    from graphtwin.twin.fit import FittedTwin, FoundationConfig, Trained

FILE_NAME = "twin.pt"  # file of the twin in its folder


def load_twin(run: str | Path) -> FittedTwin:
    """The functional twin of a folder.

    Args:
        run: Folder that `graphtwin twin train` or `graphtwin twin transfer` wrote.
    """
    from graphtwin.twin.fit import read_twin

    require_kind(run, TWIN)
    return read_twin(Path(run) / FILE_NAME)


def require_twin_place(out: Path, config: FoundationConfig, resume: bool, force: bool = False, inputs: Sequence[str | Path] = ()) -> None:
    """Raise where the folder of a training is taken, or belongs to other settings.

    Args:
        out: Folder of the training.
        config: Settings of the training.
        resume: Go on with the training that is there.
        force: Whether a twin that is there may be taken away.
        inputs: Recordings and the twin that are read.
    """
    written = out / "config.toml"
    if not force and (out / FILE_NAME).exists() and require_place(out, TWIN, resume=True):
        raise FileExistsError(f"{out}: a finished twin is there. Give --force to begin anew, or name another --out.")
    if not require_place(out, TWIN, resume, force, inputs) or not written.exists():
        return
    changed = changed_settings(read_toml(written), tomllib.loads(dump_toml(config)))
    if changed:
        raise ValueError(f"{out}: was begun with other settings; different now: {'; '.join(changed)}. Use the same, or name another --out.")


def begin(out: Path, config: FoundationConfig, command: str = TWIN.command) -> None:
    """Write kind and settings into the folder of a training, once its recordings are known to be good.

    Args:
        out: Folder of the training.
        config: Settings of the training.
        command: Command that writes the folder.
    """
    write_kind(out, TWIN, command)
    artifacts.write_text(dump_toml(config), out / "config.toml")


def core_of(run: Path | None) -> dict[str, str]:
    """The core that is kept, as an input: its file's hash; nothing where a core is trained."""
    return {} if run is None else {"core": artifacts.sha256(run / FILE_NAME)}


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
