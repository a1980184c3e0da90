"""The folder of a fitted circuit: what a run is begun with, its fits, and how both are read again.

`trials.h5` are all trials of the source, `circuit.pt` is the wiring, `held_out.json` says what no fit has seen, fold by fold where there
are several, `fits/` has one file a model and fold. A folder is data: reading one runs no code that lies in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import scipy.sparse
import torch

from graphtwin import artifacts
from graphtwin.begun import require_same_settings
from graphtwin.config import dump_toml, load_config, read_toml
from graphtwin.kinds import MOTOR, require_kind, require_place
from graphtwin.motor import Circuit, FittedCircuit, Orders, Responses, Trials
from graphtwin.motor.circuit import SingleResponses
from graphtwin.motor.fitting import load_circuit
from graphtwin.motor.scores import Split
from graphtwin.pipeline.motor.settings import WITHOUT_EFFECT, MotorRunConfig
from graphtwin.sources.formats import TrialArrays, read_trials, write_trials

FITS, TRIALS, CIRCUIT, HELD_OUT = "fits", "trials.h5", "circuit.pt", "held_out.json"
EXPOSURE = "exposure.parquet"  # exposure by rows of the circuit, where the source has it
# Responses to stimulation, where the source has these and no trials, of its own animal and of another.
RESPONSES, OF_ANOTHER = "measured_responses.pt", "responses_of_another.pt"
BEFORE = "control_fits"  # setting of runs whose predictions were means over fits
SINGLE = "single_responses.pt"  # those of which the source's own responses are means, where it has these
ORDERS = "orders.pt"  # orders of recruitment, where the source has these and neither trials nor responses

Measured = TypeVar("Measured", Responses, SingleResponses)


@dataclass(frozen=True)
class MotorStudy:
    """What a run fits and scores.

    Attributes:
        circuit: The circuit.
        trials: All trials of the source, or those that its responses to stimulation are made into.
        splits: What no fit of a fold has seen; trials have one fold.
        config: Settings.
        exposure: How much each neuron (row) could meet each other; None where the source does not say.
        responses: Responses to the stimulation of single neurons, where the source has these and no trials.
        of_another: Those of another animal, where it has them too.
        single: Single ones, of which they are means, where it has these.
    """

    circuit: Circuit
    trials: Trials
    splits: tuple[Split, ...]
    config: MotorRunConfig
    exposure: scipy.sparse.csr_matrix | None = None
    responses: Responses | None = None
    of_another: Responses | None = None
    single: SingleResponses | None = None

    @property
    def split(self) -> Split:
        """What no fit has seen, of trials, which have one fold."""
        return self.splits[0]

    def training(self, fold: int) -> Trials:
        """What the fits of a fold see; of responses to stimulation, those of training alone set the scale.

        Args:
            fold: Number of the fold.
        """
        part = self.splits[fold].train(self.circuit, self.trials)
        if self.responses is None:
            return part
        activity, place = part.activity.copy(), {name: at for at, name in enumerate(self.trials.names)}
        activity[:, -1] = self.responses.chosen(np.array([place[name] for name in part.names])).clipped()
        return replace(part, activity=activity)


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
    artifacts.write_tensors(plain(study.circuit), folder / CIRCUIT)
    artifacts.write_json(study.splits[0] if study.responses is None else list(study.splits), folder / HELD_OUT)
    for measured, name in ((study.responses, RESPONSES), (study.of_another, OF_ANOTHER), (study.single, SINGLE)):
        if measured is not None:
            artifacts.write_tensors(plain(measured), folder / name)
    if study.exposure is not None:
        places = study.exposure.tocoo()
        table = pd.DataFrame({"pre": places.row, "post": places.col, "exposure": places.data})
        artifacts.write_parquet(table, folder / EXPOSURE)
    write_trials(_as_arrays(study.circuit, study.trials), folder / TRIALS)


def read_study(folder: Path) -> MotorStudy:
    """The circuit, the trials and the settings of a run, as they were when it began."""
    require_dynamics(folder)
    require_first_predicts(folder)
    circuit = read_circuit(folder)
    held = json.loads((folder / HELD_OUT).read_text(encoding="utf-8"))
    each = held if isinstance(held, list) else [held]
    splits = tuple(Split(**{name: tuple(names) for name, names in one.items()}) for one in each)
    trials, config = _of_arrays(circuit, read_trials(folder / TRIALS)), load_config(MotorRunConfig, folder / "config.toml")
    own, other = (_responses_in(folder / name, Responses) for name in (RESPONSES, OF_ANOTHER))
    single = _responses_in(folder / SINGLE, SingleResponses)
    return MotorStudy(circuit, trials, splits, config, _exposure_in(folder, len(circuit.names)), own, other, single)


def read_circuit(folder: Path) -> Circuit:
    """The circuit of a run."""
    content = artifacts.read_tensors(folder / CIRCUIT, "Fit the circuit again.")
    names = {field.name for field in fields(Circuit)}
    if not isinstance(content, dict) or content.keys() != names:
        raise ValueError(f"{folder / CIRCUIT}: is no circuit. Fit it again.")
    columns: dict[str, Any] = {name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in content.items()}
    return Circuit(**columns)


def require_first_predicts(folder: Path) -> None:
    """Raise where a run was made when predictions were means over all fits: its tables mean another thing than what is said of them.

    Args:
        folder: Folder that `graphtwin motor fit` wrote.
    """
    before = read_toml(folder / "config.toml").get(BEFORE)
    if before is not None:
        raise ValueError(
            f"{folder}: is of an earlier version, in which predictions were means over all fits of a model ({BEFORE} = {before}). Now the "
            "first fit, at the prior's mean, predicts, of the circuit and of every control, and others say how far that may be off. Fit "
            "the source again (graphtwin motor fit --force)."
        )


def asks_orders(folder: str | Path) -> bool:
    """Whether a run asked for the order of recruitment alone.

    Args:
        folder: Folder that `graphtwin motor fit` wrote.
    """
    return (Path(folder) / ORDERS).exists()


def require_dynamics(folder: Path) -> None:
    """Raise where a run asked for the order of recruitment alone: nothing in it says what neurons do from step to step."""
    if asks_orders(folder):
        raise ValueError(
            f"{folder}: was fitted to orders of recruitment, which tell when motor neurons fire and not what neurons do from step to step, "
            "so that no stimulus has an answer. Nor has a lesion: neurons whose inputs are alike fire together, and nothing says what "
            "one does that has lost some of its inputs. What it predicts is in orders.csv and pairs.csv, and `graphtwin motor predict` "
            "without a stimulus tells the place of every motor neuron. Fit a source that has trials, or responses to stimulation."
        )


def _responses_in(path: Path, kind: type[Measured]) -> Measured | None:
    """Responses to stimulation as a run began with them; None where its source had none."""
    if not path.exists():
        return None
    content = artifacts.read_tensors(path, "Fit the circuit again.")
    if not isinstance(content, dict) or content.keys() != {field.name for field in fields(kind)}:
        raise ValueError(f"{path}: are no responses. Fit the circuit again.")
    columns: dict[str, Any] = {name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in content.items()}
    return kind(**columns)


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
    require_dynamics(run)
    require_first_predicts(run)
    return load_circuit(run)


def plain(one: Circuit | Responses | SingleResponses | Orders) -> dict[str, Any]:
    """A circuit, responses or orders, as tensors, numbers and words."""
    return {
        name: torch.from_numpy(np.ascontiguousarray(value)) if isinstance(value, np.ndarray) else value for name, value in vars(one).items()
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
