"""What the explorer of a run must say, worked out from the run's tables, and a table of made-up scores of half of its units.

python tests/browser/expected.py RUN scores.csv > expected.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

BIN_UM = 20
THRESHOLD = 140  # level of probability


def main(run: Path, scores: Path) -> None:
    neurons = pd.read_parquet(run / "tables/neurons.parquet").set_index("nucleus_id")
    pairs = pd.read_parquet(run / "predictions/connectivity.parquet")
    places = neurons[["x_um", "depth_um", "z_um"]]
    apart = places.loc[pairs["pre_nucleus_id"]].to_numpy() - places.loc[pairs["post_nucleus_id"]].to_numpy()
    pairs["away"] = np.linalg.norm(apart, axis=1)
    classes = neurons["cell_type"].value_counts().index[:2].tolist()
    of_a = pairs[neurons["cell_type"].reindex(pairs["pre_nucleus_id"]).to_numpy() == classes[0]]
    of_a = of_a[of_a["away"].notna()]
    in_b = neurons["cell_type"].reindex(of_a["post_nucleus_id"]).to_numpy() == classes[1]
    strata = of_a.assign(bin=np.minimum(of_a["away"] // BIN_UM, 59), own=in_b).groupby(["pre_nucleus_id", "bin", "own"])["connected"]
    n, c = (counts.unstack("own").dropna() for counts in (strata.size(), strata.sum()))
    ratio = (c[True] * n[False] / n.sum(axis=1)).sum() / (c[False] * n[True] / n.sum(axis=1)).sum()
    level = THRESHOLD
    above = pairs[pairs["graph model"] >= 1 / (1 + np.exp(12 - level * 16 / 254))]
    axon = pairs[pairs["connected"]]["pre_nucleus_id"].value_counts().index[0]
    targets = pairs[(pairs["pre_nucleus_id"] == axon) & pairs["connected"]]
    placed = places.dropna().index
    arbored = [int(axon), *(int(one) for one in targets["post_nucleus_id"] if one in placed)][:3]
    for nucleus in arbored:
        write_skeletons(scores.parent, nucleus, places.loc[nucleus].to_numpy(float))
    units = pd.read_parquet(run / "tables/units.parquet")[["session", "scan_idx", "unit_id", "nucleus_id"]].iloc[::2]
    units = units.assign(cc_norm=np.linspace(0, 1, len(units)))
    units.drop(columns="nucleus_id").to_csv(scores, index=False)
    types = pd.read_parquet(run / "predictions/cell_type.parquet").query("split == 'neuron'")
    held = types[types["nucleus_id"] == types["nucleus_id"].iloc[0]].set_index("model")
    best = units.iloc[-1].astype(int)
    told = {
        "told": {"nucleus": int(held["nucleus_id"].iloc[0]), "models": held[f"probability_{held['true'].iloc[0]}"].to_dict()},
        "scored": {"nucleus": int(best["nucleus_id"]), "rows": len(units), "unit": "/".join(map(str, best.iloc[:3]))},
        "run": run.name,
        "arbored": len(arbored),
        "neurons": len(neurons),
        "classes": classes,
        "connected": int(of_a[in_b]["connected"].sum()),
        "pairs": int(in_b.sum()),
        "ratio": float(ratio),
        "controls": int(c[False].sum()),
        "level": level,
        "above": len(above),
        "precision": float(above["connected"].mean()),
        "recall": float(above["connected"].sum() / pairs["connected"].sum()),
        "axon": int(axon),
        "axon_class": str(neurons["cell_type"].get(axon)),
        "targets": len(targets),
        "target": int(targets.sort_values("graph model", ascending=False)["post_nucleus_id"].iloc[0]),
        "best": float(targets["graph model"].max()),
    }
    json.dump(told, sys.stdout)


def write_skeletons(folder: Path, nucleus: int, soma: np.ndarray) -> None:
    """An axon and a dendrite of a neuron as straight lines of 100 um from its soma, along x and along z, in um."""
    for compartment, kind, along in (("axons", 2, np.array([0.5, 0, 0])), ("dendrites", 3, np.array([0, 0, 0.5]))):
        (folder / compartment).mkdir(exist_ok=True)
        points = [(soma + k * along).round(3) for k in range(200)]
        lines = [f"{k + 1} {kind if k else 1} {x} {y} {z} 0.5 {k or -1}" for k, (x, y, z) in enumerate(points)]
        (folder / compartment / f"{nucleus}.swc").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
