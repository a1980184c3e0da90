"""What the tables of a power analysis are drawn from: axons with their candidates, and how their synapses vary.

Axons, candidates, L_d, similarities and places are those of a table. What is fitted to it: each axon's rate (a gamma distribution over
axons, and each axon's share of it given its own synapses), the part of distance beyond L_d where the table clearly has one, and the
clustering of synapses (`clustering`). Without a table, geometry and function are those of `pairs.plant`, and the rest is supposed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy import stats

from graphtwin.wiring.conditional import ConditionalFit, expected_synapses, fit_conditional
from graphtwin.wiring.pairs import Outcome, Planted, outcome_of, plant
from graphtwin.wiring.power.clustering import Clustering, clustering_of
from graphtwin.wiring.spatial import Places, geometry_terms

MOST_COPIES = 10  # times that an axon may recur in a drawn table: more copies of the same candidates tell nothing new
MOST_PAIRS = 5_000_000  # pairs of a drawn table; each estimate then needs some GB and a minute
CLEAR = 0.01  # largest p of distance beyond L_d that is planted: a part that is not there would be found as a rule
EVERYWHERE = 1e9  # chance to come near, so large that all targets are candidates
FUNCTION = "signal_correlation"  # the similarity of `plant`


@dataclass(frozen=True)
class Design:
    """Axons with their candidates, sorted axon by axon, and how their synapses vary.

    Attributes:
        similarity: Name of the similarity whose slope is planted.
        start: First pair of each axon, and after the last one the number of pairs.
        target: Position of each pair's target in `target_id`.
        target_id: Nucleus ids of the targets, rising.
        x: Similarity of each pair, in its unit.
        l_d_um: L_d of each pair in um.
        distance_um: Distance of the somata of each pair in um; None where the table does not have it.
        axon_um, target_um: Positions in um; None where they are not known.
        held: Log of what distance beyond L_d multiplies the expected synapses by.
        total: Mean expected synapses of each axon.
        total_shape: Shape of the gamma distribution of each axon's expected synapses about that mean; infinite where they are fixed.
        clustering: How synapses cluster beyond that.
    """

    similarity: str
    start: Int[np.ndarray, " axons_and_one"]
    target: Int[np.ndarray, " pairs"]
    target_id: Int[np.ndarray, " targets"]
    x: Float[np.ndarray, " pairs"]
    l_d_um: Float[np.ndarray, " pairs"]
    distance_um: Float[np.ndarray, " pairs"] | None
    axon_um: Float[np.ndarray, "axons 3"] | None
    target_um: Float[np.ndarray, "targets 3"] | None
    held: Float[np.ndarray, " pairs"]
    total: Float[np.ndarray, " axons"]
    total_shape: Float[np.ndarray, " axons"]
    clustering: Clustering

    @property
    def n_axons(self) -> int:
        """Number of axons that tables are drawn from."""
        return len(self.total)

    @property
    def sd(self) -> float:
        """SD of the similarity over all pairs, in its unit."""
        return float(self.x.std())

    def totals(self, axons: Int[np.ndarray, " drawn"], rng: np.random.Generator) -> Float[np.ndarray, " drawn"]:
        """Expected synapses of some axons, drawn anew for each."""
        shape = self.total_shape[axons]
        free = np.where(np.isfinite(shape), shape, 1.0)
        return self.total[axons] * np.where(np.isfinite(shape), rng.gamma(free) / free, 1.0)

    def require(self, n_axons: int) -> None:
        """Raise where a table of so many axons cannot be drawn, or not to any use."""
        if n_axons < 2:
            raise ValueError(f"--axons {n_axons}: an error over axons needs two, an honest one five. Ask for more axons.")
        n_pairs = round(n_axons * len(self.x) / self.n_axons)
        if n_axons > MOST_COPIES * self.n_axons:
            raise ValueError(
                f"--axons {n_axons}: more than {MOST_COPIES} times the {self.n_axons} axons of the table, whose candidates would recur "
                f"until they tell nothing new. Ask for at most {MOST_COPIES * self.n_axons}, or leave out the table and give --targets."
            )
        if n_pairs > MOST_PAIRS:
            raise ValueError(
                f"--axons {n_axons}: tables of {n_pairs:,} pairs, more than the {MOST_PAIRS:,} that can be fitted again and again. "
                f"Ask for at most {int(MOST_PAIRS * self.n_axons / len(self.x)):,} axons, or for fewer targets."
            )


@dataclass(frozen=True)
class Supposed:
    """What is supposed of tissue where there is no table.

    Attributes:
        n_axons: Number of axons, as many as the largest table has.
        n_targets: Number of candidates of each axon.
        synapses: Mean number of synapses of an axon.
        axon_sd: SD of the axons' rates, over their mean.
        smooth: Share of function that varies smoothly with place, as in `Planted.retinotopy`.
        clustering: How synapses cluster.
    """

    n_axons: int
    n_targets: int
    synapses: float
    axon_sd: float
    smooth: float
    clustering: Clustering


def supposed_design(supposed: Supposed, seed: int) -> Design:
    """A design without a table: cells in a slab of 500 x 200 x 500 um, L_d that falls with distance, function that is partly smooth."""
    n_pairs = supposed.n_axons * supposed.n_targets
    if n_pairs > MOST_PAIRS:
        raise ValueError(
            f"--axons {supposed.n_axons} --targets {supposed.n_targets}: tables of {n_pairs:,} pairs, more than the {MOST_PAIRS:,} that "
            "can be fitted again and again. Ask for fewer axons or targets."
        )
    geometry = Planted(n_axons=supposed.n_axons, n_targets=supposed.n_targets, retinotopy=supposed.smooth, near=EVERYWHERE)
    planted = plant(geometry, seed)
    places = Places(planted.nucleus_id, planted.place)
    choices = outcome_of(planted.pairs.assign(n_synapses=0), "synapse_density", [FUNCTION]).choices
    exposure = choices.sum_blocks(choices.l_d_um)
    shape = 1 / supposed.axon_sd**2 if supposed.axon_sd > 0 else np.inf
    return Design(
        similarity=FUNCTION,
        start=choices.start,
        target=choices.target,
        target_id=choices.targets,
        x=choices.centre[0] + choices.scale[0] * choices.x[:, 0],
        l_d_um=choices.l_d_um,
        distance_um=None,
        axon_um=places.of(choices.axons),
        target_um=places.of(choices.targets),
        held=np.zeros(len(choices.row)),
        total=supposed.synapses * exposure / exposure.mean(),
        total_shape=np.full(len(exposure), shape),
        clustering=supposed.clustering,
    )


def design_of(pairs: pd.DataFrame, similarity: str, places: Places | None, seed: int = 0) -> tuple[Design, list[str]]:
    """The design of a table, and what a reader must be told of it.

    Args:
        pairs: The pair table: pre_nucleus_id, post_nucleus_id, n_synapses, l_d_um, the similarity, and distance_um where it is known.
        similarity: Column of the pair table whose slope is planted. Pairs for which it is unknown are left out and counted.
        places: Positions of the cells; None where they are not known. Pairs of a cell without one are left out and counted.
        seed: Seed of the choice of couples of synapses that clustering is estimated from.

    Raises:
        ValueError: The table has no synapses, fewer than two axons with some, or no conditional model.
    """
    placed = pairs if places is None else pairs[places.known(pairs)]
    _require_synapses(placed, len(pairs))
    outcome = outcome_of(placed, "synapse_density", [similarity])
    fit, held, of_distance = _fitted(outcome, places)
    choices, beta = fit.choices, fit.standardised
    expected = expected_synapses(choices, beta)
    made = choices.sum_blocks(choices.n_synapses)
    exposure = choices.sum_blocks(choices.exposure * np.exp((choices.x * beta[0]).sum(axis=1)))
    position = None if places is None else places.of(choices.targets)
    total, shape = _totals(made, exposure)
    distance = _distances(outcome, choices.row, places)
    design = Design(
        similarity=similarity,
        start=choices.start,
        target=choices.target,
        target_id=choices.targets,
        x=choices.centre[0] + choices.scale[0] * choices.x[:, 0],
        l_d_um=choices.l_d_um,
        distance_um=distance,
        axon_um=None if places is None else places.of(choices.axons),
        target_um=position,
        held=held,
        total=total,
        total_shape=shape,
        clustering=clustering_of(choices, expected, position, seed),
    )
    return design, _notes(outcome, choices.n_unknown, len(pairs) - len(placed), of_distance, places)


def _require_synapses(placed: pd.DataFrame, n_pairs: int) -> None:
    if placed.empty:
        raise ValueError(f"none of {n_pairs:,} pairs has two cells with positions. Give a neuron table with the positions of all cells.")
    if not (placed["n_synapses"] > 0).any():
        raise ValueError(
            f"none of {len(placed):,} pairs has a synapse: rates of axons cannot be learned from them. Give a table with synapses, or none "
            "with --axons, --targets and --synapses."
        )


def _fitted(outcome: Outcome, places: Places | None) -> tuple[ConditionalFit, Float[np.ndarray, " pairs"], float | None]:
    """The conditional model, with distance where the table clearly has its part; what distance says of each pair; and p of that part.

    The likelihood ratio is divided by the dispersion of the counts (Wedderburn 1974, doi:10.1093/biomet/61.3.439).
    """
    alone = fit_conditional(outcome.choices)
    nothing = np.zeros(len(alone.choices.row))
    terms = geometry_terms(outcome.pairs, places, detail=0)
    if not terms.shape[1]:
        return alone, nothing, None
    try:
        more = outcome_of(outcome.pairs.assign(**terms), "synapse_density", [*outcome.similarities, *terms.columns]).choices
        fit = fit_conditional(more)
    except ValueError:  # too few synapses to tell distance apart
        return alone, nothing, None
    expected = expected_synapses(more, fit.standardised)
    squares = np.divide((more.n_synapses - expected) ** 2, expected, out=np.zeros_like(expected), where=expected > 0)
    dispersion = max(float(squares.sum()) / max(len(squares) - len(more.axons) - more.x.shape[1], 1), 1.0)
    ratio = 2 * float(fit.log_likelihood[0] - alone.log_likelihood[0]) / dispersion
    p = float(stats.chi2.sf(max(ratio, 0.0), terms.shape[1]))
    return (fit, (more.x[:, 1:] * fit.standardised[0, 1:]).sum(axis=1), p) if p <= CLEAR else (alone, nothing, p)


def _totals(made: np.ndarray, exposure: np.ndarray) -> tuple[Float[np.ndarray, " axons"], Float[np.ndarray, " axons"]]:
    """Mean and shape of the expected synapses of each axon: rates are gamma over axons, by moments, and an axon's follows its synapses."""
    rate = made.sum() / exposure.sum()
    mean = rate * exposure
    variance = float(((made - mean) ** 2 - made).sum() / (mean**2).sum())
    if not variance > 0:
        return mean, np.full(len(mean), np.inf)
    shape = 1 / variance + made
    return shape / (1 / (variance * rate) + exposure) * exposure, shape


