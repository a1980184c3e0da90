"""Plant smooth function and smooth wiring in many small tables, and count how often each estimate, null and claim is right.

python analyses/planted_pairs/spatial.py [--tables 200] [--methods robust families] [--scenarios own shared] [--axons 8 30]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from run import ALPHA, Answer, interval, rejects, wald
from scipy.spatial import cKDTree
from smooth_tissue import TISSUES, Table, Tissue, draw
from tqdm import tqdm

from graphtwin.artifacts import write_table
from graphtwin.coordinates import MINNIE65, pia_from_voxels
from graphtwin.mixed import NotConverged
from graphtwin.mixed import fit as fit_mixed
from graphtwin.wiring.conditional import bootstrap_axons_and_targets, fit_conditional
from graphtwin.wiring.nulls import permute_neurons, permute_within_axons
from graphtwin.wiring.pairs import Measure, candidates, outcome_of
from graphtwin.wiring.spatial import (
    Places,
    match_variogram,
    places_of,
    randomise_axons,
    randomise_targets,
    robust_slopes,
    shift_targets,
    similarity_maps,
)

HERE = Path(__file__).parent
AXONS, RULE, REPLICATES = (8, 15, 30), 0.7, 199
SIMILARITY, FAMILY = "sim", ("sim", "sim2")
MIXED = f"n_synapses ~ {SIMILARITY} + offset(log(l_d_um)) + (1 | pre_nucleus_id)"
NM = replace(MINNIE65, voxel_nm=(1.0, 1.0, 1.0))  # the frame of positions in nm
BESIDE = ("function of each cell", "none", "own", "shared", "distance", "heavy", "all")  # scenarios of methods that know nothing of space
FAMILY_AXONS, FAMILY_SYNAPSES = 60, 25.0
OTHER = 10_000  # the second similarity is of the table that lies so much further on
FAMILIES = {
    "families: areas at random": replace(TISSUES["function of each cell"], synapses_an_axon=FAMILY_SYNAPSES),
    "families: smooth, areas side by side": replace(TISSUES["none"], synapses_an_axon=FAMILY_SYNAPSES),
    "families: shared, areas side by side": replace(TISSUES["shared"], synapses_an_axon=FAMILY_SYNAPSES),
}

SURROGATES = {
    "moran, targets": randomise_targets,
    "moran, axons": randomise_axons,
    "shifts": shift_targets,
    "variogram": match_variogram,
}


@dataclass(frozen=True)
class Cell:
    """Tables of one kind: a scenario, a number of axons, and the slope that is planted."""

    scenario: str
    n_axons: int
    rule: float

    def tissue(self) -> Tissue:
        """What is planted."""
        return replace((TISSUES | FAMILIES)[self.scenario], slope=self.rule)

    def drawn(self, table: int) -> Table:
        """A table of it."""
        return draw(self.tissue(), self.scenario, self.n_axons, table)


def pairs_of(drawn: Table) -> pd.DataFrame:
    """The pair table: a row for each axon and target of one animal, and L_d of 0 where they do not come near."""
    n_axons = len(drawn.l_d_um)
    pre, post = np.nonzero(drawn.observed)
    distance = np.linalg.norm(drawn.place_um[pre] - drawn.place_um[n_axons + post], axis=1)
    columns = {"pre_nucleus_id": drawn.nucleus_id[pre], "post_nucleus_id": drawn.nucleus_id[n_axons + post]}
    columns |= {"n_synapses": drawn.n_synapses[pre, post], "l_d_um": drawn.l_d_um[pre, post], SIMILARITY: drawn.similarity[pre, post]}
    return pd.DataFrame(columns | {"distance_um": distance})


def neurons_of(drawn: Table) -> pd.DataFrame:
    """The neuron table as published: positions in nm of the volume."""
    position = pd.DataFrame(1000 * drawn.place_um, columns=["nucleus_x", "nucleus_y", "nucleus_z"])
    return position.assign(nucleus_id=drawn.nucleus_id, animal=drawn.animal)


def places(drawn: Table) -> Places | None:
    """Positions as the package reads them from that table, in its frame."""
    position = pia_from_voxels(1000 * drawn.place_um, NM)
    return places_of(pd.DataFrame(position, columns=["x_um", "depth_um", "z_um"]).assign(nucleus_id=drawn.nucleus_id))


def robust(drawn: Table, cell: Cell, table: int) -> Iterator[Answer]:
    """The slope given geometry, the spatial p beside it, and the claim that needs both."""
    tissue = cell.tissue()
    animal = pd.Series(drawn.animal, index=drawn.nucleus_id) if tissue.animals > 1 else None
    found, _ = robust_slopes(outcome_of(pairs_of(drawn), "synapse_density", [SIMILARITY]), places(drawn), table, animal)
    if found.empty:
        yield from (Answer(method, None) for method in ("robust slope", "spatial p", "claim"))
        return
    row = found.iloc[0]
    slope, field = bool(row["p"] <= ALPHA), bool(row["p_spatial"] <= ALPHA)
    yield Answer("robust slope", slope, bool(row["low"] <= cell.rule <= row["high"]), row["estimate"])
    yield Answer("spatial p", field)
    yield Answer("claim", slope and field)


def mixed(drawn: Table, cell: Cell, table: int) -> Iterator[Answer]:
    """The published model: Poisson, an intercept an axon."""
    pairs = pairs_of(drawn)
    try:
        row = fit_mixed(MIXED, pairs[pairs["l_d_um"] > 0].reset_index(drop=True)).to_frame().set_index("effect").loc[SIMILARITY]
    except NotConverged:
        yield Answer("mixed", None)
    else:
        yield wald("mixed", row["estimate"], row["se"], cell.rule)


def nulls(drawn: Table, cell: Cell, table: int) -> Iterator[Answer]:
    """Permutations that know nothing of space."""
    choices = candidates(pairs_of(drawn), [SIMILARITY])
    yield rejects("null: within axons", permute_within_axons(choices, SIMILARITY, table, REPLICATES))

    def likeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->i", drawn.function[a], drawn.function[b])

    measure = Measure(SIMILARITY, drawn.nucleus_id, likeness, drawn.animal.astype(np.int64))
    yield rejects("null: neurons", permute_neurons(choices, measure, table, REPLICATES))


def surrogates(drawn: Table, cell: Cell, table: int) -> Iterator[Answer]:
    """Nulls that keep function as smooth as it is."""
    try:
        maps = similarity_maps(outcome_of(pairs_of(drawn), "synapse_density", [SIMILARITY]), SIMILARITY, places(drawn), table)
    except ValueError:
        yield from (Answer(name, None) for name in SURROGATES)
        return
    for name, null in SURROGATES.items():
        try:
            yield rejects(name, null(maps, table, REPLICATES))
        except ValueError:
            yield Answer(name, None)


def bootstrap(drawn: Table, cell: Cell, table: int) -> Iterator[Answer]:
    """Axons and targets resampled."""
    fit = fit_conditional(candidates(pairs_of(drawn), [SIMILARITY]))
    yield interval("two-way bootstrap", bootstrap_axons_and_targets(fit, table, REPLICATES), cell.rule)


def families(drawn: Table, cell: Cell, table: int) -> Iterator[Answer]:
    """Whether any of two similarities is claimed in any of four projections: without a correction, and with Holm's over all eight."""
    other = cell.drawn(table + OTHER)
    pairs = pairs_of(drawn).assign(proj=_projections(drawn, cell, table))
    pairs["sim2"] = _other_similarity(drawn, other)
    found, _ = robust_slopes(outcome_of(pairs, "synapse_density", FAMILY, "proj"), places(drawn), table)
    p, field = found["p"].to_numpy(), found["p_spatial"].fillna(1).to_numpy()
    n, both = len(found), np.maximum(p, field)
    yield Answer("any of 8: robust slope", bool((p <= ALPHA).any()))
    yield Answer("any of 8: claim", bool((both <= ALPHA).any()))
    yield Answer("any of 8: robust slope, Holm", bool(p.min() * n <= ALPHA))
    yield Answer("any of 8: claim, Holm", bool(((_holm(p) <= ALPHA) & (field <= ALPHA)).any()))
    yield Answer("any of 8: claim, Holm of both", bool(both.min() * n <= ALPHA))


