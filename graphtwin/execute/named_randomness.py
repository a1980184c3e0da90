"""Named randomness: each draw has a generator of its own, so that one worker and many give the same numbers."""

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
