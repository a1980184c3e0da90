"""From a design to a table of power: which cells are drawn, what each estimate found there, and the curve through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from graphtwin.execute import seed_for, threads
from graphtwin.wiring.power.drawn_tables import draw_table
from graphtwin.wiring.power.estimates import ALPHA, ESTIMATES, estimates_of
from graphtwin.wiring.power.power_curve import POWER, PowerCurve, fit_curve
from graphtwin.wiring.power.power_design import Design

LEVEL = 0.95  # of binomial intervals
FEWEST_AXONS = 5  # fewer axons have no honest interval
N_POINTS = 40  # points of a curve that is drawn
AROUND = (0.75, 1.7)  # slopes that are drawn too, over the smallest that counts without clustering would show: they hold the curve


@dataclass(frozen=True)
class Cell:
    """Tables of one kind: their number of axons and their planted slope."""

    n_axons: int
    slope: float


def axons_around(n_axons: int) -> tuple[int, ...]:
    """Half of a number of axons, that number, and twice it: enough to see how power grows."""
    return tuple(sorted({max(n_axons // 2, min(n_axons, FEWEST_AXONS)), n_axons, 2 * n_axons}))


def information_per_axon(design: Design) -> float:
    """Information of an axon on the slope, mean over axons, at slope 0 and without clustering: expected synapses x variance of similarity.

    The variance is that over the axon's candidates by their shares of its synapses. Source: the information of a multinomial logit,
    McFadden 1974, Conditional logit analysis of qualitative choice behavior, in Frontiers in Econometrics, eq. 14.
    """
    axon = np.repeat(np.arange(design.n_axons), np.diff(design.start))
    share = design.l_d_um * np.exp(design.held)
    share /= np.bincount(axon, share)[axon]
    mean = np.bincount(axon, share * design.x)
    return float(np.mean(design.total * np.bincount(axon, share * (design.x - mean[axon]) ** 2)))


def power_by_information(design: Design, n_axons: int, slope: float) -> float:
    """Power, with the slope's sign, of a test whose error is that of the information: what plain Poisson counts allow."""
    error = 1 / np.sqrt(n_axons * information_per_axon(design))
    return float(stats.norm.cdf(abs(slope) / error - stats.norm.ppf(1 - ALPHA / 2)))


def cells_of(design: Design, axons: Sequence[int], effects: Sequence[float]) -> list[Cell]:
    """The cells to draw: for every number of axons no slope, those asked for, and two near the smallest that can be found."""
    sign = np.sign(effects[0])
    found = []
    for n in axons:
        smallest = (stats.norm.ppf(1 - ALPHA / 2) + stats.norm.ppf(POWER)) / np.sqrt(n * information_per_axon(design))
        slopes = {0.0, *map(float, effects), *(float(f"{sign * part * smallest:.3g}") for part in AROUND)}
        found += [Cell(n, slope) for slope in sorted(slopes, key=abs)]
    return found


def slopes_of_cell(design: Design, cell: Cell, seed: int, first: int, n: int) -> list[tuple[int, float, int, str, float, float]]:
    """What the estimates find in some tables of a cell: axons, planted slope, number of the table, estimate, slope and p.

    Args:
        design: What tables are drawn from.
        cell: The kind of tables.
        seed: The root of all draws.
        first: Number of the first table.
        n: Number of tables.
    """
    rows = []
    with threads(1):
        for number in range(first, first + n):
            table = draw_table(design, cell.n_axons, cell.slope, seed, number)
            own = int(seed_for(seed, "power estimates", cell.n_axons, repr(cell.slope), number).generate_state(1)[0])
            found = estimates_of(table, design.similarity, own)
            rows += [(cell.n_axons, cell.slope, number, name, slope, p) for name, (slope, p) in found.items()]
    return rows


