"""The choices that axons had: pairs that come near each other (L_d > 0), sorted axon by axon for compiled passes.

Every statistic of `wiring` that compares an axon's partners with its other candidates starts here. The order is that of the ids, so that
nothing depends on the order of rows in a table.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin.config import nearest

log = logging.getLogger("graphtwin")
KEY = ["pre_nucleus_id", "post_nucleus_id"]  # columns that name a pair, which is directed, from axon to target
ALL = "all"  # name of the one group when no column divides the pairs
Exposure = Literal["l_d_um"] | None
N_NAMED = 3  # number of pairs that an error names


@dataclass(frozen=True)
class CandidateSet:
    """Pairs with L_d > 0 and known similarities. A block is one axon in one group; its rows are contiguous.

    Attributes:
        similarities: Names of the columns of `x`.
        groups: Names of the groups (projections), sorted.
        axons, targets: Nucleus ids of axons and of targets, rising.
        start: First row of each block, and after the last one the number of pairs.
        block_group, block_axon: Position of each block's group in `groups` and of its axon in `axons`.
        target: Position of each pair's target in `targets`.
        n_synapses: Number of synapses of each pair, or another outcome in its place.
        exposure: L_d of each pair in um; 1 where expected synapses are not proportional to it.
        l_d_um: L_d of each pair in um.
        x: Similarities, each with mean 0 and SD 1 over the candidates: (value - centre) / scale.
        centre, scale: Mean and SD of each similarity over the candidates, in its unit.
        row: Row of each pair in the table.
        n_unknown: Number of pairs with L_d > 0 left out because a similarity or the group is unknown.
        counted: What `n_synapses` holds, in the words of errors.
    """

    similarities: tuple[str, ...]
    groups: tuple[str, ...]
    axons: Int[np.ndarray, " axons"]
    targets: Int[np.ndarray, " targets"]
    start: Int[np.ndarray, " blocks_and_one"]
    block_group: Int[np.ndarray, " blocks"]
    block_axon: Int[np.ndarray, " blocks"]
    target: Int[np.ndarray, " pairs"]
    n_synapses: Float[np.ndarray, " pairs"]
    exposure: Float[np.ndarray, " pairs"]
    l_d_um: Float[np.ndarray, " pairs"]
    x: Float[np.ndarray, "pairs similarities"]
    centre: Float[np.ndarray, " similarities"]
    scale: Float[np.ndarray, " similarities"]
    row: Int[np.ndarray, " pairs"]
    n_unknown: int
    counted: str = "a synapse"

    @property
    def block(self) -> Int[np.ndarray, " pairs"]:
        """Block of each pair."""
        return np.repeat(np.arange(len(self.block_axon)), np.diff(self.start))

    @property
    def or_fewer_groups(self) -> str:
        """The end of an error's advice, where pairs are divided into groups."""
        return "" if self.groups == (ALL,) else ", or divide the pairs into fewer groups"

    def sum_blocks(self, value: Float[np.ndarray, " pairs"]) -> Float[np.ndarray, " blocks"]:
        """Sum of a value over the pairs of each block."""
        return np.bincount(self.block, value, len(self.block_axon))

    def matrix(self, value: Float[np.ndarray, " pairs"]) -> Float[np.ndarray, "axons targets"]:
        """A value of each pair as a matrix, 0 where there is no pair."""
        out = np.zeros((len(self.axons), len(self.targets)))
        out[self.block_axon[self.block], self.target] = value
        return out

    def l_d_bins(self, n_bins: int) -> Int[np.ndarray, " pairs"]:
        """Quantile bin of each pair's L_d in its group, from 0."""
        group, bins = self.block_group[self.block], np.zeros(len(self.row), dtype=np.int64)
        for g in range(len(self.groups)):
            mine = group == g
            edges = np.quantile(self.l_d_um[mine], np.arange(1, n_bins) / n_bins)
            bins[mine] = np.searchsorted(edges, self.l_d_um[mine], side="right")
        return bins

    def column(self, similarity: str) -> int:
        """Position of a similarity in `x`."""
        if similarity not in self.similarities:
            raise ValueError(f"candidates: no similarity {similarity!r}. There are: {', '.join(self.similarities) or 'none'}.")
        return self.similarities.index(similarity)

    def only(self, similarities: Sequence[str]) -> CandidateSet:
        """The candidate pairs with only some of their similarities."""
        at = [self.column(name) for name in similarities]
        x = np.ascontiguousarray(self.x[:, at])
        return replace(self, similarities=tuple(similarities), x=x, centre=self.centre[at], scale=self.scale[at])


