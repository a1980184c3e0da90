"""`graphtwin motor predict`: what neurons and muscles do under a stimulus, by the first fit of a circuit, and how far that may be off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.artifacts import write_atomic
from graphtwin.config import nearest_of
from graphtwin.execute import threads
from graphtwin.motor import FittedCircuit
from graphtwin.motor.fitting import spread_of
from graphtwin.motor.model import stream
from graphtwin.shapes import Float
from graphtwin.sources.formats import StimulusFile, open_stimulus

BEFORE_S, LENGTH_S, BEHIND_S = 0.5, 0.5, 0.5  # seconds before, during and behind the input of `pulse`
SAME_STEP = 1e-6  # difference of two lengths of a step, as a share, that counts as none


@dataclass(frozen=True)
class Part:
    """What some trials do in a window of time.

    Attributes:
        trials: Places of the trials.
        begin: First step of the window.
        activity: Activity of all neurons.
        activity_spread: How far it may be off, `spread_of`; NaN with one fit.
        output: Motor output.
        output_spread: How far it may be off; NaN with one fit.
    """

    trials: slice
    begin: int
    activity: Float[np.ndarray, "trials steps neurons"]
    activity_spread: Float[np.ndarray, "trials steps neurons"]
    output: Float[np.ndarray, "trials steps outputs"]
    output_spread: Float[np.ndarray, "trials steps outputs"]


def pulse(fitted: FittedCircuit, neurons: tuple[str, ...], strength: float) -> StimulusFile:
    """A constant input to some neurons together, half a second long, with half a second before and behind it.

    Args:
        fitted: The fitted circuit.
        neurons: Names of the neurons.
        strength: Input, in units of the stimulus of its trials.
    """
    require_names(fitted, neurons, "neurons to stimulate")
    before, length, behind = (max(1, round(seconds / fitted.dt_s)) for seconds in (BEFORE_S, LENGTH_S, BEHIND_S))
    values = np.zeros((1, before + length + behind, len(neurons)), dtype=np.float32)
    values[0, before : before + length] = strength
    return StimulusFile("--stimulate", fitted.dt_s, values, neurons, ("+".join(neurons),))


def require_names(fitted: FittedCircuit, names: tuple[str, ...], what: str) -> None:
    """Raise where neurons are not in the circuit: which and how many, and the nearest name; or where one is named twice."""
    known = set(fitted.circuit.names)
    unknown = [name for name in names if name not in known]
    if unknown:
        listed = ", ".join(f"{name!r}{nearest_of(name, known)}" for name in unknown[:4])
        raise ValueError(
            f"{len(unknown)} of {len(names)} {what} are not among the {len(known)} neurons of the circuit: {listed}. Write the names as "
            "the source has them."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{len(twice)} of {len(names)} {what} are named twice, first {twice[0]!r}. Name each once.")


def answers(fitted: FittedCircuit, stimulus: StimulusFile) -> Iterator[Part]:
    """What all neurons and outputs do, a batch of trials and a window of steps at a time: memory is that of one window.

    Args:
        fitted: The fitted circuit.
        stimulus: What goes in, in memory or on disk.
    """
    stimulated = fitted.circuit.rows_of(stimulus.stimulated, f"stimulated neurons of {stimulus.origin}")
    rows, length = np.arange(len(fitted.circuit.names)), fitted.config.window
    n_trials = stimulus.values.shape[0]
    for first in range(0, n_trials, fitted.config.batch):
        chosen, begin = slice(first, min(first + fitted.config.batch, n_trials)), 0
        runs = [stream(network, _windows(stimulus, chosen, length), stimulated, rows) for network in fitted.networks]
        for fits in zip(*runs, strict=True):
            activity, output = (np.stack(parts) for parts in zip(*fits, strict=True))
            yield Part(chosen, begin, activity[0], spread_of(activity), output[0], spread_of(output))
            begin += activity.shape[2]


def _windows(stimulus: StimulusFile, trials: slice, length: int) -> Iterator[Float[np.ndarray, "trials window stimulated"]]:
    """The stimulus of some trials, a window of steps at a time; one with gaps is an error."""
    for begin in range(0, stimulus.values.shape[1], length):
        part = np.asarray(stimulus.values[trials, begin : begin + length], dtype=np.float32)
        if not np.isfinite(part).all():
            raise ValueError(
                f"{stimulus.origin}: {int((~np.isfinite(part)).sum())} values of the stimulus are missing or infinite between steps "
                f"{begin} and {begin + part.shape[1]}. A circuit runs on what goes in at every step: write 0 where nothing does."
            )
        yield part


def write_predicted(
    fitted: FittedCircuit, out: Path, neurons: tuple[str, ...] = (), file: Path | None = None, strength: float = 1.0
) -> tuple[int, int]:
    """Write what a circuit does under a pulse to some neurons, or under the stimulus of a file; returns numbers of trials and steps.

    Args:
        fitted: The fitted circuit.
        out: File to write. `.h5`: as a file of trials, activity of all neurons and output, with `activity_spread` and
            `output_spread` beside; `.parquet` or `.csv`: a row a trial, step and neuron or output.
        neurons: Names of the neurons that get a pulse, together.
        file: HDF5 file whose `stimulus` goes in, in the place of a pulse.
        strength: Strength of the pulse.
    """
    with threads(1), ExitStack() as stack:
        stimulus = pulse(fitted, neurons, strength) if file is None else stack.enter_context(open_stimulus(file))
        if abs(stimulus.dt_s - fitted.dt_s) > SAME_STEP * fitted.dt_s:
            raise ValueError(
                f"{stimulus.origin}: steps of {stimulus.dt_s:g} s, but the circuit was fitted on steps of {fitted.dt_s:g} s. Sample the "
                "stimulus anew."
            )
        require_names(fitted, stimulus.stimulated, f"stimulated neurons of {stimulus.origin}")
        sink = _arrays if out.suffix == ".h5" else _rows
        write_atomic(out, lambda temporary: _write(fitted, stimulus, temporary, sink))
        return stimulus.values.shape[0], stimulus.values.shape[1]


Sink = Callable[[Path, FittedCircuit, StimulusFile], Any]


def _write(fitted: FittedCircuit, stimulus: StimulusFile, path: Path, sink: Sink) -> None:
    """Write all parts, with a bar over those that take long."""
    from graphtwin.progress import tqdm

    trials, steps = stimulus.values.shape[:2]
    n = -(-trials // fitted.config.batch) * -(-steps // fitted.config.window)
    with sink(path, fitted, stimulus) as write:
        for part in tqdm(answers(fitted, stimulus), total=n, desc="predict", unit="window", delay=2):
            write(part)


@contextmanager
def _arrays(path: Path, fitted: FittedCircuit, stimulus: StimulusFile) -> Iterator[Callable[[Part], None]]:
    """An HDF5 file in the layout of trials, filled a part at a time."""
    import h5py

    trials, steps, columns = stimulus.values.shape
    names = {"stimulated": stimulus.stimulated, "recorded": fitted.circuit.names, "outputs": fitted.outputs, "names": stimulus.names}
    widths = {"stimulus": columns, "activity": len(fitted.circuit.names), "activity_spread": len(fitted.circuit.names)}
    widths |= {"output": len(fitted.outputs), "output_spread": len(fitted.outputs)} if fitted.outputs else {}
    with h5py.File(path, "w") as file:
        file.attrs["dt_s"] = fitted.dt_s
        for name, values in names.items():
            if values:
                file[name] = np.array(values, dtype=h5py.string_dtype())
        made = {
            name: file.create_dataset(
                name, (trials, steps, width), np.float32, chunks=(1, min(steps, fitted.config.window), width), compression="gzip"
            )
            for name, width in widths.items()
        }

        def write(part: Part) -> None:
            where = part.trials, slice(part.begin, part.begin + part.activity.shape[1])
            for name in made:
                made[name][where] = stimulus.values[where] if name == "stimulus" else getattr(part, name)

        yield write


@contextmanager
def _rows(path: Path, fitted: FittedCircuit, stimulus: StimulusFile) -> Iterator[Callable[[Part], None]]:
    """A table with a row a trial, step and neuron or output, filled a part at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        writers: list[pq.ParquetWriter] = []

        def write(part: Part) -> None:
            table = _table(part, fitted, stimulus)
            if path.suffix == ".csv":
                table.to_csv(path, mode="a", index=False, header=not path.exists())
                return
            arrow = pa.Table.from_pandas(table, preserve_index=False)
            if not writers:
                writers.append(stack.enter_context(pq.ParquetWriter(path, arrow.schema)))
            writers[0].write_table(arrow)

        yield write


def _table(part: Part, fitted: FittedCircuit, stimulus: StimulusFile) -> pd.DataFrame:
    """A part as rows: trial, step, time_s, kind (neuron or output), name, mean, spread."""
    mean = np.concatenate([part.activity, part.output], axis=2)
    spread = np.concatenate([part.activity_spread, part.output_spread], axis=2)
    trials, steps, columns = mean.shape
    names = np.array([*fitted.circuit.names, *fitted.outputs], dtype=object)
    kinds = np.repeat(np.array(["neuron", "output"], dtype=object), [len(fitted.circuit.names), len(fitted.outputs)])
    step = np.tile(np.repeat(np.arange(part.begin, part.begin + steps), columns), trials)
    return pd.DataFrame(
        {
            "trial": np.repeat(np.array(stimulus.names[part.trials], dtype=object), steps * columns),
            "step": step,
            "time_s": (step + 1) * fitted.dt_s,
            "kind": np.tile(kinds, trials * steps),
            "name": np.tile(names, trials * steps),
            "mean": mean.ravel(),
            "spread": spread.ravel(),
        }
    )
