"""A unit's readout: where on the core's map it looks and how it weighs the channels there; thousands at once, by position buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Buckets:
    """The bilinear corners of all units, sorted by the map position they read.

    A map position has as many rows of slots as its corners fill, so that crowded positions cost no padding elsewhere.

    Attributes:
        position: Map position (row-major) that each row of slots reads.
        unit: Unit whose corner stands in each slot; any unit in an empty slot.
        corner: Corner that stands in each slot, as an index into the flattened corners of all units; that of a 0 in an empty slot.
        slot: Slot of each corner, flattened over (rows, slots).
    """

    position: Int[torch.Tensor, " rows"]
    unit: Int[torch.Tensor, "rows slots"]
    corner: Int[torch.Tensor, "rows slots"]
    slot: Int[torch.Tensor, "4 units"]


def bilinear_corners(
    positions: Float[torch.Tensor, "units 2"], height: int, width: int
) -> tuple[Int[torch.Tensor, "4 units"], Float[torch.Tensor, "4 units"]]:
    """Map positions and weights of the four corners around each point, as `grid_sample` has them (edges at -1 and 1, border repeated).

    Args:
        positions: Points of the map, x rightwards and y downwards, its edges at -1 and 1.
        height: Number of the map's rows.
        width: Number of the map's columns.
    """
    x = ((positions[:, 0] + 1) * (width / 2) - 0.5).clamp(0, width - 1)
    y = ((positions[:, 1] + 1) * (height / 2) - 0.5).clamp(0, height - 1)
    left, top = x.detach().floor().clamp(max=max(width - 2, 0)), y.detach().floor().clamp(max=max(height - 2, 0))
    right, below = x - left, y - top
    weights = torch.stack([(1 - below) * (1 - right), (1 - below) * right, below * (1 - right), below * right])
    first = (top * width + left).long()
    step_x, step_y = int(width > 1), width * int(height > 1)
    return torch.stack([first, first + step_x, first + step_y, first + step_x + step_y]), weights


def sort_into_buckets(index: Int[torch.Tensor, "4 units"], n_positions: int) -> Buckets:
    """Slots for corners by map position; the number of slots a row has follows the mean number of corners a position has."""
    flat = index.flatten()
    count = torch.bincount(flat, minlength=n_positions)
    slots = max(8, -(-len(flat) // n_positions))
    rows = -(-count // slots)
    order = torch.argsort(flat, stable=True)
    rank = torch.arange(len(flat), device=flat.device) - (torch.cumsum(count, 0) - count)[flat[order]]
    place = (torch.cumsum(rows, 0) - rows)[flat[order]] * slots + rank
    n_rows = int(rows.sum())
    corner = torch.full((n_rows * slots,), len(flat), device=flat.device)
    corner[place] = order
    slot = torch.empty_like(flat)
    slot[order] = place
    unit = (corner % index.shape[1]).view(n_rows, slots)
    position = torch.repeat_interleave(torch.arange(n_positions, device=flat.device), rows)
    return Buckets(position, unit, corner.view(n_rows, slots), slot.view(index.shape))


class _Spread(torch.autograd.Function):
    """Rows of units into slots; its gradient is `_Collect`, so that neither ever scatters."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, buckets: Buckets) -> torch.Tensor:
        ctx.buckets = buckets
        return values[buckets.unit]

    @staticmethod
    def backward(ctx: Any, *grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        return _collect(grad[0], ctx.buckets), None


class _Collect(torch.autograd.Function):
    """The sum of a unit's four slots; its gradient is `_Spread`."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, buckets: Buckets) -> torch.Tensor:
        ctx.buckets = buckets
        return _collect(values, buckets)

    @staticmethod
    def backward(ctx: Any, *grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grad[0][ctx.buckets.unit], None


def _collect(values: torch.Tensor, buckets: Buckets) -> torch.Tensor:
    flat = values.flatten(0, 1)
    total = flat[buckets.slot[0]]
    for corner in buckets.slot[1:]:
        total += flat[corner]
    return total


def read_out(
    features: Float[torch.Tensor, "frames channels height width"],
    positions: Float[torch.Tensor, "units 2"],
    weights: Float[torch.Tensor, "units outputs channels"],
) -> Float[torch.Tensor, "frames units outputs"]:
    """Weighted sum over channels of the features at each unit's position: what `grid_sample` and a product give, at a fraction of the cost.

    The four bilinear corners of all units are sorted by map position; bilinear and feature weights are folded into one matrix a
    position, so that one batched product with the features there serves all units that look at it.

    Args:
        features: Features of the core, one frame after the other.
        positions: Points of the map, x rightwards and y downwards, its edges at -1 and 1.
        weights: Weight of each channel, for each number that the unit's response distribution needs.
    """
    frames, channels, height, width = features.shape
    units, outputs, _ = weights.shape
    index, bilinear = bilinear_corners(positions, height, width)
    buckets = sort_into_buckets(index, height * width)
    corners = torch.cat([bilinear.flatten(), bilinear.new_zeros(1)])[buckets.corner]
    folded = _Spread.apply(weights.flatten(1), buckets) * corners[..., None]
    rows, slots, _ = folded.shape
    seen = features.flatten(2).permute(2, 1, 0).float().index_select(0, buckets.position)  # shape: (rows, channels, frames)
    read = torch.bmm(folded.view(rows, slots * outputs, channels), seen)
    answered = _Collect.apply(read.view(rows, slots, outputs * frames), buckets)
    return answered.view(units, outputs, frames).permute(2, 0, 1)


class Readout(nn.Module):
    """Position, feature weights and bias of every unit of one animal; the position is Gaussian while training, its mean at test."""

    def __init__(self, start: Float[torch.Tensor, "units 2"], channels: int, outputs: int, spread: float) -> None:
        """Readouts of `channels` features into `outputs` numbers a unit.

        Args:
            start: Positions to begin with, the edges of the map at -1 and 1.
            channels: Count of the core's features.
            outputs: Count of the numbers that a unit's response distribution needs.
            spread: Standard deviation of the position to begin with, in half maps.
        """
        super().__init__()
        units = len(start)
        self.weights = nn.Parameter(0.1 / channels**0.5 * torch.randn(units, outputs, channels))
        self.bias = nn.Parameter(torch.zeros(units, outputs))
        self.log_spread = nn.Parameter(torch.full((units, 2), spread).log())
        self.residual = nn.Parameter(start.float().clone())

    def mean_positions(self) -> Float[torch.Tensor, "units 2"]:
        """Mean position of each unit, kept on the map."""
        return self.residual.clamp(-1, 1)

    def forward(self, features: Float[torch.Tensor, "frames channels height width"]) -> Float[torch.Tensor, "frames units outputs"]:
        """Numbers of the response distributions; while training at one draw of every position for all frames."""
        return read_out(features, self.drawn_positions(), self.weights) + self.bias

    def drawn_positions(self) -> Float[torch.Tensor, "units 2"]:
        """A draw of every position while training, and the mean positions at test."""
        positions = self.mean_positions()
        return positions + self.log_spread.exp() * torch.randn_like(positions) if self.training else positions

    def at(
        self, features: Float[torch.Tensor, "frames channels height width"], positions: Float[torch.Tensor, "nodes units 2"]
    ) -> Float[torch.Tensor, "frames nodes units outputs"]:
        """What units would be given that looked at other positions, several of each unit at once."""
        nodes, units = positions.shape[:2]
        read = read_out(features, positions.flatten(0, 1), self.weights.repeat(nodes, 1, 1))
        return read.unflatten(1, (nodes, units)) + self.bias

    def seen(
        self, features: Float[torch.Tensor, "frames channels height width"], positions: Float[torch.Tensor, "units 2"] | None = None
    ) -> Float[torch.Tensor, "frames units channels"]:
        """Features at the mean position of every unit, or at others."""
        grid = (self.mean_positions() if positions is None else positions)[None, None].expand(len(features), 1, -1, -1)
        return functional.grid_sample(features.float(), grid, padding_mode="border", align_corners=False)[:, :, 0].transpose(1, 2)
