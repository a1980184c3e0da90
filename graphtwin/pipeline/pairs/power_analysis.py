"""`graphtwin power`: a design in, power, false positives and axons needed of each estimate out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphtwin import artifacts
from graphtwin.execute import map_jobs
from graphtwin.folders import written
from graphtwin.kinds import POWER
from graphtwin.pipeline.pairs.like_to_like import LikeToLikeConfig, asked_pairs
from graphtwin.pipeline.power_question import PowerConfig, require_design
from graphtwin.wiring.power import (
    CLAIM,
    ESTIMATES,
    Cell,
    Clustering,
    Design,
    Supposed,
    axons_around,
    cells_of,
    design_of,
    power_table,
    slopes_of_cell,
    supposed_design,
)
from graphtwin.wiring.questions import Answer
from graphtwin.wiring.spatial import places_of

AT_ONCE = 5  # tables of a piece of work: a process then takes about a second
FOUND = ["n_axons", "planted", "number", "estimate", "slope", "p"]


def run_power(config: PowerConfig, out: Path, force: bool = False, draw: Callable[[Path], object] | None = None) -> Path:
    """Simulate a design and write the folder.

    Args:
        config: The design, and how it is simulated.
        out: Folder to write: new, empty, or of an analysis that has not finished, which is begun anew.
        force: Take away an analysis that is in the folder, once all tables are simulated.
        draw: Function that draws the page of a folder into it; None leaves the page out, for `report.finished.write_report` to draw.

    Returns:
        The folder.
    """
    require_design(config)
    with written(out, POWER, force=force, inputs=(config.pairs, config.neurons)) as begin:
        design, answer = _design(config)
        axons = _axons(config, design)
        cells = cells_of(design, axons, config.effect)
        found = _simulated(design, cells, config)
        begin()
        power, curves = power_table(found, design, config.effect)
        for name, frame in (("power", power), ("curves", curves), ("simulated", found)):
            answer.add(name, frame)
        answer.rule += _sentences(power, design)
        answer.notes += _of_copies(design, axons) + _of_estimates(power)
        _write(answer, design, config, out)
        if draw is not None:
            draw(out)
    return out


def _design(config: PowerConfig) -> tuple[Design, Answer]:
    """What tables are drawn from, with what was left out of the user's."""
    answer = Answer()
    if config.pairs is None or config.similarity is None:
        tissue = config.tissue
        clustering = Clustering(
            tissue.over_dispersion, tissue.popularity, tissue.hot_spots, tissue.range_um, tissue.shared_hot_spots, tissue.range_um
        )
        most = max(config.axons) if len(config.axons) > 1 else 2 * config.axons[0]
        supposed = Supposed(most, config.targets, config.synapses, tissue.rate_sd, tissue.smooth, clustering)
        answer.notes.append("No table was given: geometry is simulated and the variation of synapses supposed (design.json).")
        return supposed_design(supposed, config.seed), answer
    asked = LikeToLikeConfig(
        pairs=config.pairs, neurons=config.neurons, similarity=(config.similarity,), by="none", inclusion=config.inclusion
    )
    try:
        pairs, neurons = asked_pairs(asked, answer)
    except ValueError as reason:
        raise type(reason)(answer.exposure.said(str(reason))) from reason
    try:
        design, notes = design_of(pairs, config.similarity, places_of(neurons), config.seed)
    except ValueError as reason:
        raise ValueError(f"{config.pairs}: {answer.exposure.said(str(reason))}") from reason
    answer.notes += notes
    return design, answer


def _axons(config: PowerConfig, design: Design) -> tuple[int, ...]:
    """The numbers of axons to simulate, of which the design must be capable."""
    axons = tuple(sorted(set(config.axons))) if len(config.axons) > 1 else axons_around(config.axons[0] if config.axons else design.n_axons)
    for n in axons:
        design.require(n)
    return axons


def _simulated(design: Design, cells: list[Cell], config: PowerConfig) -> pd.DataFrame:
    """What every estimate finds in every table, in an order that does not depend on the workers."""
    from graphtwin.progress import tqdm

    firsts = range(0, config.tables, AT_ONCE)
    pieces = [(cell, config.seed, first, min(AT_ONCE, config.tables - first)) for cell in reversed(cells) for first in firsts]
    rows: list[tuple[Any, ...]] = []
    with tqdm(total=len(cells) * config.tables, desc="power", unit="table") as bar:
        for part in map_jobs(slopes_of_cell, pieces, common=(design,), workers=config.workers):
            rows += part
            bar.update(len({row[2] for row in part}))
    found = pd.DataFrame(rows, columns=FOUND)
    order = found["estimate"].map({name: place for place, name in enumerate(ESTIMATES)})
    keys = found.assign(order=order, size=found["planted"].abs())
    return found.loc[keys.sort_values(["n_axons", "size", "number", "order"]).index].reset_index(drop=True)