def candidates(pairs: pd.DataFrame, similarities: Sequence[str] = (), by: str | None = None, exposure: Exposure = "l_d_um") -> CandidateSet:
    """Check a pair table and sort its pairs with L_d > 0.

    Args:
        pairs: The pair table, one row an ordered pair: pre_nucleus_id, post_nucleus_id (int64), n_synapses, l_d_um and the columns named
            below.
        similarities: Columns of likeness (or distance); pairs for which one is NaN are left out and counted.
        by: Column that divides pairs into groups, such as proj_hva; an axon then has a block in each of its groups.
        exposure: Column that expected synapses are proportional to; None for a rule without L_d.

    Raises:
        ValueError: A column is missing, ids are no integers, a pair occurs twice or is one cell, a number is impossible, a synapse has
            L_d = 0, no pair is left, or a similarity is constant.
    """
    columns = [*KEY, "n_synapses", "l_d_um", *similarities, *([by] if by else [])]
    _check_columns(pairs, columns)
    _check_values(pairs)
    _check_two_cells(pairs)
    _check_proximity(pairs)
    near = pairs["l_d_um"].to_numpy() > 0
    values = pairs[list(similarities)].to_numpy(np.float64)
    known = np.isfinite(values).all(axis=1) & (pairs[by].notna().to_numpy() if by else True)
    row = np.flatnonzero(near & known)
    if len(row) == 0:
        raise ValueError(
            f"candidates: none of {len(pairs)} pairs has l_d_um > 0 and known {', '.join(columns[4:]) or 'values'}. "
            "Check that proximities and similarities were joined by the same ids."
        )
    group = pairs[by].iloc[row] if by else pd.Series(ALL, index=row)
    n_unknown = int((near & ~known).sum())
    if n_unknown:
        log.info("%d of %d pairs with L_d > 0 left out: %s unknown", n_unknown, near.sum(), " or ".join(columns[4:]))
    return _sorted_set(pairs, tuple(similarities), values, group, row, n_unknown, exposure)


def _sorted_set(
    pairs: pd.DataFrame,
    similarities: tuple[str, ...],
    values: np.ndarray,
    group: pd.Series,
    row: np.ndarray,
    n_unknown: int,
    exposure: Exposure,
) -> CandidateSet:
    """The candidate set, its rows by group, axon and target."""
    code, groups = pd.factorize(group, sort=True)
    axon, axons = pd.factorize(pairs[KEY[0]].to_numpy(np.int64)[row], sort=True)
    target, targets = pd.factorize(pairs[KEY[1]].to_numpy(np.int64)[row], sort=True)
    pair = axon * len(targets) + target
    _check_repeated(pairs, row, pair)
    order = np.argsort(code * len(axons) * len(targets) + pair, kind="stable")  # most tables come in this order already
    row, code, axon, target = row[order], code[order], axon[order], target[order]
    first = np.flatnonzero(np.r_[True, (code[1:] != code[:-1]) | (axon[1:] != axon[:-1])])
    x = np.ascontiguousarray(values[row])
    centre = x.mean(axis=0)
    x -= centre
    scale = np.sqrt(np.einsum("ij,ij->j", x, x) / len(row))
    _check_constant(similarities, centre, scale, len(row))
    x /= scale
    l_d_um = pairs["l_d_um"].to_numpy(np.float64)[row]
    return CandidateSet(
        similarities=similarities,
        groups=tuple(map(str, groups)),
        axons=axons,
        targets=targets,
        start=np.append(first, len(row)),
        block_group=code[first],
        block_axon=axon[first],
        target=target,
        n_synapses=pairs["n_synapses"].to_numpy(np.float64)[row],
        exposure=l_d_um if exposure else np.ones(len(row)),
        l_d_um=l_d_um,
        x=x,
        centre=centre,
        scale=scale,
        row=row,
        n_unknown=n_unknown,
    )


