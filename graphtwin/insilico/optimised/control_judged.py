"""Whether a stimulus controls: how far driven units go and held ones stay, on the responder it was made with and on another one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.insilico.optimised.candidates import same_units
from graphtwin.insilico.optimised.found_stimuli import OptimisedStimuli
from graphtwin.insilico.optimised.objectives import Control
from graphtwin.insilico.responders import Responder


def judge_control(found: OptimisedStimuli, responder: Responder, within: float = 0.5) -> pd.DataFrame:
    """What stimuli of `control` do to driven and held units, each unit from its own rest and in its own spread on that responder.

    Args:
        found: Stimuli of `control` or `drive_alone`.
        responder: Responder that is asked: the one that stimuli were made with, or another one of the same units; it needs no gradients.
        within: How far a held unit may go, in standard deviations of its answers to noise of the same contrast.

    Returns:
        A row a stimulus: `driven`, the mean of the driven units in spreads above rest; `held_away`, how far the held unit that goes
        farthest is from rest, in spreads; `held_share`, the share of held units that stay within what was asked; `held`, whether all do.
    """
    asked = found.objective
    if not isinstance(asked, Control):
        raise ValueError(f"control: {asked.name} stimuli drive and hold no groups of units. Give those of `control`.")
    away = _away(found, responder)
    size, held = np.where(asked.held, np.abs(away), 0.0), asked.held.sum(1)
    return pd.DataFrame(
        {
            "responder": responder.name,
            "driven": np.where(asked.driven, away, 0.0).sum(1) / asked.driven.sum(1),
            "held_away": size.max(1),
            "held_share": (asked.held & (size <= within)).sum(1) / held,
            "held": size.max(1) <= within,
        }
    )


def _away(found: OptimisedStimuli, responder: Responder) -> Float[np.ndarray, "stimuli units"]:
    """Answers of all units from their answers to the grey screen, in standard deviations of their answers to noise."""
    import torch

    stage, rows = found.stage, same_units(found, responder)
    first = np.zeros(len(stage.starts), dtype=np.int64)
    with torch.no_grad():
        noise = stage.stimuli(torch.as_tensor(stage.starts, device=stage.device), first).cpu().numpy()
    rest = stage.all_answers(np.broadcast_to(stage.background, (1, *stage.budget.shape)), first[:1], responder)[:, rows]
    spread = stage.all_answers(noise, first, responder)[:, rows].std(0)
    own = stage.all_answers(found.deviations, np.arange(len(found.clips)), responder)[:, rows]
    return np.asarray((own - rest) / np.where(spread > 0, spread, stage.spread))
