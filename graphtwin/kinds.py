"""What kind of folder it is: each folder that the package writes says so in its `kind.json`, and each command looks there first.

`kind.json` is the first file of a folder, `manifest.json` the last: a folder with the one and not the other has not finished.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from graphtwin.artifacts import is_temporary, require_writable, write_json

FILE, FORMAT = "kind.json", 2
MANIFEST = "manifest.json"  # name of the file that is written when all others are, and says what they were
REPLACED = ".replaced"  # name of the folder inside into which goes what is begun anew, till the new one is whole
LOCK = ".lock"  # name of the file that a command holds while it writes into the folder


@dataclass(frozen=True)
class Kind:
    """A kind of folder.

    Attributes:
        name: Name of the kind in `kind.json` and in "a ... is already there".
        is_a: Words for what a folder of the kind is, a few more than its name.
        command: Command that writes a folder of the kind.
        used_by: Commands and modules that read a folder of the kind.
        resumes: Whether a stopped folder of the kind goes on with --resume.
        settings: A name at the top of `config.toml` by which a folder is known that was written before there was `kind.json`.
        files: Names of the files by which a folder without a `config.toml` is known.
    """

    name: str
    is_a: str
    command: str
    used_by: str
    resumes: bool = True
    settings: str = ""
    files: tuple[str, ...] = ()


RUN = Kind(
    "run",
    "a run of the graph model",
    "graphtwin run",
    "`graphtwin predict | view | report | insilico next` and graphtwin.graph",
    settings="axon_folds",
)
TWIN = Kind(
    "twin",
    "a functional twin",
    "graphtwin twin train",
    "`graphtwin twin score | population | predict | embed | agree | transfer | ablate`, `graphtwin insilico` and graphtwin.twin",
    settings="clips",
)
ABLATION = Kind("twin ablation", "an ablation of a twin", "graphtwin twin ablate", "whoever reads its table, ablations.csv")
SIMULATION = Kind("simulation", "a simulated cortex", "graphtwin simulate", "`graphtwin check`", settings="animals")
LOOP = Kind(
    "sensorimotor loop",
    "a simulated sensorimotor loop",
    "graphtwin motor simulate",
    "`graphtwin motor fit` and graphtwin.motor, by the loop.toml in it",
    resumes=False,
)
RECORDED_FLY = Kind(
    "recorded fly",
    "a simulated recording of the fly's motion pathway",
    "graphtwin motor simulate --circuit fly",
    "`graphtwin motor fit` and graphtwin.motor, by the fly.toml in it",
    resumes=False,
)
VIEWING = Kind(
    "free viewing",
    "simulated animals that look around",
    "graphtwin twin simulate",
    "`graphtwin twin train | score` and `graphtwin check`, by the recordings in it",
    resumes=False,
)
MOTOR = Kind(
    "motor circuit",
    "a fitted circuit of senses and motion",
    "graphtwin motor fit",
    "`graphtwin motor score | predict | ablate`, `graphtwin insilico`, `graphtwin report` and graphtwin.motor",
)
ROBUST = Kind(
    "robustness run",
    "a run of classifiers that are drawn to a twin",
    "graphtwin robust train",
    "`graphtwin robust score | report` and graphtwin.robustness",
)
SHORTCUT = Kind(
    "shortcut pictures",
    "simulated pictures with a shortcut, and responses that do not see it",
    "graphtwin robust simulate",
    "`graphtwin robust train`",
    resumes=False,
)
LIKE_TO_LIKE = Kind(
    "like-to-like analysis",
    "a like-to-like analysis",
    "graphtwin like-to-like",
    "`graphtwin report`",
    resumes=False,
    files=("notes.json", "models.json"),
)
POWER = Kind("power analysis", "a power analysis", "graphtwin power", "`graphtwin report`", resumes=False)
TYPES = Kind("search for types", "a search for types", "graphtwin types", "`graphtwin report`", resumes=False)
CAMPAIGN = Kind(
    "campaign",
    "an in silico campaign",
    "graphtwin insilico campaign",
    "`graphtwin report`, graphtwin.insilico.campaign.read_cells and whoever reads its cells",
)
STIMULUS_SET = Kind(
    "stimulus set",
    "a set of optimised stimuli",
    "graphtwin insilico optimise",
    "`graphtwin report` and whoever shows its frames in the order of order.csv",
    resumes=False,
)
MEASURED = Kind(
    "measured function",
    "what was measured of a simulated cortex",
    "graphtwin run --source synthetic",
    "`graphtwin run --source synthetic`",
    files=("source.toml", "directions.parquet"),
)
SIMULATED, FITTED = (SIMULATION, LOOP, RECORDED_FLY, SHORTCUT, VIEWING), (RUN, TWIN, ABLATION, MOTOR, ROBUST)
KINDS = {kind.name: kind for kind in (*FITTED, *SIMULATED, LIKE_TO_LIKE, POWER, TYPES, CAMPAIGN, STIMULUS_SET, MEASURED)}


def write_kind(folder: Path, kind: Kind, command: str | None = None) -> Path:
    """Say in a folder, which is made if needed, what kind it is; the first thing that is written there.

    Args:
        folder: Folder that the package writes.
        kind: Kind of the folder.
        command: Command that writes the folder, where it is not the usual one of its kind.
    """
    from graphtwin import __version__

    said = {"kind": kind.name, "format": FORMAT, "command": command or kind.command, "graphtwin": __version__}
    return write_json(said, folder / FILE)


def kind_of(folder: str | Path) -> Kind | None:
    """The kind that a folder says it is; None where it says nothing, an error where this version does not understand it."""
    path = Path(folder) / FILE
    if not path.is_file():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        name, version = said["kind"], said["format"]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: does not say what kind of folder it is ({error!r}). It is damaged: make the folder again.") from error
    if not isinstance(name, str) or name not in KINDS or version != FORMAT:
        raise ValueError(
            f"{path}: a {name!r} of format {version}, but this version reads format {FORMAT} of {', '.join(KINDS)}. "
            "Use the version of graphtwin that wrote it."
        )
    return KINDS[name]


def is_finished(folder: str | Path) -> bool:
    """Whether a folder says its kind and that all of it is written."""
    return (Path(folder) / FILE).is_file() and (Path(folder) / MANIFEST).is_file()


def require_kind(folder: str | Path, *wanted: Kind) -> Kind:
    """The kind of a finished folder; an error that says what it is and who uses it where it is none of those wanted, or not finished."""
    folder = Path(folder)
    needed = " or ".join(f"{kind.is_a} (`{kind.command} --out` writes it)" for kind in wanted)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: {'is a file' if folder.exists() else 'no such folder'}. Give {needed}.")
    kind = kind_of(folder)
    if kind in wanted and not is_finished(folder):
        go_on = "give the command that began it once more" + (", with --resume" if kind.resumes else "")
        raise ValueError(f"{folder}: {kind.is_a} that has not finished. Go on with it first: {go_on} (`{kind.command} --out {folder}`).")
    if kind in wanted:
        return kind
    if kind is not None:
        raise ValueError(f"{folder}: is {kind.is_a}, for {kind.used_by}. Give {needed}.")
    if earlier := _before_kinds(folder):
        do = f"Make it again with `{earlier.command}`" if earlier in wanted else f"Give {needed}"
        raise ValueError(f"{folder}: is {earlier.is_a} of an earlier version, without {FILE}. {do}.")
    inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and is_finished(path) and kind_of(path) in wanted)
    if inside:
        raise ValueError(f"{folder}: holds {len(inside)} folders of what is needed ({', '.join(inside[:4])}). Give one of them.")
    raise ValueError(f"{folder}: holds {_count(folder)} and no {FILE}: nothing that graphtwin wrote. Give {needed}.")


def folders_of(folder: str | Path, kind: Kind) -> list[Path]:
    """The folder, or where it says no kind the folders seed-0, seed-1 ... in it that are of a kind, as `train --seeds` leaves them.

    Args:
        folder: Folder of that kind, or of several.
        kind: Kind that is asked for.
    """
    folder = Path(folder)
    inside = [path for path in folder.glob("seed-*") if kind_of(path) == kind] if kind_of(folder) is None else []
    return sorted(inside, key=lambda path: (len(path.name), path.name)) or [folder]


def require_place(
    folder: str | Path, kind: Kind, resume: bool = False, force: bool = False, inputs: Iterable[str | Path | None] = ()
) -> bool:
    """Whether a folder to write holds something of its kind to go on with; False where it is new, empty or to be begun anew.

    It is an error in every other case. Nothing is changed: `folders.written` takes away what is there.

    What a command left that was killed before its first file counts as nothing. A kind that does not resume is begun anew.

    Args:
        folder: Folder to write.
        kind: Kind of what is to be written.
        resume: Whether to go on with what is there.
        force: Whether what is there is to be begun anew, if it is of the same kind.
        inputs: Files and folders that are read, none of which may lie in a folder that is begun anew.
    """
    folder, elsewhere = Path(folder), "Name another --out."
    if resume and force:
        raise ValueError(f"{folder}: --resume goes on with what is there, --force begins anew. Give one of them.")
    if folder.is_file():
        raise FileExistsError(f"{folder}: is a file. {elsewhere}")
    require_writable(folder)
    if not folder.exists() or not _held(folder):
        return False
    there = kind_of(folder) or kind_of(folder / REPLACED)
    if there is None and (earlier := _before_kinds(folder)):
        raise FileExistsError(f"{folder}: is {earlier.is_a} of an earlier version, without {FILE}, and cannot go on. {elsewhere}")
    if there is None:
        raise FileExistsError(f"{folder}: exists, holds {_count(folder)} and is no {kind.name}. {elsewhere}")
    if there != kind:
        raise FileExistsError(f"{folder}: is {there.is_a}, written by `{there.command}`, and no {kind.name}. {elsewhere}")
    if _held(folder) == [folder / FILE]:
        return False
    if force:
        _require_outside(folder, inputs)
        return False
    if not resume and is_finished(folder):
        raise FileExistsError(f"{folder}: a {kind.name} is already there. Give --force to begin anew, or name another --out.")
    if not resume and kind.resumes:
        do = "Give --resume to go on with it, --force to begin anew, or name another --out."
        raise FileExistsError(f"{folder}: a {kind.name} was begun there and has not finished. {do}")
    return True


def _held(folder: Path) -> list[Path]:
    """What lies in a folder, but for what commands leave there that were killed."""
    return [path for path in folder.iterdir() if path.name != LOCK and not is_temporary(path)]


def _require_outside(folder: Path, inputs: Iterable[str | Path | None]) -> None:
    """Raise where something that is read lies in a folder that is to be begun anew."""
    inside = [str(given) for given in inputs if given is not None and Path(given).resolve().is_relative_to(folder.resolve())]
    if inside:
        raise ValueError(f"{folder}: --force would remove what is read: {', '.join(inside)}. Name another --out.")


def _count(folder: Path) -> str:
    n = len(_held(folder))
    return f"{n} file{'' if n == 1 else 's'}"


def _before_kinds(folder: Path) -> Kind | None:
    """The kind of a folder that was written before there was `kind.json`, finished or not: its settings tell, or else its files."""
    try:
        settings = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        settings = {}
    for kind in KINDS.values():
        if kind.settings in settings or (kind.files and all((folder / file).is_file() for file in kind.files)):
            return kind
    return None
