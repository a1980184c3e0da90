"""The body of a simulated loop: segments that two muscles bend, and stretch receptors that feel it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.execute import rng_for
from graphtwin.shapes import Float
from graphtwin.synthetic.loop.settings import LoopConfig
from graphtwin.synthetic.loop.wiring import MOTOR, STRETCH, TrueCircuit

TAU_S = 0.25  # seconds that a segment takes to follow its muscles
STIFF = 0.3  # how much of a neighbour's bend a segment takes on
FEELING = 1.5  # input to a stretch receptor at a full bend of its segment


@dataclass(frozen=True)
class Body:
    """Muscles and receptors.

    Attributes:
        muscles: Name of each muscle, dorsal and ventral of the first segment, then of the next.
        drive: What the rate of each neuron adds to the tension of each muscle, 0 but for motor neurons.
        feeling: Input of each neuron at a full dorsal bend of each segment, negative for those that a ventral bend stretches.
    """

    muscles: tuple[str, ...]
    drive: Float[np.ndarray, "muscles neurons"]
    feeling: Float[np.ndarray, "neurons segments"]

    def tension(self, rate: Float[np.ndarray, "neurons trials"]) -> Float[np.ndarray, "muscles trials"]:
        """Tension of every muscle."""
        return self.drive @ rate

    def change(self, bend: Float[np.ndarray, "segments trials"], tension: Float[np.ndarray, "muscles trials"]) -> np.ndarray:
        """Rate of change of every bend, 1/s: towards what muscles pull to, at most 1 to either side, and towards the neighbours' bends."""
        pulled = np.tanh(tension[::2] - tension[1::2])
        beside = np.pad(bend, ((1, 1), (0, 0)), mode="edge")
        return (pulled - bend + STIFF * (beside[:-2] + beside[2:] - 2 * bend)) / TAU_S

    def felt(self, bend: Float[np.ndarray, "segments trials"]) -> Float[np.ndarray, "neurons trials"]:
        """Input of every neuron from the stretch of the body; receptors of the side that is not stretched are silent."""
        return np.maximum(self.feeling @ bend, 0)


def grow_body(circuit: TrueCircuit, config: LoopConfig) -> Body:
    """Muscles that the motor neurons of their side and segment drive, with a tension of 1 at rest, and receptors of one segment each.

    A muscle of a segment without a motor neuron of its side is driven by none.
    """
    rng = rng_for(config.seed, "body of a loop")
    n = len(circuit.neurons)
    segment = circuit.neurons["segment"].to_numpy()
    drive, feeling = np.zeros((2 * config.segments, n)), np.zeros((n, config.segments))
    for side, (motor, stretch) in enumerate(zip(MOTOR, STRETCH, strict=True)):
        rows = circuit.of(motor)
        drive[2 * segment[rows] + side, rows] = rng.uniform(0.5, 1.5, len(rows))
        rows = circuit.of(stretch)
        # A dorsal bend shortens the dorsal side: what it stretches is the ventral one.
        feeling[rows, segment[rows]] = (-1 if stretch.endswith("dorsal") else 1) * FEELING * rng.uniform(0.7, 1.3, len(rows))
    at_rest = drive @ circuit.neurons["rest"].to_numpy()
    drive = np.divide(drive, at_rest[:, None], out=drive, where=at_rest[:, None] > 0)
    names = [f"{side}_{place + 1}" for place in range(config.segments) for side in ("dorsal", "ventral")]
    return Body(tuple(names), drive, feeling)
