"""Responses to the stimulation of single neurons, where a source has these and no trials: a row a stimulated neuron."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from graphtwin.motor.circuit.circuit import SHOWN, Circuit
from graphtwin.motor.circuit.of_source import rows_by_root
from graphtwin.motor.circuit.trials import Trials
from graphtwin.shapes import Bool, Float, Int
from graphtwin.sources import OF_ANOTHER, RESPONSES, SourceTables, Table
from graphtwin.told import told_by_fields

ENDS = {"pre": "stimulated", "post": "responding"}  # what either neuron of a row is
TO_SD = 1.4826  # SD over the median distance from the median, of normal values

log = logging.getLogger("graphtwin")


@told_by_fields
@dataclass(frozen=True)
class Responses:
    """What each neuron did when one was stimulated.

    Attributes:
        stimulated: Rows in the circuit of the stimulated neurons, in order.
        responding: Rows of the neurons that were recorded, in order.
        values: Response of each, in any unit; NaN where it was never measured, and of a neuron to itself.
        responds: Whether that is a response.
        beyond: Size beyond which a response counts as one, in the SD of all; None where the table says which do.
        origin: Name of the file.

    Examples:
        >>> source = graphtwin.load("stimulated/source.toml")
        >>> graphtwin.motor.responses_of(source, graphtwin.motor.circuit_of(source), beyond=2.0)
        Responses
          stimulated: array of 30
          responding: array of 36
          values: array of 30 x 36
          responds: array of 30 x 36
          beyond: 2.0
          origin: responses.csv
    """

    stimulated: Int[np.ndarray, " stimulated"]
    responding: Int[np.ndarray, " responding"]
    values: Float[np.ndarray, "stimulated responding"]
    responds: Bool[np.ndarray, "stimulated responding"]
    beyond: float | None
    origin: str

    def names(self, circuit: Circuit) -> tuple[str, ...]:
        """Names of the stimulated neurons."""
        return tuple(circuit.names[row] for row in self.stimulated)

    def chosen(self, rows: Int[np.ndarray, " chosen"]) -> Responses:
        """Responses to some of the stimulated neurons, by their places: these alone say which are some, where the table does not."""
        values = self.values[rows]
        responds = self.responds[rows] if self.beyond is None else _are_some(values, _threshold(values, self.beyond))
        return replace(self, stimulated=self.stimulated[rows], values=values, responds=responds)

    def clipped(self) -> Float[np.ndarray, "stimulated responding"]:
        """Responses over the median size of those that are some, from -1 to 1: larger ones count alike, and few are not all that counts.

        Raises:
            ValueError: None is a response, or their median size is 0.
        """
        sizes = np.abs(self.values[self.responds])
        if not len(sizes):
            raise ValueError(
                f"{self.origin}: none of {np.isfinite(self.values).sum()} responses to the {len(self.stimulated)} stimulated neurons of a "
                "fit counts as one, so that nothing says how large one is. Set more folds, or bring responses to more neurons."
            )
        size = float(np.median(sizes))
        if size == 0:
            raise ValueError(
                f"{self.origin}: {(sizes == 0).sum()} of {len(sizes)} responses that `responds` marks, to {len(self.stimulated)} "
                "stimulated neurons, are 0, so that their median size is 0, in which all are counted. Write how large they are, "
                "or mark those of 0 false."
            )
        return np.clip(self.values / size, -1, 1)

    def as_trials(self, circuit: Circuit, held_s: float, dt_s: float) -> Trials:
        """A trial a stimulated neuron, named by it: a constant input of 1 to it alone, at whose end every other is at its clipped response.

        Args:
            circuit: The circuit.
            held_s: Length of the input, seconds.
            dt_s: Seconds a step.
        """
        n, steps = len(self.stimulated), max(round(held_s / dt_s), 1)
        stimulus = np.repeat(np.eye(n, dtype=np.float32)[:, None], steps, axis=1)
        activity = np.full((n, steps, len(self.responding)), np.nan, dtype=np.float32)
        activity[:, -1] = self.clipped()
        return Trials(dt_s, stimulus, self.stimulated, activity, self.responding, np.empty((n, steps, 0)), (), self.names(circuit))


def responses_of(source: SourceTables, circuit: Circuit, beyond: float, of_another: bool = False) -> Responses | None:
    """The responses to stimulation that a source has, of its own animal or of another; None where it has none.

    Where the table does not say who responds, a response counts as one that is larger than `beyond` times the SD of all, as their median
    distance from the median has it: most neurons do not respond to most others. In a table that has 0 where nothing was found, as
    thresholded ones do, this SD is 0, and all others count.

    Args:
        source: Source, of which the table of role responses_to_stimulation is read.
        circuit: Its circuit.
        beyond: Size of a response that counts as one, in that SD.
        of_another: Whether the first other animal is meant; its neurons that the circuit lacks are left out, with a count in the log.

    Raises:
        ValueError: Two tables are of one animal, a neuron is not in the circuit, or no response is of two neurons.

    Examples:
        >>> source = graphtwin.load("stimulated/source.toml")
        >>> graphtwin.motor.responses_of(source, graphtwin.motor.circuit_of(source), beyond=2.0).values.shape
        (30, 36)
    """
    table = _table_of(source, of_another)
    if table is None:
        return None
    rows = rows_by_root(source, circuit)
    ends = {what: table.frame[f"{end}_root_id"].map(rows).fillna(-1).astype(np.int64) for end, what in ENDS.items()}
    frame = table.frame.assign(**ends)
    if of_another:
        frame = _of_circuit(frame, table.origin, circuit)
    else:
        _require_known(frame, table.origin, source, circuit)
    frame = frame[frame["stimulated"] != frame["responding"]]
    if not len(frame):
        raise ValueError(f"{table.origin}: none of {len(table.frame)} responses is of another neuron than the one that was stimulated.")
    stimulated, responding = (np.unique(frame[what]) for what in ("stimulated", "responding"))
    values = np.full((len(stimulated), len(responding)), np.nan)
    places = np.searchsorted(stimulated, frame["stimulated"]), np.searchsorted(responding, frame["responding"])
    values[places] = frame["response"]
    stated, threshold = "responds" in frame, _threshold(values, beyond)
    responds = _are_some(values, threshold)
    if stated:
        responds = np.zeros(values.shape, dtype=bool)
        responds[places] = frame["responds"]
    if not responds.any():
        how = (
            "by its column `responds`, so that nothing can be predicted. Mark those that are some, or leave the column out."
            if stated
            else f"(beyond {threshold:.3g}), so that nothing can be predicted. Mark those that are some in a column `responds`, or set "
            "response.beyond lower."
        )
        raise ValueError(f"{table.origin}: none of {len(frame)} responses counts as one {how}")
    log.info(
        "%s: %d pairs of %d stimulated and %d responding neurons were measured, %d of which respond.",
        table.origin, len(frame), len(stimulated), len(responding), responds.sum(),
    )  # fmt: skip
    return Responses(stimulated, responding, values, responds, None if stated else beyond, table.origin)


def _table_of(source: SourceTables, of_another: bool) -> Table | None:
    """The table of the source's own animal, or of the first other one; an error where that animal has two."""
    tables = source.of(f"{RESPONSES}{OF_ANOTHER}" if of_another else RESPONSES)
    if not tables:
        return None
    alike = [table.origin for table in tables if not of_another or table.animal == tables[0].animal]
    if len(alike) > 1:
        raise ValueError(
            f"source {source.name!r}: {len(alike)} tables of responses to stimulation are of one animal, {' and '.join(alike)}, and one is "
            "read. Join them to a table of one row a pair, name the animal of those of another, or leave all but one out."
        )
    other = [table.origin for table in tables if table.origin not in alike]
    if other:
        log.warning("source %s: the ceiling is of the first other animal, %s; not read: %s.", source.name, alike[0], ", ".join(other))
    return tables[0]