def _distances(outcome: Outcome, row: np.ndarray, places: Places | None) -> Float[np.ndarray, " pairs"] | None:
    """Distance of the somata of each pair where the table has it and positions do not say it."""
    if places is not None or "distance_um" not in outcome.pairs:
        return None
    distance = outcome.pairs["distance_um"].to_numpy(np.float64)[row]
    return distance if bool(np.isfinite(distance).all()) else None


def _notes(outcome: Outcome, n_unknown: int, n_unplaced: int, of_distance: float | None, places: Places | None) -> list[str]:
    """What was left out, and what is planted beside the slope."""
    (name,) = outcome.similarities
    notes = []
    if n_unplaced:
        notes.append(f"{n_unplaced:,} pairs are left out, for a cell of theirs has no position.")
    if n_unknown:
        notes.append(f"{n_unknown:,} of {len(outcome.pairs):,} pairs with L_d > 0 are left out, for {name} is not known there.")
    if places is None:
        notes.append(
            "Positions of the cells are not known: no claim can be made, which needs the spatial p, and hot spots of synapses are not "
            "planted, so that power is too good where there are some. Give --neurons with positions."
        )
    if of_distance is not None and of_distance <= CLEAR:
        notes.append("Synapses go with distance beyond L_d in the table, which is planted too.")
    return notes
