"""Like-to-like within a run: choices among queried cells that an axon could have met, or among all with the geometry between somata held.

Where an exposure is known, the choices are the pairs above 0, and synapses are expected in proportion to it. Without one nobody knows which
cells an axon could have reached. Distance, depth difference and their squares stand in for it, and splines of distance and offsets in the
robust slope, so that a slope then mixes who comes close with who of those connects: what remains of similarity is an upper bound for the
synaptic scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin.cortex import Cortex
from graphtwin.schema import PAIR_KEY, POSITION
from graphtwin.wiring.conditional import fit_conditional
from graphtwin.wiring.nulls import permute_neurons
from graphtwin.wiring.pairs import CandidateSet, Measure, candidates, outcome_of, tuning_measures
from graphtwin.wiring.questions.claims import adjusted, agreed
from graphtwin.wiring.spatial import places_of, robust_slopes

GEOMETRY = ("distance_um", "distance_squared", "depth_difference_um", "depth_difference_squared")
MIN_AXONS = 5  # least number of axons: with fewer a clustered error means nothing
N_REPLICATES = 99  # replicates of the null: the least p is then 1 / 100
ALONE, WITH_GEOMETRY, ROBUST = "alone", "with geometry", "robust"
COLUMNS = ["similarity", "model", "estimate", "se", "t", "df", "p", "low", "high", "sd", "rate_ratio", "rate_ratio_low", "rate_ratio_high"]
COLUMNS += ["p_null", "p_spatial", "geometry", "n_pairs", "n_axons", "note"]


@dataclass(frozen=True)
class Exposed:
    """What bounds who can connect in a materialization.

    Attributes:
        measure: Quantity that was measured, such as "contact area".
        of: Function from the nucleus ids of axons and cells to the exposure of each pair; NaN where it was not measured.
    """

    measure: str
    of: Callable[[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]], Float[np.ndarray, " pairs"]]


def queried_pairs(
    pairs: pd.DataFrame,
    queried_post: Int[np.ndarray, " posts"],
    neurons: pd.DataFrame,
    measure: Measure,
    exposed: Exposed | None = None,
) -> pd.DataFrame:
    """Observed axons x queried cells for which the measure and both positions are known, within exposure where there is one.

    Args:
        pairs: Observed pairs of one materialization: pre_nucleus_id, post_nucleus_id.
        queried_post: Cells whose inputs were looked for in that materialization.
        neurons: The cortex's neurons.
        measure: Measure of the cells' likeness; its name becomes that of a column.
        exposed: What bounds who can connect; None where that is not known.

    Returns:
        pre_nucleus_id, post_nucleus_id, n_synapses (1 where connected: their number is not known), l_d_um (the exposure, above 0, in its
        own unit; 1 for all where there is none), the measure and the columns of `GEOMETRY`.
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
    frame = frame[(pre != post) & frame[measure.name].notna().to_numpy()]
    if exposed is None:
        return frame
    frame = frame.assign(l_d_um=exposed.of(*(frame[name].to_numpy(np.int64) for name in PAIR_KEY)))
    return frame[frame["l_d_um"] > 0]


def _with_geometry(pairs: pd.DataFrame, measure: Measure, seed: int, n_replicates: int) -> pd.DataFrame:
    """The slope with the geometry held fixed and its null; a note alone where the geometry tells all, as of cells in two far clumps."""
    try:
        held = fit_conditional(queried_choices(pairs, measure.name, True))
    except ValueError as separated:
        return pd.DataFrame([{"similarity": measure.name, "model": WITH_GEOMETRY, "note": str(separated)}])
    null = permute_neurons(held.choices, measure, seed, n_replicates, fit=held)
    return held.to_frame().assign(model=WITH_GEOMETRY, p_null=null.p_value()[0], note="")


