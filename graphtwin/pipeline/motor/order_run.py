"""A run that asks when motor neurons are recruited: what it is begun with, and its models as jobs, of which each is kept when it is done.

`orders.pt` are the orders that were measured, `circuit.pt` is the wiring, and `fits/` has a file a job: what the models say of the neurons
of each order, or how they score where identities are permuted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from graphtwin import artifacts
from graphtwin.config import dump_toml, load_config
from graphtwin.execute import map_jobs, rng_for, threads
from graphtwin.motor import Circuit, Orders
from graphtwin.motor.controls import plain_orders, rewired
from graphtwin.motor.fitting import Told, predict_orders
from graphtwin.motor.model import COUNTS, inputs_of, kernels_of, number_kernels
from graphtwin.motor.scores import CIRCUIT, conditions_of, draws_of
from graphtwin.pipeline.motor.fits import REWIRED, kept_of
from graphtwin.pipeline.motor.run_folder import CIRCUIT as CIRCUIT_FILE
from graphtwin.pipeline.motor.run_folder import FITS, ORDERS, plain, read_circuit, require_first_predicts
from graphtwin.pipeline.motor.settings import MotorRunConfig

DRAWS = 20  # rewired circuits of each kind, whose mean is the control: one alone is as good or bad as its luck
BLOCK = 200  # permutations of a job: its arrays then stay below 100 MB
READING = "reading, "  # how names of models of one reading of the wiring begin


@dataclass(frozen=True)
class OrderStudy:
    """What a run asks.

    Attributes:
        circuit: The circuit.
        orders: When its motor neurons fire.
        config: Settings.
    """

    circuit: Circuit
    orders: Orders
    config: MotorRunConfig


@dataclass(frozen=True)
class OrderJob:
    """Some models of a run.

    Attributes:
        name: What is done: measured, permuted N, or rewired with what is kept.
        first: Number of the first draw.
        draws: Number of permutations, or of rewired circuits.
    """

    name: str
    first: int
    draws: int

    @property
    def file(self) -> str:
        """Path of its file in the run."""
        return f"{FITS}/{self.name.replace(' ', '_').replace(',', '')}.npz"


def write_order_study(study: OrderStudy, inputs: dict[str, str], folder: Path) -> None:
    """Write what a run is begun with; one that goes on keeps what is there."""
    if (folder / ORDERS).exists():
        return
    artifacts.write_text(dump_toml(study.config), folder / "config.toml")
    artifacts.write_json(artifacts.provenance(study.config.seed, inputs), folder / "provenance.json")
    artifacts.write_tensors(plain(study.circuit), folder / CIRCUIT_FILE)
    artifacts.write_tensors(plain(study.orders), folder / ORDERS)


def read_order_study(folder: Path) -> OrderStudy:
    """The circuit, the orders and the settings of a run, as they were when it began."""
    require_first_predicts(folder)
    content = artifacts.read_tensors(folder / ORDERS, "Fit the circuit again.")
    if not isinstance(content, dict) or content.keys() != {field.name for field in fields(Orders)}:
        raise ValueError(f"{folder / ORDERS}: are no orders of recruitment. Fit the circuit again.")
    columns: dict[str, Any] = {name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in content.items()}
    config = load_config(MotorRunConfig, folder / "config.toml")
    return OrderStudy(read_circuit(folder), Orders(**columns | {"conditions": tuple(columns["conditions"])}), config)


def order_jobs(study: OrderStudy) -> list[OrderJob]:
    """What is measured, permuted identities in blocks, and rewired circuits of each kind that the circuit allows."""
    n = study.config.permutations
    blocks = [OrderJob(f"permuted {1 + first // BLOCK}", first, min(BLOCK, n - first)) for first in range(0, n, BLOCK)]
    kinds = kept_of(study.circuit) if study.config.replicates else []
    draws = max(DRAWS, study.config.replicates)
    return [OrderJob("measured", 0, 1), *blocks, *(OrderJob(f"{REWIRED}, {keep}", 0, draws) for keep in kinds)]


def run_orders(study: OrderStudy, run: Path) -> None:
    """Do the jobs that are missing in the folder of a run.

    Args:
        study: What is asked.
        run: Folder of the run, in which the study is.
    """
    from graphtwin.progress import tqdm

    missing = [job for job in order_jobs(study) if not (run / job.file).exists()]
    if missing:
        done = map_jobs(_do, [(run, job) for job in missing], workers=study.config.workers)
        for _ in tqdm(done, total=len(missing), desc="orders", unit="job"):
            pass


def read_job(run: Path, job: OrderJob) -> dict[str, Any] | str:
    """What a job found: by model what is told of each order, or the scores of permuted identities; in words why there is none."""
    path = run / job.file
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (EOFError, OSError, ValueError, BadZipFile) as error:
        raise ValueError(f"{path}: was cut short or changed ({error}). Remove it and go on with --resume: it is made again.") from error
    if "failed" in found:
        return str(found["failed"])
    if job.name.startswith("permuted"):
        return found
    models = dict.fromkeys(name.split("|")[0] for name in found)
    n = 1 + max(int(name.split("|")[1]) for name in found)
    return {name: [Told(found[f"{name}|{place}|order"], found[f"{name}|{place}|apart"]) for place in range(n)] for name in models}


def _do(run: Path, job: OrderJob) -> str:
    """Do one job in a process of one thread and keep what it found."""
    study = read_order_study(run)
    with threads(1):
        try:
            found = _found(study, job)
        except ValueError as error:  # nothing to exchange here
            if not job.name.startswith(REWIRED):
                raise
            found = {"failed": np.array(str(error))}
    artifacts.write_atomic(run / job.file, partial(_write_arrays, found))
    return job.name


def _write_arrays(found: dict[str, np.ndarray], path: Path) -> None:
    """Arrays by name in one file."""
    with path.open("wb") as file:
        np.savez_compressed(file, **found)  # type: ignore[arg-type]  # its stub takes every name for allow_pickle


def _found(study: OrderStudy, job: OrderJob) -> dict[str, np.ndarray]:
    """What a job finds, by the names under which it is kept."""
    orders, seed = study.orders, study.config.seed
    if job.name.startswith("permuted"):
        each = [orders.permuted(rng_for(seed, "permuted orders", number)) for number in range(job.first, job.first + job.draws)]
        conditions = conditions_of(orders, np.stack(each))
        told = models_of(study.circuit, orders, np.stack(each))
        return {name: draws_of(one, conditions, orders) for name, one in told.items()}
    if job.name == "measured":
        return _named(models_of(study.circuit, orders, orders.ranks[None]))
    keep, parts = job.name.removeprefix(f"{REWIRED}, "), []
    for number in range(job.draws):
        other = rewired(study.circuit, rng_for(seed, job.name, number), keep, tell=number == 0)  # type: ignore[arg-type]
        parts.append(circuit_of_orders(other, orders, orders.ranks[None])[CIRCUIT])
    together = [
        Told(*(np.concatenate([getattr(one, name) for one in each]) for name in ("order", "apart"))) for each in zip(*parts, strict=True)
    ]
    return _named({job.name: together})


def _named(told: dict[str, list[Told]]) -> dict[str, np.ndarray]:
    """Arrays of what is told, each under the name of its model and the number of its order."""
    each = {f"{name}|{place}": one for name, some in told.items() for place, one in enumerate(some)}
    return {f"{name}|{what}": getattr(one, what) for name, one in each.items() for what in ("order", "apart")}


def circuit_of_orders(circuit: Circuit, orders: Orders, values: np.ndarray) -> dict[str, list[Told]]:
    """What the circuit says of its motor neurons, all readings of its wiring together and each alone."""
    families = {f"{READING}{name}": some for name, some in kernels_of(inputs_of(circuit, orders.neurons)).items()}
    return predict_orders(families, conditions_of(orders, values), orders.groups, CIRCUIT)


def models_of(circuit: Circuit, orders: Orders, values: np.ndarray) -> dict[str, list[Told]]:
    """What the circuit says, and what is said by shared input alone, by numbers of inputs and by no wiring at all.

    Args:
        circuit: The circuit.
        orders: The orders that were measured.
        values: Ranks of the neurons, draws x conditions x neurons.
    """
    inputs, conditions = inputs_of(circuit, orders.neurons), conditions_of(orders, values)
    told = circuit_of_orders(circuit, orders, values)
    numbers = predict_orders({COUNTS: number_kernels(inputs)}, conditions, orders.groups)
    order = [CIRCUIT, *(name for name in told if name != CIRCUIT)]
    return {name: told[name] for name in order} | numbers | plain_orders(inputs, conditions, orders.groups)
