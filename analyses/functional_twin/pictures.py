"""What a core of two sessions saves a third that was shown other pictures: real recordings of single pictures, such as macaque V4.

python analyses/functional_twin/pictures.py DIR DIR DIR [--out runs/pictures] [--tier validation] [--threads 1]

Each folder (Sensorium 2022) is the new session in turn, the others train its core. A session with N pictures has these and no others, to
fit, to stop and to choose by: a tenth of them is kept back for that, and its validation tier is scored. No picture that is scored anywhere,
under whatever name, is among those trained on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from graphtwin.artifacts import write_json, write_table
from graphtwin.sources import open_recording
from graphtwin.sources.formats import Recording
from graphtwin.twin.data import ClipConfig
from graphtwin.twin.fitting import FittedTwin, FoundationConfig, fitted_of, read_twin, train_foundation, write_twin
from graphtwin.twin.scores import RIDGE, compare, fit_energy_ridge, ridge_sums, stimuli_of, sums_of

IMAGES = (20, 40, 80, 160, 320, None)  # pictures of the new session; None takes all
SCORED = ("validation", "test")  # tiers of which nothing is trained on
FIT = FoundationConfig().fit.model_copy(update={"epochs": 6, "patience": 3})  # short: the study makes 39 fits
CONFIG = FoundationConfig(clips=ClipConfig(validation_tiers=()), fit=FIT, steps=20, windows=2)


@dataclass(frozen=True)
class Sessions:
    """Recordings with what each trial shows, and where their fits go."""

    recordings: tuple[Recording, ...]
    shown: dict[str, np.ndarray]
    folder: Path

    def leaks(self) -> pd.DataFrame:
        """Pictures of each session's scored tiers that a session trains on: a row a pair of sessions and tier."""
        rows = []
        for one in self.recordings:
            for other in self.recordings:
                trained = self.shown[other.name][(other.trials["tier"] == "train").to_numpy()]
                for tier in SCORED:
                    held = np.unique(self.shown[one.name][(one.trials["tier"] == tier).to_numpy()])
                    found = int(np.isin(held, trained).sum())
                    rows.append({"scored": one.name, "tier": tier, "trained": other.name, "n_pictures": len(held), "n_trained_on": found})
        return pd.DataFrame(rows)

    def limited(self, recording: Recording, images: int | None) -> Recording:
        """The recording with its first pictures to train on, none of which is scored in any session."""
        scored = [self.shown[one.name][one.trials["tier"].isin(SCORED).to_numpy()] for one in self.recordings]
        shown, tier = self.shown[recording.name], recording.trials["tier"]
        free = (tier == "train").to_numpy() & ~np.isin(shown, np.concatenate(scored))
        first = list(dict.fromkeys(shown[free]))[:images]
        kept = tier.where(tier.isin(SCORED) | (free & np.isin(shown, first)), "none")
        return replace(recording, trials=recording.trials.assign(tier=kept, stimulus=shown))

    def fit(self, name: str, recordings: Sequence[Recording], onto: FittedTwin | None = None) -> FittedTwin:
        """Train, or read what an earlier run trained."""
        path = self.folder / f"{name}.pt"
        if not path.exists():
            begun = time.process_time()
            trained = train_foundation(recordings, CONFIG, onto=onto.twin if onto else None)
            told = {"core_seconds": time.process_time() - begun, "shares": trained.shares, "epochs": len(trained.state.history)}
            write_json(told, path.with_suffix(".json"))
            write_twin(fitted_of(trained), path)
        return read_twin(path)


def sessions_of(folders: Sequence[Path], out: Path) -> Sessions:
    """The sessions, each trial named by what it shows."""
    recordings = tuple(open_recording(folder) for folder in folders)
    return Sessions(recordings, {one.name: _pictures(one) for one in recordings}, out)


def _pictures(recording: Recording) -> np.ndarray:
    """A name for what each trial shows, the same for the same grey levels in all sessions."""
    videos = (np.ascontiguousarray(recording.open_trial(row).video, dtype=np.float32) for row in range(len(recording.trials)))
    return np.array([hashlib.blake2b(video.tobytes(), digest_size=8).hexdigest() for video in videos])


def transferred(sessions: Sessions, new: Recording, images: int | None, tier: str) -> pd.DataFrame:
    """Core kept, trained alone and ridge with the same pictures of a new session: a row a comparison."""
    others = [sessions.limited(one, None) for one in sessions.recordings if one is not new]
    core = sessions.fit(f"core_without_{new.name}", others)
    given, number = sessions.limited(new, images), "all" if images is None else str(images)
    fits = {
        "transferred": sessions.fit(f"transferred_{new.name}_{number}", [given], core),
        "trained alone": sessions.fit(f"alone_{new.name}_{number}", [given]),
    }
    held, training = fits["trained alone"].clips(given, (tier,)), fits["trained alone"].training(given)
    sums = {name: sums_of(fitted.twin, fitted.clips(given, (tier,))) for name, fitted in fits.items()}
    positions = fits["trained alone"].twin.animal(new.name).readout.mean_positions().detach().double().numpy()
    sums[RIDGE] = ridge_sums(fit_energy_ridge(training, positions, 0.0), held)
    stimuli = stimuli_of(held)
    every, tables = np.ones(len(stimuli), dtype=bool), []
    for model, against in (("transferred", ("trained alone", RIDGE)), ("trained alone", (RIDGE,))):
        found = compare(sums[model], {name: sums[name] for name in against}, stimuli, every, model)
        tables.append(found[(found["kind"] == "all") & (found["score"] == "cc_abs")].assign(model=model))
    n = len(np.unique(sessions.shown[new.name][(given.trials["tier"] == "train").to_numpy()]))
    return pd.concat(tables, ignore_index=True).assign(session=new.name, images=n, tier=tier)


def compare_with(table: pd.DataFrame, expected: list[dict[str, Any]]) -> list[str]:
    """The expected ranges that are not met, in words; sessions that were not given are passed over."""
    wrong = []
    for entry in expected:
        found = table[(table[list(entry["row"])] == pd.Series(entry["row"])).all(axis=1)]
        if len(found) and not entry["low"] <= found[entry["column"]].item() <= entry["high"]:
            name = ", ".join(map(str, (*entry["row"].values(), entry["column"])))
            wrong.append(f"{name}: {found[entry['column']].item():.4f} does not lie between {entry['low']} and {entry['high']}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="sessions of one monkey")
    parser.add_argument("--out", type=Path, default=Path("runs/pictures"), help="a stopped study goes on there")
    parser.add_argument("--tier", choices=SCORED, default="validation")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    chosen.out.mkdir(parents=True, exist_ok=True)
    sessions = sessions_of(chosen.folders, chosen.out)
    write_table(sessions.leaks(), chosen.out / "leaks.csv")
    tables = []
    for new in sessions.recordings:
        for images in IMAGES:
            tables.append(transferred(sessions, new, images, chosen.tier))
            print(tables[-1][["session", "images", "model", "against", "median", "median_against", "difference"]].to_string(), flush=True)
            write_table(pd.concat(tables, ignore_index=True), chosen.out / f"transfer_pictures_{chosen.tier}.csv")
    expected = json.loads((Path(__file__).parent / "expected_pictures.json").read_text(encoding="utf-8"))
    wrong = compare_with(pd.concat(tables, ignore_index=True), expected if chosen.tier == "validation" else [])
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
