"""Optimised stimuli as a folder that a lab can show: frames, order, repeats and controls, and what to expect of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin import artifacts
from graphtwin.execute import rng_for
from graphtwin.folders import written
from graphtwin.insilico.optimised.contact_sheet import write_contact_sheet, write_moving_sheet
from graphtwin.insilico.optimised.found_stimuli import OptimisedStimuli
from graphtwin.insilico.optimised.population_optima import at_budget
from graphtwin.insilico.optimised.stage import Stage, shown_frames
from graphtwin.insilico.responders import Responder, inputs_of
from graphtwin.insilico.stimuli import as_plain
from graphtwin.kinds import STIMULUS_SET
from graphtwin.schema import NEURON, UNIT_KEY

GAP_S = 1.0  # seconds of the grey screen between two stimuli


@dataclass(frozen=True)
class _Shown:
    """All stimuli of a set, those that were optimised first, then controls, and the grey screen last."""

    stage: Stage
    deviations: Float[np.ndarray, "stimuli frames height width"]
    table: pd.DataFrame


def write_stimulus_set(
    found: OptimisedStimuli | Sequence[OptimisedStimuli],
    out: str | Path,
    controls: Float[np.ndarray, "controls frames height width"] | None = None,
    also: Sequence[Responder] = (),
    checks: Mapping[str, pd.DataFrame] | None = None,
    identity: Mapping[str, str] | None = None,
    repeats: int = 10,
    seed: int = 0,
    force: bool = False,
    inputs: Sequence[str | Path | None] = (),
) -> Path:
    """Write a folder of stimuli to show; it is there as a whole, or not at all.

    It holds `frames_uint8.npy` and `frames_float32.npy` (grey levels [stimuli frames height width]), `stimuli.csv` (a row a stimulus, in
    that order), `order.csv` (a row a presentation: every block has each stimulus once), `expected.csv` (a row a stimulus and unit, a
    column a responder), `set.json` (screen, timing, budget, where it comes from), `contact_sheet.png`, of
    videos `contact_sheet.gif`, and a table for each check.

    Args:
        found: Optimised stimuli, of one responder with the same settings; those that were not optimised are left out.
        out: Folder to write.
        controls: Grey levels of stimuli to compare with, which are brought to the same contrast; None shows none but the grey screen.
        also: Other responders whose expected answers are written.
        checks: Tables of checks by their names, such as those of `verify`.
        identity: What tells the responder from others, such as the fingerprint of a twin.
        repeats: Blocks, in each of which every stimulus is shown once.
        seed: Seed of the order.
        force: Take away a set that is there.
        inputs: Files and folders that were read.
    """
    sets = [found] if isinstance(found, OptimisedStimuli) else list(found)
    if repeats < 1:
        raise ValueError(f"stimulus set: {repeats} repeats. Show each stimulus once at least.")
    shown = _together(sets, controls)
    stage, out = shown.stage, Path(out)
    with written(out, STIMULUS_SET, force=force, inputs=inputs) as begin:
        begin()
        mean, deviation = stage.budget.grey
        levels = (mean + deviation * shown.deviations).astype(np.float32)
        expected = _expected(shown, also)
        _save(levels, out / "frames_float32.npy")
        _save(_as_bytes(levels, stage), out / "frames_uint8.npy")
        artifacts.write_table(shown.table, out / "stimuli.csv")
        artifacts.write_table(_order(shown, repeats, seed), out / "order.csv")
        artifacts.write_table(expected, out / "expected.csv")
        for name, table in (checks or {}).items():
            artifacts.write_table(table, out / f"{name}.csv")
        artifacts.write_json(_said(shown, repeats, seed, identity or {}), out / "set.json")
        limits = (stage.config.darkest, stage.config.brightest)
        of_inputs = bool(inputs_of(stage.responder))
        drawn = levels.transpose(0, 2, 3, 1) if of_inputs else levels  # inputs down, time across: one picture of all
        write_contact_sheet(drawn, shown.table, limits, out / "contact_sheet.png", square=of_inputs)
        if levels.shape[1] > 1 and not of_inputs:
            write_moving_sheet(levels, limits, stage.responder.frame_rate_hz, out / "contact_sheet.gif")
    return out


def _together(sets: Sequence[OptimisedStimuli], controls: np.ndarray | None) -> _Shown:
    """Stimuli of all sets, controls, and the grey screen."""
    if not sets or any(_made_with(one) != _made_with(sets[0]) for one in sets):
        raise ValueError(f"stimulus set: {len(sets)} sets of stimuli. Give one or more, of one responder with the same settings.")
    stage = sets[0].stage
    stage = replace(stage, background=np.zeros(stage.budget.shape))  # a grey screen is between stimuli, whatever they were made on
    tables = [one.table[one.optimised].assign(role="optimised") for one in sets]
    parts = [one.deviations[one.optimised] for one in sets]
    if not sum(map(len, tables)):
        raise ValueError(f"stimulus set: none of {sum(len(one.clips) for one in sets)} stimuli was optimised: {_statuses(sets)}.")
    if controls is not None:
        parts.append(at_budget(stage, controls))
        tables.append(pd.DataFrame({"role": ["control"] * len(controls), "control": np.arange(len(controls))}))
    parts.append(np.zeros((1, *stage.budget.shape)))
    tables.append(pd.DataFrame({"role": ["grey"]}))
    table = pd.concat(tables, ignore_index=True)
    first = ["stimulus", "role", *UNIT_KEY, *([NEURON] if NEURON in table else [])]
    table = table.assign(stimulus=np.arange(len(table)))
    return _Shown(stage, np.concatenate(parts), table[[*first, *(name for name in table if name not in first)]])


def _made_with(found: OptimisedStimuli) -> tuple:
    return found.stage.config.model_dump(exclude={"seed"}), id(found.stage.responder.responder)


def _statuses(sets: Sequence[OptimisedStimuli]) -> str:
    counts = pd.concat([one.table["status"] for one in sets]).value_counts()
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def _order(shown: _Shown, repeats: int, seed: int) -> pd.DataFrame:
    """Presentations in blocks; each shows every stimulus once, in an order of its own."""
    n, (_, frames) = len(shown.table), shown_frames(shown.stage.responder, shown.stage.config)
    rate = shown.stage.responder.frame_rate_hz
    lasts = frames / rate if np.isfinite(rate) else shown.stage.config.duration_s
    order = np.concatenate([rng_for(seed, "order of a block", block).permutation(n) for block in range(repeats)])
    at = np.arange(len(order))
    return pd.DataFrame(
        {"presentation": at, "block": at // n, "stimulus": order, "onset_s": GAP_S + at * (lasts + GAP_S), "duration_s": lasts}
    ).merge(shown.table[["stimulus", "role"]], on="stimulus", how="left", validate="many_to_one")


def _expected(shown: _Shown, also: Sequence[Responder]) -> pd.DataFrame:
    """Mean answers over the frames that count, of all units to all stimuli."""
    stage, rows = shown.stage, np.zeros(len(shown.table), dtype=np.int64)
    keys = stage.responder.units[list(UNIT_KEY)].reset_index(drop=True)
    table = keys.loc[np.tile(np.arange(len(keys)), len(rows))].reset_index(drop=True)
    table.insert(0, "stimulus", np.repeat(np.arange(len(rows)), len(keys)))
    names: dict[str, Responder | None] = {f"expected_{stage.responder.name}": None}
    for one in also:
        name = f"expected_{one.name}"
        names[name if name not in names else f"{name}_{len(names)}"] = one
    for name, responder in names.items():
        answers = stage.all_answers(shown.deviations, rows, responder)
        if responder is not None:
            at = pd.MultiIndex.from_frame(responder.units[list(UNIT_KEY)]).get_indexer(pd.MultiIndex.from_frame(keys))
            answers = np.where(at >= 0, answers[:, at], np.nan)
        table[name] = answers.ravel()
    return table


def _said(shown: _Shown, repeats: int, seed: int, identity: Mapping[str, str]) -> dict[str, Any]:
    """What the set is, in words and numbers."""
    stage, responder = shown.stage, shown.stage.responder
    onset, frames = shown_frames(responder, stage.config)
    down, across = responder.monitor.degrees_a_pixel(*responder.size)
    axes = "stimuli, frames, rows from the top, columns from the left; one frame: held still"
    return {
        "what": f"{_given(responder)}, in the order of order.csv.",
        "files": {
            "frames_uint8.npy": f"0 is grey level {stage.config.darkest:g}, 255 is {stage.config.brightest:g}: {axes}",
            "frames_float32.npy": f"grey levels, not rounded: {axes}",
            "stimuli.csv": "a row a stimulus: role (optimised, control, grey), the unit that it is for, what it does, how it was found",
            "order.csv": "a row a presentation: block, stimulus, seconds from the start",
            "expected.csv": "a row a stimulus and unit: mean answer over the frames that count, by each responder",
            "contact_sheet.png": "inputs from the first down, time across" if inputs_of(responder) else "the middle frame of each stimulus",
            **(
                {"contact_sheet.gif": "all stimuli as they move, in the places of contact_sheet.png"}
                if len(shown.deviations[0]) > 1 and not inputs_of(responder)
                else {}
            ),
        },
        **({"inputs": list(inputs_of(responder))} if inputs_of(responder) else {}),
        "responder": responder.name,
        "fingerprint": dict(identity),
        "stimuli": len(shown.table),
        "repeats": repeats,
        "seed_of_the_order": seed,
        "screen": {
            "rows": responder.size[0],
            "columns": responder.size[1],
            "degrees_a_pixel": {"down": down, "across": across},
            "monitor": responder.monitor.model_dump(),
            "frame_rate_hz": responder.frame_rate_hz,
            "grey": as_plain(responder.grey[0]),
        },
        "timing": {"frames": frames, "frames_that_do_not_count": onset, "grey_between_s": GAP_S},
        "budget": {
            "contrast_rms_grey_levels": as_plain(stage.budget.rms * stage.budget.grey[1]),
            "darkest": as_plain(stage.budget.levels[0]),
            "brightest": as_plain(stage.budget.levels[1]),
            "mask": None if stage.budget.mask is None else "some pixels are let through in part, or not at all",
        },
        "settings": stage.config.model_dump(),
    }


def _given(responder: Responder) -> str:
    """What is done with the frames of a set."""
    if inputs_of(responder):
        return "Input of each neuron under `inputs`, a column each, every stimulus between pauses at rest (`grey`)"
    return "Grey levels to be shown on the whole screen, each stimulus between grey screens"


def _as_bytes(levels: Float[np.ndarray, "stimuli frames height width"], stage: Stage) -> np.ndarray:
    """Grey levels as bytes, 0 the darkest and 255 the brightest where these are not 0 and 255 themselves."""
    low, high = stage.config.darkest, stage.config.brightest
    scaled = levels if (low, high) == (0.0, 255.0) else (levels - low) * (255.0 / (high - low))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def _save(array: np.ndarray, path: Path) -> None:
    artifacts.write_atomic(path, lambda temporary: np.save(temporary, array))
