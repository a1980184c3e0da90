"""Pieces of work give the same tables in any number of workers, nobody reads another run's study, and a run folder runs no code."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

from graphtwin.graph.runs.study import study_files
from graphtwin.pipeline.graph import neuron_jobs as neurons
from graphtwin.pipeline.graph import pair_jobs as connectivity
from graphtwin.pipeline.graph.final_fits import final_jobs
from graphtwin.pipeline.graph.jobs import WORK, Job, JobKey, of_task, run_jobs
from tests.test_training import Payload

pytestmark = pytest.mark.slow


REAL = [
    Job(JobKey("pairs", "graph", "as is", "axon", 0), connectivity.pair_graph_job, 2),
    Job(JobKey("pairs", "graph", "permuted", "axon", 1, 3), connectivity.pair_graph_job, 2),
    Job(JobKey("neurons", "graph", "function", "neuron", 0), neurons.neuron_graph_job),
]
SEED = JobKey("seed")


@pytest.fixture
def run(finished, tmp_path) -> Path:
    """A run folder before its fits: settings, tables and embeddings."""
    for file in study_files(finished.folder):
        copy = tmp_path / "run" / file.relative_to(finished.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    return tmp_path / "run"


def seed_of(study, checkpoint, key):
    return pd.DataFrame({"seed": [study.settings.seed]})


def touch(study, checkpoint, key):
    checkpoint.parent.mkdir(exist_ok=True)
    checkpoint.touch()
    checkpoint.with_name(f"{checkpoint.stem}_0.ckpt").touch()
    return pd.DataFrame({"done": [True]})


def test_one_worker_and_two_give_the_same_tables(run):
    alone = run_jobs(REAL, run, 1, "test")
    shutil.rmtree(run / WORK)
    together = run_jobs(REAL, run, 2, "test")
    for job in REAL:
        pd.testing.assert_frame_equal(alone[job.key], together[job.key])


def test_a_new_study_under_an_old_name_is_read_anew(run):
    config = (run / "config.toml").read_text(encoding="utf-8")
    for seed in (1, 2):
        (run / "config.toml").write_text(config.replace("\nseed = 0\n", f"\nseed = {seed}\n"), encoding="utf-8")
        shutil.rmtree(run / WORK, ignore_errors=True)
        assert run_jobs([Job(SEED, seed_of)], run, 1, "test")[SEED]["seed"].tolist() == [seed]


def test_a_piece_that_is_done_is_read_and_not_done_again(run):
    (run / WORK).mkdir()
    pd.DataFrame({"seed": [-1]}).to_parquet(run / WORK / "seed.parquet")
    assert run_jobs([Job(SEED, seed_of)], run, 1, "test")[SEED]["seed"].tolist() == [-1]


def test_a_piece_that_ends_removes_its_own_checkpoints_only(run):
    of_others = ["pairs-permuted-10.ckpt", "pairs-permuted-10_0.ckpt"]
    (run / WORK).mkdir()
    for name in of_others:
        (run / WORK / name).touch()
    run_jobs([Job(JobKey("pairs", variant="permuted", replicate=1), touch)], run, 1, "test")
    assert sorted(path.name for path in (run / WORK).glob("*.ckpt")) == of_others


def test_every_piece_of_a_run_has_a_file_of_its_own(graph):
    tasks = dict.fromkeys(neurons.SPLITS, ("cell_type", "layer", "position"))
    jobs = [
        *neurons.neuron_jobs(graph.study, tasks),
        *connectivity.pair_jobs(graph.study),
        *final_jobs(graph.study, neurons=True, pairs=True),
    ]
    assert len({job.key.stem for job in jobs}) == len({job.key for job in jobs}) == len(jobs)


def test_tables_are_found_by_what_they_are_about():
    results = {key: pd.DataFrame({"at": [at]}) for at, key in enumerate([SEED, JobKey("pairs", fold=1), JobKey("seed", fold=0)])}
    assert [table["at"].item() for table in of_task(results, "seed")] == [0, 2]


def test_a_pickle_in_a_run_folder_is_read_by_nobody(run, tmp_path):
    mark, planted = tmp_path / "it ran", run / WORK / "study.pkl"
    planted.parent.mkdir()
    planted.write_bytes(pickle.dumps(Payload(mark)))
    assert run_jobs([Job(SEED, seed_of)], run, 1, "test")[SEED]["seed"].tolist() == [0]
    assert not mark.exists()
    pickle.loads(planted.read_bytes())  # the payload is a live one
    assert mark.exists()


@pytest.mark.parametrize(("at", "checkpoint"), [(0, "{}.ckpt"), (2, "{}_0.ckpt")])
def test_a_checkpoint_that_holds_a_program_is_refused_where_a_fit_goes_on(run, tmp_path, at, checkpoint):
    mark, planted = tmp_path / "it ran", run / WORK / checkpoint.format(REAL[at].key.stem)
    planted.parent.mkdir()
    torch.save({"name": "a fit", "state": Payload(mark)}, planted)
    with pytest.raises(ValueError, match="nothing in it was run"):
        run_jobs([REAL[at]], run, 1, "test")
    assert not mark.exists()
