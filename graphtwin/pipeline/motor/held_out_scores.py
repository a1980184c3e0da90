"""`graphtwin motor score`: the circuit, its controls, anatomy alone and the ceiling on what no fit has seen, and what that says."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.artifacts import sha256, write_atomic
from graphtwin.execute import threads
from graphtwin.folders import amended, require_as_written
from graphtwin.kinds import MOTOR, require_kind
from graphtwin.motor import FittedCircuit
from graphtwin.motor.controls import halves, static_responses, usual_responses
from graphtwin.motor.fitting import spread_of
from graphtwin.motor.questions import Lesion, changes, onsets, recruitment
from graphtwin.motor.scores import CIRCUIT, differences, measured, measured_lesions, predicted_by, tabulated
from graphtwin.pipeline.motor.fits import Fitted, failure_of, fit_jobs, left_out, load_model
from graphtwin.pipeline.motor.order_run import order_jobs, read_order_study
from graphtwin.pipeline.motor.order_scores import FILES as ORDER_FILES
from graphtwin.pipeline.motor.order_scores import write_order_scores
from graphtwin.pipeline.motor.response_scores import FILES, write_response_scores
from graphtwin.pipeline.motor.run_folder import FITS, HELD_OUT, ORDERS, TRIALS, MotorStudy, read_study
from graphtwin.pipeline.motor.score_tables import (
    ALWAYS,
    NOTES,
    UNITS,
    USUAL,
    edge_table,
    files_of,
    neuron_table,
    write_tables,
)
from graphtwin.sources.formats import LesionArrays, read_lesions

TABLES = (*ALWAYS, "recruitment", "lesions")
PREDICTED = "predicted.npz"


def score_motor(run: str | Path, lesions: str | Path | None = None) -> Path:
    """Score a finished run again, and write its tables and verdicts.

    Args:
        run: Folder that `graphtwin motor fit` wrote.
        lesions: File of output that was measured after lesions, as `read_lesions` takes it; None keeps what was scored before.

    Returns:
        The folder.
    """
    run = Path(run)
    require_kind(run, MOTOR)
    if (run / ORDERS).exists():
        return _score_orders(run, lesions)
    study = read_study(run)
    jobs = [job for job in fit_jobs(study) if failure_of(run, job) is None]
    require_as_written(run, TRIALS, HELD_OUT, *(f"{FITS}/{job.stem}.pt" for job in jobs))
    found = None if lesions is None else read_lesions(lesions)
    if study.responses is not None and found is not None:
        raise ValueError(
            f"{found.origin}: motor output after lesions, of a run that was fitted to responses to stimulation, without motor output. "
            "Score lesions of a source that has trials with output."
        )
    with amended(run, *(FILES if study.responses is not None else _files(found is not None))):
        write_scores(run, study, found)
    return run


def _score_orders(run: Path, lesions: str | Path | None) -> Path:
    """Score a run of orders of recruitment again."""
    if lesions is not None:
        raise ValueError(f"{lesions}: motor output after lesions, of a run that was fitted to orders of recruitment. Leave it out.")
    study = read_order_study(run)
    require_as_written(run, ORDERS, *(job.file for job in order_jobs(study)))
    with amended(run, *ORDER_FILES):
        write_order_scores(run, study)
    return run


def write_scores(run: Path, study: MotorStudy, lesions: LesionArrays | None = None) -> None:
    """Score all models of a run and write tables, predictions and verdicts.

    Args:
        run: Folder of the run, with its fits.
        study: What was fitted.
        lesions: Output that was measured after lesions.
    """
    circuit = load_model(run, fit_jobs(study)[0], study.circuit)
    assert isinstance(circuit, FittedCircuit)  # a run whose circuit was not fitted has stopped
    if study.responses is not None:
        write_response_scores(run, study, circuit)
        return
    seed, notes = study.config.seed, left_out(study.circuit, study.config)
    first = replace(circuit, networks=circuit.networks[:1])  # which says what the circuit predicts, as the only fit of a control does
    with threads(1):
        before = _scored_before(run) if lesions is None else {}
        parts = [*_of_fits(run, study, first, lesions, notes), *_without_fits(study, notes), *before.values()]
        units = pd.concat(parts, ignore_index=True)
        ceiling = halves(study.trials, seed)
        if not len(ceiling):
            notes.append("No ceiling: no stimulus was shown twice, so that nothing says how alike two trials are.")
        frames = {"scores": tabulated(units, seed), "differences": differences(units, CIRCUIT, seed), "identified": circuit.identified()}
        frames |= {"recruitment": _recruitment(circuit, study), "neurons": neuron_table(study), "edges": edge_table(circuit)}
        frames |= {} if lesions is None else {"lesions": _lesion_table(first, lesions)}
        _write_predicted(run, circuit, study)
    file = next(iter(before), None) if lesions is None else f"{lesions.origin}, sha256 {sha256(lesions.origin)}"
    write_tables(run, frames, units, ceiling, notes, file)


def _of_fits(run: Path, study: MotorStudy, first: FittedCircuit, lesions: LesionArrays | None, notes: list[str]) -> list[pd.DataFrame]:
    """Units of every fitted model; one that could not be fitted is noted."""
    from graphtwin.progress import tqdm

    trials, parts = study.split.test(study.trials), []
    for job in tqdm(fit_jobs(study), desc="scores", unit="model", delay=2):
        model = first if job.kind == CIRCUIT else load_model(run, job, study.circuit)
        if model is None:
            notes.append(f"{job.model} was left out: {failure_of(run, job)}")
            continue
        parts.append(measured(job.model, predicted_by(model, trials), trials, study.split, study.circuit, study.config.response))
        if lesions is not None:
            parts.append(_of_lesions(job.model, model, lesions))
    return parts


def _files(with_lesions: bool) -> list[str]:
    """Files that scoring writes; a table of lesions that was scored before is none of them, and stays."""
    return [*files_of(name for name in TABLES if name != "lesions" or with_lesions), PREDICTED]


def _scored_before(run: Path) -> dict[str, pd.DataFrame]:
    """Units of lesions that were scored before, by the file that they are of; none where none were."""
    if not (run / NOTES).exists() or not (file := json.loads((run / NOTES).read_text(encoding="utf-8"))["lesions"]):
        return {}
    units = pd.read_parquet(run / UNITS)
    return {file: units[units["question"] == "lesion"]}


def _without_fits(study: MotorStudy, notes: list[str]) -> list[pd.DataFrame]:
    """Units of what anatomy says without dynamics, and of the usual response."""
    if not study.split.stimulated:
        notes.append("No neuron was held out of stimulation: each is stimulated in more than a quarter of the trials, or none is.")
        return []
    circuit, config = study.circuit, study.config.response
    training, trials = study.split.train(circuit, study.trials), study.split.test(study.trials)
    rows, recorded = circuit.rows_of(study.split.stimulated, "neurons held out"), trials.recorded
    usual = np.tile(usual_responses(circuit, training, config)[recorded], (len(rows), 1))
    matrices = static_responses(circuit, rows, study.exposure, recorded) | {USUAL: usual}
    return [measured(name, matrix, trials, study.split, circuit, config) for name, matrix in matrices.items()]


def _write_predicted(run: Path, fitted: FittedCircuit, study: MotorStudy) -> None:
    """What the circuit says of the trials that no fit has seen: and how far it may be off, under the names of trials and columns."""
    trials, circuit = study.split.test(study.trials), study.circuit
    said = fitted.predict(trials.stimulus, trials.stimulated, trials.recorded)
    named = {"trials": trials.names, "recorded": [circuit.names[row] for row in trials.recorded], "outputs": trials.outputs}
    content = {name: np.array(values, dtype=str) for name, values in named.items()}
    for name, values in (("activity", said.activity), ("output", said.output)):
        content |= {name: values[0]}
        content |= {f"{name}_spread": spread_of(values)} if len(values) > 1 else {}
    write_atomic(run / PREDICTED, partial(_write_arrays, content))


def _write_arrays(content: dict[str, np.ndarray], path: Path) -> None:
    """Arrays by name in one file."""
    np.savez_compressed(path, **content)  # type: ignore[arg-type]  # its stub takes every name for allow_pickle


def _recruitment(fitted: FittedCircuit, study: MotorStudy) -> pd.DataFrame:
    """When each motor neuron is recruited in trials that were held out: predicted, and observed where it was recorded."""
    circuit, trials = study.circuit, study.split.test(study.trials)
    if not circuit.motor.any():
        return pd.DataFrame(columns=["trial", "neuron", "type", "onset_s", "low", "high", "rank", "observed_s"])
    table = recruitment(fitted, trials.stimulus, trials.stimulated)
    motor = circuit.motor[trials.recorded]
    names = np.array(circuit.names)[trials.recorded[motor]]
    seen = pd.DataFrame(onsets(trials.activity[:, :, motor], trials.dt_s), columns=names).rename_axis("trial").reset_index()
    long = seen.melt("trial", var_name="neuron", value_name="observed_s")
    table = table.merge(long, on=["trial", "neuron"], how="left")
    return table.assign(trial=np.array(trials.names)[table["trial"]])


def _of_lesions(name: str, model: Fitted, measured_after: LesionArrays) -> pd.DataFrame:
    """Units of what lesions do."""
    predicted, true = _changes(model, measured_after)
    return measured_lesions(name, predicted, true, measured_after.names)


def _lesion_table(fitted: FittedCircuit, measured_after: LesionArrays) -> pd.DataFrame:
    """A row a lesion and output: root mean square and mean of its change, predicted and measured, in the SD of the intact output."""
    scale = measured_after.intact.std(axis=(0, 1))
    scale = np.where(scale > 0, scale, 1.0)
    predicted, true = (change / scale for change in _changes(fitted, measured_after))
    lesions, outputs = len(measured_after.names), len(measured_after.outputs)
    found = {"predicted": predicted, "measured": true}
    columns = {name: np.sqrt(np.square(change).mean(axis=(1, 2))).ravel() for name, change in found.items()}
    columns |= {f"{name}_mean": change.mean(axis=(1, 2)).ravel() for name, change in found.items()}
    named = {"lesion": np.repeat(measured_after.names, outputs), "output": np.tile(measured_after.outputs, lesions)}
    return pd.DataFrame(named | columns).sort_values("measured", ascending=False, kind="stable", ignore_index=True)


def _changes(fitted: Fitted, measured_after: LesionArrays) -> tuple[np.ndarray, np.ndarray]:
    """Change of output after each lesion, predicted by the first fit and measured: lesions x trials x steps x outputs."""
    origin, names = measured_after.origin, measured_after.neurons
    if set(fitted.outputs) != set(measured_after.outputs):
        raise ValueError(f"{origin}: outputs {list(measured_after.outputs)}, but the circuit was fitted with {list(fitted.outputs)}.")
    gone = [tuple(np.array(names)[removed].tolist()) for removed in measured_after.removed]
    given = (measured_after.stimulus != 0).any(axis=(0, 1))
    between = measured_after.between
    if between is not None:
        given |= (between != 0).any(axis=0)
    stimulated = fitted.circuit.rows_of(tuple(np.array(names)[given].tolist()), f"stimulated neurons of {origin}")
    fitted.circuit.rows_of(tuple({name for part in gone for name in part}), f"neurons that lesions of {origin} removed")
    lesions = [Lesion(name, part) for name, part in zip(measured_after.names, gone, strict=True)]
    rest = None if between is None else between[:, given]
    predicted = changes(fitted, lesions, measured_after.stimulus[:, :, given], stimulated, rest)[:, 0]
    order = [fitted.outputs.index(output) for output in measured_after.outputs]
    return predicted[..., order], measured_after.lesioned - measured_after.intact
