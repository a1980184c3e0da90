"""The neuron table of like-to-like with the function of a twin: its embeddings table in place of the published columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.tuning.curves import TOLD_BY_GRATINGS, tuning_features
from graphtwin.tuning.embeddings import embedding_columns
from graphtwin.tuning.similarity import SIMILARITIES

# Column of the neuron table, as published: column of the embeddings table.
NUMBERS = {"gosi_cvt_monet_full": "gosi", "osi_cvt_monet_full": "osi", "pref_ori_cvt_monet_full": "preferred_orientation"}
VECTORS = {"in_silico_resp": "in_silico_resp", "in_vivo_mean_resp": "in_vivo_mean_resp"}
READOUT, PLACE = "readout_cvt", "position_stim_cvt"
TUNING = "in_silico_tuning"
OF_THE_TWIN = (READOUT, PLACE, TUNING, *VECTORS, *NUMBERS)


def with_function(neurons: pd.DataFrame, embedded: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Every neuron with what the twin says of its unit; one without a unit in the embeddings table has none, whatever was published.

    Args:
        neurons: nucleus_id and, where units are known, session, scan_idx, unit_id: the unit that stands for the nucleus.
        embedded: An embeddings table by unit or by nucleus_id: embedding_*, and what there is of rf_x, rf_y, in_silico_resp,
            in_vivo_mean_resp, gosi, osi, preferred_orientation and the other numbers that gratings tell (see `tuning.tuning_features`).
        origin: Of the embeddings table, for errors.

    Returns:
        The neurons with readout_cvt, position_stim_cvt, in_silico_tuning, in_silico_resp, in_vivo_mean_resp, gosi_, osi_ and
        pref_ori_cvt_monet_full of the twin; those that the embeddings table lacks are gone.
    """
    names = embedding_columns(embedded)
    if not names:
        raise ValueError(f"{origin}: no embedding_0, embedding_1, ... column (found {list(map(str, embedded.columns))[:8]}).")
    key = schema.UNIT_KEY if set(schema.UNIT_KEY) <= set(embedded) and set(schema.UNIT_KEY) <= set(neurons) else ["nucleus_id"]
    schema.require_columns(embedded, key, origin)
    schema.require_unique(embedded, key, origin)
    known = embedded[key].reset_index(drop=True)
    known[READOUT] = list(embedded[names].to_numpy(np.float32))
    if {"rf_x", "rf_y"} <= set(embedded):
        known[PLACE] = list(embedded[["rf_x", "rf_y"]].to_numpy(np.float64))
    if set(TOLD_BY_GRATINGS) <= set(embedded):
        known[TUNING] = list(tuning_features(embedded))
    for column, theirs in (VECTORS | NUMBERS).items():
        if theirs in embedded:
            known[column] = embedded[theirs].to_numpy()
    joined = neurons.drop(columns=[name for name in OF_THE_TWIN if name in neurons]).merge(known, on=key, how="left", validate="m:1")
    if joined[READOUT].isna().all():
        raise ValueError(
            f"{origin}: none of its {len(embedded)} rows is one of the {len(neurons)} neurons by {', '.join(key)}. "
            "Give embeddings of the recordings that the neuron table names."
        )
    return joined


def without_published(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs without similarities that come from what a twin replaces."""
    return pairs.drop(columns=[name for name, of in SIMILARITIES.items() if of.column in OF_THE_TWIN and name in pairs])
