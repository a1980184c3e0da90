"""Stimuli to show next: the error of a twin against the films it has seen, chosen by expected information against drawn at random.

python benchmarks/bench_next_stimuli.py CORE FOLDER [ANIMALS] [DRAWS]

CORE is a twin of other simulated animals (`graphtwin twin train`). Animals of 150 neurons are simulated in FOLDER, each with a minute of
dead leaves, on which CORE is transferred; a pool of films of 2 s; and others to test on. From the pool films are chosen, and readouts are
set to their posterior means given their simulated responses too (one step of Newton; behaviour, gaze and the microscope's noise are in
them; the core alone predicts). The error is that of noise-free responses to the test films, over their variance, mean over units. How many
films a random choice needs for the error of a choice is read off its curve (log-log, made to fall); the ratio of new films has its interval
over animals (t of its logarithm).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats

from graphtwin.execute import rng_for, threads
from graphtwin.sources import open_recording
from graphtwin.statistics import most_informative, told_together
from graphtwin.synthetic import SimulateConfig
from graphtwin.synthetic.files import write_dynamic
from graphtwin.synthetic.function import prepare_scan, stimuli
from graphtwin.twin.data import Clips
from graphtwin.twin.fitting import (
    AnimalResponder,
    ReadoutEvidence,
    ReadoutPrior,
    evidence,
    expected_information,
    fitted_of,
    posterior_means,
    posterior_precision,
    read_twin,
    train_foundation,
    write_twin,
)
from graphtwin.twin.model import tensors
from graphtwin.twin.runs import load_twin

SEED, LEAVES, FRAMES, SKIPPED = 190, "dead_leaves", 60, 12
BUDGETS, AT_RANDOM = (4, 8, 16, 32, 64), (1, 2, 4, 8, 16, 32, 64, 96)
NAMES = ("chosen", "not updated", "most contrast", "most response")


def trials(animal: int) -> pd.DataFrame:
    shown = [("train", LEAVES, f"start-{animal}-{at}", 150) for at in range(12)]
    for tier, leaves, others, name in (("pool", 120, 24, f"pool-{animal}"), ("test", 40, 8, "test")):
        shown += [(tier, kind, f"{name}-{at}", FRAMES) for kind in stimuli.KINDS for at in range(leaves if kind == LEAVES else others)]
    table = pd.DataFrame(shown, columns=["tier", "kind", "clip", "n_frames"])
    rng = rng_for(SEED, "trials", animal)
    table = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    table["first_frame"] = np.cumsum(rng.integers(15, 31, len(table))) + np.concatenate([[0], np.cumsum(table["n_frames"])[:-1]])
    table.insert(0, "trial", np.arange(len(table)))
    return table


def recorded(folder: Path, animal: int) -> Path:
    """The simulated recording of an animal."""
    if not list(folder.glob(f"data/dynamic{animal}-*")):
        config = SimulateConfig(neurons=150, animals=5, seed=SEED)
        made = config.animal(animal)
        main = made.units[made.units["kind"] == "video"]
        write_dynamic(prepare_scan(main, made.tuning, trials(animal), SEED, animal), folder / "data", folder / "data" / "truth")
    return next(folder.glob(f"data/dynamic{animal}-*"))


def transferred(core: Path, recording: Path, path: Path):
    """The core with readouts of the animal, settled on its minute; the ridge has no share."""
    if not path.exists():
        known = load_twin(core)
        short = {"steps": 12, "fit": known.config.fit.model_copy(update={"epochs": 5})}
        trained = train_foundation([open_recording(recording)], known.config.model_copy(update=short), onto=known.twin)
        write_twin(fitted_of(trained), path)
    fitted = read_twin(path)
    fitted.twin.animal(recording.name).ridge.share.fill_(0)
    return fitted


def told(twin, name: str, window, of: ReadoutEvidence) -> tuple[torch.Tensor, torch.Tensor]:
    """Minus the second derivative, and the first, of the Poisson log-likelihood of responses to a film, as `evidence` has them."""
    head, every = twin.animal(name), slice(SKIPPED, None, of.every)
    with torch.no_grad():
        features, modulation, _ = twin.see(name, *tensors(window, twin.device))
        seen = head.readout.seen(features)[every]
        drive, gain = head.readout(features)[every, :, 0], torch.exp(modulation[0, every] @ head.gain.T)
    seen = torch.cat([seen, torch.ones_like(seen[..., :1])], -1).transpose(0, 1)
    rate, slope = torch.nn.functional.softplus(drive) * gain, torch.sigmoid(drive) * gain
    bent, answers = slope * torch.sigmoid(-drive), torch.from_numpy(window.responses[0, every]).clamp(min=0)
    score, bend = (answers / rate - 1) * slope, bent - answers * (bent / rate - (slope / rate) ** 2)
    excess = of.excess[:, 0].float()
    precision = torch.bmm((seen * bend.T[..., None].clamp(min=0)).mT, seen) / excess[:, None, None]
    return precision, torch.einsum("fu,ufe->ue", score, seen) / excess[:, None]


def world(core: Path, folder: Path, animal: int) -> dict[str, np.ndarray]:
    """All that choices and their errors are made of: what each film is expected to tell, what it did tell, and the films to test on."""
    kept = folder / f"world{animal}.npz"
    if kept.exists():
        return dict(np.load(kept))
    place = recorded(folder, animal)
    fitted = transferred(core, place, folder / f"tr{animal}.pt")
    twin, recording, head = fitted.twin, open_recording(place), fitted.twin.animal(place.name)
    responder, left_out = AnimalResponder(fitted, place.name), fitted.config.left_out_s
    training = fitted.training(recording)
    of, scale = evidence(twin, place.name, training, left_out), np.asarray(training.scales.responses)
    tier = recording.trials["tier"].to_numpy()
    rows, tests = (np.flatnonzero(tier == name) for name in ("pool", "test"))
    found: dict[str, list] = {name: [] for name in ("J", "P", "b", "var", "pred", "S", "M", "E")}
    for row in rows:
        window = Clips(training.recording, rows, training.scales, fitted.config.clips).read(int(row))
        video = np.array(recording.open_trial(int(row)).video, dtype=np.float32)[None]
        units = torch.arange(len(recording.units))
        found["J"].append(expected_information(responder, torch.from_numpy(video), of, units)[0].numpy())
        found["var"].append(video.var())
        found["pred"].append((responder.respond_clips(video)[0, SKIPPED:] / scale).mean())
        precision, pull = told(twin, place.name, window, of)
        found["P"].append(precision.numpy())
        found["b"].append((pull.double() + torch.einsum("uij,uj->ui", precision.double(), of.start[:, 0])).numpy())
    for row in tests:
        window = Clips(training.recording, tests, training.scales, fitted.config.clips).read(int(row))
        with torch.no_grad():
            features, modulation, _ = twin.see(place.name, *tensors(window, twin.device))
            seen = head.readout.seen(features)
        some = slice(SKIPPED, FRAMES, 4)
        truth = np.load(folder / "data" / "truth" / place.name / "expected" / f"{recording.trials['trial'].iloc[row]}.npy").T
        found["S"].append(torch.cat([seen, torch.ones_like(seen[..., :1])], -1)[some].numpy())
        found["M"].append(modulation[0][some].numpy())
        found["E"].append(truth[:FRAMES][some] / scale)
    kind = recording.trials["kind"].to_numpy().astype(str)
    mixture = dict(zip(("share", "mean", "covariance"), (part[0].double().numpy() for part in twin.prior()), strict=True))
    known = {"A": posterior_precision(twin, of).numpy(), "prec": of.precision[:, 0].numpy(), "pull": of.pull[:, 0].numpy()}
    kinds = {"kind": kind[rows], "K": kind[tests], "gain": head.gain.detach().numpy()}
    made = {name: np.stack(parts) for name, parts in found.items()} | kinds | mixture | known
    np.savez(kept, **made)
    return made


def errors(of: dict[str, np.ndarray], sets: list[np.ndarray], test: np.ndarray) -> np.ndarray:
    """Error of noise-free responses after each set of films, mean over units; 2 at most of each."""
    prior = ReadoutPrior(*(torch.from_numpy(of[name])[None] for name in ("share", "mean", "covariance")))
    seen, truth = (of[name][test].reshape(-1, *of[name].shape[2:]) for name in ("S", "E"))
    gain = np.exp(of["M"][test].reshape(-1, of["M"].shape[-1]) @ of["gain"].T)
    variance, found = truth.var(0), []
    for some in sets:
        precision = torch.from_numpy(of["prec"] + of["P"][some].sum(0, dtype=np.float64))[:, None]
        pull = torch.from_numpy(of["pull"] + of["b"][some].sum(0))[:, None]
        mean = posterior_means(ReadoutEvidence(pull, precision, pull), prior)[:, 0].numpy()
        rate = np.logaddexp(0, np.einsum("fue,ue->fu", seen, mean)) * gain
        found.append((((rate - truth) ** 2).mean(0) / variance).clip(0, 2).mean())
    return np.array(found)


def curves(of: dict[str, np.ndarray], pool: np.ndarray, test: np.ndarray, draws: int, animal: int) -> dict[str, np.ndarray]:
    chosen = most_informative(of["A"], of["J"][pool], max(BUDGETS))
    orders = {"chosen": chosen.order, "not updated": np.argsort(-chosen.alone)}
    orders |= {name: np.argsort(-of[score][pool]) for name, score in (("most contrast", "var"), ("most response", "pred"))}
    found = {name: errors(of, [pool[order[:n]] for n in BUDGETS], test) for name, order in orders.items()}
    drawn = [rng_for(SEED, "films", animal, draw).permutation(pool) for draw in range(draws)]
    found["random"] = np.mean([errors(of, [order[:n] for n in AT_RANDOM], test) for order in drawn], axis=0)
    found["bits"] = np.array([told_together(of["A"], of["J"][pool], chosen.order[:n]) for n in BUDGETS]) / len(of["A"]) / np.log(2)
    found["random bits"] = np.mean([[told_together(of["A"], of["J"], order[:n]) for n in BUDGETS] for order in drawn[:5]], axis=0)
    found["random bits"] /= len(of["A"]) * np.log(2)
    return found


def needed(error: float, curve: np.ndarray) -> float:
    """Films at which the curve of random choices, made to fall, comes down to an error; the ends where it lies beyond them."""
    falling = np.minimum.accumulate(curve) - 1e-9 * np.arange(len(curve))
    return float(np.exp(np.interp(-np.log(error), -np.log(falling), np.log(AT_RANDOM))))


def main(core: str, folder: str, animals: int = 5, draws: int = 20) -> None:
    with threads(1):
        worlds = [world(Path(core), Path(folder), animal) for animal in range(animals)]
        for of_pool, of_test in ((LEAVES, LEAVES), ("all kinds", "all kinds"), ("all kinds", LEAVES)):
            tables = []
            for animal, of in enumerate(worlds):
                test = np.flatnonzero((of["K"] == LEAVES) | (of_test != LEAVES))
                each = [np.flatnonzero(of["kind"] == kind) for kind in ([LEAVES] if of_pool == LEAVES else stimuli.KINDS)]
                pool = np.concatenate([rows if of_pool == LEAVES else rows[:24] for rows in each])
                tables.append(curves(of, pool, test, draws, animal))
            print(f"films of {of_pool}, tested on {of_test}")
            for name in ("bits", "random bits", "random", *NAMES):
                numbers = AT_RANDOM if name == "random" else BUDGETS
                print(f"  {name:14s} {np.mean([table[name] for table in tables], axis=0).round(3)} at {numbers}")
            for name in NAMES:
                for at, budget in enumerate(BUDGETS):
                    ratio = np.log([needed(table[name][at], table["random"]) / budget for table in tables])
                    half = stats.t.ppf(0.975, animals - 1) * ratio.std(ddof=1) / animals**0.5
                    low, mean, high = np.exp([ratio.mean() - half, ratio.mean(), ratio.mean() + half])
                    print(f"  {name:14s} {budget:3d} films: random needs {mean:.2f} x [{low:.2f}, {high:.2f}]; {np.exp(ratio).round(2)}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
