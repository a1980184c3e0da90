"""Stimuli to show next: those whose answers would tell most of the readouts of a twin's units."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from graphtwin.execute import rng_for
from graphtwin.parallel import Device, device_of
from graphtwin.progress import tqdm
from graphtwin.statistics import NextExperiments, most_informative, next_experiments, require_budget, told_together
from graphtwin.twin.runs.candidate_stimuli import Candidates, read_candidates
from graphtwin.twin.runs.twin_folder import load_twin, open_animal

if TYPE_CHECKING:
    import torch

    from graphtwin.twin.fitting import AnimalResponder, ReadoutEvidence

MOST_BYTES = 2**30  # memory of the information of all candidates about all units; units are drawn where it is more
DRAWS = 50  # random choices that a choice is compared with
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class NextStimuli:
    """Stimuli to show next.

    Attributes:
        experiments: The table, and what random choices tell; bits are means over units.
        toml: Chosen stimuli as `insilico.stimuli.from_toml` reads them; None where they are clips.
        n_units: Number of units that they were chosen by.
    """

    experiments: NextExperiments
    toml: str | None
    n_units: int


def next_stimuli(
    run: str | Path,
    recording: str | Path,
    candidates: str | Path,
    budget: int,
    repeats: bool = False,
    device: Device = "auto",
    seed: int = 0,
    progress: bool = False,
) -> NextStimuli:
    """The stimuli to show next, each for what its answers are expected to tell of the readouts of all units, a second of film.

    Args:
        run: Folder of the twin.
        recording: Recording of one of its animals that it was trained on: what its responses tell already.
        candidates: Stimuli that could be shown; see `read_candidates`.
        budget: Number of stimuli.
        repeats: Whether a stimulus may be chosen more than once, and one that was trained on again.
        device: Device on which torch computes.
        seed: Seed of the units that are drawn, where not all fit into memory, and of random choices.
        progress: Show progress bars.
    """
    import torch

    from graphtwin.twin.fitting import AnimalResponder, evidence, posterior_precision, stamps

    recorded = open_animal(run, recording)
    fitted = load_twin(run)
    fitted.twin.to(device_of(device))
    responder = AnimalResponder(fitted, recorded.name)
    known = fitted.animals[recorded.name]
    choice = read_candidates(candidates, responder, known.frame_rate_hz, known.training, repeats)
    require_budget(budget, len(choice.rows), repeats)
    _say_share(responder)
    of = evidence(fitted.twin, recorded.name, fitted.training(recorded), fitted.config.left_out_s, progress)
    units = _units(of.start.shape[0], of.start.shape[2], len(choice.rows), seed)
    precision = posterior_precision(fitted.twin, of)[torch.from_numpy(units)].numpy()
    information = _information(responder, choice, of, torch.from_numpy(units), progress)
    lasts = choice.table["duration_s"].fillna(1.0).to_numpy(np.float64)
    chosen = most_informative(precision, information, budget, lasts, repeats)
    random = [
        told_together(precision, information, rng_for(seed, "random stimuli", draw).choice(len(lasts), budget, replace=repeats))
        for draw in range(DRAWS)
    ]
    found = next_experiments(
        choice.table.iloc[chosen.order].assign(**stamps(fitted)),
        chosen.gain / len(units),
        chosen.alone[chosen.order] / len(units),
        [told / len(units) for told in random],
        len(lasts),
    )
    return NextStimuli(found, choice.toml(chosen.order), len(units))


def _information(
    responder: AnimalResponder, choice: Candidates, of: ReadoutEvidence, units: torch.Tensor, progress: bool
) -> Float[np.ndarray, "candidates units entries entries"]:
    """Information of each candidate; one that is over before its answers count is refused."""
    import torch

    from graphtwin.twin.fitting import expected_information

    found = []
    for clip in tqdm(choice.clips(), total=len(choice.rows), desc="candidates", unit="stimulus", disable=not progress, leave=False):
        told = expected_information(responder, torch.from_numpy(clip[None]).to(responder.device), of, units)
        found.append(told[0].cpu().numpy())
    short = [at for at, told in enumerate(found) if not told.any()]
    if short:
        first = choice.table.iloc[short[0]]
        raise ValueError(
            f"candidates: {len(short)} of {len(found)} tell nothing of any unit (first: {first['stimulus']}, number {first['candidate']}). "
            f"The first {responder.fitted.config.left_out_s:g} s of a clip do not count: leave these out, or give longer ones."
        )
    return np.stack(found)


def _units(n_units: int, entries: int, n_candidates: int, seed: int) -> Int[np.ndarray, " units"]:
    """Units by which stimuli are chosen: as many as fit into memory."""
    most = max(1, MOST_BYTES // (4 * entries**2 * n_candidates))
    if n_units <= most:
        return np.arange(n_units)
    log.info("stimuli are chosen by %d of %d units, drawn at random: more do not fit into %d MB.", most, n_units, MOST_BYTES // 2**20)
    return np.sort(rng_for(seed, "units that stimuli are chosen by").choice(n_units, most, replace=False))


def _say_share(responder: AnimalResponder) -> None:
    """Say how much of the prediction is not the readouts'; an error where it is all."""
    share = float(responder.fitted.twin.animal(responder.name).ridge.share)
    if share == 1:
        raise ValueError(
            f"{responder.name}: all of the prediction is left to the ridge on energies, none to the readouts that stimuli are chosen for. "
            "Show any stimuli, or transfer a core of more data to this animal."
        )
    if share > 0:
        log.warning(
            "%s: %.0f %% of the prediction is left to the ridge on energies; stimuli are chosen for what they tell of the rest alone.",
            responder.name, 100 * share,
        )  # fmt: skip
