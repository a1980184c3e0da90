"""The main job, stage after stage: read it and you have read the project."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from graphtwin import artifacts, folders, kinds, sources
from graphtwin.begun import require_same_inputs
from graphtwin.checks import check_source, warn
from graphtwin.config import dump_toml
from graphtwin.cortex import Cortex, build, numbered_alike, wiring_as_ceiling
from graphtwin.execute import threads
from graphtwin.graph.runs import Study, make_study, read_study, target_materialization, with_stacks
from graphtwin.graph.settings import Settings, load_settings
from graphtwin.parallel import device_of
from graphtwin.pipeline.graph import demonstration as synthetic_source
from graphtwin.pipeline.graph import findings, run_folder
from graphtwin.pipeline.graph import held_out_scores as scores
from graphtwin.pipeline.graph import neuron_jobs as neurons
from graphtwin.pipeline.graph import pair_jobs as connectivity
from graphtwin.pipeline.graph.area_jobs import area_jobs
from graphtwin.pipeline.graph.area_scores import area_table, area_verdicts
from graphtwin.pipeline.graph.areas import areas_of
from graphtwin.pipeline.graph.ceiling_scores import ceiling_table, ceiling_verdicts
from graphtwin.pipeline.graph.final_fits import final_jobs, save_graph
from graphtwin.pipeline.graph.jobs import Job, JobKey, Results, of_task, run_jobs
from graphtwin.pipeline.graph.scope import Scope, funnel, say_skipped, scope_of, skipped_verdicts
from graphtwin.sources.loaders import brought_embeddings as embedding_files
from graphtwin.tuning import FOLDS as DECODED_FROM
from graphtwin.tuning import (
    check_embeddings,
    features_as_embeddings,
    learn_embeddings,
    no_embeddings,
    normalise,
    require_one_twin,
    scan_leakage,
)
from graphtwin.wiring.pairs import tuning_measures
from graphtwin.wiring.questions import Exposed, compare_with_matched, conditional_like_to_like

LEAKAGE = "leakage"
FEWEST_REPLICATES = 19  # replicates of the null of like-to-like at the short setting: with fewer no p could be .05
MATCHED, CONDITIONAL = JobKey("like_to_like"), JobKey("conditional_like_to_like")
AXONS = "like_to_like_axons.parquet"  # name of the table of axons behind the comparison with matched non-partners
log = logging.getLogger("graphtwin")


def run(overrides: list[str] | None = None, resume: bool = False, force: bool = False, **given: Any) -> Path:
    """Run every stage and write the run folder; returns its path.

    Args:
        overrides: Settings as `key=value`, with the names of `Settings`.
        resume: Go on in an existing folder of the same settings and data; a finished one is left as it is.
        force: Take away a run that is in the folder, once source, embeddings and settings are known to be good, and begin anew.
        given: Settings by name: source, embeddings_file, out, seed.

    Examples:
        >>> run = graphtwin.run(small, source=source, out="runs/planted", resume=True)
        >>> (run / "metrics.csv").is_file()
        True
        >>> graphtwin.graph.load(run).best["connectivity"].metric
        'average_precision'
    """
    settings = load_settings(overrides, **given)
    folder = Path(settings.out)
    device_of(settings.device)  # an error before anything is read where there is no such device
    run_folder.require_run_place(folder, settings, resume, force)
    with threads(1):  # what is large runs in processes; sums of several threads are no faster beside them, and differ in their last digit
        if kinds.is_finished(folder) and not force:
            read = _prepared(settings)
            require_same_inputs(folder, run_folder.inputs_of(read, sources.load(read.source)))
            folders.clear_finished(folder)
            log.warning("%s", run_folder.already_finished(folder))
            return folder
        with folders.written(folder, kinds.RUN, resume, force) as begin:
            _run(settings, folder, begin, force)
    return folder


def _run(settings: Settings, folder: Path, begin: Callable[[], object], force: bool) -> None:
    """The stages of a run, or those that are missing, in its folder, which is begun once source, embeddings and settings are good."""
    read = _prepared(settings)
    tables = sources.load(read.source)
    warn(check_source(tables), tables.name)
    inputs = run_folder.inputs_of(read, tables)
    if not force:
        require_same_inputs(folder, inputs)
    cortex = build(tables) if tables.has.function or read.embeddings_file is not None else _without_units(build(tables))
    cortex = _with_ceiling(cortex, read, tables.names)
    target_materialization(settings, cortex)  # an error before anything is fitted where the one that is asked for has no pairs
    embedded = _embed(read, cortex)
    study = make_study(settings, cortex, embedded["embeddings"])
    scope = scope_of(study)
    begin()
    told = require_one_twin(embedded["embeddings"], str(read.embeddings_file)) | {"source_has": tables.has.said}
    _write_begun(folder, settings, inputs, told)
    cortex_funnel = [cortex.funnel, embedded.pop("funnel"), funnel(study, scope)]
    artifacts.write_tables(replace(cortex, funnel=pd.concat(cortex_funnel, ignore_index=True)), folder / "tables")
    artifacts.write_tables(embedded, folder)
    study = read_study(folder)  # as workers and a resumed run read it
    results = run_jobs(_jobs(study, scope, folder), folder, settings.threads, "fits")
    _write_results(study, scope, results, folder)
    if settings.source == synthetic_source.NAME:
        synthetic_source.ask_like_to_like(folder, settings.seed, settings.threads, settings.embeddings_file)


def _with_ceiling(cortex: Cortex, settings: Settings, names: tuple[str, ...]) -> Cortex:
    """The cortex with the wiring of the animal that the settings name as its ceiling, beside that of animals which its source has."""
    if settings.ceiling is None:
        return cortex
    tables = sources.load(settings.ceiling)
    animal = tables.animal or tables.name
    if tables.has.wiring == "none":
        raise ValueError(f"ceiling {animal}: {settings.ceiling} has {tables.has.said}. Name the tables of another animal that was wired.")
    synapses = numbered_alike(build(tables).synapses, tables.names, names, animal)
    wiring = wiring_as_ceiling(cortex.neurons, synapses, animal)
    return replace(cortex, ceiling=pd.concat([cortex.ceiling, wiring], ignore_index=True))


def _without_units(cortex: Cortex) -> Cortex:
    """The cortex without units, where nothing tells their function: no responses of any kind, and no embeddings that are brought."""
    funnel = cortex.funnel[cortex.funnel["unit"] != "units"]
    return replace(cortex, units=cortex.units.head(0), funnel=funnel, neurons=cortex.neurons.assign(is_functional=False))


def _prepared(settings: Settings) -> Settings:
    """Settings with what is read; a synthetic cortex and, without embeddings, its functional twin are made first, and read from disk."""
    if settings.source != synthetic_source.NAME:
        return settings
    made = synthetic_source.prepare_demonstration(settings.out, settings.seed, settings.threads, settings.embeddings_file)
    return settings.model_copy(update={"source": str(made.source), "embeddings_file": made.embeddings})


def _write_begun(folder: Path, settings: Settings, inputs: dict[str, str], told: dict[str, Any]) -> None:
    """Write what a run is begun with, and what is told of its source and twin; one that goes on keeps its settings."""
    if not (folder / "config.toml").exists():
        artifacts.write_text(dump_toml(settings), folder / "config.toml")
    artifacts.write_json(run_folder.provenance_of(folder, settings, inputs) | told, folder / "provenance.json")


def _embed(settings: Settings, cortex: Cortex) -> dict[str, pd.DataFrame]:
    """Tables of brought or learned embeddings, by file: `embeddings` is the same for every scan, `funnel` counts what came along."""
    if settings.embeddings_file is not None:
        brought = embedding_files.read_embeddings(settings.embeddings_file)
        raw, counted = check_embeddings(brought, cortex.units, str(settings.embeddings_file), cortex.animal)
        return {"embeddings": normalise(raw, "within_scan"), "embeddings_uncorrected": raw, "funnel": counted}
    if cortex.units.empty:
        return {"embeddings": no_embeddings(), "funnel": cortex.funnel.head(0)}
    if len(cortex.function):
        learned = learn_embeddings(cortex.function, settings.function, cortex.function_columns)
    else:
        learned = learn_embeddings(cortex.units, settings.directions)
    components = {f"component_{index}": values for index, values in enumerate(learned.basis.basis)}
    return {
        "embeddings": learned.embeddings,
        "embeddings_uncorrected": learned.uncorrected,
        "embedding_scores": learned.held_out.scores,
        "embedding_grid": learned.held_out.grid,
        **({"embedding_noise": learned.held_out.noises} if len(learned.held_out.noises) else {}),
        "basis": learned.columns.assign(**components),
        "funnel": learned.funnel,
    }


def _jobs(study: Study, scope: Scope, folder: Path) -> list[Job]:
    """Every piece of work whose labels the source has."""
    of_pairs = connectivity.pair_jobs(study, scope.pair_splits)
    final = final_jobs(study, neurons=bool(scope.tasks), pairs=bool(scope.pair_splits))
    jobs = [*neurons.neuron_jobs(study, scope.tasks), *of_pairs, *final, *_leakage_jobs(study, folder), *area_jobs(study, areas_of(study))]
    of_wiring = [Job(MATCHED, matched_job, 9), Job(CONDITIONAL, conditional_job, 75)]
    return [*jobs, *(of_wiring if scope.pair_splits and _has_responses(study) else [])]


def _has_responses(study: Study) -> bool:
    """Whether neurons can be compared by what they responded to; brought embeddings alone say nothing of it."""
    return study.has_function and len(tuning_measures(study.units, study.cortex.neurons, study.cortex.function)) > 0


def _leakage_jobs(study: Study, folder: Path) -> list[Job]:
    """How well the scan is decoded from embeddings and features; nothing to decode with one scan of some size.

    The embeddings as fitted and alike in every scan, and all features that the models of function read.
    """
    units = pd.read_parquet(folder / "embeddings.parquet", columns=["session", "scan_idx"])
    if (units.value_counts() >= DECODED_FROM).sum() < 2:
        return []
    decoders = ("linear", "boosting") if study.settings.preset != "short" else ("linear",)
    tables = (("as fitted", folder / "embeddings_uncorrected.parquet"), ("aligned", folder / "embeddings.parquet"), ("all features", None))
    return [Job(JobKey(LEAKAGE, decoder, label), partial(leakage_job, file=file), 8) for label, file in tables for decoder in decoders]


def leakage_job(study: Study, checkpoint: Path, key: JobKey, file: Path | None) -> pd.DataFrame:
    """One decoder on one embeddings table, or on the features of all neurons where no file is given."""
    vectors = pd.read_parquet(file) if file is not None else features_as_embeddings(study.features)
    return scan_leakage(vectors, study.settings.seed, study.settings.permutations, (key.model,)).assign(embeddings=key.variant)


def matched_job(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """The comparison of partners and matched non-partners; the axons behind it go beside the checkpoint."""
    summary, axons = compare_with_matched(study.cortex, study.units, study.settings.seed)
    artifacts.write_parquet(axons, checkpoint.with_name(AXONS))
    return summary


def conditional_job(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """Slopes of who connects on similarity, given every axon's number of partners; within exposure where there is one."""
    exposures = {version: Exposed(found.measure, partial(study.exposure_of, version)) for version, found in study.exposures.items()}
    fewer = {"n_replicates": FEWEST_REPLICATES} if study.settings.preset == "short" else {}
    return conditional_like_to_like(study.cortex, study.units, study.settings.seed, exposures, **fewer)


