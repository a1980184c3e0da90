"""Certificates of consistency of twins on disk: what fits of the same animals agree on, and twins of several seeds to ask it of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from graphtwin import artifacts
from graphtwin.kinds import TWIN, folders_of
from graphtwin.sources import open_recording
from graphtwin.told import told_by_fields
from graphtwin.twin.runs.answering import warn_of_ridges, warn_of_what_is_shared
from graphtwin.twin.runs.held_out_trials import held_out_tiers
from graphtwin.twin.runs.in_silico import stimulus_clips
from graphtwin.twin.runs.twin_folder import FILE_NAME, load_twin

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from graphtwin.twin.agreement import Derived
    from graphtwin.twin.fitting import AnimalResponder, FittedTwin


@told_by_fields
@dataclass(frozen=True)
class Certificate:
    """How far twins of the same animals agree.

    Attributes:
        units: One row a unit and quantity, see `certify`.
        summary: One row a quantity, see `summarise`.
        untold: Why a quantity is not there, in words, by quantity.
        twins: Fingerprints of each twin and its core, by its folder.
    """

    units: pd.DataFrame
    summary: pd.DataFrame
    untold: dict[str, str]
    twins: dict[str, dict[str, str]]


def agree_twins(
    runs: Sequence[str | Path | FittedTwin],
    recordings: Sequence[str | Path] = (),
    stimulus: Path | None = None,
    progress: bool = False,
) -> Certificate:
    """How far twins of the same animals agree on everything that is derived of each unit, and what is flagged.

    Args:
        runs: Folders of two or more twins, or twins that lie in some; a folder that `--seeds` filled stands for the twins in it.
        recordings: Recordings of these animals, whose held-out trials are predicted; without one predictions are not compared.
        stimulus: Clips over which units are correlated in silico, as `correlate_twin` takes them; None shows moving discs.
        progress: Show progress bars.

    Examples:
        >>> graphtwin.twin.agree(["runs/twins/seed-0", "runs/twins/seed-1"])
        Certificate
          units: table of 35 rows x 13 columns
          summary: table of 7 rows x 9 columns
          untold: 1: predicted_response
          twins: 2: runs/twins/seed-0, runs/twins/seed-1
    """
    from graphtwin.twin.agreement import certify, derive, require_alike, summarise, units_of

    twins = {str(run): load_twin(run) for run in twins_in(runs)}
    require_alike([(name, units_of(fitted)) for name, fitted in twins.items()])
    shown = None if stimulus is None else partial(_clips_to, stimulus=stimulus)
    opened = [open_recording(recording) for recording in recordings]
    fits: list[Derived] = []
    for name, fitted in twins.items():
        held_out = {recording.name: fitted.clips(recording, held_out_tiers(recording, fitted)) for recording in opened}
        fits.append(derive(fitted, name, shown, held_out, progress=progress))
    units = certify(fits)
    warn_of_what_is_shared([fit.stamps for fit in fits])
    warn_of_ridges(list(twins.values()))
    return Certificate(units, summarise(units), fits[0].untold, {fit.name: fit.stamps for fit in fits})


def write_certificate(
    runs: Sequence[str | Path],
    out: Path,
    recordings: Sequence[str | Path] = (),
    stimulus: Path | None = None,
    progress: bool = False,
    force: bool = False,
) -> Certificate:
    """Write the table of `agree_twins`, and beside it the fingerprints of the twins, what quantities they agree on, and the provenance.

    Args:
        runs: Folders of two or more twins.
        out: File for the table, .parquet or .csv; its name with `.made.json` gets the rest.
        recordings: Recordings of the animals.
        stimulus: Clips over which units are correlated in silico.
        progress: Show progress bars.
        force: Whether these files may be replaced where they are there.
    """
    made = out.with_name(f"{out.name}.made.json")
    artifacts.require_new(out, force=force, inputs=(stimulus, *map(Path, recordings)))
    artifacts.require_new(made, (".json",), force)
    found = agree_twins(runs, recordings, stimulus, progress)
    artifacts.write_table(found.units, out)
    inputs = {str(run / FILE_NAME): artifacts.sha256(run / FILE_NAME) for run in twins_in(runs)}
    told = {"twins": found.twins, "quantities": found.summary.to_dict("records"), "not_compared": found.untold}
    artifacts.write_json(artifacts.provenance(0, inputs) | told, made)
    return found


def twins_in(runs: Sequence[str | Path | FittedTwin]) -> list[Path]:
    """The folders of twins; one that `graphtwin twin train --seeds` filled is replaced by those in it.

    Args:
        runs: Folders of twins, or of several.
    """
    return [folder for run in runs for folder in folders_of(Path(run), TWIN)]


def _clips_to(animal: AnimalResponder, stimulus: Path) -> Iterator[Float[np.ndarray, "frames height width"]]:
    return stimulus_clips(animal, stimulus, animal.fitted.animals[animal.name].frame_rate_hz)
