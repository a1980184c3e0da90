"""The embeddings table: learned from responses or brought from elsewhere, checked against the cortex, one row a unit.

Columns: session, scan_idx, unit_id, nucleus_id, embedding_0 ... (float32), reliability in [0, 1] or NaN; twin and twin_core where the
table that was brought names the twin that made it.
"""

from __future__ import annotations

import logging
import re
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin import schema
from graphtwin.schema import UNIT_KEY
from graphtwin.tuning.animals import ANIMAL, rows_of_animal
from graphtwin.tuning.twin_stamps import require_one_twin

Normalisation = Literal["within_scan", "length", "none"]
log = logging.getLogger("graphtwin")

MIN_UNITS_PER_SCAN = 20  # scans with fewer units are standardised with the moments of all units: their own would be noise


def funnel_row(step: str, before: int, after: int, reason: str, unit: str = "units", table: str = "embeddings") -> dict[str, object]:
    """One step of the funnel: what went in, what is left, and why the rest did not come along."""
    counts = {"n_before": before, "n_after": after, "n_dropped": before - after}
    return {"stage": "tuning", "table": table, "step": step, **counts, "reason": reason, "unit": unit}


def embeddings_table(
    keys: pd.DataFrame, values: Float[np.ndarray, "units features"], reliability: Float[np.ndarray, " units"]
) -> pd.DataFrame:
    """The embeddings table of units with these vectors.

    Args:
        keys: session, scan_idx, unit_id, nucleus_id of each row.
        values: Vector of each unit.
        reliability: Reliability of each unit, 0 to 1 or NaN.
    """
    names = [f"embedding_{index}" for index in range(values.shape[1])]
    vectors = pd.DataFrame(values.astype(np.float32), columns=names)
    table = pd.concat([keys[[*UNIT_KEY, "nucleus_id"]].reset_index(drop=True), vectors], axis=1)
    return table.assign(reliability=np.asarray(reliability, dtype=np.float64))


def embedding_columns(frame: pd.DataFrame) -> list[str]:
    """The embedding_0, embedding_1, ... columns in the order of their numbers."""
    names = [name for name in map(str, frame.columns) if re.fullmatch(r"embedding_\d+", name)]
    return sorted(names, key=lambda name: int(name.removeprefix("embedding_")))


def scan_labels(frame: pd.DataFrame) -> Int[np.ndarray, " units"]:
    """0, 1, ... for each (session, scan_idx), in sorted order."""
    return frame.groupby(["session", "scan_idx"], sort=True).ngroup().to_numpy(np.int64)


def normalise(embeddings: pd.DataFrame, how: Normalisation) -> pd.DataFrame:
    """The table with its vectors normalised; keys and reliability unchanged.

    Args:
        embeddings: An embeddings table.
        how: Way of normalising. `within_scan`: every scan gets mean 0 and the average covariance of the scans, so that neither tells which
            scan a unit is from; `length`: vectors of length 1, for cosines; `none`.
    """
    names = embedding_columns(embeddings)
    values = embeddings[names].to_numpy(np.float64)
    if how == "within_scan":
        values = align_scans(values, scan_labels(embeddings))
    elif how == "length":
        values = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return embeddings.assign(**{name: values[:, index].astype(np.float32) for index, name in enumerate(names)})


def align_scans(values: Float[np.ndarray, "units features"], scan: Int[np.ndarray, " units"]) -> Float[np.ndarray, "units features"]:
    """Each scan centred and mapped from its covariance to the pooled within-scan covariance; label-free.

    A scan's covariance is shrunk towards the pooled one by `MIN_UNITS_PER_SCAN` pseudo-units: small scans are not whitened to noise.
    """
    large = [label for label in np.unique(scan) if (scan == label).sum() >= MIN_UNITS_PER_SCAN]
    centred = values - values.mean(0)
    for label in large:
        centred[scan == label] = values[scan == label] - values[scan == label].mean(0)
    pooled = centred.T @ centred / max(len(centred), 1) + 1e-9 * np.eye(values.shape[1])
    root = _power(pooled, 0.5)
    out = centred.copy()
    for label in large:
        rows = scan == label
        own = (centred[rows].T @ centred[rows] + MIN_UNITS_PER_SCAN * pooled) / (rows.sum() + MIN_UNITS_PER_SCAN)
        out[rows] = centred[rows] @ _power(own, -0.5) @ root
    return out


def _power(covariance: np.ndarray, exponent: float) -> np.ndarray:
    variances, axes = np.linalg.eigh(covariance)
    return (axes * np.maximum(variances, 1e-12) ** exponent) @ axes.T


