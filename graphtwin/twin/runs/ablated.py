"""What the parts of a twin are worth: the twin fitted again without each, and paired differences of scores on held-out trials."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from graphtwin import artifacts
from graphtwin.folders import WORK, written
from graphtwin.kinds import ABLATION, TWIN, require_kind
from graphtwin.parallel import Device, device_of
from graphtwin.sources import open_recording
from graphtwin.twin.runs.held_out_trials import SCORED_TIERS
from graphtwin.twin.runs.twin_folder import FILE_NAME, identity_of, load_twin

if TYPE_CHECKING:
    from graphtwin.sources.formats import Recording
    from graphtwin.twin.fitting import FittedTwin
    from graphtwin.twin.scores import StimulusSums

TABLE = "ablations.csv"  # file of the differences in the folder
ASKED = "asked.json"  # file of what a folder was begun with
log = logging.getLogger("graphtwin")


def ablate_twin(
    run: str | Path,
    folders: Sequence[str | Path],
    out: str | Path,
    without: Sequence[str] | None = None,
    tiers: tuple[str, ...] | None = None,
    resume: bool = False,
    threads: int = 2,
    device: Device = "auto",
    force: bool = False,
) -> pd.DataFrame:
    """Fit a twin again without some of its parts, each left out alone, and score both on the same held-out trials.

    The settings, seed and minutes are those of the twin, which itself is the one with all parts. Intervals are over units and over stimuli;
    the chance of a training, another seed, is in none of them.

    Args:
        run: Folder of the twin.
        folders: Folder or file of every recording that the twin was fitted on.
        out: Folder of the refits and of their table, ablations.csv; to resume, that of the command that was stopped.
        without: Parts that are left out: gaze, gaze_error, saccades, behaviour, feature_gains, recurrence, normalisation, prior, location,
            pretraining; None takes all that the twin has.
        tiers: Tiers that are scored; None takes `test` and `oracle`, those that exist.
        resume: Go on with what is in `out`.
        threads: Threads of torch.
        device: Device on which torch computes.
        force: Take away what is in `out`, and begin anew.

    Returns:
        One row a recording, part, group of stimuli and score, as `compare` makes them: difference is the twin with all parts less the one
        without.
    """
    from graphtwin import execute
    from graphtwin.twin.data import require_tiers

    run, out = Path(run), Path(out)
    require_kind(run, TWIN)
    begun = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    recordings = [open_recording(folder) for folder in folders]
    _require_the_same(run, recordings, begun["inputs"])
    for recording in recordings:
        require_tiers(recording, *((tier,) for tier in tiers or ()), tiers or SCORED_TIERS)
    fitted, kept = load_twin(run), "core" in begun["inputs"]
    chosen = parts_of(fitted, kept, without, str(run))
    with execute.threads(threads), written(out, ABLATION, resume, force, inputs=[run, *folders]) as begin:
        asked = {"twin": artifacts.sha256(run / FILE_NAME), "without": chosen, "tiers": tiers}
        _require_as_asked(out, asked)
        begin()
        artifacts.write_json(asked, out / ASKED)
        fitted.twin.to(device_of(device))
        whole = {one.name: _sums(fitted, one, tiers) for one in recordings}
        tables = []
        for name in chosen:
            refit = _refit(name, fitted, kept, recordings, begun, out, device_of(device))
            tables += [_compared(name, refit, one, whole[one.name], tiers, begun["seed"]) for one in recordings]
        table = pd.concat(tables, ignore_index=True)
        artifacts.write_table(table, out / TABLE)
    return table


def parts_of(fitted: FittedTwin, kept: bool, without: Sequence[str] | None, where: str) -> list[str]:
    """Names of the parts to leave out; an error where the twin has none that was asked for.

    Args:
        fitted: The twin.
        kept: Whether its core was trained on other animals.
        without: Parts that were asked for; None for all that the twin has.
        where: What the twin is called in errors.
    """
    from graphtwin.twin.fitting import PARTS

    names = list(dict.fromkeys(PARTS if without is None else without))
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise ValueError(f"{where}: {unknown[0]!r} is no part of a twin. Leave out one of {', '.join(PARTS)}.")
    lacking = {name: why for name in names if (why := PARTS[name].lacking(fitted, kept))}
    if lacking and without is not None:
        told = "; ".join(f"{name}: {why}" for name, why in lacking.items())
        raise ValueError(f"{where}: {len(lacking)} of {len(names)} parts cannot be left out: {told}. Name others with --without.")
    for name, why in lacking.items():
        log.info("%s: %s is not left out: %s.", where, name, why)
    return [name for name in names if name not in lacking]


def _require_the_same(run: Path, recordings: Sequence[Recording], inputs: dict[str, str]) -> None:
    """Raise unless these are the recordings that the twin was fitted on, as they were."""
    fitted_on = {name: said for name, said in inputs.items() if name != "core"}
    given = {recording.name: identity_of(recording) for recording in recordings}
    if given != fitted_on:
        told = [f"{name} is not given" for name in fitted_on.keys() - given.keys()]
        told += [f"{name} is none of them" for name in given.keys() - fitted_on.keys()]
        told += [f"{name} was {fitted_on[name]}, is {said}" for name, said in given.items() if fitted_on.get(name, said) != said]
        raise ValueError(
            f"{run}: was fitted on {len(fitted_on)} recordings, and {len(given)} are given; {'; '.join(sorted(told))}. Refits need the "
            "recordings of the twin, all of them, as they were."
        )


def _require_as_asked(out: Path, asked: dict[str, Any]) -> None:
    """Raise where a folder was begun with another twin, other parts or other tiers."""
    if not (out / ASKED).exists():
        return
    then, now = json.loads((out / ASKED).read_text(encoding="utf-8")), json.loads(json.dumps(asked))
    changed = [f"{name} was {then.get(name)}, is {now[name]}" for name in now if then.get(name) != now[name]]
    if changed:
        raise ValueError(f"{out}: cannot go on with other arguments: {'; '.join(changed)}. Give the same, or name another --out.")


def _refit(
    name: str, fitted: FittedTwin, kept: bool, recordings: Sequence[Recording], begun: dict[str, Any], out: Path, device: str
) -> FittedTwin:
    """The twin without a part, as an earlier try left it or trained now."""
    from graphtwin.twin.fitting import PARTS, fitted_of, read_twin, train_foundation, write_twin

    part, path = PARTS[name], out / f"without_{name}.pt"
    if not path.exists():
        log.info("fitting the twin without %s", name)
        onto = fitted.twin.cpu() if kept and not part.drops_core else None
        read = [part.recording(one) for one in recordings]
        checkpoint = out / WORK / f"{name}.pt"
        trained = train_foundation(
            read, part.config(fitted.config), begun["seed"], checkpoint, True, begun["minutes"], onto, device, begun.get("images")
        )
        write_twin(fitted_of(trained), path)
    refit = read_twin(path)
    refit.twin.to(device)
    return refit


def _sums(fitted: FittedTwin, recording: Recording, tiers: tuple[str, ...] | None) -> StimulusSums:
    """What the scores of held-out trials are made of, without likelihoods: families of two trainings have no common constant."""
    from graphtwin.twin.scores import LEFT_OUT_S, held_in, long_enough, sums_of

    test = long_enough(fitted.clips(recording, tiers or SCORED_TIERS), LEFT_OUT_S)
    return sums_of(fitted.twin, test, progress=True).predicting(held_in(fitted.training(recording)))


def _compared(
    name: str, refit: FittedTwin, recording: Recording, whole: StimulusSums, tiers: tuple[str, ...] | None, seed: int
) -> pd.DataFrame:
    """Differences of one recording and part."""
    from graphtwin.twin.fitting import PARTS
    from graphtwin.twin.scores import LEFT_OUT_S, compare, long_enough, stimuli_of

    read = PARTS[name].recording(recording)
    stimuli = stimuli_of(long_enough(refit.clips(read, tiers or SCORED_TIERS), LEFT_OUT_S))
    every = np.ones(len(stimuli), dtype=bool)
    table = compare(whole, {f"the twin without {name}": _sums(refit, read, tiers)}, stimuli, every, "the whole twin", seed)
    renamed = table.drop(columns="against").rename(columns={"median": "median_whole", "median_against": "median_without"})
    renamed.insert(0, "without", name)
    renamed.insert(0, "animal", recording.name)
    return renamed
