"""The neuron table of like-to-like with the function of a twin: its embeddings table in place of the published columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.coordinates import MINNIE65_MONITOR, MONITOR_COLUMNS, Monitor
from graphtwin.tuning import (
    SIMILARITIES,
    TOLD_BY_GRATINGS,
    embedding_columns,
    learn_embeddings,
    require_one_twin,
    require_varied,
    rows_of_animal,
    tuning_features,
)

# Column of the neuron table, as published: column of the embeddings table.
NUMBERS = {"gosi_cvt_monet_full": "gosi", "osi_cvt_monet_full": "osi", "pref_ori_cvt_monet_full": "preferred_orientation"}
VECTORS = {"in_silico_resp": "in_silico_resp", "in_vivo_mean_resp": "in_vivo_mean_resp"}
READOUT, PLACE = "readout_cvt", "position_stim_cvt"  # columns of the published neuron table
TUNING = "in_silico_tuning"
STAMPS = (schema.TWIN, schema.TWIN_CORE)
OF_THE_TWIN = (READOUT, PLACE, TUNING, *VECTORS, *NUMBERS, *MONITOR_COLUMNS, *STAMPS)  # columns that a twin's embeddings replace


def with_function(neurons: pd.DataFrame, embedded: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Every neuron with what the twin says of its unit; one without a unit in the embeddings table has none, whatever was published.

    Args:
        neurons: Table of neurons: nucleus_id and, where units are known, session, scan_idx, unit_id: the unit that stands for the nucleus.
        embedded: An embeddings table by unit or by nucleus_id: embedding_*, and what there is of rf_x, rf_y, in_silico_resp,
            in_vivo_mean_resp, gosi, osi, preferred_orientation and the other numbers that gratings tell (see `curves.tuning_features`),
            monitor_width_cm, monitor_height_cm, monitor_distance_cm, twin, twin_core.
        origin: Name of the embeddings table, for errors.

    Returns:
        The neurons with readout_cvt, position_stim_cvt, in_silico_tuning, in_silico_resp, in_vivo_mean_resp, gosi_, osi_ and
        pref_ori_cvt_monet_full, the monitor and the fingerprints of the twin; those that the embeddings table lacks are gone.
    """
    names = embedding_columns(embedded)
    if not names:
        raise ValueError(f"{origin}: no embedding_0, embedding_1, ... column (found {list(map(str, embedded.columns))[:8]}).")
    key = schema.UNIT_KEY if set(schema.UNIT_KEY) <= set(embedded) and set(schema.UNIT_KEY) <= set(neurons) else ["nucleus_id"]
    schema.require_columns(embedded, key, origin)
    embedded = embedded.assign(**{name: schema.as_ids(embedded[name], f"{origin}, column {name}") for name in key})
    is_joined = pd.MultiIndex.from_frame(embedded[key]).isin(pd.MultiIndex.from_frame(neurons[key]))
    rows_of_animal(embedded, is_joined, "", origin)
    require_one_twin(embedded[is_joined], origin)
    schema.require_unique(embedded, key, origin)
    values = embedded[names].to_numpy(np.float64)
    require_varied(values[np.isfinite(values).all(axis=1)], origin)
    known = embedded[key].reset_index(drop=True)
    known[READOUT] = list(values.astype(np.float32))
    if {"rf_x", "rf_y"} <= set(embedded):
        known[PLACE] = list(embedded[["rf_x", "rf_y"]].to_numpy(np.float64))
    if set(TOLD_BY_GRATINGS) <= set(embedded):
        known[TUNING] = list(tuning_features(embedded))
    for column, theirs in (VECTORS | NUMBERS).items():
        if theirs in embedded:
            known[column] = embedded[theirs].to_numpy()
    for name in MONITOR_COLUMNS:
        if name in embedded:
            known[name] = embedded[name].to_numpy(np.float64)
    for name in STAMPS:
        if name in embedded:
            known[name] = embedded[name].to_numpy()
    joined = neurons.drop(columns=[name for name in OF_THE_TWIN if name in neurons]).merge(known, on=key, how="left", validate="m:1")
    if joined[READOUT].isna().all():
        raise ValueError(
            f"{origin}: none of its {len(embedded)} rows is one of the {len(neurons)} neurons by {', '.join(key)}. "
            "Give embeddings of the recordings that the neuron table names."
        )
    return joined


