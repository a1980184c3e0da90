"""A run whose source says who could meet whom speaks of these pairs first, and of all others beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import graphtwin
from graphtwin.graph.runs import best_models, predict_pairs
from graphtwin.report.figures import wiring_figures
from graphtwin.report.folder import RunFolder
from graphtwin.report.pages.run_page import write_run
from tests.conftest import ROOT
from tests.pipeline.planted_source import SMALL, few_trees, planted_export
from tests.report.reading import unlinked

pytestmark = pytest.mark.slow

UNMEASURED = 3  # an axon without a row


@pytest.fixture(scope="module")
def exposed(tmp_path_factory) -> Path:
    """The planted volume, with an exposure that most pairs lack, a synapse without one, and the synapses of a sister animal."""
    base = tmp_path_factory.mktemp("exposed")
    export = planted_export(base / "export")
    export.frames = {role: export.frames[role] for role in ("coregistration", "responses", "synapses", "queried_post")}
    synapses, rng = export.frames["synapses"], np.random.default_rng(0)
    met = synapses[["pre_pt_root_id", "post_pt_root_id"]].iloc[10:]
    post = rng.choice(synapses["post_pt_root_id"], 4000)
    drawn = pd.DataFrame({"pre_pt_root_id": ROOT + rng.integers(0, 180, 4000), "post_pt_root_id": post})
    pairs = pd.concat([met, drawn]).drop_duplicates()
    pairs = pairs[pairs["pre_pt_root_id"] != ROOT + UNMEASURED]
    export.frames["exposure"] = pairs.assign(exposure=rng.gamma(2.0, 1.0, len(pairs)))
    export.stated["exposure"] = ['measure = "contact area"', 'unit = "um2"', "symmetric = false"]
    toml = export.write(".parquet")
    synapses.sample(frac=0.8, random_state=1).to_parquet(base / "export" / "sister.parquet")
    entry = ["[[tables]]", 'role = "synapses"', "materialization = 7", 'file = "sister.parquet"', 'animal = "sister"']
    toml.write_text(toml.read_text() + "\n" + "\n".join(entry))
    with few_trees():
        return graphtwin.run(SMALL, source=str(toml), out=base / "out")


@pytest.fixture(scope="module")
def page(exposed) -> str:
    """The page of the run."""
    return unlinked(write_run(exposed).read_text(encoding="utf-8"))


def test_the_headline_is_within_exposure_and_all_pairs_stand_beside(exposed):
    metrics = pd.read_parquet(exposed / "metrics.parquet")
    auc = metrics.query("task == 'connectivity' and split == 'axon' and metric == 'auc'").set_index(["subset", "model"])
    assert auc.loc[("all", "exposure"), "estimate"] > auc.loc[("within exposure", "exposure"), "estimate"] + 0.2
    assert auc.loc[("within exposure", "exposure"), "n"] < 0.6 * auc.loc[("all", "exposure"), "n"]
    best = best_models(metrics)["connectivity"]
    precision = metrics.query("subset == 'within exposure' and split == 'axon' and metric == 'average_precision'")
    assert best.estimate == precision["estimate"].max()
    verdicts = [row["sentence"] for row in json.loads((exposed / "verdicts.json").read_text()) if row["task"] == "connectivity"]
    assert any("average precision within exposure of graph model minus" in sentence for sentence in verdicts)
    assert any(f"{best.model}, whose average precision on held-out axons within exposure" in sentence for sentence in verdicts)


def test_synapses_without_exposure_and_axons_that_were_not_measured_are_counted(exposed):
    funnel = pd.read_parquet(exposed / "tables" / "funnel.parquet").set_index("table")
    axons = funnel.loc["axons with contact area, 7"]
    assert axons["n_dropped"] == 1
    linked = funnel.loc["connected pairs with contact area, 7"]
    assert linked["n_dropped"] == linked["n_before"] - linked["n_after"] > 0
    zero, unknown = (int(word) for word in linked["reason"].split() if word.isdigit())
    assert zero + unknown == linked["n_dropped"]
    assert zero <= 10
    assert unknown > 0


def test_like_to_like_is_within_exposure(exposed, page):
    slopes = pd.read_parquet(exposed / "conditional_like_to_like.parquet")
    assert (slopes["within"] == "contact area").all()
    table = pd.read_parquet(exposed / "tables" / "exposure.parquet")
    assert slopes["n_pairs"].max() <= len(table)
    (said,) = [row["sentence"] for row in json.loads((exposed / "verdicts.json").read_text()) if row["task"] == "like_to_like"]
    assert said.startswith("like-to-like within exposure (contact area): ")
    assert "The cells are those that it could have reached (contact area above 0)" in page
    assert "signal correlation" in wiring_figures.draw_conditional(RunFolder.open(exposed)).svg.lower()


def test_the_ceiling_is_a_table_a_verdict_and_on_the_page(exposed, page):
    table = pd.read_parquet(exposed / "ceiling.parquet").set_index(["model", "metric"])
    assert table.loc[("wiring of sister", "auc"), "estimate"] > 0.85
    assert table.loc[("wiring of sister", "auc"), "share"] == 1
    assert "Ceiling: from exposure alone to the wiring of sister" in page
    assert "Axons held out, within exposure" in page
    assert "at exposure 0" in page


def test_a_prediction_says_the_exposure_of_a_pair_and_where_it_is_zero(exposed):
    table = pd.read_parquet(exposed / "tables" / "exposure.parquet")
    some = table[["pre_nucleus_id", "post_nucleus_id"]].head(2)
    queried = table["post_nucleus_id"].unique()
    met = set(table.loc[table["pre_nucleus_id"] == 0, "post_nucleus_id"])
    never = next(cell for cell in queried if cell not in met and cell != 0)
    asked = pd.concat([some, pd.DataFrame({"pre_nucleus_id": [0, UNMEASURED], "post_nucleus_id": [never, queried[0]]})], ignore_index=True)
    found = predict_pairs(exposed, asked)
    np.testing.assert_allclose(found["exposure"], [*table["exposure"].head(2), 0.0, np.nan])
    assert "exposure 0 (contact area)" in found["note"].iloc[2]
    assert "exposure unknown (contact area): the axon or the cell was not measured" in found["note"].iloc[3]
    assert "exposure" not in found["note"].iloc[0]
