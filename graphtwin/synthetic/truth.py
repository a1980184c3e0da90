"""What was planted, in a folder of its own.

Only the simulation itself, tests and the analysis `planted_rule` read it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.artifacts import write_atomic, write_parquet
from graphtwin.synthetic.animal import Animal
from graphtwin.synthetic.wiring import Connections, Reconstruction
from graphtwin.wiring.conditional import WiringRule, load_rule

FOLDER = "truth"  # folder of what was planted: no analysis but `planted_rule` reads it
RECONSTRUCTED = ("roots", "proofreading", "synapses", "pairs")  # tables of the reconstruction


def write_animal(animal: Animal, folder: Path) -> None:
    """Cells, tuning, features and units of one animal.

    Args:
        animal: The animal, as `make_animal` draws it.
        folder: Folder of the simulation.
    """
    stem = folder / FOLDER / f"animal{animal.number}"
    write_parquet(animal.anatomy.neurons, stem.with_name(f"{stem.name}_neurons.parquet"))
    write_parquet(animal.tuning.table, stem.with_name(f"{stem.name}_tuning.parquet"))
    write_parquet(animal.units, stem.with_name(f"{stem.name}_units.parquet"))
    features = np.asarray(animal.tuning.features)
    write_atomic(stem.with_name(f"{stem.name}_features.npy"), lambda temporary: np.save(temporary, features))


def write_wiring(rule: WiringRule, connections: Connections, reconstruction: Reconstruction, folder: Path) -> None:
    """The rule, all pairs and synapses that it made, and what the reconstruction shows of them.

    Args:
        rule: The planted rule.
        connections: Pairs and synapses of the whole neurites.
        reconstruction: What a reconstruction shows of these connections.
        folder: Folder of the simulation.
    """
    truth = folder / FOLDER
    rule.save(truth / "rule.json")
    write_parquet(connections.pairs, truth / "pairs.parquet")
    write_parquet(connections.synapses, truth / "synapses.parquet")
    for name in RECONSTRUCTED:
        write_parquet(getattr(reconstruction, name), truth / f"reconstructed_{name}.parquet")
    kept = {"axon_kept_um": reconstruction.axon_kept_um, "dendrite_kept_um": reconstruction.dendrite_kept_um}
    write_parquet(pd.DataFrame(kept), truth / "reconstructed_neurites.parquet")


def read_wiring(folder: str | Path) -> tuple[WiringRule, Connections, Reconstruction]:
    """The rule, the connections and the reconstruction of a simulation.

    Args:
        folder: Folder of the simulation.
    """
    truth = Path(folder) / FOLDER
    tables = [pd.read_parquet(truth / f"reconstructed_{name}.parquet") for name in RECONSTRUCTED]
    roots, proofreading, synapses, pairs = tables
    kept = pd.read_parquet(truth / "reconstructed_neurites.parquet")
    reconstruction = Reconstruction(
        roots, proofreading, synapses, kept["axon_kept_um"].to_numpy(), kept["dendrite_kept_um"].to_numpy(), pairs
    )
    connections = Connections(pd.read_parquet(truth / "pairs.parquet"), pd.read_parquet(truth / "synapses.parquet"))
    return load_rule(truth / "rule.json"), connections, reconstruction
