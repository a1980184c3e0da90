"""Work that is shared out is done though processes are killed, and ends with the process that asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
import warnings
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import psutil
import pytest
from joblib.parallel import ThreadingBackend

from graphtwin.execute import WorkersKilled, map_jobs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def doubled(value: int) -> int:
    return 2 * value


def killed_once(number: int, mark: Path) -> int:
    if number == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def always_killed(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


KEPT = []


def grown(number: int) -> int:
    """Keep 350 MB, and last as long as a worker waits until it looks at its memory again; the process that did it."""
    KEPT.append(np.ones(44_000_000))
    time.sleep(1.05)
    return os.getpid()


def spoil(array: np.ndarray) -> None:
    array[0] = 1.0


@dataclass
class Counted:
    """An array that leaves a file wherever it is read from a file."""

    values: np.ndarray
    place: Path

    def __setstate__(self, state: dict) -> None:
        self.__dict__ |= state
        (self.place / uuid.uuid4().hex).touch()

    def __getitem__(self, row: int) -> float:
        return float(self.values[row % len(self.values)])


def weighted(weights: Counted | np.ndarray, times: float, row: int) -> float:
    return times * weights[row]


def private_bytes(large: np.ndarray) -> int:
    assert large[::4096].sum() > 0
    memory = psutil.Process().memory_info()
    return memory.rss - memory.shared


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_their_pieces_where_that_is_asked_for(workers):
    pieces = [(value,) for value in range(20)]
    assert list(map_jobs(doubled, pieces, workers=workers, in_order=True)) == list(range(0, 40, 2))
    assert sorted(map_jobs(doubled, pieces, workers=workers)) == list(range(0, 40, 2))


@pytest.mark.parametrize("in_order", [True, False])
def test_a_piece_whose_process_was_killed_is_done_again_and_none_twice(tmp_path, in_order):
    assert sorted(map_jobs(killed_once, [(number, tmp_path / "mark") for number in range(6)], workers=2, in_order=in_order)) == list(
        range(6)
    )
    assert (tmp_path / "mark").exists()


def test_a_piece_that_always_kills_its_process_is_told_in_one_sentence():
    with pytest.raises(WorkersKilled, match=r"processes were killed 3 times, with \d pieces of work not done: .*memory.*--resume goes on"):
        list(map_jobs(always_killed, [(number,) for number in range(4)], workers=2))


def test_processes_that_grew_are_replaced_and_the_reader_of_the_screen_is_not_told():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        processes = list(map_jobs(grown, [(number,) for number in range(5)], workers=2))
    assert len(processes) == 5
    assert len(set(processes)) > 2
    assert [str(one.message) for one in told] == []


def test_a_piece_cannot_write_into_what_others_read():
    shared = np.zeros(400_000)  # so large that processes map it
    with pytest.raises(ValueError, match="read-only"):
        list(map_jobs(spoil, [(shared,), (shared,)], workers=2))
    with pytest.raises(ValueError, match="read-only"):
        list(map_jobs(spoil, [(), ()], common=(shared,), workers=2))
    assert not shared.any()


def test_what_jobs_have_in_common_travels_once_to_each_process(tmp_path):
    weights = Counted(np.arange(6.0), tmp_path)
    for workers in (1, 2):
        found = list(map_jobs(weighted, [(row,) for row in range(12)], common=(weights, 10.0), workers=workers, in_order=True))
        assert found == [10.0 * (row % 6) for row in range(12)]
    assert 1 <= len(list(tmp_path.iterdir())) <= 2  # of one process here, which reads nothing, and two that read it once each


def test_processes_map_the_arrays_that_jobs_have_in_common_and_do_not_copy_them(tmp_path):
    large = np.ones(30_000_000)  # 240 MB
    private = list(map_jobs(private_bytes, [(), ()], common=(large,), workers=2))
    assert max(private) < 150e6


def test_a_backend_that_the_user_registered_with_joblib_does_the_jobs_and_an_unknown_one_is_told():
    joblib.register_parallel_backend("mine", ThreadingBackend)
    assert list(map_jobs(weighted, [(1,), (2,)], common=(np.arange(3.0), 2.0), workers=2, scheduler="mine", in_order=True)) == [2.0, 4.0]
    with pytest.raises(ValueError, match=r"scheduler 'hers': neither an address, as tcp://HOST:PORT, nor a backend .*mine"):
        list(map_jobs(doubled, [(1,)], scheduler="hers"))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_process_that_was_killed(how):
    code = "import time; from graphtwin.execute import map_jobs\nprint(*map_jobs(time.sleep, [(99,), (99,), (99,)], workers=2))"
    asking = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    family = psutil.Process(asking.pid)
    while len([child for child in family.children() if child.cpu_times().user > 0.05]) < 2:
        time.sleep(0.1)
    children = family.children(recursive=True)
    asking.send_signal(how)
    asking.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
