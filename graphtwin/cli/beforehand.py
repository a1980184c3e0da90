"""What a command looks at before anything heavy is loaded: files to read, the device, packages; and the option to write over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

Force = Annotated[
    bool, typer.Option("--force", help="Write over what is there: a file, or a folder of the same kind, which is removed and begun anew.")
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", help="Leave out progress and notes: errors, warnings and the path of what was written are said."),
]

DEAD_LEAVES = "dead-leaves"  # in the place of pictures: our stand-in for natural ones


class ToldCommand(TyperCommand):
    """A command that is told which of its words were given and which are defaults, by `require_one_answer`."""

    context_class = typer.Context


def require_files(*paths: Path | None) -> None:
    """Raise for the first file that is not there; None is one that was not asked for.

    Args:
        paths: Files that the command reads.
    """
    for path in paths:
        if path is not None and not path.is_file():
            raise FileNotFoundError(f"{path}: {'is a folder, and a file is needed' if path.is_dir() else 'no such file'}. Name a file.")


def require_candidates(path: Path) -> None:
    """Raise where pictures, a folder of images or a recording are not there.

    Args:
        path: File .npy, or folder of images, or a recording.
    """
    from graphtwin.config import nearest_of
    from graphtwin.insilico.stimuli import has_images

    if not path.exists() and not path.with_name(f"{path.name}.zip").exists():
        nearest = nearest_of(str(path), [DEAD_LEAVES])
        raise FileNotFoundError(f"{path}: no such .npy, folder of images or recording{nearest}. Give one of these, or {DEAD_LEAVES}.")
    if path.suffix == ".npy":
        require_files(path)
    elif not (path.is_dir() and has_images(path)):
        require_recordings(path)


def require_one_answer(context: typer.Context, set_: list[str] | None, **parameters: str) -> None:
    """Raise where a word on the command line and a `--set` give different values to one setting.

    Args:
        context: The command as it was given.
        set_: Settings as `key=value`.
        parameters: Name of the command's parameter by the name of the setting that it gives.
    """
    from graphtwin.config import parse_override

    labels = {str(parameter.name): parameter.opts[0] for parameter in context.command.params}
    for path, value in map(parse_override, set_ or ()):
        source = context.get_parameter_source(parameters.get(path[0], ""))
        if source is None or source.name != "COMMANDLINE":
            continue
        name = parameters[path[0]]
        given, asked = _in_words(context.params[name]), _in_words(value)
        if len(path) > 1 or given != asked:
            label = labels[name] if labels[name].startswith("-") else name.upper()
            raise ValueError(f"{label} {given} and --set {'.'.join(path)}={asked} give two values to one setting. Give one of them.")


def _in_words(value: Any) -> str:
    """A value as it is written on the command line."""
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else f"{value:g}" if isinstance(value, float) else str(value)


def require_device(device: str) -> None:
    """Raise where torch cannot compute on a device that was asked for.

    Args:
        device: "auto", "cpu" or "cuda"; torch is loaded for the last only.
    """
    if device == "cuda":
        from graphtwin.parallel import device_of

        device_of("cuda")


def require_recordings(*recordings: Path) -> None:
    """Raise for the first recording that is not there, and where a package that reads it is missing.

    Args:
        recordings: Folders, archives or NWB files.
    """
    from graphtwin.extras import require_packages
    from graphtwin.kinds import kind_of

    for path in recordings:
        if not path.exists() and not path.with_name(f"{path.name}.zip").exists() and "#" not in path.name:
            raise FileNotFoundError(f"{path}: neither this folder nor {path.name}.zip exists. Give the path of a recording.")
        if path.is_dir() and (kind := kind_of(path)) is not None:
            inside = sorted(one.parent for place in ("*", "recordings/*") for one in path.glob(f"{place}/data") if one.is_dir())
            named = f"one of those inside, such as {inside[0]}" if inside else "a recording"
            raise ValueError(f"{path}: is {kind.is_a}, for {kind.used_by}, and no recording. Give the path of {named}.")
        if path.suffix.lower() == ".nwb":
            require_packages(f"{path}: recordings in NWB files", "h5py", "oasis")


def require_twin(run: Path, shown: Path | None = None, device: str = "auto") -> None:
    """Raise where the twin, what it is shown or the device is not there.

    Args:
        run: Folder of a twin.
        shown: Stimulus, .npy, or recording; None shows nothing.
        device: Device on which torch is to compute.
    """
    from graphtwin.kinds import TWIN, require_kind

    require_kind(run, TWIN)
    if shown is not None and shown.suffix == ".npy":
        require_files(shown)
    elif shown is not None:
        require_recordings(shown)
    require_device(device)


def require_answering(run: Path, shown: Path | None = None, device: str = "auto", places: Path | None = None) -> None:
    """Raise where what answers in silico is not there, a twin, several, or a fitted circuit, or what it is shown, or the device.

    Args:
        run: Folder of a twin, of seed-0, seed-1 ..., or of a fitted circuit.
        shown: Stimulus, .npy or .h5, or recording; None shows nothing.
        device: Device on which torch is to compute.
        places: Table of the places of a circuit's senses.
    """
    from graphtwin.kinds import MOTOR, TWIN, folders_of, kind_of, require_kind

    if kind_of(run) != MOTOR:
        if places is not None:
            raise ValueError(f"--places {places}: is of the senses of a circuit. Give it with a folder of `graphtwin motor fit`.")
        for folder in folders_of(run, TWIN):
            require_kind(folder, TWIN, MOTOR)
            require_twin(folder, shown, device)
        return
    require_kind(run, MOTOR)
    require_files(places, shown)
    require_device(device)


def require_twins(run: Path, shown: Path | None = None, device: str = "auto") -> None:
    """Raise where a twin is not there, or one of several that a folder holds, what they are shown, or the device.

    Args:
        run: Folder of a twin, or of seed-0, seed-1 ...
        shown: Stimulus, .npy, or recording; None shows nothing.
        device: Device on which torch is to compute.
    """
    from graphtwin.kinds import TWIN, folders_of

    for folder in folders_of(run, TWIN):
        require_twin(folder, shown, device)
