"""How the report writes numbers, shares, lists, and the names of columns."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

# Columns whose words are not their parts.
COLUMNS = {
    "cc_abs": "absolute correlation",
    "cc_max": "largest correlation",
    "cc_norm": "normalised correlation",
    "gosi": "gOSI",
    "gdsi": "gDSI",
    "osi": "OSI",
    "dsi": "DSI",
    "l_d_um": "L_d (µm)",
    "n_synapses": "synapses",
    "nucleus_id": "nucleus",
    "pre_nucleus_id": "axon",
    "post_nucleus_id": "target",
    "scan_idx": "scan",
    "unit_id": "unit",
    "root_id": "root",
    "proj_hva": "projection between areas",
}
UNITS = {"um": "µm", "um2": "µm²", "um3": "µm³", "deg": "°", "s": "s", "ms": "ms", "hz": "Hz"}
# A name of a column or setting, and no file, path or part of a longer name.
COLUMN = re.compile(r"(?<![\w./-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w/]|[.-]\w)")


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


def column_words(column: str) -> str:
    """A column in words, with its unit in brackets: `field_x_deg` is `field x (°)`."""
    if column in COLUMNS:
        return COLUMNS[column]
    *parts, last = column.split("_")
    words = [COLUMNS.get(part, part) for part in parts]
    return f"{' '.join(words)} ({UNITS[last]})" if words and last in UNITS else " ".join([*words, last])


def in_words(text: str) -> str:
    """A sentence or label with every name of a column in words."""
    return COLUMN.sub(lambda found: column_words(found[0]), text)
