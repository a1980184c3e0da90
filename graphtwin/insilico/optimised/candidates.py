"""Optimised stimuli against other ones of the same contrast: Gabors, natural pictures, whatever is given; on any responder."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.execute import rng_for
from graphtwin.insilico.measurements import screen_of
from graphtwin.insilico.optimised.found_stimuli import OptimisedStimuli, scores
from graphtwin.insilico.optimised.population_optima import at_budget
from graphtwin.insilico.optimised.stage import Stage
from graphtwin.insilico.responders import Responder, inputs_of
from graphtwin.insilico.stimuli import Gabor, render_batch
from graphtwin.schema import UNIT_KEY
from graphtwin.statistics import NORMAL_95

SIZES_DEG = (4.0, 16.0)  # standard deviations of Gabors, smallest and largest


def verify(
    found: OptimisedStimuli,
    responder: Responder,
    candidates: Float[np.ndarray, "candidates frames height width"],
) -> pd.DataFrame:
    """What optimised stimuli do to a responder, among candidates that are brought to their contrast.

    Given the responder that they were made with this says what was gained; given another one, of the same units, whether it is true.

    Args:
        found: Stimuli.
        responder: Responder that is asked; it needs no gradients, and its units must have those that stimuli are for.
        candidates: Grey levels of as many frames as the stimuli have, or of one frame each.

    Returns:
        A row a stimulus: `score`; of the best candidate `best_candidate_score`, its number `best_candidate`; `percentile` of candidates
        that do less; `ratio` of the scores of the stimulus and of the best candidate, each less that of the background alone.
    """
    stage, n = found.stage, len(found.clips)
    rows = same_units(found, responder)
    if stage.background.ndim == 4:
        raise ValueError(f"candidates: the {n} stimuli have a background each. Rank stimuli that share one, such as the grey screen.")
    shown = at_budget(stage, candidates)
    first = np.zeros(len(shown), dtype=np.int64)
    theirs = stage.all_answers(shown, first, responder)[:, rows]
    own = stage.all_answers(found.deviations, np.arange(n), responder)[:, rows]
    alone = np.broadcast_to(stage.background, (1, *stage.budget.shape))
    rest = np.repeat(stage.all_answers(alone, first[:1], responder)[:, rows], n, 0)
    score, at_rest = (scores(found.objective, part, found.deviations, np.arange(n)) for part in (own, rest))
    others = np.stack([scores(found.objective, theirs, shown, np.full(len(shown), row)) for row in range(n)])
    best = others.argmax(1)
    highest = others[np.arange(n), best]
    told = found.table[[*UNIT_KEY, "objective", "status"]].assign(
        responder=responder.name,
        score=score,
        score_at_rest=at_rest,
        best_candidate=best,
        best_candidate_score=highest,
        percentile=100 * (others < score[:, None]).mean(1),
        ratio=(score - at_rest) / np.where(highest > at_rest, highest - at_rest, np.nan),
        candidates=len(shown),
    )
    told.loc[~found.optimised, ["score", "percentile", "ratio"]] = np.nan
    return told


def share_above(ranked: pd.DataFrame) -> tuple[float, float, float]:
    """Share of the units whose stimulus does more than every candidate, and its 95 % interval over units (Wilson 1927).

    Args:
        ranked: What `verify` says; rows that were not optimised do not count.
    """
    above = ranked.loc[ranked["percentile"].notna(), "percentile"] == 100
    if not len(above):
        return np.nan, np.nan, np.nan
    share, z, n = float(above.mean()), NORMAL_95, len(above)
    middle, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return share, float((middle - half) / (1 + z**2 / n)), min(float((middle + half) / (1 + z**2 / n)), 1.0)


def gabor_candidates(stage: Stage, count: int = 1000, seed: int = 0) -> Float[np.ndarray, "count 1 height width"]:
    """Grey levels of Gabors that stand still, of places, sizes, orientations, frequencies and phases drawn at random.

    Args:
        stage: Responder and settings; frequencies are no finer than its stimuli may be.
        count: Number of Gabors.
        seed: Seed of the draws.
    """
    rng = rng_for(seed, "Gabors as candidates")
    screen = screen_of(stage.responder)
    height, width = screen.extent_deg
    finest = min(stage.config.cycles_a_pixel, 0.5) / max(screen.degrees_a_pixel)
    lasts = 1.0 if not screen.shows_movies else 1.0 / screen.frame_rate_hz
    drawn = [
        Gabor(
            x_deg=rng.uniform(-width / 2, width / 2),
            y_deg=rng.uniform(-height / 2, height / 2),
            sd_deg=float(np.exp(rng.uniform(*np.log(SIZES_DEG)))),
            direction_deg=rng.uniform(0, 180),
            cycles_per_degree=finest * float(np.exp(rng.uniform(np.log(0.1), 0))),
            phase_deg=rng.uniform(0, 360),
            duration_s=lasts,
        )
        for _ in range(count)
    ]
    return np.asarray(render_batch(drawn, screen)[:, :1])


def input_candidates(stage: Stage, count: int = 1000, seed: int = 0) -> Float[np.ndarray, "candidates 1 height width"]:
    """Levels of constant inputs: each input alone, up and down, then as many of several inputs, signs and numbers drawn at random.

    Args:
        stage: Responder whose pixels are inputs, and settings.
        count: Number of all candidates; those of single inputs are there in any case.
        seed: Seed of the draws.
    """
    rng, n = rng_for(seed, "inputs as candidates"), len(inputs_of(stage.responder))
    alone = np.concatenate([np.eye(n), -np.eye(n)])
    several = np.zeros((max(0, count - len(alone)), n))
    for row in several:
        row[rng.permutation(n)[: round(np.exp(rng.uniform(0, np.log(n))))]] = 1
    several *= rng.standard_normal(several.shape)
    drawn = np.concatenate([alone, several])
    low, high = (np.ravel(limit) for limit in stage.budget.limits)  # what nothing can show, such as less than nothing, is no candidate
    drawn = drawn[((drawn > 0) & (high > 0) | (drawn < 0) & (low < 0)).any(1)]
    mean, deviation = stage.budget.grey
    return (mean + deviation * drawn.reshape(-1, 1, *stage.budget.shape[1:])).astype(np.float32)


def same_units(found: OptimisedStimuli, responder: Responder) -> np.ndarray:
    """Rows of a responder's units in the order of those that stimuli were made with; all must be there.

    Args:
        found: Stimuli.
        responder: Responder that is to see them.
    """
    mine, theirs = (pd.MultiIndex.from_frame(one.units[list(UNIT_KEY)]) for one in (found.stage.responder, responder))
    rows = theirs.get_indexer(mine)
    missing = int((rows < 0).sum())
    if missing:
        first = "-".join(map(str, mine[int(np.argmax(rows < 0))]))
        raise ValueError(
            f"{responder.name}: lacks {missing} of {len(mine)} units of {found.stage.responder.name} (first {first}). Verify on a "
            "responder of the same units, such as a twin of the same animal with another seed."
        )
    seen = [(tuple(one.size), float(one.frame_rate_hz)) for one in (responder, found.stage.responder)]
    if repr(seen[0]) != repr(seen[1]):
        raise ValueError(
            f"{responder.name}: sees pixels and frames a second of {seen[0]}, but stimuli are of {seen[1]}. Verify on a responder that "
            "sees them as they are."
        )
    return rows
