"""What goes into a circuit: which neurons take input, what goes in at rest, and how strong inputs are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphtwin.motor.circuit import Circuit, Trials
from graphtwin.shapes import Int


@dataclass(frozen=True)
class Senses:
    """Neurons that take the input of in silico experiments.

    Attributes:
        rows: Their rows in the circuit.
        rest: What goes in where nothing is shown: the median of all input of the trials. It is 0 where input comes in pulses, and the mean
            light where it is a film.
        deviation: Root mean square of the input of the trials from rest.
        levels: Lowest and highest input of the trials.
    """

    rows: Int[np.ndarray, " inputs"]
    rest: float
    deviation: float
    levels: tuple[float, float]


def senses_of(circuit: Circuit, trials: Trials, names: Sequence[str] = ()) -> Senses:
    """The neurons that take input in trials, and what went into them.

    Args:
        circuit: The circuit.
        trials: Trials, whose input says what the circuit is used to.
        names: Names of the neurons that take input; none takes the sensory ones among those that trials stimulate, or, where none is marked
            as sensory, all that trials stimulate.

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
    rest = float(np.median(given))
    deviation = float(np.sqrt(np.square(given - rest, dtype=np.float64).mean()))
    if not deviation > 0:
        raise ValueError(f"The input of {len(rows)} neurons is {rest:g} in all {len(given)} trials. Give trials in which it changes.")
    return Senses(rows, rest, deviation, (float(given.min()), float(given.max())))


def require_senses(senses: Senses, circuit: Circuit) -> None:
    """Raise where input is to go into neurons that are not in the circuit."""
    outside = senses.rows[(senses.rows < 0) | (senses.rows >= len(circuit.names))]
    if len(outside):
        raise ValueError(
            f"Input goes into {len(outside)} of {len(senses.rows)} neurons that are not in the circuit, first number {outside[0]}, where "
            f"neurons have numbers from 0 to {len(circuit.names) - 1}. Take the senses of this circuit."
        )
