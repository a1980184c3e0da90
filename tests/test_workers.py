"""Work that is shared out is done though processes are killed, and ends with the process that asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from graphtwin.workers import WorkersKilled, shared_out

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


def spoil(array: np.ndarray) -> None:
    array[0] = 1.0


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_their_pieces_where_that_is_asked_for(workers):
    pieces = [(value,) for value in range(20)]
    assert list(shared_out(doubled, pieces, workers, in_order=True)) == list(range(0, 40, 2))
    assert sorted(shared_out(doubled, pieces, workers)) == list(range(0, 40, 2))


@pytest.mark.parametrize("in_order", [True, False])
def test_a_piece_whose_process_was_killed_is_done_again_and_none_twice(tmp_path, in_order):
    assert sorted(shared_out(killed_once, [(number, tmp_path / "mark") for number in range(6)], 2, in_order)) == list(range(6))
    assert (tmp_path / "mark").exists()


def test_a_piece_that_always_kills_its_process_is_told_in_one_sentence():
    with pytest.raises(WorkersKilled, match=r"processes were killed 3 times, with \d pieces of work not done: .*memory.*--resume goes on"):
        list(shared_out(always_killed, [(number,) for number in range(4)], 2))


def test_a_piece_cannot_write_into_what_others_read():
    shared = np.zeros(400_000)  # so large that processes map it
    with pytest.raises(ValueError, match="read-only"):
        list(shared_out(spoil, [(shared,), (shared,)], 2))
    assert not shared.any()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_process_that_was_killed(how):
    code = "import time; from graphtwin.workers import shared_out\nprint(*shared_out(time.sleep, [(99,), (99,), (99,)], 2))"
    asking = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    family = psutil.Process(asking.pid)
    while len([child for child in family.children() if child.cpu_times().user > 0.05]) < 2:
        time.sleep(0.1)
    children = family.children(recursive=True)
    asking.send_signal(how)
    asking.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
