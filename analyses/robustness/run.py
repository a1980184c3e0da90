"""How often does `graphtwin robust train` say that function adds robustness, where it does by construction, and where it cannot?

python analyses/robustness/run.py [--repeats 10] [--out runs/robustness]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from graphtwin.artifacts import write_table, write_text
from graphtwin.pipeline import simulate_shortcut
from graphtwin.pipeline.robust import run_robust
from graphtwin.robustness import TWIN, Recipe
from graphtwin.synthetic.shortcut import PICTURES, RESPONSES

HERE = Path(__file__).parent
FIRST = 300  # seed of the first repeat: pictures and settings were chosen on seeds 200 to 204 alone
KINDS = ("planted", "shuffled")
DRAWN = ["pictures=800"]
SETTINGS = [
    "width=8", "batch=32", "fit.epochs=20", "fit.patience=20", "fit.learning_rate=0.012", "teaching.tuning_seeds=2",
    "teaching.similarity=[1.0,10.0]", "teaching.co_training=[1.0,10.0,30.0]", "teaching.label_smoothing=[0.1,0.3]",
    "teaching.noise=[0.05,0.1,0.2]", "attack.strengths=[0.02,0.05]", "attack.steps=10", "attack.pictures=100", "attack.restarts=1",
]  # fmt: skip
WAYS, METRICS = ("similarity", "co-training"), ("distorted", "attacked")  # in the order of a run's verdicts
ANSWERS = ("yes", "not shown", "no", "not tested")


def repeat(kind: str, seed: int, out: Path) -> None:
    """One whole analysis: pictures, a population, all classifiers of ten seeds, their tests; what was done before is kept."""
    place, told = out / f"{kind}_{seed}", out / f"{kind}_{seed}.json"
    if told.exists():
        return
    begun = time.process_time()
    made = place / "made"
    if not (made / "manifest.json").exists():
        simulate_shortcut(made, [*DRAWN, f"shuffled={str(kind == 'shuffled').lower()}"], seed=seed)
    run_robust(made / PICTURES, place / "run", responses=made / RESPONSES, overrides=SETTINGS, seed=seed, seeds=10, workers=1, resume=True)
    write_text(json.dumps({"cpu_s": time.process_time() - begun}), told)


def answers(kind: str, seed: int, out: Path) -> list[dict[str, Any]]:
    """A row for each verdict of a repeat: the answer, and by how much the twin's classifiers are ahead of the nearest control."""
    run = out / f"{kind}_{seed}" / "run"
    found = json.loads((run / "notes.json").read_text(encoding="utf-8"))["found"]
    table, rows = pd.read_parquet(run / "differences.parquet"), []
    for said, (way, metric) in zip(found, [(way, metric) for way in WAYS for metric in METRICS], strict=True):
        asked, _, answer = said.partition(": ")
        assert asked.lower().startswith(way), f"{said}: not the verdict on {way}"
        own = table[(table["model"] == Recipe(way, TWIN).model) & (table["metric"] == metric)]
        nearest = own.loc[own["difference"].idxmin()]
        rows.append(
            {"kind": kind, "seed": seed, "way": way, "metric": metric}
            | {"answer": next(name for name in ANSWERS if answer.startswith(name)), "nearest": nearest["control"]}
            | {name: float(nearest[name]) for name in ("difference", "low", "high")}
        )
    return rows


def accuracies(kind: str, seed: int, out: Path) -> pd.DataFrame:
    """Mean accuracy over the ten seeds of every kind of classifiers of a repeat."""
    table = pd.read_parquet(out / f"{kind}_{seed}" / "run" / "scores.parquet")
    return table.loc[table["metric"].isin(("clean", *METRICS)), ["model", "metric", "estimate"]].assign(kind=kind)


def counts(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each kind and question: repeats, in how many the answer is yes, with its exact binomial 95 % interval; either way, and each."""
    found = []
    for (kind, metric), part in rows.groupby(["kind", "metric"], sort=False):
        yes = part["answer"].eq("yes")
        each = {"either": yes.groupby(part["seed"]).any()} | {way: yes[part["way"] == way] for way in WAYS}
        for way, of in each.items():
            interval = binomtest(int(of.sum()), len(of)).proportion_ci()
            found.append((kind, way, metric, len(of), int(of.sum()), interval.low, interval.high))
    return pd.DataFrame(found, columns=["kind", "way", "metric", "repeats", "yes", "low", "high"])


def compare(table: pd.DataFrame, expected: list[dict[str, Any]]) -> list[str]:
    """The expected counts that are not met, in words."""
    wrong = []
    for entry in expected:
        of = table[(table["kind"] == entry["kind"]) & (table["way"] == entry["way"]) & (table["metric"] == entry["metric"])]
        if len(of) != 1 or not entry["low"] <= of["yes"].item() <= entry["high"]:
            asked = f"{entry['kind']}, {entry['way']} {entry['metric']}"
            wrong.append(f"{asked}: yes in {of['yes'].tolist()} repeats, where {entry['low']} to {entry['high']} are expected")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/robustness"), help="a stopped study goes on there")
    parser.add_argument("--repeats", type=int, default=10, help="of each kind; expected.json is of ten")
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    scored = []
    for seed in range(FIRST, FIRST + asked.repeats):
        for kind in KINDS:
            repeat(kind, seed, asked.out)
            rows += answers(kind, seed, asked.out)
            scored.append(accuracies(kind, seed, asked.out))
            said = "; ".join(f"{row['way']} {row['metric']} {row['answer']} {row['difference']:+.3f}" for row in rows[-4:])
            print(f"{kind}, seed {seed}: {said}", flush=True)
    table = pd.DataFrame(rows)
    found = counts(table)
    each = pd.concat(scored, ignore_index=True).groupby(["kind", "metric", "model"], sort=False)["estimate"]
    mean = each.agg(["mean", "min", "max"]).reset_index()
    for name, written in {"answers": table, "counts": found, "accuracies": mean}.items():
        write_table(written, asked.out / f"{name}.csv")
    print(mean.pivot(index="model", columns=["kind", "metric"], values="mean").round(3).to_string())
    print(found.to_string(index=False))
    spent = [json.loads((asked.out / f"{row.kind}_{row.seed}.json").read_text())["cpu_s"] for row in table.itertuples()]
    print(f"processor seconds a repeat, median: {np.median(spent):.0f}")
    wrong = compare(found, json.loads((HERE / "expected.json").read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
