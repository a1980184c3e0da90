"""What `test_parallel` starts twice with torchrun: a short training, whose weights each process writes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from graphtwin import parallel
from graphtwin.training import FitConfig
from graphtwin.twin.fitting import foundation
from graphtwin.twin.fitting.foundation import FoundationConfig, Trained, train_foundation
from graphtwin.twin.fitting.readout_prior import ReadoutPrior
from graphtwin.twin.model.core import ConvolutionalConfig
from graphtwin.twin.model.network import TwinConfig
from tests.twin.planted_recording import plant

CONFIG = FoundationConfig(
    twin=TwinConfig(core=ConvolutionalConfig(first=6, hidden=8, blocks=1, features=8), bf16=False),
    fit=FitConfig(epochs=2, patience=2, learning_rate=3e-3, weight_decay=0.0),
    steps=3,
    windows=2,
    window_s=0.8,
    left_out_s=0.2,
)


def trained(checkpoint: Path | None = None) -> Trained:
    recordings = [plant(units=7 + seed, train=5, frames=60, seed=seed, name=f"mouse {seed}").recording for seed in (1, 2)]
    with pytest.MonkeyPatch.context() as patch:  # what follows the steps is the same computation in every process
        patch.setattr(foundation, "settle", lambda twin, *_, **__: ReadoutPrior(*twin.prior()))
        return train_foundation(recordings, CONFIG, checkpoint=checkpoint)


if __name__ == "__main__":
    out = Path(sys.argv[1])
    torch.set_num_threads(1)
    with parallel.joined("cpu"):
        done = trained(out / "fit.pt")
        torch.save({"weights": done.twin.state_dict(), "history": done.state.history}, out / f"process{parallel.process_number()}.pt")
