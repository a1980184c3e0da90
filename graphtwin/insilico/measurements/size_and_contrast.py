"""Size and contrast tuning: gratings in discs over each unit's field, from small to large and from faint to full."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.coordinates import frames_of
from graphtwin.insilico.measurements.curve_fits import explained, fit_curves
from graphtwin.insilico.measurements.series_answers import answer_series, screen_of
from graphtwin.insilico.responders import Responder, State
from graphtwin.insilico.stimuli import Disc, DriftingGrating, Screen, StaticGrating, Stimulus, Windowed

SIZES_SHOWN = 400  # diameters at which a fitted curve is read
log = logging.getLogger("graphtwin")


class PatchConfig(BaseModel):
    """Gratings in discs that lie over each unit's field, at the grating that drives it best."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    diameters_deg: tuple[float, ...] = Field(
        (8.0, 14.0, 20.0, 28.0, 38.0, 50.0, 66.0, 90.0), min_length=5, description="Diameters of the discs, degrees."
    )
    contrasts: tuple[float, ...] = Field((0.05, 0.1, 0.2, 0.35, 0.6, 1.0), min_length=4, description="Contrasts of the gratings.")
    grid_deg: float = Field(3.0, gt=0, description="Units whose fields lie in one cell of this width see the same discs.")
    direction_steps: int = Field(16, ge=4, description="Directions to which those that units prefer are rounded.")
    duration_s: float = Field(1.5, gt=0, description="Seconds of each grating.")
    onset_s: float = Field(0.5, ge=0, description="Seconds of each grating that do not count, and of the grey screen before it.")
    contrast_sd: float = Field(2.0, gt=0, description="What contrast 1 is, in standard deviations of the grey levels of training.")


def measure_sizes(
    responder: Responder, preferred: pd.DataFrame, config: PatchConfig | None = None, state: State | None = None, progress: bool = False
) -> pd.DataFrame:
    """Size tuning at full contrast, one row a unit; NaN for units that have no place or that no disc drives above grey.

    The curve is R0 + E (1 - exp(-(d / e)^2)) - I (1 - exp(-(d / i)^2)), i > e, R0 the answer to grey: sums over a disc of diameter d of
    a Gaussian centre and surround, as in Sceniak, Hawken & Shapley 2001, doi:10.1152/jn.2001.85.5.1873.

    Args:
        responder: Responder whose units answer.
        preferred: A row for each unit: field_x_deg, field_y_deg, direction_deg, spatial_frequency_cpd, temporal_frequency_hz; of single
            pictures orientation_deg in place of direction and temporal frequency. NaN leaves a unit out.
        config: Settings of the discs; None takes the defaults.
        state: State in which they are seen.
        progress: Show a progress bar.

    Returns:
        preferred_size_deg (diameter of the largest answer of the curve), surround_suppression (1 less the answer to the largest disc over
        the largest answer, of the curve less R0), size_r2, size_DD (mean answers).
    """
    config = config or PatchConfig()
    answers, rest = _answers_of(responder, preferred, config, [(d, 1.0) for d in config.diameters_deg], state, progress)
    diameters = np.array(config.diameters_deg)
    found = pd.DataFrame({"preferred_size_deg": np.nan, "surround_suppression": np.nan, "size_r2": np.nan}, index=range(len(answers)))
    driven = _driven(responder.name, "disc", answers, rest)
    if driven.any():
        wanted = answers[driven] - rest[driven, None]
        wanted /= np.abs(wanted).max(1, keepdims=True)
        curves, error = _best_sizes(wanted, diameters)
        shown = np.geomspace(diameters[0], diameters[-1], SIZES_SHOWN)
        above = _sizes(curves, shown)[0]
        peak = above.max(1)
        found.loc[driven, "preferred_size_deg"] = np.where(peak > 0, shown[above.argmax(1)], np.nan)
        found.loc[driven, "surround_suppression"] = 1 - np.divide(above[:, -1], peak, out=np.full(len(peak), np.nan), where=peak > 0)
        found.loc[driven, "size_r2"] = explained(error, wanted)
    return found.join(pd.DataFrame(answers, columns=[f"size_{diameter:g}" for diameter in config.diameters_deg]))


