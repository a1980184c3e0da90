"""Each axon's map: its similarity with every target, candidate or not, less what geometry says; what spatial surrogates are made of.

The statistic is the score U = sum of r_ij s_ij: r is observed minus expected synapses under the model with geometry and without the
similarity (`score_test`). As r adds up to 0 over each axon's candidates and along each term of geometry, U is the same when each axon's
mean and the terms of geometry are taken out of the map. Surrogates then vary as much as what is tested, no more: without it, the part of
similarity that goes with distance makes them too variable and the test too careful. The same step in linear models: Freedman and Lane
1983, doi:10.1080/07350015.1983.10509354.

Where the table has gaps, the maps are completed and replicates take turns with several completions. Up to `MOST_BY_RANK` missing, other
axons tell a target's entries (`completed_maps`; with half of the entries known, their error is a third of what kriging leaves). In ordinary
pair tables, where each axon is known in its own neighbourhood alone, they do not, and what is drawn so is too rough: with a tenth known,
the correlation of a map with itself at 0 to 60 um is 0.12 to 0.2, and 0.6 in truth. There the field that is fitted to the maps is drawn,
given the known entries (`kriged_maps`), with 0.55 to 0.6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from graphtwin import schema
from graphtwin.wiring.conditional import ScoreTest, score_test
from graphtwin.wiring.nulls import NullDistribution, likeness_of_all
from graphtwin.wiring.pairs import Measure, Outcome, outcome_of
from graphtwin.wiring.spatial.completed_maps import LEAST_KNOWN, axon_covariance, complete_maps
from graphtwin.wiring.spatial.geometry_terms import MOST_DETAIL, geometry_terms
from graphtwin.wiring.spatial.kriged_maps import krige_maps
from graphtwin.wiring.spatial.places import Places
from graphtwin.wiring.spatial.robust_slopes import PER_TERM
from graphtwin.wiring.spatial.separable import field_covariance

MOST_BY_RANK = 0.5  # share of missing entries up to which they are drawn by `completed_maps`, which foresees them best; see the docstring
MOST_MISSING = 0.9  # share of entries that may be drawn at all; a choice, the most that was tried
N_DRAWS = 20  # matrices that replicates take turns with, where entries are missing
FEW_MISSING, FEW_DRAWS = 0.01, 4  # below this share, so many matrices
MOST_DRAWN = 5 * 10**6  # entries of all matrices: of larger ones there are fewer, each with more places over which chance averages out
MAX_CELLS = 5 * 10**7  # axons x targets; geometry takes about 100 bytes for each


@dataclass(frozen=True)
class SimilarityMaps:
    """Maps of all axons over all targets, in the order of `test.choices.axons` and `test.choices.targets`.

    Attributes:
        test: The test of the similarity, given the terms of geometry.
        value: The maps, in the scale of `test.value`, without each axon's mean and without what goes with geometry. Several draws where
            entries were missing; else one.
        missing: Share of entries that the table or measure did not have.
        left_out: Number of axons that are not among the maps, for their pairs are too few to complete a map.
        axon_um, target_um: Positions of axons' somata and of targets in um.
    """

    test: ScoreTest
    value: Float[np.ndarray, "draws axons targets"]
    missing: float
    left_out: int
    axon_um: Float[np.ndarray, "axons 3"]
    target_um: Float[np.ndarray, "targets 3"]

    def residual(self, group: int) -> Float[np.ndarray, "axons targets"]:
        """Observed minus expected synapses of the pairs of one group, 0 where a pair is no candidate."""
        return self.of_pairs(self.test.residual, group)

    def of_pairs(self, value: Float[np.ndarray, " pairs"], group: int) -> Float[np.ndarray, "axons targets"]:
        """A value of the candidates of one group as a matrix, 0 where a pair is none."""
        choices = self.test.choices
        return choices.matrix(np.where(choices.block_group[choices.block] == group, value, 0.0))

    @property
    def kept(self) -> str | None:
        """What surrogates of these maps keep where a table has gaps, in words; None where it has next to none."""
        if self.missing < FEW_MISSING:
            return None
        field = self.missing > MOST_BY_RANK
        how = "the field fitted to them (variogram over targets times covariance of axons)" if field else "a low-rank model of the matrix"
        left = f" {self.left_out} axons known with fewer than {LEAST_KNOWN} targets are not in these surrogates." if self.left_out else ""
        return (
            f"{self.missing:.0%} of axons with targets have no known value. Surrogates (Moran, shifts, variogram) are made of "
            f"{len(self.value)} maps that hold the known values as they are and the rest drawn from {how}: there, autocorrelation and "
            f"covariance of axons are kept as {'fitted' if field else 'estimated'}, not as measured.{left}"
        )

    def of_draw(self, number: int) -> int:
        """The draw that a replicate uses."""
        return number % len(self.value)

    def distribution(self, null: str, score: Float[np.ndarray, "replicates groups"]) -> NullDistribution:
        """Observed beside surrogates, given by their scores; the information is that observed."""
        test = self.test
        observed = test.observed()
        parts = np.repeat(observed[None], len(score), 0)
        parts[..., 0] = score
        z, _ = test.z(observed)
        null_z, null_slope = test.z(parts)
        return NullDistribution(null, test, z, null_z, null_slope, moved=1.0)


def similarity_maps(outcome: Outcome, similarity: str, places: Places, seed: int, measure: Measure | None = None) -> SimilarityMaps:
    """The maps of a similarity, and its test given as much geometry as the outcome can tell apart.

    Args:
        outcome: The outcome of the pairs; other similarities that it has are held. Without a measure, maps are better the more pairs of
            axons and targets its table has, those with L_d = 0 too; what it lacks is drawn.
        similarity: The similarity that is tested, one of the outcome's.
        places: Positions of the cells; pairs of which a position is not known are left out.
        seed: Seed of the entries that are missing and drawn.
        measure: The similarity of any two cells; None where only pairs are known.

    Raises:
        ValueError: The outcome has no fit; a cell is unknown to the measure or differs from the table; too many entries are missing.
    """
    placed = replace(outcome, table=outcome.table[places.known(outcome.table)])
    if placed.table.empty:
        raise ValueError(f"maps: both positions are known for none of {len(outcome.table)} pairs. Give the positions of all cells.")
    placed, left_out = (placed, 0) if measure is not None else _with_few_left_out(placed, similarity)
    choices = placed.choices
    n_axons, n_targets = len(choices.axons), len(choices.targets)
    if n_axons * n_targets > MAX_CELLS:
        gigabytes = n_axons * n_targets / 1e7
        raise ValueError(f"maps: {n_axons} axons x {n_targets} targets need {gigabytes:.0f} GB. Test groups of axons apart.")
    test, geometry = _test(placed, similarity, places)
    raw = _of_table(test, placed.table) if measure is None else _of_measure(test, measure)
    missing = _share_missing(test, raw)
    n_draws = _number_of_draws(missing, raw.size)
    where = places.of(test.choices.targets)
    if missing > MOST_BY_RANK:
        value = _kriged(_less_geometry(raw, geometry), where, n_draws, seed)
    else:
        drawn = complete_maps(raw, n_draws, seed) if missing else raw[None]
        value = np.stack([_less_geometry(one, geometry) for one in drawn])
    return SimilarityMaps(test, value, missing, left_out, places.of(test.choices.axons), where)


def require_distinct(position_um: Float[np.ndarray, "cells 3"], fewest: int, what: str) -> None:
    """Refuse cells that lie at too few places.

    Args:
        position_um: Positions of the cells.
        fewest: Least number of distinct places.
        what: The cells in the words of the error: "axons" or "targets".
    """
    n_places = len(np.unique(position_um, axis=0))
    if n_places < fewest:
        raise ValueError(
            f"{len(position_um)} {what} lie at {n_places} places; this null needs {fewest}. Check positions, or use more cells."
        )


def _test(outcome: Outcome, similarity: str, places: Places) -> tuple[ScoreTest, Float[np.ndarray, "axons targets terms"]]:
    """The test given geometry, and the terms of every axon with every target, of the same span."""
    choices, failure = outcome.choices, None
    amount = outcome.table["n_synapses"].sum() if outcome.name == "synapse_density" else len(outcome.pairs)
    ids = np.repeat(choices.axons, len(choices.targets)), np.tile(choices.targets, len(choices.axons))
    grid = pd.DataFrame(dict(zip(schema.PAIR_KEY, ids, strict=True)))
    for detail in range(MOST_DETAIL, -1, -1):
        terms = geometry_terms(outcome.pairs, places, detail, grid)
        if amount < PER_TERM * terms.shape[1] * len(choices.groups):
            continue
        try:
            test = score_test(_held(outcome, choices.axons, choices.targets, terms).choices, similarity)
        except ValueError as reason:
            failure = failure or reason
            continue
        return test, terms.to_numpy().reshape(len(choices.axons), len(choices.targets), -1)
    try:
        return score_test(choices, similarity), np.zeros((len(choices.axons), len(choices.targets), 0))
    except ValueError as reason:
        raise (failure or reason) from None


def _held(outcome: Outcome, axons: np.ndarray, targets: np.ndarray, terms: pd.DataFrame) -> Outcome:
    """The outcome with terms of geometry beside its similarities."""
    table = outcome.table
    axon, target = pd.Index(axons).get_indexer(table["pre_nucleus_id"]), pd.Index(targets).get_indexer(table["post_nucleus_id"])
    inside = (axon >= 0) & (target >= 0)
    held = table[inside].assign(**{name: terms[name].to_numpy()[(axon * len(targets) + target)[inside]] for name in terms})
    return outcome_of(held, outcome.name, [*outcome.similarities, *terms.columns], outcome.by, outcome.of_all)


def _with_few_left_out(outcome: Outcome, similarity: str) -> tuple[Outcome, int]:
    """The outcome without axons that are known with fewer than `LEAST_KNOWN` targets, which say little of a map; their number."""
    table, choices = outcome.table, outcome.choices
    known = table[similarity].notna() & table["post_nucleus_id"].isin(choices.targets)
    n_known = table.loc[known, "pre_nucleus_id"].value_counts().reindex(choices.axons, fill_value=0)
    few = n_known.index[n_known < LEAST_KNOWN]
    if len(few) == len(n_known):
        raise ValueError(f"maps: none of {len(few)} axons has {LEAST_KNOWN} pairs of known {similarity}. Give the cells' function.")
    return replace(outcome, table=table[~table["pre_nucleus_id"].isin(few)]), len(few)


def _number_of_draws(missing: float, n_cells: int) -> int:
    """Number of matrices that stand for what is missing: fewer where little is, or where they are large."""
    return FEW_DRAWS if missing < FEW_MISSING else int(np.clip(MOST_DRAWN // n_cells, FEW_DRAWS, N_DRAWS))


def _share_missing(test: ScoreTest, raw: Float[np.ndarray, "axons targets"]) -> float:
    """Share of missing entries; refused where it is too large to be drawn."""
    known = np.isfinite(raw)
    missing = float(1 - known.mean())
    if missing > MOST_MISSING or (missing and known.sum(1).min() < LEAST_KNOWN):
        raise ValueError(
            f"maps: {test.similarity} is not known for {known.size - known.sum()} of {known.size} axons with targets ({missing:.0%}); "
            f"{MOST_MISSING:.0%} can be completed, with {LEAST_KNOWN} known an axon. Give the cells' function, or a table of more pairs; "
            "p_spatial of the robust slope needs no maps."
        )
    return missing


def _of_measure(test: ScoreTest, measure: Measure) -> Float[np.ndarray, "axons targets"]:
    """Similarity by a measure; NaN where an axon meets itself or the measure says so."""
    choices = test.choices
    return np.where(choices.axons[:, None] == choices.targets[None], np.nan, likeness_of_all(measure, test))


def _of_table(test: ScoreTest, pairs: pd.DataFrame) -> Float[np.ndarray, "axons targets"]:
    """Similarity by the pair table; NaN where a pair is not in it."""
    choices = test.choices
    value = np.full((len(choices.axons), len(choices.targets)), np.nan)
    axon = pd.Index(choices.axons).get_indexer(pairs["pre_nucleus_id"])
    target = pd.Index(choices.targets).get_indexer(pairs["post_nucleus_id"])
    mine = (axon >= 0) & (target >= 0)
    value[axon[mine], target[mine]] = _scaled(test, pairs[test.similarity].to_numpy(np.float64)[mine])
    return value


def _scaled(test: ScoreTest, value: np.ndarray) -> np.ndarray:
    """Similarities in the scale of `test.value`."""
    column = test.choices.column(test.similarity)
    return np.asarray((value - test.choices.centre[column]) / test.choices.scale[column])


def _kriged(
    value: Float[np.ndarray, "axons targets"], target_um: Float[np.ndarray, "targets 3"], n_draws: int, seed: int
) -> Float[np.ndarray, "draws axons targets"]:
    """Maps less geometry with what is NaN drawn from the field that is fitted to the rest."""
    known = np.isfinite(value)
    field = field_covariance(value, known, target_um, seed)
    return krige_maps(value, known, replace(field, axons=axon_covariance(value, seed)), n_draws, seed)


def _less_geometry(
    value: Float[np.ndarray, "axons targets"], geometry: Float[np.ndarray, "axons targets terms"]
) -> Float[np.ndarray, "axons targets"]:
    """Deviations from each axon's mean that least squares on the terms of geometry, within axons, leaves; NaN where the value is."""
    known = np.isfinite(value)
    value = value - _mean(value, known)
    if geometry.shape[2] == 0:
        return value
    terms = np.stack([(one - _mean(one, known))[known] for one in np.moveaxis(geometry, 2, 0)], axis=1)
    solution = np.linalg.lstsq(terms.T @ terms, terms.T @ value[known], rcond=1e-10)[0]
    out = np.full(value.shape, np.nan)
    out[known] = value[known] - terms @ solution
    return out


def _mean(value: Float[np.ndarray, "axons targets"], known: Bool[np.ndarray, "axons targets"]) -> Float[np.ndarray, "axons 1"]:
    """Mean of each axon over its known targets."""
    return np.asarray(np.where(known, value, 0.0).sum(1, keepdims=True) / known.sum(1, keepdims=True))
