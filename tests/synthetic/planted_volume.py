"""A small volume whose every row is known: 30 cells, one merge, two fragments, a self pair, cells with several units."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.coordinates import MINNIE65, voxels_from_pia
from graphtwin.synthetic.files.cave_tables import VolumeTables

CELLS = 30
FIRST = 100_001
ROOT = 864691135000000001
MERGED = (28, 29)  # places of two nuclei under one root id at 661
AXON_FRAGMENT, DENDRITE_FRAGMENT = ROOT + 7_000_001, ROOT + 7_000_003


def root(place, materialization=661):
    """Root id of the cell at a place; odd, so that a float loses it."""
    place = np.where(np.asarray(place) == MERGED[1], MERGED[0], place) if materialization == 661 else np.asarray(place)
    return ROOT + 2 * place + (1_000_000 if materialization == 343 else 0)


def planted_volume(seed: int = 0) -> VolumeTables:
    rng = np.random.default_rng(seed)
    place = np.arange(CELLS)
    neurons = pd.DataFrame(
        {
            "nucleus_id": FIRST + 3 * place,
            "brain_area": np.where(place % 3 == 0, "LM", "V1"),
            "layer": np.where(place % 2 == 0, "L2/3", "L4"),
            "cell_type": np.where(place % 5 == 4, "BC", np.where(place % 2 == 0, "23P", "4P")),
            "cell_class": np.where(place % 5 == 4, "inhibitory", "excitatory"),
            "x_um": rng.uniform(0, 500, CELLS),
            "depth_um": np.where(place % 2 == 0, 200.0, 400.0) + rng.uniform(0, 100, CELLS),
            "z_um": rng.uniform(0, 500, CELLS),
            "nucleus_radius_um": rng.uniform(4, 6, CELLS),
        }
    )
    roots = [pd.DataFrame({"materialization": m, "root_id": root(place, m), "nucleus_id": neurons["nucleus_id"]}) for m in (343, 661)]
    fragments = pd.DataFrame({"materialization": 661, "root_id": [AXON_FRAGMENT, DENDRITE_FRAGMENT], "nucleus_id": -1})
    units = pd.DataFrame({"session": 1, "scan_idx": np.repeat([1, 2], [20, 5]), "unit_id": np.r_[1:21, 1:6]})
    units["nucleus_id"] = neurons["nucleus_id"].to_numpy()[np.r_[0:20, 0:5]]
    units["coregistered"] = units["unit_id"] != 20
    directions = pd.DataFrame(rng.gamma(2.0, 1.0, (25, 4)).astype(np.float32), columns=[f"direction_{d:03d}_0" for d in (0, 90, 180, 270)])
    return VolumeTables(
        neurons=neurons,
        roots=pd.concat([*roots, fragments], ignore_index=True),
        proofreading=pd.DataFrame({"root_id": root([0, 1]), "status_axon": ["extended", "clean"], "status_dendrite": "extended"}),
        synapses=synapses(neurons),
        units=units,
        responses=units[["session", "scan_idx", "unit_id"]].join(directions),
    )


def synapses(neurons: pd.DataFrame) -> pd.DataFrame:
    """0>1 three times, 0>4, 1>0, 2>2 twice, a fragment of an axon onto 3 and 4, 5 onto a fragment of a dendrite, 6 onto the merge."""
    pre = [root(0)] * 4 + [root(1), root(2), root(2), AXON_FRAGMENT, AXON_FRAGMENT, root(5), root(6)]
    post = [root(1)] * 3 + [root(4), root(0), root(2), root(2), root(3), root(4), DENDRITE_FRAGMENT, root(28)]
    table = pd.DataFrame({"synapse_id": 10_000_000_000 + np.arange(len(pre)), "pre_root_id": pre, "post_root_id": post})
    table = table.astype({"pre_root_id": np.int64, "post_root_id": np.int64}).assign(size=100 * (1 + np.arange(len(pre))))
    where = voxels_from_pia(neurons[["x_um", "depth_um", "z_um"]].to_numpy()[: len(pre)], MINNIE65) * [4, 4, 40]
    for shift, side in enumerate(("pre", "ctr", "post")):
        for column, axis in enumerate("xyz"):
            table[f"{side}_{axis}_nm"] = where[:, column] + 40 * shift
    return table
