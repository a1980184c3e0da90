"""Planted lesions: what muscles do without a neuron, or without a type, under stimuli that nothing else is told from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.execute import rng_for
from graphtwin.shapes import Bool, Float
from graphtwin.synthetic.loop.body import Body
from graphtwin.synthetic.loop.dynamics import REST_S, Motion, move
from graphtwin.synthetic.loop.settings import LoopConfig
from graphtwin.synthetic.loop.stimuli import stimuli
from graphtwin.synthetic.loop.wiring import TYPES, TrueCircuit


@dataclass(frozen=True)
class Lesions:
    """Lesions and what followed.

    Attributes:
        names: Name of what each removed: a neuron, or a type.
        removed: Neurons that each removed.
        trials: Name of each trial.
        stimulus: Input of every neuron in the whole animal, of its body too.
        intact: What the whole animal did.
        between: Input of every neuron between the lesion and the first step.
        open_loop: Tension of muscles where the lesioned circuit gets the input of the whole animal, of its body too.
        closed_loop: Tension of muscles where it feels its own body.
    """

    names: tuple[str, ...]
    removed: Bool[np.ndarray, "lesions neurons"]
    trials: tuple[str, ...]
    stimulus: Float[np.ndarray, "trials steps neurons"]
    intact: Motion
    between: Float[np.ndarray, "steps_before neurons"]
    open_loop: Float[np.ndarray, "lesions trials steps muscles"]
    closed_loop: Float[np.ndarray, "lesions trials steps muscles"]


def lesion(circuit: TrueCircuit, body: Body, config: LoopConfig) -> Lesions:
    """Remove single neurons, drawn from all types in turn, and whole types; each by itself.

    Args:
        circuit: The whole circuit.
        body: Its body.
        config: Number of single neurons and of trials.
    """
    types = circuit.neurons["cell_type"].to_numpy()
    names = circuit.neurons["name"].to_numpy()
    singles = _in_turn(types, min(config.lesions, len(types)), config.seed)
    removed = np.concatenate([np.arange(len(types)) == singles[:, None], types == np.array(list(TYPES))[:, None]])
    given, trials = stimuli(circuit, config, config.lesion_trials, "lesion")
    intact = move(circuit, body, given, config.dt_s)
    parted = [move(circuit, body, given, config.dt_s, gone, felt).tension for gone in removed for felt in (intact.felt, None)]
    return Lesions(
        (*names[singles].tolist(), *TYPES),
        removed,
        tuple(trials),
        given + intact.felt,
        intact,
        np.repeat(intact.felt[:1, 0], round(REST_S / config.dt_s), axis=0),  # at rest all trials feel alike
        np.stack(parted[::2]),
        np.stack(parted[1::2]),
    )


def _in_turn(types: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Rows of neurons, one of each type and then another of each, in random order within types."""
    rng = rng_for(seed, "lesions of a loop")
    order = rng.permutation(len(types))
    place = np.empty(len(types), int)
    for name in TYPES:
        rows = order[types[order] == name]
        place[rows] = np.arange(len(rows))
    return np.lexsort((order, place))[:n]
