"""Public names of a package that are imported at first use, so that importing the package costs next to nothing (PEP 562).

Editors and type checkers read them from the imports under TYPE_CHECKING that stand beside, or from a stub; completion from `dir`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def public_names(package: str, names: Mapping[str, tuple[str, str]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package.

    Args:
        package: Name of the package.
        names: Public name to the module that defines it and the name there; an empty name stands for the module itself.
    """

    def get(name: str) -> Any:
        """Import a public name from its module."""
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}. Public names: {', '.join(names)}.")
        module, attribute = names[name]
        imported = importlib.import_module(module)
        return getattr(imported, attribute) if attribute else imported

    def listed() -> list[str]:
        """The public names, for completion."""
        return sorted(sys.modules[package].__all__)

    return get, listed
