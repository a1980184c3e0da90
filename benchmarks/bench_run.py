"""The main job: wall time, processor time and peak memory of `graphtwin run`, against its limits of 300 s and 4 GB.

    python benchmarks/bench_run.py [arguments of graphtwin run]

Peak memory is that of the largest single process, as /usr/bin/time reports it, and of all processes of the run together, sampled twice a
second.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

LIMIT_SECONDS, LIMIT_GB = 300.0, 4.0
PAUSE_S = 0.5


def resident(process: psutil.Process) -> int:
    """Bytes that a process and its children hold now; pages they share count once a process."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def watch(command: list[str]) -> tuple[float, int]:
    """Wall seconds and the largest sum of resident bytes while a command runs."""
    start, peak = time.perf_counter(), 0
    child = subprocess.Popen(command)
    process = psutil.Process(child.pid)
    while child.poll() is None:
        try:
            peak = max(peak, resident(process))
        except psutil.NoSuchProcess:
            break
        time.sleep(PAUSE_S)
    if child.wait() != 0:
        raise SystemExit(f"the run ended with exit code {child.returncode}")
    return time.perf_counter() - start, peak


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = [] if "--out" in sys.argv else ["--out", str(Path(folder) / "run")]
        wall, together = watch([sys.executable, "-c", "from graphtwin.cli.app import app; app()", "run", *out, *sys.argv[1:]])
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor, largest = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
    print(f"wall time          {wall:8.1f} s    {wall / LIMIT_SECONDS:5.2f} x the limit of {LIMIT_SECONDS:.0f} s")
    print(f"processor time     {processor:8.1f} s    {processor / wall:5.2f} x the wall time")
    print(f"largest process    {largest / 1e9:8.2f} GB")
    print(f"all processes      {together / 1e9:8.2f} GB   {together / 1e9 / LIMIT_GB:5.2f} x the limit of {LIMIT_GB:.0f} GB")


if __name__ == "__main__":
    main()
