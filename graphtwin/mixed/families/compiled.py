"""Loops that numba compiles when they are first called: what no fit asks for is neither compiled nor is numba imported for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

REASSOCIATE = {"reassoc", "contract", "nsz", "arcp"}  # numba flags that let sums be vectorised; NaN and infinity keep their meaning


def compiled(loop: Callable[..., Any]) -> Callable[..., Any]:
    """A loop over arrays, compiled at its first call and kept on disk; it may call no other compiled loop."""
    made: list[Callable[..., Any]] = []

    @wraps(loop)
    def run(*arguments: Any) -> Any:
        if not made:
            from numba import njit

            made.append(njit(cache=True, nogil=True, fastmath=REASSOCIATE)(loop))
        return made[0](*arguments)

    return run
