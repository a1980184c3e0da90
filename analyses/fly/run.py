"""Trained networks of the fly's motion pathway, functional twins of them, and what the twins' embeddings say of types, columns and wiring.

python analyses/fly/run.py [--networks 0 1 2 3 4] [--out runs/fly]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from filmed import Plan, films_of, record
from told import permuted, scores

from graphtwin import twin
from graphtwin.artifacts import write_parquet, write_table
from graphtwin.kinds import is_finished
from graphtwin.sources.loaders import fly
from graphtwin.statistics import percentile_interval
from graphtwin.synthetic.fly import FIRST, Eye, all_edges, eye, of_both, of_edges, selectivity
from graphtwin.synthetic.function import GREY
from graphtwin.twin.fitting import AnimalResponder, embed_units

HERE = Path(__file__).parent
NETWORKS = (0, 1, 2, 3, 4)
PLAN = Plan()
TRAINING = ["fit.epochs=8", "steps=40"]
GREY_FRAMES = 30  # frames of grey before an edge
REPLICATES = 2000


def recorded(network: int | None, of: Eye, films: np.ndarray, out: Path) -> Path:
    """The recording of a network; one that is there is not made again."""
    folder = out / f"dynamic{99 if network is None else network}-1-1-{'untrained' if network is None else 'trained'}"
    return folder if folder.exists() else record(of, PLAN, films, folder)


def fitted(recording: Path) -> tuple[Path, pd.DataFrame]:
    """The folder of the twin of a recording, and its units with type, column and embedding; a stopped training goes on."""
    place = recording.with_name(f"twin_{recording.name}")
    if not is_finished(place):
        twin.fit([recording], place, TRAINING, resume=place.exists(), threads=1, device="cpu")
    table = place.with_suffix(".parquet")
    if not table.exists():
        write_parquet(embed_units(twin.load(place)), table)
    cells = pd.read_parquet(recording.with_suffix(".parquet")).merge(pd.read_parquet(table), on="unit_id", validate="one_to_one")
    names = fly.names_of(fly.lattice_of(PLAN.extent, fly.read_arrays()))
    ids = {name: number for number, name in enumerate(names, 1)}  # those of `--source fly`
    of_source = cells.assign(nucleus_id=cells["name"].map(ids))[["nucleus_id", *cells.filter(like="embedding_"), "reliability"]]
    write_parquet(of_source, place.with_name(f"embeddings_{recording.name}.parquet"))
    return place, cells


def predicted(place: Path, recording: Path) -> float:
    """Mean correlation of predicted and recorded responses to films that training had none of."""
    return float(twin.score(place, recording).units["cc_abs"].mean())


def edges_seen(of: Eye, place: Path, name: str) -> dict[str, dict[str, float]]:
    """What T4 and T5 cells answer to moving edges: in the network, and in silico, in its twin."""
    neurons = of.inside(PLAN.extent)
    potentials = of.watch(all_edges(), neurons) - of.at_rest()[neurons, None]
    responder = AnimalResponder(twin.load(place), name)
    order = pd.Series(np.arange(len(responder.units)), responder.units["unit_id"].to_numpy())[neurons + 1].to_numpy()
    answered = {
        "network": np.maximum(potentials[:, :, FIRST:], 0).max(2),
        "twin": np.stack([_peaks(responder, film) for film in all_edges()])[:, order],
    }
    cells = {who: selectivity(peaks, of.types[neurons]) for who, peaks in answered.items()}
    return {who: of_edges(table) for who, table in cells.items()} | {"both": of_both(cells["network"], cells["twin"])}


def _peaks(responder: AnimalResponder, film: np.ndarray) -> np.ndarray:
    """Largest answer of each unit above that to the grey before."""
    told = np.asarray(responder.respond(np.concatenate([np.full((GREY_FRAMES, *film.shape[1:]), GREY, np.float32), film])))
    return np.maximum(told[GREY_FRAMES + FIRST :] - told[GREY_FRAMES // 2 : GREY_FRAMES].mean(0), 0).max(0)


def of_network(network: int | None, films: np.ndarray, out: Path) -> pd.DataFrame:
    """All numbers of one network: network, variant, quantity, value."""
    of = eye(network, PLAN.extent + PLAN.around)
    recording = recorded(network, of, films, out)
    place, cells = fitted(recording)
    variants: dict[str, dict[str, float]] = {"function": scores(cells, of.lattice) | {"held-out correlation": predicted(place, recording)}}
    if network is not None:
        variants["permuted within type"] = scores(permuted(cells, "cell_type"), of.lattice)
        variants["permuted"] = scores(permuted(cells, None), of.lattice)
    variants |= {f"edges, {who}": found for who, found in edges_seen(of, place, recording.name).items()}
    name = "untrained" if network is None else f"{network:03d}"
    return pd.DataFrame([(name, variant, *row) for variant, found in variants.items() for row in found.items()], columns=COLUMNS)


COLUMNS = ["network", "variant", "quantity", "value"]


def over_networks(found: pd.DataFrame) -> pd.DataFrame:
    """Mean of each quantity over trained networks with a 95 % interval that resamples networks, and the untrained one beside it."""
    rows = []
    for (variant, quantity), part in found.groupby(["variant", "quantity"], sort=False):
        trained = part.loc[part["network"] != "untrained", "value"].to_numpy()
        row: dict[str, Any] = {"variant": variant, "quantity": quantity, "mean": np.nan, "low": np.nan, "high": np.nan, "n": len(trained)}
        if len(trained):
            row["mean"] = trained.mean()
        if len(trained) >= 5:
            drawn = np.random.default_rng(0).integers(0, len(trained), (REPLICATES, len(trained)))
            row["low"], row["high"] = percentile_interval(trained[drawn].mean(1), len(trained) - 1.0)
        untrained = part.loc[part["network"] == "untrained", "value"]
        rows.append(row | {"untrained": untrained.item() if len(untrained) else np.nan})
    return pd.DataFrame(rows)


def compare(table: pd.DataFrame, expected: list[dict[str, Any]]) -> list[str]:
    """The expected ranges that are not met, in words."""
    wrong = []
    for entry in expected:
        found = table.loc[(table["variant"] == entry["variant"]) & (table["quantity"] == entry["quantity"]), "mean"]
        if len(found) != 1 or not entry["low"] <= found.item() <= entry["high"]:
            wrong.append(
                f"{entry['variant']}, {entry['quantity']}: {found.tolist()}, between {entry['low']} and {entry['high']} is expected"
            )
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, nargs="*", default=list(NETWORKS), help="numbers of trained networks, 0 to 49")
    parser.add_argument("--out", type=Path, default=Path("runs/fly"), help="a stopped study goes on there")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    films = films_of(PLAN)
    found = pd.concat([of_network(network, films, asked.out) for network in [*asked.networks, None]], ignore_index=True)
    table = over_networks(found)
    write_table(found, asked.out / "networks.csv")
    write_table(table, asked.out / "scores.csv")
    print(table.round(3).to_string(index=False))
    wrong = compare(table, json.loads((HERE / "expected.json").read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
