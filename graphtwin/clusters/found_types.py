"""Types found, not given: whether embeddings have valleys that a continuum lacks, and what a mixture of normals makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.clusters.mixtures import MixtureChoice, Stability, choose_mixture, parts_of, stability_of
from graphtwin.clusters.valleys import FEWEST, basins, densities_of, prominences
from graphtwin.execute import rng_for
from graphtwin.statistics import one_sided_p

LEAST = 3 * FEWEST  # neurons that are asked of a cloud: with fewer no two clusters of some size can be told
THIN = 0.25  # width of a continuum across its longest axis, as a share of the cloud's; at 1 a third of rings would be called clusters
COMPARED = 4  # continua to which a mixture is fitted as well: its agreement there is told, and tested nowhere
LEAST_PROMINENCE = 1e-9  # nats; a unit where no cloud has a second mode
LEVEL = 0.05  # largest p at which a valley is one


class TypesConfig(BaseModel):
    """How types are looked for (`graphtwin types`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    components: int = Field(
        20,
        ge=2,
        description="Principal components in which types are looked for, at most; those of 99 % of the variance.",
    )
    seeds: int = Field(5, ge=2, description="Starts, and splits into halves, over which the agreement of mixtures is taken.")
    continua: int = Field(19, ge=19, description="Continua without clusters that the embeddings are compared with; 19 reach p = 0.05.")
    permutations: int = Field(199, ge=19, description="Permutations of known types within scans.")
    seed: int = Field(0, ge=0, description="The root of every random draw.")


@dataclass(frozen=True)
class FoundTypes:
    """What was found in a cloud of embeddings.

    Attributes:
        type_found: Number of the type of each neuron, 0 for the largest; all 0 where there are no clusters.
        part: Component of the chosen mixture that each neuron most likely belongs to.
        part_probability: Probability of that component.
        n_neighbours: Number of neighbours of the density that modes and types are of: that with most types, else that with the most
            prominent mode for its width.
        modes: Table, a row a mode of that density but the highest: prominence (nats of log density), p (share of continua, the embeddings
            among them, that have a mode as prominent at any width) and is_type; those that are types, or else the twenty most prominent.
        continua: Table, a row a continuum: prominence of its second mode (0 where it has none), of the width where it is most prominent for
            the width, in nats of the width of `modes`; over_seeds and over_halves, these of the first `COMPARED`.
        choice: The mixture that held-out neurons chose.
        stability: Its agreement with itself.
        dimension: Dimension of the cloud, as distances between neighbours tell it.
    """

    type_found: Int[np.ndarray, " neurons"]
    part: Int[np.ndarray, " neurons"]
    part_probability: Float[np.ndarray, " neurons"]
    n_neighbours: int
    modes: pd.DataFrame
    continua: pd.DataFrame
    choice: MixtureChoice
    stability: Stability
    dimension: float

    @property
    def n_types(self) -> int:
        """Number of types, 1 where there are no clusters."""
        return int(self.type_found.max()) + 1

    @property
    def p_value(self) -> float:
        """Share of continua, the embeddings among them, whose second mode is as prominent."""
        return float(self.modes["p"].iloc[0]) if len(self.modes) else 1.0


def types_in(
    embeddings: Float[np.ndarray, "neurons features"],
    config: TypesConfig,
    watch: Callable[[Iterator[int]], Iterator[int]] = iter,
) -> FoundTypes:
    """Types in a cloud of embeddings: modes separated by valleys that no continuum of the same covariance has.

    The continuum is a ribbon, flat along the longest axis of the cloud and thin along the others: of clouds without clusters one whose
    density ripples most, as that of a ring does (neurons by preferred direction lie on one). Densities are taken over few neighbours and
    over more, as small clusters and shallow valleys ask. A mode is a type where it is more prominent than the second mode of all but 5 % of
    continua at whichever width these have their most prominent one, in medians of the width (the most prominent of each continuum, so that
    the error holds for all modes and widths together).

    Args:
        embeddings: Embedding of each neuron, finite; those of several scans made alike.
        config: How many draws, and in how many principal components.
        watch: What the numbers of the continua go through while they are drawn, such as a progress bar.
    """
    points = principal(embeddings, config.components)
    densities = densities_of(points)
    found = [prominences(density) for density in densities]
    choice = choose_mixture(points, config.seed)
    stability = stability_of(points, choice.n_components, choice.shape, config.seeds, config.seed)
    rows, nulls = [], []
    for number in watch(iter(range(config.continua))):
        drawn = continuum_like(points, rng_for(config.seed, "continuum", number))
        few = number < COMPARED
        alike = stability_of(drawn, choice.n_components, choice.shape, 2, config.seed + number) if few else Stability(np.nan, np.nan)
        nulls.append(second_modes(drawn))
        rows.append((alike.over_seeds, alike.over_halves))
    unit, largest = over_widths(np.array([[each.max(initial=0.0) for each in found], *nulls]))
    p = [one_sided_p(each / scale, np.tile(largest[1:, None], (1, len(each)))) for each, scale in zip(found, unit, strict=True)]
    n_types = [int((each <= LEVEL).sum()) for each in p]
    deepest = [float(each.max(initial=0.0) / scale) for each, scale in zip(found, unit, strict=True)]
    width = max(range(len(densities)), key=lambda at: (n_types[at], deepest[at], at))
    continua = pd.DataFrame(rows, columns=["over_seeds", "over_halves"])
    continua.insert(0, "prominence", largest[1:] * unit[width])
    modes = pd.DataFrame({"prominence": found[width], "p": p[width], "is_type": p[width] <= LEVEL})
    no_valley = float(found[width][p[width] > LEVEL].max(initial=0.0))
    type_found = basins(densities[width], no_valley) if n_types[width] else np.zeros(len(points), dtype=np.int64)
    part, probability = parts_of(points, choice, config.seed)
    told, k = modes.head(max(20, n_types[width])), densities[width].neighbours.shape[1]
    return FoundTypes(type_found, part, probability, k, told, continua, choice, stability, densities[-1].dimension)


def second_modes(points: Float[np.ndarray, "neurons features"]) -> Float[np.ndarray, " widths"]:
    """Prominence of the most prominent mode beside the highest, nats, at each width of the density; 0 where there is none."""
    return np.array([prominences(density).max(initial=0.0) for density in densities_of(points)])


def over_widths(
    deepest: Float[np.ndarray, "clouds widths"],
) -> tuple[Float[np.ndarray, " widths"], Float[np.ndarray, " clouds"]]:
    """What prominences of each width are measured in, and the largest of each cloud in these.

    The unit is the median over all clouds, which are treated alike, so that without clusters any one has the largest as often as another.

    Args:
        deepest: Prominence of the second mode of each cloud at each width, nats.
    """
    unit = np.median(deepest, axis=0)
    unit = np.where(unit > 0, unit, np.maximum(deepest.mean(0), LEAST_PROMINENCE))
    return unit, (deepest / unit).max(1)


def principal(embeddings: Float[np.ndarray, "neurons features"], components: int) -> Float[np.ndarray, "neurons components"]:
    """Principal components of a cloud, the longest first: as many as hold 99 % of its variance, and no more than asked for.

    Args:
        embeddings: Embedding of each neuron.
        components: Number of components, at most.
    """
    if len(embeddings) < LEAST:
        raise ValueError(
            f"types: {len(embeddings)} neurons, {LEAST} are needed: two clusters of {FEWEST} cannot be told from a ripple among fewer. "
            "Bring more neurons, or name the types and score them (`graphtwin run`)."
        )
    centred = embeddings - embeddings.mean(0)
    variance, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    variance, axes = variance[::-1].clip(min=0), axes[:, ::-1]
    if not variance[0] > 0:
        raise ValueError(f"types: all {len(embeddings)} embeddings are the same vector. Export them again.")
    counts = np.unique(embeddings, axis=0, return_counts=True)[1]
    tied = int(counts[counts > FEWEST].sum())
    if 2 * tied > len(embeddings):
        raise ValueError(
            f"types: {tied} of {len(embeddings)} embeddings equal {FEWEST} others or more each ({len(counts)} different ones in all), so "
            "that they have no density. They are classes already: count them, or bring embeddings that differ from neuron to neuron."
        )
    held = int(np.searchsorted(np.cumsum(variance) / variance.sum(), 0.99)) + 1
    return centred @ axes[:, : min(held, components)]


def continuum_like(points: Float[np.ndarray, "neurons components"], rng: np.random.Generator) -> Float[np.ndarray, "neurons components"]:
    """A continuum without clusters: flat along the first principal component, normal and thin (`THIN`) along the others.

    Args:
        points: Principal components of a cloud.
        rng: Random generator of the draw.
    """
    sd = points.std(0)
    drawn = rng.normal(size=points.shape) * sd * THIN
    drawn[:, 0] = rng.uniform(-1, 1, len(points)) * np.sqrt(3) * sd[0]
    return drawn
