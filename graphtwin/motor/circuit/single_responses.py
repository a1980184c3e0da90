"""Single responses to stimulation, of which the responses of a source are means: how alike their halves are says how well any are told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.motor.circuit.circuit import Circuit
from graphtwin.motor.circuit.of_source import rows_by_root
from graphtwin.motor.circuit.responses import Responses
from graphtwin.shapes import Float, Int
from graphtwin.sources import RESPONSES, SINGLE, SourceTables


@dataclass(frozen=True)
class SingleResponses:
    """What one neuron did when another was stimulated once, in the order of pairs.

    Attributes:
        stimulated: Place of the stimulated neuron among those of the responses.
        responding: Place of the neuron that was recorded among these.
        values: Its response, in the unit of the responses.
    """

    stimulated: Int[np.ndarray, " single"]
    responding: Int[np.ndarray, " single"]
    values: Float[np.ndarray, " single"]

    def measured_twice(self, shape: tuple[int, int]) -> int:
        """How many pairs have two single responses or more.

        Args:
            shape: Number of stimulated and of responding neurons.
        """
        return int((np.bincount(self.stimulated * shape[1] + self.responding) > 1).sum())

    def halves(
        self, shape: tuple[int, int], rng: np.random.Generator
    ) -> tuple[Float[np.ndarray, "stimulated responding"], Float[np.ndarray, "stimulated responding"]]:
        """Means over the halves of the single responses of every pair, drawn at random; NaN of a pair that has one or none.

        Of an odd number one is left out, so that both halves are as large.

        Args:
            shape: Number of stimulated and of responding neurons.
            rng: Source of the draw.
        """
        pair = self.stimulated * shape[1] + self.responding
        order = np.lexsort((rng.random(len(pair)), pair))
        of, values = pair[order], self.values[order]
        number = np.bincount(of, minlength=shape[0] * shape[1])
        at = np.arange(len(of)) - np.repeat(np.cumsum(number) - number, number)  # of a pair, in the order of the draw
        half = number // 2
        first, second = at < half[of], (at >= half[of]) & (at < 2 * half[of])
        sums = (np.bincount(of[some], values[some], minlength=len(number)) for some in (first, second))
        one, other = (np.divide(each, half, out=np.full(len(number), np.nan), where=half > 0).reshape(shape) for each in sums)
        return one, other


def single_responses_of(source: SourceTables, circuit: Circuit, found: Responses) -> SingleResponses | None:
    """The single responses that a source has, of the pairs that it has means of; None where it has none.

    Args:
        source: Source, of which the table of role responses_to_stimulation_single is read.
        circuit: Its circuit.
        found: Its responses.
    """
    tables = source.of(f"{RESPONSES}{SINGLE}")
    if not tables:
        return None
    frame, rows = tables[0].frame, rows_by_root(source, circuit)
    ends = [frame[f"{end}_root_id"].map(rows).fillna(-1).astype(np.int64).to_numpy() for end in ("pre", "post")]
    known = np.isin(ends[0], found.stimulated) & np.isin(ends[1], found.responding) & (ends[0] != ends[1])
    if not known.any():
        return None
    at = np.searchsorted(found.stimulated, ends[0][known]), np.searchsorted(found.responding, ends[1][known])
    return SingleResponses(*at, frame["response"].to_numpy(np.float64)[known])
