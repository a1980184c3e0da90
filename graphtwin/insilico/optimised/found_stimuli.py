"""Stimuli that were sought, what they do, and the search itself, which every question goes through."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from graphtwin.insilico.optimised.ascent import Ascent, Evaluate, ascend
from graphtwin.insilico.optimised.objectives import Objective
from graphtwin.insilico.optimised.spectrum import coefficients_of
from graphtwin.insilico.optimised.stage import Stage
from graphtwin.schema import NEURON, UNIT_KEY

if TYPE_CHECKING:
    import torch

FOUND, SILENT, FLAT = "optimised", "never responds", "kept its start: no gradient there"
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class OptimisedStimuli:
    """Stimuli of one question, a row each.

    Attributes:
        stage: Responder, settings, budget and background.
        objective: What was asked for.
        clips: Grey levels; one frame where a stimulus stands still. Of a row that was not optimised, its background alone.
        answers: Mean answers of all units to each stimulus over the frames that count.
        table: A row a stimulus: key of its unit, status, score, response of its unit and at rest, contrast, darkest, brightest, steps.
        coefficients: Fourier coefficients of the patterns.
    """

    stage: Stage
    objective: Objective
    clips: Float[np.ndarray, "stimuli frames height width"]
    answers: Float[np.ndarray, "stimuli units"]
    table: pd.DataFrame
    coefficients: Float[np.ndarray, "stimuli 2 waves down across"]

    @property
    def optimised(self) -> Bool[np.ndarray, " stimuli"]:
        """Which rows have a stimulus: all but those of units that never respond. One that silences its unit from the start has one."""
        return (self.table["status"] != SILENT).to_numpy()

    @property
    def deviations(self) -> Float[np.ndarray, "stimuli frames height width"]:
        """Stimuli in standard deviations of the grey levels that units are used to, from their mean."""
        mean, deviation = self.stage.budget.grey
        return (self.clips - mean) / deviation

    @property
    def patterns(self) -> Float[np.ndarray, "stimuli frames height width"]:
        """What stimuli add to their backgrounds, deviations."""
        return self.deviations - self.stage.background


def optimise(
    stage: Stage,
    objective: Objective,
    starts: Float[np.ndarray, "stimuli 2 waves down across"] | None = None,
    progress: bool = False,
) -> OptimisedStimuli:
    """Seek the stimuli of one question, in batches; none depends on those it shares a batch with.

    Args:
        stage: Responder, settings, budget and background.
        objective: What is asked for.
        starts: Coefficients to begin at; None takes for each stimulus the noise that already does best.
        progress: Show a progress bar.
    """
    import torch

    n = len(objective.targets)
    starts = _best_starts(stage, objective) if starts is None else starts
    parts: list[Ascent] = []
    for some in np.split(np.arange(n), range(stage.config.batch, n, stage.config.batch)):
        begin = torch.as_tensor(starts[some], device=stage.device)
        parts.append(ascend(_evaluated(stage, objective, some), begin, stage.config.steps, stage.config.tolerance, progress))
    points = torch.cat([part.points for part in parts])
    flat, steps = np.concatenate([part.flat for part in parts]), np.concatenate([part.steps for part in parts])
    silent = flat & _constant(stage, objective)
    shown = _seen(stage, points, silent)
    answers = stage.all_answers(shown, np.arange(n))
    table = _table(stage, objective, shown, answers, silent)
    table["status"] = np.where(silent, SILENT, np.where(flat, FLAT, FOUND))
    table = table.assign(steps=steps, converged=np.concatenate([part.converged for part in parts]))
    _say_missing(stage, table)
    mean, deviation = stage.budget.grey
    return OptimisedStimuli(stage, objective, (mean + deviation * shown).astype(np.float32), answers, table, points.cpu().numpy())


def replaced(found: OptimisedStimuli, patterns: Float[np.ndarray, "stimuli frames height width"]) -> OptimisedStimuli:
    """Other patterns in the place of those that were found, brought to the same budget, and what they do.

    Args:
        found: Stimuli.
        patterns: What is added to the backgrounds instead; their size does not matter. Rows that were not optimised stay as they are.
    """
    import torch

    stage, rows, kept = found.stage, np.arange(len(found.clips)), found.optimised
    raw, behind = torch.as_tensor(patterns, dtype=torch.float32, device=stage.device), stage.behind(rows)
    shown = np.where(kept[:, None, None, None], (behind + stage.budget.held(raw, behind)).cpu().numpy(), behind.cpu().numpy())
    answers = stage.all_answers(shown, rows)
    table = _table(stage, found.objective, shown, answers, ~kept)
    table = table.assign(**{name: found.table[name].to_numpy() for name in ("status", "steps", "converged")})
    mean, deviation = stage.budget.grey
    points = coefficients_of(patterns, stage.budget.shape, stage.amplitudes)
    return OptimisedStimuli(stage, found.objective, (mean + deviation * shown).astype(np.float32), answers, table, points)


def scores(
    objective: Objective, answers: Float[np.ndarray, "some units"], shown: Float[np.ndarray, "some frames height width"], rows: np.ndarray
) -> Float[np.ndarray, " some"]:
    """Scores of stimuli that were answered.

    Args:
        objective: What is asked for.
        answers: Mean answers.
        shown: Stimuli, deviations.
        rows: Number of the question that each is scored for.
    """
    import torch

    told = torch.as_tensor(answers, dtype=torch.float32), torch.as_tensor(shown, dtype=torch.float32)
    return np.asarray(objective.score(*told, rows))


def _evaluated(stage: Stage, objective: Objective, some: np.ndarray) -> Evaluate:
    """The function that a batch is raised by."""
    import torch

    def evaluate(points: torch.Tensor, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        asked = points.detach().requires_grad_()
        shown = stage.stimuli(asked, some[rows])
        answers = stage.answers(shown, some[rows])
        if not answers.requires_grad:
            raise ValueError(
                f"{stage.responder.name}: its answers carry no gradient, though it says it has them. Let `drive` compute them with torch, "
                "outside no_grad."
            )
        value = objective.score(answers, shown, some[rows])
        (slope,) = torch.autograd.grad(value.sum(), asked)
        wrong = ~slope.isfinite().flatten(1).all(1)
        if wrong.any():
            first = _named(stage, objective, int(some[rows][wrong.nonzero()[0, 0].item()]))
            raise ValueError(
                f"{stage.responder.name}: the gradient of {int(wrong.sum())} of {len(rows)} stimuli is NaN or infinite, though its answers "
                f"are finite (first: {first}). Leave these units out, or find the operation whose derivative does not exist."
            )
        return value.detach(), slope

    return evaluate


def _best_starts(stage: Stage, objective: Objective) -> Float[np.ndarray, "stimuli 2 waves down across"]:
    """For each stimulus the noise that does best."""
    import torch

    rows, found = np.arange(len(objective.targets)), []
    for number, begin in enumerate(stage.starts):
        with torch.no_grad():
            shown = stage.stimuli(torch.as_tensor(begin, device=stage.device).expand(len(rows), *begin.shape), rows).cpu().numpy()
        one_for_all = stage.background.ndim == 3
        answers = np.repeat(stage.start_answers[[number]], len(rows), 0) if one_for_all else stage.all_answers(shown, rows)
        found.append(scores(objective, answers, shown, rows))
    return stage.starts[np.argmax(found, axis=0)]


def _constant(stage: Stage, objective: Objective) -> Bool[np.ndarray, " stimuli"]:
    """Whether the unit of each stimulus, or all units where it is for several, gave the same answer to all noise."""
    constant = np.ptp(stage.start_answers, axis=0) <= 1e-6 * np.abs(stage.start_answers).max(0)
    return np.where(objective.targets >= 0, constant[np.maximum(objective.targets, 0)], constant.all())


def _seen(stage: Stage, points: torch.Tensor, silent: np.ndarray) -> Float[np.ndarray, "stimuli frames height width"]:
    """Stimuli of all points; of units that never respond, the background."""
    import torch

    with torch.no_grad():
        parts = []
        for some in np.split(np.arange(len(points)), range(stage.config.batch, len(points), stage.config.batch)):
            keep = torch.as_tensor(~silent[some], device=points.device)[:, None, None, None]
            parts.append(torch.where(keep, stage.stimuli(points[some], some), stage.behind(some)))
        return np.asarray(torch.cat(parts).cpu().numpy())


def _table(stage: Stage, objective: Objective, shown: np.ndarray, answers: np.ndarray, silent: np.ndarray) -> pd.DataFrame:
    """What is known of each stimulus."""
    targets, rows = objective.targets, np.arange(len(shown))
    keys = stage.responder.units[list(UNIT_KEY)].reset_index(drop=True)
    table = keys.reindex(np.where(targets >= 0, targets, -1)).reset_index(drop=True).astype("Int64")
    if NEURON in stage.responder.units:
        names = stage.responder.units[NEURON].to_numpy()
        table[NEURON] = [names[target] if target >= 0 else None for target in targets]
    own = np.where(targets >= 0, answers[rows, np.maximum(targets, 0)], np.nan)
    rest = np.where(targets >= 0, stage.rest[np.maximum(targets, 0)], np.nan)
    mean, deviation = stage.budget.grey
    pattern, levels = shown - stage.background, mean + deviation * shown
    return table.assign(
        objective=objective.name,
        status=FOUND,
        score=np.where(silent, np.nan, scores(objective, answers, shown, rows)),
        response=np.where(silent, np.nan, own),
        response_at_rest=rest,
        contrast_sd=np.sqrt(np.square(pattern, dtype=np.float64).mean((1, 2, 3))),
        darkest=levels.min((1, 2, 3)),
        brightest=levels.max((1, 2, 3)),
    )


def _say_missing(stage: Stage, table: pd.DataFrame) -> None:
    """Count in the log what was not optimised, and name the first units."""
    for status in (SILENT, FLAT):
        rows = table[table["status"] == status]
        if len(rows):
            named = ", ".join("-".join(map(str, key)) for key in rows[list(UNIT_KEY)].head(5).to_numpy())
            log.warning(
                "%s: %d of %d stimuli were not optimised: %s (session-scan_idx-unit_id %s%s; %d patterns of noise were tried).",
                stage.responder.name, len(rows), len(table), status, named, ", ..." if len(rows) > 5 else "", stage.config.starts,
            )  # fmt: skip


def _named(stage: Stage, objective: Objective, row: int) -> str:
    target = int(objective.targets[row])
    if target < 0:
        return f"stimulus {row}"
    return "unit " + "-".join(map(str, stage.responder.units[list(UNIT_KEY)].to_numpy()[target]))
