"""Responses to the stimulation of single neurons, where a source has these and no trials: a row a stimulated neuron."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphtwin.motor.circuit.circuit import SHOWN, Circuit
from graphtwin.motor.circuit.of_source import rows_by_root
from graphtwin.motor.circuit.trials import Trials
from graphtwin.shapes import Bool, Float, Int
from graphtwin.sources import OF_ANOTHER, RESPONSES, SourceTables, Table

TO_SD = 1.4826  # SD over the median distance from the median, of normal values

log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class Responses:
    """What each neuron did when one was stimulated.

    Attributes:
        stimulated: Rows in the circuit of the stimulated neurons, in order.
        responding: Rows of the neurons that were recorded, in order.
        values: Response of each, in any unit; NaN where it was never measured, and of a neuron to itself.
        responds: Whether that is a response.
        origin: Name of the file.
    """

    stimulated: Int[np.ndarray, " stimulated"]
    responding: Int[np.ndarray, " responding"]
    values: Float[np.ndarray, "stimulated responding"]
    responds: Bool[np.ndarray, "stimulated responding"]
    origin: str

    def names(self, circuit: Circuit) -> tuple[str, ...]:
        """Names of the stimulated neurons."""
        return tuple(circuit.names[row] for row in self.stimulated)

    def clipped(self) -> Float[np.ndarray, "stimulated responding"]:
        """Responses over the median size of those that are some, from -1 to 1: larger ones count alike, and few are not all that counts."""
        return np.clip(self.values / np.median(np.abs(self.values[self.responds])), -1, 1)

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
        source: Source, of which the first table of role responses_to_stimulation is read.
        circuit: Its circuit.
        beyond: Size of a response that counts as one, in that SD.
        of_another: Whether the first table of another animal is meant.

    Raises:
        ValueError: A neuron is not in the circuit, or no response is of two neurons.
    """
    tables = source.of(f"{RESPONSES}{OF_ANOTHER}" if of_another else RESPONSES)
    if not tables:
        return None
    table, rows = tables[0], rows_by_root(source, circuit)
    ends = {what: _ends(table, end, rows, source, circuit, what) for end, what in (("pre", "stimulated"), ("post", "responding"))}
    frame = table.frame.assign(**ends)
    frame = frame[frame["stimulated"] != frame["responding"]]
    if not len(frame):
        raise ValueError(f"{table.origin}: none of {len(table.frame)} responses is of another neuron than the one that was stimulated.")
    stimulated, responding = (np.unique(frame[what]) for what in ("stimulated", "responding"))
    values = np.full((len(stimulated), len(responding)), np.nan)
    places = np.searchsorted(stimulated, frame["stimulated"]), np.searchsorted(responding, frame["responding"])
    values[places] = frame["response"]
    threshold = beyond * TO_SD * float(np.median(np.abs(frame["response"] - frame["response"].median())))
    responds = np.abs(np.nan_to_num(values)) > threshold
    if "responds" in frame:
        responds = np.zeros(values.shape, dtype=bool)
        responds[places] = frame["responds"]
    if not responds.any():
        raise ValueError(
            f"{table.origin}: none of {len(frame)} responses counts as one (beyond {threshold:.3g}), so that nothing can be predicted. "
            "Mark those that are some in a column `responds`, or set response.beyond lower."
        )
    log.info(
        "%s: %d pairs of %d stimulated and %d responding neurons were measured, %d of which respond.",
        table.origin, len(frame), len(stimulated), len(responding), responds.sum(),
    )  # fmt: skip
    return Responses(stimulated, responding, values, responds, table.origin)


def _ends(table: Table, end: str, rows: pd.Series, source: SourceTables, circuit: Circuit, what: str) -> np.ndarray:
    """Rows in the circuit of one end of each pair; a neuron that is not there is an error."""
    roots = table.frame[f"{end}_root_id"]
    found = roots.map(rows).fillna(-1).to_numpy(np.int64)
    unknown = sorted(set(roots[found < 0]))
    if unknown:
        named = [source.names[root - 1] if source.names else str(root) for root in unknown]
        raise ValueError(
            f"{table.origin}: {len(named)} of {roots.nunique()} {what} neurons are not among the {len(circuit.names)} of the circuit, "
            f"first {named[:SHOWN]} (it has {list(circuit.names[:SHOWN])} ...). Write the names alike, or leave their rows out."
        )
    return found
