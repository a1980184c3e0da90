"""Tables drawn from a design: other axons of the same kind, other synapses, and a slope that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin.execute import rng_for
from graphtwin.wiring.power.power_design import Design
from graphtwin.wiring.spatial import Places

N_WAVES = 64  # waves that a random field is the sum of: its values are then normal to a kurtosis of -1.5 / 64
LARGEST_LOG = 50.0  # largest log by which a slope may multiply a pair's share, so that shares stay numbers


@dataclass(frozen=True)
class DrawnTable:
    """A pair table with a planted slope.

    Attributes:
        pairs: pre_nucleus_id, post_nucleus_id, n_synapses, l_d_um, the similarity, and distance_um where the design has it.
        places: Positions of the cells; None where the design has none.
    """

    pairs: pd.DataFrame
    places: Places | None


def draw_table(design: Design, n_axons: int, slope: float, seed: int, number: int) -> DrawnTable:
    """One table. An axon's expected synapses do not depend on the slope, which only shares them out.

    Axons are drawn without replacement; where more are asked for than the design has, each recurs as often as any other, to within one,
    with synapses of its own.

    Args:
        design: What the table is drawn from.
        n_axons: Number of axons.
        slope: Planted change of log expected synapses with one unit of the similarity.
        seed: The root of the draws.
        number: Number of the table.
    """
    rng = rng_for(seed, "power", n_axons, repr(float(slope)), number)
    axons = _axons(design.n_axons, n_axons, rng)
    size = np.diff(design.start)[axons]
    begin = np.cumsum(size) - size
    row = np.repeat(design.start[axons] - begin, size) + np.arange(size.sum())
    axon = np.repeat(np.arange(n_axons), size)
    log_share = np.clip(slope * (design.x[row] - design.x.mean()) + design.held[row], -LARGEST_LOG, LARGEST_LOG)
    share = design.l_d_um[row] * np.exp(log_share)
    share /= np.bincount(axon, share)[axon]
    expected = design.totals(axons, rng)[axon] * share * _factors(design, axon, design.target[row], rng)
    first = int(design.target_id.max()) + 1
    columns = {"pre_nucleus_id": first + axon, "post_nucleus_id": design.target_id[design.target[row]], "n_synapses": rng.poisson(expected)}
    columns |= {"l_d_um": design.l_d_um[row], design.similarity: design.x[row]}
    columns |= {"distance_um": design.distance_um[row]} if design.distance_um is not None else {}
    if design.axon_um is None or design.target_um is None:
        return DrawnTable(pd.DataFrame(columns), None)
    ids = np.concatenate([design.target_id, first + np.arange(n_axons)])
    return DrawnTable(pd.DataFrame(columns), Places(ids, np.concatenate([design.target_um, design.axon_um[axons]])))


def _axons(there: int, asked: int, rng: np.random.Generator) -> Int[np.ndarray, " asked"]:
    """Positions of the axons that are drawn, rising."""
    times, rest = divmod(asked, there)
    return np.sort(np.concatenate([np.tile(np.arange(there), times), rng.choice(there, rest, replace=False)]))


def _factors(
    design: Design, axon: Int[np.ndarray, " pairs"], target: Int[np.ndarray, " pairs"], rng: np.random.Generator
) -> Float[np.ndarray, " pairs"]:
    """What multiplies the expected synapses of each pair, with mean 1 and the clustering's variances: fields are normal in the log."""
    clustering = design.clustering
    factor = np.ones(len(axon))
    if clustering.pair > 0:
        factor *= rng.gamma(1 / clustering.pair, clustering.pair, len(axon))
    if clustering.target > 0:
        spread = np.log1p(clustering.target)
        factor *= np.exp(rng.normal(0, np.sqrt(spread), len(design.target_id)) - spread / 2)[target]
    if design.target_um is None:
        return factor
    if clustering.shared > 0:
        factor *= _field(design.target_um, clustering.shared, clustering.shared_range_um, rng)[target]
    if clustering.own > 0:
        for mine in np.split(np.arange(len(axon)), np.flatnonzero(np.diff(axon)) + 1):
            factor[mine] *= _field(design.target_um[target[mine]], clustering.own, clustering.own_range_um, rng)
    return factor


def _field(
    position_um: Float[np.ndarray, "places 3"], variance: float, range_um: float, rng: np.random.Generator
) -> Float[np.ndarray, " places"]:
    """A random field with mean 1 whose log is a sum of waves of covariance log(1 + variance) exp(-distance / range).

    Wave numbers of an exponential covariance are multivariate t with one degree of freedom. Source: Rasmussen & Williams 2006, Gaussian
    Processes for Machine Learning, section 4.2.1 (spectral density of the Matern class).
    """
    spread = np.log1p(variance)
    wave = rng.normal(size=(3, N_WAVES)) / (np.abs(rng.normal(size=N_WAVES)) * range_um)
    phase = rng.uniform(0, 2 * np.pi, N_WAVES)
    return np.exp(np.sqrt(2 * spread / N_WAVES) * np.cos(position_um @ wave + phase).sum(axis=1) - spread / 2)
