"""The closed loop in small: movies on disk -> twin -> embeddings -> like-to-like on connections read from disk finds the planted rule."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from graphtwin.synthetic.rules import rule_of
from graphtwin.synthetic.session import MovieConfig

FOLDER = Path(__file__).parents[1] / "analyses" / "planted_rule"
CORE = 'twin.core={kind="recurrent", first=24, hidden=32, blocks=1, features=32}'


def analysis():
    spec = importlib.util.spec_from_file_location("closed_loop", FOLDER / "closed_loop.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOOP = analysis()
SMALL = {
    "N_NEURONS": 250,
    "FILMS": MovieConfig(minutes=4.0, oracle_clips=3, oracle_repeats=3, test_clips=0, novel_clips=0),
    "TRAINING": ["fit.epochs=6", "fit.patience=6", "steps=25", CORE],
    "RULES": {
        "salt and pepper": {
            LOOP.PLANTED: rule_of("feature", slope=4.0, base=-5.5),
            "geometry, targeted axons": rule_of("geometry", base=-5.0),
        }
    },
}


@pytest.fixture(scope="module")
def folder(session_folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(LOOP, name, value)
        LOOP.answers_of("salt and pepper", 0, 1, session_folder / "closed_loop").to_csv(session_folder / "closed_loop" / "answers.csv")
    return session_folder / "closed_loop"


@pytest.fixture(scope="module")
def answers(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "answers.csv").set_index(["rule", "given", "source"])


def test_x(answers):
    print(answers[["z", "p", "slope_sd", "agreement", "n_synapses", "n_axons"]].to_string(), answers.cc_norm.iloc[0])
