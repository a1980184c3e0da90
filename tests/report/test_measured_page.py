"""The page of a table of measured units counts what the table holds, and draws what it has columns for."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from graphtwin.report import write_measured
from graphtwin.report.pages.measured_page import measured_columns
from tests.report.form import require_form
from tests.report.reading import unlinked

RNG = np.random.default_rng(5)
N = 60


def tuning() -> pd.DataFrame:
    """Tuning of units of two animals, of which four have no size."""
    key = {"session": 1, "scan_idx": np.repeat([1, 2], N // 2), "unit_id": np.arange(N), "animal": np.repeat(["a & <b>", "c"], N // 2)}
    angle = RNG.uniform(0, 360, N)
    told = {"gosi": RNG.uniform(0.2, 0.9, N), "gdsi": RNG.uniform(0, 0.5, N), "orientation_deg": angle % 180, "direction_deg": angle}
    more = {
        "orientation_q": np.repeat([0.01, 0.5], N // 2),
        "direction_022_5": 1.0,
        "gosi_spread": 0.125,
        "gosi_flag": np.repeat(["wide interval", "", ""], N // 3),
        "twin": "t1",
        "twin_core": "c1",
    }
    place = dict(zip(["x_um", "y_um", "z_um"], RNG.uniform(0, 500, (3, N)), strict=True))
    return pd.DataFrame(key | place | told | more).assign(preferred_size_deg=np.where(np.arange(N) < 4, np.nan, 20.0))


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unlinked(page)).split())


def test_columns_of_keys_places_curves_and_spreads_are_no_numbers_of_their_own():
    names = ["gosi", "gdsi", "orientation_deg", "direction_deg", "preferred_size_deg"]
    assert measured_columns(tuning()) == names


def test_the_page_of_tuning_counts_units_and_draws_a_map(tmp_path):
    page = write_measured(tuning(), "tuning.csv", tmp_path / "t.html").read_text()
    require_form(page)
    text = text_of(page)
    assert "60 units were measured: 30 of a &amp; &lt;b&gt;, 30 of c." in text
    assert "30 units select orientation (false discovery rate 0.05)" in text
    assert re.search(r"preferred size \(°\) 56 20[.0]* 20[.0]* 20[.0]* ", text)
    assert re.search(r"gOSI 60 [\d. ]+ 0\.125 20 ", text)
    assert all(f'<figure id="{key}">' in page for key in ("angles", "cortex", "distributions"))
    assert 'id="mosaic"' not in page


def test_what_a_table_of_fields_has_no_columns_for_is_not_drawn(tmp_path):
    fields = pd.DataFrame(RNG.uniform(5, 10, (N, 5)), columns=[f"field_{name}_deg" for name in ("x", "y", "sd_major", "sd_minor", "angle")])
    table = tuning()[["session", "scan_idx", "unit_id", "animal"]].join(fields)
    page = write_measured(table, "fields.csv", tmp_path / "f.html").read_text()
    require_form(page)
    assert "Receptive fields in silico" in page
    assert '<figure id="mosaic">' in page
    assert 'id="cortex"' not in page
