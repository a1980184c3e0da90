"""Trials of a circuit: what went in, what neurons did, what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from graphtwin.motor.circuit.circuit import Circuit
from graphtwin.shapes import Float, Int
from graphtwin.told import told_by_fields


@told_by_fields
@dataclass(frozen=True)
class Trials:
    """Trials of one length: what went in, what was recorded.

    Attributes:
        dt_s: Seconds a step.
        stimulus: External input of the stimulated neurons.
        stimulated: Their rows in the circuit.
        activity: Recorded activity, NaN where not recorded.
        recorded: Rows in the circuit of the recorded neurons.
        output: Motor output, NaN where not recorded; 0 columns without.
        outputs: Names of the outputs.
        names: Name of each trial, unique: trials are split by it.

    Axes are held against each other in words, below, and not by their names.

    Raises:
        ValueError: Trials of different lengths or numbers, a step of no time, values that are infinite, a stimulus with gaps, neurons or
            names twice, or nothing recorded.

    Examples:
        >>> trials
        Trials
          dt_s: 0.02
          stimulus: array of 22 x 40 x 16
          stimulated: array of 16
          activity: array of 22 x 40 x 13
          recorded: array of 13
          output: array of 22 x 40 x 1
          outputs: 1: force
          names: 22: slow-0, slow-1, slow-2, slow-3, slow-4, slow-5, slow ...
        >>> trials.activity.shape  # trials x steps x recorded neurons
        (22, 40, 13)
    """

    dt_s: float
    stimulus: Float[np.ndarray, "_trials _steps _stimulated"]
    stimulated: Int[np.ndarray, " _stimulated"]
    activity: Float[np.ndarray, "_trials _steps _recorded"]
    recorded: Int[np.ndarray, " _recorded"]
    output: Float[np.ndarray, "_trials _steps _outputs"]
    outputs: tuple[str, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what are no trials of one length."""
        if not (np.isfinite(self.dt_s) and self.dt_s > 0):
            raise ValueError(f"dt_s = {self.dt_s}: a step takes some time. Give the seconds from one sample to the next.")
        _require_shapes(self)
        _require_values(self)
        for rows, what in ((self.stimulated, "stimulated neurons"), (self.recorded, "recorded neurons")):
            _require_once(rows.tolist(), what)
        _require_once(self.outputs, "outputs")
        _require_once(self.names, "trials")

    @property
    def n_steps(self) -> int:
        """Steps of each trial."""
        return int(self.stimulus.shape[1])

    def chosen(self, trials: Sequence[int] | Int[np.ndarray, " chosen"]) -> Trials:
        """Some of the trials, by their places, in the order given."""
        rows = np.asarray(trials, dtype=np.int64)
        kept = {name: getattr(self, name)[rows] for name in ("stimulus", "activity", "output")}
        return replace(self, **kept, names=tuple(self.names[row] for row in rows))

    def require_of(self, circuit: Circuit) -> None:
        """Raise where a stimulated or recorded neuron is not in the circuit, or output is there without motor neurons."""
        for rows, what in ((self.stimulated, "stimulated"), (self.recorded, "recorded")):
            outside = rows[(rows < 0) | (rows >= len(circuit.names))]
            if len(outside):
                raise ValueError(
                    f"{len(outside)} of {len(rows)} {what} neurons are not in the circuit, first number {outside[0]}, where neurons have "
                    f"numbers from 0 to {len(circuit.names) - 1}. Trials and circuit are of one animal: load both from one source."
                )
        if self.outputs:
            circuit.require_motor()


def _require_shapes(trials: Trials) -> None:
    """Raise where arrays are not trials x steps x columns of the same trials and steps, or columns have no names."""
    shapes = {name: getattr(trials, name).shape for name in ("stimulus", "activity", "output")}
    if any(len(shape) != 3 for shape in shapes.values()) or len({shape[:2] for shape in shapes.values()}) > 1:
        raise ValueError(
            f"Trials of unequal number or length, or arrays that are not trials x steps x columns: {shapes}. Cut all trials to one length, "
            "and give stimulus, activity and output the same steps."
        )
    n_trials, n_steps = shapes["stimulus"][:2]
    if not n_trials or not n_steps:
        raise ValueError(f"{n_trials} trials of {n_steps} steps: there is nothing to fit or to score. Give at least one of either.")
    named = {
        "trials": (n_trials, len(trials.names)),
        "columns of stimulus": (shapes["stimulus"][2], len(trials.stimulated)),
        "columns of activity": (shapes["activity"][2], len(trials.recorded)),
        "columns of output": (shapes["output"][2], len(trials.outputs)),
    }
    other = [f"{found} {what}, but names of {names}" for what, (found, names) in named.items() if found != names]
    if other:
        raise ValueError(f"{'; '.join(other)}. Name each.")


def _require_values(trials: Trials) -> None:
    """Raise where the input has gaps, a value is infinite, or nothing was recorded at all."""
    gaps = ~np.isfinite(trials.stimulus)
    if gaps.any():
        raise ValueError(
            f"{int(gaps.sum())} of {gaps.size} values of the stimulus are missing or infinite, first in trial "
            f"{trials.names[int(np.argwhere(gaps)[0][0])]!r}. A circuit runs on what went in at every step: write 0 where nothing did."
        )
    for name in ("activity", "output"):
        endless = np.isinf(getattr(trials, name))
        if endless.any():
            raise ValueError(f"{int(endless.sum())} of {endless.size} values of {name} are infinite. Write NaN where nothing was recorded.")
    if not np.isfinite(trials.activity).any() and not np.isfinite(trials.output).any():
        raise ValueError(f"Nothing was recorded in {len(trials.names)} trials: neither activity nor output has a value.")


def _require_once(values: Sequence[object], what: str) -> None:
    """Raise where a value comes twice."""
    repeated = len(values) - len(set(values))
    if repeated:
        first = next(value for value in values if list(values).count(value) > 1)
        raise ValueError(f"{repeated} of {len(values)} {what} come twice, first {first!r}. Name each once.")
