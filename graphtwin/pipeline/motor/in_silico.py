"""A run's fitted circuit in the in silico laboratory: its fits as responders, their senses as its trials stimulated them."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.config import nearest_of
from graphtwin.folders import require_as_written
from graphtwin.insilico import Ensemble, Responder
from graphtwin.motor import Circuit
from graphtwin.motor.responders import CircuitResponder, EyeMap, eye_of, fit_fingerprint, responders_of, senses_of
from graphtwin.pipeline.motor.run_folder import CIRCUIT as CIRCUIT_FILE
from graphtwin.pipeline.motor.run_folder import HELD_OUT, TRIALS, load_fitted, read_study
from graphtwin.schema import CIRCUIT, NEURON, require_columns
from graphtwin.shapes import Float, Int
from graphtwin.sources.formats import read_file
from graphtwin.twin.runs import Answering

PLACE = ["x_deg", "y_deg"]  # columns of a place in the visual field, degrees right of and above its middle
SHOWN = 4  # names that an error shows
log = logging.getLogger("graphtwin")


def load_responders(
    run: str | Path, places: str | Path | None = None, inputs: tuple[str, ...] = (), neurons: tuple[str, ...] = ()
) -> tuple[CircuitResponder, ...]:
    """The fits of a finished run's circuit, each a responder: the first, which predicts, and those that say how far it may be off.

    `insilico.Ensemble` with `first_speaks` lets them answer so. What goes in at rest, and how strong inputs are, is told by the trials that
    fits have seen.

    Args:
        run: Folder that `graphtwin motor fit` wrote.
        places: Table of where in the visual field senses lie: `neuron`, `x_deg`, `y_deg`, degrees right of and above its middle. None takes
            senses as inputs without places, each of them a pixel.
        inputs: Names of the neurons that take input; none takes sensory ones that trials stimulate, see `motor.responders.senses_of`.
        neurons: Names of the neurons that answer; none takes all.
    """
    run = Path(run)
    fitted = load_fitted(run)
    require_as_written(run, CIRCUIT_FILE, TRIALS, HELD_OUT)
    study = read_study(run)
    senses = senses_of(study.circuit, study.trials, inputs, together=places is not None)
    eye = None if places is None else _eye(Path(places), study.circuit, senses.rows)
    return responders_of(fitted, senses, run.resolve().name, eye, neurons)


def answering_circuit(run: str | Path, animal: str | None = None, places: str | Path | None = None, some: slice = slice(None)) -> Answering:
    """Who answers for a run's circuit, under the name of its folder: the first of its fits, with the spread of the others about it.

    Args:
        run: Folder that `graphtwin motor fit` wrote.
        animal: The name of its folder, or None.
        places: Where in the visual field senses lie; see `load_responders`.
        some: Which of the fits answer. Where the first is not among them their mean does, since all are alike: at draws of the prior.
    """
    run = Path(run)
    every, name = load_responders(run, places), run.resolve().name
    if animal is not None and animal != name:
        raise ValueError(
            f"{run}: is one circuit, {name!r}, and none of it is {animal!r}{nearest_of(animal, [name])}. Leave the animal out."
        )
    fits = every[some]
    if not fits:
        raise ValueError(f"{run}: none of its {len(every)} fits is left to answer. Fit it with more (--set model.fits=4).")
    responder: Responder = Ensemble(fits, name, first_speaks=fits[0] is every[0]) if len(fits) > 1 else fits[0]
    if places is not None:
        _say_field(responder, len(every[0].senses.rows))
    stamps = {CIRCUIT: "+".join(fit_fingerprint(fit.circuit, fit.network) for fit in fits)}
    return Answering((responder,), stamps, len(fits), {responder.name: responder.frame_rate_hz}, {responder.name: {}},
                     {responder.name: ""}, run, calibrated=False)  # fmt: skip


def _say_field(responder: Responder, n: int) -> None:
    """Say in the log how the visual field is drawn."""
    down, across = responder.monitor.degrees_a_pixel(*responder.size)
    height, width = responder.size
    told = responder.name, n, width * across, height * down, width, height, across
    log.info("%s: %d senses see a field of %.3g x %.3g degrees (across x up), %d x %d pixels of %.3g degrees.", *told)


def _eye(path: Path, circuit: Circuit, rows: Int[np.ndarray, " inputs"]) -> EyeMap:
    """The visual field of a table of places; senses that it does not name stay at rest, with a count in the log."""
    table = read_file(path)
    require_columns(table, [NEURON, *PLACE], str(path))
    names = table[NEURON].astype(str)
    unknown = [name for name in names if name not in circuit.names]
    if unknown:
        raise ValueError(
            f"{path}: {len(unknown)} of {len(names)} neurons are not in the circuit, first {unknown[0]!r}"
            f"{nearest_of(unknown[0], circuit.names)}. Write the names as the source has them."
        )
    if names.duplicated().any():
        twice = names[names.duplicated()].tolist()
        raise ValueError(f"{path}: {len(twice)} of {len(names)} rows repeat a neuron, first {twice[:SHOWN]}. Give each one place.")
    senses = [circuit.names[row] for row in rows]
    degrees = table[PLACE].apply(pd.to_numeric, errors="coerce").set_index(names)
    for column in PLACE:
        text = degrees[column].isna().to_numpy() & table[column].notna().to_numpy()
        if text.any():
            first = int(np.flatnonzero(text)[0])
            raise ValueError(
                f"{path}: {column} is no number in {int(text.sum())} of {len(table)} rows, first {table[column].iloc[first]!r} of "
                f"{names.iloc[first]!r}. Write degrees, or leave the place of a sense empty."
            )
    far = np.isinf(degrees.to_numpy(np.float64)).any(axis=1)
    if far.any():
        raise ValueError(f"{path}: {int(far.sum())} places are infinitely far, first that of {names[far].iloc[0]!r}. Write degrees.")
    others = [name for name in names if name not in senses]
    if others:
        log.warning("%s: %d of %d neurons take no input, first %r: their places are not used.", path, len(others), len(names), others[0])
    found: Float[np.ndarray, "inputs 2"] = degrees.reindex(senses).to_numpy(np.float64)
    lost = int((~np.isfinite(found).all(axis=1)).sum())
    if lost:
        log.warning("%s: %d of %d senses have no place in the visual field: they stay at rest.", path, lost, len(senses))
    return eye_of(found, senses)
