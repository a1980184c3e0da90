"""How the report writes numbers, shares and lists."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def number_text(value: float | None, unit: str = "1") -> str:
    """Three digits for shares and scores, one decimal for um and degrees, a dash where there is no number."""
    if value is None or not np.isfinite(value):
        return "–"
    if unit in ("um", "degrees"):
        return f"{value:.1f}"
    return f"{value:.3f}" if abs(value) >= 0.1 or abs(value) < 1e-6 else f"{value:.3g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def unit_text(unit: str) -> str:
    """The unit as printed."""
    return {"um": "µm", "degrees": "°", "1": ""}.get(unit, unit)


def plain(label: str) -> str:
    """A label in which matplotlib finds no mathematics."""
    return label.replace("$", r"\$")


def join_words(words: Iterable[str]) -> str:
    """`a, b and c`."""
    listed = list(words)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}" if listed else "none"


def per_cent(share: float) -> str:
    """A share as a percentage of two or three digits."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 99.95 else f"{value:.1f} %" if value >= 1 else f"{value:.2g} %"


def p_text(p: float, name: str = "p") -> str:
    """`p = 0.048`, and a bound below a thousandth; words where nothing was tested. `name` is q for a false discovery rate."""
    if not np.isfinite(p):
        return "not testable"
    return f"{name} = {p:.2g}" if p >= 1e-3 else f"{name} < 0.001"
