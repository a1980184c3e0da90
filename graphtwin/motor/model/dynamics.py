"""What a fit asks of dynamics, be they those of a circuit or of none."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from graphtwin.motor.model.network import Scales


@runtime_checkable
class Dynamics(Protocol):
    """Neurons whose states go on a window at a time; `CircuitNetwork` says what each part means."""

    scales: Scales
    motor: np.ndarray

    def present(self) -> np.ndarray:
        """Whether each neuron is there, not removed."""

    def noises(self) -> list[torch.Tensor]:
        """Log SD of the noise of activity, and of outputs where there are some, in their own unit."""

    def numbers(self) -> Any:
        """All numbers of a step."""

    def initial(self, batch: int) -> torch.Tensor:
        """States before the first step."""

    def window(
        self, state: torch.Tensor, drive: torch.Tensor, stimulated: np.ndarray, rows: np.ndarray, numbers: Any = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What some neurons do in a window of time, and the last states of all."""

    def output(self, motor: torch.Tensor) -> torch.Tensor:
        """Motor output of the states of the motor neurons."""

    def prior(self, anchors: dict[str, torch.Tensor]) -> torch.Tensor:
        """Minus the log of the prior."""
