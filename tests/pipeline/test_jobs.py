"""Pieces of work give the same tables in any number of workers, and nobody reads another run's study."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from graphtwin.graph.model.neuron_fit import FUNCTION
from graphtwin.pipeline.graph import neuron_jobs as neurons
from graphtwin.pipeline.graph import pair_jobs as connectivity
from graphtwin.pipeline.graph.jobs import Job, run_jobs

REAL = [
    Job("pairs", connectivity.pair_graph_job, {"split": "axon", "fold": 0}, 2),
    Job("permuted", connectivity.pair_graph_job, {"split": "axon", "fold": 1, "variant": "permuted", "replicate": 3}, 2),
    Job("neurons", neurons.neuron_graph_job, {"split": "neuron", "fold": 0, "evidence": FUNCTION, "model": neurons.FROM_FUNCTION}),
]


def seed_of(study, checkpoint):
    return pd.DataFrame({"seed": [study.settings.seed]})


def touch(study, checkpoint):
    checkpoint.touch()
    checkpoint.with_name(f"{checkpoint.stem}_0.ckpt").touch()
    return pd.DataFrame({"done": [True]})


def test_one_worker_and_two_give_the_same_tables(graph, tmp_path):
    alone, together = (run_jobs(REAL, graph.study, tmp_path / str(workers), workers, "test") for workers in (1, 2))
    for job in REAL:
        pd.testing.assert_frame_equal(alone[job.name], together[job.name])


def test_a_new_study_under_an_old_name_is_read_anew(graph, tmp_path):
    for seed in (1, 2):
        study = replace(graph.study, settings=graph.study.settings.model_copy(update={"seed": seed}))
        (tmp_path / "study.pkl").unlink(missing_ok=True)
        (tmp_path / "seed.parquet").unlink(missing_ok=True)
        assert run_jobs([Job("seed", seed_of)], study, tmp_path, 1, "test")["seed"]["seed"].tolist() == [seed]


def test_a_piece_that_is_done_is_read_and_not_done_again(graph, tmp_path):
    pd.DataFrame({"seed": [-1]}).to_parquet(tmp_path / "seed.parquet")
    assert run_jobs([Job("seed", seed_of)], graph.study, tmp_path, 1, "test")["seed"]["seed"].tolist() == [-1]


def test_a_piece_that_ends_removes_its_own_checkpoints_only(graph, tmp_path):
    (tmp_path / "permuted_10.ckpt").touch()
    (tmp_path / "permuted_10_0.ckpt").touch()
    run_jobs([Job("permuted_1", touch)], graph.study, tmp_path, 1, "test")
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == ["permuted_10.ckpt", "permuted_10_0.ckpt"]
