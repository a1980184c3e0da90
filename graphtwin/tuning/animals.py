"""Of which animal the rows of a brought table are: session and scan numbers of two mice coincide, so that keys alone would mix them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from jaxtyping import Bool

ANIMAL = "animal"  # column in which `twin embed` names the recording that each unit is of
# The number of the animal in the names that recordings have: Sensorium's dynamic29515-10-12-..., sub-17797_ses-4-scan-7 of NWB files; in
# 17797.0 too, which a gap in a column of numbers makes of it.
NUMBER = re.compile(r"(?:static|dynamic|sub-)?(\d+)(?:-\d+-\d+.*|_ses-.*|\.0)?")


def animal_of(name: str) -> str:
    """The animal that a recording is of: its number, in names as Sensorium and DANDI give them; else the name itself."""
    found = NUMBER.fullmatch(name)
    return found[1] if found else name


def rows_of_animal(frame: pd.DataFrame, is_joined: Bool[np.ndarray, " rows"], animal: str, origin: str) -> Bool[np.ndarray, " rows"]:
    """Which rows may be joined to units or neurons of one animal; all of them where no column says whose they are.

    Args:
        frame: Table that may have a column `animal`, the name of an animal or of a recording of it.
        is_joined: Whether the keys of each row are those of a unit or neuron here.
        animal: Animal that is meant, or the name of a recording of it; empty where nothing names it.
        origin: Name of the table, for errors.

    Raises:
        ValueError: No row is of the animal that is meant; or none is meant, and rows of several animals have keys from here.
    """
    if ANIMAL not in frame:
        return np.ones(len(frame), dtype=bool)
    names = frame[ANIMAL].astype(object).where(frame[ANIMAL].notna(), "(no name)").astype(str)
    animals = names.map({name: animal_of(name) for name in names.unique()})
    if animal:
        own = ((names == animal) | (animals == animal_of(animal))).to_numpy()
        if not own.any():
            raise ValueError(
                f"{origin}: its {len(frame)} rows are of {_listed(names)}, and the source is of animal {animal!r}. Bring embeddings of "
                "that animal, or correct `animal` in the TOML of the source."
            )
        return own
    if animals[is_joined].nunique() > 1:
        raise ValueError(
            f"{origin}: rows of {animals[is_joined].nunique()} animals, {_listed(names[is_joined])}, have the session, scan_idx and "
            "unit_id (or nucleus_id) of units here, and one volume is of one animal. Say which, as `animal = ...` in the TOML of the "
            "source, or keep the rows of that animal alone."
        )
    return np.ones(len(frame), dtype=bool)


def _listed(names: pd.Series) -> str:
    different = names.unique()
    return ", ".join(map(repr, different[:4])) + (f" and {len(different) - 4} more" if len(different) > 4 else "")
