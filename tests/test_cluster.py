"""A Dask cluster does what processes of this machine do: the same results, though workers are killed; a scheduler that vanishes is told."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from graphtwin.execute import SchedulerGone, map_jobs
from graphtwin.insilico.campaign import campaign_folder
from tests.insilico import test_campaign as campaign

pytestmark = pytest.mark.slow
distributed = pytest.importorskip("distributed")


def drawn(weights: np.ndarray, row: int) -> float:
    return float(np.random.default_rng(row).standard_normal(100) @ weights)


def killed_once(weights: np.ndarray, row: int, mark: Path) -> float:
    if row == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return drawn(weights, row)


def failing(row: int) -> int:
    raise OSError(f"job {row} has no file")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


WEIGHTS = np.arange(100.0)
JOBS = [(row,) for row in range(8)]


@pytest.mark.parametrize("in_order", [True, False])
def test_a_cluster_processes_and_one_process_give_the_same(scheduler, in_order):
    here = list(map_jobs(drawn, JOBS, common=(WEIGHTS,)))
    apart = list(map_jobs(drawn, JOBS, common=(WEIGHTS,), workers=2, in_order=in_order))
    far = list(map_jobs(drawn, JOBS, common=(WEIGHTS,), scheduler=scheduler, in_order=in_order))
    if not in_order:
        here, apart, far = sorted(here), sorted(apart), sorted(far)
    assert here == apart == far
    assert len(far) == len(JOBS)


def test_a_worker_that_is_killed_loses_nothing_and_gives_nothing_twice(scheduler, tmp_path, caplog):
    jobs = [(row, tmp_path / "mark") for row in range(8)]
    assert sorted(map_jobs(killed_once, jobs, common=(WEIGHTS,), scheduler=scheduler)) == sorted(map_jobs(drawn, JOBS, common=(WEIGHTS,)))
    assert (tmp_path / "mark").exists()
    assert "a worker was lost" in caplog.text


def test_a_campaign_on_a_cluster_writes_the_bytes_of_one_process(scheduler, tmp_path):
    there = campaign.run(campaign.asked(), tmp_path / "there", scheduler=scheduler)
    assert campaign.files(there) == campaign.files(campaign.run(campaign.asked(), tmp_path / "here"))


def test_the_error_of_a_job_is_its_own_and_no_fault_of_the_cluster(scheduler):
    with pytest.raises(OSError, match="job 0 has no file"):
        list(map_jobs(failing, [(0,)], scheduler=scheduler))


@pytest.fixture
def vanishing() -> Iterator[tuple[str, subprocess.Popen]]:
    """Address of a scheduler with one worker, and the process that both live in."""
    code = (
        "import sys, time, distributed\n"
        "if __name__ == '__main__':\n"
        "    cluster = distributed.LocalCluster(\n"
        "        n_workers=1, threads_per_worker=1, processes=False, protocol='tcp', dashboard_address=None)\n"
        "    print(cluster.scheduler_address, flush=True); time.sleep(99)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as cluster:
        yield cluster.stdout.readline().strip(), cluster
        cluster.kill()


def test_a_scheduler_that_vanishes_is_told_with_what_is_left_to_do(vanishing):
    address, cluster = vanishing
    with pytest.raises(SchedulerGone, match=rf"{address}: the scheduler is gone, with \d pieces of work not done\. .* --resume"):
        [cluster.kill() for _ in map_jobs(time.sleep, [(0.1,), (60,), (60,)], scheduler=address)]


def test_of_a_scheduler_that_vanishes_no_traceback_of_its_client_is_logged(vanishing, monkeypatch):
    address, cluster = vanishing
    told: list[logging.LogRecord] = []
    monkeypatch.setattr(logging.getLogger("distributed.client"), "handlers", [handler := logging.Handler()])
    monkeypatch.setattr(handler, "emit", told.append)
    with pytest.raises(SchedulerGone):
        [cluster.kill() for _ in map_jobs(time.sleep, [(0.1,), (60,), (60,)], scheduler=address)]
    assert [record.getMessage() for record in told if record.exc_info] == []
    assert not logging.getLogger("distributed.client").filters


def test_a_campaign_whose_scheduler_vanishes_keeps_its_shards_and_goes_on_here(vanishing, tmp_path, monkeypatch):
    address, cluster = vanishing
    write = campaign_folder.write_shard
    monkeypatch.setattr(campaign_folder, "write_shard", lambda *given: (write(*given), cluster.kill(), time.sleep(0.5)))
    with pytest.raises(SchedulerGone, match="pieces of work not done"):
        campaign.run(campaign.asked(stimuli=(campaign.LONGER,) * 12, frames_a_shard=1), tmp_path / "out", scheduler=address)
    assert list(tmp_path.rglob("shard-*.parquet"))
    monkeypatch.undo()
    asked = campaign.asked(stimuli=(campaign.LONGER,) * 12, frames_a_shard=1)
    gone_on = campaign.run(asked, tmp_path / "out", resume=True)
    assert campaign.files(gone_on) == campaign.files(campaign.run(asked, tmp_path / "whole"))


def test_an_address_where_no_scheduler_answers_is_told_with_how_to_start_one(monkeypatch):
    monkeypatch.setattr("graphtwin.execute.dask_cluster.WAITS_S", 0.5)
    with pytest.raises(ConnectionError, match=r"--scheduler tcp://127.0.0.1:9: no Dask scheduler answers there .*`dask scheduler`"):
        next(map_jobs(abs, [(1,)], scheduler="tcp://127.0.0.1:9"))


def test_a_campaign_on_a_scheduler_that_does_not_answer_is_refused_before_its_folder_is_begun(monkeypatch, tmp_path):
    monkeypatch.setattr("graphtwin.execute.dask_cluster.WAITS_S", 0.5)
    with pytest.raises(ConnectionError, match="no Dask scheduler answers there"):
        campaign.run(campaign.asked(), tmp_path / "out", scheduler="tcp://127.0.0.1:9")
    assert not (tmp_path / "out").exists()


def test_without_the_extra_the_error_says_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"--scheduler tcp://there:1: distributed is needed .*pip install 'graphtwin\[cluster\]'"):
        next(map_jobs(abs, [(1,)], scheduler="tcp://there:1"))
