"""A planted circuit as a source of responses to the stimulation of single neurons, without trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tests.motor.planted_circuit import Planted, planted_circuit
from tests.motor.run_source import TOML, cells, synapses

N, STIMULATED, STEPS = 40, 30, 25
TABLE = """[[tables]]
role = "responses_to_stimulation"
file = "responses.csv"
materialization = 1
columns = { pre_name = "stimulated", post_name = "recorded" }
"""


def planted() -> Planted:
    """40 neurons, of which any may be stimulated."""
    return replace(planted_circuit(N, seed=3, told=1.0), stimulated=np.arange(N))


def responses(truth: Planted, seed: int = 0, noise: float = 0.1) -> pd.DataFrame:
    """What each neuron does at the end of half a second of input to another, less what it does without; a tenth was never measured."""
    rng = np.random.default_rng(seed)
    stimulus = np.zeros((N + 1, STEPS, N))
    stimulus[np.arange(N), :, np.arange(N)] = 1.0
    states = truth.run(stimulus)[0][:, -1]
    change = states[:N] - states[N]
    np.fill_diagonal(change, np.nan)
    change += noise * np.nanstd(change) * rng.standard_normal(change.shape)
    at, to = np.nonzero(rng.random((N, N)) < 0.9)
    kept = np.isin(at, rng.permutation(N)[:STIMULATED]) & (to < N - 4)  # four neurons were not recorded
    at, to, names = at[kept], to[kept], np.array(truth.circuit.names)
    return pd.DataFrame({"stimulated": names[at], "recorded": names[to], "response": change[at, to]})


def write_source(folder: Path, table: pd.DataFrame, another: pd.DataFrame | None = None) -> Path:
    """Write the circuit with a table of responses, and one of another animal, and return the TOML."""
    truth = planted()
    folder.mkdir(parents=True, exist_ok=True)
    cells(truth).to_csv(folder / "cells.csv", index=False)
    synapses(truth).to_csv(folder / "synapses.csv", index=False)
    table.to_csv(folder / "responses.csv", index=False)
    toml = TOML.replace('[[trials]]\nfile = "trials.h5"\n', TABLE)
    if another is not None:
        another.to_csv(folder / "another.csv", index=False)
        toml = f'animal = "one"\n{toml}\n{TABLE.replace("responses.csv", "another.csv")}animal = "two"\n'
    (folder / "source.toml").write_text(toml, encoding="utf-8")
    return folder / "source.toml"
