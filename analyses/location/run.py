"""What cortical position is worth to a twin: curves over units and minutes, where position tells of function and where it does not.

python analyses/location/run.py [--out runs/location]
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from areas import Area, elsewhere, with_units

from graphtwin.artifacts import write_atomic, write_table
from graphtwin.sources.formats import Recording
from graphtwin.training import FitConfig
from graphtwin.twin.fitting import FittedTwin, FoundationConfig, fitted_of, read_twin, train_foundation, write_twin
from graphtwin.twin.model import ConvolutionalConfig, TwinConfig
from graphtwin.twin.scores import all_scores, median_of, sums_of

HERE = Path(__file__).parent
CORE_AREAS = (Area(911, place_share=0.0, neurons=1300, minutes=8.0), Area(912, place_share=0.0, neurons=1300, minutes=8.0))
NEW_AREAS = (Area(21, place_share=0.8, rate_hz=1.0), Area(22, place_share=0.8, rate_hz=1.0))  # constants were chosen on area 901
# Units and minutes of the fits: a row and a column of the whole grid, and what tells whether they go together.
GRID = {1.0: (50, 200, 800, 2000), 3.0: (50, 200, 2000), 10.0: (200,), 20.0: (200,)}
BETWEEN = {0.5: (50, 200, 800, 2000), 2.0: (50, 200, 2000)}  # fits with position alone, so that its curve is known between the others
CORE_UNITS = 500  # units of each area that trains the core
ALONE, PLACED, DEALT = "without position", "with position", "positions dealt anew"
LEAST_CEILING = 0.3  # least cc_max of units that medians are over
SMALL = ConvolutionalConfig(first=16, hidden=24, features=32)  # half as wide as the default: a third of its time
CORE_FIT, NEW_FIT = (
    FitConfig(epochs=8, patience=6, weight_decay=0.0, learning_rate=3e-3),
    FitConfig(epochs=4, patience=4, weight_decay=0.0, learning_rate=3e-3),
)
RIDGE = "graphtwin.twin.fitting.foundation.join_ridge"  # left out: it had no share of the first fits on dead leaves, and takes 8 s of each
CONFIG = FoundationConfig(twin=TwinConfig(core=SMALL), fit=CORE_FIT, steps=80)


@dataclass(frozen=True)
class Cell:
    """One fit of the study."""

    area: Area
    units: int
    minutes: float
    way: str

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"{self.area.seed}-{self.units}-{self.minutes:g}-{self.way.replace(' ', '_')}"


def grid() -> list[tuple[int, float]]:
    """Units and minutes of the fits without position."""
    return [(units, minutes) for minutes, sizes in GRID.items() for units in sizes]


def cells() -> list[Cell]:
    """Every fit, those of few minutes first."""
    found = []
    for minutes in sorted(GRID | BETWEEN):
        for area in NEW_AREAS:
            found += [Cell(area, units, minutes, way) for units in GRID.get(minutes, ()) for way in (ALONE, PLACED, DEALT)]
            found += [Cell(area, units, minutes, PLACED) for units in BETWEEN.get(minutes, ())]
    return found


def trained_core(out: Path) -> FittedTwin:
    """The core, trained on other animals whose tuning is no map and without their positions."""
    path = out / "core.pt"
    if not path.exists():
        recordings = [with_units(area.recording(out / "areas"), CORE_UNITS, 0) for area in CORE_AREAS]
        write_twin(fitted_of(train_foundation(recordings, CONFIG.model_copy(update={"location": False}), progress=True)), path)
    return read_twin(path)


def scored(cell: Cell, core: FittedTwin, whole: Recording, folder: Path) -> dict[str, np.ndarray]:
    """Scores of the units of a fit on clips held out, and what the fit cost; read where an earlier run has made them."""
    path = folder / f"{cell.name}.npz"
    if not path.exists():
        recording = with_units(whole, cell.units, cell.area.seed)
        recording = elsewhere(recording, cell.area.seed) if cell.way == DEALT else recording
        config = CONFIG.model_copy(update={"fit": NEW_FIT, "steps": 20, "location": cell.way != ALONE})
        begun = time.process_time()
        with patch(RIDGE, return_value=0.0):
            fitted = fitted_of(train_foundation([recording], config, minutes=cell.minutes, onto=core.twin))
        spent = time.process_time() - begun
        sums = sums_of(fitted.twin, fitted.clips(recording, ("oracle",)))
        found = all_scores(sums, np.ones(len(sums.n)))
        told = {name: found[name] for name in ("cc_norm", "cc_max")} | {"core_seconds": np.array(spent)}
        write_atomic(path, lambda to: np.savez(to, **told))
        print(f"{cell.name}: {np.nanmedian(found['cc_norm']):.4f} in {spent:.1f} core-seconds", flush=True)
    with np.load(path) as saved:
        return dict(saved)


def curves(found: dict[Cell, dict[str, np.ndarray]]) -> pd.DataFrame:
    """Median cc_norm of each fit, with its interval over units."""
    rows = []
    for cell, scores in found.items():
        kept = scores["cc_norm"][_kept(scores)]
        told = {"area": cell.area.seed, "units": cell.units, "minutes": cell.minutes, "way": cell.way, "n_units": len(kept)}
        rows.append(told | median_of(kept) | {"core_seconds": float(scores["core_seconds"])})
    return pd.DataFrame(rows)


def differences(found: dict[Cell, dict[str, np.ndarray]]) -> pd.DataFrame:
    """Median over units of cc_norm less that of the same unit without position: of each area, and of the units of both (`all`)."""
    rows = []
    for units, minutes in grid():
        for way in (PLACED, DEALT):
            apart = {}
            for area in NEW_AREAS:
                one, other = (found[Cell(area, units, minutes, of)] for of in (way, ALONE))
                kept = _kept(one) & _kept(other)
                apart[str(area.seed)] = (one["cc_norm"] - other["cc_norm"])[kept]
            for name, values in (apart | {"all": np.concatenate(list(apart.values()))}).items():
                told = {"way": way, "units": units, "minutes": minutes, "area": name, "n_units": len(values)}
                rows.append(told | median_of(values) | {"share_better": float((values > 0).mean())})
    return pd.DataFrame(rows)


def needed(curve: pd.DataFrame) -> pd.DataFrame:
    """Minutes with position for the cc_norm that minutes without it reach, on lines over log minutes; mean over areas of the curves.

    `share` is what is needed of the minutes without; `at_most` says that fewer than were fitted are.
    """
    mean = curve.groupby(["way", "units", "minutes"])["median"].mean()
    rows = []
    for units, minutes in sorted(grid()):
        placed = mean[PLACED][units].sort_index()
        rising = np.maximum.accumulate(placed.to_numpy())
        wanted = mean[ALONE][units][minutes]
        least = float(np.exp(np.interp(wanted, rising, np.log(placed.index))))
        told = {"units": units, "minutes": minutes, "cc_norm": wanted, "needed": least}
        rows.append(told | {"share": least / minutes, "at_most": bool(wanted <= rising[0])})
    return pd.DataFrame(rows)


def summary(apart: pd.DataFrame, need: pd.DataFrame) -> pd.DataFrame:
    """The numbers that decide: a row each."""
    dealt = apart[apart["way"] == DEALT]
    told = {
        "worst difference where position tells nothing, both areas": dealt.loc[dealt["area"] == "all", "median"].min(),
        "worst difference where position tells nothing, one area": dealt.loc[dealt["area"] != "all", "median"].min(),
        "median share of the minutes that are needed": need["share"].median(),
        "largest share of the minutes that are needed": need["share"].max(),
        "cells that need 70 % or less": float((need["share"] <= 0.7).mean()),
    }
    return pd.DataFrame([{"measure": name, "value": value} for name, value in told.items()])


def _kept(scores: dict[str, np.ndarray]) -> np.ndarray:
    return np.asarray((scores["cc_max"] >= LEAST_CEILING) & np.isfinite(scores["cc_norm"]))


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
    parser.add_argument("--out", type=Path, default=Path("runs/location"), help="a stopped study goes on there")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    core = trained_core(out)
    recordings = {area: area.recording(out / "areas") for area in NEW_AREAS}
    found = {cell: scored(cell, core, recordings[cell.area], out / "cells") for cell in cells()}
    curve, apart = curves(found), differences(found)
    need = needed(curve)
    tables = {"curves": curve, "differences": apart, "needed": need, "summary": summary(apart, need)}
    for name, table in tables.items():
        write_table(table, out / f"{name}.csv")
    wrong = compare(tables, json.loads((HERE / "expected.json").read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
