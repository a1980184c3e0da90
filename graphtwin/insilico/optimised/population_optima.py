"""Stimuli of many units at once: what tells two groups apart, what drives some and holds others, and what is answered alike.

Sources: population control, Bashivan et al. 2019, doi:10.1126/science.aav9436; metamers of models, Feather et al. 2019 (NeurIPS).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from graphtwin.insilico.optimised.budget import OptimiseConfig
from graphtwin.insilico.optimised.found_stimuli import OptimisedStimuli, optimise
from graphtwin.insilico.optimised.objectives import Control, Discriminate, Match
from graphtwin.insilico.optimised.stage import Stage, stage_of
from graphtwin.insilico.optimised.unit_optima import rows_of
from graphtwin.insilico.responders import Responder, State
from graphtwin.insilico.stimuli import beside

WEIGHTS = (0.1, 1.0, 10.0, 100.0)  # of what held units cost, one round after the other


def most_discriminating(
    responder: Responder,
    groups: Sequence[tuple[Sequence[int], Sequence[int]]],
    config: OptimiseConfig | None = None,
    state: State | None = None,
    progress: bool = False,
) -> OptimisedStimuli:
    """The stimuli that raise the mean of a first group most above that of a second, each unit in its own spread.

    Args:
        responder: Responder with gradients.
        groups: Rows of the first and of the second group, a pair of groups a stimulus.
        config: Settings; None takes the defaults.
        state: State in which all is seen.
        progress: Show a progress bar.
    """
    stage = stage_of(responder, config, state=state)
    signs = np.zeros((len(groups), len(responder.units)), dtype=np.int64)
    for at, (first, second) in enumerate(groups):
        signs[at, rows_of(responder, first)] = 1
        _require_apart(responder, first, second)
        signs[at, rows_of(responder, second)] = -1
    return optimise(stage, Discriminate(signs, stage.spread), progress=progress)


def control(
    responder: Responder,
    drive: Sequence[Sequence[int]],
    hold: Sequence[Sequence[int]] | None = None,
    within: float = 0.5,
    config: OptimiseConfig | None = None,
    state: State | None = None,
    progress: bool = False,
) -> OptimisedStimuli:
    """Stimuli that drive some units while others stay at what they answer to the grey screen.

    Args:
        responder: Responder with gradients.
        drive: Rows of the units to drive, of each stimulus.
        hold: Rows of the units to hold, of each stimulus; None holds all others.
        within: How far a held unit may go, in standard deviations of its answers to noise of the same contrast.
        config: Settings; None takes the defaults.
        state: State in which all is seen.
        progress: Show a progress bar.

    Returns:
        Stimuli; the table adds `driven`, the mean of the driven units in spreads above rest, `held_away`, how far the held unit that goes
        farthest is from its level, in spreads, and `held`, whether that is within what was asked.
    """
    stage, n = stage_of(responder, config, state=state), len(responder.units)
    driven, held = np.zeros((len(drive), n), dtype=bool), np.zeros((len(drive), n), dtype=bool)
    for at, rows in enumerate(drive):
        driven[at, rows_of(responder, rows)] = True
        others = np.flatnonzero(~driven[at]) if hold is None else np.asarray(hold[at], dtype=np.int64)
        _require_apart(responder, rows, others)
        held[at, rows_of(responder, others)] = True
    asked = Control(driven, held, stage.rest, stage.spread, 0.9 * within, WEIGHTS[0])
    found = optimise(stage, asked, progress=progress)
    for weight in WEIGHTS[1:]:
        found = optimise(stage, replace(asked, weight=weight), found.coefficients, progress)
    away = (found.answers - stage.rest) / stage.spread
    farthest = np.where(held, np.abs(away), 0).max(1)
    means = np.where(driven, away, 0).sum(1) / driven.sum(1)
    return replace(found, table=found.table.assign(driven=means, held_away=farthest, held=farthest <= within))


def drive_alone(found: OptimisedStimuli, progress: bool = False) -> OptimisedStimuli:
    """Stimuli of `control` that went on with nothing held: what holding costs, and what held units do without it.

    Args:
        found: Stimuli of `control`.
        progress: Show a progress bar.
    """
    if not isinstance(found.objective, Control):
        raise ValueError(f"control: {found.objective.name} stimuli drive and hold no groups of units. Give those of `control`.")
    return optimise(found.stage, replace(found.objective, weight=0.0, name="driving"), found.coefficients, progress)


def metamers(
    responder: Responder,
    references: Float[np.ndarray, "references frames height width"],
    copies: int = 1,
    units: Sequence[int] | None = None,
    config: OptimiseConfig | None = None,
    state: State | None = None,
    progress: bool = False,
) -> OptimisedStimuli:
    """Stimuli that units answer as they do references, but which begin at other noise.

    References are brought to the contrast of the settings, and shown like that.

    Args:
        responder: Responder with gradients.
        references: Grey levels.
        copies: Metamers of each reference; they stand next to each other.
        units: Rows of the units whose answers are to be the same; None takes all.
        config: Settings; None takes the defaults.
        state: State in which all is seen.
        progress: Show a progress bar.

    Returns:
        Stimuli; the table adds `reference`, `difference`, the root mean square difference of answers in spreads, and `similarity`, the
        cosine with the reference.
    """
    stage, rows = stage_of(responder, config, state=state), rows_of(responder, units)
    if copies > stage.config.starts:
        raise ValueError(f"metamers: {copies} copies of each reference, but {stage.config.starts} starts. Raise starts.")
    shown = at_budget(stage, references)
    of = np.repeat(np.arange(len(shown)), copies)
    wanted = stage.all_answers(shown, np.zeros(len(shown), dtype=np.int64))[of]
    spread = np.full(len(responder.units), np.inf)
    spread[rows] = stage.spread[rows] * np.sqrt(len(rows) / len(spread))  # so that the mean over all units is that over these
    found = optimise(stage, Match(wanted, spread), stage.starts[np.tile(np.arange(copies), len(shown))], progress)
    alike = [float(np.vdot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))) for a, b in zip(found.deviations, shown[of], strict=True)]
    difference = np.sqrt(np.square((found.answers - wanted) / spread).mean(1))
    return replace(found, table=found.table.assign(reference=of, difference=difference, similarity=alike))


def at_budget(
    stage: Stage, pictures: Float[np.ndarray, "pictures frames height width"]
) -> Float[np.ndarray, "pictures shown height width"]:
    """Pictures or videos as a stage may show them, in deviations: their contrast around their mean is scaled to the budget.

    Args:
        stage: Responder, settings, budget and background.
        pictures: Grey levels, of as many frames as the stimuli of the stage, or one that stands still.
    """
    import torch

    if pictures.ndim != 4 or pictures.shape[2:] != stage.budget.shape[1:] or pictures.shape[1] not in (1, stage.budget.shape[0]):
        raise ValueError(
            f"pictures: shape {pictures.shape}; grey levels (stimuli, frames, height, width) of {stage.budget.shape} are asked for, or one "
            "frame each. Render them for the screen of the responder."
        )
    raw = torch.as_tensor(pictures, dtype=torch.float32, device=stage.device)
    mean, deviation = (beside(level, raw) for level in stage.budget.grey)
    if isinstance(deviation, torch.Tensor):  # inputs of different strengths: their deviations are compared
        raw, deviation = (raw - mean) / deviation, 1.0
    raw = (raw - raw.mean((1, 2, 3), keepdim=True)).expand(-1, *stage.budget.shape)
    empty = raw.flatten(1).std(1) <= 1e-6 * deviation
    if empty.any():
        raise ValueError(f"pictures: {int(empty.sum())} of {len(raw)} have no contrast, and cannot be brought to any. Leave them out.")
    behind = stage.behind(np.zeros(len(raw), dtype=np.int64))
    return np.asarray((behind + stage.budget.held(raw, behind)).cpu().numpy())


def _require_apart(responder: Responder, first: Sequence[int] | np.ndarray, second: Sequence[int] | np.ndarray) -> None:
    both = np.intersect1d(first, second)
    if len(both):
        raise ValueError(f"{responder.name}: {len(both)} units are in both groups (row {both[0]} first). Give each unit to one of them.")
