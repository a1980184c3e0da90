"""The power command end to end: a design reaches tables and page, one process and two agree, and bad questions are told in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import graphtwin
from graphtwin.cli.app import app
from graphtwin.wiring.pairs.planted import Planted, plant
from tests.report.form import require_form
from tests.report.reading import unlinked

pytestmark = pytest.mark.slow

SMALL = ["--inclusion", "none", "--tables", 20, "--axons", 8, "--axons", 8]  # told once, a number is simulated with its half and double
TABLES = ("power", "curves", "simulated")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A planted table as files: pairs, neurons with positions, pairs without synapses, and pairs with gaps and no distance."""
    folder = tmp_path_factory.mktemp("pairs")
    world = plant(Planted(n_axons=16, n_targets=60, n_synapses=400, slope=1.0), seed=2)
    pairs = world.pairs.drop(columns=["population", "post_layer", "proj_hva"])
    place = dict(zip(("x_um", "depth_um", "z_um"), world.place.T, strict=True))
    gaps = pairs.assign(signal_correlation=pairs["signal_correlation"].where(np.arange(len(pairs)) % 5 > 0))
    tables = {"pairs": pairs, "none": pairs.assign(n_synapses=0), "blind": gaps.drop(columns="distance_um")}
    tables["neurons"] = pd.DataFrame({"nucleus_id": world.nucleus_id, **place})
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet")
    return {name: folder / f"{name}.parquet" for name in tables}


def asked(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["power", *map(str, words)])
    return done.exit_code, " ".join(done.output.split())


@pytest.fixture(scope="module")
def answered(given: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("answer") / "one"
    words = [given["pairs"], "--neurons", given["neurons"], "--similarity", "signal_correlation", "--effect", 1, "--out", out, *SMALL]
    code, output = asked(*words)
    assert code == 0, output
    return out, output


def test_power_of_every_estimate_is_in_tables_page_and_on_the_screen(answered: tuple[Path, str]):
    out, output = answered
    power = pd.read_csv(out / "power.csv").fillna({"note": ""})
    pd.testing.assert_frame_equal(power, pd.read_parquet(out / "power.parquet"), check_dtype=False)
    assert power.groupby("estimate").size().to_dict() == dict.fromkeys(power["estimate"].unique(), 4)
    assert power["estimate"].nunique() == 5
    assert len(pd.read_csv(out / "simulated.csv")) == 20 * 4 * 5
    assert "A slope of 1 a unit of signal_correlation (one SD multiplies synapses by" in output
    written = (out / "report.html").read_text(encoding="utf-8")
    require_form(written)
    page = unlinked(written)
    assert "is claimed (interval and spatial p) in" in page
    assert page.count("<svg role") == 2
    assert "http://" not in page.replace("http://www.w3.org", "")
    design = json.loads((out / "design.json").read_text(encoding="utf-8"))
    assert design["n_axons"] == 16
    assert design["positions_known"]


def test_two_processes_write_the_same_bytes_as_one_and_python_as_the_command(answered, given, tmp_path):
    folder = graphtwin.power(
        1.0,
        tmp_path / "two",
        given["pairs"],
        neurons=given["neurons"],
        similarity="signal_correlation",
        inclusion="none",
        tables=20,
        axons=(8, 8),
        workers=2,
    )
    for name in [f"{table}.{end}" for table in TABLES for end in ("csv", "parquet")] + ["design.json", "notes.json"]:
        assert (folder / name).read_bytes() == (answered[0] / name).read_bytes(), name


def test_the_page_is_written_again_as_it_was(answered):
    before = (answered[0] / "report.html").read_bytes()
    assert CliRunner().invoke(app, ["report", str(answered[0])]).exit_code == 0
    assert (answered[0] / "report.html").read_bytes() == before


def test_without_positions_no_claim_is_in_the_table_and_words_say_so_and_gaps_are_counted(given, tmp_path):
    words = [given["blind"], "--similarity", "signal_correlation", "--effect", 1, "--out", tmp_path / "it", *SMALL]
    code, output = asked(*words)
    assert code == 0, output
    assert not pd.read_csv(tmp_path / "it" / "power.csv")["estimate"].str.contains("claim").any()
    assert "no claim can be made, which needs the spatial p" in output
    assert "is found by the robust slope, which without positions is no claim, in" in output
    funnel = pd.read_csv(tmp_path / "it" / "funnel.csv")
    assert funnel.loc[funnel["step"] == "similarity known", "n_dropped"].tolist() == [192]


def test_without_a_table_a_geometry_is_simulated_for_every_number_of_axons(tmp_path):
    code, output = asked("--axons", 6, "--axons", 12, "--targets", 15, "--effect", -1, "--tables", 20, "--out", tmp_path / "it")
    assert code == 0, output
    design = json.loads((tmp_path / "it" / "design.json").read_text(encoding="utf-8"))
    assert (design["n_axons"], design["n_pairs"], design["synapses_per_axon"]) == (12, 180, pytest.approx(10))
    power = pd.read_csv(tmp_path / "it" / "power.csv")
    assert set(np.sign(power["effect"])) == {0, -1}
    assert power.groupby(["estimate", "n_axons"]).size().to_list() == 5 * 2 * [4]
    assert len(pd.read_csv(tmp_path / "it" / "simulated.csv")) == 20 * 8 * 5


WRONG = {
    "--axons 1 --effect 1": "--axons 1: an error over axons needs 2",
    "--axons 20 --effect 0": "--effect 0: there is nothing to detect",
    "--axons 20 --effect nan": "--effect nan: there is nothing to detect",
    "--axons 20 --effect 1 --effect -1": "slopes of both signs",
    "--axons 20 --effect 1 --synapses 0": "axons without synapses tell nothing",
    "--effect 1": "neither a pair table nor --axons",
    "--axons 20 --effect 1 --similarity x": "--similarity without a pair table",
    "--axons 9000 --effect 1 --targets 5000": "tables of 90,000,000 pairs",
    "--axons 20 --effect 1 --set tissue.hot_spot=1": "unknown key 'tissue.hot_spot', nearest 'hot_spots'",
    "{pairs} --effect 1": "which similarity? Give --similarity",
    "{pairs} --effect 1 --similarity n_synapses": "n_synapses is what is to be explained",
    "{none} --effect 1 --similarity signal_correlation --inclusion none": "pairs has a synapse: rates of axons cannot be learned",
    "{pairs} --effect 1 --similarity signal_correlation --inclusion none --axons 500": "more than 10 times the 16 axons of the table",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_bad_question_is_told_in_words_and_nothing_is_written(given, tmp_path, line):
    code, output = asked(*line.format(**given).split(), "--out", tmp_path / "it")
    assert code == 2, output
    assert WRONG[line] in output
    assert "Traceback" not in output
    assert not (tmp_path / "it").exists()
