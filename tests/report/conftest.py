import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from graphtwin.cortex.cortex import Cortex
from graphtwin.report.page import write
from tests.report.planted_run import write_run


@pytest.fixture(scope="session")
def small_cortex(cortex: Cortex) -> Cortex:
    """The bundle's cortex with the units of its three largest scans."""
    largest = cortex.units.groupby(["session", "scan_idx"]).size().nlargest(3).index
    units = cortex.units[cortex.units.set_index(["session", "scan_idx"]).index.isin(largest)]
    return replace(cortex, units=units.reset_index(drop=True))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, small_cortex: Cortex) -> Path:
    """A run folder with every piece, and its report."""
    folder = write_run(tmp_path_factory.mktemp("runs") / "planted", small_cortex)
    write(folder)
    return folder


@pytest.fixture
def spoilt(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run folder that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "spoilt"))
