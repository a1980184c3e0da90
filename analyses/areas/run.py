"""What carries over from one brain area to another, in a simulated cortex and, as far as its tables go, in minnie65.

python analyses/areas/run.py [--neurons 5000] [--out runs/areas]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphtwin import sources
from graphtwin.artifacts import write_table
from graphtwin.cortex import areas_by_neighbours, build
from graphtwin.execute import threads
from graphtwin.graph.runs import Study, make_study
from graphtwin.graph.settings import load_settings
from graphtwin.pipeline.graph import Areas, area_jobs, area_table, area_verdicts, areas_of
from graphtwin.synthetic import SimulateConfig, steps
from graphtwin.tuning import learn_embeddings, permute_embeddings

HERE = Path(__file__).parent
# Types and similar tuning decide who connects, by one rule but for the slopes of similarity (`planted_rules.py`). The tissue is four times
# as dense as by default, so that axons have connections in their own area, and all of its depth is scanned.
RULE, DENSITY, SCANS = "type+feature", 6000.0, {"depth_scans": 8, "coregistered": 1.0}
SETTINGS = ["axon_folds=2"]  # of an area asked about itself; all else as in a run
MINNIE65 = "minnie65"
PERMUTED = "function permuted within areas"


def simulated(folder: Path, neurons: int) -> Path:
    """Tables of a simulated cortex, without recordings and volume; the TOML that names them."""
    if not (folder / "source.toml").exists():
        folder.mkdir(parents=True, exist_ok=True)
        cells = {"density_per_mm2": DENSITY, "scans": SCANS}
        config = SimulateConfig.model_validate({"rule": RULE, "neurons": neurons, "animals": 1, "minutes": 0.0, "cells": cells})
        steps.wire(config, folder, 1)
        steps.table_volume(config, folder)
    return folder / "source.toml"


def study_of(source: Path) -> Study:
    """The study of a source, with embeddings learned from its responses to directions."""
    settings = load_settings(SETTINGS, source=str(source))
    cortex = build(sources.load(settings.source))
    return make_study(settings, cortex, learn_embeddings(cortex.units, settings.directions).embeddings)


def permuted(study: Study, areas: Areas) -> Study:
    """The study with function shuffled among the neurons of each area and scan."""
    stratum = pd.Series(areas.code, index=study.inputs.nucleus_id)
    return replace(study, features=permute_embeddings(study.features, stratum, study.settings.seed, 0))


def carried(study: Study, areas: Areas, out: Path) -> pd.DataFrame:
    """The table of areas of a study, whose fits are done one after the other."""
    results = {}
    for job in area_jobs(study, areas):
        file = out / f"{job.key.stem}.parquet"
        if not file.exists():
            job.work(study, out / f"{job.key.stem}.ckpt", job.key).to_parquet(file)
            print(file.name, flush=True)
        results[job.key] = pd.read_parquet(file)
    return area_table(study, areas, results)


def wiring_of_minnie65() -> pd.DataFrame:
    """How many neurons, axons and queried cells of minnie65 lie in each area, by units or by neighbours."""
    tables = sources.load(MINNIE65)
    cortex = build(tables)
    units = pd.concat([table.frame for table in tables.of("coregistration")])
    said = units.merge(pd.concat([table.frame for table in tables.of("areas")]), on=["session", "scan_idx", "unit_id"])
    one = said.groupby("nucleus_id")["brain_area"].agg(["nunique", "first"]).query("nunique == 1")["first"]
    names, neurons = sorted(one.unique()), cortex.neurons
    known = pd.Categorical(neurons["nucleus_id"].map(one), categories=names).codes.astype(np.int64)
    found = areas_by_neighbours(known, neurons[["x_um", "z_um"]].to_numpy(np.float64))
    code = pd.Series(found.code, index=neurons["nucleus_id"])
    sets = {"nuclei with a unit": one.index, "nuclei": neurons["nucleus_id"]}
    sets["neurons with function"] = neurons.loc[neurons["is_functional"], "nucleus_id"]
    for version, pairs in cortex.synapses.groupby("materialization"):
        sets[f"axons {version}"] = pairs["pre_nucleus_id"].unique()
        queried = cortex.queried.query("materialization == @version and side == 'post'")
        sets[f"queried cells {version}"] = queried["nucleus_id"]
    rows = []
    for what, ids in sets.items():
        count = np.bincount(code.reindex(ids).fillna(-1).to_numpy(int) + 1, minlength=len(names) + 1)
        rows += [(what, area, int(n)) for area, n in zip(["unknown", *names], count, strict=True)]
    rows.append(("agreement of neighbours", "all", found.agreement))
    return pd.DataFrame(rows, columns=["what", "area", "estimate"])


def compare(table: pd.DataFrame, expected: list[dict[str, Any]]) -> list[str]:
    """The expected ranges that are not met, in words."""
    wrong = []
    for entry in expected:
        key = {name: value for name, value in entry.items() if name not in ("low", "high")}
        found = table.loc[np.logical_and.reduce([table[name] == value for name, value in key.items()]), "estimate"]
        if len(found) != 1 or not entry["low"] <= found.item() <= entry["high"]:
            wrong.append(f"{', '.join(key.values())}: {found.tolist()}, between {entry['low']} and {entry['high']} is expected")
    return wrong


def main() -> int:
    """Fit what is missing, print both tables, and compare them with what is expected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, default=5000, help="neurons of the simulated cortex")
    parser.add_argument("--out", type=Path, default=Path("runs/areas"), help="folder of the cortex, the fits and the tables")
    given = parser.parse_args()
    counts = wiring_of_minnie65()
    write_table(counts, given.out / "minnie65.csv")
    print(counts.pivot(index="what", columns="area", values="estimate").fillna("").to_string())
    with threads(1):
        study = study_of(simulated(given.out / "cortex", given.neurons))
        areas = areas_of(study)
        of_kinds = {"as recorded": (study, areas), PERMUTED: (permuted(study, areas), replace(areas, of_pairs=()))}
        parts = []
        for kind, (seen, asked) in of_kinds.items():
            folder = given.out / kind.replace(" ", "_")
            folder.mkdir(parents=True, exist_ok=True)
            parts.append(carried(seen, asked, folder).assign(function=kind))
    table = pd.concat(parts, ignore_index=True)
    write_table(table, given.out / "areas.csv")
    for verdict in area_verdicts(parts[0], areas):
        print(verdict.sentence)
    expected = json.loads((HERE / "expected.json").read_text())
    wrong = [*compare(table, expected["simulated"]), *compare(counts, expected[MINNIE65])]
    print("\n".join(wrong) if wrong else "all as expected")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
