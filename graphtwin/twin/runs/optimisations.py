"""Optimised stimuli of the units of a twin, in a folder that a lab can show: see `insilico.optimised`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.config import nearest_of, overridden
from graphtwin.execute import rng_for
from graphtwin.parallel import Device, device_of
from graphtwin.schema import TWIN_CORE, UNIT_KEY
from graphtwin.twin.runs.twin_folder import load_twin

if TYPE_CHECKING:
    from graphtwin.insilico import Responder
    from graphtwin.insilico.optimised import OptimiseConfig, OptimisedStimuli
    from graphtwin.twin.fit import AnimalResponder, FittedTwin

GABORS = 1000  # candidates, where none are given
MOST_CONTROLS = 20  # best candidates that are shown beside optimised stimuli, those of most units first
What = Literal["exciting", "inhibiting"]
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class SetMade:
    """What `optimise_twin` made.

    Attributes:
        folder: The stimulus set.
        found: Optimised stimuli.
        ranked: Them among candidates: on the twin they were made with, and on the one they were verified on.
    """

    folder: Path
    found: OptimisedStimuli
    ranked: pd.DataFrame


def optimise_twin(
    run: str | Path,
    units: str | Path | int,
    out: str | Path,
    what: What = "exciting",
    verify_on: str | Path | None = None,
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

    Args:
        run: Folder of the twin.
        units: Table, .csv or .parquet, with session, scan_idx, unit_id; or a number of units, drawn at random.
        out: Folder to write.
        what: Whether stimuli excite or inhibit.
        verify_on: Folder of a twin of the same animal, on which stimuli are ranked too.
        candidates: A .npy of pictures [pictures rows columns] in grey levels, to rank among; None draws Gabors.
        animal: Name of the animal; None takes the only one.
        seeds: Seeds, whose optima are compared where there are several; those of the first are kept.
        repeats: Blocks of the order, in each of which every stimulus is shown once.
        overrides: Settings of `OptimiseConfig` as `key=value`.
        device: Device on which torch computes.
        progress: Show a progress bar.
        force: Take away a set that is there.
    """
    from graphtwin.insilico.optimised import (
        OptimiseConfig,
        agreement_of_seeds,
        gradient_agrees,
        most_exciting,
        most_inhibiting,
        write_stimulus_set,
    )
    from graphtwin.twin.fit import stamps

    config = overridden(OptimiseConfig, {}, overrides, "optimise")
    fitted = _on(load_twin(run), device)
    responder = _animal(fitted, animal, run)
    other = None
    if verify_on is not None:
        judge = _on(load_twin(verify_on), device)
        other = _animal(judge, responder.name, verify_on)
        _say_what_is_shared(stamps(fitted), stamps(judge), verify_on)
    rows = _rows(responder, units, config.seed)
    pictures = None if candidates is None else _pictures(candidates, responder, config)
    seek = most_exciting if what == "exciting" else most_inhibiting
    all_seeds = [config.model_copy(update={"seed": config.seed + number}) for number in range(seeds)]
    found, *others = (seek(responder, rows, one, progress=progress) for one in all_seeds)
    ranked, controls = _ranked(found, responder, other, pictures)
    checks = {"ranked": ranked, "gradients": gradient_agrees(found)}
    if others:
        checks["seeds"] = agreement_of_seeds([found, *others])
    folder = write_stimulus_set(
        found, out, controls, [other] if other else [], checks, stamps(fitted), repeats, config.seed, force, (run, verify_on, candidates)
    )
    return SetMade(folder, found, ranked)


def _say_what_is_shared(made_on: Mapping[str, str], verified_on: Mapping[str, str], verify_on: str | Path) -> None:
    """Say where the twin that judges stimuli shares the faults of the one that they are made on."""
    if verified_on == made_on:
        log.warning("%s: is the twin that stimuli are made on; ranking on it verifies nothing. Give a twin of another seed.", verify_on)
    elif verified_on[TWIN_CORE] == made_on[TWIN_CORE]:
        log.warning(
            "%s: stands on the core that stimuli are made on, whose faults it shares. Give a twin with a core of its own.", verify_on
        )


