"""A circuit of four neurons: S excites A and M, A inhibits M and itself; A and B are joined by a gap junction, B excites M."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphtwin.motor import Circuit, Trials

PARTS: dict[str, Any] = {
    "names": ("S", "A", "B", "M"),
    "types": ("s", "i", "", "m"),
    "sign": np.array([1, -1, 1, 0]),
    "sensory": np.array([True, False, False, False]),
    "motor": np.array([False, False, False, True]),
    "position": np.full((4, 3), np.nan),
    "pre": np.array([0, 0, 1, 1, 2]),
    "post": np.array([1, 3, 3, 1, 3]),
    "count": np.array([3.0, 1.0, 2.0, 1.0, 4.0]),
    "gap_a": np.array([1]),
    "gap_b": np.array([2]),
    "gap_count": np.array([2.0]),
}
SHOWN: dict[str, Any] = {
    "dt_s": 0.01,
    "stimulus": np.zeros((2, 5, 1)),
    "stimulated": np.array([0]),
    "activity": np.zeros((2, 5, 2)),
    "recorded": np.array([1, 3]),
    "output": np.zeros((2, 5, 1)),
    "outputs": ("bend",),
    "names": ("first", "second"),
}


def circuit(**changed: Any) -> Circuit:
    return Circuit(**{**PARTS, **changed})


def trials(**changed: Any) -> Trials:
    return Trials(**{**SHOWN, **changed})