def _sentences(power: pd.DataFrame, design: Design) -> list[str]:
    """What the design can find, a sentence for each slope that was asked for: of the claim, or of the first estimate that there is."""
    first = str(power["estimate"].iloc[0])
    what = "is claimed (interval and spatial p)" if first == CLAIM else "is found by the robust slope, which without positions is no claim,"
    said = []
    for effect, rows in power[(power["estimate"] == first) & power["asked"] & (power["effect"] != 0)].groupby("effect", sort=False):
        shares = [
            f"{100 * row.power:.0f} % ({100 * row.low:.0f} to {100 * row.high:.0f}) with {row.n_axons} axons" for row in rows.itertuples()
        ]
        times = np.exp(float(effect) * design.sd)
        said.append(
            f"A slope of {effect:g} a unit of {design.similarity} (one SD multiplies synapses by {times:.3g}) {what} in "
            f"{', '.join(shares)}. {_needed(rows.iloc[0])}"
        )
    return said


def _needed(row: pd.Series) -> str:
    """The number of axons for power .8, or why there is none."""
    if not np.isfinite(row["axons_needed"]):
        return "How many axons power .8 needs cannot be told from these tables: ask for a larger slope or more axons."
    beyond = ", which is extrapolated" if "axons needed are extrapolated" in row["note"] else ""
    return f"Power .8 needs about {row['axons_needed']:.0f} axons ({row['needed_low']:.0f} to {row['needed_high']:.0f}){beyond}."


def _of_copies(design: Design, axons: tuple[int, ...]) -> list[str]:
    """A note where tables have more axons than they are drawn from."""
    more = [str(n) for n in axons if n > design.n_axons]
    if not more:
        return []
    return [
        f"Tables with {' and '.join(more)} axons have each of the {design.n_axons} several times, with its candidates: their power is a "
        "guess, for other axons would meet other cells."
    ]


def _of_estimates(power: pd.DataFrame) -> list[str]:
    """A note for every estimate that finds rules where there are none, and for one that many tables do not have."""
    notes = []
    for name, rows in power[power["effect"] == 0].groupby("estimate", sort=False):
        wrong = rows[rows["note"].str.contains("not to be believed")]
        if len(wrong):
            worst = wrong.loc[wrong["power"].idxmax()]
            notes.append(
                f"{name}: finds a rule in {100 * worst['power']:.0f} % of tables without one ({worst['n_axons']} axons); nominal are 5 %. "
                "Its power is not to be believed."
            )
    for name, rows in power.groupby("estimate", sort=False):
        lost, tables = int(rows["n_undefined"].sum()), int(rows["n_tables"].sum())
        if lost:
            notes.append(f"{name}: {lost:,} of {tables:,} simulated tables have no estimate, and count as not found.")
    return notes


def _write(answer: Answer, design: Design, config: PowerConfig, out: Path) -> None:
    """Tables as Parquet and CSV, the design and notes as JSON, with provenance."""
    put = answer.exposure.put
    for name, frame in ((name, put(frame)) for name, frame in answer.frames().items()):
        artifacts.write_parquet(frame, out / f"{name}.parquet")
        artifacts.write_table(frame, out / f"{name}.csv")
    shape = float(design.total_shape.mean())
    told = {"similarity": design.similarity, "sd": design.sd, "n_axons": design.n_axons, "n_pairs": len(design.x)}
    told |= {"n_targets": len(design.target_id), "synapses_per_axon": float(design.total.mean())}
    told |= {"total_shape": shape if np.isfinite(shape) else None, "clustering": asdict(design.clustering)}
    told |= {"positions_known": design.axon_um is not None, "distance_planted": bool(design.held.any())}
    artifacts.write_json(told, out / "design.json")
    artifacts.write_json(put({"notes": answer.notes, "scales": answer.rule, "rule": " ".join(answer.rule)}), out / "notes.json")
    inputs = {str(path): artifacts.sha256(path) for path in (config.pairs, config.neurons) if path is not None}
    question: dict[str, Any] = json.loads(config.model_dump_json())
    told = {"question": question, "exposure": answer.exposure.column}
    artifacts.write_json(artifacts.provenance(config.seed, inputs) | told, out / "provenance.json")
