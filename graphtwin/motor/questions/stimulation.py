"""What neurons do when one is stimulated, of those never stimulated before too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from graphtwin.motor.fitting import FittedCircuit, spread_of


def stimulate(
    fitted: FittedCircuit, neurons: Sequence[str], strength: float, begin_s: float = 0.5, length_s: float = 0.5, end_s: float = 0.5
) -> pd.DataFrame:
    """The response of every neuron to a constant input to one, for each of some neurons.

    Args:
        fitted: The fitted circuit.
        neurons: Names of the neurons to stimulate, one at a time.
        strength: Input, in units of the stimulus of the trials.
        begin_s: Seconds before the input.
        length_s: Seconds of the input.
        end_s: Seconds behind it that count as its response too.

    Returns:
        A row a stimulated neuron and neuron: columns stimulated, neuron, response (mean change over the same time without input),
        spread (how far that may be off, `spread_of`; NaN with one fit), size (mean magnitude of the change).

    Examples:
        >>> graphtwin.motor.stimulate(fitted, ["n0"], strength=1.0).columns.tolist()
        ['stimulated', 'neuron', 'response', 'spread', 'size']
    """
    rows = fitted.circuit.rows_of(tuple(neurons), "neurons to stimulate")
    begin, length, end = (round(seconds / fitted.dt_s) for seconds in (begin_s, length_s, end_s))
    stimulus = np.zeros((len(rows) + 1, begin + length + end, len(rows)), dtype=np.float32)
    for at in range(len(rows)):
        stimulus[at, begin : begin + length, at] = strength
    activity = fitted.predict(stimulus, rows).activity[:, :, begin:]
    change = activity[:, :-1] - activity[:, -1:]
    names = np.array(fitted.circuit.names)
    response = change.mean(axis=2)
    return pd.DataFrame(
        {
            "stimulated": np.repeat(names[rows], len(names)),
            "neuron": np.tile(names, len(rows)),
            "response": response[0].ravel(),
            "spread": spread_of(response).ravel(),
            "size": np.abs(change[0]).mean(axis=1).ravel(),
        }
    )
