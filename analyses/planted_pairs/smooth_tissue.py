"""Tables of pairs from tissue in which function and wiring are both smooth, by numpy and scipy: nothing is shared with what is tested.

Every quantity that varies with place is a gaussian field, white noise times the Cholesky factor of its covariance. A length has three
numbers, along x, depth and z; along an axis whose length is infinite nothing varies.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.linalg import cholesky
from scipy.spatial.distance import cdist

Lengths = tuple[float, float, float]
FLAT = float("inf")  # length along an axis along which nothing varies
NUGGET = 1e-6  # share of the variance that keeps a Cholesky factor from failing on rounding
NEAR_UM, REACH_UM, L_D_UM, L_D_SD = 250.0, 200.0, 5.0, 0.8  # chance to come near and L_d fall by e over these; median and log SD of L_d
AXON_SD = 0.5  # SD of axons' log rates
MOST_EXPECTED = 50.0  # synapses of a pair that a hot spot cannot exceed
FIRST_TARGET = 100_001  # nucleus id of the first target; axons count from 1
SEED = 20


def columns(length_um: float) -> Lengths:
    """A length along the sheet; nothing varies through the depth."""
    return length_um, FLAT, length_um


@dataclass(frozen=True)
class Tissue:
    """What is planted. Lengths are of exp(-h^2 / 2) where h is distance over length.

    Attributes:
        span_um: Size of the tissue along x, depth and z.
        clusters: Number of places where axons' somata crowd (SD 30 um); 0 spreads them evenly.
        function: "field": eight smooth fields and noise. "map": the sine and cosine of a map of position, as retinotopy is, and noise.
            "layers": one direction of function for each fifth of the depth, and noise.
        function_um, smooth_share: Length of the smooth part of function, and its share of the variance.
        own_um, shared_um: Length of hot spots of log rate that belong to one axon, and to all; None plants none.
        hot_sd: SD of each.
        kernel: "gaussian" fields, or "rough": exponential covariance, as of a field that is continuous and nowhere smooth.
        fall_um: The rate falls by e, beyond what L_d does, over this distance between somata; None: it does not.
        turn_deg: Angle by which all lengths are turned in the sheet, from x towards z.
        heavy: Scale of the targets' log rates, Student's t with 3 degrees of freedom, cut above 2.5.
        layered: Scale of log rates that all axons give each fifth of the depth.
        slope: Change of log rate with one unit of similarity.
        slope_sd: SD of the slope over axons, around `slope`.
        animals: Number of animals; axons and targets are dealt among them, each with fields of its own.
        n_targets, synapses_an_axon: Size of the table.
    """

    span_um: Lengths = (500.0, 200.0, 500.0)
    clusters: int = 0
    function: Literal["field", "map", "layers"] = "field"
    function_um: Lengths = (120.0, FLAT, 120.0)
    smooth_share: float = 0.7
    own_um: Lengths | None = None
    shared_um: Lengths | None = None
    hot_sd: float = 1.0
    kernel: Literal["gaussian", "rough"] = "gaussian"
    fall_um: Lengths | None = None
    turn_deg: float = 0.0
    heavy: float = 0.0
    layered: float = 0.0
    slope: float = 0.0
    slope_sd: float = 0.0
    animals: int = 1
    n_targets: int = 150
    synapses_an_axon: float = 10.0


@dataclass(frozen=True)
class Table:
    """One table: matrices over axons and targets.

    Attributes:
        l_d_um, n_synapses, similarity: Of every pair; L_d is 0 where two cells do not come near.
        observed: Whether both cells are of one animal; other pairs do not exist.
        place_um: x, depth, z of axons, then targets.
        animal: Number of each cell's animal.
        function: Vectors of length 1: the similarity of two cells is their product.
    """

    l_d_um: np.ndarray
    n_synapses: np.ndarray
    similarity: np.ndarray
    observed: np.ndarray
    place_um: np.ndarray
    animal: np.ndarray
    function: np.ndarray

    @property
    def nucleus_id(self) -> np.ndarray:
        """Ids of axons, then of targets."""
        n_axons, n_targets = self.l_d_um.shape
        return np.r_[1 + np.arange(n_axons), FIRST_TARGET + np.arange(n_targets)]


def draw(tissue: Tissue, name: str, n_axons: int, table: int) -> Table:
    """One table.

    Args:
        tissue: What is planted.
        name: Name of the scenario, from which its random numbers come; so that a rule changes the synapses alone.
        n_axons: Number of axons.
        table: Number of the table.
    """
    rng = np.random.default_rng([SEED, zlib.crc32(name.encode()), n_axons, table])
    n = n_axons + tissue.n_targets
    animal = np.r_[np.arange(n_axons) % tissue.animals, np.arange(tissue.n_targets) % tissue.animals]
    place = rng.uniform(0, tissue.span_um, (n, 3))
    if tissue.clusters:
        centre = rng.uniform(0, tissue.span_um, (tissue.clusters, 3))[rng.integers(0, tissue.clusters, n_axons)]
        place[:n_axons] = np.clip(centre + rng.normal(0, 30, (n_axons, 3)), 0, tissue.span_um)
    function = _function(tissue, place, animal, rng)
    pre, post = slice(None, n_axons), slice(n_axons, None)
    observed = animal[pre, None] == animal[None, post]
    distance = cdist(place[pre], place[post])
    near = observed & (rng.random(distance.shape) < np.exp(-distance / NEAR_UM))
    l_d = np.where(near, L_D_UM * np.exp(rng.normal(0, L_D_SD, distance.shape) - distance / REACH_UM), 0.0)
    similarity = function[pre] @ function[post].T
    log_rate = _log_rate(tissue, place, animal, n_axons, rng)
    slope = tissue.slope + tissue.slope_sd * rng.normal(size=(n_axons, 1))
    expected = l_d * np.exp(log_rate + slope * similarity)
    expected *= tissue.synapses_an_axon * n_axons / expected.sum()
    return Table(l_d, rng.poisson(np.minimum(expected, MOST_EXPECTED)), similarity, observed, place, animal, function)


def _turned(tissue: Tissue, vector: np.ndarray) -> np.ndarray:
    """Places or offsets along the axes that lengths are of."""
    cosine, sine = np.cos(np.deg2rad(tissue.turn_deg)), np.sin(np.deg2rad(tissue.turn_deg))
    x, depth, z = np.moveaxis(vector, -1, 0)
    return np.stack([cosine * x + sine * z, depth, cosine * z - sine * x], axis=-1)


def _fields(tissue: Tissue, place: np.ndarray, animal: np.ndarray, length_um: Lengths, n: int, rng: np.random.Generator) -> np.ndarray:
    """Values of n independent fields of variance 1 at each place, and of others in each animal."""
    scaled = _turned(tissue, place) / np.array(length_um)
    h = cdist(scaled, scaled)
    covariance = np.exp(-0.5 * h**2) if tissue.kernel == "gaussian" else np.exp(-h)
    covariance = np.where(animal[:, None] == animal[None], covariance, 0.0)
    return cholesky(covariance + NUGGET * np.eye(len(place)), lower=True) @ rng.normal(size=(len(place), n))


def _function(tissue: Tissue, place: np.ndarray, animal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vectors of length 1."""
    if tissue.function == "map":
        angle = 1.5 * np.pi * place[:, [0, 2]] / np.array(tissue.span_um)[[0, 2]]
        smooth = np.c_[np.sin(angle), np.cos(angle), np.sin(2 * angle[:, 0]), np.cos(2 * angle[:, 1]), np.zeros((len(place), 2))]
    elif tissue.function == "layers":
        smooth = np.sqrt(8) * np.eye(8)[_layer(tissue, place)]
    else:
        smooth = _fields(tissue, place, animal, tissue.function_um, 8, rng)
    vector = np.sqrt(tissue.smooth_share) * smooth + np.sqrt(1 - tissue.smooth_share) * rng.normal(size=smooth.shape)
    return vector / np.linalg.norm(vector, axis=1, keepdims=True)


