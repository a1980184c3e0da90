"""What is measured in silico through a twin, against the truth of the simulated animal that it was trained on.

python benchmarks/bench_insilico_truth.py RUN RECORDING ANIMAL [NEURONS] [SEED] [CHANNEL=NUMBER]

RUN is the folder of a twin, or of several that `--seeds` filled; RECORDING the animal's folder (`dynamicANIMAL-...`), ANIMAL its number
in a simulation of NEURONS (1200) and SEED (1). Orientation, direction and centre of the field are compared with what was planted, the rest
with what the truth itself answers to the same stimuli, in units of cc_norm above .7 (oracle trials). Of several twins: how often the stated
interval holds the truth, the widening that would make it 95 %, rank correlation of the error with the moderated spread, and the median
error in fifths of units from the smallest spread to the largest. One twin takes 75 seconds of a core.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from graphtwin.execute import threads
from graphtwin.insilico import fit_fields, measure_noise_maps, state_channels, tune_units
from graphtwin.sources import open_recording
from graphtwin.synthetic import SimulateConfig
from graphtwin.synthetic.function import SimulatedTruth, simulated_truth
from graphtwin.twin.agreement import STATED, moderated_spread
from graphtwin.twin.runs import fields_twin, load_twin, tune_twin, twins_in
from graphtwin.twin.scores import all_scores, sums_of

GOOD = 0.7  # cc_norm of units that count
WITHIN = {"orientation_deg": 5.0, "direction_deg": 5.0, "field": 2.0, "gain": 0.1}  # aims: degrees, degrees, degrees, share of the gain
PERIODS = {"orientation_deg": 180.0, "direction_deg": 360.0}


@dataclass(frozen=True)
class Resting:
    """A simulated truth whose rest is a state of its own, such as the mean of behaviour at which its twin rests."""

    of: SimulatedTruth
    rest: Mapping[str, float]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.of, name)

    def respond(self, video: np.ndarray, progress: bool = False, state: Mapping[str, float] | None = None) -> np.ndarray:
        state_channels(self.of, state, len(video))
        return self.of.respond(video, progress, {**self.rest, **(state or {})})

    def respond_clips(self, clips: np.ndarray, state: Mapping[str, float] | None = None) -> np.ndarray:
        return np.stack([self.respond(clip, state=state) for clip in clips])


def cc_norm_of(folders: list[Path], recording: Path) -> np.ndarray:
    """cc_norm of the mean prediction of some twins in oracle trials."""
    fits = [load_twin(folder) for folder in folders]
    sums = sums_of(fits[0].twin, fits[0].clips(open_recording(recording), ("oracle",)), others=[each.twin for each in fits[1:]])
    return np.asarray(all_scores(sums, np.ones(len(sums.n)))["cc_norm"])


def truth_of(run: Path, folder: Path, number: int, config: SimulateConfig) -> Resting:
    """The truth of a twin's units, at the grey levels and the mean behaviour of its training."""
    recording, animal = open_recording(folder), config.animal(number)
    seen = load_twin(run).animals[recording.name]
    cells = seen.units.merge(animal.units, on=["session", "scan_idx", "unit_id"], how="left", validate="one_to_one")
    rows = np.searchsorted(animal.tissue.nucleus_id, cells["nucleus_id"])
    truth = simulated_truth(recording.name, seen.units, animal.tuning.table.iloc[rows].reset_index(drop=True))
    rest = dict(zip(seen.behaviour, seen.scales.behaviour[0].tolist(), strict=True))
    return Resting(replace(truth, grey=seen.scales.video), rest)


def true_values(truth: Resting, state: Mapping[str, float]) -> pd.DataFrame:
    """What is true of each unit: planted where that is a number of the table, else measured on the truth."""
    down, across = truth.monitor.degrees_a_pixel(*truth.size)
    planted = truth.planted
    measured = tune_units(truth, ("direction",), state).join(fit_fields(measure_noise_maps(truth), truth.name))
    return measured.assign(
        orientation_deg=planted["orientation_deg"],
        direction_deg=planted["direction_deg"].where(planted["dsi"] > 0.25),
        field_x_deg=planted["rf_x"] * truth.size[1] / 2 * across,
        field_y_deg=planted["rf_y"] * truth.size[0] / 2 * down,
    )


def errors_of(told: pd.DataFrame, true: pd.DataFrame, quantity: str) -> pd.Series:
    """What was told less what is true; of angles the short way around."""
    apart = told[quantity] - true[quantity]
    period = PERIODS.get(quantity)
    return apart if period is None else (apart + period / 2) % period - period / 2


def report(told: pd.DataFrame, true: pd.DataFrame, good: np.ndarray, members: int) -> None:
    """Print errors of each quantity, and how far the stated intervals and spreads tell them."""
    places = np.hypot(errors_of(told, true, "field_x_deg"), errors_of(told, true, "field_y_deg"))
    near = np.mean(places[good] < WITHIN["field"])
    print(f"field: within {WITHIN['field']:g} degrees {near:.3f} (aim .9), median {places[good].median():.2f}")
    for quantity in STATED:
        errors = errors_of(told, true, quantity)[good & true[quantity].notna()]
        words = f"{quantity}: error median {errors.abs().median():.3g} (signed {errors.median():.3g})"
        if limit := WITHIN.get(quantity):
            tolerated = limit * true[quantity].loc[errors.index] if quantity == "gain" else limit
            words += f", within {limit:g}: {np.mean(errors.abs() < tolerated):.3f} (aim .9)"
        print(words)
        if members > 1:
            spread = moderated_spread(told[f"{quantity}_spread"].to_numpy(np.float64), members)[errors.index]
            print(f"    {calibration(told.loc[errors.index], errors.abs(), quantity, spread)}")


def calibration(told: pd.DataFrame, errors: pd.Series, quantity: str, spread: np.ndarray) -> str:
    """How the stated interval and the spread tell errors, in words."""
    held = errors <= (told[f"{quantity}_high"] - told[f"{quantity}_low"]) / 2
    known = np.isfinite(spread) & errors.notna().to_numpy()
    fifths = np.array_split(np.argsort(spread[known]), 5)
    curve = " ".join(f"{spread[known][part].mean():.3g}:{errors[known].iloc[part].median():.3g}" for part in fifths)
    flagged = told[f"{quantity}_flag"] != ""
    rank = spearmanr(spread[known], errors[known])[0] if np.ptp(spread[known]) > 0 else np.nan
    return (
        f"interval holds {held[known].mean():.3f} (aim .90 to .98), widening for .95: {np.quantile((errors / spread)[known], 0.95):.2f}; "
        f"error against spread rho {rank:.2f}, spread:error in fifths {curve}; flagged {flagged.mean():.2f}"
    )


def main(run: str, recording: str, number: str, neurons: str = "1200", seed: str = "1", state: str = "running=12") -> None:
    with threads(1):
        folders, channel = twins_in([run]), state.partition("=")
        asked = {channel[0]: float(channel[2])}
        cc_norm = cc_norm_of(folders, Path(recording))
        good = cc_norm > GOOD
        print(
            f"{run}: {len(folders)} twins, {good.sum()} of {len(good)} units of cc_norm above {GOOD} (median {np.nanmedian(cc_norm):.3f})"
        )
        told = tune_twin(run, state=asked)
        told = told.join(fields_twin(run).drop(columns=told.columns, errors="ignore"))
        truth = truth_of(Path(folders[0]), Path(recording), int(number), SimulateConfig(neurons=int(neurons), seed=int(seed)))
        report(told, true_values(truth, asked), good, len(folders))


if __name__ == "__main__":
    main(*sys.argv[1:])
