"""A small convolutional classifier of pictures in grey, whose layers can be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from graphtwin.shapes import Float, Int

SMALLEST = 4  # pixels below which a picture is pooled no further
BLOCKS = 3  # layers at least
PIXELS_AT_ONCE = 2**20  # pixels that are answered together, so that what layers hold of large pictures stays small


class Classifier(nn.Module):
    """Blocks of 3 x 3 convolution, batch normalisation and rectification, halved in between; the mean over places; a linear readout.

    Args:
        size: Height and width of the pictures, pixels.
        classes: Number of classes.
        width: Channels of the first block; later ones have twice, then four times as many.
        grey: Mean and SD of the grey levels that it is used to.

    Examples:
        >>> classifier.classifier.answers(torch.from_numpy(pictures.pictures)).shape  # log odds, pictures x classes
        torch.Size([80, 10])
    """

    grey: torch.Tensor

    def __init__(self, size: tuple[int, int], classes: int, width: int, grey: tuple[float, float] = (0.0, 1.0)) -> None:
        super().__init__()
        self.size, self.width = size, width
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

    def answers(self, pictures: Float[torch.Tensor, "pictures height width"]) -> Float[torch.Tensor, "pictures classes"]:
        """Log odds without gradients, of some pictures at a time.

        Args:
            pictures: Grey levels.
        """
        with torch.no_grad():
            return torch.cat([self(pictures[rows]) for rows in _at_once(pictures)])

    def last_block(self, pictures: Float[torch.Tensor, "pictures height width"]) -> Float[torch.Tensor, "pictures features"]:
        """What the last block makes of pictures, place by place, without gradients.

        Args:
            pictures: Grey levels.
        """
        with torch.no_grad():
            return torch.cat([self.layers(pictures[rows])[-2].flatten(1) for rows in _at_once(pictures)])

    def gradient(
        self, pictures: Float[torch.Tensor, "pictures height width"], label: Int[torch.Tensor, " pictures"]
    ) -> Float[torch.Tensor, "pictures height width"]:
        """Gradient of each picture's loss with respect to it.

        Args:
            pictures: Grey levels.
            label: Class of each.
        """

        def of(rows: slice) -> torch.Tensor:
            asked = pictures[rows].detach().requires_grad_(True)
            loss = functional.cross_entropy(self(asked), label[rows], reduction="sum")
            return torch.autograd.grad(loss, asked)[0]

        return torch.cat([of(rows) for rows in _at_once(pictures)])

    def accuracy(self, pictures: torch.Tensor, label: torch.Tensor) -> float:
        """Share of pictures whose class is named.

        Args:
            pictures: Grey levels, pictures x height x width.
            label: Class of each.
        """
        return float((self.answers(pictures).argmax(1) == label).float().mean())


def _at_once(pictures: torch.Tensor) -> Iterator[slice]:
    """Rows of pictures that are shown to a classifier together: all where they are small."""
    n = max(1, PIXELS_AT_ONCE // (pictures.shape[1] * pictures.shape[2]))
    return (slice(at, at + n) for at in range(0, max(len(pictures), 1), n))
