"""Optimised stimuli of the units of twins that answer together, in a folder that a lab can show: see `insilico.optimised`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.config import overridden
from graphtwin.execute import rng_for
from graphtwin.parallel import Device
from graphtwin.twin.runs.answering import Answering
from graphtwin.twin.runs.candidate_pictures import candidate_pictures
from graphtwin.twin.runs.one_animal import of_one_animal, rows_in, say_what_is_shared

if TYPE_CHECKING:
    from graphtwin.insilico import Responder
    from graphtwin.insilico.optimised import OptimisedStimuli

GABORS = 1000  # candidates, where none are given
MOST_CONTROLS = 20  # best candidates that are shown beside optimised stimuli, those of most units first
What = Literal["exciting", "inhibiting", "invariant"]
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class SetMade:
    """What `optimise_twin` made.

    Attributes:
        folder: The stimulus set.
        found: Optimised stimuli; of paths the optima that they begin at.
        ranked: Them among candidates: on the twin they were made with, and on the one they were verified on.
        paths: Of invariance paths a row a unit, see `insilico.optimised.InvariancePaths`.
    """

    folder: Path
    found: OptimisedStimuli
    ranked: pd.DataFrame
    paths: pd.DataFrame | None = None


def optimise_twin(
    run: str | Path | Answering,
    units: str | Path | int,
    out: str | Path,
    what: What = "exciting",
    verify_on: str | Path | Answering | None = None,
    candidates: str | Path | None = None,
    animal: str | None = None,
    seeds: int = 1,
    repeats: int = 10,
    overrides: list[str] | None = None,
    device: Device = "auto",
    progress: bool = False,
    force: bool = False,
) -> SetMade:
    """Optimise stimuli of units of one animal, check them, and write what `insilico.optimised.write_stimulus_set` writes.

    Of a folder of several seeds the mean of the twins answers. Where pictures are verified on others, these choose for each unit between
    the optimum, the Gabor most like it, and the picture halfway between them. Of a circuit whose senses have no places stimuli are input
    of its senses: they are ranked among single inputs and random ones, and others judge the optimum alone.

    Args:
        run: Folder of the twin, or of several that `--seeds` filled; or who answers.
        units: Table, .csv or .parquet, with session, scan_idx, unit_id; or a number of units, drawn at random.
        out: Folder to write.
        what: Whether stimuli excite or inhibit, or are invariance paths of those that excite.
        verify_on: Folder of a twin of the same animal, or of several, on which stimuli are chosen and ranked; or who judges.
        candidates: Pictures to rank among, see `candidate_pictures`; None draws Gabors.
        animal: Name of the animal; None takes the only one.
        seeds: Seeds, whose optima are compared where there are several; those of the first are kept.
        repeats: Blocks of the order, in each of which every stimulus is shown once.
        overrides: Settings of `OptimiseConfig` as `key=value`.
        device: Device on which torch computes.
        progress: Show a progress bar.
        force: Take away a set that is there.
    """
    from graphtwin.insilico import inputs_of, require_pictures_seen
    from graphtwin.insilico.optimised import (
        OptimiseConfig,
        agreement_of_seeds,
        gradient_agrees,
        invariance_paths,
        most_exciting,
        most_inhibiting,
        shares_along,
        stage_of,
        usual_settings,
        write_stimulus_set,
    )

    overridden(OptimiseConfig, {}, overrides, "optimise")  # a slip is told before anything is loaded
    asked = of_one_animal(run, animal, device)
    responder, judge = asked.responders[0], None
    config = overridden(OptimiseConfig, usual_settings(responder), overrides, "optimise")
    if verify_on is not None:
        judge = of_one_animal(verify_on, responder.name, device)
        say_what_is_shared(asked, judge, judge.folder)
    other = None if judge is None else judge.responders[0]
    if candidates is not None:
        require_pictures_seen(responder, "pictures to rank among")
    rows, stage = _rows(responder, units, config.seed), stage_of(responder, config)
    pictures = None if candidates is None else candidate_pictures(candidates, stage, config.seed)
    seek = most_inhibiting if what == "inhibiting" else most_exciting
    all_seeds = [config.model_copy(update={"seed": config.seed + number}) for number in range(seeds)]
    sought, *others = (seek(responder, rows, one, progress=progress) for one in all_seeds)
    found = sought if other is None or config.moving or inputs_of(responder) else _chosen(sought, other)
    ranked, controls = _ranked(found, responder, other, pictures)
    checks = {"ranked": ranked, "gradients": gradient_agrees(sought)}
    if others:
        checks["seeds"] = agreement_of_seeds([sought, *others])
    shown, table = [found], None
    if what == "invariant":
        paths = invariance_paths(found, progress=progress)
        shown, table = paths.points, paths.table
        checks["paths"] = table
        if other is not None:
            checks["paths_verified"] = shares_along(paths, other)
    folder = write_stimulus_set(
        shown, out, controls, [other] if other else [], checks, asked.stamps, repeats, config.seed, force,
        [path for path in (asked.folder, None if judge is None else judge.folder, candidates) if path is not None and Path(path).exists()],
    )  # fmt: skip
    return SetMade(folder, found, ranked, table)


def _chosen(sought: OptimisedStimuli, judge: Responder) -> OptimisedStimuli:
    """Of the optimum of each unit, its Gabor and the picture between them, what a judge answers most."""
    from graphtwin.insilico.optimised import best_of, gabors_like, halfway

    gabors = gabors_like(sought)
    found = best_of({"free": sought, "halfway": halfway(sought, gabors), "gabor": gabors}, judge)
    counts = found.table.loc[found.optimised, "shape"].value_counts()
    told = ", ".join(f"{count} {shape}" for shape, count in counts.items()) or "none"
    log.info("%s: pictures that do most on the twin they are verified on: %s.", judge.name, told)
    return found


def _ranked(
    found: OptimisedStimuli, responder: Responder, other: Responder | None, pictures: np.ndarray | None
) -> tuple[pd.DataFrame, Float[np.ndarray, "controls one height width"]]:
    """Stimuli among candidates, and the candidates that do best."""
    from graphtwin.insilico import inputs_of
    from graphtwin.insilico.optimised import gabor_candidates, input_candidates, verify

    drawn = input_candidates if inputs_of(responder) else gabor_candidates
    shown = drawn(found.stage, GABORS, found.stage.config.seed) if pictures is None else pictures
    at_home = verify(found, responder, shown)
    tables = [at_home.assign(asked="made on")]
    if other is not None:
        tables.append(verify(found, other, shown).assign(asked="verified on"))
    best = at_home.loc[found.optimised, "best_candidate"].value_counts(sort=True).index[:MOST_CONTROLS].to_numpy()
    return pd.concat(tables, ignore_index=True), shown[np.sort(best)]


def _rows(responder: Responder, units: str | Path | int, seed: int) -> np.ndarray:
    """Rows of the units that are asked for."""
    n = len(responder.units)
    if isinstance(units, int):
        if not 1 <= units <= n:
            raise ValueError(f"{units} units of {responder.name}: it has {n}. Give a number from 1 to {n}, or a table of units.")
        return np.sort(rng_for(seed, "units that stimuli are optimised for", responder.name).choice(n, units, replace=False))
    return rows_in(responder, units)
