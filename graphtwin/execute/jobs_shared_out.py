"""The one engine of every list of jobs: in this process, in several processes, or on a cluster, with the same results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

Numbered = Iterator[tuple[int, Any]]  # number of a job and its result, as they come


def map_jobs(
    work: Callable[..., Any],
    jobs: Iterable[Sequence[Any]],
    *,
    common: Sequence[Any] = (),
    workers: int = 1,
    scheduler: str | None = None,
    in_order: bool = False,
) -> Iterator[Any]:
    """Results of a function as they come, or in the order of its jobs; one worker does all in this process.

    Jobs of a process that was killed are begun again, and the log says so. No result comes twice. What jobs have in common is read alone:
    a process holds it for all of its jobs.

    Args:
        work: Function of what is common and of one job: `work(*common, *job)`.
        jobs: Arguments of each job that are its own; jobs are taken in this order.
        common: First arguments of every job, such as a tissue or a model; they travel once to each process.
        workers: Number of processes on this machine, at most.
        scheduler: Address of a Dask scheduler, as tcp://HOST:PORT, whose workers do the jobs, or the name of a backend that was registered
            with joblib (to whose processes what is common travels with each job); None shares out among processes of this machine.
        in_order: Whether results come in the order of the jobs; few then wait to be asked for.
    """
    if workers < 1:
        raise ValueError(f"workers = {workers}: give 1 or more.")
    left = dict(enumerate(jobs))
    if scheduler is not None and "://" in scheduler:
        from graphtwin.execute.dask_cluster import on_cluster

        return _results(on_cluster(work, left, common, scheduler, in_order))
    if scheduler is not None:
        from graphtwin.execute.local_processes import on_backend

        return _results(on_backend(work, left, common, workers, scheduler, in_order))
    if min(workers, len(left)) <= 1:  # one job alone is done in this process
        return (work(*common, *job) for job in left.values())
    from graphtwin.execute.local_processes import in_processes

    return _results(in_processes(work, left, common, min(workers, len(left)), in_order))


def require_scheduler(scheduler: str) -> None:
    """Raise where nothing would do the jobs: no Dask scheduler with a worker at an address, no backend of a name.

    Args:
        scheduler: Address of a Dask scheduler, as tcp://HOST:PORT, or the name of a backend that was registered with joblib.
    """
    if "://" in scheduler:
        from graphtwin.execute.dask_cluster import require_cluster

        require_cluster(scheduler)
    else:
        from graphtwin.execute.local_processes import require_backend

        require_backend(scheduler)


def _results(numbered: Numbered) -> Iterator[Any]:
    for _, result in numbered:
        yield result
