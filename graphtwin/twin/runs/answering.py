"""The responders that a folder holds: the animals of one twin, or of the twins of several seeds, which answer together."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from graphtwin.config import nearest_of
from graphtwin.kinds import TWIN, folders_of
from graphtwin.parallel import Device, device_of
from graphtwin.schema import IMAGED_AT, NEURON, TWIN_CORE, UNIT_KEY
from graphtwin.schema import TWIN as TWIN_COLUMN
from graphtwin.twin.runs.twin_folder import load_twin

if TYPE_CHECKING:
    from graphtwin.insilico import Responder
    from graphtwin.twin.fitting import FittedTwin

FAR_SD = 2.0  # standard deviations of a channel of behaviour from its mean in training, from which on a state counts as rarely recorded
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class Answering:
    """Who answers for the units of a folder.

    Attributes:
        responders: A responder an animal; an `Ensemble` where there are several twins.
        stamps: Fingerprints of the twin and its core by the columns of tables; of several twins joined by +.
        n_twins: Number of twins.
        recorded_hz: Frames a second of the recordings of each animal.
        behaviour: Mean and standard deviation of each channel of behaviour in training, of each animal.
        shared: What twins have in common of each animal, so that their agreement says little: "one twin" of copies, "one core", "one
            ridge"; empty where they stand apart.
        folder: Folder that they were read from.
        calibrated: Whether it is known how far numbers of such responders err, so that intervals can be stated: of twins of videos.
    """

    responders: tuple[Responder, ...]
    stamps: dict[str, str]
    n_twins: int
    recorded_hz: dict[str, float]
    behaviour: dict[str, dict[str, tuple[float, float]]]
    shared: dict[str, str]
    folder: Path = Path()
    calibrated: bool = True

    @property
    def first_speaks(self) -> bool:
        """Whether the first of several answers for all, as of the fits of a circuit, not their mean."""
        return any(getattr(responder, "first_speaks", False) for responder in self.responders)


def answering(run: str | Path | FittedTwin | Answering, animal: str | None = None, device: Device = "auto") -> Answering:
    """The responders of a finished twin, or of the twins that `graphtwin twin train --seeds` left in a folder.

    Args:
        run: Folder of a twin, or of seed-0, seed-1 ...; a twin; or who answers already, of whatever model, whom nothing else here changes.
        animal: Name of the only animal whose units answer; None takes all.
        device: Device on which torch computes.
    """
    from graphtwin.insilico import Ensemble
    from graphtwin.twin.agreement import require_alike, units_of
    from graphtwin.twin.fitting import FittedTwin, responders, stamps

    if isinstance(run, Answering):
        return run
    if isinstance(run, FittedTwin):
        twins, place = {str(run.folder or "twin"): run}, run.folder or Path()
    else:
        twins, place = {str(folder): load_twin(folder) for folder in folders_of(run, TWIN)}, Path(run)
    names = _animals(twins, animal)
    if len(twins) > 1:
        require_alike([(name, units_of(fitted)) for name, fitted in twins.items()])
    told = [stamps(fitted) for fitted in twins.values()]
    warn_of_what_is_shared(told)
    warn_of_ridges(list(twins.values()))
    for fitted in twins.values():
        fitted.twin.to(device_of(device))
    asked: list[Responder] = []
    for name in names:
        members = [next(each for each in responders(fitted) if each.name == name) for fitted in twins.values()]
        _say_screen(members[0])
        asked.append(members[0] if len(members) == 1 else Ensemble(tuple(members), name))
    first = next(iter(twins.values()))
    hertz = {name: first.animals[name].frame_rate_hz for name in names}
    behaviour = {name: behaviour_of(first, name) for name in names}
    shared = {name: shared_by(list(twins.values()), told, name) for name in names}
    return Answering(tuple(asked), joined_stamps(list(twins.values())), len(twins), hertz, behaviour, shared, place)


def _say_screen(responder: Responder) -> None:
    """Say in the log of which screen degrees are: where a recording states none it is that of the MICrONS recordings."""
    height, width = (
        pixels * degrees for pixels, degrees in zip(responder.size, responder.monitor.degrees_a_pixel(*responder.size), strict=True)
    )
    log.info(
        "%s: degrees are those of a screen of %.0f x %.0f (across x up), %s. Where the animal saw another, train again with "
        "--set monitor.width_cm, height_cm and distance_cm.", responder.name, width, height, responder.monitor,
    )  # fmt: skip


def answering_units(asked: Answering) -> pd.DataFrame:
    """session, scan_idx, unit_id, animal of all units that answer, names of neurons of a circuit, and x_um, y_um, z_um where known.

    Args:
        asked: Who answers.
    """
    from graphtwin.insilico import placed_units

    found = pd.concat([placed_units(each).assign(animal=each.name) for each in asked.responders], ignore_index=True)
    return found[[*UNIT_KEY, "animal", *(name for name in (NEURON, *IMAGED_AT) if name in found)]]


def shared_by(twins: Sequence[FittedTwin], stamps: Sequence[Mapping[str, str]], animal: str) -> str:
    """What twins have in common of an animal, so that their agreement says little of their errors; see `Answering.shared`.

    Args:
        twins: Twins that answer together.
        stamps: Fingerprints of each twin and its core, by column.
        animal: Name of the animal.
    """
    apart, cores = ({told[name] for told in stamps} for name in (TWIN_COLUMN, TWIN_CORE))
    if len(twins) > 1 and len(apart) < len(stamps):
        return "one twin"
    if len(twins) > 1 and len(cores) == 1:
        return "one core"
    return "one ridge" if any(float(fitted.twin.animal(animal).ridge.share) > 0 for fitted in twins) else ""


def behaviour_of(fitted: FittedTwin, animal: str) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of each channel of behaviour in the training trials of an animal.

    Args:
        fitted: A twin that has the animal.
        animal: Name of the animal.
    """
    seen = fitted.animals[animal]
    return {channel: (float(mean), float(sd)) for channel, mean, sd in zip(seen.behaviour, *seen.scales.behaviour, strict=True)}


