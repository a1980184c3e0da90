"""The closed loop in small: movies on disk -> twin -> embeddings -> like-to-like on connections read from disk finds the planted rule."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

from graphtwin.synthetic.function.session import MovieConfig
from graphtwin.synthetic.wiring.planted_rules import rule_of
from tests.conftest import made_once

pytestmark = pytest.mark.slow


FOLDER = Path(__file__).parents[1] / "analyses" / "planted_rule"
CORE = 'twin.core={kind="recurrent", first=24, hidden=32, blocks=1, features=32}'


def analysis():
    spec = importlib.util.spec_from_file_location("closed_loop", FOLDER / "closed_loop.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOOP = analysis()
RULES = LOOP.RULES
SMALL = {
    "N_NEURONS": 250,
    "MINUTES": 4.0,
    "FILMS": MovieConfig(oracle_clips=3, oracle_repeats=3, test_clips=0, novel_clips=0),
    "TRAINING": ["fit.epochs=6", "fit.patience=6", "steps=25", CORE],
    "RULES": {
        "salt and pepper": {
            LOOP.PLANTED: rule_of("feature", slope=4.0, base=-4.7),
            "geometry, targeted axons": rule_of("geometry", base=-5.0),
        }
    },
}


@pytest.fixture(scope="module")
def answers(session_folder: Path, coarse_ridge: None, few_stimuli: None) -> pd.DataFrame:
    """Answers to one animal and one growth of its neurites, made once for all processes of the tests."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in SMALL.items():
                patch.setattr(LOOP, name, value)
            LOOP.answers_of("salt and pepper", 0, 1, folder).to_csv(folder / "answers.csv", index=False)

    table = pd.read_csv(made_once(session_folder / "closed_loop", make) / "answers.csv")
    return table.set_index(["rule", "given", "source"]).sort_index()


@pytest.mark.parametrize("given", ["alone", "distances"])
def test_a_planted_rule_is_found_by_what_the_twin_learned(answers, given):
    z = answers["z"].loc[LOOP.PLANTED, given]
    assert z[LOOP.TRUE] > 8
    assert z[LOOP.GRATINGS] > 2
    assert z[LOOP.READOUT] > 2
    assert z[[LOOP.GRATINGS, LOOP.READOUT]].max() > z[[LOOP.REPEATS, LOOP.TRIALS]].max()


@pytest.mark.parametrize("given", ["alone", "distances"])
def test_axons_that_head_for_like_cells_are_not_called_like_to_like(answers, given):
    assert (answers["p"].loc["geometry, targeted axons", given] > 0.01).all()


def test_readouts_look_where_the_true_receptive_fields_are(answers):
    assert answers["field_r2"].nunique() == 1
    assert answers["field_r2"].iloc[0] > 0.9


def test_recording_and_tables_are_gone_and_the_twin_stays(answers, session_folder):
    left = sorted(path.name for path in (session_folder / "closed_loop" / "animals" / "salt_and_pepper-000").iterdir())
    assert left == ["answers-0.csv", "embeddings.parquet", "scores.csv", "twin"]


def test_expected_numbers_are_of_rules_and_sources_that_exist():
    expected = json.loads((FOLDER / "closed_loop_expected.json").read_text(encoding="utf-8"))
    assert {entry["rule"] for entry in expected} == {name for rules in RULES.values() for name in rules}
    assert {entry["source"] for entry in expected} == set(LOOP.SOURCES)
    assert all(entry["low"] < entry["high"] for entry in expected)
    row = expected[0] | {"found": 0.5}
    assert LOOP.compare_with(pd.DataFrame([row]), expected[:1]) == [
        "feature rule of 2, alone, true tuning, found: 0.500 does not lie between 0.9 and 1.0"
    ]
