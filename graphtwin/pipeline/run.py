"""The main job, stage after stage: read it and you have read the project."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from graphtwin import artifacts, sources
from graphtwin.config import dump_toml
from graphtwin.cortex.cortex import Cortex, build
from graphtwin.execute import threads
from graphtwin.pipeline import connectivity, neurons, scores
from graphtwin.pipeline.jobs import Job, run_jobs
from graphtwin.pipeline.predict import final_jobs, save_twin
from graphtwin.pipeline.settings import Settings, load_settings
from graphtwin.pipeline.study import Study, make_study
from graphtwin.sources import embeddings as embedding_files
from graphtwin.twin.embeddings import check_embeddings, learn_embeddings, normalise
from graphtwin.twin.leakage import scan_leakage
from graphtwin.wiring.like_to_like import like_to_like

log = logging.getLogger("graphtwin")

UNFINISHED = "unfinished"


def run(overrides: list[str] | None = None, resume: bool = False, **given: Any) -> Path:
    """Run every stage and write the run folder; returns its path.

    Args:
        overrides: Settings as `key=value`, see `Settings`.
        resume: Go on in an existing folder of the same settings and data; a finished one is left as it is.
        given: Settings by name: source, embeddings_file, out, seed.
    """
    settings = load_settings(overrides, **given)
    folder = Path(settings.out)
    _require_place(folder, settings, resume)
    if (folder / "config.toml").exists() and not (folder / UNFINISHED).exists():
        log.info("%s: already finished with these settings", folder)
        return folder
    with threads(settings.threads):
        cortex = build(sources.load(settings.source))
        brought = _brought(settings, cortex)
        _begin(folder, settings)
        _note_inputs(folder, settings, cortex)
        artifacts.write_tables(cortex, folder / "tables")
        embeddings = _embeddings(settings, cortex, brought, folder)
        study = make_study(settings, cortex, embeddings)
        jobs = [*neurons.neuron_jobs(study), *connectivity.pair_jobs(study), *final_jobs(), *_leakage_jobs(study, folder)]
        jobs.append(Job("like_to_like", like_to_like_job, cost=9))
        tables = run_jobs(jobs, study, folder / "work", settings.threads, "fits")
        save_twin(folder)
        _write_results(study, tables, folder)
    shutil.rmtree(folder / "work")
    (folder / UNFINISHED).unlink()
    return folder


def _require_place(folder: Path, settings: Settings, resume: bool) -> None:
    """Raise unless the run folder is new or empty, or, to resume, one of the same settings."""
    config = folder / "config.toml"
    if folder.is_file():
        raise FileExistsError(f"{folder}: is a file. Name another --out.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not config.exists():
        raise FileExistsError(f"{folder}: exists, holds {len(list(folder.iterdir()))} files and is no run folder. Name another --out.")
    if not resume:
        raise FileExistsError(f"{folder}: a run is already there. Give --resume to go on with it, or name another --out.")
    before, now = config.read_text(encoding="utf-8"), dump_toml(settings)
    if _comparable(before) != _comparable(now):
        changed = [line for line in now.splitlines() if line not in before.splitlines()]
        raise ValueError(
            f"{folder}: was begun with other settings; now different: {'; '.join(changed[:5])}. "
            "Use the same settings, or name another --out."
        )


def _begin(folder: Path, settings: Settings) -> None:
    """Make the run folder once the source is known to be good; one that is resumed stays as it is."""
    if not (folder / "config.toml").exists():
        artifacts.write_text("This run has not finished: give --resume to go on.\n", folder / UNFINISHED)
        artifacts.write_text(dump_toml(settings), folder / "config.toml")


def _comparable(config: str) -> list[str]:
    """The lines of a configuration that the results depend on."""
    return [line for line in config.splitlines() if not line.startswith(("out =", "threads ="))]


def _note_inputs(folder: Path, settings: Settings, cortex: Cortex) -> None:
    """Write what the run reads, or make sure that a resumed run reads the same."""
    path = folder / "provenance.json"
    inputs = dict(cortex.provenance)
    if settings.embeddings_file is not None:
        inputs[str(settings.embeddings_file)] = artifacts.sha256(settings.embeddings_file)
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))["inputs"]
        changed = sorted(name for name in before.keys() | inputs.keys() if before.get(name) != inputs.get(name))
        if changed:
            raise ValueError(
                f"{folder}: {len(changed)} inputs have changed since the run began: {', '.join(changed[:5])}. Name another --out."
            )
    artifacts.write_json(artifacts.provenance(settings.seed, inputs), path)


def _brought(settings: Settings, cortex: Cortex) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Embeddings brought from elsewhere, checked, with the funnel of their rows."""
    if settings.embeddings_file is None:
        return None
    return check_embeddings(embedding_files.read(settings.embeddings_file), cortex.units, str(settings.embeddings_file))


