"""Stimuli that drive some units of a twin and hold others, in a folder that a lab can show: see `insilico.optimised.control`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Int

from graphtwin.config import overridden
from graphtwin.parallel import Device
from graphtwin.schema import UNIT_KEY
from graphtwin.twin.runs.answering import Answering
from graphtwin.twin.runs.one_animal import of_one_animal, rows_in, say_what_is_shared

if TYPE_CHECKING:
    from graphtwin.insilico import Responder
    from graphtwin.insilico.optimised import OptimisedStimuli


@dataclass(frozen=True)
class ControlMade:
    """What `control_twin` made.

    Attributes:
        folder: The stimulus set.
        judged: A row a stimulus and responder that was asked; see `insilico.optimised.judge_control`.
    """

    folder: Path
    judged: pd.DataFrame


def control_twin(
    run: str | Path | Answering,
    drive: str | Path,
    out: str | Path,
    hold: str | Path | None = None,
    verify_on: str | Path | Answering | None = None,
    within: float = 0.5,
    animal: str | None = None,
    seeds: int = 1,
    repeats: int = 10,
    overrides: list[str] | None = None,
    device: Device = "auto",
    progress: bool = False,
    force: bool = False,
) -> ControlMade:
    """Seek stimuli that drive some units of one animal while others stay at rest, check them, and write them as a set.

    Beside what `insilico.optimised.write_stimulus_set` writes there are `groups.csv` (driven and held units), `control.csv` (what each
    stimulus does to both). The set also shows stimuli of objective `driving`, which went on with nothing held.

    Args:
        run: Folder of the twin, or of several that `--seeds` filled, whose mean answers; or who answers.
        drive: Table, .csv or .parquet, with session, scan_idx, unit_id of the units to drive, all of them by each stimulus.
        out: Folder to write.
        hold: Such a table of the units to hold; None holds all others.
        verify_on: Folder of another twin of the same animal, on which stimuli are judged too; or who judges.
        within: How far a held unit may go, in standard deviations of its answers to noise of the same contrast.
        animal: Name of the animal; None takes the only one.
        seeds: Seeds, of each of which there is a stimulus.
        repeats: Blocks of the order, in each of which every stimulus is shown once.
        overrides: Settings of `OptimiseConfig` as `key=value`.
        device: Device on which torch computes.
        progress: Show a progress bar.
        force: Take away a set that is there.
    """
    from graphtwin.insilico.optimised import (
        OptimiseConfig,
        control,
        drive_alone,
        gradient_agrees,
        judge_control,
        usual_settings,
        write_stimulus_set,
    )

    overridden(OptimiseConfig, {}, overrides, "control")  # a slip is told before anything is loaded
    if not 0 < within < np.inf:
        raise ValueError(f"within = {within:g}: how far a held unit may go. Give a number of its deviations above 0.")
    asked = of_one_animal(run, animal, device)
    responder = asked.responders[0]
    config = overridden(OptimiseConfig, usual_settings(responder), overrides, "control")
    driven = rows_in(responder, drive)
    held = _held(responder, driven, drive, hold)
    judges = [("made on", responder)]
    if verify_on is not None:
        other = of_one_animal(verify_on, responder.name, device)
        say_what_is_shared(asked, other, other.folder)
        judges.append(("verified on", other.responders[0]))
    sets: list[OptimisedStimuli] = []
    for number in range(seeds):
        one = config.model_copy(update={"seed": config.seed + number})
        held_too = control(responder, [driven.tolist()], [held.tolist()], within, one, progress=progress)
        sets += [held_too, drive_alone(held_too, progress)]
    judged = []
    for found in sets:
        for name, judge in judges:
            about = found.table[["objective", "status"]].assign(seed=found.stage.config.seed, asked=name)
            judged.append(pd.concat([about, judge_control(found, judge, within)], axis=1))
    checks = {
        "control": pd.concat(judged, ignore_index=True),
        "groups": _groups(responder, driven, held),
        "gradients": pd.concat([gradient_agrees(found) for found in sets], ignore_index=True),
    }
    also = [judge for _, judge in judges[1:]]
    judging = verify_on.folder if isinstance(verify_on, Answering) else verify_on
    inputs = (asked.folder, judging, drive, hold)
    folder = write_stimulus_set(sets, out, None, also, checks, asked.stamps, repeats, config.seed, force, inputs)
    return ControlMade(folder, checks["control"])


def _held(responder: Responder, driven: Int[np.ndarray, " driven"], drive: str | Path, hold: str | Path | None) -> np.ndarray:
    """Rows of the units to hold: none of them driven, and one at least."""
    if hold is None:
        others = np.setdiff1d(np.arange(len(responder.units)), driven)
        if not len(others):
            raise ValueError(f"{drive}: drives all {len(driven)} units of {responder.name}, and leaves none to hold. Name fewer.")
        return others
    held = rows_in(responder, hold)
    both = np.intersect1d(driven, held)
    if len(both):
        first = "-".join(map(str, responder.units[list(UNIT_KEY)].to_numpy()[both[0]]))
        raise ValueError(f"{hold}: {len(both)} of {len(held)} units are among those that {drive} drives (first {first}). Name each once.")
    return held


def _groups(responder: Responder, driven: np.ndarray, held: np.ndarray) -> pd.DataFrame:
    keys = responder.units[list(UNIT_KEY)].reset_index(drop=True)
    return pd.concat([keys.loc[driven].assign(group="driven"), keys.loc[held].assign(group="held")], ignore_index=True)