def _holm(p: np.ndarray) -> np.ndarray:
    """P adjusted for the number of tests."""
    order, adjusted = np.argsort(p), np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return adjusted


def _projections(drawn: Table, cell: Cell, table: int) -> np.ndarray:
    """Areas of the two cells of each pair: on either side of a border, or at random."""
    random = np.random.default_rng(table).random(len(drawn.place_um)) < 0.5
    first = random if cell.scenario.endswith("at random") else drawn.place_um[:, 0] < cell.tissue().span_um[0] / 2
    area = np.where(first, "V1", "HVA")
    pre, post = np.nonzero(drawn.observed)
    return np.char.add(np.char.add(area[pre], "->"), area[len(drawn.l_d_um) + post])


def _other_similarity(drawn: Table, other: Table) -> np.ndarray:
    """A second similarity: the function of another table's cells of the same scenario, laid on these by their nearest place."""
    at = cKDTree(other.place_um).query(drawn.place_um)[1]
    pre, post = np.nonzero(drawn.observed)
    return np.einsum("ij,ij->i", other.function[at[pre]], other.function[at[len(drawn.l_d_um) + post]])


METHODS = {"robust": robust, "surrogates": surrogates, "mixed": mixed, "nulls": nulls, "bootstrap": bootstrap, "families": families}