def _threshold(values: Float[np.ndarray, "stimulated responding"], beyond: float) -> float:
    """Size beyond which a response counts as one, in the unit of the responses."""
    there = values[np.isfinite(values)]
    return beyond * TO_SD * float(np.median(np.abs(there - np.median(there))))


def _are_some(values: Float[np.ndarray, "stimulated responding"], threshold: float) -> Bool[np.ndarray, "stimulated responding"]:
    """Which responses are beyond a size; none that was not measured."""
    return np.asarray(np.abs(np.nan_to_num(values)) > threshold)


def _of_circuit(frame: pd.DataFrame, origin: str, circuit: Circuit) -> pd.DataFrame:
    """Pairs of another animal whose neurons the circuit has; an error where it has none."""
    known = (frame[list(ENDS.values())] >= 0).all(axis=1)
    if not known.any():
        raise ValueError(
            f"{origin}: none of {len(frame)} responses of another animal is of two neurons of the circuit (it has "
            f"{list(circuit.names[:SHOWN])} ...). Write the names alike, or leave the table out."
        )
    if not known.all():
        log.info("%s: %d of %d responses of another animal are left out: the circuit lacks a neuron.", origin, (~known).sum(), len(known))
    return frame[known]


def _require_known(frame: pd.DataFrame, origin: str, source: SourceTables, circuit: Circuit) -> None:
    """Raise where a neuron is not in the circuit."""
    for end, what in ENDS.items():
        roots = frame[f"{end}_root_id"]
        unknown = sorted(set(roots[frame[what] < 0]))
        if unknown:
            named = [source.names[root - 1] if source.names else str(root) for root in unknown]
            raise ValueError(
                f"{origin}: {len(named)} of {roots.nunique()} {what} neurons are not among the {len(circuit.names)} of the circuit, first "
                f"{named[:SHOWN]} (it has {list(circuit.names[:SHOWN])} ...). Write the names alike, or leave their rows out."
            )
