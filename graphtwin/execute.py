"""Named randomness and bounded threads: the same numbers from one worker and from many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def seed_for(seed: int, *names: str | int) -> np.random.SeedSequence:
    """The seed sequence of one named draw; the same on every machine and in every order of calls.

    Args:
        seed: The run's seed.
        names: Names of what is drawn, such as ("bootstrap", 3); 3 and "3" are different names.
    """
    digest = hashlib.sha256(repr(names).encode("utf-8")).digest()
    return np.random.SeedSequence([seed, *np.frombuffer(digest, dtype="<u4").tolist()])


def rng_for(seed: int, *names: str | int) -> np.random.Generator:
    """A random generator of its own for each named draw.

    Args:
        seed: The run's seed.
        names: Names of what is drawn, such as ("bootstrap", 3).
    """
    return np.random.default_rng(seed_for(seed, *names))


@contextmanager
def torch_seeded(seed: int, device: str | torch.device = "cpu") -> Iterator[None]:
    """Let what is drawn inside come from torch's generators seeded so; afterwards they stand where the caller left them.

    Args:
        seed: Seed of the draws on the CPU and on the device.
        device: Device on which something is drawn beside the CPU. Generators of other devices stay as they are, and no other device is
            woken.
    """
    import torch

    place = torch.device(device)
    index = (torch.cuda.current_device() if place.index is None else place.index) if place.type == "cuda" else None
    with torch.random.fork_rng(devices=[] if index is None else [index]):
        torch.default_generator.manual_seed(seed)
        if index is not None:
            torch.cuda.default_generators[index].manual_seed(seed)
        yield


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
