"""Behaviour: what running and the pupil say about the state of the animal, frame after frame."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import nn

from graphtwin.twin.data import PICTURES_HZ
from graphtwin.twin.model.convolution import State

TIME_CONSTANTS_S = (1 / 30, 1 / 3, 2.0)  # over which behaviour is averaged; the first is the present frame alone at 30 Hz and below
EYE_CONSTANTS_S = (1 / 30, 0.1, 0.3)  # those of eye movements: what follows a saccade is over in a third of a second


class Modulation(nn.Module):
    """Behaviour at several time constants through a small network, to numbers a frame that act on core and readouts.

    Of an animal without channels of behaviour or eye movements there is no network: all numbers are 0, which acts on nothing.
    """

    keep: torch.Tensor

    def __init__(self, channels: int, modulators: int, frame_rate_hz: float, hidden: int = 16, eye: int = 0) -> None:
        """Weights for `channels` of behaviour and then `eye`, sampled at the frame rate (NaN for pictures), to `modulators` numbers."""
        super().__init__()
        self.modulators = modulators
        rate = frame_rate_hz if math.isfinite(frame_rate_hz) else PICTURES_HZ
        keep, of_eye = (
            torch.tensor([1 - 1 / max(1.0, constant * rate) for constant in constants]) for constants in (TIME_CONSTANTS_S, EYE_CONSTANTS_S)
        )
        self.register_buffer("keep", torch.cat([keep.repeat(channels, 1), of_eye.repeat(eye, 1)]) if eye else keep)
        if channels + eye:
            self.inputs = nn.Linear((channels + eye) * len(TIME_CONSTANTS_S), hidden)
            self.out = nn.Linear(hidden, modulators)

    def forward(
        self, behaviour: Float[torch.Tensor, "clips frames channels"], state: State, outgoing: State
    ) -> Float[torch.Tensor, "clips frames modulators"]:
        """Modulation of every frame; the first frame of a clip counts as having lasted."""
        if not behaviour.shape[2]:
            return behaviour.new_zeros(*behaviour.shape[:2], self.modulators)
        mean = state["behaviour"] if "behaviour" in state else behaviour[:, 0, :, None].expand(-1, -1, self.keep.shape[-1])
        history = []
        for now in behaviour.unbind(1):
            mean = self.keep * mean + (1 - self.keep) * now[..., None]
            history.append(mean)
        outgoing["behaviour"] = mean.detach()
        return torch.tanh(self.out(torch.tanh(self.inputs(torch.stack(history, 1).flatten(2)))))
