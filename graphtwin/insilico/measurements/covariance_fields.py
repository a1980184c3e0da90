"""Which patterns a unit squares: the covariance of the noise that it answers, against answers shifted in time.

With noise s of independent patches, lag by lag in a window around the unit's field, and its answers r,

    average      a = <(r - <r>) s>
    covariance   C = <(r - <r>) s s'> / 2,   s without its part along a, where a is more than chance

so that r = ... + sum_k w_k (v_k . s)^2 with orthogonal v_k of unit length has eigenvalues w_k along v_k: above 0 what excites the unit
whatever its sign, below 0 what suppresses it. A pattern that is answered by its sign is in a, and counts as no dimension. Eigenvalues are
dimensions where they lie beyond those of answers shifted against the noise, which know nothing of it but keep their distribution and
course. Sources: de Ruyter van Steveninck & Bialek 1988, doi:10.1098/rspb.1988.0055; Rust et al. 2005, doi:10.1016/j.neuron.2005.05.021;
Schwartz et al. 2006, doi:10.1167/6.4.13.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.execute import rng_for
from graphtwin.insilico.measurements.field_fits import LEAST_R2, fit_gaussians, local_energy, smoothed
from graphtwin.insilico.measurements.noise_maps import NoiseConfig, PatchNoise, answered_noise
from graphtwin.insilico.responders import Responder, State, require_pictures_seen
from graphtwin.progress import tqdm
from graphtwin.told import told_by_fields

LEAST_DEVIATIONS = 4.0  # deviations of shifted answers by which an eigenvalue, or the length of an average, is beyond their extremes
KEPT = 4  # dimensions of a unit, those that stand out most, whose axes and eigenvalues are told
log = logging.getLogger("graphtwin")


class CovarianceConfig(BaseModel):
    """Noise, the window around each field in which its covariance is taken, and the answers that it is held against."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    noise: NoiseConfig = Field(NoiseConfig(lags=3), description="Noise that is shown.")
    window_deg: float = Field(42.0, gt=0, description="Edge of the window around the place of the strongest answer, degrees.")
    shifts: int = Field(20, ge=5, description="Times that answers are shifted against the noise.")


@told_by_fields
@dataclass(frozen=True)
class Subspaces:
    """What each unit adds and squares, in a window around its field; in the units of its answers (per standard deviation, per its square).

    Attributes:
        linear: Average of the noise, weighted by answers.
        linear_z: Its length, in deviations above that of shifted answers.
        axes: Patterns of unit length that are squared, those that stand out most first; NaN beyond those that were found.
        eigenvalues: What they are squared by: above 0 excites, below 0 suppresses.
        deviations: How far each eigenvalue is beyond the extreme ones of shifted answers, in their deviations.
        counts: Number of excitatory and of suppressive dimensions; more than have axes where there are more.
        limits: Lowest and highest eigenvalue that count as chance.
        corner: Row and column of the window's first place on the grid of patches.
        lag_s: Seconds of each lag.
        edges: Edges of the patches of the whole grid, degrees, from left to right and from top to bottom.
    """

    linear: Float[np.ndarray, "units lags rows columns"]
    linear_z: Float[np.ndarray, " units"]
    axes: Float[np.ndarray, "units kept lags rows columns"]
    eigenvalues: Float[np.ndarray, "units kept"]
    deviations: Float[np.ndarray, "units kept"]
    counts: Int[np.ndarray, "units 2"]
    limits: Float[np.ndarray, "units 2"]
    corner: Int[np.ndarray, "units 2"]
    lag_s: Float[np.ndarray, " lags"]
    edges: tuple[Float[np.ndarray, " columns_and_one"], Float[np.ndarray, " rows_and_one"]]


