"""Does agreement between twins of several seeds tell how wrong they are? Calibration on simulated animals, and thresholds for flags.

python analyses/twin_agreement/run.py [--out runs/twin_agreement]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fits import Group, derived, recordings_of, trained, truth_of
from matplotlib.figure import Figure
from scipy.stats import rankdata

from graphtwin.artifacts import write_atomic, write_table
from graphtwin.execute import rng_for
from graphtwin.report.figures import WIDTH
from graphtwin.statistics import draw_units, percentile_interval
from graphtwin.synthetic import SimulateConfig
from graphtwin.synthetic.function import MovieConfig
from graphtwin.twin.agreement import QUANTITIES, Derived, certify

HERE = Path(__file__).parent
ANIMALS = SimulateConfig(neurons=250, animals=6, minutes=8, seed=5, films=MovieConfig(test_clips=0, novel_clips=2, novel_repeats=2))
LONG, SHORT = Group("long", (0, 1, 2), steps=320), Group("short", (3,), steps=120, minutes=4.0)  # animals that set thresholds
CHECKED = Group("checked", (4,), steps=120, minutes=4.0)  # an animal, and a core, on which they are checked
DECILES, REPLICATES = 10, 1000
PROMISED, LEAST_SHARE = 0.9, 0.1  # share of units above a threshold whose error is tolerated, and of all units that it must keep
FEWEST = 10  # units of a group above a threshold, at least, for the promise to be asked of it


def calibrated(fits: list[Derived], truth: Derived, group: Group) -> pd.DataFrame:
    """Agreement and true error of each unit and quantity.

    Returns:
        The certificate with error (of the first fit), and agreement_of_others (of the other fits, which did not have that error).
    """
    found = certify(fits).assign(group=group.name)
    others = certify(fits[1:])
    errors = certify([replace(truth, name="truth"), fits[0]])
    return found.assign(agreement_of_others=others["agreement"], error=errors["difference"])


def deciles(units: pd.DataFrame) -> pd.DataFrame:
    """Median error of the units of each tenth of agreement, with its 95 % interval over units."""
    rows = []
    for (group, quantity), of in units.dropna(subset=["agreement", "error"]).groupby(["group", "quantity"], sort=False):
        tenth = np.ceil(rankdata(of["agreement"], method="ordinal") / len(of) * DECILES).astype(int)
        for number in range(1, DECILES + 1):
            part = of[tenth == number]
            drawn = draw_units(rng_for(0, "units of a decile", str(quantity), number), len(part), REPLICATES)
            low, high = percentile_interval(np.median(part["error"].to_numpy()[drawn], axis=1), len(part) - 1.0)
            told = {
                "agreement": part["agreement"].median(),
                "error": part["error"].median(),
                "low": low,
                "high": high,
                "n_units": len(part),
            }
            rows.append({"group": group, "quantity": quantity, "decile": number, **told})
    return pd.DataFrame(rows)


def predicted(units: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation of agreement with error, over all units of a group and in each animal; intervals over units."""
    rows = []
    for (group, quantity), of in units.dropna(subset=["agreement", "error"]).groupby(["group", "quantity"], sort=False):
        animals = {"all": of, **{str(name): part for name, part in of.groupby("animal")}}
        for animal, part in animals.items():
            drawn = draw_units(rng_for(0, "units", str(quantity)), len(part), REPLICATES)
            row: dict[str, Any] = {"group": group, "quantity": quantity, "animal": animal, "n_units": len(part)}
            for column in ("agreement", "agreement_of_others"):
                pair = np.stack([rankdata(part[column]), rankdata(part["error"])])
                found = np.array([np.corrcoef(pair[:, rows_])[0, 1] for rows_ in drawn])
                low, high = percentile_interval(found, len(part) - 1.0)
                row |= {column: np.corrcoef(pair)[0, 1], f"{column}_low": low, f"{column}_high": high}
            rows.append(row)
    return pd.DataFrame(rows)


