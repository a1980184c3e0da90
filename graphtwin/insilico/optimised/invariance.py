"""Invariance paths: how far a picture may turn into another one while a unit answers it as before.

From an optimum p the path is p cos(t) + v sin(t), at the budget, where v is orthogonal to p and of its size: at t = 90 degrees nothing of
p is left, at 180 it is there in negative, at 360 it is back. v is sought so that the unit's mean answer along the path is highest. Of an
energy unit that does not care for phase it is the other filter of its pair, and the answer stays all the way round; a linear unit keeps a
share s of its answer for 2 arccos(s), whatever v is. Of one circle of a manifold that may have more dimensions; for these see Baroni et
al. 2023, "Learning invariance manifolds of visual sensory neurons" (PMLR 197).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.execute import rng_for
from graphtwin.insilico.optimised.ascent import ascend
from graphtwin.insilico.optimised.candidates import same_units
from graphtwin.insilico.optimised.found_stimuli import OptimisedStimuli, replaced
from graphtwin.insilico.optimised.objectives import Drive
from graphtwin.insilico.optimised.quadrature import quarter_later
from graphtwin.insilico.optimised.spectrum import coefficients_of, patterns
from graphtwin.insilico.responders import Responder, inputs_of
from graphtwin.schema import UNIT_KEY

if TYPE_CHECKING:
    import torch

SOUGHT, LOOKED = 8, 24  # equal parts of the circle at which answers are asked while v is sought, and when the arc is measured


@dataclass(frozen=True)
class InvariancePaths:
    """A path of stimuli for each unit.

    Attributes:
        points: Stimuli of all units, a set a point of the path; the table of each says `angle_deg` from the optimum, `share` of what the
            optimum adds to the answer at rest that is kept, and `similarity`, the cosine with the optimum.
        table: A row a unit: `arc_deg`, the part of the circle around the optimum on which the share that was asked for is kept (360: all of
            it), and `lowest_share` anywhere on the circle.
    """

    points: list[OptimisedStimuli]
    table: pd.DataFrame


def invariance_paths(found: OptimisedStimuli, points: int = 8, share: float = 0.85, progress: bool = False) -> InvariancePaths:
    """The path along which each unit's picture changes while its answer stays, with points at equal angles on the arc where it stays.

    Args:
        found: Most exciting stimuli.
        points: Points of the path, 2 or more; of a whole circle the first is the optimum.
        share: Share of what the optimum adds to the unit's answer at rest, that is to be kept.
        progress: Show a progress bar.
    """
    if points < 2 or not 0 < share < 1:
        raise ValueError(f"invariance paths: {points} points, share {share:g}. Give 2 or more points, and a share between 0 and 1.")
    if not isinstance(found.objective, Drive) or found.objective.sign < 0:
        raise ValueError(f"invariance paths: of {found.objective.name} stimuli there are none. Give those of `most_exciting`.")
    ends = _unit(found.patterns), _sought(found, progress)
    shares = _shares_around(found, ends)
    arcs = np.array([_arc(of, share) for of in shares])
    told = found.table[[*UNIT_KEY, "status"]].assign(arc_deg=arcs[:, 1] - arcs[:, 0], lowest_share=shares.min(1))
    told.loc[~found.optimised, ["arc_deg", "lowest_share"]] = np.nan
    whole = (told["arc_deg"] == 360).to_numpy()[:, None]
    angles = np.where(whole, 360 * np.arange(points) / points, np.linspace(arcs[:, 0], arcs[:, 1], points, axis=1))
    return InvariancePaths([_point(found, ends, at) for at in angles.T], told)


def shares_along(paths: InvariancePaths, responder: Responder) -> pd.DataFrame:
    """What another responder keeps of the answer along paths that were made elsewhere.

    Args:
        paths: Paths.
        responder: Responder that has the units that the paths are for; it needs no gradients.

    Returns:
        A row a unit and point: `angle_deg`, `share` where the path was made, and `share_verified`, of what the point of the path that the
        responder answers most adds to its answer at rest.
    """
    first = paths.points[0]
    targets = same_units(first, responder)[np.asarray(first.objective.targets)]
    rows, stage = np.arange(len(targets)), first.stage
    rest = stage.all_answers(stage.behind(rows[:1]).cpu().numpy(), rows[:1], responder)[0, targets]
    gains = np.stack([stage.all_answers(one.deviations, rows, responder)[rows, targets] - rest for one in paths.points])
    shares = gains / np.where(gains.max(0) > 0, gains.max(0), np.nan)
    tables = [
        one.table[[*UNIT_KEY, "angle_deg", "share"]].assign(share_verified=part) for one, part in zip(paths.points, shares, strict=True)
    ]
    return pd.concat([table.assign(point=at) for at, table in enumerate(tables)], ignore_index=True)


def _turned(ends: Sequence[np.ndarray], angles: Float[np.ndarray, " stimuli"]) -> Float[np.ndarray, "stimuli frames height width"]:
    """Patterns at some angles, one a stimulus."""
    turn = np.radians(angles)[:, None, None, None]
    return np.cos(turn) * ends[0] + np.sin(turn) * ends[1]


def _point(found: OptimisedStimuli, ends: Sequence[np.ndarray], angles: Float[np.ndarray, " stimuli"]) -> OptimisedStimuli:
    """Stimuli at one angle each."""
    made = replaced(found, _turned(ends, angles).astype(np.float32))
    alike = (_unit(made.patterns) * ends[0]).sum((1, 2, 3))
    table = made.table.assign(angle_deg=angles, share=_shares(found, made.answers), similarity=alike)
    table.loc[~found.optimised, ["angle_deg", "share", "similarity"]] = np.nan
    return replace(made, table=table)


def _shares(found: OptimisedStimuli, answers: Float[np.ndarray, "stimuli units"]) -> Float[np.ndarray, " stimuli"]:
    """What is kept of what each unit's optimum adds to its answer at rest."""
    targets, rows = np.asarray(found.objective.targets), np.arange(len(answers))
    rest, best = found.stage.rest[targets], found.answers[rows, targets]
    return (answers[rows, targets] - rest) / np.where(best > rest, best - rest, np.nan)


