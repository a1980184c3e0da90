import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.artifacts import sha256, write_json
from graphtwin.cortex.cortex import Cortex
from graphtwin.kinds import MANIFEST, RUN, TYPES, write_kind
from graphtwin.schema import UNIT_KEY
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
        (folder / "report.html").write_text("<h1>The run</h1>")
        write_kind(folder, RUN)
        write_json({"embeddings.parquet": {"sha256": sha256(folder / "embeddings.parquet")}}, folder / MANIFEST)

    return made_once(session_folder / "explored", make)


@pytest.fixture
def spoilt(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run folder that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def analysis(finished: Path, tmp_path: Path) -> Path:
    """A finished search for types with a page, made of the run's embeddings."""
    folder = tmp_path / "found"
    folder.mkdir()
    write_kind(folder, TYPES)
    write_json({"inputs": {"embeddings.parquet": sha256(finished / "embeddings.parquet")}}, folder / "provenance.json")
    (folder / "report.html").write_text('<h1>Types</h1><a href="#more">more</a> <a class="file" href="types.csv">types.csv</a>')
    write_json({}, folder / MANIFEST)
    return folder


@pytest.fixture
def scores(finished: Path, tmp_path: Path) -> Path:
    """Scores of a twin, of half of the run's units and of one that it does not have."""
    units = pd.read_parquet(finished / "tables/units.parquet")[list(UNIT_KEY)]
    told = pd.concat([units.iloc[::2], units.iloc[:1].assign(session=99)], ignore_index=True)
    told["cc_abs"] = np.linspace(0, 1, len(told))
    told.assign(cc_abs_low=told["cc_abs"] - 0.1, note="a word").to_csv(tmp_path / "scores.csv", index=False)
    return tmp_path / "scores.csv"
