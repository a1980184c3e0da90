"""The pair table: every axon that was looked at with every cell whose inputs were looked for, and how close the two came.

A pair with a synapse is Connected; one that comes near without it (L_d > 0) is an axon-dendrite proximity, ADP; the rest only share a
region. The last two are the controls of Ding et al. 2025, doi:10.1038/s41586-025-08840-3: against Same region a preference says who comes
close, against ADP who of those connects. Absence counts only where somebody looked, so that the queried cells decide which pairs there are.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Int

from graphtwin import schema
from graphtwin.cortex import Funnel
from graphtwin.schema import PROOFREAD

POPULATIONS = ("Connected", "ADP", "Same region")  # populations of pairs, as published: with synapses, with proximity alone, with neither
REGIONS = ("V1", "HVA")  # regions between which projections are counted
# Pairs with several synapses are common (1.14 synapses a connected pair in minnie65): so many rows without a repeat are a row a pair.
ROWS_WITHOUT_REPEAT = 200


def build_pairs(
    synapses: pd.DataFrame, proximities: pd.DataFrame, neurons: pd.DataFrame, queried: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All pairs of queried axons with queried targets, their synapses, L_d, population and projection, and what was lost on the way.

    An axon without any row of `proximities` was not measured and is left out; a pair without a row has L_d = 0.

    Args:
        synapses: Synapses or connected pairs: pre_nucleus_id, post_nucleus_id; one row a synapse, or one row a pair with `n_synapses`.
            Optional `size`, which is summed, and `synapse_id`, which says that a row is a synapse even where no pair comes twice.
        proximities: L_d of pairs that come near: pre_nucleus_id, post_nucleus_id (unique together), l_d_um.
        neurons: The neuron table: nucleus_id (unique); hva or brain_area, layer, and x_um, depth_um, z_um where known.
        queried: Cells that were looked at in one materialization: nucleus_id, side ("pre": its axon was traced and measured; "post": its
            inputs and dendrite were).

    Returns:
        Pairs sorted by axon and target (pre_nucleus_id, post_nucleus_id, n_synapses, synapse_size, mean_synapse_size, l_d_um, population,
        and where the neuron table allows them proj_hva, proj_hva_layer, distance_um, depth_difference_um), and the funnel.
    """
    funnel = Funnel("pairs")
    schema.require_columns(neurons, ["nucleus_id"], "neuron table")
    schema.require_unique(neurons, ["nucleus_id"], "neuron table")
    near = _proximities(proximities)
    axons, targets = _queried(queried, neurons, near, funnel)
    near = _among(near, axons, targets, "proximities", funnel)
    made = _among(_synapses(synapses), axons, targets, "synapses", funnel)
    pairs = pd.DataFrame({"pre_nucleus_id": np.repeat(axons, len(targets)), "post_nucleus_id": np.tile(targets, len(axons))})
    for frame, name in ((made, "n_synapses"), (made, "synapse_size"), (near, "l_d_um")):
        values = np.zeros(len(pairs), dtype=frame[name].dtype)
        values[_place(frame, axons, targets)] = frame[name]
        pairs[name] = values
    pairs["mean_synapse_size"] = pairs["synapse_size"] / pairs["n_synapses"].where(pairs["n_synapses"] > 0)
    other = pairs["pre_nucleus_id"] != pairs["post_nucleus_id"]
    pairs = funnel.keep(pairs, other, "pairs", "two cells", "an axon with its own dendrite", "pairs").reset_index(drop=True)
    pairs["population"] = population_of(pairs)
    _count_populations(pairs, funnel)
    return add_geometry(add_projections(pairs, neurons), neurons), funnel.frame()


def population_of(pairs: pd.DataFrame) -> np.ndarray:
    """Connected, ADP or Same region of each pair, from n_synapses and l_d_um."""
    which = np.select([pairs["n_synapses"] > 0, pairs["l_d_um"] > 0], [0, 1], 2)
    return np.array(POPULATIONS, dtype=object)[which]


def add_projections(pairs: pd.DataFrame, neurons: pd.DataFrame) -> pd.DataFrame:
    """The pair table with proj_hva ("V1->HVA") and proj_hva_layer ("V1L2/3->HVAL5"), None where an area or layer is unknown.

    Columns the pair table has stay as they are; those the neuron table says nothing about are not made.

    Args:
        pairs: The pair table: pre_nucleus_id, post_nucleus_id.
        neurons: The neuron table: nucleus_id (unique), hva ("V1" or "HVA") or brain_area (every area but V1 is HVA), layer.
    """
    region = _region(neurons)
    if region is None:
        return pairs
    labels = {"proj_hva": region}
    if "layer" in neurons:
        labels["proj_hva_layer"] = region.str.cat(neurons["layer"].astype(object).to_numpy())
    rows = [pd.Index(neurons["nucleus_id"]).get_indexer(pairs[name]) for name in schema.PAIR_KEY]
    return pairs.assign(**{name: _joined(label, *rows) for name, label in labels.items() if name not in pairs})


