"""A circuit whose answers can be written down: six senses and two neurons that they reach, all with strengths as they are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from graphtwin.motor import Circuit, FittedCircuit, MotorConfig, Trials
from graphtwin.motor.model import CircuitNetwork, Scales
from graphtwin.motor.responders import CircuitResponder, Senses, responders_of

DT, TAU = 0.02, 0.1
SENSES = ("a", "b", "c", "d", "e", "f")
PLACES = np.array([[-6.0, 4.0], [0.0, 4.0], [6.0, 4.0], [-6.0, -4.0], [0.0, -4.0], [6.0, -4.0]])
STRENGTHS = {"up": (5.0, 3.0, 1.0, 0.0, 4.0, 2.0), "down": (0.0, 2.0, 0.0, 6.0, 4.0, 1.0)}  # counts of the synapses of each sense
REST = 1.0  # what each sense does without input: enough that faint input of either sign is told
SIGN = (1, 1, 1, 1, -1, -1)


def circuit(order: Sequence[int] = range(6)) -> Circuit:
    """The senses in some order, then `up` and `down`, which move the output."""
    names = (*(SENSES[at] for at in order), *STRENGTHS)
    edges = [(place, 6 + to, STRENGTHS[name][at]) for to, name in enumerate(STRENGTHS) for place, at in enumerate(order)]
    pre, post, count = zip(*(edge for edge in edges if edge[2]), strict=True)
    sign, nothing = np.array([*(SIGN[at] for at in order), 1, 1]), np.zeros(0, dtype=np.int64)
    senses = np.arange(8) < 6
    return Circuit(names, ("",) * 8, sign, senses, ~senses, np.full((8, 3), np.nan), np.array(pre), np.array(post), np.array(count),
                   nothing, nothing, np.zeros(0))  # fmt: skip


def trials(lowest: float = -2.0) -> Trials:
    """Trials of noise into the senses, half of the time none."""
    rng = np.random.default_rng(0)
    stimulus = np.maximum(rng.standard_normal((4, 40, 6)), lowest) * (np.arange(40) % 20 > 10)[:, None]
    activity = rng.standard_normal((4, 40, 8))
    return Trials(DT, stimulus, np.arange(6), activity, np.arange(8), activity[:, :, :1], ("pull",), tuple("wxyz"))


def fitted(n: int = 1, order: Sequence[int] = range(6), dtype: torch.dtype = torch.float32, **config: Any) -> FittedCircuit:
    """Fits that were not fitted: the first as wiring says, others at draws of narrow priors; senses are active at rest."""
    wired, settings = circuit(order), MotorConfig(tau_s=TAU, window=30, **config)
    networks = []
    for fit in range(n):
        network = CircuitNetwork(wired, settings, DT, Scales(1.0, (1.0,), (0.0,)), dtype)
        rng = torch.Generator().manual_seed(fit)
        with torch.no_grad():
            for name, value in network.named_parameters():
                if fit and name in ("edge", "tau", "bias"):
                    value.add_(0.2 * torch.randn(value.shape, generator=rng, dtype=dtype))
            network.bias[:6] += REST
            network.readout.copy_(torch.tensor([[1.0, -1.0]]))
        networks.append(network.eval())
    return FittedCircuit(wired, settings, DT, ("pull",), tuple(networks), (), ((),) * n)


def responder(fits: FittedCircuit | None = None, senses: Senses | None = None, **told: Any) -> CircuitResponder:
    """The first fit as a responder; rest is no input."""
    return responders_of(fits or fitted(), senses or Senses(np.arange(6), 0.0, 1.0, (-3.0, 3.0)), "planted", **told)[0]
