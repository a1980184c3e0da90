"""Pairs to proofread next: the error of the like-to-like slope against the number of pairs, chosen against drawn at random.

python benchmarks/bench_next_pairs.py FOLDER [CORTICES] [DRAWS]

Simulated cortices of 600 neurons with a planted rule are written to FOLDER, where they are not there yet. Every pair of an axon and a cell
that come near each other may be proofread. Begun with 500 pairs at random, more are chosen in steps; a logistic regression on log
co-travel, similarity and types is fitted to what is known after each, and with it the next are chosen. The error is the distance of its
slope of similarity from that of all pairs, RMS over draws. Data are all pairs known, the first 500 too. How many a random choice needs for
the error of a design is read off its curve (log-log, made to fall); the ratio has its interval over cortices (t of its logarithm).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from graphtwin.execute import rng_for, threads
from graphtwin.statistics import Rows, most_telling_rows
from graphtwin.synthetic import steps

START, CHOSEN, AT_RANDOM = 500, (100, 200, 400, 800), (100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600)
SLOPE = 2
AXON_VARIANCE = 0.4  # of log rates over axons, about that of simulated cortices
NAMES = ("chosen", "not updated", "most probable", "most uncertain", "most extreme")


@dataclass(frozen=True)
class Pairs:
    x: np.ndarray
    connected: np.ndarray
    axon: np.ndarray


def cortex(folder: Path, seed: int) -> Pairs:
    place = folder / f"cortex{seed}"
    if not (place / "truth" / "pairs.parquet").exists():
        config = steps.SimulateConfig(neurons=600, animals=1, minutes=0, seed=seed)
        steps.plant_animal(config, place, 0)
        steps.wire(config, place, 1)
    table = pd.read_parquet(place / "truth" / "pairs.parquet")
    columns = [np.log(table["l_d_um"].clip(lower=1)), table["feature_similarity"], table["pre_inhibitory"], table["post_inhibitory"]]
    x = np.column_stack(columns)
    x = (x - x.mean(0)) / x.std(0)
    axon = pd.factorize(table["pre_nucleus_id"])[0]
    return Pairs(np.column_stack([np.ones(len(x)), x]), (table["n_synapses"] > 0).to_numpy(np.float64), axon)


def fit(x: np.ndarray, connected: np.ndarray) -> np.ndarray:
    """Coefficients of a logistic regression with a weak prior (SD 3 of slopes), by Newton's steps, halved where they do not climb."""
    prior = np.diag([1e-3, *[1 / 9] * (x.shape[1] - 1)])

    def height(at: np.ndarray) -> float:
        drive = x @ at
        return float((connected * drive - np.logaddexp(0, drive)).sum() - at @ prior @ at / 2)

    found = np.array([-3.0, *[0.0] * (x.shape[1] - 1)])
    for _ in range(100):
        chance = expit(x @ found)
        step = np.linalg.solve((x * (chance * (1 - chance))[:, None]).T @ x + prior, x.T @ (connected - chance) - prior @ found)
        while height(found + step) < height(found) and np.abs(step).max() > 1e-8:
            step /= 2
        found = found + step
        if np.abs(step).max() < 1e-8:
            break
    return found


def choice(how: str, of: Pairs, known: np.ndarray, left: np.ndarray, slopes: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    if how == "random":
        return rng.choice(left, n, replace=False)
    chance = expit(of.x @ slopes)
    weight = chance * (1 - chance)
    if how in ("chosen", "not updated"):
        observed, others = (Rows(of.x[rows], weight[rows], of.axon[rows]) for rows in (known, left))
        found = most_telling_rows(observed, others, n if how == "chosen" else 1, SLOPE, AXON_VARIANCE)
        return left[found.order] if how == "chosen" else left[np.argsort(-found.alone)[:n]]
    score = {"most probable": chance, "most uncertain": weight, "most extreme": np.abs(of.x[:, SLOPE])}[how]
    return left[np.argsort(-score[left])[:n]]


def errors(of: Pairs, how: str, budgets: tuple[int, ...], seed: int, draw: int) -> list[float]:
    rng = rng_for(seed, "pairs to proofread", draw)
    known = rng.permutation(len(of.x))[:START]
    truth, found = fit(of.x, of.connected)[SLOPE], []
    for budget in budgets:
        slopes = fit(of.x[known], of.connected[known])
        left = np.setdiff1d(np.arange(len(of.x)), known)
        known = np.concatenate([known, choice(how, of, known, left, slopes, START + budget - len(known), rng)])
        found.append(fit(of.x[known], of.connected[known])[SLOPE] - truth)
    return found


def needed(error: float, budgets: tuple[int, ...], curve: np.ndarray) -> float:
    """Pairs at which a curve of errors, made to fall, comes down to an error; the last where it does not."""
    falling = np.minimum.accumulate(curve)
    return float(np.exp(np.interp(-np.log(error), -np.log(falling), np.log(np.array(budgets) + START))))


def main(folder: str, cortices: int = 5, draws: int = 10) -> None:
    rms = lambda values: np.sqrt(np.mean(np.square(values), axis=0))  # noqa: E731
    curves: dict[str, list[np.ndarray]] = {name: [] for name in ("random", *NAMES)}
    with threads(1):
        for seed in range(2, 2 + cortices):
            of = cortex(Path(folder), seed)
            for name, found in curves.items():
                one = partial(errors, of, name, AT_RANDOM if name == "random" else CHOSEN, seed)
                found.append(rms([one(draw) for draw in range(draws)]))
    print(f"random          {np.mean(curves['random'], axis=0).round(3)} at {START} + {AT_RANDOM}")
    for name in NAMES:
        print(f"{name:15s} {np.mean(curves[name], axis=0).round(3)} at {START} + {CHOSEN}")
        for at, budget in enumerate(CHOSEN):
            pairs = zip(curves[name], curves["random"], strict=True)
            ratio = np.log([needed(own[at], AT_RANDOM, random) / (START + budget) for own, random in pairs])
            half = stats.t.ppf(0.975, cortices - 1) * ratio.std(ddof=1) / cortices**0.5
            low, mean, high = np.exp([ratio.mean() - half, ratio.mean(), ratio.mean() + half])
            print(f"    {budget:5d} chosen: random needs {mean:.2f} x the pairs [{low:.2f}, {high:.2f}]; {np.exp(ratio).round(1)}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
