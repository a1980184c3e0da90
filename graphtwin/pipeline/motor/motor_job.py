"""`graphtwin motor fit`: from a source to fits of its circuit and of controls, their scores on what no fit has seen, and verdicts."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from graphtwin import sources
from graphtwin.begun import require_same_inputs
from graphtwin.config import changed_settings, overridden
from graphtwin.extras import require_packages
from graphtwin.folders import clear_finished, written
from graphtwin.kinds import MOTOR, is_finished
from graphtwin.motor import Circuit
from graphtwin.motor.circuit import circuit_of, exposure_of, orders_of, responses_of, single_responses_of, trials_of
from graphtwin.motor.model import CircuitNetwork, Scales
from graphtwin.motor.scores import split_stimulated, split_trials
from graphtwin.pipeline.motor.fits import fit_jobs, run_fits
from graphtwin.pipeline.motor.held_out_scores import write_scores
from graphtwin.pipeline.motor.order_run import OrderStudy, read_order_study, run_orders, write_order_study
from graphtwin.pipeline.motor.order_scores import write_order_scores
from graphtwin.pipeline.motor.run_folder import MotorStudy, read_study, require_run_place, write_study
from graphtwin.pipeline.motor.settings import MotorRunConfig
from graphtwin.sources import OF_ANOTHER, RECRUITMENT, RESPONSES, SourceTables

STEPS = 10  # steps of a time constant in the trials that responses are made into

log = logging.getLogger("graphtwin")


def run_motor(
    source: str | Path, out: str | Path, overrides: list[str] | None = None, resume: bool = False, force: bool = False, **asked: Any
) -> Path:
    """Fit a circuit and its controls, score all of them, and write the folder.

    Args:
        source: Name of a source, or path of a TOML that names the tables and the trials of a circuit.
        out: Folder to write; new or empty, or, to resume, one of the same settings and files.
        overrides: Settings of `MotorRunConfig` as `key=value`.
        resume: Go on with the fits that are missing; a finished folder is left as it is.
        force: Take away a run that is in the folder, once source and settings are known to be good, and begin anew.
        asked: Settings of `MotorRunConfig` by name: seed, workers.

    Returns:
        The folder.

    Examples:
        >>> settings = ["model.fits=1", "model.fit.epochs=1", "model.window=20"]
        >>> run = graphtwin.run_motor("loop/source.toml", "runs/loop", settings, workers=1)
        >>> graphtwin.motor.load(run)
        FittedCircuit: 24 neurons, 128 chemical edges, 0 gap junctions
          fits: 1, leaky neurons, steps of 0.02 s
          outputs: force
          trials that stopped the fits: 3
    """
    require_packages("graphtwin motor fit", "h5py")
    config, folder = overridden(MotorRunConfig, asked, overrides, "motor"), Path(out)
    require_run_place(folder, config, resume, force, (source,))
    study, inputs = study_of(source, config)
    if is_finished(folder) and resume:
        require_same_inputs(folder, inputs)
        clear_finished(folder)
        log.warning("%s: finished already, with these settings and inputs; nothing was done.", folder)
        return folder
    with written(folder, MOTOR, resume, force, inputs=(source,)) as begin:
        if not force:
            require_same_inputs(folder, inputs)
        begin()
        if isinstance(study, OrderStudy):
            _ask_orders(study, inputs, folder)
            return folder
        write_study(study, inputs, folder)
        study = read_study(folder)  # as workers and a resumed run read it
        run_fits(fit_jobs(study), config.workers, folder)
        write_scores(folder, study)
    return folder


def study_of(source: str | Path, config: MotorRunConfig) -> tuple[MotorStudy | OrderStudy, dict[str, str]]:
    """The circuit, trials (or responses to stimulation, or orders of recruitment) and splits of a source, and its files with their hashes.

    Args:
        source: Name of a source, or path of a TOML.
        config: Settings.

    Raises:
        ValueError: The source has neither trials nor responses nor orders, too few, or whatever a circuit or any of these refuses.
    """
    tables = sources.load(source)
    circuit = circuit_of(tables, config.dale)
    trials = trials_of(tables, circuit)
    has_responses = bool(tables.of(RESPONSES, f"{RESPONSES}{OF_ANOTHER}"))
    orders = orders_of(tables, circuit) if trials is None and not has_responses else None
    if orders is not None:
        _tell_without_effect(config, tables.name)
        return OrderStudy(circuit, orders, config), tables.provenance
    if unread := tables.of(RECRUITMENT):
        files, more = ", ".join(table.origin for table in unread), "responses to stimulation" if trials is None else "trials"
        log.warning("source %s: has %s, so that its orders of recruitment are not read: %s.", tables.name, more, files)
    study = _of_responses(tables, circuit, config) if trials is None else None
    if study is None:
        assert trials is not None  # without both there was an error
        unread = tables.of(RESPONSES, f"{RESPONSES}{OF_ANOTHER}")
        if unread:
            files = ", ".join(table.origin for table in unread)
            log.warning("source %s: has trials, so that its responses to stimulation are not read: %s.", tables.name, files)
        splits = (split_trials(circuit, trials, config.seed, config.held_out),)
        study = MotorStudy(circuit, trials, splits, config, exposure_of(tables, circuit))
    # An error before anything is fitted where a step is too long.
    CircuitNetwork(circuit, config.model, study.trials.dt_s, Scales(1.0, (), ()))
    return study, tables.provenance


def _tell_without_effect(config: MotorRunConfig, source: str) -> None:
    """Say in the log which settings were changed that do nothing where orders are asked, for which no dynamics are fitted."""
    of_dynamics = {"held_out", "folds", "model", "response"}
    changed = changed_settings(*(one.model_dump(mode="json", include=of_dynamics) for one in (MotorRunConfig(), config)))
    if changed:
        names = ", ".join(one.split()[0] for one in changed)
        log.warning("source %s: orders of recruitment are asked, without dynamics; settings without effect: %s.", source, names)


def _ask_orders(study: OrderStudy, inputs: dict[str, str], folder: Path) -> None:
    """Ask when motor neurons are recruited, and write what is found."""
    write_order_study(study, inputs, folder)
    study = read_order_study(folder)  # as workers and a resumed run read it
    run_orders(study, folder)
    write_order_scores(folder, study)


def _of_responses(tables: SourceTables, circuit: Circuit, config: MotorRunConfig) -> MotorStudy:
    """The study of a source that has responses to stimulation and no trials; an error where it has neither."""
    beyond = config.response.beyond
    found, other = (responses_of(tables, circuit, beyond, of_another) for of_another in (False, True))
    if found is None and other is not None:
        raise ValueError(
            f"source {tables.name!r}: its responses to stimulation ({other.origin}) are of another animal alone, which are the ceiling, so "
            "that nothing can be fitted. Bring those of the circuit's own animal, or leave out `animal` where these are."
        )
    if found is None:
        how = (
            "`graphtwin motor simulate --circuit fly` writes a source of the same neurons with trials of a trained network."
            if tables.name == "fly"
            else 'Name files of trials in its TOML, [[trials]] with file = "trials.h5", or a table of role responses_to_stimulation '
            "or recruitment_order (data/README.md)."
        )
        raise ValueError(
            f"source {tables.name!r}: has a circuit of {len(circuit.names)} neurons, and neither trials nor responses to stimulation, so "
            f"that nothing can be fitted. {how}"
        )
    trials = found.as_trials(circuit, config.response.held_s, config.model.tau_s / STEPS)
    splits = split_stimulated(trials.names, config.folds, config.seed)
    single = single_responses_of(tables, circuit, found)
    study = MotorStudy(circuit, trials, splits, config, exposure_of(tables, circuit), found, other, single)
    for fold in range(len(splits)):
        study.training(fold)  # an error before anything is fitted where a fold has no scale
    return study
