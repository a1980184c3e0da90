"""Cells of a simulated cortex: where each nucleus lies, of which area, layer and type it is, and where in the visual field it looks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.coordinates import MINNIE65, pia_from_voxels, voxels_from_pia
from graphtwin.execute import rng_for
from graphtwin.synthetic.brain.cell_types import CELL_TYPES, depths_of, layer_at, quotas
from graphtwin.synthetic.brain.sheet import ORIGIN_UM, Sheet

# Nucleus ids have six digits or more, as in minnie65; the ids of an animal have room for a million cells.
FIRST_ID, IDS_PER_ANIMAL = 100_000, 10_000_000
LARGEST_GAP = 9  # gaps between ids are less than this, 4.5 in the mean, as nuclei that are no neurons leave them
FEWEST = 10  # fewest neurons of an animal: with fewer some types and areas are empty
TISSUE_PER_MM2 = 67_900  # labelled nuclei below a mm2 of pia in minnie65: 48,552 over 1.375 x 0.520 mm
DENSITY_PER_MM2 = 1500.0  # neurons below a mm2 of pia: a sample of the tissue, so that 2,000 neurons span all four areas; a choice
VISUAL_FIELD = 0.8  # half the field that an area maps, in half monitors: receptive fields end before the edges of the monitor
# SD of a receptive field's centre around the map, in V1 and elsewhere, in half monitors; a choice.
RF_SCATTER, RF_SCATTER_HVA = 0.06, 0.12
NUCLEUS_RADIUS_UM, RADIUS_SPREAD = 4.0, 0.1  # mean radius of a nucleus, excitatory or inhibitory, and its SD over mean; round numbers
MAX_REDRAWS = 200  # most rounds of drawing places: 100,000 cells at `DENSITY_PER_MM2` need three


@dataclass(frozen=True)
class Anatomy:
    """The cells of one animal.

    Attributes:
        neurons: One row a nucleus, ascending nucleus_id: nucleus_id, brain_area, layer, cell_type, cell_class, x_um, depth_um, z_um,
            nucleus_radius_um, rf_x, rf_y (monitor coordinates, edges at -1 and 1).
        sheet: The sheet of cortex, which says where the areas lie and look.
        seed, animal: Seed of the cortex and number of the animal, from which the cells were drawn.
    """

    neurons: pd.DataFrame
    sheet: Sheet
    seed: int
    animal: int


def grow_anatomy(n: int, seed: int, animal: int, density_per_mm2: float = DENSITY_PER_MM2) -> Anatomy:
    """Draw the cells of one animal. The sheet grows with the number of neurons, so that the density stays.

    Args:
        n: Number of neurons of all areas together.
        seed: Seed of the cortex.
        animal: Number of the animal, from 0 on; nucleus ids of different animals differ.
        density_per_mm2: Neurons below a mm2 of pia: a sample of the tissue, which has `TISSUE_PER_MM2`.

    Raises:
        ValueError: When the animal's number is negative, there are too few neurons, or the tissue is so dense that nuclei can't be placed
            without overlap.
    """
    if animal < 0:
        raise ValueError(f"animal = {animal}: animals are numbered from 0.")
    if n < FEWEST:
        raise ValueError(f"anatomy: {n} neurons were asked for. Give {FEWEST} or more, so that every area has some.")
    sheet = Sheet(1000 * float(np.sqrt(n / density_per_mm2)), VISUAL_FIELD)
    cell_type = np.repeat(np.array(list(CELL_TYPES), dtype=object), quotas(n))
    rng_for(seed, "cell types", animal).shuffle(cell_type)
    inhibitory = np.array([CELL_TYPES[name].cell_class == "inhibitory" for name in cell_type])
    radius = NUCLEUS_RADIUS_UM * (1 + RADIUS_SPREAD * rng_for(seed, "nucleus radii", animal).standard_normal(n).clip(-3, 3))
    depth = _depths(cell_type, seed, animal)
    x, z = _place(sheet, depth, radius, seed, animal)
    area = sheet.areas(x, z)
    columns = {
        "nucleus_id": _ids(n, seed, animal),
        "brain_area": area,
        "layer": layer_at(depth),
        "cell_type": cell_type,
        "cell_class": np.where(inhibitory, "inhibitory", "excitatory").astype(object),
        "x_um": x,
        "depth_um": depth,
        "z_um": z,
        "nucleus_radius_um": radius,
    }
    scatter = np.where(area == "V1", RF_SCATTER, RF_SCATTER_HVA)
    rf = sheet.visual_field_at(x, z) + scatter[:, None] * rng_for(seed, "receptive field scatter", animal).standard_normal((n, 2))
    columns["rf_x"], columns["rf_y"] = np.clip(rf, -1, 1).T
    return Anatomy(pd.DataFrame(columns), sheet, seed, animal)


def em_nm(pia_um: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
    """Points of the pia frame in the EM frame, rounded to whole nm (which float32 holds up to 16 mm)."""
    return np.rint(voxels_from_pia(pia_um, MINNIE65) * np.array(MINNIE65.voxel_nm))


def pia_um(em_nm: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
    """Points of the EM frame in the pia frame: x, depth, z."""
    return pia_from_voxels(em_nm / np.array(MINNIE65.voxel_nm), MINNIE65)


def _ids(n: int, seed: int, animal: int) -> np.ndarray:
    """Ascending ids with gaps, as nuclei that are no neurons leave them."""
    gaps = rng_for(seed, "nucleus ids", animal).integers(1, LARGEST_GAP, n)
    return FIRST_ID + animal * IDS_PER_ANIMAL + np.cumsum(gaps)


def _depths(cell_type: np.ndarray, seed: int, animal: int) -> Float[np.ndarray, " cells"]:
    """Depth of each soma, from the distribution of its type."""
    share = rng_for(seed, "soma depths", animal).random(len(cell_type))
    depth = np.empty(len(cell_type))
    for name in CELL_TYPES:
        depth[cell_type == name] = depths_of(name, share[cell_type == name])
    return depth


def _place(
    sheet: Sheet, depth: Float[np.ndarray, " cells"], radius: Float[np.ndarray, " cells"], seed: int, animal: int
) -> tuple[Float[np.ndarray, " cells"], Float[np.ndarray, " cells"]]:
    """Lateral places, uniform over the sheet; of two nuclei that overlap, the later is drawn again."""
    from scipy.spatial import cKDTree

    rng = rng_for(seed, "soma places", animal)
    place = rng.uniform(0, sheet.side_um, (len(depth), 2))
    for _ in range(MAX_REDRAWS):
        points = np.column_stack([place[:, 0], depth, place[:, 1]])
        near = cKDTree(points).query_pairs(2 * radius.max(), output_type="ndarray")
        apart = np.linalg.norm(points[near[:, 0]] - points[near[:, 1]], axis=1)
        again = np.unique(near[apart < radius[near].sum(1)].max(axis=1))
        if len(again) == 0:
            return place[:, 0] + ORIGIN_UM[0], place[:, 1] + ORIGIN_UM[1]
        place[again] = rng.uniform(0, sheet.side_um, (len(again), 2))
    raise ValueError(f"anatomy: {len(again)} of {len(depth)} nuclei still overlap after {MAX_REDRAWS} draws. Give a lower density_per_mm2.")