def _embeddings(settings: Settings, cortex: Cortex, brought: tuple[pd.DataFrame, pd.DataFrame] | None, folder: Path) -> pd.DataFrame:
    """Brought or learned embeddings, the same for every scan, with their scores and leakage beside them."""
    if brought is not None:
        raw, funnel = brought
        table = normalise(raw, "within_scan")
    else:
        learned = learn_embeddings(cortex.units, settings.directions)
        raw, table, funnel = learned.uncorrected, learned.embeddings, learned.funnel
        artifacts.write_parquet(learned.held_out.scores, folder / "embedding_scores.parquet")
        artifacts.write_parquet(learned.held_out.grid, folder / "embedding_grid.parquet")
        basis = pd.DataFrame(learned.basis.basis.T, columns=[f"component_{index}" for index in range(len(learned.basis.basis))])
        artifacts.write_parquet(basis.assign(direction_degrees=learned.degrees), folder / "basis.parquet")
    artifacts.write_parquet(table, folder / "embeddings.parquet")
    artifacts.write_parquet(raw, folder / "embeddings_uncorrected.parquet")
    artifacts.write_parquet(pd.concat([cortex.funnel, funnel], ignore_index=True), folder / "tables" / "funnel.parquet")
    return table


def _leakage_jobs(study: Study, folder: Path) -> list[Job]:
    """How well the scan is decoded from the embeddings, as fitted and alike in every scan; nothing to decode with one scan."""
    if len(study.inputs.scans) < 2:
        return []
    decoders = ("linear", "boosting") if study.settings.preset != "short" else ("linear",)
    return [
        Job(f"leakage_{stem}_{decoder}", leakage_job, {"file": folder / f"{stem}.parquet", "decoder": decoder, "label": label}, 8)
        for stem, label in (("embeddings_uncorrected", "as fitted"), ("embeddings", "aligned"))
        for decoder in decoders
    ]


def leakage_job(study: Study, checkpoint: Path, file: Path, decoder: str, label: str) -> pd.DataFrame:
    """One decoder on one embeddings table."""
    found = scan_leakage(pd.read_parquet(file), study.settings.seed, study.settings.permutations, (decoder,))
    return found.assign(embeddings=label)


def like_to_like_job(study: Study, checkpoint: Path) -> pd.DataFrame:
    """The comparison of partners and matched non-partners; the axons behind it go beside the checkpoint."""
    summary, axons = like_to_like(study.cortex, study.settings.seed)
    artifacts.write_parquet(axons, checkpoint.with_name("like_to_like_axons.parquet"))
    return summary


def _write_results(study: Study, jobs: dict[str, pd.DataFrame], folder: Path) -> None:
    """Predictions, metrics, differences, nulls, verdicts and provenance."""
    found = pd.concat([frame for name, frame in jobs.items() if name.startswith("neurons_")], ignore_index=True)
    labels = {task: neurons.label_table(study, found, task) for task in ("cell_type", "layer")}
    positions = neurons.position_table(study, found)
    pairs = {split: connectivity.pair_table(study, split, jobs) for split in ("axon", "block")}  # type: ignore[arg-type]
    metrics, differences = scores.neuron_scores(study, labels, positions)
    for split, table in pairs.items():
        more = scores.pair_scores(study, split, table)
        metrics, differences = (pd.concat(both, ignore_index=True) for both in ((metrics, more[0]), (differences, more[1])))
    metrics = pd.concat([metrics, scores.size_scores(study, pairs["axon"])], ignore_index=True)
    nulls = scores.null_table(study, labels, positions, pairs["axon"], jobs)
    _write_both(jobs["like_to_like"], folder / "like_to_like")
    shutil.copy(folder / "work" / "like_to_like_axons.parquet", folder / "like_to_like_axons.parquet")
    leakage = [frame for name, frame in jobs.items() if name.startswith("leakage_")]
    if leakage:
        artifacts.write_parquet(pd.concat(leakage, ignore_index=True), folder / "scan_leakage.parquet")
    _write_both(metrics, folder / "metrics")
    _write_both(differences, folder / "differences")
    _write_both(nulls, folder / "permutations")
    artifacts.write_json(scores.metrics_tree(metrics), folder / "metrics.json")
    artifacts.write_json(scores.verdicts(differences, nulls), folder / "verdicts.json")
    _write_predictions(labels, positions, pairs["axon"], folder / "predictions")


def _write_predictions(labels: dict[str, pd.DataFrame], positions: pd.DataFrame, pairs: pd.DataFrame, folder: Path) -> None:
    for name, table in {**labels, "position": positions}.items():
        artifacts.write_parquet(table[table["permutation"] < 0].drop(columns="permutation"), folder / f"{name}.parquet")
    linked = pairs[pairs["connected"]]
    artifacts.write_parquet(linked[["pre_nucleus_id", "post_nucleus_id", "size", "expected_size"]], folder / "size.parquet")
    artifacts.write_parquet(pairs.drop(columns="expected_size"), folder / "connectivity.parquet")


def _write_both(frame: pd.DataFrame, stem: Path) -> None:
    """A results table as Parquet and, for people, as CSV."""
    artifacts.write_parquet(frame, stem.with_suffix(".parquet"))
    artifacts.write_table(frame, stem.with_suffix(".csv"))
