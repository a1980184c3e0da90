"""Toroidal shifts: the map of functions is moved over the tissue as a whole, and leaves on one side to enter on the other.

Each replicate draws one shift, and half of them a turn by 180 degrees; every target then has the function of the cell nearest to its
shifted place, for all axons alike. Source: Lotwick and Silverman 1982, doi:10.1111/j.2517-6161.1982.tb01221.x. A tissue whose third axis is
short is a sheet and is shifted along its two longest.

Kept: each map's values (but for cells that are nearest to two places or none), covariance between axons, and autocorrelation at all
lengths and in all directions, which a turn by 180 degrees leaves as it is (other angles do not, and leave the box). Not kept: what lies
across the seam, where cells from opposite ends become neighbours; in a sheet, what goes with depth. Valid where function is a stationary
field over a box that cells fill. Time grows with pairs x replicates, memory with axons x targets.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree
from scipy.special import gamma

from graphtwin.execute import rng_for
from graphtwin.statistics import replicate
from graphtwin.wiring.nulls import NullDistribution
from graphtwin.wiring.spatial.dealt_scores import dealt_scores, group_weights, similarities_of
from graphtwin.wiring.spatial.moran_surrogates import N_REPLICATES
from graphtwin.wiring.spatial.similarity_maps import SimilarityMaps, require_distinct

SHEET = 0.5  # shortest axis over the second longest: below, the tissue is a sheet
EMPTY_CHANCE = 0.01  # chance of no cell within the radius, where as many cells fill the box evenly: farther places are empty
MOST_EMPTY = 0.1  # share of shifted places that may be empty
N_PROBES = 4000  # places by which the share is estimated
FEWEST_PLACES = 20  # places of targets below which too few shifts differ


def shift_targets(maps: SimilarityMaps, seed: int, n_replicates: int = N_REPLICATES, workers: int = 1) -> NullDistribution:
    """Move the targets' function over the torus of their bounding box; who connects, and the axons' function, stay.

    Args:
        maps: The maps of the similarity.
        seed: The run's seed.
        n_replicates: Number of shifts.
        workers: Number of threads.

    Raises:
        ValueError: There are few targets, or they do not fill their bounding box.
    """
    place, box = torus(maps.target_um)
    tree = cKDTree(place, boxsize=box)
    weights = group_weights(maps)
    similarities = similarities_of(maps, weights)

    def draw(number: int) -> np.ndarray:
        rng = rng_for(seed, "toroidal shift", maps.test.similarity, number)
        source = tree.query(shifted(place, box, rng))[1]
        return dealt_scores(weights, similarities[maps.of_draw(number)], source[None])[0]

    return maps.distribution("toroidal shift", np.stack(replicate(draw, n_replicates, workers, f"{maps.test.similarity} toroidal shift")))


def shifted(
    place: Float[np.ndarray, "targets axes"], box: Float[np.ndarray, " axes"], rng: np.random.Generator
) -> Float[np.ndarray, "targets axes"]:
    """Places after one random shift, and in half of the draws a turn by 180 degrees."""
    turned = box - place if rng.random() < 0.5 else place
    return np.mod(turned + rng.random(len(box)) * box, box)


def torus(target_um: Float[np.ndarray, "targets 3"]) -> tuple[Float[np.ndarray, "targets kept"], Float[np.ndarray, " kept"]]:
    """Places from the corner of the bounding box along the axes that are shifted, and the size of the box, both in um."""
    require_distinct(target_um, FEWEST_PLACES, "targets")
    low, span = target_um.min(0), np.ptp(target_um, 0)
    order = np.argsort(-span)
    sheet = span[order[2]] < SHEET * span[order[1]]
    axes = np.sort(order[:2]) if sheet else np.arange(3)
    if span[axes].min() <= 0:
        raise ValueError(
            f"shifts: the {len(target_um)} targets lie on a line (box of {_micrometres(span)} um). "
            "Check positions; they are in um here, and in nm in the neuron table."
        )
    box = span[axes] * (1 + 1 / len(target_um))  # the last cell and the first are one spacing apart, not at one place
    place = target_um[:, axes] - low[axes]
    _check_filled(place, box)
    return place, box


def _check_filled(place: np.ndarray, box: np.ndarray) -> None:
    """Refuse positions that leave much of their box empty."""
    n, axes = place.shape
    ball = np.pi ** (axes / 2) / gamma(axes / 2 + 1)  # volume of the unit ball
    radius = (-np.log(EMPTY_CHANCE) * np.prod(box) / (n * ball)) ** (1 / axes)
    probes = rng_for(0, "probes of a box").random((N_PROBES, axes)) * box
    empty = float((cKDTree(place, boxsize=box).query(probes)[0] > radius).mean())
    if empty > MOST_EMPTY:
        raise ValueError(
            f"shifts: {empty:.0%} of the box of {_micrometres(box)} um around {n} targets is farther than {radius:.0f} um from "
            f"any of them; at most {MOST_EMPTY:.0%} may be. Use Moran spectral randomisation, which needs no box."
        )


def _micrometres(box: np.ndarray) -> str:
    return " x ".join(f"{side:.0f}" for side in box)
