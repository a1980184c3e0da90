"""What a ridge on fixed energies expects of the units of an animal that sees single pictures, beside what the core says of them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import nn

from graphtwin.twin.model.convolution import State
from graphtwin.twin.model.scattering import BLOCKS, CELLS, scattered

MOST_RANKS = 64  # patterns of energies that the units of an animal have in common, at most
LEAST_SHARE = 0.05  # of a unit's mean response, below which the ridge expects nothing of responses that are never negative


class PictureDrive(nn.Module):
    """Responses linear in the energies of a picture, through patterns that units share, and their share of what the twin predicts.

    No gradient reaches them: `fit.picture_ridge` sets them in closed form. The share is 0 until then.
    """

    patterns: torch.Tensor
    weights: torch.Tensor
    bias: torch.Tensor
    least: torch.Tensor
    share: torch.Tensor

    def __init__(self, units: int, signed: bool = False) -> None:
        """A drive of no share; responses that are signed are expected without a least one."""
        super().__init__()
        self.signed = signed
        ranks = min(units, MOST_RANKS)
        self.register_buffer("patterns", torch.zeros(ranks, sum(BLOCKS), CELLS**2))
        self.register_buffer("weights", torch.zeros(units, ranks))
        self.register_buffer("bias", torch.zeros(units))
        self.register_buffer("least", torch.zeros(units))
        self.register_buffer("share", torch.zeros(()))

    def forward(
        self, video: Float[torch.Tensor, "clips frames height width"], state: State, outgoing: State
    ) -> Float[torch.Tensor, "clips frames units"]:
        """Rates for every frame, each taken as a picture without a past; frames like the one before are computed once."""
        frames = video.flatten(0, 1)
        differs = (frames[1:] != frames[:-1]).flatten(1).any(1)
        first = torch.cat([differs.new_ones(1), differs])
        return self.rates(scattered(frames[first]))[first.cumsum(0) - 1].unflatten(0, video.shape[:2])

    def rates(self, energies: Float[torch.Tensor, "pictures channels cells"]) -> Float[torch.Tensor, "pictures units"]:
        """Expected responses, standardised, from energies as `scattered` gives them."""
        drives = energies.flatten(1) @ self.patterns.flatten(1).T @ self.weights.T + self.bias
        return torch.maximum(drives, self.least)