def add_geometry(pairs: pd.DataFrame, neurons: pd.DataFrame) -> pd.DataFrame:
    """The pair table with distance_um between somata and depth_difference_um (absolute); NaN where a position is unknown.

    Args:
        pairs: The pair table: pre_nucleus_id, post_nucleus_id.
        neurons: The neuron table: nucleus_id (unique) and x_um, depth_um, z_um; without positions the table is returned as it is.
    """
    if not set(schema.POSITION) <= set(neurons.columns):
        return pairs
    place = neurons.set_index("nucleus_id")[schema.POSITION]
    offset = place.reindex(pairs["post_nucleus_id"]).to_numpy(np.float64) - place.reindex(pairs["pre_nucleus_id"]).to_numpy(np.float64)
    return pairs.assign(distance_um=np.linalg.norm(offset, axis=1), depth_difference_um=np.abs(offset[:, 1]))


def _region(neurons: pd.DataFrame) -> pd.Series | None:
    """V1 or HVA of each neuron, NaN where its area is unknown."""
    if "hva" in neurons:
        region = neurons["hva"].astype(object)
        wrong = region.notna() & ~region.isin(REGIONS)
        if wrong.any():
            raise ValueError(
                f"neuron table: {int(wrong.sum())} of {len(neurons)} values of hva are neither {' nor '.join(REGIONS)}, "
                f"first {region[wrong].unique()[:3].tolist()}. Correct them, or drop the column: brain_area will do."
            )
        return region
    if "brain_area" not in neurons:
        return None
    area = neurons["brain_area"].astype(object)
    return area.where(area.isna() | (area == "V1"), "HVA")


