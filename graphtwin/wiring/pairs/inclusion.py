"""Which pairs an analysis of one similarity may use: reliable cells, projections with enough axons, axons seen in every population.

The rules are those of Ding et al. 2025, doi:10.1038/s41586-025-08840-3, one option each; `INCLUSIONS` has them all and none of them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from graphtwin import schema
from graphtwin.cortex import Funnel

Grouping = Literal["proj_hva", "proj_hva_layer", "none"]

# Columns that tell how reliable a cell's function is, and what each must exceed for a similarity to be believed.
_TWIN = {"cc_max_cvt": 0.4, "cc_abs_cvt": 0.2}
_IN_VIVO = {"cc_max_cvt": 0.4}
_TWIN_ORIENTATION = {"gosi_cvt_monet_full": 0.25}
RELIABLE_ABOVE = {
    "signal_correlation": _TWIN,
    "in_silico_sig_corr_cvt": _TWIN,
    "feature_similarity": _TWIN,
    "readout_similarity_cvt": _TWIN,
    "rf_distance": _TWIN,
    "readout_location_distance_cvt": _TWIN,
    "readout_location_distance_sta": _TWIN,
    "in_vivo_signal_correlation": _IN_VIVO,
    "in_vivo_sig_corr": _IN_VIVO,
    "orientation_difference": _TWIN_ORIENTATION,
    "delta_ori_cvt_monet_full": _TWIN_ORIENTATION,
    "delta_ori_iv": {"osi_iv": 0.4},
}


class Inclusion(BaseModel):
    """The rules a pair must pass, in the order they are applied; None or False leaves one out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reliability: bool = Field(True, description="Whether both cells must exceed the cuts of the similarity in `RELIABLE_ABOVE`.")
    more_than_axons: int | None = Field(
        5, ge=0, description="Number of axons with L_d > 0 that a projection must exceed, and of axons with synapses."
    )
    more_than_synapses: int | None = Field(30, ge=0, description="Number of synapses that a projection must exceed.")
    share_below: float | None = Field(
        0.5, gt=0, le=1, description="Share of a projection's synapses, and of its L_d, that every axon must stay below."
    )
    common_axons: bool = Field(
        True, description="Whether an axon stays in a projection only if it has pairs in every population that the projection has."
    )


INCLUSIONS = {
    "published": Inclusion(),
    "none": Inclusion(reliability=False, more_than_axons=None, more_than_synapses=None, share_below=None, common_axons=False),
}


