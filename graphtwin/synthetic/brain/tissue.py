"""What grows into what: the cells of an animal as arrays, with their features, for everything that is drawn neuron by neuron."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int
from numba import njit
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.execute import rng_for
from graphtwin.schema import POSITION
from graphtwin.synthetic.brain.anatomy import Anatomy
from graphtwin.synthetic.brain.arbors import OWN, Arbor
from graphtwin.synthetic.brain.sheet import Sheet

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

REACH_SD = 2.5  # candidates lie within this many SD of the widest band


class NeuriteConfig(BaseModel):
    """How axons find their way.

    Attributes:
        targeting_slope: How the log weight of a candidate rises with one unit of feature similarity; 0 leaves who comes close to
            geometry. The default gives slopes of L_d on similarity of 1.0 to 1.3 by projection, where 0.7 to 1.7 are published.
            Source: Ding et al. 2025, doi:10.1038/s41586-025-08840-3.
        aimed_share: Part of an axon's branches that head for a chosen neuron rather than for a place.
        aim_sd_um: SD of the destination around the soma of the chosen neuron, each axis.
        collateral_length: Cable of the arbor in another area, as a part of the local one's.
        longest_collateral_um: A matched place farther away is not projected to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    targeting_slope: float = Field(default=6.0, ge=-20, le=20)
    aimed_share: float = Field(default=0.9, ge=0, le=1)
    aim_sd_um: float = Field(default=15.0, gt=0)
    collateral_length: float = Field(default=0.5, gt=0, le=1)
    longest_collateral_um: float = Field(default=1500.0, gt=0)


@dataclass(frozen=True)
class Tissue:
    """The cells of one animal, a row a nucleus.

    Attributes:
        nucleus_id: Ascending.
        soma_um: In the pia frame.
        cell_type, cell_class, area: Of each.
        rf: Centre of the receptive field, monitor coordinates.
        features: Of unit length; None where neither targeting nor a rule asks.
        sheet: Where the areas lie.
        plane: Tree of x and z of the somata.
        config, seed, animal: What neurites are grown with.
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
    config: NeuriteConfig
    seed: int
    animal: int

    @classmethod
    def of(
        cls, anatomy: Anatomy, features: Float32[np.ndarray, "neurons features"] | None = None, config: NeuriteConfig | None = None
    ) -> Tissue:
        """The tissue of an anatomy.

        Args:
            anatomy: The cells.
            features: Of each, in the order of its rows.
            config: How axons grow.
        """
        from scipy.spatial import cKDTree

        neurons = anatomy.neurons
        soma = neurons[POSITION].to_numpy()
        cell_type, cell_class, area = (neurons[name].to_numpy() for name in ("cell_type", "cell_class", "brain_area"))
        plane = cKDTree(soma[:, [0, 2]])
        ids, rf = neurons["nucleus_id"].to_numpy(), neurons[["rf_x", "rf_y"]].to_numpy()
        chosen = config if config is not None else NeuriteConfig()
        return cls(ids, soma, cell_type, cell_class, area, rf, features, anatomy.sheet, plane, chosen, anatomy.seed, anatomy.animal)

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
            row: Whose axon.
            arbor: Its bands.
            centre: Of the arbor.
        """
        reach = REACH_SD * max(band.lateral_sd_um for band in arbor.bands)
        found = np.array(self.plane.query_ball_point(centre[[0, 2]], reach, return_sorted=True), dtype=np.int64)
        found = found[found != row]
        bands = np.array(arbor.bands)
        bands[bands[:, 1] == OWN, 1] = self.soma_um[row, 1]
        weight = np.zeros(len(found))
        _weigh(found, self.soma_um, centre, bands, weight)
        if self.features is not None and self.config.targeting_slope != 0:
            weight *= np.exp(self.config.targeting_slope * (self.features[found] @ self.features[row]).astype(np.float64))
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
