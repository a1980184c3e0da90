"""Tables of exposure: how much each axon could have met each cell, whatever was measured: L_d, contact area, or anything that is 0 or more.

A pair of a measured axon and a measured cell without a row has exposure 0. An axon or a cell without any row was not measured.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin import schema

ROOT_PAIR = ["pre_root_id", "post_root_id"]  # columns that name the two cells of a pair by root ids
ONE_WAY = 30  # pairs of cells measured as axon and as cell from which on none the other way round is no accident


def pairs_of_cells(table: pd.DataFrame, origin: str) -> pd.DataFrame:
    """The columns of the key, and `exposure` as float64; an error where a pair is named twice or its exposure is none.

    Args:
        table: Columns of role `exposure`, ids as int64.
        origin: Name of the file, for errors.
    """
    key = key_of(table, origin)
    table = table[[*key, "exposure"]].assign(exposure=schema.as_numbers(table["exposure"], f"{origin}, column exposure"))
    schema.require_unique(table, key, origin)
    value = table["exposure"]
    hint = "Write 0, or no row, where a measured axon does not meet a cell; write no row at all of an axon that was not measured."
    _refuse(table, value.isna(), "are missing", hint, origin)
    hint = "An exposure is an amount, 0 where two cells never meet."
    _refuse(table, (value < 0) | np.isinf(value), "are negative or infinite", hint, origin)
    return table


def _refuse(table: pd.DataFrame, wrong: pd.Series, what: str, remedy: str, origin: str) -> None:
    """Raise where exposures are wrong, with their number and the first pair."""
    if wrong.any():
        first = table[wrong].iloc[0]
        pair = [int(table.loc[wrong, name].iloc[0]) for name in key_of(table, origin)]
        raise ValueError(
            f"{origin}: {int(wrong.sum())} of {len(table)} exposures {what}, first {first['exposure']:g} of the pair {pair}. {remedy}"
        )


def key_of(table: pd.DataFrame, origin: str) -> list[str]:
    """The columns that name the two cells of a pair: nucleus ids where a table has both.

    Args:
        table: A table of role `exposure`.
        origin: Name of the file, for the error.
    """
    if set(ROOT_PAIR) <= set(table) and not set(schema.PAIR_KEY) <= set(table):
        return ROOT_PAIR
    schema.require_columns(table, schema.PAIR_KEY, f"{origin} (or {' and '.join(ROOT_PAIR)})")
    return schema.PAIR_KEY


def in_both_directions(table: pd.DataFrame, symmetric: bool | None, origin: str) -> pd.DataFrame:
    """The pairs in both directions where the measure has none, as an area of contact; as they are where it has one.

    Args:
        table: Checked pairs with their exposure.
        symmetric: Whether a row speaks for both directions; None where the source does not say, which is an error where it matters.
        origin: Name of the file, for errors.
    """
    key = key_of(table, origin)
    turned = table.rename(columns=dict(zip(key, key[::-1], strict=True)))[[*key, "exposure"]]
    if symmetric:
        both = table.merge(turned, on=key, suffixes=("", "_turned"))
        differ = both["exposure"] != both["exposure_turned"]
        if differ.any():
            first = both[differ].iloc[0]
            raise ValueError(
                f"{origin}: {int(differ.sum()) // 2} of {len(table)} pairs have another exposure in the other direction, first "
                f"{first['exposure']:g} and {first['exposure_turned']:g} of {[int(first[name]) for name in key]}, but `symmetric = true` "
                "says that there is no direction. Correct the table, or write `symmetric = false`."
            )
        return pd.concat([table, turned], ignore_index=True).drop_duplicates(key, ignore_index=True)
    if symmetric is None:
        _require_directions(table, turned, key, origin)
    return table


def _require_directions(table: pd.DataFrame, turned: pd.DataFrame, key: list[str], origin: str) -> None:
    """Raise where cells were measured as axons and as cells, and each pair of them has one direction alone."""
    pre, post = (table[name] for name in key)
    open_ = (pre != post) & pre.isin(post.unique()) & post.isin(pre.unique())
    if int(open_.sum()) >= ONE_WAY and table[open_].merge(turned, on=key).empty:
        raise ValueError(
            f"{origin}: {int(open_.sum())} of {len(table)} pairs are of two cells with rows as axon and as target, and none of them is "
            "there in both directions. Write `symmetric = true` under this table of the TOML where a row speaks for both, as an area of "
            "contact does; `symmetric = false` where the other direction is 0."
        )
