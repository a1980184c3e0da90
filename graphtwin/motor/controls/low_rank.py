"""No connectome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.motor.circuit import Circuit, Trials
from graphtwin.motor.fit import Simulated
from graphtwin.motor.model import MotorConfig
from graphtwin.shapes import Float, Int


@dataclass(frozen=True)
class FittedLowRank:
    """Fits without a connectome."""

    circuit: Circuit
    rank: int

    def simulate(
        self,
        stimulus: Float[np.ndarray, "trials steps stimulated"],
        stimulated: Int[np.ndarray, " stimulated"],
        rows: np.ndarray | None = None,
    ) -> Simulated:
        """Activity and motor output under a stimulus."""
        raise NotImplementedError


def fit_low_rank(circuit: Circuit, trials: Trials, config: MotorConfig, seed: int = 0) -> FittedLowRank:
    """Fit dynamics of low rank."""
    raise NotImplementedError
