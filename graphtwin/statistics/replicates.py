"""Many replicates on a few threads: results in order, the same from one worker and from many."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
BAR_AFTER_S = 2.0  # seconds: what is done by then needs no bar
BATCHES_A_WORKER = 32  # enough that workers end together, few enough that handing them out costs nothing


def replicate(draw: Callable[[int], Result], n: int, workers: int, label: str) -> list[Result]:
    """`[draw(0), ..., draw(n - 1)]`, with a progress bar when it takes more than two seconds.

    Args:
        draw: One replicate; names its own randomness by the number it is given, and spends its time in code that releases the GIL.
        n: Replicates.
        workers: Threads.
        label: Words beside the progress bar and at the start of an error.
    """
    from graphtwin.progress import tqdm

    if n < 1 or workers < 1:
        raise ValueError(f"{label}: {n} replicates on {workers} workers; both must be at least 1.")
    bar = tqdm(total=n, desc=label, unit="replicate", delay=BAR_AFTER_S, leave=False)
    with bar:
        return _serial(draw, n, bar.update) if workers == 1 else _threaded(draw, n, workers, bar.update)


def _serial(draw: Callable[[int], Result], n: int, done: Callable[[int], object]) -> list[Result]:
    results = []
    for number in range(n):
        results.append(draw(number))
        done(1)
    return results


def _threaded(draw: Callable[[int], Result], n: int, workers: int, done: Callable[[int], object]) -> list[Result]:
    """Batches of consecutive replicates on threads; joblib hands them back in order."""
    import joblib

    size = max(1, n // (workers * BATCHES_A_WORKER))
    tasks = (joblib.delayed(_batch)(draw, begin, min(begin + size, n)) for begin in range(0, n, size))
    results: list[Result] = []
    for batch in joblib.Parallel(n_jobs=workers, backend="threading", return_as="generator")(tasks):
        results += batch
        done(len(batch))
    return results


def _batch(draw: Callable[[int], Result], begin: int, end: int) -> list[Result]:
    return [draw(number) for number in range(begin, end)]