def thresholds(units: pd.DataFrame) -> pd.DataFrame:
    """The least agreement above which nine of ten units have an error that is tolerated, in each group that sets thresholds."""
    rows = []
    of_set = units[units["group"].isin([LONG.name, SHORT.name])].dropna(subset=["agreement", "error"])
    for quantity, of in of_set.groupby("quantity", sort=False):
        tolerated = QUANTITIES[str(quantity)].tolerated
        groups = [part for _, part in of.groupby("group")]
        held = [at for at in np.sort(of["agreement"]) if _is_kept(at, groups, tolerated) and (of["agreement"] >= at).mean() >= LEAST_SHARE]
        told = {"tolerated": tolerated, "unit": of["difference_in"].iloc[0], "tolerated_of_all": (of["error"] <= tolerated).mean()}
        rows.append({"quantity": quantity, "least": min(held, default=np.inf), **told, "in_use": QUANTITIES[str(quantity)].least})
    return pd.DataFrame(rows)


def _is_kept(least: float, groups: list[pd.DataFrame], tolerated: float) -> bool:
    """Whether a threshold keeps its promise in every group that has enough units above it."""
    errors = [part.loc[part["agreement"] >= least, "error"] for part in groups]
    return all(len(error) < FEWEST or (error <= tolerated).mean() >= PROMISED for error in errors)


def checked(units: pd.DataFrame) -> pd.DataFrame:
    """With the thresholds in use: share of units whose error is tolerated, of those not flagged and of those flagged, in each animal."""
    rows = []
    for (group, animal, quantity), of in units.groupby(["group", "animal", "quantity"], sort=False):
        row: dict[str, Any] = {"group": group, "animal": animal, "quantity": quantity, "n_units": len(of)}
        for name, part in {"kept": of[~of["flagged"]], "flagged": of[of["flagged"]]}.items():
            good = (part["error"] <= QUANTITIES[str(quantity)].tolerated).to_numpy(float)
            low = high = np.nan
            if len(good):
                drawn = draw_units(rng_for(0, "units", name, str(quantity)), len(good), REPLICATES)
                low, high = percentile_interval(good[drawn].mean(1), len(good) - 1.0)
            row |= {
                f"n_{name}": len(part),
                f"{name}_tolerated": good.mean() if len(good) else np.nan,
                f"{name}_low": low,
                f"{name}_high": high,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def drawn(curve: pd.DataFrame) -> Figure:
    """Median error against agreement, a panel a quantity."""
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    panels = figure.subplots(2, 4).ravel()
    for panel, (quantity, of) in zip(panels, curve.groupby("quantity", sort=False), strict=False):
        for group, part in of.groupby("group", sort=False):
            interval = [part["error"] - part["low"], part["high"] - part["error"]]
            panel.errorbar(part["agreement"], part["error"], np.maximum(interval, 0), marker="o", ms=2, lw=0.8, label=str(group))
        of_it = QUANTITIES[str(quantity)]
        panel.axhline(of_it.tolerated, color="0.7", lw=0.6)
        if np.isfinite(of_it.least):
            panel.axvline(of_it.least, color="0.7", lw=0.6)
        panel.set(title=str(quantity).replace("_", " "), xlabel="agreement", ylabel=f"error, {of_it.unit}")
    panels[0].legend()
    return figure


def compare(tables: dict[str, pd.DataFrame], expected: list[dict[str, Any]]) -> list[str]:
    """The expected ranges that are not met, in words."""
    wrong = []
    for entry in expected:
        found = tables[entry["table"]]
        for column, wanted in entry["row"].items():
            found = found[found[column] == wanted]
        name = ", ".join(map(str, (entry["table"], *entry["row"].values(), entry["column"])))
        if len(found) != 1:
            wrong.append(f"{name}: {len(found)} rows, one is needed")
        elif not entry["low"] <= found[entry["column"]].item() <= entry["high"]:
            wrong.append(f"{name}: {found[entry['column']].item():.4f} does not lie between {entry['low']} and {entry['high']}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/twin_agreement"), help="a stopped study goes on there")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    parts = []
    for group in (LONG, SHORT, CHECKED):
        runs = trained(ANIMALS, out / "data", group, out / "fits" / group.name)
        recordings = recordings_of(ANIMALS, out / "data", group)
        fits = [derived(run, recordings) for run in runs]
        parts.append(calibrated(fits, truth_of(runs[0], recordings, ANIMALS, group), group))
    units = pd.concat(parts, ignore_index=True)
    tables = {"deciles": deciles(units), "predicted": predicted(units), "thresholds": thresholds(units), "checked": checked(units)}
    for name, table in tables.items():
        write_table(table, out / f"{name}.csv")
    write_atomic(out / "calibration.png", lambda path: drawn(tables["deciles"]).savefig(path, dpi=170))
    wrong = compare(tables, json.loads((HERE / "expected.json").read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
