"""A format that is spoiled: how a small valid example is made and read, and what must hold of what was read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutations import BINARY, DOCUMENT, TEXT, Mutation

ROOT = 864691135000000001  # root ids lie far above 2^53, as real ones do
IDS = [f"{side}{of}_id" for side in ("", "pre_", "post_") for of in ("nucleus", "root", "synapse", "unit")]
MUTATIONS: dict[str, tuple[Mutation, ...]] = {".csv": TEXT, ".swc": TEXT, ".toml": TEXT, ".json": DOCUMENT, "info": DOCUMENT}


class Wrong(AssertionError):
    """What was read is not what the file says."""


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        name: Name in the table of results.
        share: Share of the inputs that are tried, in parts: slow readers get fewer.
        make: Writes a valid example into a folder.
        read: Reads the example and everything in it.
        check: Raises `Wrong` where what was read breaks a promise of the reader, or differs from a plain reading of the same bytes.
    """

    name: str
    share: int
    make: Callable[[Path], None]
    read: Callable[[Path], Any]
    check: Callable[[Path, Any], None]

    def mutations(self, file: Path) -> tuple[Mutation, ...]:
        """The mutations that a file of the example meets."""
        return MUTATIONS.get(file.suffix or file.name, BINARY)


def require(holds: Any, what: str) -> None:
    """Raise `Wrong` unless a promise holds."""
    if not holds:
        raise Wrong(what)
