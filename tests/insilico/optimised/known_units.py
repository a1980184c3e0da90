"""Units whose optimal stimuli are known: linear and energy ones, and some that go wrong."""

from __future__ import annotations

import numpy as np
import torch

from graphtwin.insilico import TorchResponder
from graphtwin.insilico.optimised import OptimiseConfig
from tests.insilico.known_responders import GREY, MONITOR, RATE, SIZE, gabor, unit_table

PIXELS = SIZE[0] * SIZE[1]
# All that pixels can show, little contrast so that no grey level is at its limit.
FREE = OptimiseConfig(contrast_sd=0.1, cycles_a_pixel=1.5, cycles_a_frame=1.5, onset_s=0.1, duration_s=0.3, starts=4, steps=60)
FILTERS = np.stack([gabor(0, 0, 0), gabor(20, 10, 45, phase=1.0), gabor(-20, -10, 90), gabor(-30, 15, 120, 0.03)])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.vdot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))


def responder(module, units: int, rate: float = np.nan, **told) -> TorchResponder:
    facts = {"name": "known", "units": unit_table(units), "frame_rate_hz": rate, "size": SIZE, "grey": GREY, "monitor": MONITOR}
    return TorchResponder(module=module, **(facts | told))


def contrast(clips: torch.Tensor) -> torch.Tensor:
    return (clips - GREY[0]).flatten(2) / GREY[1]


def linear(filters: np.ndarray = FILTERS, rate: float = np.nan, base: float = 5.0, **told) -> TorchResponder:
    """Rate `base` and what a filter of the contrast adds, rectified; in place of the present frame videos have one of 1/30 s before."""
    weights = torch.as_tensor(filters.reshape(len(filters), -1), dtype=torch.float32)
    return responder(lambda clips: torch.relu(base + contrast(clips) @ weights.T), len(filters), rate, **told)


def pairs_of(units: int = 3) -> np.ndarray:
    """Gabors in two phases, a quarter apart."""
    asked = [(0, 0, 0, 0.04), (20, 10, 45, 0.05), (-20, -5, 100, 0.03), (10, -5, 150, 0.05)][:units]
    return np.array([[gabor(x, y, degrees, cpd, phase=phase) for phase in (0, np.pi / 2)] for x, y, degrees, cpd in asked])


def energy(pairs: np.ndarray, rate: float = np.nan, **told) -> TorchResponder:
    """Root of the energy of two filters, as complex cells have."""
    weights = torch.as_tensor(pairs.reshape(len(pairs), 2, -1), dtype=torch.float32)

    def module(clips: torch.Tensor) -> torch.Tensor:
        return torch.einsum("cfp,uqp->cfuq", contrast(clips), weights).square().sum(-1).add(1e-3).sqrt()

    return responder(module, len(pairs), rate, **told)


def delayed(filters: np.ndarray = FILTERS) -> TorchResponder:
    """Units that answer the difference of the present frame from the one before, so that only videos drive them."""
    weights = torch.as_tensor(filters.reshape(len(filters), -1), dtype=torch.float32)

    def module(clips: torch.Tensor) -> torch.Tensor:
        drive = contrast(clips) @ weights.T
        before = torch.cat([drive[:, :1], drive[:, :-1]], 1)
        return torch.nn.functional.softplus(drive - before)

    return responder(module, len(filters), RATE)
