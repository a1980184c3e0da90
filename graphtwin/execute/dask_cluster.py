"""Jobs on the workers of a Dask cluster: Dask does the jobs of killed workers again; a scheduler that vanishes is told in words."""

from __future__ import annotations

import asyncio
import logging
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from graphtwin.execute.killed import TRIES, SchedulerGone, WorkersKilled
from graphtwin.extras import require_packages

if TYPE_CHECKING:
    from distributed import Client, Future

WAITS_S = 15.0  # seconds within which a scheduler must answer and have a worker
LOOKS_S = 0.5  # seconds between two looks whether the scheduler is still there
AHEAD = 2  # jobs with the scheduler for each thread: no worker waits, and a list of millions costs no memory there
REMEDY = (
    "Most often the memory of the workers was not enough. Give them more, or fewer threads; what is done is kept, and --resume goes on."
)
log = logging.getLogger("graphtwin")


def on_cluster(
    work: Callable[..., Any], left: dict[int, Sequence[Any]], common: Sequence[Any], scheduler: str, in_order: bool
) -> Iterator[tuple[int, Any]]:
    """Number and result of each job, from the workers of a Dask scheduler; see `map_jobs`.

    Args:
        work: Function of what is common and of one job; the package must be installed where the workers run.
        left: Jobs by their numbers; those that are done are taken away.
        common: First arguments of every job; sent to every worker at the beginning, and from there to those that come later.
        scheduler: Address of the scheduler, as tcp://HOST:PORT.
        in_order: Whether results come in the order of the jobs.
    """
    client = _connected(scheduler)
    try:
        for _ in range(TRIES):
            try:
                for number, result in _round(client, work, left, common, in_order):
                    del left[number]
                    yield number, result
                return
            except (CancelledError, OSError) as error:
                if client.status != "running":
                    raise _gone(scheduler, len(left)) from error
                if not isinstance(error, CancelledError):  # an error of a job
                    raise
            log.warning("%s: workers were lost with what jobs have in common; %d jobs are begun again.", scheduler, len(left))
        raise WorkersKilled(f"{scheduler}: all workers were lost {TRIES} times, with {len(left)} pieces of work not done. {REMEDY}")
    finally:
        _close(client)


def require_cluster(scheduler: str) -> None:
    """Raise where a scheduler does not answer, or has no worker.

    Args:
        scheduler: Address of the scheduler, as tcp://HOST:PORT.
    """
    _connected(scheduler).close(timeout=LOOKS_S)


def _close(client: Client) -> None:
    """Close a client; that its search for a scheduler that is gone ends with it is no error, which distributed would log as one."""
    told = logging.getLogger("distributed.client")
    told.addFilter(_is_not_cancelled)
    try:
        client.close(timeout=LOOKS_S)
    finally:
        told.removeFilter(_is_not_cancelled)


def _is_not_cancelled(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _gone(scheduler: str, n_left: int) -> SchedulerGone:
    return SchedulerGone(
        f"{scheduler}: the scheduler is gone, with {n_left} pieces of work not done. What is done is kept: start a scheduler and workers "
        "anew, and give the command again with --resume and the address; without --scheduler it goes on on this machine."
    )


def _connected(scheduler: str) -> Client:
    """A client of a scheduler that has a worker."""
    require_packages(f"--scheduler {scheduler}", "dask", "distributed")
    from distributed import Client

    try:
        client = Client(scheduler, timeout=WAITS_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"--scheduler {scheduler}: no Dask scheduler answers there ({error}). Start one (`dask scheduler`, then `dask worker ADDRESS` "
            "on each machine), and give the address that it prints."
        ) from error
    try:
        client.wait_for_workers(1, timeout=WAITS_S)
    except TimeoutError as error:
        client.close()
        raise ConnectionError(
            f"--scheduler {scheduler}: the scheduler has no worker. Start some: `dask worker {scheduler} --nthreads 1` on each machine."
        ) from error
    return client


def _round(
    client: Client, work: Callable[..., Any], left: dict[int, Sequence[Any]], common: Sequence[Any], in_order: bool
) -> Iterator[tuple[int, Any]]:
    """Number and result of each job that is left; cancelled where what they have in common was lost with its workers, or the scheduler."""
    from distributed import KilledWorker

    shared: Any = client.scatter([tuple(common)], broadcast=True, hash=False)[0] if common else ()
    ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
    waiting, order = iter(list(left.items())), iter(list(left))
    running: dict[Any, tuple[int, Future]] = {}
    come: dict[int, Any] = {}
    turn, threads = next(order, None), client.nthreads()
    while turn is not None:
        room = max(1, AHEAD * sum(threads.values()))
        while len(running) + len(come) < room and (job := next(waiting, None)) is not None:
            future = client.submit(_done, work, shared, job[1], pure=False)
            running[future.key] = job[0], future
            future.add_done_callback(ended.put)
        future = _next(client, ended)
        number, _ = running.pop(future.key)
        try:
            come[number] = future.result()
        except KilledWorker as error:
            raise WorkersKilled(f"a piece of work killed each worker that began it ({error.last_worker.address} last). {REMEDY}") from error
        threads = _present(client, threads)
        if not in_order:
            yield number, come.pop(number)
            turn = next(order, None)
        while in_order and turn in come:
            yield turn, come.pop(turn)
            turn = next(order, None)


def _done(work: Callable[..., Any], shared: Sequence[Any], job: Sequence[Any]) -> Any:
    return work(*shared, *job)


def _present(client: Client, before: dict[str, int]) -> dict[str, int]:
    """Threads of each worker by its address; of workers that were there before and are not, the log tells."""
    now = client.nthreads()
    for address in before.keys() - now.keys():
        log.warning("a worker was lost (%s); what it was doing is begun again by others.", address)
    return now


def _next(client: Client, ended: queue.SimpleQueue[Future]) -> Future:
    """The next job that ended; an error where the scheduler is there no more."""
    while True:
        try:
            return ended.get(timeout=LOOKS_S)
        except queue.Empty:
            if client.status != "running":
                raise CancelledError(client.status) from None
