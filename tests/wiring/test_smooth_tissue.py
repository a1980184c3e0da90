"""The study of smooth tissue plants what it says, by code of its own, and tells which shares are off."""

from __future__ import annotations

import ast
import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.sources.loaders import read_neurons, read_pairs
from graphtwin.wiring.pairs import outcome_of
from graphtwin.wiring.spatial import geometry_terms, places_of, robust_slopes

FOLDER = Path(__file__).parents[2] / "analyses" / "planted_pairs"
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(FOLDER))
    STUDY, TISSUE = importlib.import_module("spatial"), importlib.import_module("smooth_tissue")
    for name in ("run", "spatial", "smooth_tissue"):  # names that other studies may use
        del sys.modules[name]
EXPECTED = json.loads((FOLDER / "spatial_expected.json").read_text(encoding="utf-8"))
PLAIN = TISSUE.Tissue()


def test_tables_are_drawn_without_a_line_of_the_package():
    tree = ast.parse((FOLDER / "smooth_tissue.py").read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {str(name).split(".")[0] for name in modules} == {"__future__", "zlib", "dataclasses", "typing", "numpy", "scipy"}


@pytest.mark.parametrize(("turn", "offset"), [(0.0, (50.0, 70.0, 0.0)), (45.0, (35.36, 0.0, 35.36)), (0.0, (0.0, 0.0, 50.0))])
def test_fields_fall_off_along_their_axes_as_planted(turn, offset):
    tissue = replace(PLAIN, turn_deg=turn)
    place = np.array([[100.0, 100.0, 100.0], np.array([100.0, 100.0, 100.0]) + offset])
    values = TISSUE._fields(tissue, place, np.zeros(2, dtype=int), (100.0, np.inf, 25.0), 40_000, np.random.default_rng(0))
    along_x, along_z = (np.hypot(offset[0], offset[2]), 0.0) if turn else (offset[0], offset[2])
    assert np.corrcoef(values)[0, 1] == pytest.approx(np.exp(-0.5 * ((along_x / 100) ** 2 + (along_z / 25) ** 2)), abs=0.015)
    assert values.var(axis=1) == pytest.approx([1, 1], abs=0.03)


def test_a_rule_changes_the_synapses_alone():
    without, ruled = (TISSUE.draw(replace(PLAIN, slope=slope), "none", 8, 3) for slope in (0.0, 0.7))
    for name in ("l_d_um", "similarity", "place_um", "function"):
        assert np.array_equal(getattr(without, name), getattr(ruled, name))
    assert not np.array_equal(without.n_synapses, ruled.n_synapses)
    assert not np.array_equal(without.l_d_um, TISSUE.draw(PLAIN, "none", 8, 4).l_d_um)


def test_many_synapses_tell_the_planted_slope():
    tissue, estimates = replace(PLAIN, smooth_share=0.0, slope=0.7, synapses_an_axon=100.0), []
    for table in range(4):
        drawn = TISSUE.draw(tissue, "many", 15, table)
        found, _ = robust_slopes(outcome_of(STUDY.pairs_of(drawn), "synapse_density", ["sim"]), STUDY.places(drawn))
        estimates.append(found["estimate"].iloc[0])
    assert np.mean(estimates) == pytest.approx(0.7, abs=0.12)  # 6,000 synapses, SD of similarity 0.35: SE 0.04


def test_what_is_planted_beyond_l_d_is_in_the_rates():
    place = np.array([[0.0, 0.0, 0.0], [300.0, 0.0, 0.0], [0.0, 0.0, 300.0]])
    rng = np.random.default_rng(0)
    rate = TISSUE._log_rate(replace(PLAIN, fall_um=(100.0, np.inf, np.inf)), place, np.zeros(3, dtype=int), 1, rng)
    assert rate[0, 1] - rate[0, 0] == pytest.approx(3.0)
    animal, places = np.zeros(41, dtype=int), np.random.default_rng(1).uniform(0, 300, (41, 3))
    for tissue, alike in ((replace(PLAIN, shared_um=TISSUE.SHARED), 1.0), (replace(PLAIN, own_um=TISSUE.OWN), 0.0)):
        rates = [TISSUE._log_rate(tissue, places, animal, 2, np.random.default_rng(k)) for k in range(200)]
        within = np.mean([np.mean((r - r.mean(axis=1, keepdims=True)).prod(axis=0)) for r in rates])
        total = np.mean([np.mean((r - r.mean(axis=1, keepdims=True)) ** 2) for r in rates])
        assert within / total == pytest.approx(alike, abs=0.1)


def test_animals_share_neither_pairs_nor_fields():
    drawn = TISSUE.draw(replace(TISSUE.TISSUES["animals: shared"], n_targets=100), "animals: shared", 10, 0)
    pairs = STUDY.pairs_of(drawn)
    animal = dict(zip(drawn.nucleus_id, drawn.animal, strict=True))
    assert (pairs["pre_nucleus_id"].map(animal) == pairs["post_nucleus_id"].map(animal)).all()
    assert len(pairs) == 10 * 100 / 5


def test_files_are_read_as_the_study_reads_its_tables(tmp_path):
    drawn = TISSUE.draw(TISSUE.TISSUES["own"], "own", 8, 0)
    STUDY.pairs_of(drawn).to_csv(tmp_path / "pairs.csv", index=False)
    STUDY.neurons_of(drawn).to_csv(tmp_path / "neurons.csv", index=False)
    read, direct = places_of(read_neurons(tmp_path / "neurons.csv")), STUDY.places(drawn)
    assert np.array_equal(read.nucleus_id, direct.nucleus_id)
    assert read.position_um == pytest.approx(direct.position_um)
    of_files, _ = robust_slopes(outcome_of(read_pairs(tmp_path / "pairs.csv"), "synapse_density", ["sim"]), read)
    here, _ = robust_slopes(outcome_of(STUDY.pairs_of(drawn), "synapse_density", ["sim"]), direct)
    pd.testing.assert_frame_equal(of_files, here)


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(STUDY, "REPLICATES", 19)
        made = []
        for methods, method in STUDY.METHODS.items():
            for cell in STUDY.cells(methods)[:2]:
                made += [vars(answer) | vars(cell) for answer in method(cell.drawn(0), cell, 0)]
    return pd.DataFrame(made)


@pytest.mark.slow
def test_every_expected_share_is_of_a_method_that_answers(answers):
    assert {entry["method"] for entry in EXPECTED} | {entry["over"] for entry in EXPECTED if "over" in entry} <= set(answers["method"])
    known = set(STUDY.TISSUES) | set(STUDY.FAMILIES)
    assert all(entry["scenarios"] == "all" or set(entry["scenarios"]) <= known for entry in EXPECTED)
    assert all(set(entry["axons"]) <= {*STUDY.AXONS, STUDY.FAMILY_AXONS} and entry["low"] < entry["high"] for entry in EXPECTED)


def test_a_stopped_study_goes_on_with_the_cells_that_are_missing(tmp_path, monkeypatch):
    calls = []

    def method(drawn, cell, table):
        calls.append(table)
        yield STUDY.Answer("claim", table == 0)
        yield STUDY.Answer("spatial p", None)

    monkeypatch.setitem(STUDY.METHODS, "robust", method)
    cell = STUDY.Cell("none", 8, 0.0)
    for _ in range(2):
        found = STUDY.shares(STUDY.answers_of("robust", cell, 0, 4, tmp_path)).set_index("method")
    STUDY.answers_of("robust", cell, 4, 2, tmp_path)
    assert calls == [0, 1, 2, 3, 4, 5]
    assert (found.loc["claim", "found"], found.loc["claim", "n_tables"], found.loc["spatial p", "n_tables"]) == (0.25, 4, 0)


def test_shares_outside_their_range_missing_shares_and_ratios_are_said():
    rows = [("claim", "own", 8, 0.2), ("claim", "own", 15, 0.05), ("claim", "none", 8, 0.05), ("null", "none", 8, 0.1)]
    table = pd.DataFrame(rows, columns=["method", "scenario", "n_axons", "found"]).assign(rule=0.0)
    expected = [
        {"method": "claim", "rule": 0.0, "share": "found", "scenarios": ["own"], "axons": [8, 15, 30], "low": 0, "high": 0.085},
        {"method": "claim", "rule": 0.0, "share": "found", "scenarios": ["none"], "axons": [8], "low": 0.85, "high": 2, "over": "null"},
    ]
    wrong, n_compared = STUDY.compare_with(table, expected)
    assert n_compared == 4
    assert [line.split(": ")[1].split(" ")[0] for line in wrong] == ["0.200", "nan", "0.500"]


def test_maps_hold_the_geometry_that_the_slope_holds():
    """Knots over the whole grid of axons and targets, many of them far from any candidate, leave this table distance alone."""
    drawn = STUDY.Cell("all", 30, 0.7).drawn(173)
    outcome = outcome_of(STUDY.pairs_of(drawn), "synapse_density", [STUDY.SIMILARITY])
    slope, _ = robust_slopes(outcome, STUDY.places(drawn))
    maps = STUDY.similarity_maps(outcome, STUDY.SIMILARITY, STUDY.places(drawn), 0)
    assert maps.test.others.shape[1] == geometry_terms(outcome.pairs, STUDY.places(drawn)).shape[1] == 15
    assert maps.test.slope[0] == pytest.approx(slope["estimate"].iloc[0], rel=1e-6)
    assert np.abs(maps.residual(0).sum(axis=1)).max() < 1e-8
