"""A fitted model's entries, back from the JSON file that `MixedFit.save` wrote."""

from __future__ import annotations

import json
from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np

from graphtwin.mixed.result.degrees import Satterthwaite
from graphtwin.mixed.result.fitted_field import FittedField
from graphtwin.mixed.result.groupings import FittedGrouping

# Names of the attributes of a fit and its parts that are arrays: the lists of JSON become arrays again.
ARRAYS = {"estimate", "covariance", "weight", "feature_mean", "feature_sd", "n_rows_of_pattern", "sd", "correlation", "modes", "mode_sd"}
ARRAYS |= {"change"}


def stored_entries(path: str | Path, wanted: Set[str]) -> dict[str, Any]:
    """The entries of a model, arrays and tuples again.

    Args:
        path: Path of the file to read.
        wanted: Names of the entries that a model has.

    Raises:
        ValueError: When the file holds something else.
    """
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(found, dict) or set(found) != wanted:
        missing = wanted - set(found) if isinstance(found, dict) else wanted
        raise ValueError(f"{path}: this is no mixed model; {len(missing)} of its entries are missing: {', '.join(sorted(missing)[:5])}.")
    found["groupings"] = tuple(FittedGrouping(**_restored(grouping)) for grouping in found["groupings"])
    found["fields"] = tuple(FittedField.from_dict(one) for one in found["fields"])
    found["features"] = tuple(tuple(feature) for feature in found["features"])
    if found["satterthwaite"] is not None:
        found["satterthwaite"] = Satterthwaite(**_restored(found["satterthwaite"]))
    return _restored(found)


def _restored(found: dict[str, Any]) -> dict[str, Any]:
    """Arrays and tuples again, from the lists of JSON; null is NaN."""
    arrays = {name: np.array(value, dtype=np.float64) for name, value in found.items() if name in ARRAYS}
    free = {"free": tuple(tuple(entry) for entry in found["free"])} if "free" in found else {}
    return found | arrays | free | {name: tuple(found[name]) for name in ("names", "notes", "effects") if name in found}