def _shares_around(found: OptimisedStimuli, ends: Sequence[np.ndarray]) -> Float[np.ndarray, "stimuli angles"]:
    """Shares at equal angles all the way round, the first at the optimum."""
    angles = 360 * np.arange(1, LOOKED) / LOOKED
    kept = [_shares(found, replaced(found, _turned(ends, np.full(len(found.clips), at)).astype(np.float32)).answers) for at in angles]
    return np.stack([np.ones(len(found.clips)), *kept], 1)


def _arc(shares: Float[np.ndarray, " angles"], least: float) -> tuple[float, float]:
    """Angles, degrees below and above 0, between which a share is kept; in between answers are taken to change evenly."""
    step = 360 / len(shares)
    if (shares >= least).all():
        return -180.0, 180.0
    ends = []
    for way in (shares, np.roll(shares[::-1], 1)):
        below = int(np.argmax(~(way >= least)))
        before, after = way[below - 1], way[below] if np.isfinite(way[below]) else -np.inf
        ends.append(step * (below - 1 + (before - least) / (before - after)))
    return -ends[1], ends[0]


def _sought(found: OptimisedStimuli, progress: bool) -> Float[np.ndarray, "stimuli frames height width"]:
    """The pattern v of each path, as long as 1; it begins a quarter of a cycle after the optimum, of inputs at random."""
    import torch

    stage, first = found.stage, _unit(found.patterns)
    later = _elsewhere(found) if inputs_of(stage.responder) else quarter_later(first)
    begin = torch.as_tensor(coefficients_of(later, stage.budget.shape, stage.amplitudes), device=stage.device)
    ends = []
    for some in np.split(np.arange(len(first)), range(stage.config.batch, len(first), stage.config.batch)):
        here = torch.as_tensor(first[some], dtype=torch.float32, device=stage.device)
        ascent = ascend(_mean_along(found, here, some), begin[some], stage.config.steps, stage.config.tolerance, progress)
        with torch.no_grad():
            ends.append(_orthogonal(patterns(ascent.points, stage.budget.shape, stage.weights), here).cpu().numpy())
    return np.concatenate(ends)


def _elsewhere(found: OptimisedStimuli) -> Float[np.ndarray, "stimuli frames height width"]:
    """A pattern of noise for each optimum, where inputs have no neighbours and so no waves."""
    rngs = (rng_for(found.stage.config.seed, "begin of a path", row) for row in range(len(found.clips)))
    return np.stack([rng.standard_normal(found.stage.budget.shape) for rng in rngs])


def _mean_along(found: OptimisedStimuli, first: torch.Tensor, some: np.ndarray) -> Evaluate:
    """The function that paths of a batch are raised by: the mean answer of their units on the circle, the optimum left out."""
    import torch

    stage, targets = found.stage, np.asarray(found.objective.targets)
    turns = 2 * np.pi * np.arange(1, SOUGHT) / SOUGHT

    def evaluate(points: torch.Tensor, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        asked = points.detach().requires_grad_()
        v = _orthogonal(patterns(asked, stage.budget.shape, stage.weights), first[rows])
        behind, total = stage.behind(some[rows]), torch.zeros(len(rows), device=points.device)
        slope = torch.zeros_like(points)
        for turn in turns:  # one angle after the other, for memory
            shown = behind + stage.budget.held(np.cos(turn) * first[rows] + np.sin(turn) * v, behind)
            answer = stage.answers(shown, some[rows])[range(len(rows)), targets[some[rows]]]
            slope += torch.autograd.grad(answer.sum(), asked, retain_graph=True)[0]
            total += answer.detach()
        return total / len(turns), slope / len(turns)

    return evaluate


def _orthogonal(raw: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """What of some patterns is orthogonal to others of length 1, brought to length 1."""
    left = raw - (raw * first).sum((1, 2, 3), keepdim=True) * first
    return left / left.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None, None]


def _unit(shown: Float[np.ndarray, "stimuli frames height width"]) -> Float[np.ndarray, "stimuli frames height width"]:
    """Patterns as long as 1; those that are empty stay empty."""
    length = np.sqrt(np.square(shown, dtype=np.float64).sum((1, 2, 3), keepdims=True))
    return (shown / np.maximum(length, 1e-12)).astype(np.float32)
