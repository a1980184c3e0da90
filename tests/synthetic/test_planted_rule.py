"""The study of planted rules finds the one that is there and no other, sees through scans that differ, and says which numbers are off."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.synthetic.animal import AnimalConfig, make_animal
from graphtwin.synthetic.brain.tiles import grow_parts, lay_tiles
from graphtwin.synthetic.wiring.reconstruction import ReconstructConfig

pytestmark = pytest.mark.slow


FOLDER = Path(__file__).parents[2] / "analyses" / "planted_rule"
SPEC = importlib.util.spec_from_file_location("planted_rule_analysis", FOLDER / "run.py")
ANALYSIS = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = ANALYSIS  # where its dataclasses look themselves up
SPEC.loader.exec_module(ANALYSIS)
ANALYSIS.REPLICATES = 39
ANALYSIS.MANY = ReconstructConfig(extended=0.6, clean=0.0)
ANALYSIS.N_SCANNED = 400
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
CORTEX = 101  # no cortex of the study


@pytest.fixture(scope="module")
def answers() -> dict[str, pd.DataFrame]:
    animal = make_animal(AnimalConfig(), 150, CORTEX, 0)
    tiles = lay_tiles(animal.tissue, grow_parts(animal.tissue, skeletons=False))
    names = ("feature rule of 2", "geometry, targeted axons")
    return {name: ANALYSIS.wired(name, animal, tiles, CORTEX).set_index("method") for name in names}


@pytest.mark.parametrize("given", ["", " | distances"])
def test_a_planted_rule_is_found_and_covered_and_none_is_found_without(answers, given):
    intervals = [f"{name}{given}" for name in ("sandwich", "axon bootstrap", "two-way bootstrap")]
    every = intervals + [f"null: {name}{given}" for name in ("within axons", "neurons", "rewired")]
    planted, without = answers["feature rule of 2"].loc[every], answers["geometry, targeted axons"].loc[every]
    assert planted["found"].all()
    assert planted.loc[intervals, "covers"].all()
    assert not without["found"].any()
    assert without.loc[intervals, "covers"].all()
    assert planted["n_synapses"].max() > 150


def test_fewer_axons_make_fewer_synapses(answers):
    made = [answers["feature rule of 2"].loc[f"sandwich, {n} axons", "n_synapses"] for n in ANALYSIS.N_AXONS]
    assert made == sorted(made)
    assert made[0] > 0


def test_scans_that_differ_tell_depth_until_they_are_aligned():
    found = ANALYSIS.scanned("scans differ", CORTEX).set_index("method")["estimate"]
    assert found["scan from raw"] > 0.3
    assert found["scan from raw, aligned"] < 0.1
    assert found["depth from raw, all scans together"] > 0.3
    assert found["depth from raw, aligned, all scans together"] < 0.1
    assert found["orientation from raw, aligned"] > 0.8


def test_expected_numbers_are_of_scenarios_and_methods_that_exist(answers):
    assert {entry["scenario"] for entry in EXPECTED} == set(ANALYSIS.SCENARIOS) | set(ANALYSIS.SCANS)
    assert {entry["value"] for entry in EXPECTED} == {"found", "covers", "estimate"}
    assert all(set(entry) == {"scenario", "method", "value", "low", "high"} and entry["low"] < entry["high"] for entry in EXPECTED)
    asked = [(entry["scenario"], entry["method"], entry["value"]) for entry in EXPECTED]
    assert len(set(asked)) == len(asked)
    unread = {method for scenario, method, _ in asked if scenario == "geometry, targeted axons"} - set(
        answers["geometry, targeted axons"].index
    )
    assert unread == set()


def test_numbers_outside_their_range_and_missing_ones_are_said():
    table = pd.DataFrame({"scenario": "geometry", "method": ["sandwich"], "found": [0.3], "covers": [0.95], "estimate": [np.nan]})
    expected = [
        {"scenario": "geometry", "method": method, "value": value, "low": 0.0, "high": high}
        for method, value, high in (("sandwich", "found", 0.16), ("sandwich", "covers", 1.0), ("null: rewired", "found", 0.16))
    ]
    assert ANALYSIS.compare_with(table, expected) == [
        "geometry, sandwich, found: 0.300 does not lie between 0.0 and 0.16",
        "geometry, null: rewired, found: nan does not lie between 0.0 and 0.16",
    ]


def test_a_stopped_study_goes_on_with_the_cortices_that_are_missing(tmp_path, monkeypatch):
    calls = []

    def studied(tissue, cortex):
        calls.append((tissue, cortex))
        return pd.DataFrame({"method": ["one"], "estimate": 1.0, "found": [cortex > 0], "covers": [None], "n_synapses": 9}).assign(
            scenario=tissue, cortex=cortex
        )

    monkeypatch.setattr(ANALYSIS, "studied", studied)
    ANALYSIS.answers_of("mapped", 0, tmp_path)
    table = ANALYSIS.summary(ANALYSIS.all_answers(2, 1, tmp_path)).set_index("scenario")
    assert len(calls) == len(set(calls)) == 2 * len(ANALYSIS.TISSUES) + 2
    assert table["found"].unique().tolist() == [0.5]
    assert (table["n"] == 2).all()
