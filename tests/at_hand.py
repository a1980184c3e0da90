"""What examples of docstrings have at hand: a folder of small planted data, in which they run, and objects made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import graphtwin
from graphtwin.insilico import TorchResponder
from graphtwin.insilico.stimuli import Gabor, Screen
from graphtwin.wiring.pairs import Planted, plant
from tests.motor import order_source, response_source, run_source
from tests.pipeline.test_twin import CORE, FAST, write

SMALL_FIT = [*FAST, CORE]
SMALL_CLASSIFIER = {"pictures": 80, "width": 2, "fit": {"epochs": 1}, "attack": {"steps": 2, "pictures": 12, "strengths": [0.05]}}


def made(folder: Path) -> dict[str, Any]:
    """The names that examples may use; files lie in the folder, which is the one that is worked in.

    Args:
        folder: The working folder, with the finished run of `planted_source` in `runs/planted` and its tables in `tables`.
    """
    pairs = plant(Planted(n_axons=12, n_targets=40, n_synapses=160, slope=1.5), seed=1).pairs
    pairs.to_parquet(folder / "pairs.parquet")
    run_source.write_source(folder / "loop")
    response_source.write_source(folder / "stimulated", response_source.responses(response_source.planted()))
    order_source.write_source(folder / "crawling", order_source.order_table(order_source.planted()))
    write(folder / "recording", 0, 5)
    np.save(folder / "clips.npy", np.random.default_rng(0).uniform(0, 255, (3, 90, 16, 24)).astype(np.float32))
    embeddings(folder / "embeddings.parquet")
    graphtwin.find_types("embeddings.parquet", "runs/types")
    source = graphtwin.load(folder / "loop" / "source.toml")
    circuit = graphtwin.motor.circuit_of(source)
    trials = graphtwin.motor.trials_of(source, circuit)
    assert trials is not None
    config = graphtwin.motor.MotorConfig.model_validate({"fits": 2, "window": 20, "fit": {"epochs": 2}})
    settings = graphtwin.robustness.RobustConfig.model_validate(SMALL_CLASSIFIER)
    pictures = graphtwin.robustness.load_pictures("digits", settings)
    return {
        "pairs": pairs,
        "twin": graphtwin.twin.fit_seeds(["recording"], Path("runs/twins"), 2, SMALL_FIT, threads=1)[0],
        "fast": SMALL_FIT,
        "circuit": circuit,
        "trials": trials,
        "fitted": graphtwin.motor.fit(circuit, trials, config),
        "config": settings,
        "pictures": pictures,
        "classifier": graphtwin.robustness.fit(pictures, config=settings),
        "responder": gabors(),
        "wired": inputs(),
    }


def gabors() -> TorchResponder:
    """Three units, each with a Gabor field of its own orientation."""
    shown = [Gabor(direction_deg=angle, sd_deg=8.0).render(Screen(16, 24))[0] for angle in (0.0, 45.0, 90.0)]
    filters = torch.stack(shown).flatten(1) / 40
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": [1, 2, 3]})

    def answer(clips: torch.Tensor) -> torch.Tensor:
        return torch.relu(((clips - 128) / 40).flatten(2) @ filters.T) + 1

    return TorchResponder(name="three Gabors", units=units, frame_rate_hz=30.0, size=(16, 24), grey=(128.0, 40.0), module=answer)


def inputs() -> TorchResponder:
    """Two units behind three inputs that have no places."""
    weights = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": [1, 2]})
    facts = {"units": units, "frame_rate_hz": 50.0, "size": (1, 3), "grey": (0.0, 1.0), "levels": (-5.0, 5.0)}
    return TorchResponder(name="wired", inputs=("a", "b", "c"), module=lambda clips: torch.relu(clips[:, :, 0] @ weights + 1), **facts)


def embeddings(path: Path) -> None:
    """A table of embeddings of 60 units, of two kinds."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((60, 2)) + 6 * (np.arange(60) % 2)[:, None]
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(60), "nucleus_id": np.arange(60), "reliability": 0.8})
    units.assign(embedding_0=values[:, 0], embedding_1=values[:, 1]).to_parquet(path)
