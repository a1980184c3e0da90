"""Responders whose answers are known: linear and energy units with planted places, orientations, delays and gains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from graphtwin.coordinates import Monitor
from graphtwin.insilico.responders import TorchResponder

SIZE, RATE = (18, 32), 30.0
MONITOR = Monitor()
GREY = (120.0, 40.0)


def unit_table(n: int, session: int = 1) -> pd.DataFrame:
    return pd.DataFrame({"session": session, "scan_idx": 1, "unit_id": np.arange(n) + 1})


def places(size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Degrees right and up of every pixel, from the centre of the monitor."""
    down, across = MONITOR.degrees_a_pixel(*size)
    y = -down * (np.arange(size[0]) - (size[0] - 1) / 2)
    x = across * (np.arange(size[1]) - (size[1] - 1) / 2)
    return np.broadcast_to(x, size), np.broadcast_to(y[:, None], size)


def gabor(x: float, y: float, degrees: float, cpd: float = 0.04, sigma: float = 8.0, phase: float = 0.0, size=SIZE) -> np.ndarray:
    """A Gabor patch of unit sum of squares; its wave runs along `degrees`."""
    right, up = places(size)
    right, up = right - x, up - y
    wave = np.cos(2 * np.pi * cpd * (right * np.cos(np.radians(degrees)) + up * np.sin(np.radians(degrees))) + phase)
    patch = wave * np.exp(-(right**2 + up**2) / (2 * sigma**2))
    return patch / np.linalg.norm(patch)


def linear_units(filters: np.ndarray, name: str = "linear", **told) -> TorchResponder:
    """Units whose rate is 5 and what a filter of the contrast adds, rectified."""
    weights = torch.as_tensor(filters.reshape(len(filters), -1), dtype=torch.float32)

    def module(clips: torch.Tensor) -> torch.Tensor:
        return torch.relu(5 + (clips - GREY[0]).flatten(2) @ weights.T / GREY[1])

    facts = {"units": unit_table(len(filters)), "frame_rate_hz": RATE, "size": filters.shape[1:], "grey": GREY, "monitor": MONITOR}
    return TorchResponder(name=name, module=module, **(facts | told))
