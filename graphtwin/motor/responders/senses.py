"""What goes into a circuit: which neurons take input, what goes in at rest, and how strong inputs are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphtwin.motor.circuit import Circuit, Trials
from graphtwin.shapes import Float, Int

Strength = float | Float[np.ndarray, " inputs"]


@dataclass(frozen=True)
class Senses:
    """Neurons that take the input of in silico experiments.

    Attributes:
        rows: Their rows in the circuit.
        rest: What goes in where nothing is shown: the median of the input of the trials. It is 0 where input comes in pulses, and the mean
            light where it is a film. One number for all senses, or one each.
        deviation: How strong input is: its root mean square from rest; likewise.
        levels: Lowest and highest input of the trials; likewise.
    """

    rows: Int[np.ndarray, " inputs"]
    rest: Strength
    deviation: Strength
    levels: tuple[Strength, Strength]


def senses_of(circuit: Circuit, trials: Trials, names: Sequence[str] = (), together: bool = False) -> Senses:
    """The neurons that take input in trials, and what went into each of them.

    A sense that trials seldom stimulate is not weak: how strong its input is, is told by the steps in which it is not at rest, and how many
    these are by all senses together.

    Args:
        circuit: The circuit.
        trials: Trials, whose input says what the circuit is used to.
        names: Names of the neurons that take input; none takes the sensory ones among those that trials stimulate, or, where none is marked
            as sensory, all that trials stimulate.
        together: All senses have one range, as those have that see the same pictures.

    Raises:
        ValueError: A neuron that no trial stimulates, of which nothing says how much input it takes, or input that never changes.
    """
    stimulated = np.asarray(trials.stimulated)
    if names:
        rows = circuit.rows_of(tuple(names), "neurons that take input")
        never = [circuit.names[row] for row in np.setdiff1d(rows, stimulated)]
        if never:
            raise ValueError(
                f"{len(never)} of {len(rows)} neurons that are to take input are stimulated in no trial, first {never[0]!r}: nothing says "
                "how strong their input is. Name some that are."
            )
    else:
        sensory = stimulated[circuit.sensory[stimulated]]
        rows = sensory if len(sensory) else stimulated
    if not len(rows):
        raise ValueError(f"None of {len(circuit.names)} neurons is stimulated in any trial: nothing can be shown to this circuit.")
    given = trials.stimulus[:, :, [int(np.flatnonzero(stimulated == row)[0]) for row in rows]]
    rest = np.median(given) if together else np.median(given, axis=(0, 1))
    away = np.square(given - rest, dtype=np.float64)
    if not away.any():
        told = f"{len(rows)} neurons is {np.min(rest):g}" if np.ptp(rest) == 0 else f"each of {len(rows)} neurons is the same"
        raise ValueError(f"The input of {told} in all {len(given)} trials. Give trials in which it changes.")
    if together:
        return Senses(rows, float(rest), float(np.sqrt(away.mean())), (float(given.min()), float(given.max())))
    often = np.count_nonzero(away, axis=(0, 1))
    strong = away.sum(axis=(0, 1)) / np.maximum(often, 1)
    strong[often == 0] = np.median(strong[often > 0])  # an input that stays at rest has no strength of its own, nor room to go anywhere
    deviation = np.sqrt(strong * often.sum() / away.size)
    return Senses(rows, rest, deviation, (given.min(axis=(0, 1)), given.max(axis=(0, 1))))


def require_senses(senses: Senses, circuit: Circuit) -> None:
    """Raise where input is to go into neurons that are not in the circuit."""
    outside = senses.rows[(senses.rows < 0) | (senses.rows >= len(circuit.names))]
    if len(outside):
        raise ValueError(
            f"Input goes into {len(outside)} of {len(senses.rows)} neurons that are not in the circuit, first number {outside[0]}, where "
            f"neurons have numbers from 0 to {len(circuit.names) - 1}. Take the senses of this circuit."
        )