def power_table(found: pd.DataFrame, design: Design, asked: Sequence[float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Power of every estimate in every cell, and what the curve through its cells says.

    Args:
        found: A row a table and estimate: n_axons, planted, number, estimate (name), slope, p.
        design: What the tables were drawn from.
        asked: Slopes that were asked for; the others hold the curve.

    Returns:
        Two tables. The first has estimate, n_axons, effect (planted slope per unit), asked (whether it was asked for, or holds the curve),
        effect_rate_ratio (what one SD multiplies the synapses by), n_tables, n_undefined (tables without the estimate, which count as not
        found), mean_slope, power (share of tables with p <= .05 and the slope's sign; for an effect of 0, with p <= .05) with low and high
        (95 %, Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404), false_positives with its interval (the power at effect 0 of the same
        number of axons), power_fitted (the curve), smallest_slope with its interval (per unit, found with power .8), smallest_rate_ratio,
        axons_needed with its interval (for power .8 at the effect; NaN for effect 0), and note. The second has the curves as they are
        drawn: estimate, n_axons, effect and power.
    """
    hit = (found["p"] <= ALPHA) & ((found["planted"] == 0) | (np.sign(found["slope"]) == np.sign(found["planted"])))
    cells = (
        found.assign(hit=hit, lost=found["p"].isna())
        .groupby(["estimate", "n_axons", "planted"], sort=False)
        .agg(n_tables=("hit", "size"), n_undefined=("lost", "sum"), mean_slope=("slope", "mean"), found=("hit", "sum"))
        .reset_index()
        .rename(columns={"planted": "effect"})
    )
    named = [name for name in ESTIMATES if (cells["estimate"] == name).any()]
    parts = [_of_estimate(cells[cells["estimate"] == name], design, asked) for name in named]
    table, curves = (pd.concat(part, ignore_index=True) for part in zip(*parts, strict=True))
    return table, curves


def _of_estimate(cells: pd.DataFrame, design: Design, asked: Sequence[float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of one estimate, by axons and size of the effect, and its curves."""
    cells = cells.sort_values(["n_axons", "effect"], key=np.abs, kind="stable", ignore_index=True)
    slope, axons, hits, tables = (cells[name].to_numpy() for name in ("effect", "n_axons", "found", "n_tables"))
    curve = fit_curve(slope.astype(np.float64), axons, hits, tables)
    cells = cells.assign(effect_rate_ratio=np.exp(cells["effect"] * design.sd), power=hits / tables, **_interval(hits, tables))
    null = cells[cells["effect"] == 0].set_index("n_axons")[["power", "low", "high"]]
    for name, column in (("false_positives", "power"), ("false_low", "low"), ("false_high", "high")):
        cells[name] = cells["n_axons"].map(null[column])
    cells["power_fitted"] = curve.power(slope.astype(np.float64), axons.astype(np.float64))
    smallest = {n: curve.smallest(float(n)) for n in np.unique(axons)}
    needed = [curve.needed(value) if value else (np.nan, np.nan, np.nan) for value in slope]
    for k, end in enumerate(("", "_low", "_high")):
        cells[f"smallest_slope{end}" if not end else f"smallest{end}"] = [smallest[n][k] for n in axons]
        cells[f"axons_needed{end}" if not end else f"needed{end}"] = [np.ceil(row[k]) for row in needed]
    sign = np.sign(slope[np.argmax(np.abs(slope))])
    cells["smallest_rate_ratio"] = np.exp(sign * cells["smallest_slope"] * design.sd)
    cells["note"] = [_note(row, cells) for _, row in cells.iterrows()]
    cells["asked"] = cells["effect"].isin([0.0, *asked])
    return cells[COLUMNS], _drawn(curve, cells, asked)


def _drawn(curve: PowerCurve, cells: pd.DataFrame, asked: Sequence[float]) -> pd.DataFrame:
    """The curve over the slope for each number of axons, and over the number of axons for each slope that was asked for."""
    axons, furthest = np.unique(cells["n_axons"]), cells["effect"].to_numpy()[np.argmax(cells["effect"].abs())]
    slopes = np.linspace(furthest / N_POINTS, furthest, N_POINTS)
    many = np.unique(np.geomspace(max(axons[0] / 2, 2), 2 * axons[-1], N_POINTS).round())
    at = np.concatenate([[(n, slope) for n in axons for slope in slopes], [(n, slope) for slope in asked for n in many]])
    table = pd.DataFrame({"estimate": cells["estimate"].iloc[0], "n_axons": at[:, 0].astype(np.int64), "effect": at[:, 1]})
    return table.assign(power=curve.power(at[:, 1], at[:, 0]))


COLUMNS = ["estimate", "n_axons", "effect", "asked", "effect_rate_ratio", "n_tables", "n_undefined", "mean_slope", "power", "low", "high"]
COLUMNS += ["false_positives", "false_low", "false_high", "power_fitted", "smallest_slope", "smallest_low", "smallest_high"]
COLUMNS += ["smallest_rate_ratio", "axons_needed", "needed_low", "needed_high", "note"]


def _interval(found: np.ndarray, tables: np.ndarray) -> dict[str, Float[np.ndarray, " cells"]]:
    """Exact binomial interval of a share."""
    tail = (1 - LEVEL) / 2
    low = np.where(found > 0, stats.beta.ppf(tail, np.maximum(found, 1), tables - found + 1), 0.0)
    high = np.where(found < tables, stats.beta.ppf(1 - tail, found + 1, np.maximum(tables - found, 1)), 1.0)
    return {"low": low, "high": high}


def _note(row: pd.Series, cells: pd.DataFrame) -> str:
    """What a reader of the row must know: errors without a rule, and numbers beyond what was drawn."""
    notes = []
    if row["false_low"] > ALPHA:
        notes.append(f"finds a rule in {100 * row['false_positives']:.0f} % of tables without one: its power is not to be believed")
    axons, slopes = cells["n_axons"], cells.loc[cells["n_axons"] == row["n_axons"], "effect"].abs()
    if row["effect"] and not np.isfinite(row["axons_needed"]):
        notes.append("axons needed cannot be told from these tables")
    elif row["effect"] and not axons.min() <= row["axons_needed"] <= axons.max():
        notes.append(f"axons needed are extrapolated from {axons.min()} to {axons.max()}")
    if row["smallest_slope"] > slopes.max():
        notes.append(f"smallest slope is extrapolated from {slopes.max():.3g}")
    return "; ".join(notes)
