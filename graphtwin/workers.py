"""Pieces of work in several processes: what a killed process did is done again, and all end with the process that began them."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

TRIES = 3  # times, at most, that pieces are begun: more often a piece that kills its process would only cost more time
LOOKS_S = 0.5  # seconds between two looks of a process whether the one that began it still lives
log = logging.getLogger("graphtwin")


class WorkersKilled(RuntimeError):
    """Processes were killed again and again, each time by something outside this program."""


def shared_out(work: Callable[..., Any], pieces: Iterable[Sequence[Any]], workers: int, in_order: bool = False) -> Iterator[Any]:
    """Results of a function as they come, or in the order of its arguments; one worker does all in this process.

    Pieces of a process that was killed are begun again. Arguments of a piece are read alone: a process may hold them for several pieces.

    Args:
        work: Function of one piece.
        pieces: Arguments of each piece; pieces are taken in this order.
        workers: Number of processes, at most.
        in_order: Whether results come in the order of the pieces; few then wait to be asked for.
    """
    import joblib

    if workers < 1:
        raise ValueError(f"workers = {workers}: give 1 or more.")
    left = dict(enumerate(pieces))
    n = max(min(workers, len(left)), 1)  # one piece alone is done in this process; one that killed another never is
    for _ in range(TRIES):
        how = {"return_as": "generator", "pre_dispatch": n} if in_order else {"return_as": "generator_unordered"}
        pool = joblib.Parallel(n_jobs=n, backend="loky", initializer=_end_with, initargs=(os.getpid(),), **how)
        try:
            for number, result in pool([joblib.delayed(_numbered)(number, work, piece) for number, piece in left.items()]):
                del left[number]
                yield result
            return
        except BrokenProcessPool as error:
            log.warning("a process was killed; %d pieces of work that are not done are begun again.", len(left))
            killed = error
    raise WorkersKilled(
        f"processes were killed {TRIES} times, with {len(left)} pieces of work not done: most often the memory was not enough for {n} at "
        "once. Give fewer workers or threads, or free memory; what is done is kept, and --resume goes on."
    ) from killed


def _numbered(number: int, work: Callable[..., Any], piece: Sequence[Any]) -> tuple[int, Any]:
    return number, work(*piece)


def _end_with(parent: int) -> None:
    """Let this process end when the one that began it has: it would do the rest of its work for nobody, and write where another writes."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOKS_S)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()
