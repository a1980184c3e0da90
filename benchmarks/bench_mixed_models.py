"""Mixed models against glmmTMB on the same tables in one run: seconds, peak memory and agreement; coverage and false positives; growth.

    python benchmarks/bench_mixed_models.py                 # ours alone; agreement with the reference results that are kept
    python benchmarks/bench_mixed_models.py --reference     # the reference too, if R is there: half an hour and 4 GB
    python benchmarks/bench_mixed_models.py --only recovery # or speed, growth
    python benchmarks/bench_mixed_models.py --only speed --reference --case tweedie_1300k

Each fit has a process of its own. Seconds of the processor are compared, since both use one thread and the machine may be shared; both
exclude reading the table and, for ours, compiling (once a machine). Whole processes are compared too: start, imports, reading, one fit,
with Python's compiled files in place as they are where a package is installed; the median of several before and after the reference.

How time grows. One grouping: linear in rows; the curvature by all fixed effects takes a few passes together, each variance and shape
parameter four. Several groupings, q being the coefficients of all but the largest: a Newton step of the parameters takes one Cholesky
factor (q^3 / 3), one inverse (2 q^3 / 3), one product for every two crossed coefficients that a group of the largest grouping meets
(n^2 / groups where rows are spread evenly), and some ten passes over the rows; the curvature at the maximum takes two of each for every
parameter. Below q of about 1000 passes and products lead, above it the dense matrices do, 6000 being the most that are taken.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.glmmtmb.cases import CROSSED, LARGE, PAIR, RATE, SMALL, Case
from benchmarks.glmmtmb.planted import SLOPES, Rule, planted_pairs
from benchmarks.glmmtmb.reference import INSTALL, RESULTS, available, reference_fit

CASES = {case.name: case for case in (*SMALL[:3], *LARGE, *CROSSED)}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
N_TABLES = 200
N_WHOLE = 5  # whole processes of ours before the reference, and as many after it


def resident_mb(entry: str) -> float:
    """Resident memory of this process on Linux: now (VmRSS), or the largest since the peak was reset (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return float(status.split(f"{entry}:")[1].split()[0]) / 1024


def written_columns(folder: Path) -> pd.DataFrame:
    """The table that another process wrote, a column a file."""
    table = pd.DataFrame({path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))})
    for name, levels in json.loads((folder / "levels.json").read_text()).items():
        table[name] = pd.Categorical.from_codes(table[name], categories=levels)
    return table


def fit_here(case: Case, folder: Path) -> dict:
    """Fit one case in this process, on columns that another one wrote."""
    from graphtwin.mixed import fit as fit_mixed

    table = written_columns(folder)
    fit_mixed(case.formula, table if case.dataset else replace(case, n=min(case.n, 20_000)).table(), case.rule.family)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before, wall, processor = resident_mb("VmRSS"), time.perf_counter(), time.process_time()
    fit = fit_mixed(case.formula, table, case.rule.family)
    return {
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - processor,
        "peak_mb": resident_mb("VmHWM"),
        "before_mb": before,
        "log_likelihood": fit.log_likelihood,
        "estimate": fit.estimate.tolist(),
        "se": fit.se.tolist(),
        "shape": fit.shape,
        "sd": fit.groupings[0].sd.tolist(),
    }


WHOLE = """
import json, sys
from pathlib import Path
import numpy as np, pandas as pd
from graphtwin.mixed import fit as fit_mixed
folder = Path(sys.argv[1])
table = pd.DataFrame({path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))})
for name, levels in json.loads((folder / "levels.json").read_text()).items():
    table[name] = pd.Categorical.from_codes(table[name], categories=levels)
fit_mixed(sys.argv[2], table, sys.argv[3])
"""


