"""The .npy files of a recording, in a folder or in a .zip: which there are, whatever lies beside them, and each read after it was checked.

A file's header is held against the bytes that follow before anything is allocated, and no file is unpickled.
"""

from __future__ import annotations

import json
import logging
import lzma
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from graphtwin import schema
from graphtwin.config import nearest_of
from graphtwin.sources.formats.kept_arrays import KeptArrays
from graphtwin.sources.formats.npy_header import header_of

log = logging.getLogger("graphtwin")

SETTINGS = "config.json"  # file of a recording that may say what its arrays do not
TOPS = ("data", "meta")  # folders of a recording that hold its arrays
DEEPEST = 4  # folders above an array, at most: meta/statistics/responses/all
LEFTOVERS = ("__macosx", "thumbs.db", "desktop.ini")  # what file managers leave, beside what begins with a dot
MOST_DEFLATED = 1100  # bytes that a byte of a .zip unpacks to at most: 1032 by the format
UNREADABLE = (
    ValueError,
    EOFError,
    OverflowError,
    TypeError,
    RecursionError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
MISFORMED = (*UNREADABLE, NotImplementedError, RuntimeError, KeyError)  # what zipfile raises of a damaged or locked member, too


@dataclass(frozen=True)
class ArrayFiles:
    """A recording's arrays by name, such as `data/videos/0.npy`.

    Attributes:
        path: Folder, or .zip.
        stored: Name of each array as it is stored, in the folder or the archive; `data/videos/000.NPY` is `data/videos/0.npy` here.
        settings_name: Name of the settings in the archive; empty where there are none.
        kept: Arrays that stay in memory once they were read; None where each is read again, of a folder by memory map.
    """

    path: Path
    stored: dict[str, str]
    settings_name: str = ""
    kept: KeptArrays | None = None

    @property
    def name(self) -> str:
        """Name of the recording: that of the folder, or of the archive without its suffix."""
        return self.path.stem if self.path.suffix.lower() == ".zip" else self.path.name

    def __contains__(self, name: str) -> bool:
        """Whether there is an array of this name."""
        return name in self.stored

    def under(self, folder: str) -> list[str]:
        """Names of the arrays in a folder, sorted."""
        return sorted(name for name in self.stored if name.startswith(f"{folder}/"))

    def trials(self, kind: str) -> list[int]:
        """Numbers of the trials that have an array of a kind, such as "videos", ascending."""
        return sorted(int(PurePosixPath(name).stem) for name in self.under(f"data/{kind}"))

    def where(self, name: str) -> str:
        """Path of an array as it is stored, for errors."""
        return f"{self.path}/{self.stored.get(name, name)}"

    def settings(self) -> dict[str, Any]:
        """What `config.json` says; nothing where there is none."""
        where = f"{self.path}/{SETTINGS}"
        try:
            if self.path.is_dir():
                file = self.path / SETTINGS
                return dict(json.loads(file.read_bytes())) if file.is_file() else {}
            if not self.settings_name:
                return {}
            with zipfile.ZipFile(self.path) as archive:
                return dict(json.loads(archive.read(self.settings_name)))
        except MISFORMED as error:
            raise ValueError(f"{where}: is no table of settings as JSON ({error}). Copy it again, or remove it: it is optional.") from error

    def array(self, name: str) -> np.ndarray:
        """One array of numbers or text, of a folder as a memory map; an error that names the file where it is missing or broken."""
        return self._read(name) if self.kept is None else self.kept.of(name, self._read)

    def _read(self, name: str) -> np.ndarray:
        if name not in self.stored:
            raise FileNotFoundError(
                f"{self.path}/{name}: this file is missing ({nearest_of(name, self.stored, 'nearest {} ')}of {len(self.stored)} arrays). "
                "The recording is incomplete: copy or download it again."
            )
        where = self.where(name)
        try:
            values = self._mapped(name) if self.path.is_dir() else self._unpacked(name)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{where}: is a link to a file that is not there. Fetch it, or copy the recording again.") from error
        except MISFORMED as error:
            raise ValueError(
                f"{where}: cannot be read as .npy ({error}). The file is cut short or damaged: copy or download it again."
            ) from error
        except OSError as error:
            raise ValueError(f"{where}: cannot be opened ({error}). Make it readable, or copy the recording again.") from error
        if isinstance(values, str):
            raise ValueError(f"{where}: {values}")
        return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))

    def numbers(self, name: str) -> np.ndarray:
        """One array of real numbers; an error where it holds anything else."""
        values = self.array(name)
        if values.dtype.kind not in "biuf":
            raise ValueError(f"{self.where(name)}: holds {values.dtype}, where real numbers are expected. Save numbers.")
        return values

    def whole_numbers(self, name: str) -> np.ndarray:
        """One array of ids as int64; an error where one was rounded, is no whole number or is too large."""
        stored = self.array(name)
        where = self.where(name)
        if stored.ndim != 1:
            raise ValueError(f"{where}: shape {stored.shape}, but one whole number a unit is expected.")
        if stored.dtype.kind in "SU":
            text = stored.astype(str).tolist()
            wrong = np.array([not (one.isascii() and one.isdecimal() and len(one) < 19) for one in text], dtype=bool)
            whole = np.array([0 if no else int(one) for one, no in zip(text, wrong, strict=True)], dtype=np.int64)
        else:
            numbers = self.numbers(name)
            wrong = ~_whole(numbers)
            whole = np.where(wrong, 0, numbers).astype(np.int64)
        if wrong.any():
            large = stored.dtype.kind in "uf" and (np.abs(stored[wrong]) > schema.EXACT).all()
            why = "are no whole numbers of 64 bits"
            if large:
                why = "lie above 2^63 - 1" if stored.dtype.kind == "u" else "are floats above 2^53, which have lost their last digits"
            raise ValueError(f"{where}: {int(wrong.sum())} of {len(stored)} {why}. Save ids as integers, below 2^63.")
        return whole

    def _mapped(self, name: str) -> np.ndarray | str:
        path = self.path / self.stored[name]
        with path.open("rb") as file:
            header = header_of(file, os.fstat(file.fileno()).st_size)
            if isinstance(header, str):
                return header
            shape, in_columns, dtype = header
            if not math.prod(shape):
                return np.empty(shape, dtype)
            return np.memmap(file, dtype, "r", file.tell(), shape, "F" if in_columns else "C")

    def _unpacked(self, name: str) -> np.ndarray | str:
        with zipfile.ZipFile(self.path) as archive:
            member = archive.getinfo(self.stored[name])
            if member.file_size > MOST_DEFLATED * (member.compress_size + 1000):
                raise ValueError(f"{member.compress_size} packed bytes cannot hold {member.file_size}")
            with archive.open(member) as file:
                header = header_of(file, member.file_size)
                if isinstance(header, str):
                    return header
                shape, in_columns, dtype = header
                content = file.read(math.prod(shape) * dtype.itemsize)
        return np.frombuffer(content, dtype).reshape(shape, order="F" if in_columns else "C")


