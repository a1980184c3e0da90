"""Training and inference of the functional twin in frames a core-second, against the usual video baselines in one run.

python benchmarks/bench_twin.py [PYTHON of an environment with neuralpredictors]

One baseline stands for the common design: a factorised 3D core (Tran et al. 2018, arXiv:1711.11248) of 32, 64 and 128 channels at the
full resolution of the video, and a Gaussian readout through `grid_sample`, trained with AdamW in fp32. The other, where an environment
for it is named, is the stacked 2D core of neuralpredictors (`neuralpredictors_baseline.py`).
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from graphtwin.twin.data import Window
from graphtwin.twin.fit import FoundationConfig, Objective, optimisers
from graphtwin.twin.model import AnimalStart, Twin, tensors

HEIGHT, WIDTH, CLIPS, FRAMES = 36, 64, 4, 60
UNITS = (1_000, 8_000)


class Baseline(nn.Module):
    """Factorised 3D convolutions and a full Gaussian readout."""

    def __init__(self, units: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, space, frames in ((1, 32, 11, 11), (32, 64, 5, 5), (64, 128, 5, 5)):
            layers += [nn.Conv3d(inputs, outputs, (1, space, space), padding=(0, space // 2, space // 2), bias=False)]
            layers += [nn.Conv3d(outputs, outputs, (frames, 1, 1), padding=(frames // 2, 0, 0)), nn.BatchNorm3d(outputs), nn.ELU()]
        self.core = nn.Sequential(*layers)
        self.positions = nn.Parameter(torch.rand(units, 2) - 0.5)
        self.weights = nn.Parameter(0.01 * torch.randn(units, 128))

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        features = self.core(video[:, None]).transpose(1, 2).flatten(0, 1)
        positions = self.positions + 0.1 * torch.randn(len(features), *self.positions.shape) * self.training
        sampled = functional.grid_sample(features, positions[:, :, None], align_corners=False)[..., 0]
        return functional.elu(torch.einsum("fcu,uc->fu", sampled, self.weights)) + 1


def window_of(units: int, clips: int, frames: int) -> Window:
    rng = np.random.default_rng(0)
    video = rng.standard_normal((clips, frames, HEIGHT, WIDTH), dtype=np.float32)
    others = [rng.standard_normal((clips, frames, 2), dtype=np.float32) for _ in range(2)]
    responses = rng.poisson(0.3, (clips, frames, units)).astype(np.float32)
    return Window(video, *others, responses, np.ones((clips, frames), dtype=bool), np.ones(clips, dtype=np.float32))


def core_seconds(step: Callable[[], object], repeats: int) -> float:
    """CPU seconds of the fastest of some calls, after one that warms up."""
    step()
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        step()
        best = min(best, time.process_time() - start)
    return best


def step_of(loss_of: Callable[[], torch.Tensor], fitted: list[torch.optim.Optimizer]) -> Callable[[], None]:
    def step() -> None:
        for optimiser in fitted:
            optimiser.zero_grad()
        loss_of().backward()  # type: ignore[no-untyped-call]
        for optimiser in fitted:
            optimiser.step()

    return step


def ours(units: int) -> tuple[float, float]:
    """Frames a core-second in training and in inference."""
    config = FoundationConfig()
    torch.manual_seed(0)
    start = AnimalStart(np.random.default_rng(0).uniform(-0.8, 0.8, (units, 2)), np.full(units, 0.3), None, 2)
    twin = Twin(config.twin, {"mouse": start}).train()
    window = window_of(units, CLIPS, FRAMES)
    training = core_seconds(step_of(lambda: Objective(twin)("mouse", window), optimisers(twin, config)), 4)
    twin.eval()
    with torch.no_grad():
        inference = core_seconds(lambda: twin("mouse", *tensors(window, twin.device)), 4)
    return CLIPS * FRAMES / training, CLIPS * FRAMES / inference


def theirs(units: int) -> float:
    """Frames a core-second in training of the baseline."""
    baseline, window = Baseline(units).train(), window_of(units, 1, 30)
    video, responses = torch.from_numpy(window.video), torch.from_numpy(window.responses).flatten(0, 1)

    def loss_of() -> torch.Tensor:
        rate = baseline(video) + 1e-6
        return (rate - responses * rate.log()).mean()

    return 30 / core_seconds(step_of(loss_of, [torch.optim.AdamW(baseline.parameters())]), 1)


def by_neuralpredictors(python: str, units: int) -> float:
    """Frames a core-second in training of the library's own baseline."""
    script = Path(__file__).with_name("neuralpredictors_baseline.py")
    done = subprocess.run([python, "-W", "ignore", str(script), str(units)], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0])


def main(python: str | None = None) -> None:
    torch.set_num_threads(1)
    for units in UNITS:
        training, inference = ours(units)
        baseline = theirs(units)
        print(
            f"{units:,} units: training {training:.0f} frames a core-second, {training / baseline:.0f} x the baseline ({baseline:.0f}); "
            f"inference {inference:.0f}, {inference * units / 1e6:.1f} million responses"
        )
        if python is not None:
            library = by_neuralpredictors(python, units)
            print(f"{units:,} units: {training / library:.0f} x the stacked 2D core of neuralpredictors ({library:.1f})")


if __name__ == "__main__":
    main(*sys.argv[1:2])
