"""Cell types of the simulated cortex: how many there are of each, and at which depths.

Counts and depths are those of the fine cell type model of minnie65: `data/minnie65/v661/baylor_gnn_cell_type_fine_model_v2`, 48,552 nuclei.
They are of cells that the model labelled, its mistakes among them, not of all cells of the tissue. Positions were brought to the pia frame
by `coordinates.MINNIE65`. Source: MICrONS Consortium 2025, doi:10.1038/s41586-025-08790-w.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

# Shares of the somata at the quantiles of depth that `CELL_TYPES` gives.
LEVELS = (0.0, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 1.0)


class CellType(NamedTuple):
    """What the tables say of a type.

    Attributes:
        cell_class: Class of the type: excitatory or inhibitory.
        n_labelled: Number of nuclei that the model labelled as the type.
        depths_um: Quantiles of the depth of the type's somata at `LEVELS`.
    """

    cell_class: str
    n_labelled: int
    depths_um: tuple[int, ...]


CELL_TYPES = {
    "23P": CellType("excitatory", 18357, (12, 76, 89, 100, 114, 126, 138, 163, 187, 210, 232, 255, 280, 314, 349, 470, 584, 727)),
    "4P": CellType("excitatory", 7233, (28, 107, 143, 240, 267, 281, 291, 306, 318, 329, 339, 350, 362, 380, 440, 583, 631, 723)),
    "5P-IT": CellType("excitatory", 7426, (70, 253, 307, 339, 363, 378, 388, 408, 431, 464, 502, 532, 565, 606, 635, 659, 680, 741)),
    "5P-PT": CellType("excitatory", 1218, (25, 78, 98, 131, 221, 389, 410, 430, 446, 458, 467, 477, 490, 509, 521, 535, 581, 721)),
    "5P-NP": CellType("excitatory", 514, (136, 360, 392, 412, 425, 440, 450, 468, 482, 491, 501, 511, 528, 548, 580, 615, 681, 736)),
    "6P-IT": CellType("excitatory", 4943, (25, 103, 275, 467, 520, 540, 557, 581, 605, 627, 648, 667, 685, 709, 723, 733, 742, 765)),
    "6P-CT": CellType("excitatory", 4972, (66, 222, 380, 477, 523, 544, 561, 581, 599, 616, 630, 645, 661, 683, 699, 711, 720, 788)),
    "BC": CellType("inhibitory", 1424, (35, 95, 114, 135, 178, 226, 266, 334, 380, 415, 456, 498, 552, 609, 639, 667, 693, 756)),
    "MC": CellType("inhibitory", 984, (11, 32, 43, 71, 133, 219, 286, 382, 420, 447, 472, 499, 524, 563, 605, 634, 671, 733)),
    "BPC": CellType("inhibitory", 946, (21, 58, 70, 85, 101, 115, 128, 157, 186, 230, 284, 345, 398, 529, 620, 646, 683, 709)),
    "NGC": CellType("inhibitory", 535, (5, 20, 27, 32, 46, 55, 65, 95, 144, 206, 274, 392, 492, 621, 678, 707, 731, 757)),
}
# Lower ends of the layers, um below the pia. L2/3 and L4: `data/minnie65/v1300/neurons`, whose layers are cut at these depths. L1 ends
# where the first nucleus of L2/3 lies, L5 where the model's 5P and 6P cells are about equally many.
LAYERS = {"L1": 71.0, "L2/3": 250.0, "L4": 360.0, "L5": 560.0, "L6": np.inf}
DEEPEST_UM = 800.0  # depth at which the tissue ends


def proportions() -> Float[np.ndarray, " types"]:
    """Share of each type among labelled cells, in the order of `CELL_TYPES`."""
    counts = np.array([kind.n_labelled for kind in CELL_TYPES.values()], dtype=np.float64)
    return counts / counts.sum()


def quotas(n: int) -> Int[np.ndarray, " types"]:
    """Number of cells of each type among n cells: the largest remainders round up."""
    exact = proportions() * n
    counts = np.floor(exact).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: n - counts.sum()]] += 1
    return counts


def depths_of(cell_type: str, share: Float[np.ndarray, " cells"]) -> Float[np.ndarray, " cells"]:
    """Depths (um) below which this share of the type's somata lie, straight between the known quantiles."""
    return np.interp(share, LEVELS, CELL_TYPES[cell_type].depths_um)


def layer_at(depth_um: Float[np.ndarray, " cells"]) -> np.ndarray:
    """The name of the layer at each depth."""
    return np.array(list(LAYERS), dtype=object)[np.searchsorted(list(LAYERS.values()), depth_um, side="right")]
