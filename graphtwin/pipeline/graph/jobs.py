"""Independent pieces of work, run in processes, each written when done: a killed run goes on with the pieces that are missing.

A worker reads what it needs from the tables of the run folder. Nothing is pickled there: a folder that is gone on with runs no code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

import pandas as pd

from graphtwin.artifacts import write_parquet
from graphtwin.execute import map_jobs, threads
from graphtwin.folders import WORK
from graphtwin.graph.runs import Study, read_study, study_files

# Studies that were read, by folder and times of writing: two runs may have had one name.
_LOADED: dict[tuple[Path, tuple[int, ...]], Study] = {}


@dataclass(frozen=True)
class JobKey:
    """Identity of a piece of work: its files are named by it, and its table is found by it.

    Attributes:
        task: Name of the work, such as "neurons" or "pairs".
        model: Name of the model that is fitted, such as "graph" or "baselines".
        variant: Word for what the model sees or lacks, such as "permuted".
        split: Word for what is held out, such as "axon"; empty where nothing is.
        fold: Number of the part that is held out.
        replicate: Number of the permutation or rewiring.
    """

    task: str
    model: str = ""
    variant: str = ""
    split: str = ""
    fold: int | None = None
    replicate: int | None = None

    @property
    def stem(self) -> str:
        """Name of the files of the work, without their endings."""
        return "-".join(str(part).replace(" ", "_") for part in astuple(self) if part not in ("", None))


Results = dict[JobKey, pd.DataFrame]


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Attributes:
        key: Key that says what the work is about.
        work: Function that does the work: given the study, the checkpoint's path and the key, it returns a table.
        cost: Rough duration of the work, relative to others: the longest start first.
    """

    key: JobKey
    work: Callable[[Study, Path, JobKey], pd.DataFrame]
    cost: int = 1


def run_jobs(jobs: list[Job], run: Path, workers: int, label: str) -> Results:
    """The table of every job; those already in the folder are read, not run again.

    Args:
        jobs: Jobs to do, in any order.
        run: Folder of the run, with its settings, tables and embeddings.
        workers: Number of processes, each of one thread.
        label: Text of the progress bar.
    """
    from graphtwin.progress import tqdm

    assert len({job.key.stem for job in jobs}) == len(jobs), "two jobs share a file"
    missing = sorted((job for job in jobs if not _file(run, job).exists()), key=lambda job: -job.cost)
    if missing:
        done = map_jobs(_do, [(job, run) for job in missing], workers=workers)
        for _ in tqdm(done, total=len(missing), desc=label, unit="job"):
            pass
    return {job.key: pd.read_parquet(_file(run, job)) for job in jobs}


def of_task(results: Results, task: str) -> list[pd.DataFrame]:
    """The tables of all jobs of a task, in their order."""
    return [table for key, table in results.items() if key.task == task]


def _file(run: Path, job: Job) -> Path:
    return run / WORK / f"{job.key.stem}.parquet"


def _do(job: Job, run: Path) -> None:
    """Run one job in a worker and keep its table."""
    import torch  # noqa: F401  # imported so that `threads` bounds it

    checkpoint = run / WORK / f"{job.key.stem}.ckpt"
    with threads(1):
        frame = job.work(_study_of(run), checkpoint, job.key)
    write_parquet(frame, _file(run, job))
    for left in (checkpoint, *checkpoint.parent.glob(f"{job.key.stem}_*.ckpt")):
        left.unlink(missing_ok=True)


def _study_of(run: Path) -> Study:
    """The study of a run folder, read once a process, and again where the folder was written anew."""
    key = run, tuple(file.stat().st_mtime_ns for file in study_files(run))
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = read_study(run)
    return _LOADED[key]
