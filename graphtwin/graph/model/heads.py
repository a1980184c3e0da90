"""The heads of the graph model, one loss each: cell type, position, connectivity."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import nn
from torch.nn import functional


class LabelHead(nn.Module):
    """Class probabilities, classes weighted equally in the loss and calibrated by one temperature."""

    weight: torch.Tensor
    temperature: torch.Tensor

    def __init__(self, hidden: int, weight: Float[torch.Tensor, " classes"]) -> None:
        super().__init__()
        self.logits = nn.Linear(hidden, max(len(weight), 1))  # one idle output where no class is known
        self.register_buffer("weight", weight)
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, hidden: Float[torch.Tensor, "neurons hidden"]) -> Float[torch.Tensor, "neurons classes"]:
        """Calibrated logits."""
        return self.logits(hidden) / self.temperature

    def loss(
        self,
        hidden: Float[torch.Tensor, "neurons hidden"],
        label: Int[torch.Tensor, " neurons"],
        weight: Float[torch.Tensor, " neurons"] | None = None,
    ) -> Float[torch.Tensor, ""]:
        """Weighted cross-entropy; a label of -1 is unknown and masked.

        Args:
            hidden: Hidden vector of each neuron, from the encoder.
            label: Number of each neuron's class, -1 where unknown.
            weight: Weight of each neuron in the loss; by default that of its class.
        """
        if not (label >= 0).any():
            return hidden.sum() * 0.0
        if weight is None:
            return functional.cross_entropy(self(hidden), label, weight=self.weight, ignore_index=-1)
        each = functional.cross_entropy(self(hidden), label, ignore_index=-1, reduction="none")
        return (each * weight).sum() / weight.sum()


class PositionHead(nn.Module):
    """Mean and standard deviation of x, depth and z: every position comes with its error bar (Nix & Weigend 1994)."""

    centre: torch.Tensor
    scale: torch.Tensor
    widening: torch.Tensor

    def __init__(self, hidden: int, centre: Float[torch.Tensor, " 3"], scale: Float[torch.Tensor, " 3"]) -> None:
        super().__init__()
        self.both = nn.Linear(hidden, 6)
        self.register_buffer("centre", centre)
        self.register_buffer("scale", scale)
        self.register_buffer("widening", torch.ones(3))

    def forward(
        self, hidden: Float[torch.Tensor, "neurons hidden"]
    ) -> tuple[Float[torch.Tensor, "neurons 3"], Float[torch.Tensor, "neurons 3"]]:
        """Mean and standard deviation of each neuron's position, um."""
        mean, log_sd = self.both(hidden).chunk(2, dim=1)
        return self.centre + self.scale * mean, self.widening * self.scale * torch.exp(log_sd.clamp(-4.0, 1.5))

    def loss(self, hidden: Float[torch.Tensor, "neurons hidden"], position: Float[torch.Tensor, "neurons 3"]) -> Float[torch.Tensor, ""]:
        """Gaussian negative log-likelihood in units of `scale`; NaN positions are unknown and masked."""
        known = torch.isfinite(position)
        if not known.any():
            return hidden.sum() * 0.0
        mean, sd = self(hidden)
        z = (torch.where(known, position, mean) - mean) / sd
        return ((0.5 * z**2 + torch.log(sd / self.scale)) * known).sum() / known.sum()


class ConnectionHead(nn.Module):
    """Directed connection of a pair, and the log size of its synapses, from both cells and the geometry between them.

    Axon and target enter through different weights, so that the head is asymmetric; rates of axon and target, and what is
    said of the pair (`direct`), are additive terms of their own, as degrees and classes are in a wiring rule.
    """

    calibration: torch.Tensor
    size_centre: torch.Tensor
    size_sd: torch.Tensor

    def __init__(self, n_pre: int, n_post: int, n_pair: int, hidden: int, prevalence: float) -> None:
        super().__init__()
        self.pre = nn.Sequential(nn.Linear(n_pre, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.post = nn.Sequential(nn.Linear(n_post, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.pair = nn.Linear(n_pair, hidden)
        self.direct = nn.Linear(n_pair, 1, bias=False)
        self.between = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 2)
        self.pre_rate, self.post_rate = nn.Linear(hidden, 1), nn.Linear(hidden, 1)
        self.register_buffer("calibration", torch.tensor([1.0, 0.0]))
        self.register_buffer("size_centre", torch.zeros(()))
        self.register_buffer("size_sd", torch.ones(()))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.direct.weight)
        with torch.no_grad():
            self.out.bias.copy_(torch.tensor([float(torch.logit(torch.tensor(prevalence))), 0.0]))

    def cells(self, pre: torch.Tensor, post: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Hidden vectors and rates of axons and targets, to be paired by `forward`."""
        axon, target = self.pre(pre), self.post(post)
        return axon, target, self.pre_rate(axon).squeeze(1), self.post_rate(target).squeeze(1)

    def forward(
        self,
        axon: Float[torch.Tensor, "pairs hidden"],
        target: Float[torch.Tensor, "pairs hidden"],
        rate: Float[torch.Tensor, " pairs"],
        pair: Float[torch.Tensor, "pairs features"],
    ) -> tuple[Float[torch.Tensor, " pairs"], Float[torch.Tensor, " pairs"]]:
        """Logit of a connection and expected log size (standardised) of each pair.

        Args:
            axon: Hidden vector of each pair's axon, as `cells` makes them.
            target: Hidden vector of each pair's target, as `cells` makes them.
            rate: Sum of both cells' rates.
            pair: Geometry and similarity of each pair.
        """
        hidden = functional.hardswish(axon + target + self.pair(pair))  # half the time of SiLU, as good
        logit, size = self.out(functional.hardswish(self.between(hidden))).unbind(1)
        slope, offset = self.calibration
        return slope * (logit + rate + self.direct(pair).squeeze(1)) + offset, size

    def expected_size(self, size: Float[torch.Tensor, " pairs"]) -> Float[torch.Tensor, " pairs"]:
        """Expected size given a connection, in the unit of the synapse table: the mean of a log-normal."""
        return torch.exp(self.size_centre + self.size_sd * size + 0.5 * self.size_sd**2)
