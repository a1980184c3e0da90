"""Does a twin that uses the gaze predict units while the eyes move? Against gaze ignored and shuffled, with gaze that is measured badly.

python analyses/free_viewing/run.py [--out runs/free_viewing] [--v1 1 --higher 1]
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from graphtwin.artifacts import write_json, write_table
from graphtwin.execute import rng_for
from graphtwin.pipeline import simulate_viewing
from graphtwin.shapes import Float
from graphtwin.sources import open_recording
from graphtwin.sources.formats import Recording, Trial
from graphtwin.statistics import draw_units, percentile_interval
from graphtwin.twin.fitting import (
    FittedTwin,
    FoundationConfig,
    fitted_of,
    read_twin,
    seen_by,
    train_foundation,
    write_twin,
)
from graphtwin.twin.scores import fit_energy_ridge, predict_trials

HERE = Path(__file__).parent
MINUTES, UNITS = 10.0, 60
SETTINGS = {"fit": {"epochs": 8}, "twin": {"perspective": {"window_deg": [40.0, 27.0], "fovea_deg": 8.0}}}
LEFT_OUT_FRAMES = 20  # frames at the start of each film that do not count
STEP_DEG = 0.7  # degrees from frame to frame beyond which the eye jumped
REPLICATES = 2000
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class Animal:
    """A simulated animal of the study.

    Attributes:
        name: Area and seed.
        sources: Folder of each way in which the same animal was recorded: exact (gaze without error), off (an error of one degree) and
            held (the eyes rest in the middle of the screen).
    """

    name: str
    sources: dict[str, Path]


def simulated(area: str, seed: int, out: Path) -> Animal:
    """An animal, recorded in each way that the study needs."""
    ways = {"exact": [], "off": ["gaze.error_deg=1.0"], "held": ["gaze.spread_deg=[0.01, 0.01]", "test_clips=1", "fixation_clips=0"]}
    sources = {}
    for way in ways if area == "V1" else ["exact"]:
        folder = out / "animals" / f"{area}_{seed}_{way}"
        if not (folder / "README.md").exists():
            simulate_viewing(folder, [*ways[way]], force=folder.exists(), area=area, seed=seed, units=UNITS, minutes=MINUTES)
        sources[way] = folder
    return Animal(f"{area}_{seed}", sources)


def recording_in(folder: Path) -> Recording:
    """The one recording of a folder."""
    (path,) = (folder / "recordings").iterdir()
    return open_recording(path)


def shuffled(recording: Recording) -> Recording:
    """The recording with the gaze of each fixation exchanged for that of another of the same film."""
    return replace(recording, open_trial=partial(_open_shuffled, recording))


def _open_shuffled(recording: Recording, row: int) -> Trial:
    trial = recording.open_trial(row)
    eye = np.array(trial.eye_position, dtype=np.float64)
    step = np.r_[0.0, np.hypot(*np.diff(eye, axis=0).T)]
    fixation = np.cumsum(~(step < STEP_DEG))  # a gap begins a fixation too
    numbers = np.unique(fixation)
    middles = np.stack([_median(eye[fixation == number]) for number in numbers])
    other = middles[rng_for(0, "gaze of another fixation", recording.name, row).permutation(len(numbers))]
    at = np.searchsorted(numbers, fixation)
    return replace(trial, eye_position=(eye - middles[at] + other[at]).astype(np.float32))


def _median(eye: Float[np.ndarray, "frames 2"]) -> Float[np.ndarray, " 2"]:
    known = np.isfinite(eye).all(1)
    return np.median(eye[known], axis=0) if known.any() else np.zeros(2)


def config_of(changed: dict[str, Any]) -> FoundationConfig:
    """Settings of a fit: those of the study and what is changed of the perspective."""
    told = json.loads(json.dumps(SETTINGS))
    told["twin"]["perspective"] |= changed
    return FoundationConfig.model_validate(told)


# Each fit of a V1 animal: how it was recorded, what is done to the recording, and what is set of the perspective.
FITS: dict[str, tuple[str, Callable[[Recording], Recording], dict[str, Any]]] = {
    "gaze true": ("exact", lambda one: one, {}),
    "gaze ignored": ("exact", lambda one: one, {"learn": False}),
    "gaze shuffled": ("exact", shuffled, {}),
    "no saccades": ("exact", lambda one: one, {"saccades": False}),
    "error averaged": ("off", lambda one: one, {}),
    "error not averaged": ("off", lambda one: one, {"error_deg": 0.0}),
    "eyes at rest": ("held", lambda one: one, {}),
}


def fitted(animal: Animal, fit: str, out: Path) -> tuple[FittedTwin, Recording]:
    """A fit, as an earlier try left it or made now."""
    way, changed, perspective = FITS[fit]
    recording = changed(recording_in(animal.sources[way]))
    path = out / "fits" / f"{animal.name}_{fit.replace(' ', '_')}.pt"
    if not path.exists():
        log.info("%s: fitting the twin with %s", animal.name, fit)
        path.parent.mkdir(parents=True, exist_ok=True)
        began = time.process_time()
        trained = train_foundation([recording], config_of(perspective), 0, path.with_suffix(".checkpoint"), progress=True)
        write_twin(fitted_of(trained), path)
        write_json({"cpu_s": time.process_time() - began}, path.with_suffix(".json"))
    twin = read_twin(path)
    twin.twin.eval()
    return twin, recording


def correlations(animal: Animal, fit: str, out: Path) -> pd.DataFrame:
    """Correlation of what is predicted with what is expected without noise, which is cc_norm: a row a unit, tier and model."""
    twin, recording = fitted(animal, fit, out)
    folder = animal.sources[FITS[fit][0]] / "truth" / recording.name / "expected"
    found = []
    for tier in ("test", "fixation"):
        if not (recording.trials["tier"] == tier).any():
            continue
        clips = twin.clips(recording, (tier,))
        models = {fit: [predict_trials(twin.twin, recording.name, window)[0] for window in clips.whole()]}
        if fit == "gaze true":
            models["energy ridge, gaze true"] = _by_ridge(twin, recording, tier)
        expected = [np.load(folder / f"{row}.npy").T for row in clips.rows]
        for model, predicted in models.items():
            both = [np.concatenate([one[LEFT_OUT_FRAMES:] for one in parts]) for parts in (predicted, expected)]
            found.append(pd.DataFrame({"animal": animal.name, "tier": tier, "model": model, "cc_norm": _columns(*both)}))
    table = pd.concat(found, ignore_index=True)
    table["unit"] = table.groupby(["tier", "model"]).cumcount()
    return table


def _by_ridge(twin: FittedTwin, recording: Recording, tier: str) -> list[np.ndarray]:
    """What a ridge on energies of the same retinal pictures predicts, fitted to the same trials."""
    head = twin.twin.animal(recording.name)
    train, test = seen_by(twin.training(recording), head), seen_by(twin.clips(recording, (tier,)), head)
    ridge = fit_energy_ridge(train, head.readout.mean_positions().detach().double().numpy(), float(head.delay_s), 0)
    return [ridge.predict(window, ridge.energies(window)) for window in test.whole()]


def _columns(one: Float[np.ndarray, "frames units"], two: Float[np.ndarray, "frames units"]) -> Float[np.ndarray, " units"]:
    """Correlation of each column of one with that of two; 0 where either never changes."""
    one, two = (part - part.mean(0) for part in (one.astype(np.float64), two.astype(np.float64)))
    power = np.sqrt((one**2).sum(0) * (two**2).sum(0))
    return np.divide((one * two).sum(0), power, out=np.zeros(len(power)), where=power > 0)


def fields(animal: Animal, fit: str, out: Path) -> Float[np.ndarray, "units 2"]:
    """Middles of fields that a fit finds, degrees about the gaze."""
    twin, recording = fitted(animal, fit, out)
    found = twin.twin.animal(recording.name).retinal_degrees()
    assert found is not None
    return found.detach().double().numpy()


def truth_of(animal: Animal) -> pd.DataFrame:
    """What was planted of the units."""
    return pd.read_parquet(animal.sources["exact"] / "truth" / "animal1" / "units.parquet")


def paired(table: pd.DataFrame, model: str, against: str, tier: str) -> dict[str, float]:
    """Difference of medians over units of two models, with its 95 % interval over units of all animals."""
    wide = table[table["tier"] == tier].pivot_table(index=["animal", "unit"], columns="model", values="cc_norm")
    one, two = wide[model].to_numpy(), wide[against].to_numpy()
    drawn = draw_units(rng_for(0, "units of free viewing", model, against), len(one), REPLICATES)
    low, high = percentile_interval(np.median(one[drawn], axis=1) - np.median(two[drawn], axis=1), len(one) - 1.0)
    return {"difference": float(np.median(one) - np.median(two)), "low": float(low), "high": float(high)}


def of_fields(animals: list[Animal], out: Path) -> dict[str, Any]:
    """How far fields of V1 are from the truth, and those of free viewing from those of eyes at rest."""
    free, rest, true = ([], [], [])
    for animal in animals:
        free.append(fields(animal, "gaze true", out))
        rest.append(fields(animal, "eyes at rest", out))
        true.append(truth_of(animal)[["right_deg", "up_deg"]].to_numpy())
    apart = {
        "free viewing": np.hypot(*(np.concatenate(free) - np.concatenate(true)).T),
        "eyes at rest": np.hypot(*(np.concatenate(rest) - np.concatenate(true)).T),
        "free viewing and eyes at rest": np.hypot(*(np.concatenate(free) - np.concatenate(rest)).T),
    }
    return {name: {"median_deg": float(np.median(far)), "within_2_deg": float((far < 2).mean())} for name, far in apart.items()}


def main() -> int:
    """Simulate, fit, compare, and write tables; 1 where a number is not what expected.json says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/free_viewing"))
    parser.add_argument("--v1", type=int, nargs="*", default=[1], help="seeds of animals with units of V1")
    parser.add_argument("--higher", type=int, nargs="*", default=[1], help="seeds of animals with units of V4, and of LM")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(args.threads)
    v1 = [simulated("V1", seed, args.out) for seed in args.v1]
    higher = {area: [simulated(area, seed, args.out) for seed in args.higher] for area in ("V4", "LM")}
    parts = [correlations(animal, fit, args.out) for animal in v1 for fit in FITS]
    table = pd.concat(parts, ignore_index=True)
    others = {area: pd.concat([correlations(one, "gaze true", args.out) for one in of], ignore_index=True) for area, of in higher.items()}
    for name, frame in {"V1": table, **others}.items():
        write_table(frame, args.out / f"cc_norm_{name}.csv")
    medians = {
        area: frame.groupby(["tier", "model"])["cc_norm"].median().round(4).unstack().to_dict("index")
        for area, frame in {"V1": table, **others}.items()
    }
    ridge = "energy ridge, gaze true"
    found: dict[str, Any] = {"medians": medians, "fields": of_fields(v1, args.out), "differences": {}}
    for tier in ("test", "fixation"):
        found["differences"] |= {
            f"V1, {tier}: gaze true over {against}": paired(table, "gaze true", against, tier)
            for against in ("gaze ignored", "gaze shuffled", "no saccades", "error averaged", ridge)
        }
        found["differences"][f"V1, {tier}: error averaged over not"] = paired(table, "error averaged", "error not averaged", tier)
        found["differences"][f"V1, {tier}: error averaged over gaze ignored"] = paired(table, "error averaged", "gaze ignored", tier)
        for area, frame in others.items():
            found["differences"][f"{area}, {tier}: gaze true over {ridge}"] = paired(frame, "gaze true", ridge, tier)
    gain, kept = (found["differences"][f"V1, test: {one} over gaze ignored"]["difference"] for one in ("gaze true", "error averaged"))
    found["share_of_gain_kept_with_1_deg_of_error"] = kept / gain
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    found["cpu_s_of_fits"] = {path.stem: json.loads(path.read_text())["cpu_s"] for path in sorted((args.out / "fits").glob("*.json"))}
    write_json(found, args.out / "found.json")
    print(json.dumps(found, indent=1))
    return _judged(found)


def _judged(found: dict[str, Any]) -> int:
    """1 where a number is outside of what expected.json says; every one is printed."""
    wrong = 0
    for path, (low, high) in json.loads((HERE / "expected.json").read_text()).items():
        value: Any = found
        for key in path.split("/"):
            value = value[key]
        fits = low <= value <= high
        wrong += not fits
        print(f"{'as expected' if fits else 'NOT AS EXPECTED'}: {path} = {value:.3f} ({low} to {high})")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
