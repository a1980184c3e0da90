"""Outputs: written whole or not at all, with the provenance that lets them be made again."""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import io
import json
import os
import pickle
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# Libraries whose versions go into provenance: those that can change a number.
LIBRARIES = ("numpy", "pandas", "pyarrow", "scipy", "scikit-learn", "numba", "torch", "torch-geometric", "pydantic")
TABLES, ARRAYS = (".parquet", ".csv"), (".npy",)  # endings of the files that commands write beside folders
PAGES = (".html",)  # endings of files of pages
WRITING = ".writing-"  # how the names of files and folders begin that are not whole yet
SYNCED_AT_ONCE = 16  # files that wait for the disk together: it then takes a tenth of the time of one after the other
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # numbers of the errors of a disk, or of a share of it, that takes no more
WORDS_OF_FULL = ("requested and", "errno = 28", "No space left")  # how numpy, HDF5 and Arrow say so, which give no number


def require_new(path: Path, suffixes: tuple[str, ...] = TABLES, force: bool = False, inputs: Iterable[Path | None] = ()) -> None:
    """Raise where a file cannot be written: it is there already, a folder, read by the same command, or of a format that is not written.

    Args:
        path: Path of the file to write.
        suffixes: Endings that the file may have.
        force: Whether a file that is there may be replaced, once the new one is whole.
        inputs: Files that the command reads, of which the file must be none.
    """
    if path.suffix not in suffixes:
        what, article = ("array", "an") if suffixes == ARRAYS else ("page", "a") if suffixes == PAGES else ("table", "a")
        raise ValueError(f"{path}: {path.suffix or 'no suffix'} is no {what} this writes. Name {article} {' or '.join(suffixes)} file.")
    if path.is_dir():
        raise FileExistsError(f"{path}: is a folder. Name a file.")
    if any(given is not None and path.resolve() == Path(given).resolve() for given in inputs):
        raise ValueError(f"{path}: is read by this command, which cannot write over it. Name another file.")
    if path.exists() and not force:
        raise FileExistsError(f"{path}: exists, and nothing is written over. Name another file, or give --force to replace it.")
    require_writable(path)


def require_writable(path: Path) -> None:
    """Raise where a file or folder cannot be written, because of the nearest folder that is there; nothing is left behind.

    Args:
        path: File or folder to write, there or not.
    """
    there = next(place for place in (path, *path.absolute().parents) if place.exists() and not (place == path and path.is_file()))
    if not there.is_dir():
        raise NotADirectoryError(f"{path}: {there} is a file, in which nothing can be written. Name another --out.")
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise OSError(f"{path}: nothing can be written in {there} ({error.strerror}). Name another --out.") from error


def write_atomic(path: str | Path, write: Callable[[Path], Any]) -> Path:
    """Let `write` fill a temporary file in the same folder, then give it its name; a crash leaves the old file or none.

    Args:
        path: Path of the file to make; its folder is made if needed. A link is followed: what it leads to is written.
        write: Function that receives the temporary path and makes the file there, with the rights that the process gives new files.
    """
    path = Path(os.path.realpath(path))
    temporary = _temporary(path)
    try:
        with _told_where(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write(temporary)
            _sync(temporary)
            os.replace(temporary, path)
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return path


@contextmanager
def whole_folder(folder: str | Path) -> Iterator[Path]:
    """A folder under a temporary name beside the wanted one, which gets its own when all is written; a crash leaves no half of it.

    Args:
        folder: Folder to make; it must not exist.
    """
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder}: this folder exists. Remove it, or write elsewhere: nothing is written over.")
    partial = _temporary(folder)
    try:
        with _told_where(folder):
            partial.mkdir(parents=True)
            yield partial
            with ThreadPoolExecutor(SYNCED_AT_ONCE) as pool:
                list(pool.map(_sync, [Path(place, name) for place, _, names in os.walk(partial) for name in (*names, ".")]))
            os.replace(partial, folder)
            _sync(folder.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _temporary(path: Path) -> Path:
    """A hidden name of its own beside the path, with the path's ending, by which writers choose a format."""
    return path.with_name(f"{WRITING}{secrets.token_hex(4)}-{path.name}")


def is_temporary(path: Path) -> bool:
    """Whether this is a file or folder that a killed process was writing, of which nobody will ask."""
    return path.name.startswith(WRITING)


def _sync(path: Path) -> None:
    """Wait till a file, or the names in a folder, are on the disk. Windows opens no folders."""
    if os.name == "nt" and path.is_dir():
        return
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def _told_where(path: Path) -> Iterator[None]:
    """Errors of a disk that takes no more, or no file there, name the path; they come without one, or with that of the temporary file."""
    try:
        yield
    except OSError as error:
        full = error.errno in FULL or (error.errno is None and any(word in str(error) for word in WORDS_OF_FULL))
        if not full and WRITING not in str(error.filename):
            raise
        do = "Make room on its disk, then give the same command again" if full else "Name another place"
        raise type(error)(f"{path}: cannot be written: {error.strerror or error}. {do}.") from error


def write_tensors(content: Any, path: str | Path) -> Path:
    """Write tensors, numbers and words as `torch.save` does, atomically; the same content gives the same bytes.

    Torch would write the name of the file into it, and of a full disk it says what only its authors understand: it writes to memory here.
    """
    import torch

    held = io.BytesIO()
    torch.save(content, held)
    return write_atomic(path, lambda temporary: temporary.write_bytes(held.getbuffer()))


def read_tensors(path: str | Path, instead: str = "Delete it: the command that wrote it writes it anew.") -> Any:
    """What `write_tensors` wrote; a file that holds anything else, or is damaged, is refused, and nothing in it is run.

    Args:
        path: Path of the file.
        instead: Sentence that says what to do without the file.
    """
    import torch

    held = io.BytesIO(Path(path).read_bytes())  # so that no error below is one of the disk
    try:
        return torch.load(held, weights_only=True)
    except MemoryError:
        raise
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path}: holds more than tensors, numbers and words, or is damaged; nothing in it was run. {instead}") from error
    except Exception as error:  # torch raises whatever unpickling meets
        raise ValueError(f"{path}: is cut short or damaged ({type(error).__name__}), and cannot be read. {instead}") from error


