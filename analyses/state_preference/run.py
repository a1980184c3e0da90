"""Does a twin tell how what units prefer changes with running and pupil size? On simulated V4 and LM, where it does, and V1, where not.

python analyses/state_preference/run.py [--out runs/state_preference] [--seeds 1 2]
python analyses/state_preference/run.py --minutes 60 --epochs 48 --ways "gains of channels" --areas LM --out runs/state_preference_hour
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from graphtwin.artifacts import write_json, write_table
from graphtwin.execute import rng_for
from graphtwin.insilico.measurements import StateConfig, compare_states, measure_state_dependence
from graphtwin.pipeline import simulate_viewing
from graphtwin.shapes import Float
from graphtwin.sources import open_recording
from graphtwin.sources.formats import Recording
from graphtwin.statistics import draw_units, percentile_interval
from graphtwin.synthetic.function import Behaviour
from graphtwin.synthetic.viewing import AnsweringArea, ViewingConfig, answering, draw_area, grating_answers, state_of
from graphtwin.twin.fitting import AnimalResponder, FittedTwin, FoundationConfig, fitted_of, read_twin, train_foundation, write_twin
from graphtwin.twin.scores import predict_trials

HERE = Path(__file__).parent
UNITS = 300
PERSPECTIVE = {"window_deg": [40.0, 27.0], "fovea_deg": 8.0}
WAYS = {"gains of channels": {}, "gains of units alone": {"feature_gains": False}}
GRATINGS = StateConfig(cycles_per_degree=(0.16, 0.22, 0.3))
QUIET, AROUSED = 10, 90  # percentiles of the state during training films
FRAMES_A_STATE = 300  # frames nearest to a state whose mean behaviour stands for it
LEAST_SELECTIVITY = 0.2  # gOSI of the truth in both states: what prefers no orientation has none that could move
LEFT_OUT_FRAMES = 20  # frames at the start of each film that do not count
REPLICATES = 2000
log = logging.getLogger("graphtwin")


def animal_of(area: str, seed: int, minutes: float, out: Path) -> tuple[Recording, AnsweringArea, Path]:
    """A simulated animal: its recording, its units as they are, and the folder of what was planted."""
    folder = out / "animals" / f"{area}_{seed}_{minutes:g}"
    asked: dict[str, Any] = {"area": area, "seed": seed, "units": UNITS, "minutes": minutes}
    fewer = {"fixation_clips": 0, "repeats": 1}
    if not (folder / "README.md").exists():
        simulate_viewing(folder, [f"{name}={value}" for name, value in fewer.items()], force=folder.exists(), **asked)
    (path,) = (folder / "recordings").iterdir()
    config = ViewingConfig.model_validate(asked | fewer)
    return open_recording(path), answering(draw_area(config, 1), config), folder / "truth"


def fitted(name: str, way: str, recording: Recording, epochs: int, out: Path) -> FittedTwin:
    """A fit, as an earlier try left it or made now."""
    path = out / "fits" / f"{name}_{way.replace(' ', '_')}.pt"
    if not path.exists():
        log.info("%s: fitting the twin with %s", name, way)
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = {"fit": {"epochs": epochs}, "twin": {"perspective": PERSPECTIVE, "core": {"kind": "recurrent"} | WAYS[way]}}
        began = time.process_time()
        trained = train_foundation(
            [recording], FoundationConfig.model_validate(settings), 0, path.with_suffix(".checkpoint"), progress=True
        )
        write_twin(fitted_of(trained), path)
        write_json({"cpu_s": time.process_time() - began}, path.with_suffix(".json"))
    return read_twin(path)


def states(recording: Recording) -> dict[str, tuple[dict[str, float], dict[str, float]]]:
    """Behaviour before and after each change: from the quiet to the aroused state as they go together, and of running or pupil alone."""
    parts = [recording.open_trial(int(row)).behaviour for row in np.flatnonzero(recording.trials["tier"] == "train")]
    behaviour = np.concatenate(parts)
    state = _states(recording, behaviour)
    nearest = [np.abs(state - np.percentile(state, at)).argsort()[:FRAMES_A_STATE] for at in (QUIET, AROUSED)]
    quiet, aroused = (dict(zip(recording.behaviour, behaviour[rows].mean(0).tolist(), strict=True)) for rows in nearest)
    alone = {f"{name} alone": (quiet, quiet | {name: aroused[name]}) for name in recording.behaviour}
    return {"both": (quiet, aroused)} | alone


def _states(recording: Recording, behaviour: Float[np.ndarray, "frames channels"]) -> Float[np.ndarray, " frames"]:
    """State of the animal as the simulation has it."""
    told = dict(zip(recording.behaviour, behaviour.T.astype(np.float64), strict=True))
    nowhere = np.zeros((len(behaviour), 2))
    return state_of(Behaviour(told["running"], told["pupil_size"], nowhere, nowhere))


def changes(recording: Recording, area: AnsweringArea, responder: AnimalResponder) -> pd.DataFrame:
    """Change of preferred orientation, true and predicted, degrees: a row a unit and change of behaviour."""
    tables = []
    for name, (before, after) in states(recording).items():
        levels = [_states(recording, np.array([[one[channel] for channel in recording.behaviour]]))[0] for one in (before, after)]
        answers = [grating_answers(area, float(level)) for level in levels]
        degrees = np.arange(2 * answers[0].shape[1]) * 180.0 / answers[0].shape[1]
        true = compare_states(*(np.tile(one, 2)[:, None] for one in answers), degrees, "truth")
        told = measure_state_dependence(responder, before, after, GRATINGS)
        columns = {"change": name, "true_deg": true["orientation_change_deg"], "predicted_deg": told["orientation_change_deg"]}
        tables.append(pd.DataFrame({"unit": np.arange(len(true)), "gosi": np.minimum(*map(_selectivity, answers))} | columns))
    return pd.concat(tables, ignore_index=True)


def _selectivity(answers: Float[np.ndarray, "units orientations"]) -> Float[np.ndarray, " units"]:
    """Global orientation selectivity: length of the mean vector."""
    turns = np.exp(2j * np.pi * np.arange(answers.shape[1]) / answers.shape[1])
    return np.asarray(np.abs(answers @ turns) / answers.sum(1))


def correlations(twin: FittedTwin, recording: Recording, truth: Path) -> Float[np.ndarray, " units"]:
    """cc_norm in films never trained on: correlation of what is predicted with what is expected without noise."""
    clips = twin.clips(recording, ("test",))
    predicted = np.concatenate([predict_trials(twin.twin, recording.name, window)[0][LEFT_OUT_FRAMES:] for window in clips.whole()])
    files = [truth / recording.name / "expected" / f"{row}.npy" for row in clips.rows]
    expected = np.concatenate([np.load(path).T[LEFT_OUT_FRAMES:] for path in files])
    return np.array([np.corrcoef(*pair)[0, 1] for pair in zip(predicted.T, expected.T, strict=True)])


def told_of(table: pd.DataFrame) -> dict[str, Any]:
    """Correlation (with its interval over units), slope, rank correlation and agreement in direction of predicted and true changes."""
    true, predicted = table["true_deg"].to_numpy(), table["predicted_deg"].to_numpy()
    known = np.isfinite(true) & np.isfinite(predicted)
    true, predicted = true[known], predicted[known]
    told: dict[str, Any] = {"units": len(true), "true_sd_deg": float(true.std()), "predicted_sd_deg": float(predicted.std())}
    if true.std() < 1e-3 or predicted.std() < 1e-9:  # nothing moves
        return told | {"r": None, "low": None, "high": None, "slope": None, "rank": None, "same_direction": None}
    drawn = draw_units(rng_for(0, "units of states"), len(true), REPLICATES)
    low, high = percentile_interval(np.array([np.corrcoef(true[rows], predicted[rows])[0, 1] for rows in drawn]), len(true) - 1.0)
    r = float(np.corrcoef(true, predicted)[0, 1])
    told |= {"r": r, "low": float(low), "high": float(high), "slope": float(np.polyfit(true, predicted, 1)[0])}
    rank = float(pd.Series(true).corr(pd.Series(predicted), method="spearman"))
    return told | {"rank": rank, "same_direction": float((np.sign(true) == np.sign(predicted)).mean())}


def main() -> int:
    """Simulate, fit, compare, and write tables; 1 where a number is not what expected.json says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/state_preference"), help="fits are saved: a stopped study goes on there")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2], help="animals of each area")
    parser.add_argument("--areas", nargs="*", default=["V4", "LM", "V1"])
    parser.add_argument("--minutes", type=float, default=20.0, help="of films that the twin is trained on")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(args.threads)
    parts, scores = [], []
    for area in args.areas:
        for seed in args.seeds:
            recording, units, truth = animal_of(area, seed, args.minutes, args.out)
            for way in args.ways:
                twin = fitted(f"{area}_{seed}_{args.minutes:g}_{args.epochs}", way, recording, args.epochs, args.out)
                named = {"area": area, "seed": seed, "way": way}
                parts.append(changes(recording, units, AnimalResponder(twin, recording.name)).assign(**named))
                scores.append(pd.DataFrame({"cc_norm": correlations(twin, recording, truth)}).assign(**named))
    table, score = pd.concat(parts, ignore_index=True), pd.concat(scores, ignore_index=True)
    write_table(table, args.out / "changes.csv")
    write_table(score, args.out / "cc_norm.csv")
    found: dict[str, Any] = {
        "cc_norm": {"/".join(map(str, key)): float(of.median()) for key, of in score.groupby(["area", "seed", "way"])["cc_norm"]}
    }
    selective = table[table["gosi"] >= LEAST_SELECTIVITY]
    for name, kept in (("selective", selective), ("all units", table)):
        found[name] = {"/".join(map(str, key)): told_of(of) for key, of in kept.groupby(["area", "seed", "way", "change"])}
    found["cpu_s_of_fits"] = {path.stem: json.loads(path.read_text())["cpu_s"] for path in sorted((args.out / "fits").glob("*.json"))}
    write_json(found, args.out / "found.json")
    print(json.dumps(found, indent=1))
    return _judged(found, args.minutes)


def _judged(found: dict[str, Any], minutes: float) -> int:
    """1 where a number is outside of what expected.json says; every one is printed."""
    wrong = 0
    for entry in json.loads((HERE / "expected.json").read_text(encoding="utf-8")):
        if entry["minutes"] != minutes:
            continue
        value = found[entry["table"]].get(entry["row"], {}).get(entry["column"])
        fits = value is not None and entry["low"] <= value <= entry["high"]
        wrong += not fits
        print(f"{'as expected' if fits else 'NOT AS EXPECTED'}: {entry} = {value}")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
