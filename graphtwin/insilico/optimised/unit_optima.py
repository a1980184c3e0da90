"""Stimuli of single units: most exciting pictures and videos, most inhibiting ones, and sets that differ while they excite.

Sources: Walker et al. 2019, doi:10.1038/s41593-019-0517-x; Bashivan et al. 2019, doi:10.1126/science.aav9436; sets that differ, Cadena et
al. 2018 (ECCV).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from graphtwin.execute import rng_for
from graphtwin.insilico.optimised.budget import OptimiseConfig
from graphtwin.insilico.optimised.found_stimuli import OptimisedStimuli, optimise
from graphtwin.insilico.optimised.objectives import Differ, Drive
from graphtwin.insilico.optimised.stage import stage_of
from graphtwin.insilico.responders import Responder, State


def most_exciting(
    responder: Responder,
    units: Sequence[int] | np.ndarray | None = None,
    config: OptimiseConfig | None = None,
    mask: Float[np.ndarray, "height width"] | None = None,
    background: Float[np.ndarray, "*stimuli frames height width"] | None = None,
    state: State | None = None,
    progress: bool = False,
) -> OptimisedStimuli:
    """The picture or video that raises each unit's mean answer most, all units in one batch.

    Args:
        responder: Responder with gradients.
        units: Rows of the units; None takes all.
        config: Settings; None takes the defaults.
        mask: What is let through of each pixel, 0 to 1; None lets all through.
        background: Grey levels that stimuli are added to, one for all or one each; None is the grey screen.
        state: State in which all is seen, one number a channel.
        progress: Show a progress bar.
    """
    return optimise(stage_of(responder, config, mask, background, state), Drive(rows_of(responder, units)), progress=progress)


def most_inhibiting(
    responder: Responder,
    units: Sequence[int] | np.ndarray | None = None,
    config: OptimiseConfig | None = None,
    mask: Float[np.ndarray, "height width"] | None = None,
    background: Float[np.ndarray, "*stimuli frames height width"] | None = None,
    state: State | None = None,
    progress: bool = False,
) -> OptimisedStimuli:
    """The pattern that lowers each unit's mean answer most when it is added to a background; see `most_exciting`.

    A unit that is silent before the grey screen cannot be lowered: give it a background that drives it, such as its most exciting
    stimulus at less contrast.
    """
    return optimise(stage_of(responder, config, mask, background, state), Drive(rows_of(responder, units), -1.0), progress=progress)


def diverse(found: OptimisedStimuli, size: int = 4, share: float = 0.85, progress: bool = False) -> list[OptimisedStimuli]:
    """Sets of stimuli for each unit: the most exciting one, then one after the other as unlike those before as its answer allows.

    Args:
        found: Most exciting stimuli.
        size: Stimuli of each set.
        share: Share of what the first adds to the unit's answer at rest, that the others keep.
        progress: Show a progress bar.

    Returns:
        The first stimuli as they were given, then those of each round; a row of the table says `share`, what was kept, and `similarity`,
        the largest cosine with those before.
    """
    if size < 2 or not 0 < share < 1:
        raise ValueError(f"diverse sets: size {size}, share {share:g}. Give 2 or more stimuli, and a share between 0 and 1.")
    stage, targets = found.stage, np.asarray(found.objective.targets)
    if not isinstance(found.objective, Drive) or found.objective.sign < 0:
        raise ValueError(f"diverse sets: of {found.objective.name} stimuli there are none. Give those of `most_exciting`.")
    rest, best = stage.rest[targets], found.answers[np.arange(len(targets)), targets]
    least = rest + (share + 0.01) * (best - rest)  # what is asked for lies a hundredth above what is promised
    sets, spread = [found], np.where(best > rest, best - rest, 1.0)
    for number in range(1, size):
        others = np.stack([_unit(one.deviations) for one in sets], 1)
        seed = int(rng_for(stage.config.seed, "diverse stimuli", number).integers(2**31))  # other noise, which leads elsewhere
        elsewhere = replace(stage, config=stage.config.model_copy(update={"seed": seed}))
        asked = Differ(targets, least, spread, others)
        driving = optimise(elsewhere, asked, progress=progress)
        new = optimise(elsewhere, asked, driving.coefficients, progress)  # now that the unit is driven, differences are what is gained
        alike = np.einsum("sop,sp->so", others, _unit(new.deviations)).max(1)
        kept = (new.answers[np.arange(len(targets)), targets] - rest) / spread
        sets.append(replace(new, table=new.table.assign(share=kept, similarity=alike)))
    return sets


def rows_of(responder: Responder, units: Sequence[int] | np.ndarray | None) -> np.ndarray:
    """Rows of units, each of which must be there.

    Args:
        responder: Responder whose units they are.
        units: Rows; None takes all.
    """
    n = len(responder.units)
    rows = np.arange(n) if units is None else np.asarray(units, dtype=np.int64)
    wrong = rows[(rows < 0) | (rows >= n)]
    if len(wrong) or not len(rows):
        raise ValueError(f"{responder.name}: {len(wrong)} of {len(rows)} rows of units are not among its {n}. Give rows from 0 to {n - 1}.")
    return rows


def _unit(deviations: Float[np.ndarray, "stimuli frames height width"]) -> Float[np.ndarray, "stimuli pixels"]:
    flat = deviations.reshape(len(deviations), -1)
    return (flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)).astype(np.float32)
