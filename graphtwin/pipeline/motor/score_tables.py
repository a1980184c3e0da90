"""What is written of the scores of any run: tables, verdicts and notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.artifacts import write_json, write_parquet, write_table
from graphtwin.motor import FittedCircuit
from graphtwin.motor.fitting import spread_of
from graphtwin.motor.scores import verdict
from graphtwin.pipeline.motor.run_folder import MotorStudy

ALWAYS = ("scores", "differences", "neurons", "edges", "identified")  # tables of every run, written as .parquet and .csv
NOTES, UNITS, CEILING = "notes.json", "units.parquet", "ceiling.parquet"
USUAL = "usual response"  # name of the prediction that knows nothing of who is stimulated


def files_of(tables: Iterable[str]) -> list[str]:
    """Files that `write_tables` writes.

    Args:
        tables: Names of the tables.
    """
    return [*(f"{name}.{ending}" for name in tables for ending in ("parquet", "csv")), NOTES, UNITS, CEILING]


def write_tables(
    run: Path, frames: Mapping[str, pd.DataFrame], units: pd.DataFrame, ceiling: pd.DataFrame, notes: list[str], lesions: str | None
) -> None:
    """Write the tables of a run, and what its scores say in words.

    Args:
        run: Folder of the run.
        frames: Tables by name, scores and differences among them.
        units: Sums of all units, from which a score is made.
        ceiling: What anything could reach.
        notes: What was left out, and why.
        lesions: File of lesions that were scored; None without.
    """
    for name, frame in frames.items():
        write_parquet(frame, run / f"{name}.parquet")
        write_table(frame, run / f"{name}.csv")
    write_parquet(units, run / UNITS)
    write_parquet(ceiling, run / CEILING)
    found = verdict(frames["scores"], frames["differences"], ceiling)
    write_json({"found": found, "notes": notes, "lesions": lesions}, run / NOTES)


def neuron_table(study: MotorStudy) -> pd.DataFrame:
    """A row a neuron: what the source says of it, and what was held out of it in some fold.

    Args:
        study: What was fitted.
    """
    circuit = study.circuit
    columns = {"neuron": circuit.names, "type": circuit.types, "sign": circuit.sign, "sensory": circuit.sensory, "motor": circuit.motor}
    places = dict(zip(("x_um", "y_um", "z_um"), circuit.position.T, strict=True))
    table = pd.DataFrame(columns | places)
    recorded = [circuit.names[row] for row in study.trials.recorded]
    return table.assign(
        recorded=table["neuron"].isin(recorded),
        held_out_stimulated=table["neuron"].isin([name for split in study.splits for name in split.stimulated]),
        held_out_recorded=table["neuron"].isin([name for split in study.splits for name in split.unrecorded]),
    )


def edge_table(fitted: FittedCircuit) -> pd.DataFrame:
    """A row an edge: its count, the sign that was told (0 unknown), its fitted strength, and how far that may be off (`spread_of`).

    Args:
        fitted: The fitted circuit.
    """
    circuit, weights = fitted.circuit, fitted.weights
    names = np.array(circuit.names)
    columns = {"pre": names[circuit.pre], "post": names[circuit.post], "count": circuit.count, "sign": circuit.edge_sign}
    return pd.DataFrame(columns | {"weight": weights[0], "spread": spread_of(weights)})