def include(
    pairs: pd.DataFrame,
    neurons: pd.DataFrame | None,
    similarity: str,
    rules: Inclusion,
    by: Grouping = "proj_hva",
    origins: tuple[str, str] = ("pair table", "neuron table"),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The pairs of all populations that pass the rules, and the funnel. Pairs of unknown similarity or projection never pass.

    Args:
        pairs: The pair table: pre_nucleus_id, post_nucleus_id, n_synapses, l_d_um, population, the similarity, and the column `by`.
        neurons: The neuron table: nucleus_id (unique) and the columns of the similarity's cuts; None where the rules need none.
        similarity: Column of the pair table that is analysed.
        rules: Rules a pair must pass, such as `INCLUSIONS["published"]`.
        by: Column that names the projection, or "none" to take all pairs together.
        origins: Files that pairs and neurons come from, for errors.
    """
    grouping = [] if by == "none" else [by]
    schema.require_columns(pairs, [*schema.PAIR_KEY, "n_synapses", "l_d_um", "population", similarity, *grouping], origins[0])
    funnel = Funnel("inclusion")
    kept = funnel.keep(pairs, pairs[similarity].notna(), similarity, "similarity known", "a cell has none", "pairs")
    if rules.reliability:
        kept = _reliable(kept, neurons, similarity, funnel, origins[1])
    if by != "none":
        kept = funnel.keep(kept, kept[by].notna(), similarity, "projection known", f"{by} is unknown", "pairs")
    group = kept[by] if by != "none" else pd.Series("all", index=kept.index)
    kept = _qualified(kept, group, similarity, rules, funnel)
    if rules.common_axons:
        kept = _common_axons(kept, group.loc[kept.index], similarity, funnel)
    return kept, funnel.frame()


def _reliable(pairs: pd.DataFrame, neurons: pd.DataFrame | None, similarity: str, funnel: Funnel, origin: str) -> pd.DataFrame:
    """Pairs of which both cells exceed every cut; a cell of unknown reliability does not."""
    cuts = RELIABLE_ABOVE.get(similarity, {})
    if not cuts:
        funnel.record(similarity, "reliable cells", len(pairs), len(pairs), "no published cut is known for this similarity", "pairs")
        return pairs
    if neurons is None:
        raise ValueError(
            f"inclusion: the cuts of {similarity} are on {', '.join(cuts)} of both cells, and no neuron table was given. "
            "Give it, or leave the rule out with reliability = false."
        )
    try:
        schema.require_columns(neurons, ["nucleus_id", *cuts], origin)
    except ValueError as missing:
        raise ValueError(f"{missing} Or take cells of any reliability, with --inclusion none (reliability = false).") from None
    schema.require_unique(neurons, ["nucleus_id"], origin)
    passes = np.all([neurons[name].to_numpy(np.float64) > cut for name, cut in cuts.items()], axis=0)
    reliable = neurons.loc[passes, "nucleus_id"]
    both = pairs["pre_nucleus_id"].isin(reliable) & pairs["post_nucleus_id"].isin(reliable)
    step = " and ".join(f"{name} > {cut:g}" for name, cut in cuts.items())
    return funnel.keep(pairs, both, similarity, f"both cells {step}", "a cell is below, or unknown", "pairs")


def _qualified(pairs: pd.DataFrame, group: pd.Series, similarity: str, rules: Inclusion, funnel: Funnel) -> pd.DataFrame:
    """Pairs of projections with enough axons and synapses and no dominant axon; the reason names each rule that a projection fails."""
    axons = pairs.groupby([group.rename("group"), "pre_nucleus_id"], sort=True)[["n_synapses", "l_d_um"]].sum()
    for name, of_axon in axons.groupby(level="group", sort=True):
        failed = _failures(of_axon["n_synapses"], of_axon["l_d_um"], rules)
        if failed:
            pairs = funnel.keep(pairs, group.loc[pairs.index] != name, similarity, f"{name} enters", "; ".join(failed), "pairs")
    return pairs


def _failures(synapses: pd.Series, l_d_um: pd.Series, rules: Inclusion) -> list[str]:
    """The rules that one projection fails, in words; synapses and L_d are summed over each axon."""
    failed = []
    for values, what in ((l_d_um, "L_d > 0"), (synapses, "synapses")):
        n_axons = int((values > 0).sum())
        if rules.more_than_axons is not None and n_axons <= rules.more_than_axons:
            failed.append(f"{n_axons} axons with {what}, more than {rules.more_than_axons} needed")
        # Multiplied out, so that a share of exactly one half is one half whatever the rounding of a quotient.
        if rules.share_below is not None and not values.max() < rules.share_below * values.sum():
            failed.append(f"one axon has {values.max() / values.sum() if values.sum() else 1:.0%} of {what.removesuffix(' > 0')}")
    if rules.more_than_synapses is not None and synapses.sum() <= rules.more_than_synapses:
        failed.append(f"{int(synapses.sum())} synapses, more than {rules.more_than_synapses} needed")
    return failed


def _common_axons(pairs: pd.DataFrame, group: pd.Series, similarity: str, funnel: Funnel) -> pd.DataFrame:
    """Pairs of axons that have a pair in every population of their projection."""
    keys = [group.rename("group"), pairs["pre_nucleus_id"]]
    of_group = pairs["population"].groupby(keys[0]).transform("nunique")
    of_axon = pairs["population"].groupby(keys).transform("nunique")
    reason = "its axon lacks one of the projection's populations"
    return funnel.keep(pairs, of_axon == of_group, similarity, "axon in every population", reason, "pairs")
