"""Embeddings learned from responses, to directions or to anything: readout weights of the shared basis, and what was found on the way."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.schema import UNIT_KEY
from graphtwin.told import told_by_fields
from graphtwin.tuning.basis import Basis, fit_basis
from graphtwin.tuning.curves import direction_degrees
from graphtwin.tuning.embeddings import embeddings_table, funnel_row, normalise
from graphtwin.tuning.roughness import roughness_of
from graphtwin.tuning.selection import ANY_COLUMNS, BasisConfig, HeldOut, hold_out

FEWEST_SEEN = 3  # columns in which a unit must have been measured, or all where there are two: with fewer no column is left to be held out
HALF = 0.5  # share of the directions in which a unit must have been measured


@told_by_fields
@dataclass(frozen=True)
class LearnedEmbeddings:
    """Embeddings learned from responses, with all that was learned on the way.

    Attributes:
        embeddings: The embeddings table, standardised within scan.
        uncorrected: The embeddings table with the weights as fitted, for the leakage comparison.
        basis: The basis fitted to all responses, rows in the order of `embeddings`.
        columns: One row a column of the responses: column, table, position, period, axis, noise, what.
        held_out: Choice of noise, rank and smoothness, and the scores on held-out columns.
        funnel: Units without usable responses, counted.
    """

    embeddings: pd.DataFrame
    uncorrected: pd.DataFrame
    basis: Basis
    columns: pd.DataFrame
    held_out: HeldOut
    funnel: pd.DataFrame


def learn_embeddings(units: pd.DataFrame, config: BasisConfig | None = None, columns: pd.DataFrame | None = None) -> LearnedEmbeddings:
    """Embedding of every unit with responses: its readout weights, standardised within its scan.

    Rows are fitted in the order of their key, so that the order of the table changes nothing. Reliability is the share of a unit's
    variance over held-out columns that the shared basis predicts, clipped to [0, 1]; it knows neither depth nor labels. It needs no
    repeats, and what a unit does alone counts as noise: reliability from repeats is larger.

    Args:
        units: Table of units: session, scan_idx, unit_id, nucleus_id and responses: to directions (direction_DDD_D), or those that
            `columns` names.
        config: What is tried on held-out columns; the usual by default.
        columns: What is stated of each column of responses, as the cortex' `function_columns`; None for directions.

    Examples:
        >>> units = graphtwin.build(graphtwin.load("tables/tables.toml")).units
        >>> learned = graphtwin.learn_embeddings(units)
        >>> list(learned.embeddings.columns[:5])
        ['session', 'scan_idx', 'unit_id', 'nucleus_id', 'embedding_0']
    """
    of_directions = columns is None
    config = config or (BasisConfig() if of_directions else ANY_COLUMNS)
    columns = direction_columns(units) if columns is None else columns
    schema.require_unique(units, UNIT_KEY, "units")
    usable, funnel = _usable(units.sort_values(UNIT_KEY, ignore_index=True), columns, of_directions)
    responses = usable[list(columns["column"])].to_numpy(np.float64)
    held_out = hold_out(responses, columns, config)
    basis = fit_basis(responses, held_out.rank, held_out.smoothness, None, held_out.noise, roughness_of(columns))
    reliability = np.clip(held_out.explained, 0.0, 1.0)
    scale = np.sqrt((basis.weights**2).sum(1).mean())
    raw = embeddings_table(usable, basis.weights / scale, reliability)
    return LearnedEmbeddings(normalise(raw, "within_scan"), raw, basis, columns, held_out, funnel)


def direction_columns(units: pd.DataFrame) -> pd.DataFrame:
    """What is known of responses to directions: columns on a circle of 360 degrees, with Gamma noise.

    Args:
        units: Table with direction_DDD_D columns, evenly spaced around the circle.
    """
    names = [str(name) for name in units.columns if re.fullmatch(schema.DIRECTION, str(name))]
    if not names:
        raise ValueError(
            f"units: no direction_DDD_D column among {list(units.columns)[:12]}. Give responses, or bring embeddings with --embeddings."
        )
    stated = {"table": "responses", "position": direction_degrees(names), "period": 360.0, "axis": "circular", "noise": "gamma"}
    return pd.DataFrame({"column": names, **stated, "what": "mean response to a direction of drift, degrees"})


def _usable(units: pd.DataFrame, columns: pd.DataFrame, of_directions: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Units with enough finite responses that vary, or respond where noise is Gamma; a count of the others."""
    values = units[list(columns["column"])].to_numpy(np.float64)
    finite = np.isfinite(values)
    if of_directions:
        enough, few = finite.mean(1) >= HALF, "fewer than half of the directions have a finite response"
    else:
        least = min(FEWEST_SEEN, values.shape[1])
        enough, few = finite.sum(1) >= least, f"fewer than {least} columns have a value"
    if "gamma" in set(columns["noise"]):
        responding = (np.where(finite, values, 0.0) > 0).sum(1) > (values.shape[1] if of_directions else finite.sum(1)) // 2
        step, silent = "responding", "no response to most directions" if of_directions else "no response in most columns"
    else:
        responding = np.where(finite, values, np.inf).min(1) < np.where(finite, values, -np.inf).max(1)
        step, silent = "varying", "one and the same value in all columns"
    rows = [
        funnel_row("finite responses", len(units), int(enough.sum()), few),
        funnel_row(step, int(enough.sum()), int((enough & responding).sum()), silent),
    ]
    kept = units[enough & responding].reset_index(drop=True)
    if len(kept) < 2:
        raise ValueError(
            f"responses: {len(kept)} of {len(units)} units can be read ({len(units) - int(enough.sum())}: {few}; {silent}: "
            f"{int((enough & ~responding).sum())}). Two are needed to learn what they share: bring more, or bring embeddings."
        )
    return kept, pd.DataFrame(rows)
