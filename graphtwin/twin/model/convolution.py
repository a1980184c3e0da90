"""What cores are made of: dense convolutions, and frames with those that came before them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional

State = dict[str, torch.Tensor]


class Convolution(nn.Module):
    """A dense 2D convolution whose kernels are the rows of a matrix, stored channels-last."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, padding: int = 0, scale: float = 1.0) -> None:
        """Kernels of `size` x `size` drawn so that variance is kept (He et al. 2015, arXiv:1502.01852), times `scale`."""
        super().__init__()
        self.shape, self.stride, self.padding = (outputs, size, size, inputs), stride, padding
        fan_in = inputs * size * size
        self.kernels = nn.Parameter(scale * (2.0 / fan_in) ** 0.5 * torch.randn(outputs, fan_in))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, frames: Float[torch.Tensor, "frames inputs height width"]) -> Float[torch.Tensor, "frames outputs h w"]:
        """Convolve every frame."""
        kernels = self.kernels.view(self.shape).permute(0, 3, 1, 2)
        return functional.conv2d(frames, kernels, self.bias, stride=self.stride, padding=self.padding)

    def of_still(self, frames: Float[torch.Tensor, "frames height width"]) -> Float[torch.Tensor, "frames outputs h w"]:
        """What `forward` gives where all inputs are the same, as stacked frames of a picture that stands still are."""
        kernels = self.kernels.view(self.shape).sum(3)[:, None]
        return functional.conv2d(frames[:, None], kernels, self.bias, stride=self.stride, padding=self.padding)


def with_past(
    frames: Float[torch.Tensor, "clips frames ..."], past: int, state: State, name: str, outgoing: State
) -> Float[torch.Tensor, "clips more ..."]:
    """The frames after the `past` ones before them; at the start of a clip those are its first frame held still.

    Args:
        frames: Frames of this call.
        past: Number of frames to put in front.
        state: State that earlier frames left, under `name`.
        name: Name of this place in the core.
        outgoing: State for the next call, which takes the last `past` frames.
    """
    before = state[name] if name in state else frames[:, :1].expand(-1, past, *frames.shape[2:])
    joined = torch.cat([before.to(frames.dtype), frames], dim=1)
    outgoing[name] = joined[:, joined.shape[1] - past :].detach()
    return joined