def _write_results(study: Study, scope: Scope, results: Results, folder: Path) -> None:
    """Predictions, metrics, differences, nulls, verdicts and provenance; in words what is not scored."""
    labels, positions = _neuron_predictions(study, scope, results)
    pairs = {split: connectivity.pair_table(study, split, results) for split in scope.pair_splits}
    scored = [scores.pair_scores(study, split, table) for split, table in pairs.items()]
    if scope.tasks:
        scored.insert(0, scores.neuron_scores(study, labels, positions))
    metrics, differences = (pd.concat(parts, ignore_index=True) for parts in zip(*scored, strict=True))
    if pairs:
        metrics = pd.concat([metrics, scores.size_scores(study, pairs["axon"])], ignore_index=True)
    nulls = scores.null_table(study, labels, positions, pairs.get("axon"), results)
    for key in {MATCHED, CONDITIONAL} & results.keys():
        _write_both(results[key], folder / key.stem)
    if MATCHED in results:
        artifacts.write_atomic(folder / AXONS, lambda temporary: shutil.copyfile(folder / folders.WORK / AXONS, temporary))
    leakage = of_task(results, LEAKAGE)
    if leakage:
        artifacts.write_parquet(pd.concat(leakage, ignore_index=True), folder / "scan_leakage.parquet")
    _write_both(metrics, folder / "metrics")
    _write_both(differences, folder / "differences")
    _write_both(nulls, folder / "permutations")
    artifacts.write_json(say_skipped(scores.metrics_tree(metrics), scope), folder / "metrics.json")
    ceiling = ceiling_table(study, pairs["axon"]) if "axon" in pairs else pd.DataFrame()
    if len(ceiling):
        _write_both(ceiling, folder / "ceiling")
    areas = areas_of(study)
    across = area_table(study, areas, results)
    if len(across):
        _write_both(across, folder / "areas")
    function, choice = scores.chosen_for_pairs(metrics) if pairs else (True, None)
    save_graph(folder, study, results, function)
    said = [*findings.verdicts(metrics, differences, nulls), *findings.wiring_verdict(results.get(CONDITIONAL, pd.DataFrame()))]
    said += [*(ceiling_verdicts(ceiling) if len(ceiling) else []), *([choice] if choice else []), *area_verdicts(across, areas)]
    artifacts.write_json([*said, *skipped_verdicts(scope)], folder / "verdicts.json")
    _write_predictions(labels, positions, pairs.get("axon"), folder / "predictions")


