"""Progress bars are text in a terminal and in a notebook without widgets, and warn of nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = "import sys, types; sys.modules['ipykernel.zmqshell'] = types.ModuleType('zmqshell'); "
NO_WIDGETS = "sys.modules['ipywidgets'] = None; "  # as if it were not installed


@pytest.mark.parametrize("place", ["", NOTEBOOK + NO_WIDGETS], ids=["terminal", "notebook without ipywidgets"])
def test_bars_are_text_without_a_warning_and_load_no_more_than_text_needs(place):
    shown = "import sys; from graphtwin.progress import tqdm; list(tqdm([1], desc='units'))"
    code = f"{place}{shown}; print(tqdm.__module__, 'asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["tqdm.std", "False"]
    assert "units: 100%" in done.stderr
