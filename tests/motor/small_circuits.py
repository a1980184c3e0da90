"""Small circuits of known dynamics that several tests share."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphtwin.motor.circuit import Circuit
from graphtwin.motor.model import Scales

UNITS = Scales(1.0, (), ())


def circuit(n: int, edges: list[tuple[int, int, float]], gaps: list[tuple[int, int, float]] | None = None, **changed: Any) -> Circuit:
    """N neurons n0, n1 ... that excite, and edges (pre, post, count)."""
    pre, post, count = np.array(edges, dtype=np.float64).reshape(-1, 3).T
    a, b, gap = np.array(gaps or [], dtype=np.float64).reshape(-1, 3).T
    columns: dict[str, Any] = {
        "names": tuple(f"n{i}" for i in range(n)),
        "types": ("",) * n,
        "sign": np.ones(n, dtype=np.int64),
        "sensory": np.arange(n) == 0,
        "motor": np.arange(n) == n - 1,
        "position": np.full((n, 3), np.nan),
    }
    ends = {"pre": pre.astype(np.int64), "post": post.astype(np.int64), "count": count}
    return Circuit(**(columns | changed), **ends, gap_a=a.astype(np.int64), gap_b=b.astype(np.int64), gap_count=gap)
