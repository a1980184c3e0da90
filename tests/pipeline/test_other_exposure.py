"""Contact area in the place of L_d: the same statistics, under its own name and unit wherever something is written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphtwin.cli.app import app
from graphtwin.pipeline.pairs.like_to_like import LikeToLikeConfig, run_like_to_like
from graphtwin.report.pages.like_to_like_page import write_like_to_like
from graphtwin.sources.formats import EXPOSURES, L_D
from graphtwin.sources.loaders import read_pairs
from graphtwin.wiring.pairs.planted import Planted, plant

pytestmark = pytest.mark.slow

KEY = ["pre_root_id", "post_root_id"]
CONTACT = EXPOSURES["contact_area_um2"]


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict[str, Path]:
    """One planted table, asked as L_d and as contact area."""
    folder = tmp_path_factory.mktemp("exposures")
    pairs = plant(Planted(n_axons=12, n_targets=40, n_synapses=300, slope=1.5), seed=1).pairs
    out = {}
    for names in (L_D, CONTACT):
        file = folder / f"{names.column}.parquet"
        pairs.rename(columns={"l_d_um": names.column}).to_parquet(file)
        asked = LikeToLikeConfig(pairs=file, similarity=("signal_correlation",), by="none", inclusion="none", nulls=0)
        out[names.column] = run_like_to_like(asked, folder / f"asked_{names.column}")
        write_like_to_like(out[names.column])
    return out


def test_the_numbers_are_the_same_whatever_the_exposure_is_called(answers):
    for name in ("robust", "slopes", "conditional", "curves", "within_axons", "held_out"):
        one, other = (pd.read_csv(folder / f"{name}.csv") for folder in answers.values())
        pd.testing.assert_frame_equal(one, L_D.put(CONTACT.back(other)))


def test_tables_formulas_and_page_speak_of_contact_area_and_not_of_co_travel(answers):
    folder = answers["contact_area_um2"]
    for file in [*folder.glob("*.csv"), folder / "models.json", folder / "notes.json", folder / "claims.json"]:
        assert not re.search(r"\bL_d\b|l_d_um|\bl_d\b|co-travel", file.read_text(encoding="utf-8")), file.name
    (model,) = json.loads((folder / "models.json").read_text()).values()
    assert model["formula"] == "n_synapses ~ signal_correlation + offset(log(contact_area_um2)) + (1 | pre_nucleus_id)"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "with log contact area as offset" in page
    assert "Synapses for 1,000 um2 of contact area" in page
    assert not re.search(r"\bL_d\b", page)
    assert "L_d" in (answers["l_d_um"] / "report.html").read_text(encoding="utf-8")


def test_power_speaks_of_contact_area_too(tmp_path):
    pairs = plant(Planted(n_axons=12, n_targets=40, n_synapses=300, slope=1.5), seed=1).pairs
    pairs.rename(columns={"l_d_um": "contact_area_um2"}).to_csv(tmp_path / "pairs.csv", index=False)
    words = ["power", tmp_path / "pairs.csv", "--similarity", "signal_correlation", "--effect", 1, "--inclusion", "none", "--tables", 20]
    result = CliRunner().invoke(app, [str(word) for word in (*words, "--axons", 6, "--axons", 6, "--out", tmp_path / "out")])
    assert result.exit_code == 0, result.output
    for file in [*(tmp_path / "out").glob("*.csv"), *(tmp_path / "out").glob("*.json"), tmp_path / "out" / "report.html"]:
        assert not re.search(r"\bL_d\b|co-travel", file.read_text(encoding="utf-8")), file.name
    assert "candidates of an axon (contact area &gt; 0)" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_an_error_of_the_statistics_speaks_of_the_exposure_that_was_given(tmp_path):
    pairs = plant(Planted(n_axons=6, n_targets=20, n_synapses=60), seed=1).pairs.rename(columns={"l_d_um": "contact_area_um2"})
    pairs.loc[pairs["n_synapses"] > 0, "contact_area_um2"] = 0.0
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    asked = LikeToLikeConfig(pairs=tmp_path / "pairs.csv", similarity=("signal_correlation",), by="none", inclusion="none", nulls=0)
    with pytest.raises(ValueError, match=r"connected pairs have contact_area_um2 = 0.*Measure contact area in the volume of the synapses"):
        run_like_to_like(asked, tmp_path / "out")


def test_two_exposures_in_one_table_are_refused(tmp_path):
    pairs = plant(Planted(n_axons=6, n_targets=20, n_synapses=60), seed=1).pairs
    pairs.assign(contact_area_um2=1.0).to_csv(tmp_path / "pairs.csv", index=False)
    with pytest.raises(ValueError, match="a pair has one exposure, and there are l_d_um, contact_area_um2"):
        read_pairs(tmp_path / "pairs.csv")


def test_contacts_that_stand_once_make_a_pair_table_in_both_directions(tmp_path):
    ids = np.arange(1, 7)
    neurons = pd.DataFrame({"nucleus_id": ids, "root_id": 1000 + ids, "queried_pre": True, "queried_post": True})
    once = [(1, 2, 0.5), (1, 3, 0.2), (2, 3, 0.1), (4, 5, 0.3), (5, 6, 0.4)]
    contacts = pd.DataFrame([(1000 + a, 1000 + b, area) for a, b, area in once], columns=[*KEY, "contact_area_um2"])
    synapses = pd.DataFrame([(1002, 1001, 2), (1005, 1006, 1), (1001, 1006, 1)], columns=[*KEY, "n_synapses"])
    files = {"synapses": synapses, "contacts": contacts, "neurons": neurons}
    for name, table in files.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    words = ["pairs", *(str(tmp_path / f"{name}.csv") for name in ("synapses", "contacts"))]
    out = tmp_path / "pairs.csv"
    result = CliRunner().invoke(app, [*words, "--neurons", str(tmp_path / "neurons.csv"), "--out", str(out)])
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "neurons.csv: no column tells the function of neurons" in said
    assert "give it --function or --embeddings" in said
    table = pd.read_csv(out).set_index(["pre_nucleus_id", "post_nucleus_id"])
    assert "l_d_um" not in table
    area = {pair: value for pair, value in table["contact_area_um2"].items() if value}
    assert area == {pair: value for a, b, value in once for pair in ((a, b), (b, a))}
    assert table.loc[(2, 1), "population"] == "Connected"
    made = (tmp_path / "pairs.csv.made.json").read_text()
    assert "with contact area > 0" in made
    assert "L_d" not in made