def _log_rate(tissue: Tissue, place: np.ndarray, animal: np.ndarray, n_axons: int, rng: np.random.Generator) -> np.ndarray:
    """Log rate of each pair beyond L_d and similarity."""
    target, of = place[n_axons:], animal[n_axons:]
    rate = rng.normal(0, AXON_SD, (n_axons, 1)) + np.zeros((1, len(target)))
    if tissue.own_um is not None:
        rate = rate + tissue.hot_sd * _fields(tissue, target, of, tissue.own_um, n_axons, rng).T
    if tissue.shared_um is not None:
        rate = rate + tissue.hot_sd * _fields(tissue, target, of, tissue.shared_um, 1, rng).T
    if tissue.fall_um is not None:
        offset = _turned(tissue, target[None] - place[:n_axons, None])
        rate = rate - np.linalg.norm(offset / np.array(tissue.fall_um), axis=-1)
    rate = rate + tissue.heavy * np.minimum(rng.standard_t(3, len(target)), 2.5 / max(tissue.heavy, 1e-9))
    return rate + tissue.layered * rng.normal(size=5)[_layer(tissue, target)]


def _layer(tissue: Tissue, place: np.ndarray) -> np.ndarray:
    """Which fifth of the depth each place is in."""
    return np.minimum(5 * place[:, 1] / tissue.span_um[1], 4).astype(np.int64)