def measure_contrasts(
    responder: Responder, preferred: pd.DataFrame, config: PatchConfig | None = None, state: State | None = None, progress: bool = False
) -> pd.DataFrame:
    """Contrast tuning in the disc of each unit's preferred size, one row a unit; NaN for units that have no place or are not driven.

    The curve is R0 + Rmax c^n / (c^n + c50^n), R0 the answer to grey, of Naka & Rushton 1966, doi:10.1113/jphysiol.1966.sp008001.

    Args:
        responder: Responder whose units answer.
        preferred: As for `measure_sizes`, and preferred_size_deg; where it is missing the middle one of the diameters is shown.
        config: Settings of the discs; None takes the defaults.
        state: State in which they are seen.
        progress: Show a progress bar.

    Returns:
        c50 (contrast of half of Rmax) and contrast_rmax (units of the answers), NaN where answers do not saturate: half of Rmax would lie
        beyond the highest contrast that was shown, where nothing tells it; contrast_exponent, contrast_r2,
        contrast_DD (mean answers, contrast in percent).
    """
    config = config or PatchConfig()
    diameters = np.array(config.diameters_deg)
    wanted_size = (
        preferred["preferred_size_deg"].to_numpy(np.float64) if "preferred_size_deg" in preferred else np.full(len(preferred), np.nan)
    )
    nearest = np.abs(np.log(diameters) - np.log(np.where(np.isnan(wanted_size), np.median(diameters), wanted_size))[:, None]).argmin(1)
    answers = np.full((len(preferred), len(config.contrasts)), np.nan)
    rest = np.zeros(len(preferred))
    for at in np.unique(nearest):
        some = preferred.where(pd.Series(nearest == at, index=preferred.index), axis=0)
        found, silence = _answers_of(
            responder, some, config, [(float(diameters[at]), contrast) for contrast in config.contrasts], state, progress
        )
        answers[nearest == at], rest[nearest == at] = found[nearest == at], silence[nearest == at]
    return describe_contrasts(responder.name, answers, rest, config.contrasts)


def describe_contrasts(
    name: str, answers: Float[np.ndarray, "units contrasts"], rest: Float[np.ndarray, " units"], contrasts: Sequence[float]
) -> pd.DataFrame:
    """Naka-Rushton curves through answers to rising contrasts, one row a unit; see `measure_contrasts` for the columns.

    Args:
        name: Name of the responder, for the log.
        answers: Mean answers; NaN for units that were shown nothing.
        rest: Answers to grey.
        contrasts: Contrasts that were shown, from low to high.
    """
    table = pd.DataFrame(dict.fromkeys(("c50", "contrast_exponent", "contrast_rmax", "contrast_r2"), np.nan), index=range(len(answers)))
    driven = _driven(name, "contrast", answers, rest)
    if driven.any():
        scale = np.abs(answers[driven] - rest[driven, None]).max(1)
        above = (answers[driven] - rest[driven, None]) / scale[:, None]
        parameters, error = fit_naka_rushton(above, np.array(contrasts))
        with np.errstate(over="ignore"):  # a c50 beyond all numbers is one that is left empty below
            table.loc[driven, ["c50", "contrast_exponent"]] = np.exp(parameters[:, 1:3])
        table.loc[driven, "contrast_rmax"] = parameters[:, 0] * scale
        table.loc[driven, "contrast_r2"] = explained(error, above)
        beyond = (table["c50"] > max(contrasts)).to_numpy()
        table.loc[beyond, ["c50", "contrast_rmax"]] = np.nan
        if beyond.any():
            log.warning(
                "%s: answers of %d of %d units do not saturate up to contrast %g: their c50 and contrast_rmax are left empty.",
                name, int(beyond.sum()), len(table), max(contrasts),
            )  # fmt: skip
    return table.join(pd.DataFrame(answers, columns=[f"contrast_{100 * contrast:g}" for contrast in contrasts]))


