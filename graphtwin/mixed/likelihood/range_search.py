"""The maximum of a model with spatial random effects, over the fields' ranges too.

The log ranges are parameters like others, so that the standard errors of the fixed effects allow for them. A range is held where the data
don't tell it: at its limit where the likelihood rises beyond (shorter than half of the knots' distance, or twice as long as the tissue),
and at its start where the field's standard deviation is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graphtwin.mixed.design import Design, Field
from graphtwin.mixed.families import Distribution, Normaliser
from graphtwin.mixed.likelihood.field import WithFields
from graphtwin.mixed.likelihood.laplace import NotConverged
from graphtwin.mixed.likelihood.maximise import Maximum, Search
from graphtwin.mixed.likelihood.start import predictor_unit, starting_evaluation
from graphtwin.shapes import Float

CANDIDATES = 4  # ranges compared before the search, evenly on a log scale: neighbours differ by a factor of 2 or so
VANISHED_SD = 1e-2  # standard deviation, in units of the predictor, below which a field says nothing of its range


@dataclass(frozen=True)
class RangeSearch:
    """A climb to the maximum over all parameters and ranges.

    Attributes:
        design: Design with fields and one column of responses.
        family: Distribution of the response.
        model: The penalised likelihood with all ranges free.
        normaliser: Part of the log-likelihood that depends on the response and the family's shape alone.
        edge: Says why the family's shapes in a vector of parameters, at the edge of what they may be, are no result, or None.
    """

    design: Design
    family: Distribution
    model: WithFields
    normaliser: Normaliser
    edge: Callable[[np.ndarray], str | None]

    def maximum(self) -> tuple[WithFields, Maximum]:
        """The model, with the ranges it had to hold, and its maximum.

        Raises:
            NotConverged: When no maximum is found though every range in doubt is held.
        """
        log_ranges = self._first_ranges()
        model = self.model
        while True:
            try:
                found = self._search(model, log_ranges).maximum()
                doubtful = self._doubtful(model, found.evaluation.point.vector, log_ranges)
                if not doubtful:
                    return model, found
            except NotConverged as failure:
                doubtful = self._in_doubt(model, failure, log_ranges)
                if not doubtful:
                    raise
            model = model.holding(model.held | doubtful)
            log_ranges = np.array([model.held.get(i, value) for i, value in enumerate(log_ranges)])

    def _search(self, model: WithFields, log_ranges: np.ndarray) -> Search:
        """The climb with the ranges that a model holds."""
        free = [i for i in range(len(log_ranges)) if i not in model.held]
        normaliser = self._normaliser(len(free))
        start = starting_evaluation(self.design, self.family, model, normaliser, log_ranges=log_ranges[free].tolist())
        names = [grouping.name for grouping in self.design.groupings] + [field.term.name for field in self.design.fields]
        shapes = [*self.family.shape_names, *(f"log range of {self.design.fields[i].term.name}" for i in free)]
        return Search(model, normaliser, start, model.layout.describe(shapes, names), lambda vector: self._edge(model, vector))

    def _normaliser(self, n_free: int) -> Normaliser:
        """The family's normaliser, which doesn't depend on the ranges that follow the shapes."""

        def at(inner: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = self.normaliser(inner[: len(inner) - n_free])
            return value, np.r_[slope, np.zeros(n_free)]

        return at

    def _edge(self, model: WithFields, vector: np.ndarray) -> str | None:
        """Why parameters at the edge of their range are no result: the family's reason, or a range beyond its limits."""
        reason = self.edge(vector)
        beyond = [
            field.term.name
            for field, value in zip(self.design.fields, model.log_ranges(vector), strict=True)
            if _clipped(field, value) != value
        ]
        return reason or (f"the range of {', '.join(beyond)} leaves what places and knots can tell" if beyond else None)

    def _doubtful(self, model: WithFields, vector: np.ndarray, log_ranges: np.ndarray) -> dict[int, float]:
        """Where to hold the free ranges that the data don't tell."""
        sds = [float(root[0, 0]) for root in model.layout.roots(vector)[len(self.design.groupings) :]]
        hold: dict[int, float] = {}
        for i, (field, value) in enumerate(zip(self.design.fields, model.log_ranges(vector), strict=True)):
            if i not in model.held and abs(sds[i]) < VANISHED_SD * predictor_unit(self.design, self.family.link):
                hold[i] = float(log_ranges[i])
            elif i not in model.held and _clipped(field, value) != value:
                hold[i] = _clipped(field, value)
        return hold

    def _in_doubt(self, model: WithFields, failure: NotConverged, log_ranges: np.ndarray) -> dict[int, float]:
        """Where to hold ranges after a search that failed: those that the data don't tell, or else all that are free."""
        if failure.vector is None or self.edge(failure.vector):
            return {}
        last = model.log_ranges(failure.vector)
        every = {i: _clipped(field, last[i]) for i, field in enumerate(self.design.fields) if i not in model.held}
        return self._doubtful(model, failure.vector, log_ranges) or every

    def _first_ranges(self) -> Float[np.ndarray, " fields"]:
        """The likeliest of a few log ranges of each field, the others in the middle."""
        limits = [range_limits(field) for field in self.design.fields]
        chosen = np.array([0.5 * (low + high) for low, high in limits])
        for i, (low, high) in enumerate(limits):
            values = []
            candidates = np.linspace(low, high, CANDIDATES + 2)[1:-1]
            for value in candidates:
                chosen[i] = value
                model = self.model.holding(dict(enumerate(chosen.tolist())))
                values.append(starting_evaluation(self.design, self.family, model, self.normaliser).value)
            chosen[i] = candidates[int(np.argmax(values))]
        return chosen


def range_limits(field: Field) -> tuple[float, float]:
    """Least and greatest log range of a field."""
    return float(np.log(field.shortest)), float(np.log(field.longest))


def _clipped(field: Field, log_range: float) -> float:
    """A log range within its limits."""
    return float(np.clip(log_range, *range_limits(field)))
