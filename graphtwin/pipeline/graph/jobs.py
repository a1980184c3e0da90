"""Independent pieces of work, run in processes, each written when done: a killed run goes on with the pieces that are missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from graphtwin.artifacts import write_atomic, write_parquet
from graphtwin.execute import threads
from graphtwin.graph.runs.study import Study

_LOADED: dict[tuple[Path, int], Study] = {}  # by file and time of writing: two runs may have had one name


@dataclass(frozen=True)
class Job:
    """One piece.

    Attributes:
        name: Of its file, unique in a run.
        work: Given the study, the checkpoint's path and the arguments, returns a table.
        arguments: Of `work`.
        cost: About how long it takes, against others: the longest start first.
    """

    name: str
    work: Callable[..., pd.DataFrame]
    arguments: dict[str, Any] = field(default_factory=dict)
    cost: int = 1


def run_jobs(jobs: list[Job], study: Study, folder: Path, workers: int, label: str) -> dict[str, pd.DataFrame]:
    """The table of every job, by name; those already in the folder are read, not run again.

    Args:
        jobs: In any order.
        study: What all of them read.
        folder: Of the run's work.
        workers: Processes, one thread each.
        label: Of the progress bar.
    """
    import joblib
    from tqdm import tqdm

    missing = sorted((job for job in jobs if not _file(folder, job).exists()), key=lambda job: -job.cost)
    if missing:
        path = folder / "study.pkl"
        if not path.exists():
            write_atomic(path, lambda temporary: joblib.dump(study, temporary))
        tasks = (joblib.delayed(_do)(job, folder) for job in missing)
        pool = joblib.Parallel(n_jobs=min(workers, len(missing)), return_as="generator_unordered")
        for _ in tqdm(pool(tasks), total=len(missing), desc=label, unit="job"):
            pass
    return {job.name: pd.read_parquet(_file(folder, job)) for job in jobs}


def _file(folder: Path, job: Job) -> Path:
    return folder / f"{job.name}.parquet"


def _do(job: Job, folder: Path) -> None:
    """Run one job in a worker and keep its table; the study is read once a process."""
    import joblib
    import torch

    torch.set_num_threads(1)
    path = folder / "study.pkl"
    key = path, path.stat().st_mtime_ns
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = joblib.load(path)
    with threads(1):
        checkpoint = folder / f"{job.name}.ckpt"
        frame = job.work(_LOADED[key], checkpoint=checkpoint, **job.arguments)
    write_parquet(frame, _file(folder, job))
    for left in (checkpoint, *folder.glob(f"{job.name}_*.ckpt")):
        left.unlink(missing_ok=True)
