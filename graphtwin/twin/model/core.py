"""Cores: video in, features of every map position out; causal, so that frame by frame gives the numbers of the whole clip.

A core takes frames with the state that earlier frames left behind and hands on its own. Activations stay [clips x frames, channels, height,
width] in channels-last memory, the layout in which dense convolutions are fastest; kernels are stored as matrices, which orthogonalised
momentum needs.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional

from graphtwin.twin.model.convolution import Convolution, State, with_past
from graphtwin.twin.model.dense_lstm import DenseLstmCore
from graphtwin.twin.settings import ConvolutionalConfig, DenseLstmConfig

STACKED = 9  # frames the first kernel sees, the present one the last of them: 0.3 s at 30 Hz
SEMI_SATURATION = 0.5  # energy at which normalisation sets in


def build_core(config: ConvolutionalConfig | DenseLstmConfig, modulators: int) -> nn.Module:
    """The core that a configuration describes.

    Args:
        config: Settings of the core, whose `kind` decides.
        modulators: Count of the numbers a frame that say how the animal behaves.
    """
    return DenseLstmCore(config, modulators) if isinstance(config, DenseLstmConfig) else ConvolutionalCore(config, modulators)


def normalised(x: Float[torch.Tensor, "frames channels height width"]) -> Float[torch.Tensor, "frames channels height width"]:
    """Channels over the root of the mean energy of all channels in the 3 x 3 places around, and a constant.

    Divisive normalisation: Heeger 1992, doi:10.1017/S0952523800009640. What a channel says then depends less on contrast, and so holds for
    stimuli of another contrast.
    """
    energy = functional.avg_pool2d(x.square().mean(1, keepdim=True), 3, stride=1, padding=1, count_include_pad=False)
    return x * torch.rsqrt(SEMI_SATURATION + energy)


class ResidualBlock(nn.Module):
    """Residual block: activation, causal shift of a quarter of the channels by a frame, 3 x 3, activation, 1 x 1, added to what came in."""

    def __init__(self, channels: int, name: str) -> None:
        super().__init__()
        self.name, self.shifted = name, channels // 4
        self.wide = Convolution(channels, channels, 3, padding=1)
        self.out = Convolution(channels, channels, 1, scale=0.3)

    def forward(self, x: torch.Tensor, clips: int, state: State, outgoing: State) -> torch.Tensor:
        """One block over [clips x frames, channels, height, width]."""
        activated = functional.silu(x)
        moving, still = activated.split([self.shifted, activated.shape[1] - self.shifted], dim=1)
        timed = with_past(moving.unflatten(0, (clips, -1)), 1, state, self.name, outgoing)
        earlier = timed.split([timed.shape[1] - 1, 1], dim=1)[0].flatten(0, 1)
        shifted = torch.cat([earlier, still], dim=1).contiguous(memory_format=torch.channels_last)
        return x + self.out(functional.silu(self.wide(shifted)))


class GatedMemory(nn.Module):
    """Minimal gated recurrence: h moves towards a candidate by a gate, both functions of the input and of behaviour alone.

    Only an elementwise scan runs frame after frame (as in Martin & Cundy 2018, arXiv:1709.04057).
    """

    def __init__(self, channels: int, modulators: int) -> None:
        super().__init__()
        self.inputs = Convolution(channels, 2 * channels, 1)
        self.behaviour = nn.Linear(modulators, 2 * channels)
        with torch.no_grad():
            self.inputs.bias[channels:] = torch.linspace(-3.0, 1.0, channels)  # time constants of one to twenty frames
            self.behaviour.weight.zero_()

    def forward(self, x: torch.Tensor, modulation: torch.Tensor, state: State, outgoing: State, held: int = 1) -> torch.Tensor:
        """Memory of [clips x frames, channels, height, width], each of which lasts `held`; modulation is [clips, frames, modulators]."""
        clips = len(modulation)
        both = self.inputs(x) + self.behaviour(modulation).flatten(0, 1)[:, :, None, None]
        candidate, gate = both.unflatten(0, (clips, -1)).float().chunk(2, dim=2)
        gate = torch.sigmoid(gate)
        gate = gate if held == 1 else 1 - (1 - gate) ** held
        kept, added = (1 - gate).unbind(1), (gate * torch.tanh(candidate)).unbind(1)
        memory = state.get("memory", torch.zeros_like(kept[0]))
        history = []
        for keep, add in zip(kept, added, strict=True):
            memory = torch.addcmul(add, keep, memory)
            history.append(memory)
        outgoing["memory"] = memory.detach()
        return torch.stack(history, dim=1).flatten(0, 1).to(x.dtype)


class ConvolutionalCore(nn.Module):
    """Default core: convolutions of stacked frames, residual blocks and a gated memory.

    Stacked frames -> 6 x 6 stride 2 (a causal 3D kernel as a 2D one) -> 2 x 2 stride 2 -> residual blocks -> gated memory -> 1 x 1.
    What the two convolutions give is normalised, see `normalised`, and has the gains that the state of the animal gives each channel.
    """

    def __init__(self, config: ConvolutionalConfig, modulators: int) -> None:
        """Weights for a configuration; `modulators` numbers a frame tell the memory of behaviour."""
        super().__init__()
        self.normalised = config.normalised
        self.first = Convolution(STACKED, config.first, config.size, stride=2, padding=(config.size - 1) // 2)
        self.second = Convolution(config.first, config.hidden, 2, stride=2)
        self.blocks = nn.ModuleList(ResidualBlock(config.hidden, f"block {index}") for index in range(config.blocks))
        self.memory = GatedMemory(config.hidden, modulators) if config.kind == "recurrent" else None
        self.mix = Convolution(config.hidden * (2 if self.memory else 1), config.features, 1)
        self.norm = nn.BatchNorm2d(config.features, affine=False)

    def forward(
        self,
        video: Float[torch.Tensor, "clips frames height width"],
        modulation: Float[torch.Tensor, "clips frames modulators"],
        state: State | None = None,
        held: int = 1,
        gains: Float[torch.Tensor, "clips_frames hidden"] | None = None,
    ) -> tuple[Float[torch.Tensor, "clips_frames features h w"], State]:
        """Features of every frame, and the state after the last one.

        Args:
            video: Standardised grey levels.
            modulation: Numbers a frame that say how the animal behaves.
            state: State that an earlier call returned for the frames before; None starts a clip.
            held: Number of frames that a clip of one frame stands still before its features are told; 1 for videos.
            gains: Gain of each hidden channel in every frame; None leaves them at 1.
        """
        outgoing: State = {}
        state = state or {}
        clips = len(video)
        if held > 1:
            first = self.first.of_still(video[:, 0])
        else:
            seen = with_past(video, STACKED - 1, state, "frames", outgoing).unfold(1, STACKED, 1).flatten(0, 1).permute(0, 3, 1, 2)
            first = self.first(seen)
        x = self.second(functional.silu(first))
        x = normalised(x) if self.normalised else x
        x = x if gains is None else x * gains[..., None, None].to(x.dtype)
        for block in self.blocks:
            x = block(x, clips, state, outgoing)
        x = functional.silu(x)
        if self.memory is not None:
            x = torch.cat([x, self.memory(x, modulation, state, outgoing, held)], dim=1)
        return self.norm(self.mix(x).float()), outgoing