def write_text(text: str, path: str | Path) -> Path:
    """Write text as UTF-8, atomically."""
    return write_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(obj: Any, path: str | Path) -> Path:
    """Write an object as JSON, atomically: numpy values as numbers, NaN and infinity as null, dataclasses as objects."""
    return write_text(json.dumps(_plain(obj), indent=2, allow_nan=False) + "\n", path)


def write_parquet(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a table as Parquet without its index, atomically."""
    return write_atomic(path, lambda temporary: frame.to_parquet(temporary, index=False))


def write_table(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a table without its index as CSV where the name ends so, as Parquet otherwise, atomically."""
    if Path(path).suffix == ".csv":
        return write_atomic(path, lambda temporary: frame.to_csv(temporary, index=False))
    return write_parquet(frame, path)


def write_tables(tables: Any, folder: str | Path) -> dict[str, Path]:
    """Write every table of a dataclass (such as a `Cortex`) or mapping to `folder/<name>.parquet`.

    Args:
        tables: A dataclass or mapping; members that are no DataFrame are passed over.
        folder: Folder that the files go into.
    """
    members = tables if isinstance(tables, Mapping) else vars(tables)
    frames = {name: value for name, value in members.items() if hasattr(value, "to_parquet")}
    return {name: write_parquet(frame, Path(folder) / f"{name}.parquet") for name, frame in frames.items()}


def sha256(path: str | Path) -> str:
    """The sha256 of a file, read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance(seed: int, inputs: Mapping[str, str]) -> dict[str, Any]:
    """The facts that are needed to make an output again.

    Args:
        seed: The run's seed.
        inputs: Name of each input file to its sha256.
    """
    from graphtwin import __version__

    return {
        "graphtwin": __version__,
        "git_commit": git_commit(),
        "seed": seed,
        "inputs": dict(inputs),
        "python": sys.version.split()[0],
        "libraries": {name: _version(name) for name in LIBRARIES},
        "platform": platform.platform(),
    }


def git_commit() -> str | None:
    """The commit of the checkout this package runs from, with `-dirty` after it when files differ; None outside a checkout."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()


def _version(library: str) -> str | None:
    """The installed version of a library, None when it is not installed."""
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def _plain(obj: Any) -> Any:
    """The object in JSON's own types."""
    if is_dataclass(obj) and not isinstance(obj, type):
        obj = asdict(obj)
    if isinstance(obj, Mapping):
        return {str(key): _plain(value) for key, value in obj.items()}
    if isinstance(obj, (list, tuple, set, frozenset)):
        return [_plain(value) for value in obj]
    if hasattr(obj, "tolist"):
        return _plain(obj.tolist())
    if isinstance(obj, float):
        return obj if obj == obj and abs(obj) != float("inf") else None
    if obj is None or isinstance(obj, (bool, int, str)):
        return obj
    if isinstance(obj, Path):
        return str(obj)
    raise TypeError(f"cannot write {type(obj).__name__} as JSON: {obj!r}. Turn it into numbers, text, lists or dicts first.")