def environment() -> dict[str, str]:
    """One thread, and compiled files that are kept, whatever the caller's variables say."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | ONE_THREAD


def processor_seconds(command: list[str]) -> float:
    """Seconds of the processor of a process from its start to its end."""
    process = subprocess.Popen(command, env=environment())
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[:3]}: the process ended with status {status}.")
    return used.ru_utime + used.ru_stime


def whole_processes(case: Case, folder: str) -> dict[str, list[float]]:
    """Seconds of processes that do nothing but read the columns and fit once, and in turn of those that only import the libraries."""
    commands = {
        "fit": [sys.executable, "-c", WHOLE, folder, case.formula, case.rule.family],
        "import": [sys.executable, "-c", "from graphtwin.mixed import fit as fit_mixed"],
        "pandas": [sys.executable, "-c", "import numpy, pandas"],
    }
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(N_WHOLE):
        for name, command in commands.items():
            found[name].append(processor_seconds(command))
    return found


def write_columns(table: pd.DataFrame, folder: str) -> None:
    """A column a file, and the levels of the categories."""
    levels = {}
    for name in table:
        values = table[name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            levels[name], values = list(values.cat.categories), values.cat.codes
        np.save(Path(folder) / f"{name}.npy", values.to_numpy())
    (Path(folder) / "levels.json").write_text(json.dumps(levels))


def fit_apart(case: Case, folder: str) -> dict:
    """Fit one case in a process of its own."""
    command = [sys.executable, __file__, "--one", case.name, folder]
    found = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(found.stderr)
    return json.loads(found.stdout)


def compare_speed(cases: list[Case], with_reference: bool) -> None:
    """Every case: ours, the reference, and how far apart they are."""
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            compare(case, folder, with_reference)


def compare(case: Case, folder: str, with_reference: bool) -> None:
    """One case: ours, the reference between whole processes of ours, and how far apart they are."""
    table = case.table()
    write_columns(table, folder)
    ours = fit_apart(case, folder)
    print(
        f"\n{case.name}: {case.n:,} pairs\n  ours      {ours['cpu_seconds']:8.2f} s of processor, {ours['seconds']:.2f} s; "
        f"peak {ours['peak_mb']:.0f} MB, {ours['peak_mb'] - ours['before_mb']:.0f} MB above libraries and table",
        flush=True,
    )
    whole = whole_processes(case, folder)
    kept = RESULTS / f"{case.name}_glmmTMB.json"
    theirs = json.loads(kept.read_text()) if kept.exists() and not with_reference else None
    if with_reference:
        theirs = reference_fit(case, "glmmTMB", table)
        whole = {name: seconds + whole[name] for name, seconds in whole_processes(case, folder).items()}
    middle = {name: float(np.median(seconds)) for name, seconds in whole.items()}
    ours["process_cpu_seconds"] = middle["fit"]
    print(
        f"  whole process {middle['fit']:.2f} s of processor (median of {len(whole['fit'])}; {min(whole['fit']):.2f} to "
        f"{max(whole['fit']):.2f}), of which import {middle['import']:.2f} s, NumPy and pandas alone {middle['pandas']:.2f} s"
    )
    if theirs and with_reference:
        print_ratios(ours, theirs)
        if case.n > SMALL[0].n:
            kept.write_text(json.dumps({**theirs, "effects": None, "ours": ours}, indent=1) + "\n")
    else:
        print("  glmmTMB   not measured in this run")
    if theirs:
        apart = np.abs(np.array(ours["estimate"]) - theirs["estimate"]) / theirs["se"]
        widths = np.abs(np.array(ours["se"]) / theirs["se"] - 1.0)
        print(
            f"  log-likelihood {ours['log_likelihood'] - theirs['log_likelihood']:+.1e} against the reference, "
            f"coefficients within {apart.max():.1e} of a standard error, standard errors within {widths.max():.1e}",
            flush=True,
        )


def print_ratios(ours: dict, theirs: dict) -> None:
    """The reference's seconds and memory, and ours against them."""
    print(
        f"  glmmTMB   {theirs['cpu_seconds']:8.2f} s of processor, {theirs['seconds']:.2f} s; "
        f"peak {theirs['peak_mb']:.0f} MB, {theirs['peak_mb'] - theirs['before_mb']:.0f} MB above libraries and table; "
        f"whole process {theirs['process_cpu_seconds']:.2f} s\n"
        f"  {theirs['cpu_seconds'] / ours['cpu_seconds']:.0f} x faster, whole processes "
        f"{theirs['process_cpu_seconds'] / ours['process_cpu_seconds']:.0f} x; "
        f"{ours['peak_mb'] / theirs['peak_mb']:.2f} of its memory, "
        f"{(ours['peak_mb'] - ours['before_mb']) / (theirs['peak_mb'] - theirs['before_mb']):.3f} above libraries and table"
    )


