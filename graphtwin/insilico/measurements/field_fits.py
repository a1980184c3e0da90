"""Receptive fields as two-dimensional Gaussians in degrees of visual angle, fitted to all units at once."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.insilico.measurements.curve_fits import fit_curves
from graphtwin.insilico.measurements.noise_maps import NoiseMaps

ITERATIONS = 60  # steps of a fit
UNITS_TOGETHER = 64  # units of a block: bounds memory
LEAST_Z = 5.0  # deviations of a map's noise that its peak stands out by, below which a unit has no field
LEAST_R2 = 0.3  # share of a map's variance around its peak that the Gaussian explains, below which a unit has no field
log = logging.getLogger("graphtwin")


def fit_fields(maps: NoiseMaps, name: str = "maps") -> pd.DataFrame:
    """Centre, size and elongation of each unit's field, one row a unit; NaN for a unit without one. The log counts these.

    A field whose Gaussian is wider than the screen is none: its size and centre are not told by what can be shown.

    Space and lag are taken apart first. The Gaussian is fitted to the map of squares where that stands out enough for a field, or more than
    the linear map; else to the local energy of the linear map: of a Gabor both tell the envelope. Of a simulated animal's twin centres were
    1.3 degrees off in squares and 3.4 in linear maps (medians of 1,035 units). What patches blurred is taken off the widths.

    Args:
        maps: Maps of the units.
        name: Name of the responder, for the log.

    Returns:
        field_x_deg, field_y_deg (degrees right of and above the centre of the screen), field_sd_major_deg, field_sd_minor_deg (of the
        amplitude, not of its square), field_angle_deg (of the major axis, 0 to 180 counterclockwise from the right), field_z (peak over
        noise), field_r2 (explained variance of
        the power within three deviations), field_squared (whether the map of squares was taken).

    Examples:
        >>> maps = graphtwin.insilico.measure_noise_maps(responder, "gradient")
        >>> graphtwin.insilico.fit_fields(maps)[["field_x_deg", "field_y_deg"]].shape
        (3, 2)
    """
    if maps.inputs:
        raise ValueError(
            f"{name}: these maps are of {len(maps.inputs)} inputs without places on a screen, so that no unit has a field in degrees. "
            "Describe them with describe_inputs."
        )
    power, z, of_squares = _power(maps)
    x, y = ((edges[:-1] + edges[1:]) / 2 for edges in maps.edges)
    grid = np.stack([part.ravel() for part in np.meshgrid(x, y)])
    found = fit_gaussians(power, grid).assign(field_z=z, field_squared=of_squares)
    blur = maps.blur_deg2 * np.where(of_squares, 2, 1)  # a square's width is told by its root, sqrt(2) times as wide
    for side in ("field_sd_major_deg", "field_sd_minor_deg"):
        found[side] = np.sqrt((found[side] ** 2 - blur).where(lambda left: left > 0))  # none where patches hid it
    silent = np.isnan(z)
    inside = found["field_x_deg"].between(x.min(), x.max()) & found["field_y_deg"].between(y.min(), y.max())
    widest = max(float(np.ptp(edges)) for edges in maps.edges)  # a Gaussian as wide as the screen is a slope across it
    has = (z >= LEAST_Z) & (found["field_r2"] >= LEAST_R2) & inside & (found["field_sd_major_deg"] <= widest)
    without = ~has.to_numpy()
    places = [column for column in found if column.endswith("_deg")]
    found.loc[without, places] = np.nan
    found.loc[silent, ["field_r2"]] = np.nan
    if without.any():
        told = name, int(without.sum()), len(found), int(silent.sum()), LEAST_Z, LEAST_R2
        log.warning("%s: %d of %d units have no field: %d answered nothing to noise; of the others no map has a peak of %g "
                    "deviations that a Gaussian smaller than the screen explains by %g. Show more patterns.", *told)  # fmt: skip
    return found


def fit_gaussians(power: Float[np.ndarray, "units rows columns"], grid: Float[np.ndarray, "xy places"]) -> pd.DataFrame:
    """The Gaussian of each unit's power: field_x_deg, field_y_deg, field_sd_major_deg, field_sd_minor_deg, field_angle_deg, field_r2.

    Args:
        power: Power of each unit at each place.
        grid: Degrees right and up of each place.
    """
    parts = [_fitted(power[start : start + UNITS_TOGETHER], grid) for start in range(0, len(power), UNITS_TOGETHER)]
    return pd.concat(parts, ignore_index=True)


def _power(maps: NoiseMaps) -> tuple[Float[np.ndarray, "units rows columns"], Float[np.ndarray, " units"], np.ndarray]:
    """Power of the better of a unit's two maps, its peak in deviations of the map's noise, and whether it is the map of squares."""
    linear, squared = separable(maps.linear)[0], separable(maps.squared)[0]
    if maps.method == "gradient":
        polar, all_of_it = (maps.linear**2).sum((1, 2, 3)), maps.squared.sum((1, 2, 3))
        of_squares, z = polar < all_of_it / 2, np.where(all_of_it > 0, np.inf, np.nan)
    else:
        z_linear, z_squared = _peak_z(linear), _peak_z(smoothed(squared))
        of_squares = np.nan_to_num(z_squared) > np.minimum(np.nan_to_num(z_linear), LEAST_Z)
        z = np.where(of_squares, z_squared, z_linear)
    return np.where(of_squares[:, None, None], squared, local_energy(linear)), z, of_squares


def separable(
    part: Float[np.ndarray, "units lags rows columns"],
) -> tuple[Float[np.ndarray, "units rows columns"], Float[np.ndarray, "units lags"]]:
    """The map and the time course, of unit length, whose product comes nearest to each map of space and lag; the course peaks above 0."""
    flat = part.reshape(*part.shape[:2], -1).astype(np.float64)
    course = np.linalg.eigh(flat @ flat.transpose(0, 2, 1))[1][:, :, -1]
    peak = np.take_along_axis(course, np.abs(course).argmax(1)[:, None], axis=1)
    course = course * np.sign(peak)
    return np.einsum("ul,ulp->up", course, flat).reshape(len(part), *part.shape[2:]), course


def local_energy(part: Float[np.ndarray, "units rows columns"]) -> Float[np.ndarray, "units rows columns"]:
    """Squared amplitude of the analytic signal along each map's dominant wave: the envelope of a Gabor, without its stripes."""
    height, width = part.shape[1:]
    spectrum = np.fft.fft2(part, s=(2 * height, 2 * width))
    down, across = np.fft.fftfreq(2 * height)[:, None], np.fft.fftfreq(2 * width)
    top = np.abs(spectrum).reshape(len(part), -1).argmax(1)
    row, column = np.unravel_index(top, spectrum.shape[1:])
    along = down[row][..., None] * down + across[column][:, None, None] * across
    return np.abs(np.fft.ifft2(spectrum * (1 + np.sign(np.round(along, 12))))[:, :height, :width]) ** 2


