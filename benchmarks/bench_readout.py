"""The readout by position buckets against `grid_sample` on the same features, forward and backward; and 100,000 units in memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from functools import partial

import torch

from graphtwin.twin.model import Readout

HEIGHT, WIDTH, CHANNELS, FRAMES = 9, 16, 64, 240
REPEATS = 3


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def readout_of(units: int) -> Readout:
    torch.manual_seed(0)
    return Readout(torch.rand(units, 2) * 1.6 - 0.8, CHANNELS, 1, 0.1).eval()


def features() -> torch.Tensor:
    maps = torch.randn(FRAMES, CHANNELS, HEIGHT, WIDTH).to(memory_format=torch.channels_last)
    return maps.requires_grad_()


def core_seconds(read: Callable[[torch.Tensor], torch.Tensor], maps: torch.Tensor, readout: Readout) -> float:
    """CPU seconds of one forward and backward pass."""
    best = float("inf")
    for _ in range(REPEATS):
        readout.zero_grad()
        start = time.process_time()
        out = read(maps)
        out.backward(torch.ones_like(out))
        best = min(best, time.process_time() - start)
    return best


def by_grid_sample(readout: Readout, features: torch.Tensor) -> torch.Tensor:
    """The reference at mean positions, which holds frames x channels x units in memory; frames x units x outputs."""
    return torch.einsum("fuc,uoc->fuo", readout.seen(features), readout.weights) + readout.bias


def main() -> None:
    torch.set_num_threads(1)
    for units in (1_000, 4_000, 8_000):
        maps, readout = features(), readout_of(units)
        ours = core_seconds(readout, maps, readout)
        gradient = maps.grad.clone() / REPEATS
        maps.grad = None
        theirs = core_seconds(partial(by_grid_sample, readout), maps, readout)
        apart = (readout(maps) - by_grid_sample(readout, maps)).abs().max().item()
        off = ((gradient - maps.grad / REPEATS).abs().max() / gradient.abs().max()).item()
        print(
            f"{units:,} units, {FRAMES} frames: {1e3 * ours:.0f} ms, {theirs / ours:.1f} x grid_sample ({1e3 * theirs:.0f} ms); "
            f"largest difference {apart:.1e}, of gradients {off:.1e}"
        )
    units, before = 100_000, peak_gb()
    maps, readout = features(), readout_of(units)
    ours = core_seconds(readout, maps, readout)
    print(f"{units:,} units, {FRAMES} frames: {ours:.1f} s, peak {peak_gb():.1f} GB (before {before:.1f} GB)")


if __name__ == "__main__":
    main()
