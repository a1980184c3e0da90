"""Many replicates on a few threads: results in order, the same from one worker and from many; and the p that they give."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from jaxtyping import Float

Result = TypeVar("Result")
BAR_AFTER_S = 2.0
BATCHES_A_WORKER = 32
ROUNDING = 1e-9  # of a statistic: sums in another order differ by less


def replicate(draw: Callable[[int], Result], n: int, workers: int, label: str) -> list[Result]:
    """`[draw(0), ..., draw(n - 1)]`, with a progress bar when it takes more than two seconds.

    Args:
        draw: One replicate; names its own randomness by the number it is given, and spends its time in code that releases the GIL.
        n: Replicates.
        workers: Threads.
        label: Of the progress bar.
    """
    from tqdm import tqdm

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
    for batch in joblib.Parallel(n_jobs=workers, prefer="threads", return_as="generator")(tasks):
        results += batch
        done(len(batch))
    return results


def _batch(draw: Callable[[int], Result], begin: int, end: int) -> list[Result]:
    return [draw(number) for number in range(begin, end)]


def two_sided_p(observed: Float[np.ndarray, " groups"], null: Float[np.ndarray, "replicates groups"]) -> Float[np.ndarray, " groups"]:
    """Share of values, the observed one among them, that lie at least as far from the mean of all as the observed one.

    What differs from the observed by rounding alone is as far: where nothing can be exchanged, p is 1. A replicate whose statistic is not
    defined counts as far too, so that what is unknown is no evidence. NaN where the observed is not defined.

    Args:
        observed: A statistic of each group.
        null: The same of every replicate.
    """
    every = np.vstack([observed, null])
    known = np.isfinite(every)
    centre = np.where(known, every, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    slack = ROUNDING * np.abs(np.where(known, every, 0.0)).max(0)
    nearer = np.abs(null - centre) < np.abs(observed - centre) - slack
    return np.where(np.isfinite(observed), (len(every) - nearer.sum(0)) / len(every), np.nan)
