"""Questions that are about some units of one animal: who answers, which rows the units are, and what a judge shares with who answers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Int64

from graphtwin.parallel import Device
from graphtwin.schema import CIRCUIT, TWIN, TWIN_CORE, UNIT_KEY
from graphtwin.twin.runs.answering import Answering, answering

if TYPE_CHECKING:
    from graphtwin.insilico import Responder

log = logging.getLogger("graphtwin")


def of_one_animal(run: str | Path | Answering, animal: str | None, device: Device) -> Answering:
    """Who answers for one animal, the one that is named or the only one.

    Args:
        run: Folder of a twin, or of several that `--seeds` filled; or who answers.
        animal: Name of the animal; None takes the only one.
        device: Device on which torch computes.
    """
    asked = answering(run, animal, device)
    known = [one.name for one in asked.responders]
    if len(known) > 1:
        raise ValueError(f"{asked.folder}: has {len(known)} animals ({', '.join(known[:5])}). Name one as animal.")
    return asked


def rows_in(responder: Responder, table: str | Path) -> Int64[np.ndarray, " units"]:
    """Rows of the units that a table names, each of which must be there.

    Args:
        responder: Responder of the animal.
        table: Table, .csv or .parquet, with session, scan_idx, unit_id; or with the names of neurons of a circuit.
    """
    from graphtwin.insilico import units_in

    keys = pd.MultiIndex.from_frame(units_in(table, [responder]))
    rows = pd.MultiIndex.from_frame(responder.units[UNIT_KEY]).get_indexer(keys)
    if (rows < 0).any():
        first = "-".join(map(str, keys[int(np.argmax(rows < 0))]))
        raise ValueError(
            f"{table}: {int((rows < 0).sum())} of {len(rows)} units are not among the {len(responder.units)} of {responder.name} (first "
            f"{first}). Take them out of the table."
        )
    return np.asarray(rows, dtype=np.int64)


def say_what_is_shared(made_on: Answering, judge: Answering, verify_on: str | Path) -> None:
    """Say where the twins, or the fits of a circuit, that judge stimuli share the faults of those that they are made on.

    Args:
        made_on: Twins that stimuli are made on.
        judge: Twins that judge them.
        verify_on: Folder of these.
    """
    if CIRCUIT in judge.stamps and CIRCUIT in made_on.stamps:
        fits, theirs = (set(told.stamps[CIRCUIT].split("+")) for told in (judge, made_on))
        if fits & theirs:
            log.warning(
                "%s: %d of %d fits is one that stimuli are made on; ranking on it verifies nothing. Give fits of another seed.",
                verify_on, len(fits & theirs), len(fits),
            )  # fmt: skip
        return
    twins, cores = ([set(told.stamps[column].split("+")) for told in (judge, made_on)] for column in (TWIN, TWIN_CORE))
    if both := len(twins[0] & twins[1]):
        log.warning(
            "%s: %d of %d twins is one that stimuli are made on; ranking on it verifies nothing. Give twins of other seeds.",
            verify_on, both, len(twins[0]),
        )  # fmt: skip
    elif cores[0] & cores[1]:
        log.warning(
            "%s: stands on the core that stimuli are made on, whose faults it shares. Give a twin with a core of its own.", verify_on
        )
    elif ridges := [name for name, shared in made_on.shared.items() if shared == judge.shared.get(name) == "one ridge"]:
        log.warning(
            "%s: leans on a ridge on fixed energies, as do the twins that stimuli are made on; trained on one recording these are one "
            "and the same, whose faults they share in %s. `graphtwin twin agree` says how much of each twin is its ridge.",
            verify_on, ", ".join(ridges),
        )  # fmt: skip
