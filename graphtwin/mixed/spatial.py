"""The spatial random effects of a fit as they are reported, and what a reader must know of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphtwin.mixed.design import Field
from graphtwin.mixed.likelihood import Point, WithFields, range_limits
from graphtwin.mixed.result import FittedField

VANISHED_FIELD = 1e-3  # standard deviation, in units of the predictor, below which a field is none
FEW_PLACES = 10  # places below which SD and range are little more than a guess
ENOUGH = 0.8  # share of a field's variance below which its knots are too few for its range


def fitted_fields(model: WithFields, point: Point) -> tuple[FittedField, ...]:
    """Spatial random effects at the maximum, their standard deviations positive."""
    found, place = [], model.n_groupings
    roots, log_ranges = model.layout.roots(point.vector)[len(model.design.groupings) :], model.log_ranges(point.vector)
    for i, field in enumerate(model.design.fields):
        sd, n_knots = float(roots[i][0, 0]), len(field.knots)
        basis, _ = model.basis(i, float(log_ranges[i]))
        modes = point.modes[place : place + n_knots] * np.sign(sd)
        kept, length = float((basis**2).sum(axis=1).mean()), float(np.exp(log_ranges[i]))
        found.append(
            FittedField(
                name=field.term.name,
                coordinates=field.term.coordinates,
                kernel=field.term.kernel,
                sd=abs(sd),
                range=length,
                range_held=i in model.held,
                n_places=len(field.places),
                kept=kept,
                knots=field.knots,
                modes=modes,
            )
        )
        place += n_knots
    return tuple(found)


def field_notes(fields: Sequence[Field], fitted: Sequence[FittedField], unit: float) -> list[str]:
    """Notes on fields that vanish, ranges that the data don't tell, and knots that are too few; `unit` is a moderate change."""
    notes = []
    for field, found in zip(fields, fitted, strict=True):
        if found.n_places < FEW_PLACES:
            notes.append(f"{found.name} has {found.n_places} places: its standard deviation and range are little more than a guess.")
        low, high = (float(np.exp(limit)) for limit in range_limits(field))
        if found.sd < VANISHED_FIELD * unit:
            notes.append(f"{found.name} has a standard deviation of 0 (singular): the data ask for less than this term.")
        elif found.range <= low * (1 + 1e-9):
            notes.append(
                f"{found.name}: its range is held at {low:.3g}, half of the distance between knots, and the data ask for a shorter one. "
                "Take more knots, or a random intercept of the place beside it."
            )
        elif found.range >= high * (1 - 1e-9):
            notes.append(
                f"{found.name}: its range is held at {high:.3g}, twice the extent of the places: it is a trend rather than a field."
            )
        elif found.kept < ENOUGH:
            notes.append(
                f"{found.name}: its {len(found.knots)} knots carry {found.kept:.0%} of its variance at a range of {found.range:.3g}. "
                f"Take more, such as field({', '.join(found.coordinates)}, knots={2 * len(found.knots)})."
            )
    return notes
