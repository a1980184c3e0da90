"""Like-to-like on pairs whose proximity is unknown: choices among queried cells, with the geometry between somata in place of L_d.

Without L_d nobody knows which cells an axon could have reached. Distance, depth difference and their squares stand in for it, so that a
slope here mixes who comes close with who of those connects: what remains of similarity is an upper bound for the synaptic scale.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Int

from graphtwin.cortex import Cortex
from graphtwin.schema import POSITION
from graphtwin.statistics import with_adjusted_p
from graphtwin.wiring.conditional import fit_conditional
from graphtwin.wiring.nulls import permute_neurons
from graphtwin.wiring.pairs import CandidateSet, Measure, candidates, tuning_measures

GEOMETRY = ("distance_um", "distance_squared", "depth_difference_um", "depth_difference_squared")
MIN_AXONS = 5  # least number of axons: with fewer a clustered error means nothing
N_REPLICATES = 99  # replicates of the null: the least p is then 1 / 100


def queried_pairs(pairs: pd.DataFrame, queried_post: Int[np.ndarray, " posts"], neurons: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """Observed axons x queried cells for which the measure and both positions are known.

    Args:
        pairs: Observed pairs of one materialization: pre_nucleus_id, post_nucleus_id.
        queried_post: Cells whose inputs were looked for in that materialization.
        neurons: The cortex's neurons.
        measure: Measure of the cells' likeness; its name becomes that of a column.

    Returns:
        pre_nucleus_id, post_nucleus_id, n_synapses (1 where connected: their number is not known), l_d_um (1: unknown and alike for
        all), the measure and the columns of `GEOMETRY`.
    """
    place = neurons.set_index("nucleus_id")[POSITION].reindex(measure.nucleus_id).to_numpy(np.float64)
    placed = np.isfinite(place).all(axis=1)
    row_of = pd.Series(np.flatnonzero(placed), index=measure.nucleus_id[placed])
    axons, targets = np.intersect1d(pairs["pre_nucleus_id"], row_of.index), np.intersect1d(queried_post, row_of.index)
    i, j = row_of[axons].to_numpy(), row_of[targets].to_numpy()
    pre, post = np.repeat(i, len(j)), np.tile(j, len(i))
    linked = pairs[pairs["pre_nucleus_id"].isin(axons) & pairs["post_nucleus_id"].isin(targets)]
    connected = np.zeros(len(pre), dtype=np.int64)
    connected[np.searchsorted(axons, linked["pre_nucleus_id"]) * len(j) + np.searchsorted(targets, linked["post_nucleus_id"])] = 1
    offset = place[post] - place[pre]
    distance, depth = np.linalg.norm(offset, axis=1), np.abs(offset[:, 1])
    columns = {"pre_nucleus_id": np.repeat(axons, len(j)), "post_nucleus_id": np.tile(targets, len(i)), "n_synapses": connected}
    columns |= {"l_d_um": np.ones(len(pre)), measure.name: measure.likeness(pre, post).astype(np.float64)}
    columns |= dict(zip(GEOMETRY, (distance, distance**2, depth, depth**2), strict=True))
    frame = pd.DataFrame(columns)
    return frame[(pre != post) & frame[measure.name].notna().to_numpy()]


def slopes_of(pairs: pd.DataFrame, measure: Measure, seed: int, n_replicates: int = N_REPLICATES) -> pd.DataFrame:
    """Slope of the measure alone and with the geometry held fixed; the null deals the targets' function anew within scan and layer.

    Args:
        pairs: Choices of every axon, as `queried_pairs` returns them.
        measure: Measure of the cells' likeness, whose column the pairs have.
        seed: Seed of the null.
        n_replicates: Number of replicates of the null.

    Returns:
        similarity, model ("alone", "with geometry"), estimate, se (clustered by axon), z, p, low, high, p_null, n_pairs, n_axons.
    """
    alone, held = (fit_conditional(queried_choices(pairs, measure.name, with_geometry)) for with_geometry in (False, True))
    null = permute_neurons(held.choices, measure, seed, n_replicates)
    frames = [
        alone.to_frame().assign(model="alone", p_null=np.nan),
        held.to_frame().assign(model="with geometry", p_null=null.p_value()[0]),
    ]
    table = pd.concat(frames, ignore_index=True)
    return table[table["similarity"] == measure.name].drop(columns=["group", "se_model", "n_synapses"])


def queried_choices(pairs: pd.DataFrame, similarity: str, with_geometry: bool) -> CandidateSet:
    """Each axon's choices among the queried cells."""
    return candidates(pairs, [similarity, *(GEOMETRY if with_geometry else ())], exposure=None)


def conditional_like_to_like(cortex: Cortex, units: pd.DataFrame, seed: int, n_replicates: int = N_REPLICATES) -> pd.DataFrame:
    """`slopes_of` both measures of tuning in every materialization, with `p_adj` over all of them.

    Args:
        cortex: The joined tables.
        units: The unit that speaks for each nucleus, with its responses.
        seed: Seed of the null.
        n_replicates: Number of replicates of the null.

    Returns:
        materialization and the columns of `slopes_of`; no rows for a measure with fewer than 5 axons.
    """
    frames = []
    for materialization, made in cortex.synapses.groupby("materialization", sort=True):
        asked = cortex.queried.query("materialization == @materialization and side == 'post'")["nucleus_id"].to_numpy(np.int64)
        for measure in tuning_measures(units, cortex.neurons):
            pairs = queried_pairs(made, asked, cortex.neurons, measure)
            if pairs.loc[pairs["n_synapses"] > 0, "pre_nucleus_id"].nunique() >= MIN_AXONS:
                frames.append(slopes_of(pairs, measure, seed, n_replicates).assign(materialization=materialization))
    if not frames:
        return pd.DataFrame()
    table = with_adjusted_p(pd.concat(frames, ignore_index=True))
    first = ["materialization", "similarity", "model"]
    return table[first + [name for name in table if name not in first]]
