"""Write tables of smooth tissue as users have them, ask `graphtwin like-to-like`, and compare its claims with the function behind them.

python analyses/planted_pairs/spatial_command.py [--tables 10] [--out runs/planted_pairs/command]
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import entry_points
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from spatial import ALPHA, RULE, SIMILARITY, Cell, neurons_of, pairs_of, places
from tqdm import tqdm
from typer.testing import CliRunner

from graphtwin.artifacts import write_table
from graphtwin.wiring.pairs import outcome_of
from graphtwin.wiring.spatial import robust_slopes

SCENARIOS, N_AXONS, NULLS = ("none", "own", "shared", "distance"), 30, 99
NUMBERS = {"estimate": "estimate", "low": "low", "high": "high", "p_spatial": "p_spatial"}  # names in claims.json, and in robust_slopes
AGREE = 1e-6  # share by which numbers that passed through files may differ


def asked(cell: Cell, table: int, folder: Path) -> dict[str, object]:
    """What the command says of one table, what the function says, and the seconds."""
    drawn, out = cell.drawn(table), folder / f"{cell.scenario}, {table}"
    pairs, neurons = folder / f"{cell.scenario}, {table}, pairs.csv", folder / f"{cell.scenario}, {table}, neurons.csv"
    pairs_of(drawn).drop(columns="distance_um").to_csv(pairs, index=False)
    neurons_of(drawn).to_csv(neurons, index=False)
    (command,) = entry_points(group="console_scripts", name="graphtwin")
    words = ["like-to-like", pairs, "--neurons", neurons, "--similarity", SIMILARITY, "--by", "none", "--inclusion", "none"]
    begun = perf_counter(), process_time()
    done = CliRunner().invoke(command.load(), [str(word) for word in [*words, "--nulls", NULLS, "--out", out, "--force"]])
    spent = {"seconds": perf_counter() - begun[0], "cpu_seconds": process_time() - begun[1]}
    named = {"scenario": cell.scenario, "rule": cell.rule, "table": table}
    if done.exit_code:
        return named | {"agrees": False, "why": done.output[-200:]} | spent
    (claim,) = json.loads((out / "claims.json").read_text(encoding="utf-8"))
    row = robust_slopes(outcome_of(pairs_of(drawn), "synapse_density", [SIMILARITY]), places(drawn))[0].iloc[0]
    off = {name: (claim[name], float(row[ours])) for name, ours in NUMBERS.items() if not np.isclose(claim[name], row[ours], rtol=AGREE)}
    should = bool(row["p"] <= ALPHA) and bool(row["p_spatial"] <= ALPHA) and row["geometry"] != ""
    if claim["claimed"] != should:
        off["claimed"] = (claim["claimed"], should)
    found = {
        "claimed": claim["claimed"],
        "by_function": should,
        "agrees": not off,
        "why": json.dumps(off) if off else "; ".join(claim["why_not"]),
    }
    return named | found | spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=10, help="of each scenario, every other with a rule")
    parser.add_argument("--out", type=Path, default=Path("runs/planted_pairs/command"))
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    work = [(Cell(name, N_AXONS, RULE * (table % 2)), table) for name in SCENARIOS for table in range(chosen.tables)]
    found = pd.DataFrame([asked(cell, table, chosen.out) for cell, table in tqdm(work, unit="table")])
    write_table(found, chosen.out / "claims.csv")
    print(
        found.groupby(["scenario", "rule"], sort=False)[["claimed", "by_function", "agrees", "seconds", "cpu_seconds"]]
        .mean()
        .round(3)
        .to_string()
    )
    wrong = found[~found["agrees"].astype(bool)]
    if len(wrong):
        raise SystemExit(f"{len(wrong)} of {len(found)} tables: the command and the function do not agree.\n{wrong.to_string()}")


if __name__ == "__main__":
    main()
