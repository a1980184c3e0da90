"""The Gabors that optimised pictures are most like: an optimum without what no Gabor has, much of which is noise of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.insilico.measurements import screen_of
from graphtwin.insilico.optimised.found_stimuli import OptimisedStimuli, replaced, scores
from graphtwin.insilico.optimised.quadrature import strongest_wave
from graphtwin.insilico.responders import Responder

if TYPE_CHECKING:
    import torch

COLUMNS = ("x_deg", "y_deg", "direction_deg", "cycles_per_degree", "sd_deg", "aspect", "phase_deg")
PHASES, STEPS, RATE = 4, 200, 0.15  # phases that a fit begins at, its steps, and their size in what follows
MOVES = (3.0, 3.0, 0.15, 0.1, 0.15, 0.15, 0.4)  # degrees (2), radians, logarithms (3), radians: how far a step of size 1 goes
FIRST_SD_DEG, WIDEST_DEG = 8.0, 12.0  # of the Gaussian that a fit begins with, and of the one through which the wave is looked for


def gabors_like(found: OptimisedStimuli) -> OptimisedStimuli:
    """The Gabor most like each optimised picture (largest cosine), at the same contrast, and what it does to the responder.

    The responder plays no part in the fit. A Gabor has a place, a direction, a frequency, a phase, and a Gaussian whose length is `aspect`
    times its width `sd_deg`.

    Args:
        found: Optimised pictures.

    Returns:
        Gabors in the place of the pictures; the table adds what each is made of, and `similarity`, the cosine with its picture.
    """
    import torch

    stage = found.stage
    if stage.budget.shape[0] > 1:
        raise ValueError(f"Gabors: the {len(found.clips)} stimuli are videos, and only pictures are fitted. Seek pictures: moving = false.")
    wanted = torch.as_tensor(found.patterns[:, 0], dtype=torch.float32)
    wanted = wanted / wanted.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None]
    right, up = (one.float() for one in screen_of(stage.responder).places())
    best, alike = _fit(wanted, _starts(wanted, right, up), right, up)
    values = best.double().numpy() * [1, 1, 180 / np.pi, 1, 1, 1, 180 / np.pi]
    values[:, 3:6] = np.exp(values[:, 3:6])
    values[:, [2, 6]] %= 360
    made = replaced(found, _drawn(best, right, up)[:, None].numpy())
    table = made.table.assign(**dict(zip(COLUMNS, values.T, strict=True)), similarity=alike)
    table.loc[~found.optimised, [*COLUMNS, "similarity"]] = np.nan
    return OptimisedStimuli(stage, found.objective, made.clips, made.answers, table, made.coefficients)


def halfway(found: OptimisedStimuli, gabors: OptimisedStimuli) -> OptimisedStimuli:
    """The pictures halfway between optima and their Gabors: what both have stays, what is in one alone is halved.

    Args:
        found: Optimised pictures.
        gabors: What `gabors_like` made of them.
    """
    parts = [one.patterns / np.sqrt(np.square(one.patterns).sum((1, 2, 3), keepdims=True)).clip(1e-12) for one in (found, gabors)]
    return replaced(found, (parts[0] + parts[1]).astype(np.float32))


def best_of(options: dict[str, OptimisedStimuli], judge: Responder) -> OptimisedStimuli:
    """Of several stimuli for the same units, for each the one that does best on a judge; the table says which, as `shape`.

    Args:
        options: Stimuli by the names of what they are, with the same stage and units.
        judge: Responder of the same units in the same order, better another one than they were made with.
    """
    found = list(options.values())
    first, rows = found[0], np.arange(len(found[0].clips))
    told = [scores(one.objective, one.stage.all_answers(one.deviations, rows, judge), one.deviations, rows) for one in found]
    taken = np.argmax(told, axis=0)
    table = pd.concat([found[at].table.iloc[[row]] for row, at in enumerate(taken)], ignore_index=True)
    table = table.assign(shape=[list(options)[at] for at in taken])
    clips, answers, points = (
        np.stack([getattr(found[at], name)[row] for row, at in enumerate(taken)]) for name in ("clips", "answers", "coefficients")
    )
    return OptimisedStimuli(first.stage, first.objective, clips, answers, table, points)


def _drawn(
    told: Float[torch.Tensor, "some 7"], right: Float[torch.Tensor, " width"], up: Float[torch.Tensor, "height 1"]
) -> Float[torch.Tensor, "some height width"]:
    """Gabors of contrast 1; frequency, width and aspect are logarithms, angles are radians."""
    x, y, direction, cycles, sd, aspect, phase = (one[:, None, None] for one in told.unbind(1))
    along = (right - x) * direction.cos() + (up - y) * direction.sin()
    across = (up - y) * direction.cos() - (right - x) * direction.sin()
    window = (-((along / sd.exp()) ** 2 + (across / (sd + aspect).exp()) ** 2) / 2).exp()
    return window * (2 * np.pi * cycles.exp() * along + phase).cos()


def _starts(
    wanted: Float[torch.Tensor, "some height width"], right: Float[torch.Tensor, " width"], up: Float[torch.Tensor, "height 1"]
) -> Float[torch.Tensor, "phases some 7"]:
    """Where fits begin: the place of most power, the strongest wave there, a round Gaussian, and several phases."""
    import torch

    x, y = right.expand(wanted.shape[1:]).flatten(), up.expand(wanted.shape[1:]).flatten()
    near = (-((x[:, None] - x) ** 2 + (y[:, None] - y) ** 2) / (2 * FIRST_SD_DEG**2)).exp()
    at = (wanted.flatten(1).square() @ near).argmax(1)
    window = (-((right - x[at, None, None]) ** 2 + (up - y[at, None, None]) ** 2) / (2 * WIDEST_DEG**2)).exp()
    down, across = float(up[0, 0] - up[1, 0]), float(right[1] - right[0])
    rising, leftward = strongest_wave((wanted * window).numpy())
    waves = np.stack([leftward / across, -rising / down], 1)
    begin = np.zeros((PHASES, len(wanted), 7), dtype=np.float32)
    begin[..., 0], begin[..., 1] = x[at], y[at]
    begin[..., 2], begin[..., 3] = np.arctan2(waves[:, 1], waves[:, 0]), np.log(np.hypot(*waves.T))
    begin[..., 4], begin[..., 6] = np.log(FIRST_SD_DEG), (2 * np.pi * np.arange(PHASES) / PHASES)[:, None]
    return torch.as_tensor(begin)


def _fit(
    wanted: Float[torch.Tensor, "some height width"],
    starts: Float[torch.Tensor, "phases some 7"],
    right: Float[torch.Tensor, " width"],
    up: Float[torch.Tensor, "height 1"],
) -> tuple[Float[torch.Tensor, "some 7"], Float[np.ndarray, " some"]]:
    """Gabors of the largest cosine with some pictures, and that cosine."""
    import torch

    begin, goal = starts.flatten(0, 1), wanted.repeat(len(starts), 1, 1)
    moved = torch.zeros_like(begin, requires_grad=True)
    size, rule = begin.new_tensor(MOVES), torch.optim.Adam([moved], lr=RATE)
    for _ in range(STEPS):
        rule.zero_grad()
        drawn = _drawn(begin + moved * size, right, up)
        alike = (drawn * goal).sum((1, 2)) / drawn.flatten(1).norm(dim=1).clamp(min=1e-6)
        (-alike.sum()).backward()
        rule.step()
    with torch.no_grad():
        ends = begin + moved * size
        drawn = _drawn(ends, right, up)
        alike = ((drawn * goal).sum((1, 2)) / drawn.flatten(1).norm(dim=1).clamp(min=1e-6)).reshape(len(starts), -1)
    best, rows = alike.argmax(0), torch.arange(len(wanted))
    return ends.reshape(starts.shape)[best, rows], alike[best, rows].numpy()
