"""Bounded threads: several processes side by side, each of as many threads as it is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Bound the threads of BLAS, OpenMP and, where it is loaded, torch, and restore them afterwards.

    Args:
        n: Largest number of threads; on a busy machine fewer are faster.
    """
    import sys

    from threadpoolctl import threadpool_limits

    if n < 1:
        raise ValueError(f"threads = {n}: at least one thread is needed. Set threads to 1 or more.")
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else None
    with threadpool_limits(limits=n):
        if torch:
            torch.set_num_threads(n)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)
