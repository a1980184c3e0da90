"""A few hundred neurons without anatomy: what tuning, responses and scans need to know of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

LAYER_OF = {"23P": "L2/3", "4P": "L4", "5P-IT": "L5", "5P-PT": "L5", "6P-CT": "L6", "BC": "L2/3", "MC": "L5"}
SHARE_OF = {"23P": 0.34, "4P": 0.26, "5P-IT": 0.12, "5P-PT": 0.06, "6P-CT": 0.08, "BC": 0.08, "MC": 0.06}


def planted_neurons(n: int, seed: int = 0) -> pd.DataFrame:
    """Neurons with the columns of the simulated anatomy, receptive fields spread over the monitor."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(list(SHARE_OF), n, p=list(SHARE_OF.values()))
    return pd.DataFrame(
        {
            "nucleus_id": np.arange(n) + 200_000,
            "brain_area": "V1",
            "layer": [LAYER_OF[name] for name in kind],
            "cell_type": kind,
            "cell_class": np.where(np.isin(kind, ["BC", "MC"]), "inhibitory", "excitatory"),
            "x_um": rng.uniform(0, 1000, n),
            "depth_um": rng.uniform(100, 700, n),
            "z_um": rng.uniform(0, 500, n),
            "rf_x": rng.uniform(-0.8, 0.8, n),
            "rf_y": rng.uniform(-0.7, 0.7, n),
        }
    )


def planted_units(neurons: pd.DataFrame, n_fields: int = 4) -> pd.DataFrame:
    """Every neuron a unit of one scan."""
    units = neurons[["nucleus_id", "brain_area", "layer", "x_um", "depth_um", "z_um"]].reset_index(drop=True)
    return units.assign(session=1, scan_idx=1, unit_id=np.arange(1, len(units) + 1), field=np.arange(len(units)) % n_fields + 1)