def _whole(numbers: np.ndarray) -> np.ndarray:
    """Whether each number is one that int64 holds and no float has rounded."""
    if numbers.dtype.kind == "f":
        return np.isfinite(numbers) & (np.abs(numbers) <= 2.0**53) & (np.trunc(numbers) == numbers)
    return np.asarray(numbers <= np.iinfo(np.int64).max, dtype=bool)


def array_files(path: Path) -> ArrayFiles:
    """The arrays under a path, or under the .zip or folder beside it.

    Args:
        path: Folder of a recording, or its .zip, at whose top or in one folder of which `data` and `meta` lie.
    """
    packed = path.with_name(f"{path.name}.zip")
    is_zip = path.suffix.lower() == ".zip"
    if is_zip and not path.exists() and path.with_suffix("").is_dir():
        path = path.with_suffix("")
    if path.is_dir():
        return ArrayFiles(path, _by_name(_in_folder(path), path))
    path = path if is_zip or path.is_file() else packed
    if not path.is_file():
        raise FileNotFoundError(f"{path.with_suffix('')}: neither this folder nor {path.name} exists. Give the path of a recording.")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except MISFORMED as error:
        again = "Copy or download it again." if is_zip else "A recording is a folder, a .zip or an NWB file: give one."
        raise ValueError(f"{path}: no zip archive ({error}). {again}") from error
    prefix = _top(names, path)
    inside = prefix + SETTINGS
    return ArrayFiles(path, _by_name([name for name in names if name.startswith(prefix)], path, prefix), inside if inside in names else "")


def _in_folder(path: Path) -> list[str]:
    """Names of the files under `data` and `meta`, behind links too; links in a ring end at the depth that arrays have."""
    found = []
    for top in TOPS:
        for folder, folders, files in os.walk(path / top, followlinks=True):
            inside = Path(folder).relative_to(path)
            found += [(inside / file).as_posix() for file in files]
            if len(inside.parts) >= DEEPEST:
                folders.clear()
    return sorted(found)


def _top(names: list[str], path: Path) -> str:
    """What stands before `meta/trials/tiers.npy` in an archive; an error where it holds several recordings."""
    ending = "meta/trials/tiers.npy"
    plain = {name: name.replace("\\", "/").lower() for name in names if not _is_left_over(name)}
    tops = sorted({name[: len(name) - len(ending)] for name, low in plain.items() if low == ending or low.endswith(f"/{ending}")})
    if len(tops) > 1:
        raise ValueError(f"{path}: holds {len(tops)} recordings, in {tops[:10]}. Unpack it, and give the folder of one.")
    return tops[0] if tops else ""


def _by_name(stored: Iterable[str], path: Path, prefix: str = "") -> dict[str, str]:
    """Arrays by their own names; leftovers and files named for no trial are passed over and counted in the log."""
    found: dict[str, str] = {}
    left_over, unnamed = [], []
    for name in stored:
        own = _own_name(name.removeprefix(prefix))
        if _is_left_over(name):
            left_over.append(name)
        elif own is None:
            unnamed.append(name)
        elif own in found:
            raise ValueError(f"{path}: {found[own]} and {name} are both {own}. Remove one of them: nothing says which is meant.")
        elif own:
            found[own] = name
    if left_over:
        log.warning("%s: %d files that file managers or notebooks left are passed over, first %s", path, len(left_over), left_over[0])
    if unnamed:
        log.warning("%s: %d arrays under data are not named by a trial's number and passed over, first %s", path, len(unnamed), unnamed[0])
    return found


def _is_left_over(name: str) -> bool:
    parts = name.replace("\\", "/").lower().split("/")
    return any((part.startswith(".") and part != ".") or part in LEFTOVERS for part in parts)


def _own_name(stored: str) -> str | None:
    """The name under which an array is asked for; empty for a file that is no array, None for one of `data` without a trial's number."""
    parts = stored.replace("\\", "/").split("/")
    stem, dot, suffix = parts[-1].rpartition(".")
    if not dot or suffix.lower() != "npy" or parts[0] not in TOPS:
        return ""
    if parts[0] == "data":
        if len(parts) != 3 or not stem.isascii() or not stem.isdecimal() or len(stem) > 18:
            return None
        stem = str(int(stem))
    return "/".join([*parts[:-1], f"{stem}.npy"])
