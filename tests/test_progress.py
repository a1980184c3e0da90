"""Progress bars are text in a terminal and in a notebook without widgets, and warn of nothing."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from graphtwin.progress import tqdm

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = "import sys, types; sys.modules['ipykernel.zmqshell'] = types.ModuleType('zmqshell'); "
NO_WIDGETS = "sys.modules['ipywidgets'] = None; "  # as if it were not installed


@pytest.mark.parametrize("place", ["", NOTEBOOK + NO_WIDGETS], ids=["terminal", "notebook without ipywidgets"])
def test_bars_are_text_without_a_warning_and_load_no_more_than_text_needs(place):
    shown = "import sys; from graphtwin.progress import tqdm; list(tqdm([1], desc='units'))"
    code = f"{place}{shown}; print(tqdm.__mro__[1].__module__, 'asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["tqdm.std", "False"]
    assert "units: 100%" in done.stderr


def test_the_clock_of_a_bar_goes_on_while_a_step_takes_long(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr("graphtwin.progress.TICK_S", 0.01)
    monkeypatch.setattr(tqdm, "monitor", None)
    drawn = threading.Event()
    with tqdm(total=2, desc="fits", file=shown) as bar:
        begun = shown.getvalue().count("fits")
        monkeypatch.setattr(bar, "refresh", lambda nolock: drawn.set())
        assert drawn.wait(20.0)
    tqdm.monitor.exit()
    assert begun == 1
