"""Scores of a run that was fitted to responses to stimulation: every stimulated neuron as no fit of its fold has seen it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.execute import threads
from graphtwin.motor import FittedCircuit, Responses
from graphtwin.motor.controls import of_another_animal, static_responses, usual_of
from graphtwin.motor.fitting import spread_of
from graphtwin.motor.scores import CEILING, CIRCUIT, differences, halves_of_responses, measured_responses, tabulated
from graphtwin.pipeline.motor.fits import FitJob, Fitted, failure_of, fit_jobs, left_out, load_model
from graphtwin.pipeline.motor.run_folder import MotorStudy
from graphtwin.pipeline.motor.score_tables import ALWAYS, USUAL, edge_table, files_of, neuron_table, write_tables
from graphtwin.shapes import Float, Int

RESPONSES = "responses"  # table of all pairs, measured and predicted
FILES = files_of([*ALWAYS, RESPONSES])  # that are written here
OFTEN = "usual responder"  # name of the prediction that knows only how often each neuron responds
ONE_ANIMAL = "No ceiling: the responses are of one animal, or of many taken together, so that nothing says how alike two animals are."


def write_response_scores(run: Path, study: MotorStudy, circuit: FittedCircuit) -> None:
    """Score all models of a run, fold by fold, and write tables and verdicts.

    Args:
        run: Folder of the run, with its fits.
        study: What was fitted.
        circuit: The circuit, fitted to all stimulated neurons: what it says of edges and parameters is shown, and is not scored.
    """
    seen, seed, notes = _measured(study), study.config.seed, left_out(study.circuit, study.config)
    with threads(1):
        said, spread = _of_fits(run, study, notes)
        predicted = said | _without_fits(study)
        units = pd.concat([_units(name, matrix, study) for name, matrix in predicted.items()], ignore_index=True)
        frames = {"scores": tabulated(units, seed), "differences": differences(units, CIRCUIT, seed), "identified": circuit.identified()}
        frames |= {"neurons": neuron_table(study), "edges": edge_table(circuit), RESPONSES: _pairs(study, said[CIRCUIT], spread)}
        ceiling = _ceiling(study, notes)
    few = len(seen.stimulated) - units["unit"].nunique()
    if few:
        notes.append(
            f"{few} of {len(seen.stimulated)} stimulated neurons are not scored: too few of their pairs were measured, or all alike."
        )
    n, nothing = int(np.isfinite(seen.values).sum()), int((seen.values == 0).sum())
    if nothing > n / 2:
        notes.append(
            f"{nothing} of {n} responses are exactly 0. Where a source writes 0 for pairs that nobody measured too, these count as pairs "
            "that were looked at and do not respond."
        )
    if "auc" not in set(units["metric"]):
        notes.append(
            f"No AUC: of no stimulated neuron some respond and others do not ({seen.responds.sum()} of {n} measured pairs respond)."
        )
    write_tables(run, frames, units, ceiling, notes, None)


def _measured(study: MotorStudy) -> Responses:
    """The responses of a study that has some."""
    assert study.responses is not None  # the caller has looked
    return study.responses


def _units(name: str, matrix: np.ndarray, study: MotorStudy) -> pd.DataFrame:
    """Units of one model."""
    seen = _measured(study)
    return measured_responses(name, matrix, seen.values, seen.responds, seen.names(study.circuit))


def _folds(study: MotorStudy) -> Iterator[tuple[Int[np.ndarray, " held_out"], Int[np.ndarray, " training"]]]:
    """Places among the stimulated neurons of what each fold holds out, and of the rest."""
    place = {name: at for at, name in enumerate(study.trials.names)}
    for split in study.splits:
        yield np.array([place[name] for name in split.stimulated]), np.array([place[name] for name in split.training])


def _of_fits(run: Path, study: MotorStudy, notes: list[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What each fitted model says of the neurons that its fits have not seen; and how far the circuit may be off, NaN with one fit.

    A model that could not be fitted in some fold is noted, and left out in all.
    """
    from graphtwin.progress import tqdm

    shape, folds = _measured(study).values.shape, list(_folds(study))
    by_model: dict[str, list[FitJob]] = defaultdict(list)
    for job in fit_jobs(study):
        if job.fold is not None:
            by_model[job.model].append(job)
    said, spread = {}, np.full(shape, np.nan)
    for model, jobs in tqdm(by_model.items(), desc="scores", unit="model", delay=2):
        failed = [(job.fold, failure_of(run, job)) for job in jobs if failure_of(run, job) is not None]
        if failed:
            notes.append(f"{model} was left out: {failed[0][1]} So it was in {len(failed)} of {len(jobs)} folds.")
            continue
        said[model] = np.full(shape, np.nan)
        for job, (held, _) in zip(jobs, folds, strict=True):
            fitted = load_model(run, job, study.circuit)
            assert fitted is not None  # it has not failed
            each = _at_the_end(fitted, study, held)
            said[model][held] = each[0]
            if model == CIRCUIT:
                spread[held] = spread_of(each)
    return said, spread


