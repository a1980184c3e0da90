"""Jobs in processes of this machine: what a killed process did is done again, and all end with the process that began them."""

from __future__ import annotations

import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from graphtwin.execute.held_in_common import held, write_common
from graphtwin.execute.killed import TRIES, WorkersKilled

LOOKS_S = 0.5  # seconds between two looks of a process whether the one that began it still lives
log = logging.getLogger("graphtwin")


def in_processes(
    work: Callable[..., Any], left: dict[int, Sequence[Any]], common: Sequence[Any], workers: int, in_order: bool
) -> Iterator[tuple[int, Any]]:
    """Number and result of each job, from loky's processes; see `map_jobs`.

    Args:
        work: Function of what is common and of one job.
        left: Jobs by their numbers; those that are done are taken away.
        common: First arguments of every job.
        workers: Number of processes.
        in_order: Whether results come in the order of the jobs.
    """
    import joblib

    how = {"return_as": "generator", "pre_dispatch": workers} if in_order else {"return_as": "generator_unordered"}
    with TemporaryDirectory(prefix="graphtwin-", ignore_cleanup_errors=True) as place, warnings.catch_warnings():
        # loky lets a process that grew by 300 MB go and starts another, which is meant to be: what torch keeps goes with it, no job is lost
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor", UserWarning)
        shared = write_common(common, Path(place)) if common else None
        for _ in range(TRIES):
            pool = joblib.Parallel(n_jobs=workers, backend="loky", initializer=_end_with, initargs=(os.getpid(),), **how)
            try:
                for number, result in pool([joblib.delayed(_numbered)(number, work, shared, job) for number, job in left.items()]):
                    del left[number]
                    yield number, result
                return
            except BrokenProcessPool as error:
                log.warning("a process was killed; %d pieces of work that are not done are begun again.", len(left))
                killed = error
        raise WorkersKilled(
            f"processes were killed {TRIES} times, with {len(left)} pieces of work not done: most often the memory was not enough for "
            f"{workers} at once. Give fewer workers or threads, or free memory; what is done is kept, and --resume goes on."
        ) from killed


def on_backend(
    work: Callable[..., Any], left: dict[int, Sequence[Any]], common: Sequence[Any], workers: int, backend: str, in_order: bool
) -> Iterator[tuple[int, Any]]:
    """Number and result of each job, from a backend that the user registered with joblib; see `in_processes`.

    Args:
        work: Function of what is common and of one job.
        left: Jobs by their numbers.
        common: First arguments of every job.
        workers: Number of jobs at once, as the backend understands it.
        backend: Name under which the backend was registered.
        in_order: Whether results come in the order of the jobs.
    """
    import joblib

    require_backend(backend)
    pool = joblib.Parallel(n_jobs=workers, backend=backend, return_as="generator" if in_order else "generator_unordered")
    yield from pool([joblib.delayed(_numbered)(number, work, None, (*common, *job)) for number, job in left.items()])


def require_backend(backend: str) -> None:
    """Raise where no backend of this name was registered with joblib.

    Args:
        backend: Name of the backend.
    """
    from joblib.parallel import BACKENDS

    if backend not in BACKENDS:
        raise ValueError(
            f"scheduler {backend!r}: neither an address, as tcp://HOST:PORT, nor a backend that was registered with joblib "
            f"({', '.join(BACKENDS)}). Give one of these."
        )


def _numbered(number: int, work: Callable[..., Any], shared: Path | None, job: Sequence[Any]) -> tuple[int, Any]:
    return number, work(*(held(shared) if shared is not None else ()), *job)


def _end_with(parent: int) -> None:
    """Let this process end when the one that began it has: it would do the rest of its work for nobody, and write where another writes."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOKS_S)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()
