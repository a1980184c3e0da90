"""Names of what bounds who can connect: the statistics call it L_d, as published; what was measured instead has its name at the walls.

Pair tables have one exposure, L_d in um or another amount. All models take it for what synapses are proportional to, so that nothing but
names and units differs: columns, formulas, sentences and axis labels are put into those of the measure where they are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

L_D_COLUMN = "l_d_um"


@dataclass(frozen=True)
class ExposureNames:
    """How an exposure is called.

    Attributes:
        column: Column of the pair table.
        measure: Quantity in words.
        unit: Unit of the column.
    """

    column: str
    measure: str
    unit: str

    @property
    def is_l_d(self) -> bool:
        """Whether it is the published one, whose names stay as they are."""
        return self.column == L_D_COLUMN

    def said(self, text: str) -> str:
        """A text about L_d as one about this exposure.

        Args:
            text: A sentence, a formula, or the name of a column.
        """
        return text if self.is_l_d else _replaced(_words(self), text)

    def back(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table that was written with these names, as the statistics and figures call its columns and entries.

        Args:
            table: A table that `put` gave.
        """
        names = {theirs: ours for ours, theirs in _words(self).items() if ours in (L_D_COLUMN, "l_d", "L_d")}
        return table if self.is_l_d else _mapped(table, lambda text: _replaced(names, text))

    def put(self, found: Any) -> Any:
        """Tables, lists, and entries of models with their texts and names of columns about this exposure.

        Args:
            found: A frame, or what JSON can hold.
        """
        if self.is_l_d:
            return found
        if isinstance(found, pd.DataFrame):
            return _mapped(found, self.said)
        if isinstance(found, str):
            return self.said(found)
        if isinstance(found, dict):
            return {self.put(name): self.put(value) for name, value in found.items()}
        return [self.put(value) for value in found] if isinstance(found, list | tuple) else found


L_D = ExposureNames(L_D_COLUMN, "L_d", "um")
EXPOSURES = {names.column: names for names in (L_D, ExposureNames("contact_area_um2", "contact area", "um2"))}


def _mapped(table: pd.DataFrame, said: Callable[[str], str]) -> pd.DataFrame:
    """A table with its texts and names of columns changed."""
    texts = [name for name in table if table[name].dtype == object or isinstance(table[name].dtype, pd.StringDtype)]
    changed = {name: table[name].map(lambda value: said(value) if isinstance(value, str) else value) for name in texts}
    return table.assign(**changed).rename(columns=lambda name: said(str(name)))


def _words(names: ExposureNames) -> dict[str, str]:
    """What is said of L_d, and what is said instead."""
    return {
        "the published model and the co-travel distance L_d": "the published model, whose exposure is the length of co-travel",
        "synapses a length of co-travel": f"synapses a unit of {names.measure}",
        "um of co-travel": f"{names.unit} of {names.measure}",
        "co-travel": names.measure,
        "a mm of L_d": f"for 1,000 {names.unit} of {names.measure}",
        "um of L_d": f"{names.unit} of {names.measure}",
        "um of proximity": f"{names.unit} of {names.measure}",
        "L_d is a length": f"{names.measure} is an amount",
        "with a larger radius or from the same skeletons": "in the volume of the synapses",
        L_D_COLUMN: names.column,
        "who comes close": "who touches whom",
        "l_d": names.measure.replace(" ", "_"),
        "L_d": names.measure,
    }


def _replaced(words: dict[str, str], text: str) -> str:
    """A text with words put for others, the longest first, and whole words only: nothing is put twice."""
    pattern = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return re.sub(rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])", lambda found: words[found.group()], text)


def exposure_in(columns: list[str], origin: str) -> ExposureNames:
    """The exposure that a table has; L_d where it has none that is known, and an error where it has several.

    Args:
        columns: Names of the columns.
        origin: Name of the file, for the error.
    """
    there = [names for column, names in EXPOSURES.items() if column in columns]
    if len(there) > 1:
        raise ValueError(
            f"{origin}: a pair has one exposure, and there are {', '.join(names.column for names in there)}. Keep the one that synapses "
            "are compared with; the other may be a similarity under another name."
        )
    return there[0] if there else L_D
