"""Whether optima can be believed: gradients against finite differences, and optima of several seeds against one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.execute import rng_for
from graphtwin.insilico.optimised.found_stimuli import OptimisedStimuli
from graphtwin.insilico.optimised.spectrum import patterns
from graphtwin.schema import UNIT_KEY

if TYPE_CHECKING:
    import torch

STEPS = (0.003, 0.01, 0.03, 0.1)  # of finite differences, as shares of the size of the stimulus
DIRECTIONS = 3  # directions beside that of the gradient, along which it is checked


def gradient_agrees(found: OptimisedStimuli, tolerance: float = 0.05, seed: int = 0) -> pd.DataFrame:
    """Slopes of the score at each stimulus by the responder's gradient, and by central differences of its answers.

    Along the gradient, and along smooth patterns drawn at random; of several steps the one that agrees best counts, for small ones are lost
    in rounding (a twin computes in 16 bits where the processor can) and large ones in curvature. The budget plays no part.

    Args:
        found: Stimuli, at which the responder is asked.
        tolerance: Largest difference that agrees, as a share of the slope along the gradient.
        seed: Seed of the directions.

    Returns:
        A row a stimulus: `slope` along the gradient, `slope_by_differences`, the largest `difference` along any direction as a share of
        the first, and `agrees`. Rows that were not optimised are NaN, and do not agree.
    """
    import torch

    stage, n = found.stage, len(found.clips)
    ways = torch.as_tensor(_ways(found, seed), device=stage.device)
    table = np.full((n, 3), np.nan)
    kept = np.flatnonzero(found.optimised)
    for some in np.split(kept, range(stage.config.batch, len(kept), stage.config.batch)) if len(kept) else []:
        here = torch.as_tensor(found.deviations[some], dtype=torch.float32, device=stage.device)

        def score(shown: torch.Tensor, rows: np.ndarray = some) -> torch.Tensor:
            return found.objective.score(stage.answers(shown, rows), shown, rows)

        asked = here.clone().requires_grad_()
        (slope,) = torch.autograd.grad(score(asked).sum(), asked)
        size = slope.flatten(1).norm(dim=1)
        along = [slope / size.clamp(min=1e-30)[:, None, None, None], *(way[None].expand_as(slope) for way in ways)]
        stated = torch.stack([(slope * way).flatten(1).sum(1) for way in along])
        with torch.no_grad():
            measured = torch.stack([_differences(score, here, way) for way in along])
        away = (measured - stated[:, None]).abs()
        closest = away.argmin(1, keepdim=True)
        table[some, 0], table[some, 1] = size.cpu(), measured.gather(1, closest)[0, 0].cpu()
        table[some, 2] = (away.amin(1).amax(0) / size.clamp(min=1e-30)).cpu()
    told = found.table[[*UNIT_KEY, "objective", "status"]].copy()
    told[["slope", "slope_by_differences", "difference"]] = table
    return told.assign(agrees=told["difference"] <= tolerance)


def agreement_of_seeds(found: Sequence[OptimisedStimuli]) -> pd.DataFrame:
    """How alike optima of the same question are that began elsewhere: the patterns, and what they do.

    Units that do not care for phase have many optima: these differ, and do as much.

    Args:
        found: The same question, answered with several seeds.

    Returns:
        A row a stimulus: the smallest and the mean `similarity` of two patterns, a cosine; the smallest score as a share of the largest,
        each above the answer at rest, `lowest_share`; and `best_seed`.
    """
    if len(found) < 2 or len({len(one.clips) for one in found}) != 1:
        raise ValueError(f"seeds: {[len(one.clips) for one in found]} stimuli. Give two or more answers to one question.")
    flat = np.stack([one.patterns.reshape(len(one.clips), -1) for one in found], 1)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=2, keepdims=True), 1e-12)
    pairs = np.einsum("nap,nbp->nab", flat, flat)[:, *np.triu_indices(len(found), 1)]
    score = np.stack([one.table["score"] for one in found], 1)
    first = found[0]
    rest = np.sign(getattr(first.objective, "sign", 1.0)) * first.table["response_at_rest"].fillna(0).to_numpy(dtype=float)
    gained = score - rest[:, None]
    best = np.where(np.isnan(score).any(1), 0, np.argmax(np.nan_to_num(score, nan=-np.inf), axis=1))
    told = first.table[[*UNIT_KEY, "objective", "status"]].copy()
    told["similarity_lowest"], told["similarity_mean"] = pairs.min(1), pairs.mean(1)
    told["lowest_share"] = gained.min(1) / gained.max(1)
    told["best_seed"] = [found[at].stage.config.seed for at in best]
    told.loc[np.isnan(score).any(1), ["similarity_lowest", "similarity_mean", "lowest_share"]] = np.nan
    return told


def _differences(score: Callable[[torch.Tensor], torch.Tensor], here: torch.Tensor, way: torch.Tensor) -> Float[torch.Tensor, "steps n"]:
    """Slopes of some stimuli along a direction, by central differences of several steps."""
    import torch

    found = []
    for share in STEPS:
        step = share * here.flatten(1).norm(dim=1).clamp(min=1e-6)
        move = step[:, None, None, None] * way
        found.append((score(here + move) - score(here - move)) / (2 * step))
    return torch.stack(found)


def _ways(found: OptimisedStimuli, seed: int) -> Float[np.ndarray, "directions frames height width"]:
    """Smooth patterns of length 1."""
    import torch

    stage = found.stage
    rng = rng_for(seed, "directions of a gradient check")
    coefficients = rng.standard_normal((DIRECTIONS, 2, *stage.amplitudes.shape), dtype=np.float32)
    drawn = patterns(torch.as_tensor(coefficients, device=stage.device), stage.budget.shape, stage.weights).cpu().numpy()
    return drawn / np.linalg.norm(drawn.reshape(DIRECTIONS, -1), axis=1)[:, None, None, None]
