"""The published convolution + recurrent core, at a size of choice: dense blocks of causal 3D kernels, a convolutional LSTM with attention.

Source: Wang et al. 2025, doi:10.1038/s41586-025-08829-y (one stream here; the release has four, and 256 hidden channels).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional

from graphtwin.twin.model.convolution import Convolution, State, with_past
from graphtwin.twin.settings import DenseLstmConfig

STACKED = 3  # frames of every causal kernel, as published


class CausalConvolution(nn.Module):
    """A causal 3D kernel as a 2D one over stacked frames."""

    def __init__(self, inputs: int, outputs: int, stacked: int, name: str) -> None:
        super().__init__()
        self.stacked, self.name = stacked, name
        self.convolution = Convolution(inputs * stacked, outputs, 3, padding=1)

    def forward(self, x: torch.Tensor, clips: int, state: State, outgoing: State) -> torch.Tensor:
        """One layer over [clips x frames, channels, height, width]."""
        timed = with_past(x.unflatten(0, (clips, -1)), self.stacked - 1, state, self.name, outgoing)
        frames = timed.unbind(1)
        windows = [torch.cat(frames[end - self.stacked : end], dim=1) for end in range(self.stacked, len(frames) + 1)]
        stacked = torch.stack(windows, dim=1).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return torch.as_tensor(self.convolution(stacked))


class DenseBlock(nn.Module):
    """Layers that each see all that came before and add some channels (Huang et al. 2017, arXiv:1608.06993)."""

    def __init__(self, inputs: int, config: DenseLstmConfig, name: str) -> None:
        super().__init__()
        sizes = [inputs + layer * config.growth for layer in range(config.layers)]
        self.layers = nn.ModuleList(CausalConvolution(size, config.growth, STACKED, f"{name}.{i}") for i, size in enumerate(sizes))
        self.channels = inputs + config.layers * config.growth

    def forward(self, x: torch.Tensor, clips: int, state: State, outgoing: State) -> torch.Tensor:
        """The block over [clips x frames, channels, height, width]."""
        for layer in self.layers:
            x = torch.cat([x, functional.gelu(layer(x, clips, state, outgoing))], dim=1)
        return x


class AttentionLstm(nn.Module):
    """A convolutional LSTM whose gates also read what attention over the map gathers from the state before."""

    def __init__(self, inputs: int, modulators: int, config: DenseLstmConfig) -> None:
        super().__init__()
        self.hidden, self.heads = config.hidden, config.heads
        self.inputs = Convolution(inputs + modulators, 4 * config.hidden, 3, padding=1)
        self.recurrent = Convolution(config.hidden, 4 * config.hidden, 3, padding=1, scale=0.3)
        self.attention = Convolution(config.hidden, 3 * config.hidden, 1) if config.heads else None
        self.gathered = Convolution(config.hidden, 4 * config.hidden, 1, scale=0.3) if config.heads else None

    def forward(self, x: torch.Tensor, modulation: torch.Tensor, state: State, outgoing: State, held: int = 1) -> torch.Tensor:
        """Hidden state of every frame, [clips x frames, hidden, height, width]; a frame that is held for several has that of the last."""
        behaviour = modulation.flatten(0, 1)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        driven = self.inputs(torch.cat([x, behaviour.to(x.dtype)], dim=1)).unflatten(0, (len(modulation), -1)).unbind(1)
        start = x.new_zeros(len(modulation), self.hidden, *x.shape[2:], dtype=torch.float32)
        hidden, cell = state.get("hidden", start), state.get("cell", start)
        history = []
        for drive in driven * held:
            gates = drive + self.recurrent(hidden)
            if self.attention is not None and self.gathered is not None:
                gates = gates + self.gathered(self._attend(hidden))
            entered, kept, shown, candidate = gates.float().chunk(4, dim=1)
            cell = torch.sigmoid(kept + 1) * cell + torch.sigmoid(entered) * torch.tanh(candidate)
            hidden = torch.sigmoid(shown) * torch.tanh(cell)
            history.append(hidden)
        outgoing["hidden"], outgoing["cell"] = hidden.detach(), cell.detach()
        return torch.stack(history[-len(driven) :], dim=1).flatten(0, 1)

    def _attend(self, hidden: torch.Tensor) -> torch.Tensor:
        """Every place's mean of all places by the likeness of query and key, head by head."""
        assert self.attention is not None
        parts = self.attention(hidden).flatten(2).unflatten(1, (3 * self.heads, -1)).transpose(2, 3)
        query, key, value = parts.chunk(3, dim=1)
        gathered = functional.scaled_dot_product_attention(query, key, value)
        return gathered.transpose(2, 3).flatten(1, 2).unflatten(2, hidden.shape[2:])


class DenseLstmCore(nn.Module):
    """Two dense blocks, each at half the resolution of what it is given, the recurrence, and a 1 x 1 to the features."""

    def __init__(self, config: DenseLstmConfig, modulators: int) -> None:
        """Weights for a configuration; `modulators` numbers a frame enter the recurrence."""
        super().__init__()
        self.first = Convolution(1, config.growth, 5, stride=2, padding=2)
        self.near = DenseBlock(config.growth, config, "near")
        self.halve = Convolution(self.near.channels, 2 * config.growth, 2, stride=2)
        self.far = DenseBlock(2 * config.growth, config, "far")
        self.lstm = AttentionLstm(self.far.channels, modulators, config)
        self.mix = Convolution(config.hidden, config.features, 1)
        self.norm = nn.BatchNorm2d(config.features, affine=False)

    def forward(
        self,
        video: Float[torch.Tensor, "clips frames height width"],
        modulation: Float[torch.Tensor, "clips frames modulators"],
        state: State | None = None,
        held: int = 1,
    ) -> tuple[Float[torch.Tensor, "clips_frames features h w"], State]:
        """Features of every frame, and the state after the last one; see `ConvolutionalCore`."""
        outgoing: State = {}
        state = state or {}
        clips = len(video)
        x = functional.gelu(self.first(video.flatten(0, 1)[:, None]))
        x = self.near(x, clips, state, outgoing)
        x = self.far(functional.gelu(self.halve(x)), clips, state, outgoing)
        return self.norm(self.mix(self.lstm(x, modulation, state, outgoing, held)).float()), outgoing
