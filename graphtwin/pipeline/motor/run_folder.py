"""The folder of a fitted circuit: what a run is begun with, its fits, and how both are read again.

`trials.h5` are all trials of the source, `circuit.pt` is the wiring, `held_out.json` says what no fit has seen, `fits/` has one file a
model. A folder is data: reading one runs no code that lies in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
import torch

from graphtwin import artifacts
from graphtwin.begun import require_same_settings
from graphtwin.config import dump_toml, load_config
from graphtwin.folders import require_as_written
from graphtwin.kinds import MOTOR, require_kind, require_place
from graphtwin.motor import Circuit, FittedCircuit, Trials
from graphtwin.motor.scores import Split
from graphtwin.pipeline.motor.settings import WITHOUT_EFFECT, MotorRunConfig
from graphtwin.sources.formats import TrialArrays, read_trials, write_trials

FITS, TRIALS, CIRCUIT, HELD_OUT = "fits", "trials.h5", "circuit.pt", "held_out.json"
EXPOSURE = "exposure.parquet"  # exposure by rows of the circuit, where the source has it


@dataclass(frozen=True)
class MotorStudy:
    """What a run fits and scores.

    Attributes:
        circuit: The circuit.
        trials: All trials of the source.
        split: What no fit has seen.
        config: Settings.
        exposure: How much each neuron (row) could meet each other; None where the source does not say.
    """

    circuit: Circuit
    trials: Trials
    split: Split
    config: MotorRunConfig
    exposure: scipy.sparse.csr_matrix | None = None


def require_run_place(folder: Path, config: MotorRunConfig, resume: bool, force: bool, inputs: tuple[str | Path, ...] = ()) -> None:
    """Raise unless the folder is new or empty, to be begun anew, or, to resume, one of the same settings."""
    if require_place(folder, MOTOR, resume, force, inputs):
        require_same_settings(folder, config, WITHOUT_EFFECT)


def write_study(study: MotorStudy, inputs: dict[str, str], folder: Path) -> None:
    """Write what a run is begun with; one that goes on keeps what is there."""
    if (folder / TRIALS).exists():
        return
    artifacts.write_text(dump_toml(study.config), folder / "config.toml")
    artifacts.write_json(artifacts.provenance(study.config.seed, inputs), folder / "provenance.json")
    artifacts.write_tensors(_plain(study.circuit), folder / CIRCUIT)
    artifacts.write_json(study.split, folder / HELD_OUT)
    if study.exposure is not None:
        places = study.exposure.tocoo()
        table = pd.DataFrame({"pre": places.row, "post": places.col, "exposure": places.data})
        artifacts.write_parquet(table, folder / EXPOSURE)
    write_trials(_as_arrays(study.circuit, study.trials), folder / TRIALS)


def read_study(folder: Path) -> MotorStudy:
    """The circuit, the trials and the settings of a run, as they were when it began."""
    content = artifacts.read_tensors(folder / CIRCUIT, "Fit the circuit again.")
    names = {field.name for field in fields(Circuit)}
    if not isinstance(content, dict) or content.keys() != names:
        raise ValueError(f"{folder / CIRCUIT}: is no circuit. Fit it again.")
    columns: dict[str, Any] = {name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in content.items()}
    circuit = Circuit(**columns)
    split = Split(**{name: tuple(names) for name, names in json.loads((folder / HELD_OUT).read_text(encoding="utf-8")).items()})
    trials, config = _of_arrays(circuit, read_trials(folder / TRIALS)), load_config(MotorRunConfig, folder / "config.toml")
    return MotorStudy(circuit, trials, split, config, _exposure_in(folder, len(circuit.names)))


def _exposure_in(folder: Path, n: int) -> scipy.sparse.csr_matrix | None:
    """Exposure of a run's circuit; None where its source had none."""
    if not (folder / EXPOSURE).exists():
        return None
    table = pd.read_parquet(folder / EXPOSURE)
    return scipy.sparse.csr_matrix((table["exposure"], (table["pre"], table["post"])), shape=(n, n))


def load_fitted(run: str | Path) -> FittedCircuit:
    """The fitted circuit of a finished run.

    Args:
        run: Folder that `graphtwin motor fit` wrote.
    """
    run = Path(run)
    require_kind(run, MOTOR)
    require_as_written(run, f"{FITS}/circuit.pt")
    return FittedCircuit.load(run / FITS / "circuit.pt")


def _plain(circuit: Circuit) -> dict[str, Any]:
    """A circuit as tensors and words."""
    return {
        name: torch.from_numpy(np.ascontiguousarray(value)) if isinstance(value, np.ndarray) else value
        for name, value in vars(circuit).items()
    }


def _as_arrays(circuit: Circuit, trials: Trials) -> TrialArrays:
    """Trials under the names of neurons."""
    of = {name: tuple(circuit.names[row] for row in getattr(trials, name)) for name in ("stimulated", "recorded")}
    return TrialArrays(
        "", trials.dt_s, trials.stimulus, of["stimulated"], trials.activity, of["recorded"], trials.output, trials.outputs, trials.names
    )


def _of_arrays(circuit: Circuit, read: TrialArrays) -> Trials:
    """Trials in the rows of a circuit."""
    return Trials(
        dt_s=read.dt_s,
        stimulus=read.stimulus,
        stimulated=circuit.rows_of(read.stimulated, "stimulated neurons"),
        activity=read.activity,
        recorded=circuit.rows_of(read.recorded, "recorded neurons"),
        output=read.output,
        outputs=read.outputs,
        names=read.names,
    )
