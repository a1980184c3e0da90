"""`graphtwin robust train` and `score`: from pictures and a twin to classifiers, controls, their robustness and a verdict."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np

from graphtwin.artifacts import sha256
from graphtwin.begun import require_same_inputs, require_same_settings
from graphtwin.config import overridden
from graphtwin.execute import rng_for
from graphtwin.folders import amended, as_written, clear_finished, require_as_written, written
from graphtwin.insilico import Responder
from graphtwin.kinds import MOTOR, ROBUST, TWIN, folders_of, is_finished, kind_of, require_kind, require_place
from graphtwin.parallel import Device, device_of
from graphtwin.pipeline.robust.classifier_jobs import STRENGTHS, chosen_recipes, fit_all, fit_kept
from graphtwin.pipeline.robust.robust_scores import FILES, middle, write_scores
from graphtwin.pipeline.robust.run_folder import (
    CLASSIFIERS,
    PICTURES,
    RESPONSES,
    WITHOUT_EFFECT,
    RobustStudy,
    read_study,
    stem_of,
    write_study,
)
from graphtwin.robustness import (
    BUNDLED,
    CLEAN,
    DISTORTIONS,
    LabelledPictures,
    RobustConfig,
    distorted,
    load_pictures,
    shown_responses,
    told_responses,
)

ENCODED = 150  # test pictures, at most, that a twin is shown distorted
log = logging.getLogger("graphtwin")


def run_robust(
    source: str | Path,
    out: str | Path,
    twin: str | Path | Responder | None = None,
    responses: str | Path | None = None,
    overrides: list[str] | None = None,
    resume: bool = False,
    force: bool = False,
    device: Device = "auto",
    **asked: Any,
) -> Path:
    """Train classifiers with a twin's similarity and code and with those of controls, test all of them, and write the folder.

    Args:
        source: digits, photographs, or a folder with a folder of images a class.
        out: Folder to write; new or empty, or, to resume, one of the same settings and files.
        twin: Folder of a twin, or any responder that sees pictures; its units answer.
        responses: Table of responses to the pictures, in the place of a twin.
        overrides: Settings of `RobustConfig` as `key=value`.
        resume: Go on with what is missing; in a finished folder classifiers whose files are missing or damaged are fitted again.
        force: Take away a run that is in the folder, once inputs and settings are known to be good, and begin anew.
        device: Device on which torch computes a twin; classifiers are trained on the processor.
        asked: Settings of `RobustConfig` by name: seed, seeds, workers.

    Returns:
        The folder.

    Examples:
        >>> settings = ["pictures=40", "width=2", "fit.epochs=1", "attack.pictures=10", "attack.steps=1", "attack.restarts=1"]
        >>> settings += ["attack.strengths=[0.05]", "teaching.tuning_seeds=1", "teaching.similarity=[1.0]", "teaching.co_training=[1.0]"]
        >>> run = graphtwin.run_robust("digits", "runs/robust", responder, overrides=settings, seeds=1, workers=1)
        >>> graphtwin.robustness.load(run / "classifiers" / "none_seed0.pt").recipe
        Recipe(way='none', teacher='', strength=0.0)
    """
    if (twin is None) == (responses is None):
        raise ValueError("Give a twin or a table of responses: one of them is what classifiers are drawn to.")
    config, folder = overridden(RobustConfig, asked, overrides, "robust"), Path(out)
    if str(source) not in BUNDLED and folder.resolve().is_relative_to(Path(source).resolve()):
        raise ValueError(f"{folder}: lies in the folder of pictures {source}, in which every folder is a class. Name another --out.")
    files = tuple(Path(one) for one in (source, twin, responses) if isinstance(one, (str, Path)) and Path(one).exists())
    if require_place(folder, ROBUST, resume, force, files):
        require_same_settings(folder, config, WITHOUT_EFFECT)
    data = load_pictures(source, config)
    inputs = _inputs(data, twin, responses)
    told = None if responses is None else told_responses(Path(responses), data)
    if is_finished(folder) and resume:
        require_same_inputs(folder, inputs)
        if again := _fitted_again(folder):
            log.warning("%s: %d classifiers were missing or damaged, and were fitted again; all were tested anew.", folder, again)
        else:
            log.warning("%s: finished already, with these settings and inputs; nothing was done.", folder)
        clear_finished(folder)
        return folder
    with written(folder, ROBUST, resume, force, inputs=files) as begin:
        if not force:
            require_same_inputs(folder, inputs)
        if not (folder / RESPONSES).exists() or force:
            study = (
                RobustStudy(data, told, None, np.zeros(0, np.int64), {}, config) if told is not None else _seen(data, twin, config, device)
            )
            study.teachers()  # an error before anything is written where responses do not do
            begin()
            write_study(study, inputs, folder)
        else:
            begin()
        recipes = fit_all(config, folder)
        write_scores(read_study(folder), recipes, folder)
    return folder


def score_robust(run: str | Path) -> Path:
    """Test the classifiers of a finished run again, and write its tables and verdicts.

    Args:
        run: Folder that `graphtwin robust train` wrote.

    Returns:
        The folder.
    """
    run = Path(run)
    require_kind(run, ROBUST)
    study = read_study(run)
    recipes = chosen_recipes(study.config, run)
    stems = [stem_of(recipe, number) for recipe in recipes.values() for number in range(study.config.seeds)]
    require_as_written(run, "config.toml", PICTURES, RESPONSES, f"{STRENGTHS}.parquet", *(f"{CLASSIFIERS}/{stem}.pt" for stem in stems))
    with amended(run, *FILES):
        write_scores(study, recipes, run)
    return run


def _fitted_again(folder: Path) -> int:
    """Fit classifiers of a finished run that are not as they were written, and write tables and verdicts; returns how many there were."""
    study = read_study(folder)
    recipes = chosen_recipes(study.config, folder)
    jobs = [(recipe, number) for recipe in recipes.values() for number in range(study.config.seeds)]
    missing = [job for job in jobs if not as_written(folder, f"{CLASSIFIERS}/{stem_of(*job)}.pt")]
    if missing:
        require_as_written(folder, "config.toml", PICTURES, RESPONSES, f"{STRENGTHS}.parquet")
        with amended(folder, *(f"{CLASSIFIERS}/{stem_of(*job)}.pt" for job in missing), *FILES):
            fit_kept(missing, study.config, folder)
            write_scores(study, recipes, folder)
    return len(missing)


def _seen(data: LabelledPictures, twin: str | Path | Responder | None, config: RobustConfig, device: Device) -> RobustStudy:
    """Responses of a twin, trained and not, to all pictures, and of the trained one to some that are distorted."""
    asked, first = ([twin], None) if isinstance(twin, Responder) else _responders(Path(str(twin)), config.seed, device)
    rows = np.sort(rng_for(config.seed, "pictures shown distorted").permutation(data.test)[:ENCODED])
    shown = {CLEAN: data.pictures[rows]}
    shown |= {kind: distorted(data.pictures[rows], kind, middle(kind), config.seed) for kind in DISTORTIONS}
    answers = {kind: shown_responses(asked, pictures, config, progress=True) for kind, pictures in shown.items()}
    responses = shown_responses(asked, data.pictures, config, progress=True)
    untrained = None if first is None else shown_responses(first, data.pictures, config, progress=True)
    return RobustStudy(data, responses, untrained, rows, answers, config)


def _responders(run: Path, seed: int, device: Device) -> tuple[list[Responder], list[Responder] | None]:
    """Who answers for a folder, and the same before it was trained."""
    from graphtwin.twin.fitting import responders, untrained
    from graphtwin.twin.runs import answering, load_twin

    if kind_of(run) == MOTOR:
        raise ValueError(f"{run}: is {MOTOR.is_a}, whose senses see no pictures of digits or things. Give the folder of a twin.")
    answers = answering(run, None, device)
    first = untrained(load_twin(folders_of(run, TWIN)[0]), seed)
    first.twin.to(device_of(device))
    return list(answers.responders), list(responders(first))


def _inputs(data: LabelledPictures, twin: str | Path | Responder | None, responses: str | Path | None) -> dict[str, str]:
    """Hashes of what a run is made of."""
    told = hashlib.sha256()
    for array in (data.pictures, data.label, data.is_test):
        told.update(np.ascontiguousarray(array).tobytes())
    told.update("\n".join((*data.classes, *data.keys)).encode())
    found = {f"pictures of {data.name}": told.hexdigest()}
    if responses is not None:
        return found | {Path(responses).name: sha256(responses)}
    if isinstance(twin, Responder):
        return found | {twin.name: "a responder"}
    from graphtwin.twin.runs import FILE_NAME

    return found | {folder.name: sha256(folder / FILE_NAME) for folder in folders_of(str(twin), TWIN)}
