"""Gradient ascent on spheres, many starts side by side, none of which knows of another.

Each row is a point of a sphere, for the score does not depend on its length. It is turned towards a conjugate gradient (Polak & Ribiere
1969, never below 0) by an angle of its own, which grows with every step that gains and shrinks with every one that does not; such a step is
taken back. So a row never gets worse, and stops by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from graphtwin.progress import tqdm

if TYPE_CHECKING:
    import torch

ANGLE, LARGEST, SMALLEST = 0.2, 0.7, 1e-6  # radians of the first step, and of the largest and smallest ones
ANOTHER = 10.0  # share of the direction before from which on nothing of it is kept
QUIET = 5  # steps in a row that gain next to nothing, after which a row is done
Evaluate = Callable[["torch.Tensor", np.ndarray], tuple["torch.Tensor", "torch.Tensor"]]


@dataclass(frozen=True)
class Ascent:
    """Where rows came to.

    Attributes:
        points: The points.
        steps: Steps of each row, those that were taken back among them.
        converged: Whether a row stopped by itself.
        flat: Whether the gradient of a row was 0 where it began.
    """

    points: Float[torch.Tensor, rows * point]
    steps: Int[np.ndarray, " rows"]
    converged: Bool[np.ndarray, " rows"]
    flat: Bool[np.ndarray, " rows"]


def ascend(evaluate: Evaluate, starts: Float[torch.Tensor, rows * point], most: int, tolerance: float, progress: bool = False) -> Ascent:
    """Raise the scores of all rows.

    Args:
        evaluate: Function from some points and their row numbers to their scores and gradients.
        starts: Points to begin at.
        most: Steps at most.
        tolerance: Share of all that was gained which `QUIET` steps in a row do not reach when a row is done.
        progress: Show a progress bar.
    """
    import torch

    point, n = starts.flatten(1).clone(), len(starts)
    ask = _flattened(evaluate, starts.shape[1:])
    value, slope = ask(point, np.arange(n))
    first, way = value.clone(), slope.clone()
    angle, quiet = torch.full_like(value, ANGLE), torch.zeros_like(value)
    flat = slope.norm(dim=1) == 0
    active, steps = ~flat, np.zeros(n, dtype=np.int64)
    for _ in tqdm(range(most), desc="ascent", unit="step", disable=not progress, leave=False):
        at = active.nonzero()[:, 0]
        if not len(at):
            break
        rows = at.cpu().numpy()
        steps[rows] += 1
        here, turn = point[at], angle[at, None]
        trial = here * turn.cos() + _tangent(way[at], here) * here.norm(dim=1, keepdim=True) * turn.sin()
        score, slope_there = ask(trial, rows)
        better = score > value[at]
        gained, so_far = score - value[at], score - first[at]
        quiet[at] = torch.where(better, torch.where(gained <= tolerance * so_far, quiet[at] + 1, 0.0), quiet[at])
        keep = _conjugate(slope_there, slope[at])
        way[at] = torch.where(better[:, None], slope_there + keep * way[at], slope[at])
        point[at] = torch.where(better[:, None], trial, here)
        slope[at] = torch.where(better[:, None], slope_there, slope[at])
        value[at] = torch.where(better, score, value[at])
        angle[at] = torch.where(better, (1.4 * angle[at]).clamp(max=LARGEST), 0.3 * angle[at])
        active[at] = (quiet[at] < QUIET) & (angle[at] > SMALLEST) & (slope[at].norm(dim=1) > 0)
    return Ascent(point.reshape(starts.shape), steps, (~active & ~flat).cpu().numpy(), flat.cpu().numpy())


def _flattened(evaluate: Evaluate, shape: torch.Size) -> Evaluate:
    """The function on flat points."""

    def ask(points: torch.Tensor, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        value, slope = evaluate(points.reshape(-1, *shape), rows)
        return value, slope.flatten(1)

    return ask


def _tangent(way: torch.Tensor, here: torch.Tensor) -> torch.Tensor:
    """Directions along the sphere, of length 1; 0 where there is none."""
    unit = here / here.norm(dim=1, keepdim=True)
    way = way / way.norm(dim=1, keepdim=True).clamp(min=1e-30)
    along = way - (way * unit).sum(1, keepdim=True) * unit
    return along / along.norm(dim=1, keepdim=True).clamp(min=1e-12)


def _conjugate(new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    """What is kept of the direction before; nothing where the slope has become another one altogether, as at the edge of a plateau."""
    kept = (new * (new - old)).sum(1, keepdim=True) / old.square().sum(1, keepdim=True).clamp(min=1e-30)
    return kept * ((kept > 0) & (kept < ANOTHER))
