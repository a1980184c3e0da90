"""A folder while it is written: by one command at a time, from one mark to another; what a killed command left there is cleared away."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from graphtwin.artifacts import WRITING, is_temporary, sha256, write_json, write_text
from graphtwin.kinds import FILE, LOCK, MANIFEST, REPLACED, Kind, is_finished, require_place, write_kind

WRITTEN = (".parquet", ".csv", ".json", ".html")  # endings of the files of a folder that does not resume; others are somebody's
EMPTYING = ".emptying"  # name of the file that lies in a folder while what it held is removed
WORK = "work"  # name of the folder of pieces that a stopped command goes on with; it is removed when all is written
INSIDE = ("like_to_like",)  # folders of their own kind that a command writes into that of another
log = logging.getLogger("graphtwin")


@contextmanager
def written(
    folder: str | Path,
    kind: Kind,
    resume: bool = False,
    force: bool = False,
    command: str | None = None,
    inputs: Iterable[str | Path | None] = (),
) -> Iterator[Callable[[], object]]:
    """Let one command write a folder. It is given a function that begins the folder, to be called once its inputs are known to be good.

    Before that the folder is as it was; from then on it has its `kind.json`, and when the block has ended well its `manifest.json`. A block
    that fails leaves what it wrote, to go on with; it leaves nothing where no work was done yet, or of a kind that does not resume. Begun
    anew are a folder with `force`, and one that has not finished of a kind that does not resume. What `force` replaces is set aside: where
    the block fails, or is killed, and leaves nothing to go on with, it is back.

    Args:
        folder: Folder to write; new, empty, or one of the kind that has not finished. A link is followed.
        kind: Kind of the folder.
        resume: Whether to go on with what is there.
        force: Whether what is there of the kind is taken away.
        command: Command that writes the folder, where it is not the usual one of its kind.
        inputs: Files and folders that are read, none of which may lie in a folder that is begun anew.
    """
    folder, read = Path(folder), tuple(inputs)
    require_place(folder, kind, resume=True)  # somebody's folder is refused before a lock lies in it
    with alone(folder):
        _put_back(folder)
        begun = require_place(folder, kind, resume, force, read)
        if is_finished(folder) and not force:
            _clear(folder)
            raise FileExistsError(f"{folder}: a {kind.name} is already there. Give --force to begin anew, or name another --out.")
        if resume and not begun:
            log.warning("%s: nothing to go on with there: a new %s.", folder, kind.name)
        if force:
            _require_nothing_else(folder, kind)

        def begin() -> None:
            _sweep(folder)
            if force:
                _set_aside(folder)
            elif (folder / EMPTYING).exists() or (begun and not kind.resumes):
                _empty(folder)
            if not (folder / FILE).exists():
                write_kind(folder, kind, command)

        try:
            yield begin
        except BaseException:
            if (folder / REPLACED).exists():
                _put_back(folder, kind)
            elif not begun and (folder / FILE).exists() and not is_finished(folder) and not (kind.resumes and _has_work(folder)):
                _remove(folder)
            raise
        assert (folder / FILE).exists(), "a folder was written that was not begun"
        _sweep(folder)  # of pieces that a killed process was writing, which another has written since
        write_json(_entries(folder), folder / MANIFEST)
        _remove_replaced(folder)
        _clear(folder)


def _require_nothing_else(folder: Path, kind: Kind) -> None:
    """Raise where a finished folder that is begun anew holds what its command did not write: it would be lost."""
    if not is_finished(folder):
        return
    known = _manifest(folder)
    files = (path.relative_to(folder).as_posix() for path in _files(folder))
    others = [name for name in files if name not in known]
    others += [path.name for path in folder.iterdir() if (path / FILE).exists() and path.name not in INSIDE]
    if others:
        named = ", ".join(sorted(others)[:4])
        raise ValueError(
            f"{folder}: holds {len(others)} files or folders that are not of the {kind.name} ({named}), which --force would remove. "
            "Move them away, or name another --out."
        )


def _set_aside(folder: Path) -> None:
    """Move what a folder holds into one inside: the manifest first and the kind last, by which a killed command's share is told."""
    aside = folder / REPLACED
    aside.mkdir()
    for path in sorted(folder.iterdir(), key=lambda path: (path.name != MANIFEST, path.name == FILE)):
        if path.name not in (LOCK, REPLACED):
            os.replace(path, aside / path.name)


def _put_back(folder: Path, kind: Kind | None = None) -> None:
    """Move what was set aside back, unless work was done since, with which to go on; then it is removed.

    Args:
        folder: Folder in which something may have been set aside.
        kind: Kind of what was begun since; None where a killed process began it.
    """
    aside = folder / REPLACED
    if not aside.exists():
        return
    if (aside / FILE).exists():  # all was set aside, and what lies beside it was begun since
        if is_finished(folder) or (_has_work(folder) and (kind is None or kind.resumes)):
            _remove_replaced(folder)
            return
        _remove(folder, REPLACED)
    for path in sorted(aside.iterdir(), key=lambda path: path.name != FILE):
        os.replace(path, folder / path.name)
    aside.rmdir()


def _remove_replaced(folder: Path) -> None:
    """Remove what was set aside, under a name that is swept away should this be killed."""
    if (folder / REPLACED).exists():
        gone = folder / f"{WRITING}{REPLACED}"
        os.replace(folder / REPLACED, gone)
        shutil.rmtree(gone)


def _has_work(folder: Path) -> bool:
    """Whether work was done in a folder that has not finished, with which a later command goes on."""
    return any((folder / WORK).glob("*"))


def _remove(folder: Path, *kept: str) -> None:
    """Remove what a folder holds, but for its lock and what is named."""
    for path in folder.iterdir():
        if path.name not in (LOCK, *kept):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


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
def unfinished(folder: str | Path) -> Iterator[None]:
    """Let one command make a finished folder one that goes on: what the block does is done when the folder counts as finished no more.

    Args:
        folder: Folder that is finished, of a kind that resumes.
    """
    folder = Path(folder)
    with alone(folder):
        (folder / MANIFEST).unlink()
        yield


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
    from graphtwin.progress import tqdm

    names = sorted(path.relative_to(folder).as_posix() for path in _files(folder))
    return {name: _entry(folder / name) for name in tqdm(names, desc="sha256", unit="file", delay=2)}


def _entry(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def _files(folder: Path) -> Iterator[Path]:
    """Files of a folder but for manifest, lock and pieces of work; a folder inside that says its own kind has its own manifest."""
    for place, inside, names in os.walk(folder):
        here = Path(place)
        if here == folder:
            inside[:] = [name for name in inside if name not in (WORK, REPLACED)]
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
    """Remove what an earlier try left: the manifest first, so that what is half removed does not count as finished.

    Args:
        folder: Folder that is begun anew.
    """
    (folder / MANIFEST).unlink(missing_ok=True)
    write_text("", folder / EMPTYING)
    for path in folder.iterdir():
        if path.name not in (FILE, LOCK, EMPTYING) and path.suffix in WRITTEN:
            path.unlink()
    (folder / EMPTYING).unlink()
