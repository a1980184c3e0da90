import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.artifacts import write_json
from graphtwin.cortex.cortex import Cortex
from graphtwin.kinds import MANIFEST, RUN, write_kind
from tests.conftest import made_once
from tests.report.conftest import small_cortex
from tests.report.planted_run import write_run

__all__ = ["small_cortex"]


@pytest.fixture(scope="session")
def finished(session_folder: Path, small_cortex: Cortex) -> Path:
    """A finished run folder with every piece that a page shows."""

    def make(folder: Path) -> None:
        neurons, units = small_cortex.neurons, small_cortex.units
        fewer = neurons[neurons["nucleus_id"].isin(units["nucleus_id"]) | (np.arange(len(neurons)) % 30 == 0)]
        write_run(folder, replace(small_cortex, neurons=fewer.reset_index(drop=True)))
        ids = np.sort(fewer["nucleus_id"].to_numpy())
        pairs = pd.read_parquet(folder / "predictions/connectivity.parquet")  # planted between numbers from 0
        named = pairs.assign(pre_nucleus_id=ids[pairs["pre_nucleus_id"]], post_nucleus_id=ids[-1 - pairs["post_nucleus_id"] % 10**6])
        named.to_parquet(folder / "predictions/connectivity.parquet", index=False)
        write_kind(folder, RUN)
        write_json({}, folder / MANIFEST)

    return made_once(session_folder / "explored", make)


@pytest.fixture
def spoilt(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run folder that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "run"))
