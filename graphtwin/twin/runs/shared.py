"""The latent population model of a recording and a twin: what units share beyond stimulus and behaviour."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from graphtwin.config import load_config
from graphtwin.parallel import Device, device_of
from graphtwin.twin.runs.held_out_trials import SCORED_TIERS
from graphtwin.twin.runs.twin_folder import load_twin, open_animal

log = logging.getLogger("graphtwin")

if TYPE_CHECKING:
    from graphtwin.twin.fitting import FittedTwin
    from graphtwin.twin.population import PopulationReport


def score_population(
    run: str | Path | FittedTwin,
    folder: str | Path,
    tiers: tuple[str, ...] | None = None,
    overrides: list[str] | None = None,
    seed: int = 0,
    device: Device = "auto",
    progress: bool = False,
) -> PopulationReport:
    """Fit shared latents to the training trials of an animal, given what its twin predicts, and score them on repeated held-out stimuli.

    Args:
        run: Folder of a twin that has this animal, or a twin that lies in one.
        folder: Folder or file of the recording.
        tiers: Tiers of the repeated stimuli; None takes `test` and `oracle`.
        overrides: Settings of `RecordedPopulationConfig`, as `population.n_latents=4`.
        seed: Seed of fits, halves of the population, null and intervals.
        device: Device on which torch computes predictions.
        progress: Show progress bars.

    Examples:
        >>> graphtwin.twin.score_population(twin, "recording").scores.columns[:3].tolist()
        ['score', 'value', 'low']
    """
    from graphtwin.twin.settings import RecordedPopulationConfig

    config = load_config(RecordedPopulationConfig, None, overrides)
    run = Path(run)
    recording = open_animal(run, folder, tiers)

    from graphtwin.twin.population import read_population, score_recorded_population
    from graphtwin.twin.scores import long_enough

    fitted = load_twin(run)
    if fitted.twin.family.signed and not any(word.startswith("population.kind=") for word in overrides or []):
        config = config.model_copy(update={"population": config.population.model_copy(update={"kind": "continuous"})})
        log.info("%s: responses are signed, and population.kind is continuous.", recording.name)
    fitted.twin.to(device_of(device))
    test = fitted.clips(recording, tiers or SCORED_TIERS)
    parts = [(long_enough(clips, config.left_out_s), repeated) for clips, repeated in ((fitted.training(recording), False), (test, True))]
    read = [read_population(fitted.twin, clips, config, repeated, progress) for clips, repeated in parts]
    return score_recorded_population(read[0], read[1], config.population, seed, progress)