def slopes_of(pairs: pd.DataFrame, measure: Measure, neurons: pd.DataFrame, seed: int, n_replicates: int = N_REPLICATES) -> pd.DataFrame:
    """Slope of the measure alone, with the geometry held fixed, and the robust slope, whose error knows of smooth tissue.

    Args:
        pairs: Choices of every axon, as `queried_pairs` returns them.
        measure: Measure of the cells' likeness, whose column the pairs have.
        neurons: The cortex's neurons.
        seed: Seed of the null and of the landmarks.
        n_replicates: Number of replicates of the null, which deals the targets' function anew within scan and layer.

    Returns:
        similarity, model ("alone", "with geometry", "robust"), estimate, se (clustered by axon), t, df, p, low, high, sd of the similarity;
        rate_ratio, what one SD multiplies the rate by, with its interval; p_null of the permutation (of "with geometry" only), p_spatial
        and geometry, what is held (of "robust" only); n_pairs, n_axons, and note: why there is no robust slope, empty where there is one.
    """
    alone = fit_conditional(queried_choices(pairs, measure.name, False)).to_frame().assign(model=ALONE, note="")
    held = _with_geometry(pairs, measure, seed, n_replicates)
    table = pd.concat([alone, held], ignore_index=True).rename(columns={"z": "t"})
    robust, reasons = robust_slopes(outcome_of(pairs, "synapse_density", [measure.name]), places_of(neurons), seed)
    lacking = pd.DataFrame([{"similarity": measure.name, "note": reason} for reason in reasons.values()])
    robust = pd.concat([frame for frame in (robust.assign(note=""), lacking) if len(frame)], ignore_index=True).assign(model=ROBUST)
    table = pd.concat([table[table["similarity"] == measure.name], robust], ignore_index=True)
    return table.reindex(columns=COLUMNS)


def queried_choices(pairs: pd.DataFrame, similarity: str, with_geometry: bool) -> CandidateSet:
    """Each axon's choices among the queried cells; geometry that is the same for all pairs, as in a plane, has nothing to hold."""
    varying = [name for name in GEOMETRY if np.ptp(pairs[name]) > 0]
    return candidates(pairs, [similarity, *(varying if with_geometry else ())])


def conditional_like_to_like(
    cortex: Cortex, units: pd.DataFrame, seed: int, exposures: Mapping[int, Exposed] | None = None, n_replicates: int = N_REPLICATES
) -> pd.DataFrame:
    """`slopes_of` both measures of tuning in every materialization.

    `p_adj` is Holm's over the rows of a model, that of robust slopes of the larger of p and p_spatial; `q` the false discovery rate.

    Args:
        cortex: The joined tables.
        units: The unit that speaks for each nucleus, with its responses.
        seed: Seed of the null.
        exposures: What bounds who can connect, by materialization, where it is known.
        n_replicates: Number of replicates of the null.

    Returns:
        materialization, within (the measure of the exposure within which pairs are compared, empty where that is all pairs), the columns of
        `slopes_of`, p_adj and q; no rows for a measure with fewer than 5 axons.
    """
    frames = []
    for materialization, made in cortex.synapses.groupby("materialization", sort=True):
        asked = cortex.queried.query("materialization == @materialization and side == 'post'")["nucleus_id"].to_numpy(np.int64)
        exposed = (exposures or {}).get(int(materialization))
        told = {"materialization": materialization, "within": "" if exposed is None else exposed.measure}
        for measure in tuning_measures(units, cortex.neurons, cortex.function):
            pairs = queried_pairs(made, asked, cortex.neurons, measure, exposed)
            if pairs.loc[pairs["n_synapses"] > 0, "pre_nucleus_id"].nunique() >= MIN_AXONS:
                frames.append(slopes_of(pairs, measure, cortex.neurons, seed, n_replicates).assign(**told))
    if not frames:
        return pd.DataFrame()
    table = pd.concat(frames, ignore_index=True)
    robust = table["model"] == ROBUST
    table = pd.concat([adjusted(table[~robust], ("model",)), agreed(table[robust])]).sort_index()
    first = ["materialization", "within"]
    return table[[*first, *(name for name in table if name not in first)]]