OWN, SHARED, FALL = columns(100.0), columns(100.0), (100.0, 100.0, 100.0)
LONG, LONG_HOT = (250.0, FLAT, 60.0), (200.0, FLAT, 50.0)  # elongated along x
CUBE = Tissue(span_um=(400.0, 400.0, 400.0), function_um=(120.0, 120.0, 120.0))
PLAIN = Tissue()
# The first six are those of the issue that asked for this study, and what it asks to be tried beside them.
TISSUES = {
    "function of each cell": replace(PLAIN, smooth_share=0.0),
    "none": PLAIN,
    "own": replace(PLAIN, own_um=OWN),
    "shared": replace(PLAIN, shared_um=SHARED),
    "distance": replace(PLAIN, fall_um=FALL),
    "heavy": replace(PLAIN, heavy=0.7),
    "long: own": replace(PLAIN, function_um=LONG, own_um=LONG_HOT),
    "long: shared": replace(PLAIN, function_um=LONG, shared_um=LONG_HOT),
    "long: own, distance along x": replace(PLAIN, function_um=LONG, own_um=LONG_HOT, fall_um=(100.0, FLAT, FLAT)),
    "long: distance along z": replace(PLAIN, function_um=LONG, fall_um=(FLAT, FLAT, 100.0)),
    "long, turned 45 deg: shared, distance": replace(
        PLAIN, function_um=LONG, shared_um=LONG_HOT, fall_um=(FLAT, FLAT, 100.0), turn_deg=45.0
    ),
    "50 um: own": replace(PLAIN, function_um=columns(50.0), own_um=OWN),
    "50 um: shared": replace(PLAIN, function_um=columns(50.0), shared_um=SHARED),
    "50 um: shared, of 50 um": replace(PLAIN, function_um=columns(50.0), shared_um=columns(50.0)),
    "250 um: own": replace(PLAIN, function_um=columns(250.0), own_um=OWN),
    "250 um: shared": replace(PLAIN, function_um=columns(250.0), shared_um=SHARED),
    "250 um: shared, of 250 um": replace(PLAIN, function_um=columns(250.0), shared_um=columns(250.0)),
    "clustered axons: own": replace(PLAIN, clusters=3, own_um=OWN),
    "clustered axons: shared": replace(PLAIN, clusters=3, shared_um=SHARED),
    "retinotopy": replace(PLAIN, function="map"),
    "retinotopy: own": replace(PLAIN, function="map", own_um=OWN),
    "retinotopy: shared, distance": replace(PLAIN, function="map", shared_um=SHARED, fall_um=FALL),
    "layers": replace(PLAIN, function="layers", layered=1.0),
    "3-D: own": replace(CUBE, own_um=FALL),
    "3-D: shared": replace(CUBE, shared_um=FALL),
    "3-D: distance": replace(CUBE, fall_um=FALL),
    "rough: shared": replace(PLAIN, kernel="rough", shared_um=SHARED),
    "animals: shared": replace(PLAIN, animals=5, n_targets=400, shared_um=SHARED),
    "slopes differ": replace(PLAIN, slope_sd=0.7),
    "slopes differ: own": replace(PLAIN, slope_sd=0.7, own_um=OWN),
    "all": replace(PLAIN, own_um=OWN, shared_um=SHARED, fall_um=FALL, heavy=0.4, slope_sd=0.4, hot_sd=0.7),
}