def embedded_function(function: pd.DataFrame, columns: pd.DataFrame, neurons: pd.DataFrame, origin: str) -> pd.DataFrame:
    """A table of function as an embeddings table: what was measured as responses, and the readout of the basis that it teaches.

    Args:
        function: Table of function by unit or by nucleus_id, with a column a response.
        columns: What is known of each column, as `function_table.describe_columns` writes it.
        neurons: Table of neurons: nucleus_id and, for a table by unit, session, scan_idx, unit_id.
        origin: Name of the table of function, for errors.
    """
    key = schema.UNIT_KEY if set(schema.UNIT_KEY) <= set(function) else ["nucleus_id"]
    schema.require_columns(neurons, key, f"neurons that {origin} is joined to")
    units = function if key == schema.UNIT_KEY else function.assign(session=0, scan_idx=0, unit_id=function["nucleus_id"])
    if "nucleus_id" not in units:
        units = units.merge(neurons[[*key, "nucleus_id"]], on=key)
    known = units["nucleus_id"].isin(neurons["nucleus_id"])
    if not known.any():
        raise ValueError(
            f"{origin}: none of its {len(function)} rows is one of the {len(neurons)} neurons by {', '.join(key)}. Give function of these "
            "neurons, with the ids that the neuron table has."
        )
    embedded = learn_embeddings(units, None, columns).embeddings
    measured = embedded[schema.UNIT_KEY].merge(units, on=schema.UNIT_KEY)[list(columns["column"])].to_numpy(np.float64)
    told = embedded.assign(**{name: list(measured) for name in VECTORS.values()})
    return told if key == schema.UNIT_KEY else told.drop(columns=schema.UNIT_KEY)


def monitor_of_neurons(neurons: pd.DataFrame | None, given: Monitor | None, origin: str) -> tuple[Monitor, str]:
    """The screen on which the neurons' receptive fields lie, and in words how it is known.

    Args:
        neurons: Table of neurons, with monitor columns where it is stamped with them; NaN where a neuron has no function.
        given: The monitor that the user states for a table that is not stamped.
        origin: Name of the table's file, for errors.

    Raises:
        ValueError: Several monitors are stamped, or another than the one that is given.
    """
    stamped = [name for name in MONITOR_COLUMNS if neurons is not None and name in neurons]
    if neurons is None or not stamped:
        return (MINNIE65_MONITOR, "that of minnie65, for nothing states another") if given is None else (given, "as given")
    schema.require_columns(neurons, MONITOR_COLUMNS, origin)
    rows = neurons[list(MONITOR_COLUMNS)].dropna().drop_duplicates().to_numpy(np.float64)
    found = [Monitor(width_cm=width, height_cm=height, distance_cm=distance) for width, height, distance in rows]
    if len(found) > 1:
        raise ValueError(
            f"{origin}: {len(found)} monitors ({'; '.join(map(str, found[:3]))}), so that distances of receptive fields on one cannot be "
            "compared with those on another. Ask for each animal apart, or leave rf_distance out."
        )
    if not found:
        return monitor_of_neurons(None, given, origin)
    if given not in (None, found[0]):
        raise ValueError(f"{origin}: made for a monitor of {found[0]}, but --monitor says {given}. Leave --monitor out, or correct it.")
    return found[0], f"as {origin} says"


def without_published(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs without similarities that come from what a twin replaces, and without the name of the twin that told them."""
    told = [name for name, of in SIMILARITIES.items() if of.column in OF_THE_TWIN]
    return pairs.drop(columns=[name for name in (*told, *STAMPS) if name in pairs])


def twin_of(pairs: pd.DataFrame, neurons: pd.DataFrame | None, origin: str) -> dict[str, list[str]]:
    """Fingerprints of the one twin that told similarities and function; see `require_one_twin`.

    Args:
        pairs: Pair table, with columns twin and twin_core where a twin told its similarities.
        neurons: Table of neurons, likewise; a neuron that names no twin has no function.
        origin: Name of both tables, for errors.
    """
    named = [table for table in (pairs, neurons) if table is not None and schema.TWIN in table]
    rows = [table[[name for name in STAMPS if name in table]].dropna(subset=schema.TWIN) for table in named]
    return require_one_twin(pd.concat(rows, ignore_index=True), origin) if rows else {}
