"""Who answers in an in silico experiment on a folder: the animals of a twin, or the fits of a circuit of senses and motion."""

from __future__ import annotations

import logging
from pathlib import Path

from graphtwin.kinds import MOTOR, kind_of
from graphtwin.parallel import Device
from graphtwin.twin.runs import Answering, answering

log = logging.getLogger("graphtwin")


def responding(run: str | Path, animal: str | None = None, device: Device = "auto", places: str | Path | None = None) -> Answering:
    """The responders of a folder, as the commands of in silico experiments ask them.

    Args:
        run: Folder of a twin, of several that `--seeds` filled, or of a fitted circuit, whose first fit answers, with the spread of the
            others about it.
        animal: Name of the only animal of a twin that answers; None takes all.
        device: Device on which torch computes a twin; a circuit runs on the processor.
        places: Of a circuit, a table of where in the visual field its senses lie; see `pipeline.motor.load_responders`.
    """
    if kind_of(run) == MOTOR:
        from graphtwin.pipeline.motor import answering_circuit

        return answering_circuit(run, animal, places)
    _require_no_places(run, places)
    return answering(run, animal, device)


def made_and_judged(
    run: str | Path, verify: str | Path | None, animal: str | None = None, device: Device = "auto", places: str | Path | None = None
) -> tuple[Answering, Answering | None]:
    """Who stimuli are made on, and who judges them; None where nobody else is there.

    Of a circuit of several fits, where no other run is named, stimuli are made on the first, which predicts, and judged by the mean of the
    others, which are at draws of the prior.

    Args:
        run: Folder of a twin, of several, or of a fitted circuit.
        verify: Another one of the same units, that judges; None takes the other fits of a circuit.
        animal: Name of the animal; None takes the only one.
        device: Device on which torch computes a twin.
        places: Of a circuit, where in the visual field its senses lie.
    """
    if verify is not None or kind_of(run) != MOTOR:
        made = responding(run, animal, device, places)
        if verify is None:
            return made, None
        if kind_of(verify) != kind_of(run) and MOTOR in (kind_of(verify), kind_of(run)):
            raise ValueError(f"{verify}: cannot judge what is made on {run}: one is a circuit, the other is none. Give two of a kind.")
        return made, responding(verify, animal if kind_of(run) != MOTOR else None, device, places)
    from graphtwin.pipeline.motor import answering_circuit, load_fitted

    n = len(load_fitted(run).networks)
    if n < 2:
        return answering_circuit(run, animal, places), None
    log.info("%s: stimuli are made on the first of %d fits, and judged on the other %d.", run, n, n - 1)
    return answering_circuit(run, animal, places, slice(0, 1)), answering_circuit(run, animal, places, slice(1, None))


def _require_no_places(run: str | Path, places: str | Path | None) -> None:
    if places is not None:
        raise ValueError(f"{places}: places of senses are of a circuit, and {run} is none: a twin sees the screen of its recordings.")
