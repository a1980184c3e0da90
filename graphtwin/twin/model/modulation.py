"""Behaviour: what running and the pupil say about the state of the animal, frame after frame."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import nn

from graphtwin.twin.data import PICTURES_HZ
from graphtwin.twin.model.convolution import State, with_past

TIME_CONSTANTS_S = (1 / 30, 1 / 3, 2.0)  # over which behaviour is averaged; the first is the present frame alone at 30 Hz and below
AFTER_S, APART_S = 0.3, 0.05  # seconds for which an eye movement is felt, and from one window in time to the next


class Modulation(nn.Module):
    """Behaviour at several time constants through a small network, to numbers a frame that act on core and readouts.

    Eye movements enter through windows in time: what follows a saccade falls and rises within a third of a second. Of an animal without
    channels of behaviour or eye movements there is no network: all numbers are 0, which acts on nothing.
    """

    keep: torch.Tensor

    def __init__(self, channels: int, modulators: int, frame_rate_hz: float, hidden: int = 16, eye: int = 0) -> None:
        """Weights for `channels` of behaviour and of the `eye`, at the frame rate (NaN for pictures), to `modulators` numbers."""
        super().__init__()
        self.modulators = modulators
        rate = frame_rate_hz if math.isfinite(frame_rate_hz) else PICTURES_HZ
        self.register_buffer("keep", torch.tensor([1 - 1 / max(1.0, constant * rate) for constant in TIME_CONSTANTS_S]))
        self.windows = _windows(rate)
        if channels + eye:
            self.inputs = nn.Linear(channels * len(TIME_CONSTANTS_S) + eye * len(self.windows), hidden)
            self.out = nn.Linear(hidden, modulators)

    def forward(
        self,
        behaviour: Float[torch.Tensor, "clips frames channels"],
        state: State,
        outgoing: State,
        eye: Float[torch.Tensor, "clips frames movements"] | None = None,
    ) -> Float[torch.Tensor, "clips frames modulators"]:
        """Modulation of every frame; the first frame of a clip counts as having lasted."""
        inputs = [self._lasting(behaviour, state, outgoing)] if behaviour.shape[2] else []
        if eye is not None:
            past = with_past(eye, self.windows.shape[1] - 1, state, "eye", outgoing).unfold(1, self.windows.shape[1], 1)
            inputs.append((past @ self.windows.flip(1).T.to(past)).flatten(2))
        if not inputs:
            return behaviour.new_zeros(*behaviour.shape[:2], self.modulators)
        return torch.tanh(self.out(torch.tanh(self.inputs(torch.cat(inputs, dim=2) if len(inputs) > 1 else inputs[0]))))

    def _lasting(
        self, behaviour: Float[torch.Tensor, "clips frames channels"], state: State, outgoing: State
    ) -> Float[torch.Tensor, "clips frames lasting"]:
        """Behaviour at each time constant."""
        mean = state["behaviour"] if "behaviour" in state else behaviour[:, 0, :, None].expand(-1, -1, len(self.keep))
        history = []
        for now in behaviour.unbind(1):
            mean = self.keep * mean + (1 - self.keep) * now[..., None]
            history.append(mean)
        outgoing["behaviour"] = mean.detach()
        return torch.stack(history, 1).flatten(2)


def _windows(frame_rate_hz: float) -> Float[torch.Tensor, "windows frames"]:
    """Weights of a frame and of those before it, the latest first, in overlapping windows in time: raised cosines of unit sum."""
    seconds = torch.arange(round(AFTER_S * frame_rate_hz) + 1) / frame_rate_hz
    middles = APART_S * torch.arange(round(AFTER_S / APART_S) + 1)
    phase = (seconds - middles[:, None]) / (1.5 * APART_S)
    weights = torch.where(phase.abs() < 1, 1 + torch.cos(torch.pi * phase), 0.0)
    return weights / weights.sum(1, keepdim=True).clamp(min=1e-6)
