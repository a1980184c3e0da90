"""Figures of what units prefer by where they lie: angles over the cortex, and a mosaic of receptive fields over the screen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure

from graphtwin.plots import MUTED, plot_receptive_fields
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.words import number_text
from graphtwin.schema import IMAGED_AT

LARGEST_DOT = 26.0  # area in square points of a unit that answers to one angle alone; of one that answers to all alike it is 0
NEIGHBOURS = 5  # nearest units that are compared with each unit, for the number that says whether the map is smooth
FOOT = 0.2  # part of the peak above the median below which answers at a place do not count
MOST_FIELDS = 1500  # fields of a mosaic, at most
FEWEST = 10  # units below which nothing is drawn


@dataclass(frozen=True)
class Preference:
    """Angles that units prefer.

    Attributes:
        name: What the angle is of: orientation or direction.
        angle: Preferred angle of each unit, degrees; NaN where it has none.
        period: Degrees after which an angle is the same: 180 or 360.
        strength: How selective each unit is, 0 to 1: gOSI or gDSI.
    """

    name: str
    angle: Float[np.ndarray, " units"]
    period: float
    strength: Float[np.ndarray, " units"]


def preferences(degrees: Float[np.ndarray, " directions"], curves: Float[np.ndarray, "directions units"]) -> list[Preference]:
    """Orientation and direction that units prefer, by vector sums of their answers to directions all around.

    Args:
        degrees: Directions.
        curves: Answers to them, below 0 taken for 0.
    """
    rates = np.maximum(curves, 0)
    total = np.maximum(rates.sum(0), 1e-300)
    found = []
    for name, turns in (("orientation", 2), ("direction", 1)):
        mean = np.exp(1j * turns * np.radians(degrees)) @ rates / total
        found.append(Preference(name, np.degrees(np.angle(mean)) / turns % (360 / turns), 360 / turns, np.abs(mean)))
    return found


def draw_cortex(units: pd.DataFrame, preferred: list[Preference]) -> Block:
    """Units where they lie in the recording, coloured by the angle that they prefer; a panel an angle.

    Args:
        units: Table with x_um, y_um, z_um; without them the figure is absent.
        preferred: Angles of the same units.
    """
    title = "Preference over the cortex"
    if not set(IMAGED_AT) <= set(units) or units[IMAGED_AT[:2]].notna().all(axis=1).sum() < FEWEST:
        return Absent("cortex", title, "the recording does not say where its units lie.")
    place = units[IMAGED_AT].to_numpy(np.float64)
    known = np.isfinite(place[:, :2]).all(1)

    def fill(figure: Figure) -> None:
        for axes, each in zip(figure.subplots(1, len(preferred), squeeze=False)[0], preferred, strict=True):
            drawn = known & np.isfinite(each.angle)
            order = np.flatnonzero(drawn)[np.argsort(each.strength[drawn], kind="stable")]
            dots = axes.scatter(
                *place[order, :2].T, c=each.angle[order], s=LARGEST_DOT * each.strength[order], cmap="hsv", vmin=0, vmax=each.period,
                linewidths=0,
            )  # fmt: skip
            axes.set_aspect("equal")
            axes.set_title(each.name, fontsize=8)
            axes.set_xlabel("x (µm)")
            bar = figure.colorbar(dots, ax=axes, shrink=0.6, aspect=20, ticks=np.linspace(0, each.period, 5))
            bar.set_label(f"preferred {each.name} (degrees)", color=MUTED)
        figure.axes[0].set_ylabel("y (µm)")

    told = [smoothness(place[known], Preference(p.name, p.angle[known], p.period, p.strength[known])) for p in preferred]
    sentence = "; ".join(
        f"{each.name}s of a unit and its {NEIGHBOURS} nearest differ by {near:.0f}° (median), those of units drawn anywhere by {far:.0f}°"
        for each, (near, far) in zip(preferred, told, strict=True)
    )
    caption = (
        f"{int(known.sum()):,} units where the recording says that they lie, seen along z. Colour is the preferred angle, the area of a "
        "dot how selective the unit is (gOSI, gDSI). Neighbours that are alike make a map; salt and pepper has none."
    )
    sentence = f"{sentence[:1].upper()}{sentence[1:]}."
    return Drawn("cortex", title, sentence, caption, draw_svg("cortex", (WIDTH, 3.4), fill))


def smoothness(place: Float[np.ndarray, "units 3"], preferred: Preference) -> tuple[float, float]:
    """Median difference of the angle between units and their nearest, and between units of any place, degrees.

    Args:
        place: Places of units; z is left out where it is unknown.
        preferred: Their angles; units without one are left out.
    """
    from scipy.spatial import KDTree

    held = np.isfinite(preferred.angle)
    place, angle = place[held][:, np.isfinite(place[held]).all(0)], preferred.angle[held]
    n = min(NEIGHBOURS + 1, len(angle))
    nearest = KDTree(place).query(place, n)[1][:, 1:]
    shuffled = np.random.default_rng(0).permutation(len(angle))

    def apart(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.median(np.abs((one - other + preferred.period / 2) % preferred.period - preferred.period / 2)))

    return apart(angle[:, None], angle[nearest]), apart(angle, angle[shuffled])


def draw_mosaic(fields: pd.DataFrame, of: str) -> Block:
    """Receptive fields as ellipses over the screen, one standard deviation around each centre.

    Args:
        fields: field_x_deg, field_y_deg, and, for ellipses, field_sd_major_deg, field_sd_minor_deg, field_angle_deg.
        of: Words for what the fields were told from.
    """
    title = "Mosaic of receptive fields"
    held = fields[fields["field_x_deg"].notna()]
    if len(held) < FEWEST:
        return Absent("mosaic", title, f"{len(held)} units have a field.")
    shown = held.iloc[np.linspace(0, len(held) - 1, min(len(held), MOST_FIELDS)).astype(int)]
    at = shown[["field_x_deg", "field_y_deg"]].to_numpy(np.float64)
    major, minor = (2 * shown[f"field_sd_{which}_deg"].to_numpy(np.float64) for which in ("major", "minor"))

    def fill(figure: Figure) -> None:
        plot_receptive_fields(shown, figure.subplots())

    (left, below), (right, above) = np.quantile(at, [0.25, 0.75], axis=0)
    sentence = (
        f"{len(held):,} of {len(fields):,} units have a field; half of the centres lie from {left:.0f}° to {right:.0f}° across, half from "
        f"{below:.0f}° to {above:.0f}° up. The median standard deviation is {number_text(float(np.median(np.sqrt(major * minor) / 2)))}°."
    )
    drawn = "" if len(shown) == len(held) else f" {len(shown):,} are drawn, evenly chosen."
    caption = f"Each ellipse is one standard deviation of the field of a unit, {of}.{drawn}"
    return Drawn("mosaic", title, sentence, caption, draw_svg("mosaic", (WIDTH, 4.2), fill))


def fields_of_places(
    x_deg: Float[np.ndarray, " places"], y_deg: Float[np.ndarray, " places"], answers: Float[np.ndarray, "places units"]
) -> pd.DataFrame:
    """Fields from answers to one stimulus at many places: mean place and covariance of what lies above the median and a fifth of the peak.

    To the covariance comes that of a square as wide as the places are apart, for which each place stands.

    Args:
        x_deg: Degrees right of the middle of the screen.
        y_deg: Degrees above it.
        answers: Mean answers to the stimulus at each place.

    Returns:
        field_x_deg, field_y_deg, field_sd_major_deg, field_sd_minor_deg, field_angle_deg; NaN where a unit answers alike everywhere.
    """
    middle, high = np.median(answers, axis=0), answers.max(0)
    weight = np.maximum(answers - middle - FOOT * (high - middle), 0).astype(np.float64)
    total = weight.sum(0)
    moved = high - middle > 1e-6 * np.abs(answers).max(0)
    weight = np.where(moved, weight / np.where(moved, total, 1.0), np.nan)
    x, y = x_deg @ weight, y_deg @ weight
    across, up = x_deg[:, None] - x, y_deg[:, None] - y
    square = [np.diff(np.unique(of)).min() ** 2 / 12 if np.ptp(of) else 0.0 for of in (x_deg, y_deg)]
    xx, yy, xy = (weight * across**2).sum(0) + square[0], (weight * up**2).sum(0) + square[1], (weight * across * up).sum(0)
    half, apart = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    columns = {
        "field_x_deg": x,
        "field_y_deg": y,
        "field_sd_major_deg": np.sqrt(np.maximum(half + apart, 0)),
        "field_sd_minor_deg": np.sqrt(np.maximum(half - apart, 0)),
        "field_angle_deg": np.degrees(np.arctan2(2 * xy, xx - yy)) / 2 % 180,
    }
    return pd.DataFrame(columns)
