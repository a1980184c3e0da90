"""Recordings of networks in front of naturalistic films, in the Sensorium layout of 2023."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from graphtwin.artifacts import whole_folder, write_json, write_parquet
from graphtwin.execute import rng_for
from graphtwin.synthetic.fly import Eye
from graphtwin.synthetic.function import FRAME_RATE_HZ, SCREEN, film

CLIP_FRAMES = 300
NOISE = 0.5  # standard deviation of the noise of a frame, in those of the neuron's responses during training films
SILENT = 1e-3  # deviation below which a neuron is silent, in those of the median neuron


@dataclass(frozen=True)
class Plan:
    """What a network is shown, and of which columns it is recorded.

    Attributes:
        extent: Columns from the central one to the edge of the recorded part.
        around: Columns around it that take part and are not recorded.
        minutes: Minutes of training films.
        held_out: Films of 10 s that training has none of, each shown once.
    """

    extent: int = 3
    around: int = 3
    minutes: float = 8.0
    held_out: int = 6

    @property
    def films(self) -> int:
        return round(self.minutes * 60 * FRAME_RATE_HZ / CLIP_FRAMES) + self.held_out


def films_of(plan: Plan) -> np.ndarray:
    """The films [films, frames, height, width], those that are held out last: moving dead leaves, the same for all networks."""
    return np.stack([film("dead_leaves", 0, "fly", at, n_frames=CLIP_FRAMES) for at in tqdm(range(plan.films), desc="films", leave=False)])


def record(of: Eye, plan: Plan, films: np.ndarray, folder: Path) -> Path:
    """Write the recording of a network, and `neurons.parquet` (type, column and place of each unit) beside it; returns its folder.

    Responses are what indicators of calcium show of a membrane potential: its part above that in front of a grey screen, each neuron's
    divided by its deviation in training films, with noise added.
    """
    neurons = of.inside(plan.extent)
    potentials = of.watch(films, neurons)
    if not np.isfinite(potentials).all():
        raise FloatingPointError(f"{folder.name}: the potentials of {(~np.isfinite(potentials).all((0, 2))).sum()} neurons ran away.")
    answers = np.maximum(potentials - of.at_rest()[neurons, None], 0)
    deviation = answers[: -plan.held_out].std((0, 2))
    silent = deviation < SILENT * np.median(deviation)
    scaled = answers / np.where(silent, 1.0, deviation)[:, None]
    noisy = scaled + NOISE * rng_for(0, "noise", folder.name).standard_normal(scaled.shape)
    table = of.table(neurons).assign(silent=silent)
    write_parquet(table, folder.with_suffix(".parquet"))
    with whole_folder(folder) as partial:
        for name in ("data/videos", "data/responses", "meta/neurons", "meta/trials"):
            (partial / name).mkdir(parents=True)
        for trial, (seen, told) in enumerate(zip(films, noisy, strict=True)):
            np.save(partial / f"data/videos/{trial}.npy", seen.transpose(1, 2, 0))
            np.save(partial / f"data/responses/{trial}.npy", told.astype(np.float32))
        np.save(partial / "meta/neurons/unit_ids.npy", table["unit_id"].to_numpy())
        np.save(partial / "meta/trials/tiers.npy", np.array(["train"] * (len(films) - plan.held_out) + ["oracle"] * plan.held_out))
        write_json({"frame_rate_hz": FRAME_RATE_HZ, "monitor": SCREEN.model_dump()}, partial / "config.json")
    return folder
