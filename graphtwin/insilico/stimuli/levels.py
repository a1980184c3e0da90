"""Levels of pixels: one number for all of a screen, or one each where every pixel goes into an input of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphtwin.shapes import Float

if TYPE_CHECKING:
    import torch

Level = float | Float[np.ndarray, "height width"]


def as_level(values: float | np.ndarray) -> Level:
    """A plain number of one number, whose products have the precision of what it is multiplied by; several as they are.

    Args:
        values: One number, of Python or NumPy, or one a pixel.
    """
    return values if isinstance(values, np.ndarray) and values.ndim else float(values)


def beside(level: Level, clips: torch.Tensor) -> float | torch.Tensor:
    """A level that clips can be added to and multiplied by: a number as it is, others as a tensor like theirs.

    Args:
        level: One number, or one a pixel.
        clips: Clips ending in height and width.
    """
    import torch

    return torch.as_tensor(level, dtype=clips.dtype, device=clips.device) if isinstance(level, np.ndarray) else level


def in_words(level: Level) -> str:
    """A level in words: the number, or the lowest and the highest of them."""
    low, high = np.min(level), np.max(level)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def as_plain(level: Level) -> float | list[float]:
    """A level as JSON has it: the number, or a list of those of all pixels, row by row."""
    return level.ravel().tolist() if isinstance(level, np.ndarray) else level
