"""The analysis compares what it says it compares."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

from graphtwin.config import read_toml
from graphtwin.graph.settings import load_settings

pytestmark = pytest.mark.slow


FOLDER = Path(__file__).parents[2] / "analyses" / "minnie65"
SPEC = importlib.util.spec_from_file_location("minnie65_analysis", FOLDER / "run.py")
ANALYSIS = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(ANALYSIS)


def test_its_settings_are_the_full_preset():
    settings = load_settings(**read_toml(FOLDER / "config.toml"))
    assert (settings.permutations, settings.axon_folds, settings.replicates) == (20, 5, 1000)


def test_its_expected_rows_are_rows_that_a_run_writes(finished):
    expected = json.loads((FOLDER / "expected.json").read_text())
    missing = [line for line in ANALYSIS.compare(finished.folder, expected) if "one is needed" in line]
    assert missing == []


def test_a_number_outside_its_tolerance_or_an_interval_that_holds_zero_is_told(tmp_path):
    row = {"task": "layer", "metric": "auc"}
    pd.DataFrame([row | {"estimate": 0.5, "low": -0.1, "high": 0.9}]).to_parquet(tmp_path / "metrics.parquet")
    entry = {"table": "metrics", "row": row, "tolerance": 0.01}
    assert ANALYSIS.compare(tmp_path, [entry | {"value": 0.505}]) == []
    assert "is more than 0.01 from 0.6" in ANALYSIS.compare(tmp_path, [entry | {"value": 0.6}])[0]
    assert "must lie above 0.0" in ANALYSIS.compare(tmp_path, [entry | {"value": 0.5, "above": 0.0}])[0]
