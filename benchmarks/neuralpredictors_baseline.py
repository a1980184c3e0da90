"""The usual baseline by its own library: a stacked 2D core and a full Gaussian readout of neuralpredictors, trained on random frames.

Runs in an environment of its own: the library's last release (0.3.0) needs a name that Python dropped in 3.10, and a torchvision that it
does not use here; both are given to it below.

python -m venv other && other/bin/pip install torch==2.13.0 neuralpredictors==0.3.0
other/bin/python benchmarks/neuralpredictors_baseline.py UNITS

Prints frames a core-second in training and in inference.
"""

from __future__ import annotations

import collections
import collections.abc
import sys
import time
import types
from collections.abc import Callable

import torch

HEIGHT, WIDTH, FRAMES, REPEATS = 36, 64, 60, 3

collections.Iterable = collections.abc.Iterable  # type: ignore[attr-defined]
sys.modules["torchvision"] = types.ModuleType("torchvision")
sys.modules["torchvision"].models = types.ModuleType("models")  # type: ignore[attr-defined]

from neuralpredictors.layers.cores.conv2d import Stacked2dCore  # noqa: E402
from neuralpredictors.layers.readouts import FullGaussian2d  # noqa: E402


def core_seconds(step: Callable[[], object]) -> float:
    """CPU seconds of the fastest of some calls, after one that warms up."""
    step()
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        step()
        best = min(best, time.process_time() - start)
    return best


def main(units: int) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    core = Stacked2dCore(1, 64, 9, hidden_kern=7, layers=4, depth_separable=True, stack=-1)
    video, responses = torch.randn(FRAMES, 1, HEIGHT, WIDTH), torch.poisson(torch.full((FRAMES, units), 0.3))
    readout = FullGaussian2d(tuple(core(video).shape[1:]), units, bias=True, init_mu_range=0.3, init_sigma=0.1)
    model = torch.nn.Sequential(core, readout, torch.nn.ELU()).train()
    optimiser = torch.optim.AdamW(model.parameters())

    def step() -> None:
        optimiser.zero_grad()
        rate = model(video) + 1 + 1e-6
        (rate - responses * rate.log()).mean().backward()
        optimiser.step()

    training = core_seconds(step)
    model.eval()
    with torch.no_grad():
        inference = core_seconds(lambda: model(video))
    print(f"{FRAMES / training:.1f} {FRAMES / inference:.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