def check_embeddings(frame: pd.DataFrame, units: pd.DataFrame, origin: str, animal: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
    """A brought table as an embeddings table of units of this cortex, with a funnel of the rows that didn't come along.

    Args:
        frame: Brought table: embedding_* columns with session, scan_idx, unit_id, or with nucleus_id alone (each unit of the nucleus then
            gets the row).
        units: Units of the cortex: session, scan_idx, unit_id, nucleus_id.
        origin: File name, for the errors.
        animal: Animal that the source names, whose rows alone are taken where the table has a column `animal`; empty where it names none.

    Raises:
        ValueError: Columns or ids do not fit, rows are of another animal or of several, or of several twins, none is of a unit of the
            cortex, or all are equal.
    """
    names = embedding_columns(frame)
    if not names:
        raise ValueError(
            f"{origin}: no embedding_0, embedding_1, ... column (found {list(map(str, frame.columns))[:8]}). "
            "Name the vector's entries so, or bring an .npy with an ids table."
        )
    key = UNIT_KEY if set(UNIT_KEY) <= set(frame.columns) else ["nucleus_id"]
    schema.require_columns(frame, key, origin)
    frame = frame.assign(**{name: schema.as_ids(frame[name], f"{origin}, column {name!r}") for name in key})
    own = rows_of_animal(frame, _is_known(frame, units, key), animal, origin)
    if ANIMAL in frame and not animal:
        named = ", ".join(map(str, frame[ANIMAL].dropna().unique()[:4]))
        log.warning("%s: is of animal %s. The source names none, so that only numbers of session and scan join them.", origin, named)
    rows = [] if own.all() else [funnel_row("of the animal", len(frame), int(own.sum()), f"another animal than {animal!r}", "rows")]
    frame = frame[own]
    if key == UNIT_KEY:
        schema.require_unit_order(frame, units, origin, "the coregistration")
    schema.require_unique(frame, key, origin)
    values = _numbers(frame, names, origin)
    with np.errstate(over="ignore"):
        complete = np.isfinite(values.astype(np.float32)).all(1)
    require_varied(values[complete], origin)
    rows += [funnel_row("finite", len(frame), int(complete.sum()), "an entry of the vector is NaN, infinite or too large", "rows")]
    known, unknown = _join_units(frame.assign(**dict(zip(names, values.T, strict=True)))[complete], units, key, origin)
    rows.append(funnel_row("known to the cortex", int(complete.sum()), int(complete.sum()) - unknown, f"no unit has this {key}", "rows"))
    covered = units[UNIT_KEY].merge(known[UNIT_KEY], on=UNIT_KEY).shape[0]
    rows.append(funnel_row("covered units", len(units), covered, "the table has no vector for these units"))
    if known.empty:
        raise ValueError(f"{origin}: none of {len(frame)} rows matches a unit of the cortex by {key}. Check that ids are of this data set.")
    require_one_twin(known, origin)
    reliability = _numbers(known, ["reliability"], origin)[:, 0] if "reliability" in known else np.full(len(known), np.nan)
    table = embeddings_table(known, known[names].to_numpy(np.float64), reliability)
    return table.join(known[[name for name in (schema.TWIN, schema.TWIN_CORE) if name in known]]), pd.DataFrame(rows)


def no_embeddings() -> pd.DataFrame:
    """The embeddings table of a source without function: the keys and no row."""
    return pd.DataFrame({**{name: np.empty(0, np.int64) for name in (*UNIT_KEY, "nucleus_id")}, "reliability": np.empty(0)})


def require_varied(values: Float[np.ndarray, "units features"], origin: str) -> None:
    """Raise where embeddings of several units are all the same vector, which tells no unit from another.

    Args:
        values: Embeddings of units, finite.
        origin: File name, for the error.
    """
    if len(values) > 1 and (values == values[0]).all():
        shown = ", ".join(f"{value:g}" for value in values[0, :3]) + (", ..." if values.shape[1] > 3 else "")
        raise ValueError(
            f"{origin}: all {len(values)} embeddings are the same vector ({shown}), which tells no unit from another. "
            "Export them again, or leave embeddings out."
        )


def _is_known(frame: pd.DataFrame, units: pd.DataFrame, key: list[str]) -> Bool[np.ndarray, " rows"]:
    """Whether each row has the key of a unit."""
    return pd.MultiIndex.from_frame(frame[key]).isin(pd.MultiIndex.from_frame(units[key]))


def _numbers(frame: pd.DataFrame, names: list[str], origin: str) -> np.ndarray:
    try:
        return frame[names].to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        text = [name for name in names if not pd.api.types.is_numeric_dtype(frame[name])]
        what = "embedding columns" if names[0].startswith("embedding_") else "columns"
        raise ValueError(f"{origin}: {len(text)} {what} are not numbers, first {text[:3]}. Export them as floats.") from error


def _join_units(frame: pd.DataFrame, units: pd.DataFrame, key: list[str], origin: str) -> tuple[pd.DataFrame, int]:
    """The rows with the full key of their units, in key order, and the number of rows without a unit."""
    keys = units[[*UNIT_KEY, "nucleus_id"]]
    unknown = int((~_is_known(frame, units, key)).sum())
    if key == UNIT_KEY and "nucleus_id" in frame:
        stated = frame["nucleus_id"].dropna()
        frame = frame.assign(nucleus_id_brought=schema.as_ids(stated, f"{origin}, column 'nucleus_id'").astype("Int64"))
        frame = frame.drop(columns="nucleus_id")
    joined = keys.merge(frame.drop(columns=[name for name in UNIT_KEY if name in frame and key != UNIT_KEY]), on=key, how="inner")
    if "nucleus_id_brought" in joined:
        other = joined["nucleus_id_brought"].notna() & (joined["nucleus_id_brought"] != joined["nucleus_id"])
        if other.any():
            raise ValueError(
                f"{origin}: {int(other.sum())} of {len(joined)} units have another nucleus_id than the cortex' coregistration. "
                "Drop the column, or export it with the coregistration this run uses."
            )
    return joined.sort_values(UNIT_KEY, ignore_index=True), unknown