def cells(methods: str, scenarios: Sequence[str] = (), axons: Sequence[int] = AXONS) -> list[Cell]:
    """The cells that a group of methods is asked about, those without a rule first; what is beside the point only where it says most."""
    if methods == "families":
        return [Cell(name, FAMILY_AXONS, 0.0) for name in FAMILIES if name in (scenarios or FAMILIES)]
    axons = [n for n in axons if n == max(AXONS) or methods != "surrogates"]  # which cost ten times as much
    known = [name for name in (TISSUES if methods == "robust" else BESIDE) if name in (scenarios or TISSUES)]
    return [Cell(name, n, rule) for rule in (0.0, RULE) for n in axons for name in known]


def answers_of(methods: str, cell: Cell, first: int, n_tables: int, folder: Path) -> pd.DataFrame:
    """The answers to all tables of a cell, from the file of an earlier run if it is there; a cell that was stopped is begun anew."""
    name = cell.scenario.replace(":", ";")
    path = folder / methods / f"{name}, {cell.n_axons} axons, slope {cell.rule}, tables {first} to {first + n_tables - 1}.parquet"
    if not path.exists():
        rows, begun = [], process_time()
        for table in range(first, first + n_tables):
            drawn = cell.drawn(table)
            rows += [vars(answer) | {"table": table} for answer in METHODS[methods](drawn, cell, table)]
        frame = pd.DataFrame(rows).assign(**vars(cell), seconds=(process_time() - begun) / n_tables)
        write_table(frame.astype({"found": "boolean", "covers": "boolean"}), path)
    return pd.read_parquet(path)


def shares(answers: pd.DataFrame) -> pd.DataFrame:
    """Share of tables in which each method finds a rule and covers the planted slope, mean estimate, tables with an answer, seconds."""
    by = answers.groupby(["scenario", "n_axons", "rule", "method"], sort=False)
    means = by[["found", "covers", "estimate", "seconds"]].mean().astype(float)
    return means.assign(n_tables=by["found"].count()).reset_index()


def compare_with(table: pd.DataFrame, expected: list[dict[str, Any]]) -> tuple[list[str], int]:
    """The expected ranges that are not met, in words, and the number of shares that were compared.

    An entry holds for each of its scenarios ("all": for every one but those of `but`) and numbers of axons; with "over", of the share of a
    method over that of another.
    """
    wrong, n_compared = [], 0
    value = table.set_index(["method", "rule", "scenario", "n_axons"])
    for entry in expected:
        chosen = [n for n in TISSUES if n not in entry.get("but", ())] if entry["scenarios"] == "all" else entry["scenarios"]
        for scenario in chosen:
            for n_axons in entry["axons"]:
                at = (entry["rule"], scenario, n_axons)
                share = value[entry["share"]].get((entry["method"], *at), np.nan)
                if "over" in entry:
                    share /= value[entry["share"]].get((entry["over"], *at), np.nan)
                n_compared += 1
                if not entry["low"] <= share <= entry["high"]:
                    what = f"{scenario}, {n_axons} axons, slope {entry['rule']}, {entry['method']}"
                    what += f" over {entry['over']}" if "over" in entry else ""
                    wrong.append(f"{what}, {entry['share']}: {share:.3f} does not lie between {entry['low']} and {entry['high']}")
    return wrong, n_compared


def wide_table(table: pd.DataFrame, share: str, rule: float) -> pd.DataFrame:
    """A row a scenario, a column a method and number of axons."""
    some = table[(table["rule"] == rule) & table[share].notna()]
    wide = some.pivot(index="scenario", columns=["method", "n_axons"], values=share)
    return wide.loc[some["scenario"].drop_duplicates()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=200, help="of each cell")
    parser.add_argument("--first", type=int, default=0, help="number of the first table; others than 0 give further tables")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--scenarios", nargs="+", choices=[*TISSUES, *FAMILIES], default=[], help="all, if none is named")
    parser.add_argument("--axons", nargs="+", type=int, choices=AXONS, default=AXONS)
    parser.add_argument("--out", type=Path, default=Path("runs/planted_pairs/spatial"), help="a stopped study goes on there")
    chosen = parser.parse_args()
    work = [(methods, cell) for methods in chosen.methods for cell in cells(methods, chosen.scenarios, chosen.axons)]
    bar = tqdm(work, unit="cell", mininterval=10)
    table = shares(pd.concat([answers_of(methods, cell, chosen.first, chosen.tables, chosen.out) for methods, cell in bar]))
    write_table(table, chosen.out / "shares.csv")
    with pd.option_context("display.width", 250):
        for share, rule in (("found", 0.0), ("covers", 0.0), ("found", RULE), ("covers", RULE)):
            print(f"\n{share}, slope {rule}\n{wide_table(table, share, rule).round(3).to_string()}")
    if chosen.methods == list(METHODS) and not chosen.scenarios and chosen.axons == AXONS:
        wrong, n_compared = compare_with(table, json.loads((HERE / "spatial_expected.json").read_text(encoding="utf-8")))
        print(f"\n{len(wrong)} of {n_compared} shares are outside the ranges of spatial_expected.json.")
        if wrong:
            raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