def _at_the_end(fitted: Fitted, study: MotorStudy, rows: Int[np.ndarray, " rows"]) -> Float[np.ndarray, "fits rows responding"]:
    """Activity at the end of the input to some neurons, by every fit."""
    trials = study.trials
    return fitted.predict(trials.stimulus[rows], trials.stimulated, trials.recorded).activity[:, :, -1]


def _without_fits(study: MotorStudy) -> dict[str, np.ndarray]:
    """What anatomy says without dynamics, and what is usual whoever is stimulated."""
    seen, circuit = _measured(study), study.circuit
    found = static_responses(circuit, seen.stimulated, study.exposure, seen.responding)
    usual, often = np.full(seen.values.shape, np.nan), np.full(seen.values.shape, np.nan)
    for held, training in _folds(study):
        known = seen.chosen(training)
        usual[held], often[held] = usual_of(known.clipped(), known.responds)
    return found | {USUAL: usual, OFTEN: often}


def _pairs(study: MotorStudy, said: np.ndarray, spread: np.ndarray) -> pd.DataFrame:
    """A row a pair that was measured: its response, whether it is one, and what the circuit of a fold says that has not seen it."""
    seen = _measured(study)
    at, to = np.nonzero(np.isfinite(seen.values))
    fold = np.zeros(len(seen.stimulated), dtype=np.int64)
    for number, (held, _) in enumerate(_folds(study)):
        fold[held] = number + 1
    names = np.array(study.circuit.names)
    columns = {"stimulated": names[seen.stimulated[at]], "responding": names[seen.responding[to]], "fold": fold[at]}
    values = {"response": seen.values, "responds": seen.responds, "predicted": said, "spread": spread}
    return pd.DataFrame(columns | {name: matrix[at, to] for name, matrix in values.items()})


def _ceiling(study: MotorStudy, notes: list[str]) -> pd.DataFrame:
    """How well another animal's responses predict these, or else halves of the single responses each other; `how` says what it is."""
    seen, other = _measured(study), study.of_another
    if other is not None:
        names = other.names(study.circuit), tuple(study.circuit.names[row] for row in other.responding)
        matrix = of_another_animal(study.circuit, *names, other.values)[np.ix_(seen.stimulated, seen.responding)]
        table = tabulated(_units("another animal", matrix, study), study.config.seed).assign(how="another animal")
        return table.rename(columns={"estimate": "ceiling"})[CEILING]
    if study.single is None:
        notes.append(ONE_ANIMAL)
        return pd.DataFrame(columns=CEILING)
    table, between = halves_of_responses(seen, study.single, seen.names(study.circuit), study.config.seed)
    pairs, n = study.single.measured_twice(seen.values.shape), int(np.isfinite(seen.values).sum())
    notes.append(
        f"The ceiling is of halves of single responses, of the {pairs} of {n} pairs that were measured twice or more. Halves have rank "
        f"correlation {between:.3f} with each other, and so means of all {2 * between / (1 + between):.3f}, whose root is the ceiling "
        "(Spearman-Brown). The AUC is plainly that of one half for who responds in the other, which knows half as much. Which single "
        "responses are of one animal is not known: animals may be less alike than halves."
    )
    return table
