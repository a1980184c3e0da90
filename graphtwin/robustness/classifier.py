"""A small convolutional classifier of pictures in grey, whose layers can be looked at."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from graphtwin.shapes import Float

SMALLEST = 4  # pixels below which a picture is pooled no further
BLOCKS = 3  # layers at least


class Classifier(nn.Module):
    """Blocks of 3 x 3 convolution, batch normalisation and rectification, halved in between; the mean over places; a linear readout.

    Args:
        size: Height and width of the pictures, pixels.
        classes: Number of classes.
        width: Channels of the first block; later ones have twice, then four times as many.
        grey: Mean and SD of the grey levels that it is used to.
    """

    grey: torch.Tensor

    def __init__(self, size: tuple[int, int], classes: int, width: int, grey: tuple[float, float] = (0.0, 1.0)) -> None:
        super().__init__()
        halvings = max((min(size) // SMALLEST).bit_length() - 1, 0)
        n = max(BLOCKS, halvings + 1)
        channels = [1, *(width * min(2**at, 4) for at in range(n))]
        self.halved = tuple(at < halvings for at in range(n))
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairwise(channels))
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in channels[1:])
        self.readout = nn.Linear(channels[-1], classes)
        self.register_buffer("grey", torch.tensor(grey))

    def layers(self, pictures: Float[torch.Tensor, "pictures height width"]) -> list[torch.Tensor]:
        """What each block makes of pictures of grey levels 0 to 1, and last the mean over places.

        Args:
            pictures: Grey levels.
        """
        x, found = ((pictures - self.grey[0]) / self.grey[1])[:, None], []
        for convolution, norm, halved in zip(self.convolutions, self.norms, self.halved, strict=True):
            x = functional.relu(norm(convolution(x)))
            x = functional.max_pool2d(x, 2) if halved else x
            found.append(x)
        return [*found, x.mean((2, 3))]

    def forward(self, pictures: Float[torch.Tensor, "pictures height width"]) -> Float[torch.Tensor, "pictures classes"]:
        """Log odds of the classes, but for a constant.

        Args:
            pictures: Grey levels, black 0, white 1.
        """
        return torch.as_tensor(self.readout(self.layers(pictures)[-1]))

    def accuracy(self, pictures: torch.Tensor, label: torch.Tensor) -> float:
        """Share of pictures whose class is named.

        Args:
            pictures: Grey levels, pictures x height x width.
            label: Class of each.
        """
        with torch.no_grad():
            return float((self(pictures).argmax(1) == label).float().mean())
