"""What grows into what: the cells of an animal as arrays, with their features, for everything that is drawn neuron by neuron."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int
from numba import njit

from graphtwin.execute import rng_for
from graphtwin.schema import POSITION
from graphtwin.synthetic.brain.anatomy import Anatomy
from graphtwin.synthetic.brain.arbors import OWN, Arbor
from graphtwin.synthetic.brain.sheet import Sheet

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

REACH_SD = 2.5  # SDs of the widest band within which candidates lie: the density of a Gaussian band has fallen to 4 % there
# How the log weight of a candidate rises with one unit of feature similarity. This value gives slopes of L_d on similarity of 1.0 to 1.3 by
# projection, where 0.7 to 1.7 are published. Source: Ding et al. 2025, doi:10.1038/s41586-025-08840-3.
TARGETING_SLOPE = 6.0


@dataclass(frozen=True)
class Tissue:
    """The cells of one animal, a row a nucleus.

    Attributes:
        nucleus_id: Nucleus id of each cell, ascending.
        soma_um: Place of each soma in the pia frame (x, depth, z).
        cell_type, cell_class, area: Type, class and area of each cell.
        rf: Centre of each receptive field, monitor coordinates.
        features: Features of each cell, of unit length; None where neither targeting nor a rule asks for them.
        sheet: The sheet of cortex, which says where the areas lie.
        plane: Tree of x and z of the somata.
        targeting_slope: How the log weight of a candidate rises with one unit of feature similarity; 0 leaves who comes close to geometry.
        seed, animal: Seed of the cortex and number of the animal, with which neurites are grown.
    """

    nucleus_id: Int[np.ndarray, " neurons"]
    soma_um: Float[np.ndarray, "neurons 3"]
    cell_type: np.ndarray
    cell_class: np.ndarray
    area: np.ndarray
    rf: Float[np.ndarray, "neurons xy"]
    features: Float32[np.ndarray, "neurons features"] | None
    sheet: Sheet
    plane: cKDTree
    targeting_slope: float
    seed: int
    animal: int

    @classmethod
    def of(
        cls,
        anatomy: Anatomy,
        features: Float32[np.ndarray, "neurons features"] | None = None,
        targeting_slope: float = TARGETING_SLOPE,
    ) -> Tissue:
        """The tissue of an anatomy.

        Args:
            anatomy: The cells of one animal.
            features: Features of each cell, in the order of the anatomy's rows.
            targeting_slope: How the log weight of a candidate rises with one unit of feature similarity.
        """
        from scipy.spatial import cKDTree

        neurons = anatomy.neurons
        soma = neurons[POSITION].to_numpy()
        cell_type, cell_class, area = (neurons[name].to_numpy() for name in ("cell_type", "cell_class", "brain_area"))
        plane = cKDTree(soma[:, [0, 2]])
        ids, rf = neurons["nucleus_id"].to_numpy(), neurons[["rf_x", "rf_y"]].to_numpy()
        known = ids, soma, cell_type, cell_class, area, rf, features
        return cls(*known, anatomy.sheet, plane, targeting_slope, anatomy.seed, anatomy.animal)

    def row(self, nucleus_id: int) -> int:
        """The row of a nucleus."""
        row = int(np.searchsorted(self.nucleus_id, nucleus_id))
        if row == len(self.nucleus_id) or self.nucleus_id[row] != nucleus_id:
            first, last = self.nucleus_id[[0, -1]]
            raise ValueError(f"nucleus {nucleus_id} is none of the {len(self.nucleus_id)} of animal {self.animal} ({first} to {last}).")
        return row

    def log_rates(self, side: str) -> Float[np.ndarray, " neurons"]:
        """Standard normal liking of each cell for making ("axon") or receiving ("target") synapses, which degree-heavy rules scale."""
        return rng_for(self.seed, f"{side} rates", self.animal).standard_normal(len(self.nucleus_id))

    def candidates(
        self, row: int, arbor: Arbor, centre: Float[np.ndarray, " 3"]
    ) -> tuple[Int[np.ndarray, " candidates"], Float[np.ndarray, " candidates"]]:
        """Neurons an axon may head for, and their weights: the density of the arbor's bands there times exp(slope x similarity).

        Args:
            row: Row of the axon's cell.
            arbor: Arbor of the axon, with its bands.
            centre: Centre of the arbor in the pia frame (x, depth, z), um.
        """
        reach = REACH_SD * max(band.lateral_sd_um for band in arbor.bands)
        found = np.array(self.plane.query_ball_point(centre[[0, 2]], reach, return_sorted=True), dtype=np.int64)
        found = found[found != row]
        bands = np.array(arbor.bands)
        bands[bands[:, 1] == OWN, 1] = self.soma_um[row, 1]
        weight = np.zeros(len(found))
        _weigh(found, self.soma_um, centre, bands, weight)
        if self.features is not None and self.targeting_slope != 0:
            weight *= np.exp(self.targeting_slope * (self.features[found] @ self.features[row]).astype(np.float64))
        return (found, weight) if weight.sum() > 0 else (found[:0], weight[:0])


@njit(cache=True, nogil=True)
@no_type_check
def _weigh(found, soma, centre, bands, weight):
    """Add the densities of Gaussian bands (share, depth, SD of depth, lateral SD) around an axis at the somata that were found."""
    for i in range(len(found)):
        dx, dz = soma[found[i], 0] - centre[0], soma[found[i], 2] - centre[2]
        for b in range(len(bands)):
            depth, sd = bands[b, 2], bands[b, 3]
            far = ((soma[found[i], 1] - bands[b, 1]) / depth) ** 2 + (dx * dx + dz * dz) / (sd * sd)
            weight[i] += bands[b, 0] / (depth * sd * sd) * np.exp(-far / 2)