def _ranked(
    found: OptimisedStimuli, responder: AnimalResponder, other: Responder | None, pictures: np.ndarray | None
) -> tuple[pd.DataFrame, Float[np.ndarray, "controls one height width"]]:
    """Stimuli among candidates, and the candidates that do best."""
    from graphtwin.insilico.optimised import gabor_candidates, verify

    shown = gabor_candidates(found.stage, GABORS, found.stage.config.seed) if pictures is None else pictures
    at_home = verify(found, responder, shown)
    tables = [at_home.assign(asked="made on")]
    if other is not None:
        tables.append(verify(found, other, shown).assign(asked="verified on"))
    best = at_home.loc[found.optimised, "best_candidate"].value_counts(sort=True).index[:MOST_CONTROLS].to_numpy()
    return pd.concat(tables, ignore_index=True), shown[np.sort(best)]


def _pictures(path: str | Path, responder: AnimalResponder, config: OptimiseConfig) -> Float[np.ndarray, "pictures one height width"]:
    """Pictures of a file, cut and averaged to the pixels of the responder; those without contrast are left out."""
    from graphtwin.insilico.stimuli import NaturalImage, Screen, render_batch

    album = np.load(path, mmap_mode="r")
    if album.ndim != 3 or not len(album):
        raise ValueError(f"{path}: an array of shape {album.shape}. Give grey levels [pictures rows columns].")
    low, high = config.darkest, config.brightest
    screen = Screen(*responder.size, responder.monitor, np.nan, (low + high) / 2, (high - low) / 2)
    levels = {"black": low, "white": high}
    drawn = np.asarray(render_batch([NaturalImage(path=str(path), number=at, **levels) for at in range(len(album))], screen))
    flat = drawn.std((1, 2, 3)) <= 1e-6 * (high - low)
    if flat.any():
        log.warning("%s: %d of %d pictures have no contrast and are left out.", path, int(flat.sum()), len(drawn))
    return drawn[~flat]


def _on(fitted: FittedTwin, device: Device) -> FittedTwin:
    fitted.twin.to(device_of(device))
    return fitted


def _animal(fitted: FittedTwin, name: str | None, run: str | Path) -> AnimalResponder:
    """An animal of a twin by its name, or the only one."""
    from graphtwin.twin.fit import AnimalResponder

    known = list(fitted.animals)
    if name is None and len(known) > 1:
        raise ValueError(f"{run}: has {len(known)} animals ({', '.join(known[:5])}). Name one as animal.")
    if name is not None and name not in known:
        raise ValueError(f"{run}: has no animal {name!r}{nearest_of(name, known)}; it has {', '.join(known[:5])}. Name one of them.")
    return AnimalResponder(fitted, name or known[0])


def _rows(responder: AnimalResponder, units: str | Path | int, seed: int) -> np.ndarray:
    """Rows of the units that are asked for."""
    from graphtwin.insilico import units_in

    n = len(responder.units)
    if isinstance(units, int):
        if not 1 <= units <= n:
            raise ValueError(f"{units} units of {responder.name}: it has {n}. Give a number from 1 to {n}, or a table of units.")
        return np.sort(rng_for(seed, "units that stimuli are optimised for", responder.name).choice(n, units, replace=False))
    asked = pd.MultiIndex.from_frame(units_in(units))
    rows = pd.MultiIndex.from_frame(responder.units[list(UNIT_KEY)]).get_indexer(asked)
    if (rows < 0).any():
        first = "-".join(map(str, asked[int(np.argmax(rows < 0))]))
        raise ValueError(
            f"{units}: {int((rows < 0).sum())} of {len(rows)} units are not among the {n} of {responder.name} (first {first})."
        )
    return rows