def _joined(label: pd.Series, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
    """label->label of each pair, made once for each combination that occurs."""
    codes, names = pd.factorize(label)
    codes = np.append(codes, -1)  # code of a cell without a row
    first, second = codes[pre], codes[post]
    arrows = np.array([[f"{a}->{b}" for b in names] + [None] for a in names] + [[None] * (len(names) + 1)], dtype=object)
    return arrows[first, second]


def _ids(frame: pd.DataFrame, origin: str) -> pd.DataFrame:
    return frame.assign(**{name: schema.as_ids(frame[name], f"{origin}, column {name}") for name in schema.PAIR_KEY})


def _proximities(proximities: pd.DataFrame) -> pd.DataFrame:
    """L_d of each pair, checked."""
    schema.require_columns(proximities, [*schema.PAIR_KEY, "l_d_um"], "proximities")
    near = _ids(proximities[[*schema.PAIR_KEY, "l_d_um"]], "proximities").astype({"l_d_um": np.float64})
    schema.require_unique(near, schema.PAIR_KEY, "proximities")
    wrong = ~np.isfinite(near["l_d_um"]) | (near["l_d_um"] < 0)
    if wrong.any():
        raise ValueError(
            f"proximities: {int(wrong.sum())} of {len(near)} values of l_d_um are negative, infinite or missing, first "
            f"{near[wrong].head(3).to_dict('records')}. L_d is a length in um, 0 where axon and dendrite never come close."
        )
    return near


def _synapses(synapses: pd.DataFrame) -> pd.DataFrame:
    """One row a pair: n_synapses, and the summed size (NaN where sizes are not given)."""
    schema.require_columns(synapses, schema.PAIR_KEY, "synapses")
    counted = "n_synapses" in synapses
    made = _ids(synapses[[*schema.PAIR_KEY, *(name for name in ("n_synapses", "size") if name in synapses)]], "synapses")
    repeated = made.duplicated(schema.PAIR_KEY)
    if counted:
        schema.require_unique(made, schema.PAIR_KEY, "synapses, one row a pair")
        count = pd.to_numeric(made["n_synapses"], errors="coerce").astype(np.float64)
        wrong = ~np.isfinite(count) | (count < 1) | (count != count.round())
        if wrong.any():
            raise ValueError(
                f"synapses: {int(wrong.sum())} of {len(made)} values of n_synapses are no positive count, "
                f"first {made[wrong].head(3).to_dict('records')}. Leave pairs without a synapse out."
            )
        made["n_synapses"] = count.astype(np.int64)
    elif len(made) >= ROWS_WITHOUT_REPEAT and not repeated.any() and "synapse_id" not in synapses:
        raise ValueError(
            f"synapses: {len(made)} rows and no pair twice, so that this seems to be one row a pair whose number of synapses is not known. "
            "Add a column n_synapses; 1 in every row makes the outcome whether a pair is connected."
        )
    else:
        made["n_synapses"] = np.int64(1)
    made["synapse_size"] = made["size"].astype(np.float64) if "size" in made else np.nan
    made["unknown_size"] = made["synapse_size"].isna()
    summed = made.groupby(schema.PAIR_KEY, as_index=False, sort=True)[["n_synapses", "synapse_size", "unknown_size"]].sum()
    return summed.assign(synapse_size=summed["synapse_size"].where(summed["unknown_size"] == 0))


def _queried(
    queried: pd.DataFrame, neurons: pd.DataFrame, near: pd.DataFrame, funnel: Funnel
) -> tuple[Int[np.ndarray, " axons"], Int[np.ndarray, " targets"]]:
    """Axons and targets of the table: queried, in the neuron table, and axons with a measured proximity."""
    schema.require_columns(queried, ["nucleus_id", "side"], "queried cells")
    if "materialization" in queried and queried["materialization"].nunique() > 1:
        found = sorted(queried["materialization"].unique().tolist())
        raise ValueError(f"queried cells: {len(found)} materializations ({found}). What was looked for differs between them: choose one.")
    sides = {}
    for side in ("pre", "post"):
        cells = queried.loc[queried["side"] == side, ["nucleus_id"]].drop_duplicates().sort_values("nucleus_id")
        if cells.empty:
            raise ValueError(
                f"queried cells: none of {len(queried)} rows has side {side!r} (sides: {sorted(map(str, queried['side'].unique()))}). "
                "Without them a missing pair cannot be told from one nobody looked for."
            )
        cells = cells.assign(nucleus_id=schema.as_ids(cells["nucleus_id"], "queried cells, column nucleus_id"))
        known = cells["nucleus_id"].isin(neurons["nucleus_id"])
        sides[side] = funnel.keep(cells, known, f"queried {side}", "in the neuron table", "nothing is known of the cell", "nuclei")
    measured = sides["pre"]["nucleus_id"].isin(near["pre_nucleus_id"])
    axons = funnel.keep(sides["pre"], measured, "queried pre", "axon measured", "no proximity row names it as an axon", "nuclei")
    if "axon_status" in neurons:
        proofread = axons["nucleus_id"].isin(neurons.loc[neurons["axon_status"].isin(PROOFREAD), "nucleus_id"])
        reason = "synapses it misses are taken for controls; kept"
        funnel.record("queried pre", "axon proofread", len(axons), int(proofread.sum()), reason, "nuclei")
    return axons["nucleus_id"].to_numpy(), sides["post"]["nucleus_id"].to_numpy()


def _among(frame: pd.DataFrame, axons: np.ndarray, targets: np.ndarray, table: str, funnel: Funnel) -> pd.DataFrame:
    """The rows between an axon and a target of the pair table, each loss counted."""
    frame = funnel.keep(frame, frame["pre_nucleus_id"] != frame["post_nucleus_id"], table, "two cells", "a cell with itself", "pairs")
    frame = funnel.keep(
        frame, frame["pre_nucleus_id"].isin(axons), table, "axon queried and measured", "its axon is not in the table", "pairs"
    )
    return funnel.keep(frame, frame["post_nucleus_id"].isin(targets), table, "target queried", "its inputs were not looked for", "pairs")


def _place(frame: pd.DataFrame, axons: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Row of each pair in the table of all axons (sorted) with all targets (sorted)."""
    return np.searchsorted(axons, frame["pre_nucleus_id"]) * len(targets) + np.searchsorted(targets, frame["post_nucleus_id"])


def _count_populations(pairs: pd.DataFrame, funnel: Funnel) -> None:
    """Record the populations, and the connected pairs that have no L_d."""
    for name, reason in zip(POPULATIONS, ("no synapse", "connected, or never near", "connected, or near"), strict=True):
        funnel.record("pairs", name, len(pairs), int((pairs["population"] == name).sum()), f"{reason}; kept", "pairs")
    connected = pairs[pairs["population"] == "Connected"]
    reason = "a synapse where no proximity was measured: kept, but its synapses per L_d are not defined"
    funnel.record("connected pairs", "with L_d > 0", len(connected), int((connected["l_d_um"] > 0).sum()), reason, "pairs")
