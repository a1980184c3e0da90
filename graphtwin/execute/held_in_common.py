"""What jobs have in common, in a file that each process reads once: arrays stay on the disk's pages, and all processes share them."""

from __future__ import annotations

import mmap
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ALIGNED = 64  # bytes to a multiple of which each array begins, as numpy lays its own
_HELD: dict[Path, tuple[Any, ...]] = {}  # what this process has in common with others now: one list of jobs at a time


def write_common(common: Sequence[Any], place: Path) -> Path:
    """Write what jobs have in common, the bytes of arrays apart from the rest; functions and classes of a script go with it.

    Args:
        common: First arguments of every job.
        place: Folder that is there, and goes away when the jobs are done.

    Returns:
        The file by which `held` finds it.
    """
    import cloudpickle

    buffers: list[pickle.PickleBuffer] = []
    said = cloudpickle.dumps(tuple(common), protocol=5, buffer_callback=buffers.append)
    spans = []
    with (place / "arrays").open("wb") as file:
        for buffer in buffers:
            file.write(bytes(-file.tell() % ALIGNED))
            spans.append((file.tell(), buffer.raw().nbytes))
            file.write(buffer.raw())
        file.write(b"\0")  # a file of no bytes cannot be mapped
    (place / "common").write_bytes(pickle.dumps((said, spans)))
    return place / "common"


def held(shared: Path) -> tuple[Any, ...]:
    """What jobs have in common, read once a process; its arrays cannot be written."""
    if shared not in _HELD:
        _HELD.clear()
        said, spans = pickle.loads(shared.read_bytes())
        with shared.with_name("arrays").open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        _HELD[shared] = pickle.loads(said, buffers=[mapped[start : start + length] for start, length in spans])
    return _HELD[shared]