def rare_state(asked: Answering, animal: str, state: Mapping[str, float]) -> str:
    """Why a state was rarely recorded of an animal, in short words; empty where it was not. The log says which channel is how far off.

    A channel at FAR_SD deviations of training from its mean or more is one: of normal numbers one in twenty lies as far. On a simulated
    animal a gain was within 10 % in .95 of units one deviation off, in .70 at 2.1.

    Args:
        asked: Who answers.
        animal: Name of the animal.
        state: State of behaviour, one number a channel.
    """
    told = asked.behaviour[animal]
    off = {channel: abs(value - told[channel][0]) / told[channel][1] for channel, value in state.items() if channel in told}
    far = [channel for channel, deviations in off.items() if deviations >= FAR_SD]
    for channel in far:
        log.warning(
            "%s: %s=%g lies %.1f standard deviations from what was recorded in training (mean %.3g, SD %.3g): what is told of that state "
            "is guessed from others. Give one nearer the mean.", animal, channel, state[channel], off[channel], *told[channel],
        )  # fmt: skip
    return "rare state" if far else ""


def joined_stamps(twins: Sequence[FittedTwin]) -> dict[str, str]:
    """Fingerprints of a twin and its core by the columns of tables; of several twins joined by +.

    Args:
        twins: Twins that answer together.
    """
    from graphtwin.twin.fitting import stamps

    told = [stamps(fitted) for fitted in twins]
    return {column: "+".join(dict.fromkeys(each[column] for each in told)) for column in told[0]}


def _animals(twins: Mapping[str, FittedTwin], animal: str | None) -> list[str]:
    """Names of the animals that are asked for."""
    run, fitted = next(iter(twins.items()))
    known = list(fitted.animals)
    if animal is not None and animal not in known:
        raise ValueError(f"{run}: animal {animal!r} is none of {len(known)}{nearest_of(animal, known)}. Give {', '.join(known)}.")
    return known if animal is None else [animal]


def warn_of_what_is_shared(stamps: Sequence[Mapping[str, str]]) -> None:
    """Say where twins agree because they are copies of one, or stand on one core, whose share of the error they cannot tell.

    Args:
        stamps: Fingerprints of each twin and its core, by column.
    """
    twins, cores = ({told[name] for told in stamps} for name in (TWIN_COLUMN, TWIN_CORE))
    if len(twins) < len(stamps):
        log.warning("%d twins are %d: copies of one agree, and that says nothing. Train others with --seeds.", len(stamps), len(twins))
    elif len(cores) == 1 < len(stamps):
        log.warning("%d twins keep one core (%s): what its fit leaves to chance is not in their agreement.", len(stamps), *cores)


def warn_of_ridges(twins: Sequence[FittedTwin]) -> None:
    """Say how much of what twins answer is of a ridge on the same recording, on which all fits agree whether it is right or not.

    Args:
        twins: Twins of the same animals that differ in their seeds.
    """
    for name in twins[0].animals if len(twins) > 1 else ():
        shares = [float(fitted.twin.animal(name).ridge.share) for fitted in twins]
        if min(shares) > 0:
            log.warning(
                "%s: %.0f %% of the answers of all %d twins and more are of the ridge, the same in fits of one recording: what it gets "
                "wrong is not in their agreement or spread.", name, 100 * min(shares), len(twins),
            )  # fmt: skip
