from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphtwin.parallel import device_of
from graphtwin.twin.fitting import foundation
from tests.twin.two_processes import trained

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("processes")
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "tests.twin.two_processes"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*start, str(out)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def of_process(out: Path, number: int) -> dict[str, Any]:
    return dict(torch.load(out / f"process{number}.pt", weights_only=True))


def joint_batches(objective: Any, clips: Any, config: Any, rng: np.random.Generator, steps: int) -> Iterator[Callable[[], torch.Tensor]]:
    """Steps of one process on the windows of two."""
    own = rng.spawn(2)
    for step in range(steps):
        name = list(clips)[step % len(clips)]
        windows = [clips[name][0].draw(each, config.windows, config.window_s, config.left_out_s) for each in own]
        yield partial(mean_loss, objective, name, windows)


def mean_loss(objective: Any, name: str, windows: list[Any]) -> torch.Tensor:
    """The mean over windows, each with the draws of positions that the first has."""
    before = torch.get_rng_state()
    losses = []
    for window in windows:
        torch.set_rng_state(before)
        losses.append(objective(name, window))
    return torch.stack(losses).mean()


def test_two_processes_take_the_steps_of_one_on_the_windows_of_both(processes: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(foundation, "batches", joint_batches)
    alone = dict(trained().twin.named_parameters())
    together = of_process(processes, 0)["weights"]
    off = torch.cat([(together[name] - value.detach()).flatten().abs() for name, value in alone.items()])
    assert float(off.max()) < 2e-4


def test_all_processes_end_in_the_same_weights_and_stop_by_the_same_losses(processes: Path):
    first, second = of_process(processes, 0), of_process(processes, 1)
    names = [name for name in first["weights"] if "running" not in name]  # statistics of the norm are the first process's
    assert all(torch.equal(first["weights"][name], second["weights"][name]) for name in names)
    assert [row["validation"] for row in first["history"]] == [row["validation"] for row in second["history"]]


def test_a_gpu_that_is_not_there_is_refused_and_auto_does_without(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of("auto") == device_of("cpu") == "cpu"
    with pytest.raises(ValueError, match=r"torch finds no GPU here\. Use cpu or auto"):
        device_of("cuda")


def test_each_process_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of("auto") == "cuda"
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert device_of("cuda") == "cuda:1"
