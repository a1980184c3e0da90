"""Scores of a run that asks when motor neurons are recruited, its tables and its verdicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.artifacts import write_json, write_parquet, write_table
from graphtwin.execute import threads
from graphtwin.motor import Orders
from graphtwin.motor.controls import MEAN, SHARED_ALONE
from graphtwin.motor.fitting import Told, pairs_of
from graphtwin.motor.model import COUNTS
from graphtwin.motor.scores import (
    CIRCUIT,
    SURE,
    conditions_of,
    fewest_permutations,
    order_differences,
    order_verdict,
    scores_of,
    tabulated_orders,
)
from graphtwin.pipeline.motor.fits import REWIRED, left_out
from graphtwin.pipeline.motor.order_run import DRAWS, OrderStudy, order_jobs, read_job
from graphtwin.pipeline.motor.score_tables import NOTES

TABLES = ("scores", "differences", "orders", "pairs", "neurons", "edges")
FILES = [*(f"{name}.{ending}" for name in TABLES for ending in ("parquet", "csv")), NOTES]  # that are written here


def write_order_scores(run: Path, study: OrderStudy) -> None:
    """Score all models of a run and write tables and verdicts.

    Args:
        run: Folder of the run, with what its jobs found.
        study: What is asked.
    """
    orders, null = study.orders, []
    notes = left_out(study.circuit, study.config) if study.config.replicates else ["No circuit was rewired: replicates = 0."]
    told: dict[str, list[Told]] = {}
    for job in order_jobs(study):
        found = read_job(run, job)
        if isinstance(found, str):
            notes.append(f"{job.name} was left out: {found}")
        elif job.name.startswith("permuted"):
            null.append(found)
        else:
            told |= found
    with threads(1):
        scores = {name: scores_of(each, orders, study.config.seed) for name, each in told.items()}
    draws = {name: np.concatenate([part[name] for part in null], axis=2) for name in (null[0] if null else ())}
    controls = [name for name in scores if name in (SHARED_ALONE, COUNTS, MEAN) or name.startswith(REWIRED)]
    table, differences = tabulated_orders(scores, draws, orders), order_differences(scores, controls)
    frames = {"scores": table, "differences": differences, "neurons": _neuron_table(study), "edges": _edge_table(study)}
    frames |= {"orders": _order_table(told, orders, study.circuit.names), "pairs": _pair_table(told, orders, study.circuit.names)}
    for name in TABLES:
        write_parquet(frames[name], run / f"{name}.parquet")
        write_table(frames[name], run / f"{name}.csv")
    notes += _notes(study)
    write_json({"found": order_verdict(table, differences), "notes": notes, "lesions": None}, run / NOTES)


def _notes(study: OrderStudy) -> list[str]:
    """What a reader should know of the orders."""
    orders, found = study.orders, []
    groups = len(np.unique(orders.groups))
    if groups < len(orders.neurons):
        found.append(
            f"{len(orders.neurons)} motor neurons are {groups} with their homologues (names that differ by side or segment alone), which "
            "are held out and drawn together."
        )
    for condition, order in zip(orders.conditions, orders.values, strict=True):
        there = order[np.isfinite(order)]
        if len(np.unique(there)) < len(there):
            found.append(
                f"{condition}: {len(there)} motor neurons are in {len(np.unique(there))} places; those of one place fire together."
            )
    if len(orders.conditions) == 1:
        found.append(f"One condition ({orders.conditions[0]}): whether the wiring tells how orders differ was not asked.")
    unsigned = int((study.circuit.edge_sign == 0).sum())
    if unsigned:
        found.append(f"{unsigned} of {len(study.circuit.pre)} edges have no sign, and count as those that excite.")
    if study.config.replicates:
        found.append(f"Each rewired control is the mean of {max(DRAWS, study.config.replicates)} circuits.")
    n, questions = study.config.permutations, len(orders.conditions) + (len(orders.conditions) > 1)
    if questions > 1:
        found.append(
            f"{questions} questions were asked, of all conditions together and of each. What is above chance is so with its p adjusted for "
            "all of them (Holm), of each question the larger p of its two metrics."
        )
    needed = fewest_permutations(questions)
    if n < needed:
        found.append(f"permutations = {n}: a p of {SURE} needs {needed}, so that no answer can be yes.")
    return [*found, "No ceiling: nothing says how alike the orders of two animals are."]


def _order_table(told: dict[str, list[Told]], orders: Orders, names: tuple[str, ...]) -> pd.DataFrame:
    """A row a condition and motor neuron: its place among the others, and that which is said of it when it is held out."""
    rows = []
    for at, condition in enumerate(conditions_of(orders, orders.ranks[None])):
        y, groups = condition.values[0], orders.groups[condition.rows]
        fits = [y[groups != group] for group in groups]
        mean, deviation = np.array([part.mean() for part in fits]), np.array([part.std() for part in fits])
        columns = {"condition": orders.conditions[at], "neuron": [names[orders.neurons[row]] for row in condition.rows]}
        said = {"predicted": told[CIRCUIT][at].order[0], "shared_input": told[SHARED_ALONE][at].order[0]}
        placed = {name: mean + deviation * value for name, value in said.items()}
        away = {f"{name}_from_mean": value for name, value in said.items()}
        rows.append(
            pd.DataFrame(columns | {"homologues": groups + 1, "order": y, "written": orders.values[at, condition.rows]} | placed | away)
        )
    return pd.concat(rows, ignore_index=True)


def _pair_table(told: dict[str, list[Told]], orders: Orders, names: tuple[str, ...]) -> pd.DataFrame:
    """A row a condition and pair of motor neurons: how far apart they fire, and what is said of that when both are held out."""
    rows = []
    for at, condition in enumerate(conditions_of(orders, orders.ranks[None])):
        first, second = pairs_of(orders.groups[condition.rows])
        of = np.array(names)[orders.neurons[condition.rows]]
        apart = np.abs(condition.values[0][first] - condition.values[0][second])
        columns = {"condition": orders.conditions[at], "first": of[first], "second": of[second], "apart": apart}
        rows.append(pd.DataFrame(columns | {"predicted": told[CIRCUIT][at].apart[0], "shared_input": 1 - told[SHARED_ALONE][at].apart[0]}))
    return pd.concat(rows, ignore_index=True)


def _neuron_table(study: OrderStudy) -> pd.DataFrame:
    """A row a neuron: what the source says of it."""
    circuit = study.circuit
    columns = {"neuron": circuit.names, "type": circuit.types, "sign": circuit.sign, "sensory": circuit.sensory, "motor": circuit.motor}
    return pd.DataFrame(columns).assign(ordered=np.isin(np.arange(len(circuit.names)), study.orders.neurons))


def _edge_table(study: OrderStudy) -> pd.DataFrame:
    """A row an edge, with the sign that was told; its weight is its count with that sign, for none is fitted."""
    circuit, names = study.circuit, np.array(study.circuit.names)
    columns = {"pre": names[circuit.pre], "post": names[circuit.post], "count": circuit.count, "sign": circuit.edge_sign}
    return pd.DataFrame(columns | {"weight": circuit.count * np.where(circuit.edge_sign < 0, -1.0, 1.0)})