def fit_naka_rushton(
    wanted: Float[np.ndarray, "units contrasts"], contrasts: Float[np.ndarray, " contrasts"]
) -> tuple[Float[np.ndarray, "units 3"], Float[np.ndarray, " units"]]:
    """Rmax, log c50 and log n of each unit's curve, and sums of squared errors; of starts at several c50 the best.

    Args:
        wanted: Answers less those to grey, about 1 at most.
        contrasts: Contrasts, above 0.
    """

    def curve(tried: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        height, half, power = tried.T[:, :, None]
        exponent = np.exp(np.clip(power, -2, 2))
        apart = np.log(contrasts) - half
        share = 1 / (1 + np.exp(-np.clip(exponent * apart, -50, 50)))
        slope = height * share * (1 - share)
        return height * share, np.stack([share, -slope * exponent, slope * exponent * apart], axis=2)

    best, parameters = np.full(len(wanted), np.inf), np.zeros((len(wanted), 3))
    for start in (0.1, 0.3, 0.8):
        begin = np.tile([1.0, np.log(start), np.log(2.0)], (len(wanted), 1))
        found, error = fit_curves(curve, begin, wanted)
        better = error < best
        best[better], parameters[better] = error[better], found[better]
    return parameters, best


def _best_sizes(wanted: Float[np.ndarray, "units sizes"], diameters: Float[np.ndarray, " sizes"]) -> tuple[np.ndarray, np.ndarray]:
    best, parameters = np.full(len(wanted), np.inf), np.zeros((len(wanted), 4))
    for centre in np.quantile(diameters, [0.1, 0.35, 0.6]):
        for inhibited in (0.1, 0.6):
            start = np.tile([np.log(1.0), np.log(centre), np.log(inhibited), np.log(1.0)], (len(wanted), 1))
            found, error = fit_curves(lambda tried: _sizes(tried, diameters), start, wanted)
            better = error < best
            best[better], parameters[better] = error[better], found[better]
    return parameters, best


def _sizes(tried: Float[np.ndarray, "units 4"], diameters: Float[np.ndarray, " sizes"]) -> tuple[np.ndarray, np.ndarray]:
    """Curves and derivatives; parameters are the logarithms of E, e, I and i / e - 1."""
    parts = np.clip(tried, -12, 8)
    excited, near, inhibited, wider = np.exp(parts).T[:, :, None]
    far = near * (1 + wider)
    by_near, by_far = np.exp(-((diameters / near) ** 2)), np.exp(-((diameters / far) ** 2))
    slope_near = -2 * excited * by_near * (diameters / near) ** 2
    slope_far = 2 * inhibited * by_far * (diameters / far) ** 2
    value = excited * (1 - by_near) - inhibited * (1 - by_far)
    slopes = [excited * (1 - by_near), slope_near + slope_far, -inhibited * (1 - by_far), slope_far * wider / (1 + wider)]
    return value, np.stack(slopes, axis=2)


def _driven(name: str, what: str, answers: Float[np.ndarray, "units shown"], rest: Float[np.ndarray, " units"]) -> np.ndarray:
    """Units that were shown something and whose answers vary; the log counts the others."""
    placed = np.isfinite(answers).all(1)
    driven = placed & (np.nan_to_num(np.ptp(answers, axis=1)) > 1e-6 * np.nan_to_num(np.abs(answers).max(1)))
    if not driven.all():
        told = name, what, int((~driven).sum()), len(driven), int((~placed).sum()), int((placed & ~driven).sum())
        log.warning("%s, %s tuning: nothing is told of %d of %d units: %d have no place or prefer nothing, %d give the same "
                    "answer to all.", *told)  # fmt: skip
    return np.asarray(driven)


def _answers_of(
    responder: Responder,
    preferred: pd.DataFrame,
    config: PatchConfig,
    shown: Sequence[tuple[float, float]],
    state: State | None,
    progress: bool,
) -> tuple[Float[np.ndarray, "units shown"], Float[np.ndarray, " units"]]:
    """What each unit answers to its own discs of some diameters and contrasts, and to grey; discs that units share are shown once."""
    if len(preferred) != len(responder.units):
        raise ValueError(
            f"{responder.name}: preferences of {len(preferred)} units, but {len(responder.units)} answer. Give one row a unit."
        )
    screen = screen_of(responder, config.contrast_sd)
    gratings = [_grating_of(row, screen, config) for row in preferred.to_dict("records")]
    kinds, kind_of = _unlike(gratings)
    stimuli: list[Stimulus] = []
    for part, (x, y) in kinds:
        for diameter, contrast in shown:
            faint = part.model_copy(update={"contrast": contrast})
            stimuli.append(Windowed(part=faint, aperture=Disc(x_deg=x, y_deg=y, diameter_deg=diameter)))
    found = np.full((len(preferred), len(shown)), np.nan)
    rest = np.zeros(len(preferred))
    if stimuli:
        onset = config.onset_s if screen.shows_movies else 0.0
        answers = answer_series(responder, stimuli, screen, onset, state, progress)
        known = np.flatnonzero(kind_of >= 0)
        of_kinds = answers.mean.reshape(len(kinds), len(shown), -1)
        found[known], rest = of_kinds[kind_of[known], :, known], answers.rest
    return found, rest


def _grating_of(
    row: dict[str, float], screen: Screen, config: PatchConfig
) -> tuple[DriftingGrating | StaticGrating, tuple[float, float]] | None:
    """The grating that a unit prefers and the place of its field, rounded; None where either is unknown or beyond the screen."""
    moves = screen.shows_movies
    angle = row["direction_deg" if moves else "orientation_deg"]
    asked = [row["field_x_deg"], row["field_y_deg"], angle, row["spatial_frequency_cpd"], row["temporal_frequency_hz"] if moves else 0.0]
    if not np.isfinite(asked).all():
        return None
    x, y = (round(config.grid_deg * round(place / config.grid_deg), 6) for place in asked[:2])
    height, width = screen.extent_deg
    if abs(x) > width / 2 or abs(y) > height / 2:
        return None
    turn = 360.0 if moves else 180.0
    angle = round(angle / turn * config.direction_steps) % config.direction_steps * turn / config.direction_steps
    cycles = float(f"{asked[3]:.2g}")
    if moves:
        hertz = float(f"{asked[4]:.2g}")
        whole = max(1, round((config.duration_s - config.onset_s) * hertz)) / hertz  # what counts lasts whole cycles
        lasts = max(config.onset_s + whole, (frames_of(config.onset_s, screen.frame_rate_hz) + 1) / screen.frame_rate_hz)
        return DriftingGrating(direction_deg=angle, cycles_per_degree=cycles, cycles_per_second=hertz, duration_s=lasts), (x, y)
    return StaticGrating(orientation_deg=angle, cycles_per_degree=cycles, duration_s=config.duration_s), (x, y)


def _unlike(gratings: Sequence[tuple[Stimulus, tuple[float, float]] | None]) -> tuple[list, Int[np.ndarray, " units"]]:
    """Different ones in the order in which they come, and the one of each unit; -1 for none."""
    numbers: dict[tuple[Stimulus, tuple[float, float]], int] = {}
    which = [-1 if one is None else numbers.setdefault(one, len(numbers)) for one in gratings]
    return list(numbers), np.array(which, dtype=np.int64)
