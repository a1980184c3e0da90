"""Runs the reference fit in R and keeps what it says; the package itself needs no R.

    python -m benchmarks.glmmtmb.reference           # the small tables, from the root of the repository
    python -m benchmarks.glmmtmb.reference nb1 gaussian   # those named so

The results stand in `results/`, and once more where the tests read them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.glmmtmb.cases import SMALL, Case

HERE = Path(__file__).parent
RESULTS = HERE / "results"
FIXTURES = HERE.parents[1] / "tests" / "mixed" / "fixtures"
INSTALL = "apt-get install r-base-core r-cran-glmmtmb r-cran-lme4 r-cran-jsonlite"


def available() -> bool:
    """Whether R and what the reference needs are there."""
    if shutil.which("Rscript") is None:
        return False
    libraries = "library(glmmTMB); library(lme4); library(jsonlite)"
    return subprocess.run(["Rscript", "-e", libraries], capture_output=True, check=False).returncode == 0


def reference_fit(case: Case, package: str = "glmmTMB", table: pd.DataFrame | None = None) -> dict:
    """The reference's answer, its seconds without reading the table, and the peak resident memory of its process."""
    table = case.table() if table is None else table
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "table", Path(folder) / "out.json"
        write_columns(table, path)
        formula = case.reference_formula or case.formula
        command = ["Rscript", str(HERE / "fit.R"), str(path), formula, case.rule.family, str(out), package, str(case.reml).upper()]
        process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"R ended with status {status} on {formula}. Is {package} installed? {INSTALL}")
        found = json.loads(out.read_text())
    about = {"formula": case.formula, "reference_formula": formula, "rule": asdict(case.rule), "n": case.n}
    about["table"] = {"rows": len(table)} if case.dataset else fingerprint(table)
    return about | found | {"peak_mb": used.ru_maxrss / 1024, "process_cpu_seconds": used.ru_utime + used.ru_stime}


def fingerprint(table: pd.DataFrame) -> dict[str, float]:
    """Sums by which a table is known again."""
    response = table[next(name for name in ("n_synapses", "l_d", "size", "connected") if name in table)].to_numpy(np.float64)
    similarity = table["similarity"].to_numpy()
    return {"response": float(response.sum()), "similarity": float(similarity.sum()), "product": float(response @ similarity)}


def write_columns(table: pd.DataFrame, path: Path) -> None:
    """Columns as doubles one after the other, and a header that names them and their levels."""
    levels = {}
    with path.open("wb") as file:
        for name in table:
            values = table[name]
            if name.endswith("_id") or isinstance(values.dtype, pd.CategoricalDtype):
                values = values.astype("category")
                levels[name] = [str(level) for level in values.cat.categories]
                values = values.cat.codes
            values.to_numpy(np.float64).tofile(file)
    Path(f"{path}.json").write_text(json.dumps({"n": len(table), "columns": list(table), "levels": levels}))


def main(names: list[str]) -> None:
    for case in (case for case in SMALL if not names or case.name in names):
        for package in case.packages:
            found = reference_fit(case, package)
            for folder in (RESULTS, FIXTURES):
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{case.name}_{package}.json").write_text(json.dumps(found, indent=1) + "\n")
            print(f"{case.name} {package} {found['seconds']:.1f} s, converged {found['converged']}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
