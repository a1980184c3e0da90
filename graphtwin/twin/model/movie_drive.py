"""What a ridge on fixed energies of the frames of movies expects of the units of an animal, beside what the core says of them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import nn

from graphtwin.twin.model.convolution import State, with_past
from graphtwin.twin.model.picture_drive import MOST_RANKS
from graphtwin.twin.model.scattering import FINE_CELLS, FINE_CHANNELS, energies_of_frames

LAGS = 3  # times before an answer at which a ridge looks, evenly spaced from 0 to the span
OVERLAP = 1.5  # half-width of the window in time around each, in distances between them


class MovieDrive(nn.Module):
    """Rates that are linear in energies of frames up to now, through patterns that units share, and their share of the prediction.

    No gradient reaches them: `fit.movie_ridge` sets them in closed form. The share is 0 until then.
    """

    span_s: torch.Tensor
    patterns: torch.Tensor
    weights: torch.Tensor
    bias: torch.Tensor
    least: torch.Tensor
    share: torch.Tensor

    def __init__(self, units: int, frame_rate_hz: float, signed: bool = False) -> None:
        """A drive of no share; responses that are signed are expected without a least one."""
        super().__init__()
        self.signed = signed
        ranks = min(units, MOST_RANKS)
        self.frame_rate_hz = frame_rate_hz
        self.register_buffer("span_s", torch.zeros((), dtype=torch.float64))
        self.register_buffer("patterns", torch.zeros(LAGS, ranks, FINE_CHANNELS, FINE_CELLS[0] * FINE_CELLS[1]))
        self.register_buffer("weights", torch.zeros(units, ranks))
        self.register_buffer("bias", torch.zeros(units))
        self.register_buffer("least", torch.zeros(units))
        self.register_buffer("share", torch.zeros(()))

    def forward(
        self, video: Float[torch.Tensor, "clips frames height width"], state: State, outgoing: State
    ) -> Float[torch.Tensor, "clips frames units"]:
        """Rates for every frame; before a clip its first frame was still."""
        taps = taps_of(float(self.span_s), self.frame_rate_hz).to(self.patterns)
        projected = energies_of_frames(video.flatten(0, 1)).flatten(1) @ self.patterns.flatten(2).flatten(0, 1).T
        past = with_past(projected.unflatten(0, video.shape[:2]), taps.shape[1] - 1, state, "drive", outgoing)
        windows = past.unflatten(2, (LAGS, -1)).unfold(1, taps.shape[1], 1)  # shape: (clips, frames, lags, ranks, taps)
        drives = torch.einsum("cflrt,lt->cfr", windows, taps.flip(1))
        return torch.maximum(drives @ self.weights.T + self.bias, self.least)


def taps_of(span_s: float, frame_rate_hz: float) -> Float[torch.Tensor, "lags taps"]:
    """Weights of a frame and of those before it, the latest first, in each window in time: raised cosines of unit sum.

    Args:
        span_s: Seconds from an answer back to the middle of the last window; it is a frame at least from one middle to the next.
        frame_rate_hz: Frames a second.
    """
    apart = max(span_s / (LAGS - 1), 1 / frame_rate_hz)
    seconds = torch.arange(int((LAGS - 1 + OVERLAP) * apart * frame_rate_hz) + 1) / frame_rate_hz
    phase = (seconds - apart * torch.arange(LAGS)[:, None]) / (OVERLAP * apart)
    taps = torch.where(phase.abs() < 1, 1 + torch.cos(torch.pi * phase), 0.0)
    return taps / taps.sum(1, keepdim=True)