def measure_subspaces(
    responder: Responder,
    config: CovarianceConfig | None = None,
    state: State | None = None,
    units: Sequence[int] | None = None,
    progress: bool = False,
) -> Subspaces:
    """The excitatory and suppressive subspace of each unit, from noise that the responder is shown once.

    Args:
        responder: Responder to videos or to single pictures; these have one lag.
        config: Settings; None takes the defaults.
        state: State in which the noise is seen, one number a channel.
        units: Rows of the units that are measured; None takes all.
        progress: Show progress bars.

    Examples:
        >>> graphtwin.insilico.measure_subspaces(responder, units=[0]).axes.shape  # units x patterns x lags x pixels
        (1, 4, 3, 6, 5)
    """
    require_pictures_seen(responder, "fields by covariance")
    config = config or CovarianceConfig()
    noise = PatchNoise(responder, config.noise, shifted=False)
    rows = np.arange(len(responder.units)) if units is None else np.asarray(units, dtype=np.int64)
    batches = answered_noise(responder, noise, state, rows, progress)
    seen, answers = (np.concatenate(part) for part in zip(*batches, strict=True))
    answers = answers - answers.mean(0)
    sides = tuple(
        min(whole, max(3, round(config.window_deg / (patch * degrees))))
        for whole, patch, degrees in zip(noise.grid, noise.patch, noise.of_a_pixel, strict=True)
    )
    corner = _corners(seen, answers, noise, sides)
    places = np.arange(seen.shape[1]).reshape(noise.lags, *noise.grid)
    found = []
    for unit in tqdm(range(len(rows)), desc=f"covariances of {responder.name}", unit="unit", disable=not progress, leave=False):
        (row, column), rng = corner[unit], rng_for(config.noise.seed, "shifted answers", unit)
        window = places[:, row : row + sides[0], column : column + sides[1]].ravel()
        found.append(_of_unit(seen[:, window], answers[:, unit], rng.integers(len(seen) // 10, len(seen) - len(seen) // 10, config.shifts)))
    linear, linear_z, axes, eigenvalues, deviations, counts, limits = (np.stack(part) for part in zip(*found, strict=True))
    shape = (noise.lags, *sides)
    return Subspaces(
        linear.reshape(-1, *shape), linear_z, axes.reshape(len(rows), KEPT, *shape), eigenvalues, deviations, counts, limits, corner,
        noise.lag_s, noise.edges(),
    )  # fmt: skip


def describe_subspaces(found: Subspaces, name: str = "subspaces") -> pd.DataFrame:
    """How many dimensions each unit has, and its field from their envelope, one row a unit; the log counts units without any or a field.

    The envelope is the local energy of the axes by the size of their eigenvalues, and of the average by its length where it stands out: a
    Gaussian is fitted to it. A field that is wider than the window, or not explained by a Gaussian, is none (NaN).

    Args:
        found: Subspaces of the units.
        name: Name of the responder, for the log.

    Returns:
        excitatory_dimensions, suppressive_dimensions, eigenvalue_1 ... eigenvalue_4 (those that stand out most first, NaN beyond those
        that were found; above 0 excites), eigenvalue_low and eigenvalue_high (limits of chance), field_x_deg ... field_r2 (see
        `fit_fields`), field_z (deviations from shifted answers of what stands out most), field_squared (whether dimensions make up more of
        the envelope than the average).

    Examples:
        >>> found = graphtwin.insilico.measure_subspaces(responder, units=[0])
        >>> graphtwin.insilico.describe_subspaces(found).columns[:3].tolist()
        ['excitatory_dimensions', 'suppressive_dimensions', 'eigenvalue_1']
    """
    size = np.nan_to_num(np.abs(found.eigenvalues))
    squared = np.einsum("uk,ukrc->urc", size, _envelopes(np.nan_to_num(found.axes)))
    length = np.sqrt((found.linear**2).sum((1, 2, 3)))
    stands_out = found.linear_z >= LEAST_DEVIATIONS
    weight = np.divide(stands_out, length, out=np.zeros(len(length)), where=length > 0)
    linear = weight[:, None, None] * _envelopes(found.linear[:, None])[:, 0]
    x, y = ((edges[:-1] + edges[1:]) / 2 for edges in found.edges)
    rows, columns = found.linear.shape[2:]
    grid = np.stack([part.ravel() for part in np.meshgrid(x[:columns] - x[0], y[:rows] - y[0])])
    table = fit_gaussians(squared + linear, grid)
    table["field_x_deg"] += x[found.corner[:, 1]]
    table["field_y_deg"] += y[found.corner[:, 0]]
    table["field_z"] = np.fmax(np.nan_to_num(found.deviations[:, 0], nan=-np.inf), found.linear_z)
    table["field_squared"] = squared.sum((1, 2)) > linear.sum((1, 2))
    has = stands_out | (found.counts.sum(1) > 0)
    inside = table["field_x_deg"].between(x.min(), x.max()) & table["field_y_deg"].between(y.min(), y.max())
    fits = has & inside & (table["field_r2"] >= LEAST_R2) & (table["field_sd_major_deg"] <= max(np.ptp(grid, axis=1)))
    table.loc[~fits, [column for column in table if column.endswith("_deg")]] = np.nan
    table.loc[~has, "field_r2"] = np.nan
    squares = found.counts.sum(1) > 0
    told = name, int(squares.sum()), len(table), int((stands_out & ~squares).sum()), int((~has).sum())
    log.info("%s: %d of %d units square something, %d answer noise by its sign alone, %d not at all.", *told)
    if not fits.all():
        without = name, int((~fits).sum()), len(table), int((~has).sum())
        log.warning("%s: %d of %d units have no field: %d do not answer noise beyond chance; of the others no Gaussian smaller than "
                    "the window explains the envelope. Show more patterns.", *without)  # fmt: skip
    sizes = {f"eigenvalue_{at + 1}": found.eigenvalues[:, at] for at in range(KEPT)}
    counts = {"excitatory_dimensions": found.counts[:, 0], "suppressive_dimensions": found.counts[:, 1]}
    limits = {"eigenvalue_low": found.limits[:, 0], "eigenvalue_high": found.limits[:, 1]}
    return pd.concat([pd.DataFrame(counts | sizes | limits), table], axis=1)


def _corners(
    seen: Float[np.ndarray, "samples inputs"], answers: Float[np.ndarray, "samples units"], noise: PatchNoise, sides: tuple[int, ...]
) -> Int[np.ndarray, "units 2"]:
    """First row and column of each unit's window, within the grid.

    It lies around the peak of all that answers say of a place: of its patch, of its square, and of its products with the patches to its
    right and below, each squared over its chance. Where squares of one place cancel, products do not.
    """
    places = seen.reshape(len(seen), noise.lags, *noise.grid)
    parts = (places, (places**2 - 1) / np.sqrt(2), places * np.roll(places, -1, 3), places * np.roll(places, -1, 2))
    score = np.zeros((answers.shape[1], *noise.grid))
    for part in parts:
        score += np.square(answers.T @ part.reshape(len(seen), -1)).reshape(-1, noise.lags, *noise.grid).sum(1)
    power = smoothed(smoothed(score))
    peak = np.unravel_index(power.reshape(len(power), -1).argmax(1), noise.grid)
    return np.stack(
        [np.clip(at - side // 2, 0, whole - side) for at, side, whole in zip(peak, sides, noise.grid, strict=True)], axis=1
    ).astype(np.int64)


def _of_unit(
    seen: Float[np.ndarray, "samples inputs"], answers: Float[np.ndarray, " samples"], shifts: Int[np.ndarray, " shifts"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Average and its deviations; axes, eigenvalues and deviations of the dimensions; their numbers, and the limits of chance."""
    average = answers @ seen / len(seen)
    moved = [np.roll(answers, shift) for shift in shifts]
    length, lengths = float(np.linalg.norm(average)), [np.linalg.norm(one @ seen / len(seen)) for one in moved]
    linear_z = (length - np.mean(lengths)) / max(np.std(lengths, ddof=1), 1e-12)
    if linear_z >= LEAST_DEVIATIONS:  # the error of an average that is none lies mostly along what is squared
        seen = seen - np.outer(seen @ average, average) / length**2
    values, vectors = np.linalg.eigh(_covariance(seen, answers))
    extremes = [np.linalg.eigvalsh(_covariance(seen, one))[[0, -1]] for one in moved]
    (low, high), spread = np.mean(extremes, axis=0), np.maximum(np.std(extremes, axis=0, ddof=1), 1e-12)
    beyond = np.where(values > 0, (values - high) / spread[1], (low - values) / spread[0])
    order = np.argsort(-beyond)
    order = order[beyond[order] >= LEAST_DEVIATIONS]
    axes, eigenvalues, deviations = np.full((KEPT, len(values)), np.nan), np.full(KEPT, np.nan), np.full(KEPT, np.nan)
    first = order[:KEPT]
    axes[: len(first)], eigenvalues[: len(first)], deviations[: len(first)] = vectors.T[first], values[first], beyond[first]
    counts = np.array([(values[order] > 0).sum(), (values[order] < 0).sum()])
    limits = np.array([low - LEAST_DEVIATIONS * spread[0], high + LEAST_DEVIATIONS * spread[1]])
    return average, np.array(linear_z), axes, eigenvalues, deviations, counts, limits


def _covariance(seen: Float[np.ndarray, "samples inputs"], answers: Float[np.ndarray, " samples"]) -> Float[np.ndarray, "inputs inputs"]:
    return np.asarray(seen.T @ (seen * answers[:, None]) / (2 * len(seen)))


def _envelopes(patterns: Float[np.ndarray, "units some lags rows columns"]) -> Float[np.ndarray, "units some rows columns"]:
    """Local energy of each pattern, summed over lags."""
    flat = patterns.reshape(-1, *patterns.shape[3:]).astype(np.float64)
    return np.asarray(local_energy(flat).reshape(patterns.shape).sum(2))
