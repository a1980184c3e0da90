"""How alike two neurons are: signal correlation, feature similarity, receptive-field distance and orientation difference of many pairs.

Definitions of Ding et al. 2025, doi:10.1038/s41586-025-08840-3. A pair costs one pass over two rows: nothing the size of pairs x responses
is ever made, so that memory is the table of responses and one number a pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numba import njit

from graphtwin import schema
from graphtwin.config import nearest_of
from graphtwin.coordinates import MINNIE65_MONITOR, Monitor
from graphtwin.tuning.twin_stamps import require_one_twin

FEWEST_SHARED = 5  # columns that two neurons with gaps must both show for their correlation to mean something
ROWS_TOGETHER = 32  # postsynaptic rows that stay in the cache while axons pass by
CACHE_BYTES = 2**21  # vectors of no more bytes fit a core's cache (2 MiB), and their pairs need no order
FARTHEST_POSITION = 2.0  # a receptive field may lie beside the monitor, whose edges are at -1 and 1, but not this far


def signal_correlation(
    responses: Float[np.ndarray, "neurons responses"], a: Int[np.ndarray, " pairs"], b: Int[np.ndarray, " pairs"]
) -> Float[np.ndarray, " pairs"]:
    """Pearson correlation of the response vectors of rows a and b; NaN where a row is constant or has NaN."""
    return _cosine(responses, responses.mean(1, dtype=np.float64), a, b)


def function_correlation(
    responses: Float[np.ndarray, "neurons responses"], a: Int[np.ndarray, " pairs"], b: Int[np.ndarray, " pairs"]
) -> Float[np.ndarray, " pairs"]:
    """Pearson correlation of rows a and b over the columns that both show; NaN where these are fewer than 5, or a row is constant there.

    Without gaps it is the signal correlation. A row of NaN alone is correlated with nothing.
    """
    gaps = np.isnan(responses)
    if not (gaps.any(axis=1) & ~gaps.all(axis=1)).any():
        return signal_correlation(responses, a, b)
    middle = np.where(gaps.all(axis=1), 0.0, np.nansum(responses, axis=1) / np.maximum((~gaps).sum(axis=1), 1))
    centred = (responses - middle[:, None]).astype(np.float64)  # so that sums of squares lose no digits
    return np.clip(_shared_correlations(centred, np.asarray(a, dtype=np.int64), np.asarray(b, dtype=np.int64)), -1.0, 1.0)


def unit_vectors(responses: Float[np.ndarray, "neurons responses"]) -> Float[np.ndarray, "neurons responses"]:
    """Response vectors centred and of length 1, whose products are signal correlations: for all pairs at once, or weighted sums of them.

    NaN where a row has NaN or does not vary by more than rounding. It copies the table; `signal_correlation` of some pairs does not.
    """
    centred = responses - responses.mean(1, keepdims=True, dtype=np.float64).astype(responses.dtype)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    nothing = 8 * np.finfo(responses.dtype).eps * np.abs(responses).max(1, keepdims=True, initial=0.0) * np.sqrt(responses.shape[1])
    return np.divide(centred, length, out=np.full_like(centred, np.nan), where=length > nothing)


def feature_similarity(
    features: Float[np.ndarray, "neurons features"], a: Int[np.ndarray, " pairs"], b: Int[np.ndarray, " pairs"]
) -> Float[np.ndarray, " pairs"]:
    """Cosine of the feature vectors (readout weights) of rows a and b; NaN where a row is zero or has NaN."""
    return _cosine(features, np.zeros(len(features)), a, b)


def rf_distance(
    positions: Float[np.ndarray, "neurons xy"], a: Int[np.ndarray, " pairs"], b: Int[np.ndarray, " pairs"], monitor: Monitor | None = None
) -> Float[np.ndarray, " pairs"]:
    """Angle in degrees between the lines of sight to the receptive fields of rows a and b; NaN where one is unknown.

    Args:
        positions: Centres on the monitor, x and y from -1 to 1.
        a: Rows of `positions`.
        b: Rows of `positions`, one for each of `a`.
        monitor: Screen on which the positions lie; by default that of the minnie65 recordings.
    """
    far = np.abs(positions) > FARTHEST_POSITION
    if far.any():
        raise ValueError(
            f"receptive fields: {int(far.any(1).sum())} of {len(positions)} positions lie beyond {FARTHEST_POSITION:g}, where the edges "
            f"of the monitor are -1 and 1 (largest {np.nanmax(np.abs(positions)):g}). Divide pixels or degrees by half the monitor first."
        )
    screen = monitor if monitor is not None else MINNIE65_MONITOR
    scale = np.array([screen.width_cm / 2, screen.height_cm / 2])
    sight = np.column_stack([positions.astype(np.float64) * scale, np.full(len(positions), -screen.distance_cm)])
    sight /= np.linalg.norm(sight, axis=1, keepdims=True)
    # Half the angle from difference and sum of unit vectors keeps all digits near 0, where the arc cosine loses half of them.
    apart, together = np.linalg.norm(sight[a] - sight[b], axis=1), np.linalg.norm(sight[a] + sight[b], axis=1)
    return np.degrees(2 * np.arctan2(apart, together))


def orientation_difference(a: Float[np.ndarray, " pairs"], b: Float[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
    """Angle between two orientations in degrees, 0 to 90."""
    apart = np.abs(a - b) % 180.0
    return np.minimum(apart, 180.0 - apart)


@dataclass(frozen=True)
class Definition:
    """How a similarity comes from one column of the neuron table.

    Attributes:
        column: Column of the neuron table, of vectors or of angles.
        of_pairs: Function from the column's values, rows a, rows b and the monitor to a value a pair.
    """

    column: str
    of_pairs: Callable[[np.ndarray, np.ndarray, np.ndarray, Monitor], np.ndarray]

    @property
    def needs_monitor(self) -> bool:
        """Whether the similarity is an angle between places on a screen."""
        return self.of_pairs is rf_distance


def _correlation(values: np.ndarray, a: np.ndarray, b: np.ndarray, _: Monitor) -> np.ndarray:
    return function_correlation(values, a, b)


def _features(values: np.ndarray, a: np.ndarray, b: np.ndarray, _: Monitor) -> np.ndarray:
    return feature_similarity(values, a, b)


def _orientation(values: np.ndarray, a: np.ndarray, b: np.ndarray, _: Monitor) -> np.ndarray:
    known = np.abs(values[np.isfinite(values)])
    if len(known) > 1 and 0 < known.max() <= np.pi:
        raise ValueError(
            f"preferred orientations: all {len(known)} known values lie within {known.max():.3f} of 0, as radians do. "
            "Convert them to degrees."
        )
    return orientation_difference(values[a], values[b])


# Similarities by the house's names, then by the published ones for the same thing.
SIMILARITIES = {
    "signal_correlation": Definition("in_silico_resp", _correlation),
    "in_vivo_signal_correlation": Definition("in_vivo_mean_resp", _correlation),
    "feature_similarity": Definition("readout_cvt", _features),
    "tuning_similarity": Definition("in_silico_tuning", _features),
    "rf_distance": Definition("position_stim_cvt", rf_distance),
    "orientation_difference": Definition("pref_ori_cvt_monet_full", _orientation),
    "in_silico_sig_corr_cvt": Definition("in_silico_resp", _correlation),
    "in_vivo_sig_corr": Definition("in_vivo_mean_resp", _correlation),
    "readout_similarity_cvt": Definition("readout_cvt", _features),
    "readout_location_distance_cvt": Definition("position_stim_cvt", rf_distance),
    "readout_location_distance_sta": Definition("sta_mu_comb", rf_distance),
    "delta_ori_cvt_monet_full": Definition("pref_ori_cvt_monet_full", _orientation),
    "delta_ori_iv": Definition("pref_ori_iv", _orientation),
}


def add_similarities(
    pairs: pd.DataFrame, neurons: pd.DataFrame, names: Sequence[str], monitor: Monitor | None = None, origin: str = "neuron table"
) -> pd.DataFrame:
    """The pair table with these similarities; those it already has stay as they are, a pair with an unknown neuron has NaN.

    A neuron is its nucleus, as published: one row of the neuron table, one unit (`tuning.units.speaking_units` chooses it).

    Args:
        pairs: Pair table: pre_nucleus_id, post_nucleus_id.
        neurons: Neuron table: nucleus_id (unique) and the columns that the similarities come from, vectors as cells of equal length.
        names: Keys of `SIMILARITIES`, or columns that the pair table has.
        monitor: Screen on which receptive fields lie, for their distances; by default that of the minnie65 recordings.
        origin: File that the neurons come from, for errors.
    """
    wanted = [name for name in dict.fromkeys(names) if name not in pairs]
    for name in wanted:
        if name not in SIMILARITIES:
            known = [*SIMILARITIES, *map(str, pairs.columns)]
            raise ValueError(
                f"similarity {name!r} is no column of the pair table and none that is computed here "
                f"({nearest_of(name, known, 'nearest {}; ')}computed: {', '.join(SIMILARITIES)}). Correct the name, or add the column."
            )
    schema.require_columns(neurons, ["nucleus_id", *(SIMILARITIES[name].column for name in wanted)], origin)
    schema.require_unique(neurons, ["nucleus_id"], origin)
    ids = pd.Index(neurons["nucleus_id"])
    pre, post = (ids.get_indexer(pairs[name]) for name in schema.PAIR_KEY)
    known = (pre >= 0) & (post >= 0)
    if wanted and len(pairs) and not known.any():
        raise ValueError(
            f"{origin}: none of {len(pairs)} pairs has both neurons in it ({len(neurons)} nuclei, first {ids[:3].tolist()}; first pair "
            f"{pairs[schema.PAIR_KEY].iloc[0].tolist()}). Both tables must name neurons by nucleus_id."
        )
    found = pairs.assign(**dict.fromkeys(wanted, np.nan))
    if not known.any():
        return found
    screen = monitor if monitor is not None else MINNIE65_MONITOR
    rows, place = np.unique(np.concatenate([pre[known], post[known]]), return_inverse=True)
    if wanted and schema.TWIN in neurons:
        require_one_twin(neurons.iloc[rows].dropna(subset=schema.TWIN), origin)  # a neuron without a unit has no twin, and no function
    a, b = np.split(place, 2)
    for name in wanted:
        column = stacked(neurons[SIMILARITIES[name].column].iloc[rows], origin)
        found.loc[known, name] = SIMILARITIES[name].of_pairs(column, a, b, screen)
    return found


def stacked(column: pd.Series, origin: str = "neuron table") -> np.ndarray:
    """A column of numbers as it is, one of vectors (arrays or lists) as a matrix in which an empty cell is a row of NaN."""
    is_vector = column.map(lambda cell: isinstance(cell, (np.ndarray, list, tuple))).to_numpy(bool)
    if not is_vector.any():
        numbers = pd.to_numeric(column).to_numpy(np.float64)
        return numbers if column.dtype != object or column.notna().any() else numbers[:, None]
    vectors = [np.ravel(cell) for cell in column[is_vector]]
    lengths, counts = np.unique([vector.size for vector in vectors], return_counts=True)
    other = column[~is_vector & column.notna().to_numpy()]
    if len(lengths) > 1 or len(other):
        raise ValueError(
            f"{origin}, {column.name}: vectors have lengths {dict(zip(lengths.tolist(), counts.tolist(), strict=True))}, and "
            f"{len(other)} of {len(column)} cells are neither vector nor empty. Give every neuron a vector of one length, or None."
        )
    dtype = np.result_type(vectors[0], np.float32)
    matrix = np.full((len(column), lengths[0]), np.nan, dtype=dtype)
    matrix[is_vector] = np.stack(vectors)
    return matrix


def _cosine(vectors: np.ndarray, centre: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of rows a and b, each less its centre."""
    vectors, centre = np.ascontiguousarray(vectors), centre.astype(vectors.dtype)
    rows = np.arange(len(vectors))
    length = np.sqrt(_dots(vectors, centre, rows, rows, rows))
    # What rounding leaves of a constant row counts as nothing.
    nothing = 8 * np.finfo(vectors.dtype).eps * np.abs(centre) * np.sqrt(vectors.shape[1])
    length[~(length > nothing)] = np.nan
    order = np.arange(len(a)) if vectors.nbytes <= CACHE_BYTES else np.lexsort((b, a, b // ROWS_TOGETHER))
    return np.clip(_dots(vectors, centre, a, b, order) / (length[a] * length[b]), -1.0, 1.0)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
@no_type_check
def _dots(vectors, centre, a, b, order):
    """Dot products of rows a and b less their centres, computed in the given order and the precision of the vectors; NaN passes through."""
    out = np.empty(len(a))
    for place in range(len(order)):
        pair = order[place]
        first, second = vectors[a[pair]], vectors[b[pair]]
        first_centre, second_centre = centre[a[pair]], centre[b[pair]]
        total = centre.dtype.type(0)
        for value in range(vectors.shape[1]):
            total += (first[value] - first_centre) * (second[value] - second_centre)
        out[pair] = total
    return out


@njit(cache=True, nogil=True)
@no_type_check
def _shared_correlations(values, a, b):
    """Correlation of rows a and b over the columns in which neither is NaN."""
    out = np.full(len(a), np.nan)
    for pair in range(len(a)):
        n, x, y, xx, yy, xy = 0, 0.0, 0.0, 0.0, 0.0, 0.0
        for column in range(values.shape[1]):
            first, second = values[a[pair], column], values[b[pair], column]
            if first == first and second == second:
                n += 1
                x, y = x + first, y + second
                xx, yy, xy = xx + first * first, yy + second * second, xy + first * second
        if n >= FEWEST_SHARED:
            left, right = xx - x * x / n, yy - y * y / n
            if left > 1e-12 * xx and right > 1e-12 * yy:
                out[pair] = (xy - x * y / n) / np.sqrt(left * right)
    return out
