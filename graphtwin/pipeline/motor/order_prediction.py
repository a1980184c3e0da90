"""`graphtwin motor predict` of a run that asks when motor neurons are recruited: places of all of them, measured or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats

from graphtwin.artifacts import write_table
from graphtwin.execute import threads
from graphtwin.folders import require_as_written
from graphtwin.motor.fitting import Condition, place_orders
from graphtwin.motor.model import inputs_of, kernels_of
from graphtwin.pipeline.motor.order_run import OrderStudy, read_order_study
from graphtwin.pipeline.motor.run_folder import CIRCUIT, ORDERS
from graphtwin.statistics import NORMAL_95


def places_of(study: OrderStudy) -> pd.DataFrame:
    """The place of every motor neuron of the circuit in every order, by the circuit of the run.

    A neuron that was measured is told by fits that have seen no place of it or its homologues, any other by all places; one that gets no
    synapse by nothing.

    Args:
        study: What a run asks.

    Returns:
        A row a condition and motor neuron: condition, neuron, synapses (that it gets), order (its rank among those that were measured;
        NaN where it was not), predicted (its place among these) and predicted_sd, NaN without synapses.
    """
    circuit, orders = study.circuit, study.orders
    motor = np.union1d(np.flatnonzero(circuit.motor), orders.neurons)
    at = np.searchsorted(motor, orders.neurons)
    ranks, groups = np.full((len(orders.conditions), len(motor)), np.nan), np.zeros(len(motor), dtype=np.int64)
    ranks[:, at], groups[at] = orders.ranks, orders.groups
    inputs = inputs_of(circuit, motor)
    conditions = [Condition(np.arange(len(motor)), order[None]) for order in ranks]
    with threads(1):
        placed = place_orders(list(kernels_of(inputs).values()), conditions, groups)
    synapses = inputs.counts.sum(axis=1)
    told = {"neuron": [circuit.names[row] for row in motor], "synapses": synapses}
    table = pd.concat(
        [
            pd.DataFrame({"condition": name} | told | {"order": order, "predicted": one.mean, "predicted_sd": one.deviation})
            for name, order, one in zip(orders.conditions, ranks, placed, strict=True)
        ],
        ignore_index=True,
    )
    table.loc[table["synapses"] == 0, ["predicted", "predicted_sd"]] = np.nan
    return table


def write_places(run: str | Path, out: Path) -> list[str]:
    """Write the places of all motor neurons (see `places_of`), and say how well those that were measured are told.

    Args:
        run: Folder that `graphtwin motor fit` wrote, of orders of recruitment.
        out: File to write, .parquet or .csv.

    Returns:
        A sentence a condition.
    """
    run = Path(run)
    require_as_written(run, CIRCUIT, ORDERS)
    table = places_of(read_order_study(run))
    write_table(table, out)
    return [_said(str(name), part) for name, part in table.groupby("condition", sort=False)]


def _said(condition: str, part: pd.DataFrame) -> str:
    """How many places are predicted, and how well those that were measured are."""
    blind = part["predicted"].isna()
    seen, unseen = (part[there & ~blind] for there in (part["order"].notna(), part["order"].isna()))
    r = scipy.stats.spearmanr(seen["order"], seen["predicted"]).statistic
    within = ((seen["order"] - seen["predicted"]).abs() <= NORMAL_95 * seen["predicted_sd"]).mean()
    without = f" {blind.sum()} of {len(part)} get no synapse: nothing tells their place." if blind.any() else ""
    return (
        f"{condition}: {len(unseen)} motor neurons without a place are predicted from {len(seen)} with one; each of these, held "
        f"out, has rank correlation {r:.2f}, and {within:.0%} lie within 1.96 SD.{without}"
    )
