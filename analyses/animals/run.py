"""One table over animals: what place, contact, anatomy, messages and function tell of who connects, from finished runs.

python analyses/animals/run.py [--run worm=runs/worm ...] [--animals worm fly simulated minnie65] [--out runs/animals]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import graphtwin
from graphtwin.artifacts import write_table
from graphtwin.kinds import is_finished

HERE = Path(__file__).parent
ANIMALS = ("worm", "fly", "simulated", "minnie65")
MODELS = ("distance", "exposure", "boosting", "boosting + messages", "graph model, no function", "graph model", "message passing alone")
# What the graph model is compared with.
DIFFERENCES = ("boosting", "boosting + messages", "graph model, no function", "graph model without message passing")
METRICS = ("auc", "average_precision")
SUBSETS = ("within exposure", "all")
NULLS = {"embeddings permuted": "permuted", "degree-preserving rewiring": "rewired"}  # how the name of a null begins
SAME_FOLDS = "graph model, folds of the nulls"
CEILING = "Witvliet 7"  # the other adult whose nerve ring was reconstructed like that of the worm of the source
FLY_EMBEDDINGS = Path("runs/fly/embeddings_dynamic0-1-1-trained.parquet")  # of network 000; analyses/fly/run.py writes it
# Five million pairs: two folds and one permutation, so that the fly's has no p.
FLY_SETTINGS = ["permutations=1", "axon_folds=2", "block_folds=2", "neuron_folds=2", "neurons.members=1"]
CORTEX = {"neurons": 800, "animals": 1, "minutes": 0.0}  # no movies: function is what narrow scans measured of directions
COLUMNS = ["animal", "subset", "what", "metric", "estimate", "low", "high", "n"]


def made(animal: str, out: Path) -> Path:
    """The folder of an animal's run, which is made where it is missing; one that was stopped goes on."""
    folder = out / animal
    resume = folder.exists()
    if is_finished(folder):
        return folder
    if animal == "fly":
        if not FLY_EMBEDDINGS.exists():
            raise FileNotFoundError(
                f"{FLY_EMBEDDINGS}: no embeddings of the fly's network 000. Run `analyses/fly/run.py --networks 0`, which writes them, "
                "or give a finished run: --run fly=FOLDER."
            )
        return graphtwin.run(FLY_SETTINGS, source="fly", embeddings_file=FLY_EMBEDDINGS, out=folder, resume=resume)
    if animal == "simulated":
        cortex = out / "simulated_cortex"
        graphtwin.simulate(cortex, resume=cortex.exists(), **CORTEX)
        return graphtwin.run(source=cortex / "source.toml", out=folder, resume=resume)
    return graphtwin.run(source=animal, out=folder, resume=resume)


def rows_of(animal: str, folder: Path) -> pd.DataFrame:
    """All rows of one finished run: models, differences, nulls and shares of the ceiling on held-out axons, one estimate each."""
    scores = [_models(folder), _differences(folder), _nulls(folder), _shares(folder)]
    return pd.concat([part for part in scores if len(part)], ignore_index=True).assign(animal=animal)[COLUMNS]


def _of_axons(folder: Path, table: str) -> pd.DataFrame:
    """Rows of a table of results about held-out axons, in the metrics and subsets that are told."""
    found = pd.read_parquet(folder / f"{table}.parquet")
    asked = (found["task"] == "connectivity") & (found["split"] == "axon") & found["metric"].isin(METRICS) & found["subset"].isin(SUBSETS)
    return found[asked].rename(columns={"model": "what"})


def _models(folder: Path) -> pd.DataFrame:
    """Scores of the models; that of `majority` is chance, which for average precision is the share of connected pairs."""
    found = _of_axons(folder, "metrics")
    return found[found["what"].isin(["majority", *MODELS])].replace({"what": {"majority": "chance"}})


def _differences(folder: Path) -> pd.DataFrame:
    """The graph model less what it is compared with, on the same draws of axons."""
    found = _of_axons(folder, "differences")
    return found[found["what"].isin([f"graph model - {other}" for other in DIFFERENCES])]


