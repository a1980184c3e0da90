"""A planted circuit as a source of files, as a laboratory would have them: cells, synapses and trials, and the TOML that names them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.motor import Trials
from graphtwin.sources.formats import TrialArrays, write_trials
from tests.motor.planted_circuit import DT, Planted, planted_circuit, slow_input

TOML = """name = "planted"

[frame]
axes = ["x", "y", "z"]

[[tables]]
role = "circuit_cells"
file = "cells.csv"
materialization = 1

[[tables]]
role = "synapses"
file = "synapses.csv"
materialization = 1

[[tables]]
role = "queried_post"
file = "cells.csv"
materialization = 1

[[tables]]
role = "queried_pre"
file = "cells.csv"
materialization = 1

[[trials]]
file = "trials.h5"
"""
SLOW, PULSED, STEPS = 14, 8, 40  # trials of slow input to the senses, trials of a pulse to one other neuron, steps of each


def planted() -> Planted:
    """24 neurons, of which 8 senses and 8 neurons between get input."""
    circuit = planted_circuit(seed=1)
    return replace(circuit, stimulated=np.arange(16))


def cells(truth: Planted) -> pd.DataFrame:
    """The table of neurons."""
    circuit = truth.circuit
    types = np.where(circuit.sensory, "sense", np.where(circuit.motor, "motor", "between"))
    return pd.DataFrame(
        {"name": circuit.names, "cell_type": types, "sign": circuit.sign, "sensory": circuit.sensory, "motor": circuit.motor}
    )


def synapses(truth: Planted) -> pd.DataFrame:
    """The table of edges."""
    names = np.array(truth.circuit.names)
    return pd.DataFrame({"pre_name": names[truth.circuit.pre], "post_name": names[truth.circuit.post], "size": truth.circuit.count})


def trials(truth: Planted) -> Trials:
    """Trials of slow input to senses, and of pulses to one neuron between each."""
    rng = np.random.default_rng(2)
    stimulus = np.zeros((SLOW + PULSED, STEPS, 16))
    stimulus[:SLOW, :, :8] = slow_input(rng, SLOW, STEPS, 8)
    for at in range(PULSED):
        stimulus[SLOW + at, 15:30, 8 + at] = 2.0
    states, output = truth.run(stimulus)
    recorded = np.r_[np.arange(2, 20, 2), 20:24]
    seen = states[:, :, recorded]
    names = [f"slow-{at}" for at in range(SLOW)] + [f"pulse-{at}" for at in range(PULSED)]
    seen = seen + 0.05 * seen.std((0, 1)) * rng.standard_normal(seen.shape)
    return Trials(DT, stimulus, truth.stimulated, seen, recorded, output, ("force",), tuple(names))


def write_source(folder: Path, told: pd.DataFrame | None = None, wired: pd.DataFrame | None = None, dt_s: float = DT) -> Path:
    """Write the source and return its TOML; tables that are given take the place of the planted ones."""
    truth = planted()
    folder.mkdir(parents=True, exist_ok=True)
    (cells(truth) if told is None else told).to_csv(folder / "cells.csv", index=False)
    (synapses(truth) if wired is None else wired).to_csv(folder / "synapses.csv", index=False)
    shown, names = trials(truth), np.array(truth.circuit.names)
    stimulated, recorded = (tuple(names[rows].tolist()) for rows in (shown.stimulated, shown.recorded))
    write_trials(
        TrialArrays("", dt_s, shown.stimulus, stimulated, shown.activity, recorded, shown.output, shown.outputs, shown.names),
        folder / "trials.h5",
    )
    (folder / "source.toml").write_text(TOML, encoding="utf-8")
    return folder / "source.toml"
