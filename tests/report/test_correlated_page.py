"""The page of a matrix of correlations says how they fall with distance where places are known, and else that they are not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.report import write_correlated
from tests.report.form import require_form


def page_of(place: Path, placed: bool) -> str:
    """Of 60 units in a row, whose correlations are exp(-distance / 100 um)."""
    x = np.linspace(0, 590, 60)
    np.save(place / "c.npy", np.exp(-np.abs(x[:, None] - x) / 100).astype(np.float16))
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(60), "animal": "a & <b>", "twin": "t1", "twin_core": "c1"})
    if placed:
        units = units.assign(x_um=x, y_um=0.0, z_um=0.0)
    page = write_correlated(place / "c.npy", units, "signal", place / "c.html").read_text()
    require_form(page)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_correlations_that_fall_with_distance_are_said_to(tmp_path):
    text = page_of(tmp_path, True)
    assert "Signal correlations of 60 units of 1 animal." in text
    near, far = re.search(r"The median correlation is ([\d.]+) at \d+ µm and ([\d.]+) at \d+ µm", text).groups()
    assert float(near) > 0.7
    assert float(far) < 0.02
    assert "1,770 pairs of one animal" in text


def test_units_without_places_have_no_distances(tmp_path):
    text = page_of(tmp_path, False)
    assert "Not in this run: the recording does not say where its units lie." in text
    assert "The median correlation is" in text
