"""Which edges carry the motor output: by their gradient, and by removing them one by one."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from graphtwin.motor.fitting import FittedCircuit, spread_of
from graphtwin.motor.model import CircuitNetwork, columns_of, stream, windows
from graphtwin.motor.questions.ablation import ablate, ablate_responses, lesions_of
from graphtwin.shapes import Float, Int


def rank_edges(
    fitted: FittedCircuit,
    stimulus: Float[np.ndarray, "trials steps stimulated"],
    stimulated: Int[np.ndarray, " stimulated"],
    removed: int = 20,
    seed: int = 0,
    rows: Int[np.ndarray, " rows"] | None = None,
) -> pd.DataFrame:
    """Edges by what they carry of the motor output, or of responses to stimulation.

    The gradient tells all edges at once what the power of the output (half of its mean square about its mean, in units of its SD) loses
    with each in a linear world: weight times the power's derivative. It is cut at the windows of the fit. Edges that it puts first are then
    removed one by one, which is exact.

    Args:
        fitted: The fitted circuit.
        stimulus: Input.
        stimulated: Rows of the stimulated neurons.
        removed: Number of edges that are removed, those of the largest gradient times weight.
        seed: Root of the bootstrap's draws.
        rows: Rows of the neurons whose activity at the end of the input counts, in the place of motor output (`ablate_responses`): its
            power is about the mean of each neuron over trials.

    Returns:
        A row an edge, largest first: columns pre, post, count, weight, gradient_x_weight, spread (how far that may be
            off, `spread_of`; NaN with one fit), rank, and of the edges that were removed effect, low, high (of `ablate`, the largest over
            outputs), NaN of the others.

    Examples:
        >>> graphtwin.motor.rank_edges(fitted, trials.stimulus[:2], trials.stimulated, removed=1).columns[:2].tolist()
        ['pre', 'post']
    """
    if rows is None and not fitted.outputs:
        raise ValueError("The circuit was fitted without motor output: no edge carries any. Give trials with outputs, and motor neurons.")
    circuit = fitted.circuit
    told = np.asarray(stimulus), np.asarray(stimulated), fitted.config.window
    power = _power_of_output if rows is None else partial(_power_of_responses, rows=rows)
    each = np.stack([power(network, *told) for network in fitted.networks])
    names = np.array(circuit.names)
    columns: dict[str, Any] = {
        "pre": names[circuit.pre],
        "post": names[circuit.post],
        "count": circuit.count,
        "weight": fitted.weights[0],
        "gradient_x_weight": each[0],
        "spread": spread_of(each),
    }
    table = pd.DataFrame(columns)
    order = np.argsort(-table["gradient_x_weight"].abs().to_numpy(), kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    table["rank"] = np.arange(1, len(table) + 1)
    first = table.head(removed)
    lesions = lesions_of(fitted, edges=list(zip(first["pre"], first["post"], strict=True)))
    given = fitted, lesions, stimulus, stimulated
    found = ablate(*given, seed) if rows is None else ablate_responses(*given, rows, seed)
    effects = found.drop_duplicates("lesion").set_index("lesion")
    return table.join(effects[["effect", "low", "high"]].reindex(first["pre"] + " -> " + first["post"]).reset_index(drop=True))


def _power_of_output(network: CircuitNetwork, stimulus: np.ndarray, stimulated: np.ndarray, length: int) -> np.ndarray:
    """What the power of the output loses with each edge in a linear world."""
    trials, steps = stimulus.shape[:2]
    scale = torch.tensor(network.scales.output)[:, None]
    with torch.no_grad():
        parts = [output for _, output in stream(network, windows(stimulus, length), stimulated, np.zeros(0, dtype=np.int64))]
    mean = torch.from_numpy(np.concatenate(parts, axis=1).mean(axis=1).T) / scale  # of each output in each trial
    power = np.zeros(len(network.circuit.pre))
    state, held = network.initial(trials).detach(), network.weights().detach().requires_grad_()
    for part in windows(stimulus, length):
        states, last = network.window(state, columns_of(part), stimulated, network.motor, network.numbers(held))
        state = last.detach()
        output = network.output(states)[..., :trials] / scale
        found = torch.autograd.grad((output - mean).square().sum() / (2 * steps * trials), held)[0]
        power += (found * held).detach().numpy()
    return power


def _power_of_responses(network: CircuitNetwork, stimulus: np.ndarray, stimulated: np.ndarray, length: int, rows: np.ndarray) -> np.ndarray:
    """What the power of the activity at the end of the input loses with each edge in a linear world."""
    trials, held = len(stimulus), network.weights().detach().requires_grad_()
    state, numbers = network.initial(trials).detach(), network.numbers(held)
    for part in windows(stimulus, length):
        states, last = network.window(state, columns_of(part), stimulated, rows, numbers)
        state = last.detach()
    at_end = states[-1, :, :trials] / network.scales.activity
    about_mean = at_end - at_end.detach().mean(dim=1, keepdim=True)
    found = torch.autograd.grad(about_mean.square().sum() / (2 * trials), held)[0]
    return np.asarray((found * held).detach().numpy())
