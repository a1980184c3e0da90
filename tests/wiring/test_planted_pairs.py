"""The study of planted tables asks every method, goes on where it stopped, and says which shares are off."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.slow


FOLDER = Path(__file__).parents[2] / "analyses" / "planted_pairs"
SPEC = importlib.util.spec_from_file_location("planted_pairs_analysis", FOLDER / "run.py")
ANALYSIS = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = ANALYSIS  # where its dataclass looks itself up
SPEC.loader.exec_module(ANALYSIS)
ANALYSIS.REPLICATES = 19
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    return pd.concat([ANALYSIS.analysed(name, 0) for name in ("popular targets", "synapses cluster")])


def test_every_method_answers_and_every_expected_share_is_of_one_of_them(answers):
    assert answers.groupby("scenario")["method"].nunique().to_dict() == {"popular targets": 29, "synapses cluster": 29}
    assert {entry["method"] for entry in EXPECTED} <= set(answers["method"])
    assert {entry["scenario"] for entry in EXPECTED} == set(ANALYSIS.SCENARIOS)
    assert all(0 <= entry["low"] < entry["high"] <= 1 for entry in EXPECTED)


def test_a_stopped_study_goes_on_with_the_scenarios_that_are_missing(tmp_path, monkeypatch):
    calls = []

    def analysed(name, table):
        calls.append((name, table))
        return pd.DataFrame(
            {"method": ["one", "none"], "found": [table == 0, None], "covers": [None, None], "estimate": 0.5, "scenario": name}
        )

    monkeypatch.setattr(ANALYSIS, "analysed", analysed)
    for _ in range(2):
        found = ANALYSIS.shares(ANALYSIS.answers_of("no rule", 4, 1, tmp_path)).set_index("method")
    assert calls == [("no rule", table) for table in range(4)]
    assert (found.loc["one", "found"], found.loc["one", "n_tables"], found.loc["none", "n_tables"]) == (0.25, 4, 0)
    assert np.isnan(found.loc["none", "found"])


def test_shares_outside_their_range_and_shares_that_are_missing_are_said():
    table = pd.DataFrame({"scenario": "no rule", "method": ["sandwich", "auc"], "found": [0.2, 0.05], "covers": [0.95, np.nan]})
    expected = [
        {"scenario": "no rule", "method": method, "share": share, "low": 0.015, "high": 0.095}
        for method, share in (("sandwich", "found"), ("auc", "found"), ("auc", "covers"), ("mixed", "found"))
    ]
    wrong = ANALYSIS.compare_with(table, expected)
    assert [line.split(" ")[2:5] for line in wrong] == [
        ["sandwich,", "found:", "0.200"],
        ["auc,", "covers:", "nan"],
        ["mixed,", "found:", "nan"],
    ]


def test_five_percent_of_200_tables_are_between_3_and_19():
    assert ANALYSIS.nominal(200) == (3 / 200, 19 / 200)
