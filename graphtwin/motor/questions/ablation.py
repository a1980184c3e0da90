"""What becomes of motor output when neurons, types or edges are removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphtwin.execute import rng_for
from graphtwin.motor.fitting import Fitted, FittedCircuit, spread_of
from graphtwin.progress import tqdm
from graphtwin.shapes import Float, Int
from graphtwin.statistics import resample_units

REPLICATES = 1000


@dataclass(frozen=True)
class Lesion:
    """What is removed together.

    Attributes:
        name: What it is called in tables.
        neurons: Names of neurons.
        edges: Chemical edges, as names (pre, post).
    """

    name: str
    neurons: tuple[str, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()


def lesions_of(
    fitted: FittedCircuit, neurons: Sequence[str] = (), types: Sequence[str] = (), edges: Sequence[tuple[str, str]] = ()
) -> list[Lesion]:
    """One lesion a neuron, a type (all its neurons together) and an edge.

    Args:
        fitted: The fitted circuit.
        neurons: Names of neurons.
        types: Types of neurons.
        edges: Chemical edges, as names (pre, post).

    Examples:
        >>> graphtwin.motor.lesions_of(fitted, neurons=["n3"])
        [Lesion(name='n3', neurons=('n3',), edges=())]
    """
    typed = list(zip(fitted.circuit.names, fitted.circuit.types, strict=True))
    of_type = {kind: tuple(name for name, own in typed if own == kind) for kind in types}
    empty = [kind for kind, members in of_type.items() if not members]
    if empty:
        known = sorted(set(fitted.circuit.types) - {""})
        raise ValueError(f"{len(empty)} of {len(types)} types to remove have no neuron, first {empty[0]!r}. The circuit has {known}.")
    singles = [Lesion(name, (name,)) for name in neurons]
    kinds = [Lesion(f"all {kind}", members) for kind, members in of_type.items()]
    return singles + kinds + [Lesion(f"{a} -> {b}", (), ((a, b),)) for a, b in edges]


def changes(
    fitted: Fitted,
    lesions: Sequence[Lesion],
    stimulus: Float[np.ndarray, "trials steps stimulated"],
    stimulated: Int[np.ndarray, " stimulated"],
    between: Float[np.ndarray, "steps_before stimulated"] | None = None,
) -> Float[np.ndarray, "lesions fits trials steps outputs"]:
    """Change of motor output after each lesion, at every step, in every fit.

    Args:
        fitted: The whole circuit.
        lesions: What is removed.
        stimulus: Input, the same before and after.
        stimulated: Rows of the stimulated neurons.
        between: Input between the lesion and the first step, in which the circuit comes to its own rest; None is of neurons silenced at
            the first step, which begin at the rest of the whole circuit.
    """
    if not fitted.outputs:
        raise ValueError("The circuit was fitted without motor output: none can change. Give trials with outputs, and motor neurons.")
    none, before = np.zeros(0, dtype=np.int64), 0 if between is None else len(between)
    given = stimulus
    if between is not None:
        given = np.concatenate([np.broadcast_to(between, (len(stimulus), *between.shape)).astype(stimulus.dtype), stimulus], axis=1)

    def output(circuit: Fitted) -> np.ndarray:
        return circuit.predict(given, stimulated, none).output[:, :, before:]

    whole = output(fitted)
    shown = tqdm(lesions, desc="lesions", unit="lesion", delay=2)
    return np.asarray(np.stack([output(fitted.without(one.neurons, one.edges)) for one in shown]) - whole)


def ablate(
    fitted: FittedCircuit,
    lesions: Sequence[Lesion],
    stimulus: Float[np.ndarray, "trials steps stimulated"],
    stimulated: Int[np.ndarray, " stimulated"],
    seed: int = 0,
) -> pd.DataFrame:
    """The predicted effect of each lesion on each output, largest first.

    Args:
        fitted: The whole circuit.
        lesions: What is removed, one row each (`lesions_of`).
        stimulus: Input, the same before and after.
        stimulated: Rows of the stimulated neurons.
        seed: Root of the bootstrap's draws.

    Returns:
        A row a lesion and output: columns lesion, output, effect (root mean square of the change, over the SD of the output as it was
        recorded; mean over trials), low, high (95 % over trials; NaN below five), spread (how far it may be off, `spread_of`; NaN with one
        fit), mean_change (with its sign, in the same unit).

    Examples:
        >>> lesions = graphtwin.motor.lesions_of(fitted, neurons=["n3", "n4"])
        >>> graphtwin.motor.ablate(fitted, lesions, trials.stimulus, trials.stimulated)["lesion"].tolist() != []
        True
    """
    change = changes(fitted, lesions, stimulus, stimulated) / np.array(fitted.networks[0].scales.output)
    size = np.sqrt(np.square(change).mean(axis=3))  # lesions x fits x trials x outputs
    rows = [
        _effect(lesion.name, output, size[at, :, :, column], change[at, ..., column].mean(axis=2), seed)
        for at, lesion in enumerate(lesions)
        for column, output in enumerate(fitted.outputs)
    ]
    return pd.DataFrame(rows).sort_values("effect", ascending=False, kind="stable", ignore_index=True)


def ablate_responses(
    fitted: FittedCircuit,
    lesions: Sequence[Lesion],
    stimulus: Float[np.ndarray, "trials steps stimulated"],
    stimulated: Int[np.ndarray, " stimulated"],
    rows: Int[np.ndarray, " rows"],
    seed: int = 0,
) -> pd.DataFrame:
    """The predicted effect of each lesion on responses to stimulation, largest first: for circuits without motor output.

    Args:
        fitted: The whole circuit.
        lesions: What is removed, one row each (`lesions_of`).
        stimulus: Input; a response is the activity at its end.
        stimulated: Rows of the stimulated neurons.
        rows: Rows of the neurons whose responses count. Those of removed neurons do not, nor trials that stimulate one.
        seed: Root of the bootstrap's draws.

    Returns:
        Columns as of `ablate`, in the unit of a typical neuron's SD; output is "responses". NaN where no trial is left.
    """
    scale = fitted.networks[0].scales.activity
    on = (stimulus != 0).any(axis=1)
    whole, table = fitted.predict(stimulus, stimulated, rows).activity[:, :, -1], []
    for lesion in tqdm(lesions, desc="lesions", unit="lesion", delay=2):
        gone = fitted.circuit.rows_of(lesion.neurons, "neurons to remove")
        left = ~on[:, np.isin(stimulated, gone)].any(axis=1)
        counted = ~np.isin(rows, gone)
        after = fitted.without(lesion.neurons, lesion.edges).predict(stimulus[left], stimulated, rows).activity[:, :, -1]
        change = (after - whole[:, left])[..., counted] / scale
        table.append(_effect(lesion.name, "responses", np.sqrt(np.square(change).mean(axis=2)), change.mean(axis=2), seed))
    return pd.DataFrame(table).sort_values("effect", ascending=False, kind="stable", ignore_index=True)


def _effect(
    lesion: str, output: str, size: Float[np.ndarray, "fits trials"], mean: Float[np.ndarray, "fits trials"], seed: int
) -> dict[str, object]:
    """A row of a lesion and output."""
    if not size.shape[1]:
        return {"lesion": lesion, "output": output} | dict.fromkeys(("effect", "low", "high", "spread", "mean_change"), np.nan)
    by_trial = size[0].astype(np.float64)
    found = resample_units(np.mean, by_trial, rng_for(seed, "trials after a lesion", lesion, output), REPLICATES)
    low, high = found.interval()
    told = {"lesion": lesion, "output": output, "effect": found.estimate, "low": low, "high": high}
    return told | {"spread": float(spread_of(size.mean(axis=1))), "mean_change": float(mean[0].mean())}
