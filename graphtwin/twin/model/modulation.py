"""Behaviour: what running and the pupil say about the state of the animal, frame after frame."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import nn

from graphtwin.twin.model.convolution import State

TIME_CONSTANTS = (1.0, 10.0, 60.0)  # frames over which behaviour is averaged: the present one alone, 1/3 s and 2 s at 30 Hz


class Modulation(nn.Module):
    """Behaviour at several time constants through a small network, to numbers a frame that act on core and readouts."""

    keep: torch.Tensor

    def __init__(self, channels: int, modulators: int, hidden: int = 16) -> None:
        """Weights for `channels` of behaviour to `modulators` numbers; they start at 0."""
        super().__init__()
        self.register_buffer("keep", torch.tensor([1 - 1 / constant for constant in TIME_CONSTANTS]))
        self.inputs = nn.Linear(channels * len(TIME_CONSTANTS), hidden)
        self.out = nn.Linear(hidden, modulators)

    def forward(
        self, behaviour: Float[torch.Tensor, "clips frames channels"], state: State, outgoing: State
    ) -> Float[torch.Tensor, "clips frames modulators"]:
        """Modulation of every frame; the first frame of a clip counts as having lasted."""
        mean = state["behaviour"] if "behaviour" in state else behaviour[:, 0, :, None].expand(-1, -1, len(self.keep))
        history = []
        for now in behaviour.unbind(1):
            mean = self.keep * mean + (1 - self.keep) * now[..., None]
            history.append(mean)
        outgoing["behaviour"] = mean.detach()
        return torch.tanh(self.out(torch.tanh(self.inputs(torch.stack(history, 1).flatten(2)))))
