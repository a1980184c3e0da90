"""Where torch computes: one device, or the same fit in several processes, each with its share of the data, as torchrun starts them.

`torchrun --no-python --nproc-per-node 4 graphtwin twin train ...` on one machine, with `--nnodes` and `--rdzv-endpoint` on several. Weights
are the same in all processes; gradients are averaged by torch's DistributedDataParallel. The first process writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda"]


def device_of(wanted: Device) -> str:
    """The device by torch's name; `auto` takes a GPU where there is one, and each process of several its own.

    Args:
        wanted: Device that is asked for; "cuda" is an error where there is no GPU.
    """
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda: torch finds no GPU here. Use cpu or auto, or install a build of torch for your GPU.")
    if wanted == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}" if "LOCAL_RANK" in os.environ else "cuda"


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Join the processes that torchrun started with this one; nothing where it did not.

    Args:
        device: Device of the fit, which decides how processes talk: NCCL between GPUs, gloo else.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield
        return
    from torch import distributed

    distributed.init_process_group("gloo" if device == "cpu" else "nccl")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def processes() -> int:
    """Number of processes that fit together; 1 for a process alone."""
    from torch import distributed

    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def process_number() -> int:
    """Number of this process among those that fit together; 0 writes."""
    from torch import distributed

    return distributed.get_rank() if processes() > 1 else 0


def in_processes(module: torch.nn.Module) -> torch.nn.Module:
    """The module with its gradients averaged over processes; itself where there is one.

    Args:
        module: Module whose `forward` returns the loss; parameters that a call does not use are allowed.
    """
    if processes() == 1:
        return module
    from torch.nn.parallel import DistributedDataParallel

    return DistributedDataParallel(module, find_unused_parameters=True)


def agreed(value: float) -> float:
    """The first process's number, in all: what decides when to stop must not differ by a rounding error."""
    if processes() == 1:
        return value
    from torch import distributed

    told = [value]
    distributed.broadcast_object_list(told)
    return told[0]
