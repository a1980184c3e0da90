"""The like-to-like command end to end: planted rules reach the tables and the page, and bad questions are answered in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphtwin.cli import app
from graphtwin.pipeline.like_to_like import LikeToLikeConfig, run_like_to_like
from graphtwin.report.like_to_like_page import write
from graphtwin.wiring.planted import Planted, plant

SLOPES = ["group", "similarity", "outcome", "estimate", "se", "z", "p", "p_adj", "n_pairs", "n_axons"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A planted rule of 1.5 a unit of signal correlation in two areas, as files."""
    folder = tmp_path_factory.mktemp("pairs")
    world = plant(Planted(n_axons=40, n_targets=300, n_synapses=2400, slope=1.5, popularity=0.2, projections=True), seed=1)
    rng = np.random.default_rng(0)
    size = np.where(world.pairs["n_synapses"] > 0, np.exp(6 + rng.normal(0, 0.5, len(world.pairs))), np.nan)
    pairs = world.pairs.drop(columns="post_layer").assign(mean_synapse_size=size, unrelated=rng.normal(size=len(world.pairs)))
    pairs.to_parquet(folder / "pairs.parquet")
    neurons = pd.DataFrame({"nucleus_id": world.nucleus_id, "in_silico_resp": list(world.function), "cc_max_cvt": 0.6, "cc_abs_cvt": 0.4})
    neurons.to_parquet(folder / "neurons.parquet")
    return folder / "pairs.parquet", folder / "neurons.parquet"


@pytest.fixture(scope="module")
def answered(tables: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("answer") / "run"
    names = ("signal_correlation", "unrelated")
    write(run_like_to_like(LikeToLikeConfig(pairs=tables[0], neurons=tables[1], similarity=names, nulls=39), out))
    return out


def test_the_planted_slope_and_no_other_is_in_the_slopes(answered: Path):
    slopes = pd.read_csv(answered / "slopes.csv")
    assert list(slopes.columns) == SLOPES
    planted = slopes[slopes["similarity"] == "signal_correlation"]
    assert len(planted) == 4
    assert (np.abs(planted["estimate"] - 1.5) < 3.5 * planted["se"]).all()
    assert (planted["p_adj"] < 1e-3).all()
    assert (slopes.loc[slopes["similarity"] == "unrelated", "p_adj"] > 0.01).all()


def test_every_null_finds_the_planted_rule_and_not_the_unrelated_column(answered: Path):
    nulls = pd.read_csv(answered / "nulls.csv")
    everywhere = {"within axons", "within axons and strata", "rewired"}
    assert set(nulls.loc[nulls["similarity"] == "unrelated", "null"]) == everywhere
    assert set(nulls.loc[nulls["similarity"] == "signal_correlation", "null"]) == everywhere | {"neurons"}
    assert (nulls.loc[nulls["similarity"] == "signal_correlation", "p"] <= 0.05).all()  # 39 replicates: 0.025 is the smallest
    assert nulls.loc[nulls["similarity"] == "unrelated", "p"].median() > 0.1


def test_held_out_axons_are_predicted_by_the_rule_and_not_by_the_unrelated_column(answered: Path):
    gain = pd.read_csv(answered / "held_out.csv").set_index("rule")
    assert gain.loc["L_d, signal_correlation", "low"] > 0
    assert gain.loc["L_d, unrelated", "low"] < 0


def test_the_page_states_the_rule_and_stands_alone(answered: Path):
    page = (answered / "report.html").read_text(encoding="utf-8")
    said = json.loads((answered / "notes.json").read_text(encoding="utf-8"))["rule"]
    assert "one SD of signal_correlation multiplies synapses a length of co-travel by" in said
    assert "one SD of signal_correlation multiplies" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert page.count("<svg role") >= 8


def test_the_models_can_be_read_again(answered: Path):
    models = json.loads((answered / "models.json").read_text(encoding="utf-8"))
    assert set(models) == {"signal_correlation", "unrelated"}
    assert models["unrelated"]["family"] == "poisson"


@pytest.mark.parametrize("outcome", ["co_travel", "size"])
def test_the_other_outcomes_find_no_rule_where_none_is(tables: tuple[Path, Path], tmp_path: Path, outcome: str):
    arguments = [
        "like-to-like",
        str(tables[0]),
        "--similarity",
        "unrelated",
        "--outcome",
        outcome,
        "--by",
        "none",
        "--out",
        str(tmp_path / "run"),
    ]
    found = CliRunner().invoke(app, [*arguments, "--nulls", "0"])
    assert found.exit_code == 0, found.output
    slopes = pd.read_csv(tmp_path / "run" / "slopes.csv")
    assert list(slopes["group"]) == ["all"]
    assert abs(slopes.loc[0, "z"]) < 3.3
    assert "reliability was not checked" in found.output


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--similarity", "no_such"], "no column no_such, and no neuron table"),
        (["--similarity", "unrelated", "--by", "layer"], "by"),
        (["--similarity", "unrelated", "--outcome", "strength"], "outcome"),
    ],
)
def test_questions_that_cannot_be_answered_say_why(tables: tuple[Path, Path], tmp_path: Path, more: list[str], words: str):
    found = CliRunner().invoke(app, ["like-to-like", str(tables[0]), "--out", str(tmp_path / "run"), *more])
    assert found.exit_code == 2
    assert words in found.output
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_something_is_left_alone(tables: tuple[Path, Path], tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    found = CliRunner().invoke(app, ["like-to-like", str(tables[0]), "--similarity", "unrelated", "--out", str(tmp_path)])
    assert found.exit_code == 2
    assert "exists and is not empty" in found.output
