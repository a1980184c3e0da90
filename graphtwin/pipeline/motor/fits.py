"""Every fit of a run as a job of one thread: the circuit, rewired and permuted ones, and dynamics without a connectome.

A worker reads the study from the folder of the run.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from graphtwin.artifacts import write_text
from graphtwin.execute import map_jobs, rng_for, threads
from graphtwin.folders import WORK
from graphtwin.motor import Circuit, FittedCircuit
from graphtwin.motor import fit as fit_circuit
from graphtwin.motor.controls import FittedLowRank, Keep, fit_low_rank, permuted, rewired
from graphtwin.motor.fitting import load_circuit
from graphtwin.pipeline.motor.run_folder import FITS, MotorStudy, read_study
from graphtwin.pipeline.motor.settings import MotorRunConfig

CIRCUIT, LOW_RANK, PERMUTED, REWIRED = "circuit", "no connectome", "permuted identities", "rewired"
Fitted = FittedCircuit | FittedLowRank


@dataclass(frozen=True)
class FitJob:
    """One model to fit.

    Attributes:
        kind: What it is: the circuit, no connectome, permuted identities, or rewired with what is kept.
        model: Name of the model in tables: its kind, and its number where there are several of the kind.
        replicate: Number of the rewiring or permutation.
        fits: Number of its fits: those with most start first. A control has one, which says what it predicts, and no spread.
        fold: Fold whose held-out neurons or trials it does not see; None of a model that sees all, which is not scored.
        folds: Number of folds of the study.
    """

    kind: str
    model: str
    replicate: int
    fits: int
    fold: int | None = 0
    folds: int = 1

    @property
    def stem(self) -> str:
        """Name of its file, without the ending."""
        model = self.model.replace(" ", "_").replace(",", "")
        return model if self.fold is None or self.folds == 1 else f"{model}_fold{self.fold + 1}"


def fit_jobs(study: MotorStudy) -> list[FitJob]:
    """The circuit and every control that it allows: types are kept where there are several, distances where places are known.

    The first is the circuit that questions are put to. Where there are several folds it sees all, and each fold has fits of its own.

    Args:
        study: What is fitted.
    """
    jobs, folds = _fold_jobs(study.circuit, study.config), len(study.splits)
    if folds == 1:
        return jobs
    return [replace(jobs[0], fold=None, folds=folds), *(replace(job, fold=fold, folds=folds) for job in jobs for fold in range(folds))]


def _fold_jobs(circuit: Circuit, config: MotorRunConfig) -> list[FitJob]:
    """The models of a fold."""
    kinds = [f"{REWIRED}, {keep}" for keep in kept_of(circuit)] + [PERMUTED]
    controls = [
        FitJob(kind, kind if config.replicates == 1 else f"{kind} {replicate + 1}", replicate, 1)
        for kind in kinds
        for replicate in range(config.replicates)
    ]
    return [FitJob(CIRCUIT, CIRCUIT, 0, config.model.fits), *controls, FitJob(LOW_RANK, LOW_RANK, 0, 1)]


def kept_of(circuit: Circuit) -> list[Keep]:
    """What a rewiring of this circuit can keep beside its degrees."""
    several_types = len(set(circuit.types) - {""}) > 1
    placed = np.isfinite(circuit.position).all(axis=1).sum() > 2
    return ["degrees", *(["types"] if several_types else []), *(["distance"] if placed else [])]  # type: ignore[list-item]


def left_out(circuit: Circuit, config: MotorRunConfig) -> list[str]:
    """What controls are not fitted to this circuit with these settings, and why; a sentence each.

    Args:
        circuit: The circuit.
        config: Settings of the run.
    """
    if not config.replicates:
        return ["No circuit was rewired and none has permuted identities: replicates = 0."]
    why = {"types": "fewer than two types are known", "distance": "fewer than three positions are known"}
    return [f"{REWIRED}, {keep} was left out: {reason}." for keep, reason in why.items() if keep not in kept_of(circuit)]


def run_fits(jobs: list[FitJob], workers: int, run: Path) -> None:
    """Fit all models that are not in the folder yet.

    Args:
        jobs: Models to fit.
        workers: Number of processes.
        run: Folder of the run, in which its study is.
    """
    from graphtwin.progress import tqdm

    missing = sorted((job for job in jobs if not _mark(run, job).exists()), key=lambda job: -job.fits)
    if not missing:
        return
    alone = min(workers, len(missing)) == 1
    done = map_jobs(_do, [(run, alone, job) for job in missing], workers=workers)
    for _ in tqdm(done, total=len(missing), desc="fits", unit="model"):
        pass


def load_model(run: Path, job: FitJob, circuit: Circuit) -> Fitted | None:
    """A fitted model; None of a control that could not be fitted.

    Args:
        run: Folder of the run.
        job: The model.
        circuit: The circuit of the run.
    """
    path = run / FITS / f"{job.stem}.pt"
    if path.with_suffix(".txt").exists():
        return None
    return FittedLowRank.load(path, circuit) if job.kind == LOW_RANK else load_circuit(path)


def failure_of(run: Path, job: FitJob) -> str | None:
    """Why a control was not fitted; None where it was."""
    path = run / FITS / f"{job.stem}.txt"
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def _do(run: Path, progress: bool, job: FitJob) -> str:
    """Fit one model in a process of one thread and keep it; a control that cannot be fitted is told and left out."""
    import torch  # noqa: F401  # imported so that `threads` bounds it

    study, place = read_study(run), run / FITS / f"{job.stem}.pt"
    with threads(1):
        try:
            _fitted(job, study, run, progress).save(place)
        except (FloatingPointError, ValueError) as error:  # states that run away, or nothing to exchange here
            if job.kind == CIRCUIT:
                raise
            write_text(f"{error}\n", place.with_suffix(".txt"))
    write_text("", _mark(run, job))
    shutil.rmtree(_checkpoints(run, job), ignore_errors=True)
    return job.stem


def _fitted(job: FitJob, study: MotorStudy, run: Path, progress: bool) -> Fitted:
    """A model, fitted to what fits may see."""
    circuit, seed = study.circuit, study.config.seed
    training = study.trials if job.fold is None else study.training(job.fold)
    config, checkpoints = study.config.model.model_copy(update={"fits": job.fits}), _checkpoints(run, job)
    if job.kind == LOW_RANK:
        return fit_low_rank(circuit, training, config, seed, checkpoints, progress)
    return fit_circuit(_wiring_of(job, circuit, seed), training, config, seed, checkpoints, progress)


def _wiring_of(job: FitJob, circuit: Circuit, seed: int) -> Circuit:
    """The circuit of a model: as it is, with its edges exchanged, or with other names."""
    if job.kind == CIRCUIT:
        return circuit
    rng = rng_for(seed, job.kind, job.replicate)
    if job.kind == PERMUTED:
        return permuted(circuit, rng)
    keep: Keep = job.kind.removeprefix(f"{REWIRED}, ")  # type: ignore[assignment]
    return rewired(circuit, rng, keep)


def _mark(run: Path, job: FitJob) -> Path:
    return run / WORK / f"{job.stem}.done"


def _checkpoints(run: Path, job: FitJob) -> Path:
    return run / WORK / job.stem