def quantile_bins(pairs: pd.DataFrame, categories: Sequence[str] = (), bins: dict[str, int] | None = None) -> Int[np.ndarray, " pairs"]:
    """A number for each pair: pairs of equal number agree in all categories and lie in the same quantile bin of each quantity.

    Args:
        pairs: The pair table.
        categories: Columns to agree in, such as proj_hva_layer; a missing value is a category of its own.
        bins: Name of a column to its number of bins, such as {"l_d_um": 8, "distance_um": 8}; bins hold equal numbers of the pairs with L_d
            > 0.
    """
    bins = bins or {}
    _check_columns(pairs, [*categories, *bins, "l_d_um"])
    near = pairs["l_d_um"].to_numpy() > 0
    codes = [pd.factorize(pairs[name], sort=True)[0] for name in categories]
    for name, n_bins in bins.items():
        value = pairs[name].to_numpy(np.float64)
        if np.isnan(value[near]).any():
            raise ValueError(
                f"strata: {name} is unknown for {np.isnan(value[near]).sum()} of {near.sum()} pairs with L_d > 0. "
                "Leave these pairs out, or bin another column."
            )
        edges = np.quantile(value[near], np.arange(1, n_bins) / n_bins)
        codes.append(np.searchsorted(edges, value, side="right"))
    number = np.zeros(len(pairs), dtype=np.int64)
    for code in codes:  # a missing category has code -1
        number = pd.factorize(number * (int(code.max(initial=0)) + 2) + code + 1, sort=True)[0].astype(np.int64)
    return number


def _check_columns(pairs: pd.DataFrame, columns: Sequence[str]) -> None:
    for name in columns:
        if name not in pairs:
            near = nearest(name, map(str, pairs.columns))
            raise ValueError(
                f"pairs: no column {name!r}{f', nearest {near!r}' if near else ''} (known: {', '.join(map(str, pairs.columns))})."
            )
    for name in set(KEY) & set(columns):
        if not pd.api.types.is_integer_dtype(pairs[name]):
            raise ValueError(
                f"pairs: {name} has dtype {pairs[name].dtype}; ids must be int64, other types lose digits. Read them as int64."
            )


def _check_values(pairs: pd.DataFrame) -> None:
    """Refuse numbers that no pair can have."""
    for name in ("n_synapses", "l_d_um"):
        value = pairs[name].to_numpy(np.float64)
        wrong = ~np.isfinite(value) | (value < 0) | ((value % 1 != 0) if name == "n_synapses" else False)
        if wrong.any():
            wanted = "whole numbers from 0" if name == "n_synapses" else "finite and at least 0 (um)"
            raise ValueError(
                f"pairs: {name} is impossible in {wrong.sum()} of {len(pairs)} rows; needed: {wanted}. First: {_named(pairs, wrong)}."
            )


def _check_two_cells(pairs: pd.DataFrame) -> None:
    own = pairs[KEY[0]].to_numpy() == pairs[KEY[1]].to_numpy()
    if own.any():
        raise ValueError(f"pairs: {own.sum()} of {len(pairs)} rows pair a cell with itself. First: {_named(pairs, own)}. Drop these rows.")


def _check_repeated(pairs: pd.DataFrame, row: np.ndarray, key: np.ndarray) -> None:
    """Refuse pairs listed twice; key: a number for the pair in each row."""
    if (np.diff(np.sort(key)) > 0).all():  # a second of a million pairs less than by counting how many differ
        return
    repeated = np.zeros(len(pairs), dtype=bool)
    repeated[row] = pairs.iloc[row].duplicated(KEY).to_numpy()
    raise ValueError(
        f"pairs: {repeated.sum()} of {len(row)} rows with L_d > 0 repeat a pair. First: {_named(pairs, repeated)}. "
        "Aggregate synapses to one row a pair."
    )


def _check_proximity(pairs: pd.DataFrame) -> None:
    impossible = (pairs["l_d_um"].to_numpy() == 0) & (pairs["n_synapses"].to_numpy() > 0)
    if impossible.any():
        connected = int((pairs["n_synapses"].to_numpy() > 0).sum())
        raise ValueError(
            f"pairs: {impossible.sum()} of {connected} connected pairs have l_d_um = 0, where no synapse is expected (log 0). "
            f"First: {_named(pairs, impossible)}. Measure L_d with a larger radius or from the same skeletons, or leave these pairs out."
        )


def _check_constant(similarities: tuple[str, ...], centre: np.ndarray, scale: np.ndarray, n_pairs: int) -> None:
    for name, mean, sd in zip(similarities, centre, scale, strict=True):
        if not sd > 1e-12 * max(1.0, abs(mean)):
            raise ValueError(
                f"pairs: {name} is {mean:.6g} in all {n_pairs} pairs with L_d > 0. A constant similarity has no slope; leave it out."
            )


def _named(pairs: pd.DataFrame, chosen: np.ndarray) -> str:
    """The first of the chosen pairs by id, as in 101 > 205."""
    ids = sorted(zip(*(pairs[name].to_numpy()[chosen].tolist() for name in KEY), strict=True))[:N_NAMED]
    return ", ".join(f"{pre} > {post}" for pre, post in ids)
