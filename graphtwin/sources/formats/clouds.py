"""Places of precomputed data: paths as cloud-volume wants them, `info` files, and what damaged files raise."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

from graphtwin.extras import require_packages


def cloudpath_of(path: str | Path) -> str:
    """A path as cloud-volume wants it: a folder with file:// before it, a path that has :// as it is."""
    text = str(path).removeprefix("precomputed://").rstrip("/")
    return text if "://" in text else f"file://{Path(text).resolve()}"


def read_info(cloudpath: str) -> dict[str, Any]:
    """The info file of a volume or of annotations.

    Args:
        cloudpath: Path of the folder that has the info file.
    """
    require_packages(f"{cloudpath}: reading a volume", "cloudfiles", "cloudvolume")
    from cloudfiles import CloudFiles

    refusals: tuple[type[Exception], ...] = (ValueError, RecursionError, *damaged())
    try:
        info = CloudFiles(cloudpath).get_json("info")
    except refusals as error:
        raise ValueError(f"{cloudpath}: its info file is no JSON ({first_line(error)}). Copy it again.") from error
    if info is None:
        raise FileNotFoundError(f"{cloudpath}: no info file there. Give the path of precomputed data, the folder that has `info`.")
    if not isinstance(info, dict):
        raise ValueError(f"{cloudpath}: its info file holds a {type(info).__name__}, but names and values are needed. Copy it again.")
    return info


def damaged() -> tuple[type[Exception], ...]:
    """What decompressing and decoding a damaged file raises."""
    from cloudfiles.exceptions import DecompressionError
    from cloudvolume.exceptions import DecodingError
    from deflate import DeflateError

    return DecompressionError, DecodingError, DeflateError, zlib.error, EOFError


def first_line(error: Exception) -> str:
    """The first line of an error's words, without the colours of a terminal."""
    return re.sub(r"\x1b?\[[\d;]*m", "", str(error)).split("\n")[0].strip() or type(error).__name__
