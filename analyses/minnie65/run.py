"""Run the full analysis of minnie65 and compare its numbers with those expected."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

import graphtwin
from graphtwin.config import read_toml

HERE = Path(__file__).parent


def compare(folder: Path, expected: list[dict[str, Any]]) -> list[str]:
    """Print each number beside the one expected; returns those that are off."""
    wrong = []
    for entry in expected:
        name = ", ".join(entry["row"].values())
        found = pd.read_parquet(folder / f"{entry['table']}.parquet")
        for column, wanted in entry["row"].items():
            found = found[found[column] == wanted]
        if len(found) != 1:
            wrong.append(f"{name}: {len(found)} rows in {entry['table']}, one is needed")
            continue
        row, value = found.iloc[0], entry["value"]
        print(f"{name}: {row['estimate']:.4f} [{row['low']:.4f}, {row['high']:.4f}], expected {value}")
        if abs(row["estimate"] - value) > entry["tolerance"]:
            wrong.append(f"{name}: {row['estimate']:.4f} is more than {entry['tolerance']} from {value}")
        if "above" in entry and not row["low"] > entry["above"]:
            wrong.append(f"{name}: its interval begins at {row['low']:.4f} and must lie above {entry['above']}")
    return wrong


def main() -> None:
    folder = graphtwin.run(resume="--resume" in sys.argv, **read_toml(HERE / "config.toml"))
    print(graphtwin.write_report(folder))
    wrong = compare(folder, json.loads((HERE / "expected.json").read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