def recover(n_tables: int) -> None:
    """Share of intervals that cover the planted slopes, and of tests that find a slope where there is none."""
    from graphtwin.mixed import fit as fit_mixed
    from graphtwin.mixed import slopes

    for case in SMALL[:3]:
        family, covered, false = case.rule.family, [], []
        for seed in range(n_tables):
            for rule, found in ((Rule(family), covered), (Rule(family, slopes=(0.0,) * 4), false)):
                fit = fit_mixed(case.formula, planted_pairs(5000, rule, seed, n_axons=60), family)
                one = slopes(fit, "similarity", "proj")
                found.append(np.abs(one["estimate"] - SLOPES) < 1.96 * one["se"] if rule.slopes == SLOPES else one["p"] < 0.05)
        by_projection = np.mean(covered, axis=0)
        print(
            f"{family}: {n_tables} tables of 5,000 pairs; slopes covered in {100 * by_projection.min():.1f} to "
            f"{100 * by_projection.max():.1f} % by projection, {100 * np.mean(covered):.1f} % over all; "
            f"false positives {100 * np.mean(false):.1f} %",
            flush=True,
        )


def grow() -> None:
    """Seconds of the processor when one thing doubles."""
    plain = f"{RATE} + {PAIR}"
    two_way = f"{RATE} + (1 | pre_nucleus_id) + (1 | post_nucleus_id)"
    rng = np.random.default_rng(0)
    base = planted_pairs(200_000, Rule("poisson"), 0)
    wide = base.assign(**{f"z{i}": rng.normal(size=len(base)) for i in range(16)})
    _row("pairs", {f"{n // 1000}k": (plain, planted_pairs(n, Rule("poisson"), 0)) for n in (100_000, 200_000, 400_000, 800_000)})
    _row("axons", {str(n): (plain, planted_pairs(200_000, Rule("poisson"), 0, n_axons=n)) for n in (150, 600, 2400, 9600)})
    _row("fixed effects", {str(8 + n): (plain + "".join(f" + z{i}" for i in range(n)), wide) for n in (0, 4, 8, 16)})
    _row(
        "pairs, two-way", {f"{n // 1000}k": (two_way, planted_pairs(n, Rule("poisson"), 0, 150, 1500)) for n in (50_000, 100_000, 200_000)}
    )
    _row("axons, two-way", {str(n): (two_way, planted_pairs(100_000, Rule("poisson"), 0, n, 1500)) for n in (75, 150, 300, 600)})
    few = "y ~ x + (1 | a) + (1 | b)"
    _row("axons, 3,000 targets", {str(n): (few, _meeting(50_000, n, 3000)) for n in (300, 600, 1200, 2400)})
    _row("targets, two-way", {str(n): (two_way, planted_pairs(100_000, Rule("poisson"), 0, 150, n)) for n in (750, 1500, 3000, 6000)})


def _meeting(n: int, n_axons: int, n_targets: int) -> pd.DataFrame:
    """Pairs of which an axon and a target rarely share more than one."""
    rng = np.random.default_rng(0)
    a, b, x = rng.integers(0, n_axons, n), rng.integers(0, n_targets, n), rng.normal(size=n)
    rate = np.exp(-1.5 + 0.3 * x + rng.normal(0, 0.5, n_axons)[a] + rng.normal(0, 0.4, n_targets)[b])
    return pd.DataFrame({"y": rng.poisson(rate), "x": x, "a": a, "b": b})


def _row(what: str, fits: dict[str, tuple[str, pd.DataFrame]]) -> None:
    """One line of growing fits."""
    from graphtwin.mixed import fit as fit_mixed

    parts = []
    for name, (formula, table) in fits.items():
        start = time.process_time()
        fit = fit_mixed(formula, table)
        parts.append(f"{name}: {time.process_time() - start:.2f} s ({fit.iterations} steps)")
    print(f"{what:16} " + ", ".join(parts), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reference", action="store_true", help="run glmmTMB too")
    parser.add_argument("--only", choices=["speed", "recovery", "growth"])
    parser.add_argument("--case", choices=CASES, help="one case of the speed alone")
    parser.add_argument("--tables", type=int, default=N_TABLES, help="simulated tables of the recovery")
    parser.add_argument("--one", nargs=2, metavar=("CASE", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(fit_here(CASES[asked.one[0]], Path(asked.one[1]))))
        return
    if asked.reference and not available():
        raise SystemExit(f"--reference: R with glmmTMB is not there. On Debian: {INSTALL}")
    if not asked.reference:
        print("The reference was not measured: run with --reference where R and glmmTMB are installed.")
    if asked.only in (None, "speed"):
        compare_speed([CASES[asked.case]] if asked.case else list(CASES.values()), asked.reference)
    if asked.only in (None, "recovery"):
        recover(asked.tables)
    if asked.only in (None, "growth"):
        grow()


if __name__ == "__main__":
    main()
