"""The places and knots of a spatial random effect: what its term names of a table, checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphtwin.mixed.design.expressions import column
from graphtwin.mixed.design.field_term import FieldTerm
from graphtwin.mixed.design.kernels import distances
from graphtwin.mixed.design.patterns import numbered
from graphtwin.shapes import Float, Int

FEWEST_PLACES = 4  # with fewer, SD and range can't be told apart
LLOYD_STEPS = 20  # steps of k-means from knots that are spread already: it hardly moves after


@dataclass(frozen=True)
class Field:
    """A spatial random effect on a table.

    Attributes:
        term: What the formula says of it.
        places: Coordinates of the different places, in the unit of the table.
        knots: Coordinates of the knots: the places themselves where they are no more than the term's knots.
        code: Place of every row.
    """

    term: FieldTerm
    places: Float[np.ndarray, "places axes"]
    knots: Float[np.ndarray, "knots axes"]
    code: Int[np.ndarray, " rows"]

    @property
    def shortest(self) -> float:
        """Half of the usual distance of a knot from the next: fields of shorter range look like noise to them."""
        apart = distances(self.knots, self.knots) + np.diag(np.full(len(self.knots), np.inf))
        return 0.5 * float(np.median(apart.min(axis=1)))

    @property
    def longest(self) -> float:
        """Twice the diagonal of the box around all places: fields of longer range are straight lines here."""
        return 2.0 * float(np.linalg.norm(np.ptp(self.places, axis=0)))


def place_fields(terms: tuple[FieldTerm, ...], frame: pd.DataFrame) -> tuple[Field, ...]:
    """The fields of a formula on a table.

    Args:
        terms: Terms of the formula.
        frame: One response a row.

    Raises:
        ValueError: When a coordinate is missing or not finite, or there are too few places.
    """
    names = [term.name for term in terms]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"formula: {', '.join(repeated)} occurs twice, so that its variance can't be split. Name it once.")
    return tuple(_placed(term, frame) for term in terms)


def _placed(term: FieldTerm, frame: pd.DataFrame) -> Field:
    """One field on a table."""
    xyz = np.column_stack([_coordinate(term, name, frame) for name in term.coordinates])
    code, places = different_places(xyz)
    if len(places) < FEWEST_PLACES:
        raise ValueError(
            f"{term.name}: {len(xyz)} rows lie at {len(places)} place{'s' * (len(places) > 1)}, and a field needs {FEWEST_PLACES} or more. "
            "Leave this term out, or look at how positions were joined."
        )
    return Field(term, places, spread_knots(places, term.n_knots), code)


def _coordinate(term: FieldTerm, name: str, frame: pd.DataFrame) -> np.ndarray:
    """A coordinate of every row, which must be known."""
    if name not in frame:
        column(frame, name)  # says which columns there are
    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    unknown = int(np.count_nonzero(~np.isfinite(values)))
    if unknown:
        raise ValueError(
            f"{term.name}: {name} is missing or no finite number in {unknown} of {len(values)} rows. "
            "A field needs the place of every row: fit the rows with positions and say so, or leave this term out."
        )
    return values


def different_places(xyz: Float[np.ndarray, "rows axes"]) -> tuple[Int[np.ndarray, " rows"], Float[np.ndarray, "places axes"]]:
    """Place of each row among those that differ, and their coordinates."""
    code, n = np.zeros(len(xyz), dtype=np.int64), 1
    for values in xyz.T:
        codes, found = pd.factorize(values)
        code, present = numbered(code.astype(np.int64) * len(found) + codes, n * len(found))
        n = len(present)
    first = np.empty(n, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return code.astype(np.int32), xyz[first]


def spread_knots(places: Float[np.ndarray, "places axes"], n: int) -> Float[np.ndarray, "knots axes"]:
    """Knots that cover the places: each the farthest from those before it, then k-means; the same at every call.

    Args:
        places: Different places.
        n: Most knots; where there are no more places, they are the knots.
    """
    if len(places) <= n:
        return places
    chosen = [int(np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1)))]
    nearest = np.full(len(places), np.inf)
    for _ in range(n - 1):
        nearest = np.minimum(nearest, ((places - places[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(np.argmax(nearest)))
    knots = places[chosen]
    for _ in range(LLOYD_STEPS):
        owner = np.argmin(distances(places, knots), axis=1)
        size = np.bincount(owner, minlength=n)
        sums = np.column_stack([np.bincount(owner, weights=axis, minlength=n) for axis in places.T])
        knots = np.where(size[:, None] > 0, sums / np.maximum(size, 1)[:, None], knots)
    return knots
