"""One simulated animal: its cells, their tuning, scans and tissue, drawn from the seed, so that any process can make it again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin import schema
from graphtwin.synthetic.brain import DENSITY_PER_MM2, TARGETING_SLOPE, TISSUE_PER_MM2, Anatomy, Tissue, grow_anatomy
from graphtwin.synthetic.function import ScanConfig, Tuning, TuningConfig, draw_tuning, film, responder, scan_units, visual_rates

# Clips of the fixed set on which noise-free responses are compared, frames of each, and frames of a bin: 160 half seconds.
CLIPS, CLIP_FRAMES, FRAMES_A_BIN = 8, 300, 15


class AnimalConfig(BaseModel):
    """How simulated animals are made, beside how many neurons they have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    density_per_mm2: float = Field(
        DENSITY_PER_MM2, gt=0, le=TISSUE_PER_MM2, description="Neurons below a square millimetre of pia: a sample of the tissue."
    )
    targeting_slope: float = Field(
        TARGETING_SLOPE,
        ge=-20,
        le=20,
        description="Log weight of a target per unit of feature similarity; 0 leaves the choice of targets to geometry.",
    )
    tuning: TuningConfig = Field(TuningConfig(), description="How neurons are tuned.")
    scans: ScanConfig = Field(ScanConfig(), description="How animals are scanned.")


@dataclass(frozen=True)
class Animal:
    """The truth of one animal but for its synapses.

    Attributes:
        number: Number of the animal, from 0 on; the first one is reconstructed.
        anatomy: Cells of the animal, and the sheet they lie in.
        tuning: What each cell answers to, in the order of the cells.
        units: Units of all scans, as `scan_units` draws them.
        tissue: The cells as arrays, among which neurites grow.
    """

    number: int
    anatomy: Anatomy
    tuning: Tuning
    units: pd.DataFrame
    tissue: Tissue


def make_animal(config: AnimalConfig, n_neurons: int, seed: int, number: int) -> Animal:
    """Draw one animal; the same again from the same arguments.

    Args:
        config: How animals are made.
        n_neurons: Number of neurons of all areas together.
        seed: Seed of the run.
        number: Number of the animal, from 0 on.
    """
    anatomy = grow_anatomy(n_neurons, seed, number, config.density_per_mm2)
    tuning = draw_tuning(anatomy.neurons, config.tuning, seed, number)
    units = scan_units(anatomy.neurons, config.scans, seed, number)
    return Animal(number, anatomy, tuning, units, Tissue.of(anatomy, tuning.features, config.targeting_slope))


def known_function(animal: Animal, seed: int) -> pd.DataFrame:
    """What is known of each coregistered unit of the main scan, as the published neuron table has it, from the ground truth.

    Args:
        animal: The animal that has the units.
        seed: Seed of the run.

    Returns:
        A table with columns nucleus_id (unique), session, scan_idx, unit_id, readout_cvt (features of the tuning), position_stim_cvt
        (receptive field's centre, monitor coordinates), in_silico_resp (noise-free mean events a second in each half second of fixed
        clips).
    """
    matched = animal.units[(animal.units["kind"] == "video") & animal.units["coregistered"]]
    rows = np.searchsorted(animal.tissue.nucleus_id, matched["nucleus_id"])
    answers = noise_free_responses(animal, rows, seed)
    known = matched[["nucleus_id", *schema.UNIT_KEY]].reset_index(drop=True)
    known["readout_cvt"] = list(animal.tuning.features[rows])
    known["position_stim_cvt"] = list(animal.tissue.rf[rows])
    known["in_silico_resp"] = list(answers)
    return known


def noise_free_responses(animal: Animal, rows: np.ndarray, seed: int) -> Float[np.ndarray, "neurons bins"]:
    """Mean visual response of neurons in each half second of fixed clips, events a second, without noise, behaviour or eye movements.

    Args:
        animal: The animal that has the neurons.
        rows: Rows of the neurons asked for, in the order of the cells.
        seed: Seed of the clips: all animals of a seed see the same.
    """
    of = responder(animal.tuning.table.iloc[rows].reset_index(drop=True))
    binned = []
    for clip in range(CLIPS):
        rates = visual_rates(of, film("dead_leaves", seed, f"fixed-{clip}", n_frames=CLIP_FRAMES))
        binned.append(rates.reshape(len(rows), -1, FRAMES_A_BIN).mean(axis=2))
    return np.concatenate(binned, axis=1).astype(np.float32)
