import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from graphtwin.cortex.cortex import Cortex
from graphtwin.report.pages.run_page import write_run as write_page
from tests.conftest import made_once
from tests.report.planted_run import write_run


@pytest.fixture(scope="session")
def small_cortex(cortex: Cortex) -> Cortex:
    """The bundle's cortex with the units of its three largest scans."""
    largest = cortex.units.groupby(["session", "scan_idx"]).size().nlargest(3).index
    units = cortex.units[cortex.units.set_index(["session", "scan_idx"]).index.isin(largest)]
    return replace(cortex, units=units.reset_index(drop=True))


@pytest.fixture(scope="session")
def finished(session_folder: Path, small_cortex: Cortex) -> Path:
    """A run folder with every piece, and its report."""
    return made_once(session_folder / "planted_report", lambda folder: write_page(write_run(folder, small_cortex)))


@pytest.fixture
def spoilt(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run folder that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "spoilt"))
