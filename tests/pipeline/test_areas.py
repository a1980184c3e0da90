"""Areas held out: a rule that two areas share carries over, one of opposite sign does not, and nothing of the other area is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.cortex import Cortex
from graphtwin.graph.runs import FROM_FUNCTION, GRAPH_MODEL, Study
from graphtwin.graph.settings import load_settings
from graphtwin.pipeline.graph import areas as areas_module
from graphtwin.pipeline.graph.area_jobs import ACROSS, NEURONS, PAIRS, SPLIT, area_jobs, neurons_job, pairs_job
from graphtwin.pipeline.graph.area_scores import OF_OWN_AREA, area_table, area_verdicts
from graphtwin.pipeline.graph.areas import areas_of
from graphtwin.pipeline.graph.jobs import JobKey
from graphtwin.report.area_tables import area_tables, no_areas
from graphtwin.report.folder import RunFolder
from tests.pipeline.planted_source import few_trees

N, VERSION = 160, 7  # neurons of each area
SETTINGS = ["preset=short", "neurons.hidden=8", "pairs.hidden=8", "neurons.fit.epochs=6", "pairs.fit.epochs=4"]
pytestmark = pytest.mark.slow

TWO = {"V1": 1.0, "LM": 1.0}


def tissue(signs: dict[str, float], seed: int = 0) -> Study:
    """Areas beside one another: axons contact cells of class a where the sign is 1, of class b where it is -1; function tells the layer so.

    Every second neuron is queried, and each is an axon.
    """
    rng = np.random.default_rng(seed)
    n = N * len(signs)
    area, sign = np.repeat(list(signs), N), np.repeat(list(signs.values()), N)
    function, of_class = rng.standard_normal((n, 3)), rng.random(n) < 0.5
    neurons = pd.DataFrame({"nucleus_id": 10 + np.arange(n), "cell_class": np.where(of_class, "a", "b"), "cell_type": None})
    neurons["x_um"] = 1000.0 * np.repeat(np.arange(len(signs)), N) + rng.uniform(0, 300, n)
    neurons["depth_um"], neurons["z_um"] = 300 + 60 * sign * function[:, 1] + rng.normal(0, 15, n), rng.uniform(0, 300, n)
    neurons["layer"] = np.where(sign * function[:, 0] > 0, "L2/3", "L4")
    neurons = neurons.assign(axon_status=None, dendrite_status=None, is_functional=True)
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(n), "nucleus_id": neurons["nucleus_id"], "brain_area": area})
    post = np.arange(0, n, 2)
    liked = (of_class[post] == (sign[post] > 0)) & (area[:, None] == area[post])
    connected = (rng.random((n, len(post))) < np.where(liked, 0.25, 0.02)) & (np.arange(n)[:, None] != post)
    connected &= area[:, None] == area[post]
    i, j = np.nonzero(connected)
    ids = neurons["nucleus_id"].to_numpy()
    synapses = pd.DataFrame({"materialization": VERSION, "pre_nucleus_id": ids[i], "post_nucleus_id": ids[post[j]], "size": 100.0})
    queried = pd.DataFrame({"materialization": VERSION, "nucleus_id": ids[post], "side": "post"})
    nothing = {"orientations": pd.DataFrame(), "funnel": pd.DataFrame(), "root_ids": pd.DataFrame({"materialization": []})}
    cortex = Cortex(neurons=neurons, units=units, synapses=synapses, queried=queried, **nothing)
    features = units[["session", "scan_idx", "unit_id", "nucleus_id"]].assign(reliability=1.0)
    features[[f"feature_{number}" for number in range(3)]] = function.astype(np.float32)
    return Study(load_settings(SETTINGS, source="planted"), cortex, features, VERSION)


def across(study: Study, folder: Path, task: str) -> pd.DataFrame:
    """What is learned in V1 and said of LM."""
    work = {NEURONS: neurons_job, PAIRS: pairs_job}[task]
    key = JobKey(task, variant=ACROSS, split=SPLIT, fold=0, replicate=1)
    with few_trees():
        return work(study, folder / f"{key.stem}.ckpt", key)


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> pd.DataFrame:
    """The table of areas of which two share a rule and the third has it with the opposite sign."""
    study, folder = tissue({"V1": 1.0, "LM": 1.0, "RL": -1.0}), tmp_path_factory.mktemp("areas")
    areas = areas_of(study)
    with few_trees():
        results = {job.key: job.work(study, folder / f"{job.key.stem}.ckpt", job.key) for job in area_jobs(study, areas)}
    return area_table(study, areas, results)


@pytest.fixture(scope="module")
def found(table) -> pd.DataFrame:
    """The same table by all that a row is about."""
    return table.set_index(["task", "train", "test", "model", "less", "metric"]).sort_index()


@pytest.mark.parametrize(("train", "test"), [("V1", "LM"), ("LM", "V1")])
def test_a_rule_that_two_areas_share_carries_over(found, train, test):
    estimate = found["estimate"]
    auc = {model: estimate["connectivity", train, test, model, "nothing", "auc"] for model in (GRAPH_MODEL, "distance")}
    assert auc[GRAPH_MODEL] > auc["distance"] + 0.15
    assert estimate["connectivity", train, test, GRAPH_MODEL, OF_OWN_AREA, "auc"] > -0.1
    assert estimate["layer", train, test, FROM_FUNCTION, "nothing", "balanced_accuracy"] > 0.8
    assert estimate["depth", train, test, FROM_FUNCTION, "nothing", "r2"] > 0.6


@pytest.mark.parametrize(("train", "test"), [("V1", "RL"), ("RL", "V1"), ("LM", "RL"), ("RL", "LM")])
def test_a_rule_of_opposite_sign_does_not_carry_over_and_is_learned_in_its_own_area(found, train, test):
    estimate = found["estimate"]
    assert estimate["connectivity", train, test, GRAPH_MODEL, "nothing", "auc"] < 0.4
    assert estimate["connectivity", test, test, GRAPH_MODEL, "nothing", "auc"] > 0.62
    assert found["high"]["connectivity", train, test, GRAPH_MODEL, OF_OWN_AREA, "auc"] < 0
    assert estimate["layer", train, test, FROM_FUNCTION, "nothing", "balanced_accuracy"] < 0.3
    assert estimate["depth", train, test, FROM_FUNCTION, "nothing", "r2"] < 0


def test_a_sentence_a_task_counts_where_it_carries_over(table):
    said = {verdict.task: verdict.sentence for verdict in area_verdicts(table, areas_of(tissue(TWO)))}
    assert set(said) == {"layer", "depth", "connectivity"}
    assert "6 pairs of areas" in said["connectivity"]
    assert "above the distance learned in the same area in 2 of 6" in said["connectivity"]
    assert "above majority in 2 of 6" in said["layer"]
    assert int(said["layer"].split("in the area itself in ")[1].split()[0]) >= 4


def test_no_synapse_of_the_area_that_is_asked_about_is_read(tmp_path):
    study = tissue(TWO)
    wiring = study.cortex.synapses.copy()
    of_area = wiring["pre_nucleus_id"] >= 10 + N
    targets = study.cortex.queried["nucleus_id"][study.cortex.queried["nucleus_id"] >= 10 + N]
    others = wiring[of_area].groupby("pre_nucleus_id").size()
    rng = np.random.default_rng(3)
    drawn = np.concatenate([rng.choice(targets[targets != axon], n, replace=False) for axon, n in others.items()])
    changed = pd.concat([wiring[~of_area], wiring[of_area].assign(post_nucleus_id=drawn, size=7.0)], ignore_index=True)
    other = replace(study, cortex=replace(study.cortex, synapses=changed))
    pd.testing.assert_frame_equal(across(other, tmp_path, PAIRS), across(study, tmp_path, PAIRS))


def test_no_label_and_no_place_of_the_area_that_is_asked_about_is_read(tmp_path):
    study = tissue(TWO)
    neurons, here = study.cortex.neurons.copy(), slice(N, 2 * N)
    for column in ("layer", "depth_um"):
        neurons[column] = np.concatenate([neurons[column][:N], neurons[column][here].to_numpy()[::-1]])
    other = replace(study, cortex=replace(study.cortex, neurons=neurons))
    pd.testing.assert_frame_equal(across(other, tmp_path, NEURONS), across(study, tmp_path, NEURONS))


def test_cells_of_a_large_area_are_drawn_and_their_pairs_are_no_others(monkeypatch):
    study = tissue(TWO)
    every = areas_module.asked_pairs(study, areas_of(study), 1)
    monkeypatch.setattr(areas_module, "MOST_PAIRS", 3_000)
    drawn = areas_module.asked_pairs(study, areas_of(study), 1)
    assert 2_000 < len(drawn[0]) <= 3_000
    assert set(zip(*drawn, strict=True)) < set(zip(*every, strict=True))


def test_one_area_is_not_split_and_the_page_says_so(tmp_path):
    study = tissue({"V1": 1.0})
    areas = areas_of(study)
    assert areas.names == ("V1",)
    assert area_jobs(study, areas) == []
    assert area_table(study, areas, {}).empty
    assert area_verdicts(area_table(study, areas, {}), areas) == []
    (tmp_path / "tables").mkdir()
    study.cortex.units.to_parquet(tmp_path / "tables" / "units.parquet")
    assert no_areas(RunFolder(tmp_path)) == "Functional neurons lie in one area (V1, 160): no split by area"


def test_an_area_with_few_neurons_takes_no_part():
    study = tissue(TWO)
    units = study.cortex.units.copy()
    units.loc[units.index[N + 80 :], "brain_area"] = "AL"
    few = replace(study, cortex=replace(study.cortex, units=units))
    assert areas_of(few).of_neurons == ()
    assert areas_of(study).of_neurons == (0, 1)


def test_the_page_has_a_table_a_task_with_what_is_lost(table):
    tables_of_page = area_tables(table, ("x", "depth", "z"))
    assert [table.title for table in tables_of_page][-1] == "Connectivity, learned in one area and asked of another"
    group = tables_of_page[-1].groups[0]
    named = dict(group.rows)
    assert any(name.startswith(f"{GRAPH_MODEL}, learned in {group.subset}, held-out") for name in named)
    other = next(train for train in TWO if train != group.subset)
    assert all(cell.interval for cell in named[f"{GRAPH_MODEL}, learned in {other}"])
