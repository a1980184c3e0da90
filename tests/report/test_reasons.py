"""Claims: a figure that is not there has the reason that the analysis gave, and a number that was not tested is called that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin import artifacts
from graphtwin.report.figures import joint_figures, slope_figures
from graphtwin.report.figures.drawing import Absent, Drawn
from graphtwin.report.folder import RunFolder
from graphtwin.report.words import p_text

REASONS = {
    "slopes": slope_figures.draw_forest,
    "nulls": slope_figures.draw_nulls,
    "within_axons": slope_figures.draw_ranking_within_axons,
    "joint": joint_figures.draw_joint_slopes,
    "held_out": joint_figures.draw_held_out_axons,
    "common_input": joint_figures.draw_common_input,
    "motifs": joint_figures.draw_motifs,
}


@pytest.mark.parametrize("table", REASONS)
def test_a_table_that_is_not_there_is_explained_by_what_the_analysis_met(tmp_path: Path, table: str):
    artifacts.write_json({"notes": [], "absent": {table: f"what {table} met."}}, tmp_path / "notes.json")
    block = REASONS[table](RunFolder.open(tmp_path))
    assert isinstance(block, Absent)
    assert block.reason == f"what {table} met."


def test_motifs_that_are_all_too_rare_are_named_and_no_empty_axes_are_drawn(tmp_path: Path):
    table = pd.DataFrame({"motif": ["reciprocal", "cycle"], "observed": [0.0, 1.0], "expected": [0.2, 0.9], "low": 0.0, "high": 1.0})
    artifacts.write_parquet(table.assign(ratio=1.0, p=[np.nan, 0.6], q=[np.nan, 0.6]), tmp_path / "motifs.parquet")
    block = joint_figures.draw_motifs(RunFolder.open(tmp_path))
    assert isinstance(block, Absent)
    assert "less than one on average of every motif: reciprocal and cycle" in block.reason


def test_a_null_without_a_p_is_counted_as_not_tested(tmp_path: Path):
    table = pd.DataFrame({"group": ["a", "b", "c"], "similarity": "s", "null": "rewired", "estimate": 0.5, "null_mean": 0.0})
    artifacts.write_parquet(table.assign(null_sd=[0.0, 0.1, 0.1], p=[np.nan, 0.01, 0.5]), tmp_path / "nulls.parquet")
    block = slope_figures.draw_nulls(RunFolder.open(tmp_path))
    assert isinstance(block, Drawn)
    assert block.sentence.startswith("1 of 2 comparisons with a null have p below 0.05")
    assert block.sentence.endswith("1 could not be tested: there the null never changes the slope.")
    assert "s, a: rewired (not testable)" in block.svg
    assert p_text(np.nan) == "not testable"
