"""Tables that come with R's packages."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pandas as pd


def lme4_table(name: str) -> pd.DataFrame:
    """A data set of lme4, its factors as categories.

    Args:
        name: Name of the data set, such as "InstEval": 73,421 ratings of 1,128 lecturers (d) by 2,972 students (s).
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        code = f'd <- get(data("{name}", package = "lme4")); write.csv(d, "{path}", row.names = FALSE); cat(names(d)[sapply(d, is.factor)])'
        factors = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=True).stdout.split()
        table = pd.read_csv(path)
    return table.astype(dict.fromkeys(factors, "category"))
