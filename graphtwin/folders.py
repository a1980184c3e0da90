"""A folder while it is written: by one command at a time, from one mark to another; what a killed command left there is cleared away."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from graphtwin.artifacts import is_temporary, sha256, write_json
from graphtwin.kinds import FILE, LOCK, MANIFEST, Kind, is_finished, require_place, write_kind

WORK = "work"  # name of the folder of pieces that a stopped command goes on with; it is removed when all is written


@contextmanager
def written(folder: str | Path, kind: Kind, resume: bool = False, command: str | None = None) -> Iterator[None]:
    """Let one command write a folder: `kind.json` is there before the block begins, `manifest.json` when it has ended well.

    A block that fails leaves what it wrote, to go on with; one that fails before it has written anything leaves nothing. A kind that does
    not resume loses what an earlier try left.

    Args:
        folder: Folder to write; new, empty, or one of the kind that has not finished. A link is followed.
        kind: Kind of the folder.
        resume: Whether to go on with what is there.
        command: Command that writes the folder, where it is not the usual one of its kind.
    """
    folder = Path(folder)
    require_place(folder, kind, resume=True)  # somebody's folder is refused before a lock lies in it
    with alone(folder):
        begun = require_place(folder, kind, resume)
        if is_finished(folder):
            _clear(folder)
            raise FileExistsError(f"{folder}: a {kind.name} is already there. Name another --out.")
        _sweep(folder)
        if begun and not kind.resumes:
            _empty(folder)
        if not (folder / FILE).exists():
            write_kind(folder, kind, command)
        try:
            yield
        except BaseException:
            if not require_place(folder, kind, resume=True):
                (folder / FILE).unlink()
            raise
        _sweep(folder)  # of pieces that a killed process was writing, which another has written since
        write_json(_entries(folder), folder / MANIFEST)
        _clear(folder)


def clear_finished(folder: str | Path) -> None:
    """Remove what a command left in a finished folder that was killed after its last file: pieces of work, and its lock."""
    folder = Path(folder)
    if any(path.name in (WORK, LOCK) or is_temporary(path) for path in folder.iterdir()):
        with alone(folder):
            _clear(folder)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made if needed, against other processes; an error where another holds it. A crash lets go of it.

    On network file systems that keep no locks between machines, two machines are not told of each other.
    """
    from filelock import FileLock, Timeout

    place = Path(os.path.realpath(folder))
    made = [path for path in (place, *place.parents) if not path.exists()]
    place.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise FileExistsError(f"{folder}: another graphtwin is writing there. Wait till it ends, or name another --out.") from None
    try:
        yield
    finally:
        with suppress(PermissionError):  # Windows removes no open file: it stays, and holds nothing
            (place / LOCK).unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # holds something
            for path in made:
                path.rmdir()


@contextmanager
def amended(folder: str | Path, *files: str) -> Iterator[None]:
    """Let one command add files to a finished folder, or write them again; they are in its manifest when the block has ended well.

    Args:
        folder: Folder that is finished.
        files: Path of each file below the folder.
    """
    folder = Path(folder)
    with alone(folder):
        known = _manifest(folder)
        _sweep(folder)
        yield
        write_json(dict(sorted((known | {name: _entry(folder / name) for name in files}).items())), folder / MANIFEST)


def as_written(folder: str | Path, name: str) -> bool:
    """Whether a file of a finished folder is there as the manifest says."""
    path = Path(folder) / name
    return path.is_file() and _manifest(folder).get(name) == _entry(path)


def require_as_written(folder: str | Path, *names: str) -> None:
    """Raise where files of a finished folder are not as they were written: a table or weights that are damaged would give other numbers."""
    changed = [name for name in names if not as_written(folder, name)]
    if changed:
        raise ValueError(
            f"{folder}: {len(changed)} of {len(names)} files that are read here are not as they were written ({MANIFEST}): "
            f"{', '.join(changed[:4])}. Restore the folder, or make it again."
        )


def changed_files(folder: str | Path) -> dict[str, str]:
    """Files of a finished folder that are not as they were written, each with "changed", "missing" or "not registered".

    Args:
        folder: Folder that has a manifest. Folders inside that say their own kind have their own.
    """
    folder = Path(folder)
    was, now = _manifest(folder), _entries(folder)
    return {
        name: "missing" if name not in now else "not registered" if name not in was else "changed"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    }


def _manifest(folder: str | Path) -> dict[str, Any]:
    """What a finished folder says of its files: size and sha256 of each."""
    path = Path(folder) / MANIFEST
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): {"bytes": int(entry["bytes"]), "sha256": str(entry["sha256"])} for name, entry in said.items()}
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such file: nothing says how the folder was written. Give a finished folder.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: does not say what the files were ({error!r}). It is damaged: make the folder again.") from error


def _entries(folder: Path) -> dict[str, Any]:
    """Size and sha256 of every file by its path below the folder."""
    from tqdm import tqdm

    names = sorted(path.relative_to(folder).as_posix() for path in _files(folder))
    return {name: _entry(folder / name) for name in tqdm(names, desc="sha256", unit="file", delay=2)}


def _entry(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def _files(folder: Path) -> Iterator[Path]:
    """Files of a folder but for manifest, lock and pieces of work; a folder inside that says its own kind has its own manifest."""
    for place, inside, names in os.walk(folder):
        here = Path(place)
        if here == folder:
            inside[:] = [name for name in inside if name != WORK]
            names = [name for name in names if name not in (MANIFEST, LOCK)]
        inside[:] = [name for name in inside if not (here / name / FILE).exists()]
        yield from (here / name for name in names)


def _sweep(folder: Path) -> None:
    """Remove files and folders that a killed process had not given their names."""
    for place, inside, names in os.walk(folder):
        for left in [Path(place, name) for name in (*inside, *names) if is_temporary(Path(name))]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        inside[:] = [name for name in inside if not is_temporary(Path(name))]


def _clear(folder: Path) -> None:
    """Remove what a finished folder no longer needs."""
    _sweep(folder)
    if (folder / WORK).exists():
        shutil.rmtree(folder / WORK)


def _empty(folder: Path) -> None:
    """Remove what an earlier try left: tables, notes and page of a folder that is begun anew. What else lies there is somebody's."""
    for path in folder.iterdir():
        if path.suffix in (".parquet", ".csv", ".json", ".html") and path.name != FILE:
            path.unlink()