def _nulls(folder: Path) -> pd.DataFrame:
    """Means of the nulls, their least and largest replicate as `low` and `high`, and the graph model on the same folds of axons."""
    found = pd.read_parquet(folder / "permutations.parquet").query("task == 'connectivity' and metric in @METRICS")
    rows: list[dict[str, Any]] = []
    for metric, of_metric in found.groupby("metric", sort=False):
        for null, value in of_metric.groupby("null", sort=False)["estimate"]:
            what = next(name for begin, name in NULLS.items() if str(null).startswith(begin))
            rows.append(
                {"metric": metric, "what": what, "estimate": value.mean(), "low": value.min(), "high": value.max(), "n": len(value)}
            )
        rows.append({"metric": metric, "what": SAME_FOLDS, "estimate": of_metric["observed"].iloc[0], "n": 1})
    return pd.DataFrame(rows).assign(subset=headline(folder))


def headline(folder: Path) -> str:
    """The subset that the nulls of a run are of: pairs within exposure, where the source has exposures."""
    there = set(_of_axons(folder, "metrics")["subset"])
    return next(subset for subset in SUBSETS if subset in there)


def _shares(folder: Path) -> pd.DataFrame:
    """Shares of the way from exposure alone to the ceiling, and the ceiling itself; no row where no other animal was wired."""
    if not (folder / "ceiling.parquet").exists():
        return pd.DataFrame()
    found = pd.read_parquet(folder / "ceiling.parquet").query("animal == @CEILING").drop(columns="n")
    pairs = found.assign(n=np.nan)
    shares = pairs[pairs["model"].isin(MODELS)].drop(columns=["estimate", "low", "high"])
    shares = shares.rename(columns={"share": "estimate", "share_low": "low", "share_high": "high"})
    ceilings = pairs[pairs["model"].str.startswith("wiring of")]
    return pd.concat([ceilings.assign(what=ceilings["model"]), shares.assign(what="share: " + shares["model"])], ignore_index=True)


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """The table for people: a column an animal and subset, a row a model and metric."""
    known = table[["low", "high"]].notna().all(axis=1)
    interval = table.apply(lambda row: f" [{_short(row['low'])}, {_short(row['high'])}]", axis=1).where(known, "")
    cells = table.assign(cell=table["estimate"].map(_short) + interval)
    order = dict.fromkeys(zip(cells["metric"], cells["what"], strict=True))
    found = cells.pivot(index=["metric", "what"], columns=["animal", "subset"], values="cell").reindex(pd.MultiIndex.from_tuples(order))
    return found.sort_index(level=0, sort_remaining=False).fillna("")


def _short(value: float) -> str:
    """A number in three digits after the point, or four where it is small."""
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.4f}"


def compare(table: pd.DataFrame, expected: list[dict[str, Any]]) -> list[str]:
    """The expected ranges that are not met, in words; animals that the table does not have are not compared."""
    wrong = []
    for entry in expected:
        key = {name: entry[name] for name in ("animal", "subset", "what", "metric")}
        if entry["animal"] not in set(table["animal"]):
            continue
        found = table.loc[np.logical_and.reduce([table[name] == value for name, value in key.items()]), "estimate"]
        if len(found) != 1 or not entry["low"] <= found.item() <= entry["high"]:
            wrong.append(f"{', '.join(key.values())}: {found.tolist()}, between {entry['low']} and {entry['high']} is expected")
    return wrong


def folders_of(given: list[str]) -> dict[str, Path]:
    """Folders by animal from `animal=folder`; one that is no finished run is an error."""
    found = {}
    for text in given:
        animal, _, folder = text.partition("=")
        if animal not in ANIMALS or not is_finished(folder):
            raise ValueError(f"--run {text}: give ANIMAL=FOLDER with one of {', '.join(ANIMALS)} and the folder of a finished run.")
        found[animal] = Path(folder)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="append", default=[], metavar="ANIMAL=FOLDER", help="a finished run; may be repeated")
    parser.add_argument("--animals", nargs="*", choices=ANIMALS, default=list(ANIMALS), help="animals of the table")
    parser.add_argument("--out", type=Path, default=Path("runs/animals"), help="runs that are missing are made there")
    asked = parser.parse_args()
    given = folders_of(asked.run)
    folders = {animal: given.get(animal) or made(animal, asked.out) for animal in asked.animals}
    table = pd.concat([rows_of(animal, folder) for animal, folder in folders.items()], ignore_index=True)
    asked.out.mkdir(parents=True, exist_ok=True)
    write_table(table, asked.out / "animals.csv")
    print(wide(table).to_string())
    wrong = compare(table, json.loads((HERE / "expected.json").read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
