"""Spoil a valid file of every format many times, read each, and count how it ended.

python analyses/fuzz/run.py [--inputs 100000] [--only NAME] [--workers 2]
"""

from __future__ import annotations

import argparse
import io
import logging
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from example_format import Format
from formats import all_formats
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import ended, spoil
from tqdm import tqdm
from values import has_values, replace

from graphtwin.artifacts import write_table

HERE = Path(__file__).parent
LIMIT_S, LIMIT_GB = 10.0, 1.0
ENDS = ("read", "refused", "wrong", "traceback", "memory", "hang", "died")  # first two are right


def main() -> int:
    """Count, print, write, and compare: every input must be read or refused."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=100_000, help="Number of spoiled inputs over all formats.")
    parser.add_argument("--only", help="Part of the name of the formats to try.")
    parser.add_argument("--workers", type=int, default=2, help="Formats tried side by side.")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"), help="Folder for inputs.csv and failures.csv.")
    given = parser.parse_args()
    formats = [form for form in all_formats() if not given.only or given.only in form.name]
    parts = sum(form.share for form in all_formats())
    with tqdm(total=given.inputs, unit="input", disable=None) as bar, ThreadPoolExecutor(given.workers) as pool:
        found = pool.map(lambda form: tried(form, -(-given.inputs * form.share // parts), bar), formats)
        table = pd.concat(found, ignore_index=True)
    given.out.mkdir(parents=True, exist_ok=True)
    counts = table.pivot_table(index="format", columns="end", values="input", aggfunc="count", fill_value=0, sort=False)
    counts = counts.reindex(columns=ENDS, fill_value=0)
    counts["ms"] = (1000 * table.groupby("format")["seconds"].mean()).round(2)
    counts["longest_s"] = table.groupby("format")["seconds"].max().round(2)
    counts.insert(0, "inputs", table.groupby("format").size())
    failures = table[~table["end"].isin(ENDS[:2])]
    write_table(counts.reset_index(), given.out / "inputs.csv")
    write_table(failures, given.out / "failures.csv")
    print(counts.to_string())
    print(failures.groupby(["format", "end", "words"]).size().sort_values(ascending=False).head(60).to_string() if len(failures) else "")
    print(f"{len(table)} inputs, {len(failures)} neither read rightly nor refused in one sentence")
    return int(len(failures) > 0)


def tried(form: Format, n: int, bar: Any) -> pd.DataFrame:
    """How n inputs of a format ended. A reader that hangs or dies is begun again at the next input.

    Args:
        form: Format to try.
        n: Number of inputs.
        bar: Progress bar.
    """
    rows: list[dict[str, Any]] = []
    while len(rows) < n:
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        worker = multiprocessing.get_context("spawn").Process(target=work, args=(form.name, len(rows), n, theirs), daemon=True)
        worker.start()
        theirs.close()
        began = False
        while len(rows) < n:
            if not ours.poll(120 if not began else LIMIT_S):
                rows.append({"format": form.name, "input": len(rows), "end": "hang", "words": "", "seconds": LIMIT_S})
                break
            try:
                message = ours.recv()
            except EOFError:
                if began:
                    rows.append({"format": form.name, "input": len(rows), "end": "died", "words": "", "seconds": 0.0})
                    break
                raise
            began = True
            if message is not None:
                rows.append({"format": form.name, **message})
                bar.update()
        worker.kill()
        worker.join()
    return pd.DataFrame(rows)


def work(name: str, first: int, n: int, pipe: Connection) -> None:
    """Read inputs one by one and send how each ended; the process has a gigabyte beyond what it holds after the unspoiled example.

    Two thirds of the inputs are spoiled in their bytes, the rest in their values.
    """
    (form,) = [form for form in all_formats() if form.name == name]
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as place:
        valid = Path(place) / "valid"
        form.make(valid)
        form.check(valid, form.read(valid))
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit = held + int(LIMIT_GB * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        sys.stderr = sys.stdout = io.StringIO()  # progress bars and warnings of libraries
        pipe.send(None)
        in_bytes = n - n // 3 if has_values(valid) else n
        for number in range(first, in_bytes):
            send(form, spoil(form, valid, Path(place) / f"input_{number}", number), number, pipe)
        numbers = iter(range(in_bytes, n))

        @settings(max_examples=n, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def draw(data: st.DataObject) -> None:
            drawn = Path(place) / "drawn"
            shutil.rmtree(drawn, ignore_errors=True)  # of an example that Hypothesis broke off
            replace(data.draw, valid, drawn)
            number = next(numbers, n)
            if first <= number < n:
                send(form, drawn.rename(Path(place) / f"input_{number}"), number, pipe)

        if in_bytes < n:
            draw()
        for number in numbers:  # where Hypothesis found fewer
            if number >= first:
                send(form, spoil(form, valid, Path(place) / f"input_{number}", number), number, pipe)


def send(form: Format, folder: Path, number: int, pipe: Connection) -> None:
    """Read one input, send how it ended, and remove it."""
    start = time.perf_counter()
    end, words = ended(form, folder)
    pipe.send({"input": number, "end": end, "words": words, "seconds": time.perf_counter() - start})
    shutil.rmtree(folder)


if __name__ == "__main__":
    np.seterr(all="ignore")
    raise SystemExit(main())