def smoothed(part: Float[np.ndarray, "units rows columns"]) -> Float[np.ndarray, "units rows columns"]:
    """Means over neighbours with weights 1, 2, 1 along both sides: a map of squares has no stripes that these would take away."""
    padded = np.pad(part, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    return np.asarray((rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 4)


def _noise(part: Float[np.ndarray, "units rows columns"]) -> Float[np.ndarray, " units"]:
    """Deviation of a map where nothing is, told by its median size."""
    return np.asarray(1.4826 * np.median(np.abs(part).reshape(len(part), -1), axis=1))


def _peak_z(part: Float[np.ndarray, "units rows columns"]) -> Float[np.ndarray, " units"]:
    peak, noise = np.abs(part).reshape(len(part), -1).max(1), _noise(part)
    return np.asarray(np.divide(peak, noise, out=np.full(len(part), np.nan), where=noise > 0))


def _fitted(power: Float[np.ndarray, "units rows columns"], grid: Float[np.ndarray, "xy places"]) -> pd.DataFrame:
    """Gaussians a exp(-|C (p - m)|^2 / 2) + b, C lower triangular, of all units of a block at once."""
    scaled = power / np.maximum(power.max((1, 2), keepdims=True), 1e-300)
    wanted, start = scaled.reshape(len(scaled), -1), _start(smoothed(scaled), grid)
    parameters, _ = fit_curves(lambda tried: _model(tried, grid), start, wanted, ITERATIONS)
    return _described(parameters, _explained(parameters, wanted, grid))


def _explained(
    parameters: Float[np.ndarray, "units 7"], wanted: Float[np.ndarray, "units places"], grid: Float[np.ndarray, "xy places"]
) -> Float[np.ndarray, " units"]:
    """Share of the variance that the Gaussian explains within three deviations of its centre; 0 for one that is a dip."""
    expected = _model(parameters, grid)[0]
    a, b = parameters[:, :1], parameters[:, -1:]
    within = (expected - b) / np.where(a > 0, a, np.inf) > np.exp(-4.5)
    n = np.maximum(within.sum(1), 1)
    mean = (wanted * within).sum(1) / n
    left, all_of_it = (((wanted - part) ** 2 * within).sum(1) for part in (expected, mean[:, None]))
    return np.asarray(1 - np.divide(left, all_of_it, out=np.ones(len(n)), where=all_of_it > 0))


def _start(smooth: Float[np.ndarray, "units rows columns"], grid: Float[np.ndarray, "xy places"]) -> Float[np.ndarray, "units 7"]:
    """Peak of each smoothed map, and a round field whose area is that of the half maximum."""
    flat = smooth.reshape(len(smooth), -1)
    of_a_place = np.prod([np.ptp(one) / max(n - 1, 1) for one, n in zip(grid, smooth.shape[:0:-1], strict=True)])
    peak, area = flat.argmax(1), (flat > flat.max(1, keepdims=True) / 2).sum(1) * of_a_place
    width = np.sqrt(np.maximum(area, of_a_place) / (2 * np.pi * np.log(2)))
    zero = np.zeros(len(flat))
    return np.column_stack([np.ones(len(flat)), grid[0, peak], grid[1, peak], 1 / width, zero, 1 / width, zero])


def _model(
    parameters: Float[np.ndarray, "units 7"], grid: Float[np.ndarray, "xy places"]
) -> tuple[Float[np.ndarray, "units places"], Float[np.ndarray, "units places 7"]]:
    """The Gaussians and their derivatives; parameters are a, x, y, C11, C21, C22, b."""
    a, x, y, c11, c21, c22, b = parameters.T[..., None]
    right, up = grid[0] - x, grid[1] - y
    u, v = c11 * right, c21 * right + c22 * up
    bell = np.exp(-np.minimum((u**2 + v**2) / 2, 700))
    tall = a * bell
    slopes = [bell, tall * (u * c11 + v * c21), tall * v * c22, -tall * u * right, -tall * v * right, -tall * v * up, np.ones_like(bell)]
    return tall + b, np.stack(slopes, axis=2)


def _described(parameters: Float[np.ndarray, "units 7"], r2: Float[np.ndarray, " units"]) -> pd.DataFrame:
    """Centres and axes; power is the square of the amplitude, whose deviations are sqrt(2) times as wide."""
    zero = np.zeros(len(parameters))
    factor = np.stack([np.stack([parameters[:, 3], zero], 1), np.stack([parameters[:, 4], parameters[:, 5]], 1)], 1)
    values, vectors = np.linalg.eigh(factor.transpose(0, 2, 1) @ factor)  # ascending: the major axis first
    major, minor = np.sqrt(2 / np.maximum(values, 1e-12)).T
    angle = np.degrees(np.arctan2(vectors[:, 1, 0], vectors[:, 0, 0])) % 180
    return pd.DataFrame(
        {
            "field_x_deg": parameters[:, 1],
            "field_y_deg": parameters[:, 2],
            "field_sd_major_deg": major,
            "field_sd_minor_deg": minor,
            "field_angle_deg": angle,
            "field_r2": r2,
        }
    )
