"""A Dask cluster does what processes of this machine do: the same results, though workers are killed; a scheduler that vanishes is told."""

from __future__ import annotations

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


def test_a_scheduler_that_vanishes_is_told_with_what_is_left_to_do():
    code = (
        "import sys, time, distributed\n"
        "if __name__ == '__main__':\n"
        "    cluster = distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None)\n"
        "    print(cluster.scheduler_address, flush=True); time.sleep(99)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", code.replace("processes=False", "processes=False, protocol='tcp'")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as cluster:
        address = cluster.stdout.readline().strip()
        with pytest.raises(SchedulerGone, match=rf"{address}: the scheduler is gone, with \d pieces of work not done\. .* --resume"):
            [cluster.kill() for _ in map_jobs(time.sleep, [(0.1,), (60,), (60,)], scheduler=address)]


def test_an_address_where_no_scheduler_answers_is_told_with_how_to_start_one(monkeypatch):
    monkeypatch.setattr("graphtwin.execute.dask_cluster.WAITS_S", 0.5)
    with pytest.raises(ConnectionError, match=r"--scheduler tcp://127.0.0.1:9: no Dask scheduler answers there .*`dask scheduler`"):
        next(map_jobs(abs, [(1,)], scheduler="tcp://127.0.0.1:9"))


def test_without_the_extra_the_error_says_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"--scheduler tcp://there:1: distributed is needed .*pip install 'graphtwin\[cluster\]'"):
        next(map_jobs(abs, [(1,)], scheduler="tcp://there:1"))