def _neuron_predictions(study: Study, scope: Scope, results: Results) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Tables of the label tasks that are scored, and of positions: without a row where they are not."""
    found = of_task(results, neurons.TASK)
    together = with_stacks(study, pd.concat(found, ignore_index=True), scope.tasks) if found else pd.DataFrame({"split": []})
    scored = {task: together[together["split"].isin(scope.splits(task))] for task in ("cell_type", "layer", "position")}
    labels = {task: neurons.label_table(study, scored[task], task) for task in ("cell_type", "layer") if scope.splits(task)}
    return labels, neurons.position_table(study, scored["position"]) if found else pd.DataFrame({"target": []})


def _write_predictions(labels: dict[str, pd.DataFrame], positions: pd.DataFrame, pairs: pd.DataFrame | None, folder: Path) -> None:
    for name, table in {**labels, **({"position": positions} if len(positions) else {})}.items():
        artifacts.write_parquet(table[table["permutation"] == neurons.REAL].drop(columns="permutation"), folder / f"{name}.parquet")
    if pairs is None:
        return
    linked = pairs[pairs["connected"]]
    artifacts.write_parquet(linked[["pre_nucleus_id", "post_nucleus_id", "fold", "size", "expected_size"]], folder / "size.parquet")
    artifacts.write_parquet(pairs.drop(columns="expected_size"), folder / "connectivity.parquet")


def _write_both(frame: pd.DataFrame, stem: Path) -> None:
    """A results table as Parquet and, for people, as CSV."""
    artifacts.write_parquet(frame, stem.with_suffix(".parquet"))
    artifacts.write_table(frame, stem.with_suffix(".csv"))
