"""What is measured in silico of the units of a twin, or of twins of several seeds with their spread: tuning, fields, correlations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.artifacts import ARRAYS, require_new, write_atomic, write_table
from graphtwin.parallel import Device
from graphtwin.schema import UNIT_KEY
from graphtwin.twin.runs.answering import Answering, answering
from graphtwin.twin.runs.in_silico import stimulus_clips

if TYPE_CHECKING:
    from graphtwin.insilico import Method, Responder


def tune_twin(
    run: str | Path,
    what: Sequence[str] = ("direction",),
    state: Mapping[str, float] | None = None,
    animal: str | None = None,
    device: Device = "auto",
    progress: bool = False,
) -> pd.DataFrame:
    """Tuning of all units of a twin, one row a unit, with its fingerprints `twin` and `twin_core`; see `insilico.tune_units`.

    Of a folder of several seeds the mean of the twins answers, and X_spread beside each number X says how far the twins differ on the unit
    (see `insilico.with_spread`).

    Args:
        run: Folder of a twin, or of several that `--seeds` filled.
        what: What is measured: direction, size, contrast, latency.
        state: State of behaviour, one number a channel, whose gain, shift and change of preference from rest are measured as well.
        animal: Name of the only animal that is measured; None measures all.
        device: Device on which torch computes.
        progress: Show progress bars.
    """
    from graphtwin.insilico import GratingConfig, seen_as_they_are, tune_units

    asked = answering(run, animal, device)
    gratings = seen_as_they_are(GratingConfig(), asked.responders)
    return _table(asked, partial(tune_units, what=tuple(what), state=state, gratings=gratings, progress=progress))


def fields_twin(
    run: str | Path, method: Method = "average", animal: str | None = None, device: Device = "auto", progress: bool = False
) -> pd.DataFrame:
    """Receptive fields of all units of a twin, one row a unit, as `tune_twin` gives tuning; see `insilico.fit_fields`.

    Args:
        run: Folder of a twin, or of several that `--seeds` filled.
        method: How maps are made of what noise tells: average, ridge or gradient.
        animal: Name of the only animal that is measured; None measures all.
        device: Device on which torch computes.
        progress: Show progress bars.
    """
    from graphtwin.insilico import fit_fields, measure_noise_maps

    def fields(responder: Responder) -> pd.DataFrame:
        return fit_fields(measure_noise_maps(responder, method, progress=progress), responder.name)

    return _table(answering(run, animal, device), fields)


def correlate_twin(
    run: str | Path,
    stimulus: Path,
    out: Path,
    animal: str | None = None,
    device: Device = "auto",
    progress: bool = False,
    force: bool = False,
) -> tuple[int, int]:
    """Write the in silico signal correlation of all pairs of units, block by block; returns the numbers of units and bins.

    Args:
        run: Folder of a twin, or of several that `--seeds` filled: then correlations are of their mean answers.
        stimulus: Clips that are shown, or a recording that has them, see `stimulus_clips`.
        out: File `X.npy`, float32 (units, units); `X.ids.csv` beside it names the units and, by its fingerprints, the twin. Of several
            twins `X_spread.npy` is the standard deviation of each correlation over them.
        animal: Name of the only animal that answers; None correlates the units of all.
        device: Device on which torch computes.
        progress: Show a progress bar.
        force: Whether these files may be replaced where they are there.
    """
    from graphtwin.insilico import correlation_blocks

    ids, spread = out.with_suffix(".ids.csv"), out.with_name(f"{out.stem}_spread.npy")
    require_new(out, ARRAYS, force, (stimulus,))
    require_new(ids, force=force, inputs=(stimulus,))
    asked = answering(run, animal, device)
    if asked.n_twins > 1:
        require_new(spread, ARRAYS, force, (stimulus,))
    each = _binned_answers(asked, stimulus, progress)
    responses = each.mean(0)
    _write_blocks(out, correlation_blocks(responses))
    if asked.n_twins > 1:
        members = zip(*(correlation_blocks(one) for one in each), strict=True)
        _write_blocks(spread, (np.std(blocks, axis=0, ddof=1) for blocks in members))
    write_table(_units(asked).assign(**asked.stamps), ids)
    return responses.shape[0], responses.shape[1]


def _table(asked: Answering, measure: Callable[[Responder], pd.DataFrame]) -> pd.DataFrame:
    """Units of all responders with what is measured of them, and the fingerprints of who answered."""
    from graphtwin.insilico import with_members

    found = pd.concat([with_members(responder, measure) for responder in asked.responders], ignore_index=True)
    return pd.concat([_units(asked), found], axis=1).assign(**asked.stamps)


def _units(asked: Answering) -> pd.DataFrame:
    """session, scan_idx, unit_id, animal of all units that answer."""
    return pd.concat([each.units[UNIT_KEY].assign(animal=each.name) for each in asked.responders], ignore_index=True)


def _binned_answers(asked: Answering, stimulus: Path, progress: bool) -> Float[np.ndarray, "twins units bins"]:
    """Answers of each twin to the same clips, units of one animal after those of the other."""
    from graphtwin.insilico import clip_responses

    parts = []
    for responder in asked.responders:
        members = getattr(responder, "members", (responder,))
        clips = [stimulus_clips(member, stimulus, asked.recorded_hz[responder.name]) for member in members]
        parts.append([clip_responses(member, shown, progress) for member, shown in zip(members, clips, strict=True)])
    return np.concatenate([np.stack(part) for part in parts], axis=1)


def _write_blocks(path: Path, blocks: Iterable[Float[np.ndarray, "rows units"]]) -> Path:
    """Write a square matrix block after block of rows, as .npy."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            for number, block in enumerate(blocks):
                if not number:
                    header = {"descr": "<f4", "fortran_order": False, "shape": (block.shape[1], block.shape[1])}
                    np.lib.format.write_array_header_1_0(file, header)
                block.astype("<f4").tofile(file)

    return write_atomic(path, write)
