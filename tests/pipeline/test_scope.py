"""A source with few labels runs, and says in words what it could not score."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import graphtwin
from graphtwin.graph.data.inputs import MIN_MEMBERS
from graphtwin.graph.model.weights import restore_neurons
from graphtwin.graph.runs.fitted_graph import FittedGraph
from graphtwin.graph.runs.neuron_answers import _not_learned
from graphtwin.graph.runs.stacked_neurons import with_stacks
from graphtwin.graph.runs.study import Study
from graphtwin.pipeline.graph import held_out_scores as scores
from graphtwin.pipeline.graph import neuron_jobs as neurons
from graphtwin.pipeline.graph import scope
from graphtwin.pipeline.graph.final_fits import NEURONS, fit_final_neurons
from graphtwin.pipeline.graph.jobs import JobKey
from graphtwin.report.pages.run_page import write_run
from graphtwin.report.tables import print_results
from graphtwin.schema import POSITION
from tests.pipeline.planted_source import BASKET_ID, SMALL, UNKNOWN_ID, few_trees, planted_export
from tests.report.reading import unlinked

pytestmark = pytest.mark.slow


NEEDED = ("coregistration", "responses", "synapses", "queried_post")


@dataclass(frozen=True)
class Bare:
    """A run of a source with nothing but what is needed, its page and its graph model."""

    folder: Path
    html: str
    graph: FittedGraph

    def json(self, name: str):
        return json.loads((self.folder / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Bare:
    """Coregistration, responses, synapses and queried cells, and not a single label or position."""
    base = tmp_path_factory.mktemp("bare")
    export = planted_export(base / "export")
    export.frames = {role: export.frames[role] for role in NEEDED}
    frame = export.frames["coregistration"]
    export.frames["coregistration"] = frame[[name for name in frame if not name.startswith("pial")]]
    with few_trees():
        folder = graphtwin.run(SMALL, source=str(export.write(".parquet")), out=base / "out")
    return Bare(folder, unlinked(write_run(folder).read_text(encoding="utf-8")), graphtwin.graph.load(folder))


def test_connectivity_is_scored_whatever_labels_are_absent(bare):
    metrics = pd.read_parquet(bare.folder / "metrics.parquet")
    assert set(metrics["task"]) == {"connectivity", "size"}
    auc = metrics.query("split == 'axon' and subset == 'all' and metric == 'auc'").set_index("model")
    assert {"graph model", "boosting", "distance"} <= set(auc.index)
    assert np.isfinite(auc["estimate"]).all()
    pairs = bare.graph.predict(pd.DataFrame({"pre_nucleus_id": [0, 2], "post_nucleus_id": [1, 3]}))
    assert pairs["probability"].between(0, 1).all()
    assert pairs["note"].str.contains("pre neuron lacks a position").all()


def test_metrics_and_verdicts_say_what_was_not_scored_and_why(bare):
    said = {
        "cell_type": "no functional neuron has a known cell type (a table of role cell_types_fine gives it)",
        "layer": "no functional neuron has a known layer (a table of role somata or nuclei gives it)",
        "depth": "0 functional neurons have a known position, 20 are needed",
    }
    verdicts = {verdict["task"]: verdict["sentence"] for verdict in bare.json("verdicts") if verdict["finding"] == "skipped"}
    assert verdicts.keys() == said.keys()
    for task, words in said.items():
        assert words in bare.json("metrics")[task]["skipped"]
        assert f"{task.replace('_', ' ')}: not scored, since {words}" in verdicts[task]
    assert "no blocks of tissue" in bare.json("metrics")["connectivity"]["block"]["skipped"]


def test_the_page_says_it_in_place_of_each_figure_and_the_headline_does_not_count_it(bare):
    for task in ("cell type", "layer"):
        assert bare.html.count(f"Not in this run: no functional neuron has a known {task}") == 2  # among the results, and its figure
    assert "Connectivity, blocks of tissue held out</h3><p>Not in this run: no position of a functional neuron is known" in bare.html
    assert "No layer is known; scan accounts for" in bare.html
    assert "nan %" not in bare.html
    about = [v for v in bare.json("verdicts") if v["about"] == "function" and v["finding"] not in ("skipped", "chosen")]
    assert f"of {len(about)} comparisons" in bare.html


def test_the_terminal_says_it_too(bare, capsys):
    print_results(bare.folder)
    printed = " ".join(capsys.readouterr().out.split())
    assert "• layer: not scored, since no functional neuron has a known layer" in printed
    assert "• Connectivity, blocks of tissue held out: not scored, since no position" in printed


def test_the_funnel_counts_the_neurons_of_the_tasks_that_are_skipped(bare):
    funnel = pd.read_parquet(bare.folder / "tables" / "funnel.parquet").set_index("step")
    row = funnel.loc["of a cell type that is scored"]
    assert (row["n_before"], row["n_after"]) == (180, 0)
    assert row["reason"].endswith("the task is skipped")


def test_a_prediction_of_a_run_without_labels_is_empty_and_says_why(bare):
    found = bare.graph.predict(pd.DataFrame({"nucleus_id": [3, UNKNOWN_ID]}))
    assert found[["cell_type", "layer", "depth_um", "depth_um_sd"]].isna().all(axis=None)
    assert found["note"].tolist() == ["the run had no labels to learn from"] * 2


def test_neurons_whose_position_alone_is_known_are_fitted_scored_and_predicted(graph, tmp_path):
    study = labelled(labelled(graph.study, "cell_type", None), "layer", None)
    found = scope.scope_of(study)
    assert found.tasks == dict.fromkeys(("neuron", "scan", "block"), ("position",))
    jobs = [job for job in neurons.neuron_jobs(study, {"scan": ("position",)}) if job.key.fold == 0]
    table = pd.concat(job.work(study, tmp_path / f"{job.key.stem}.ckpt", job.key) for job in jobs)
    table = with_stacks(study, table, {"scan": ("position",)})
    metrics, differences = scores.neuron_scores(study, {}, neurons.position_table(study, table))
    assert set(metrics["task"]) == {"depth", "lateral"}
    assert "graph model, function - majority" in set(differences["model"])
    for name in study.evidence:
        fit_final_neurons(study, tmp_path / f"final_{name}.ckpt", JobKey(NEURONS, "graph", name))
    weights = {name: torch.load(tmp_path / f"final_{name}.pt", weights_only=True) for name in study.evidence}
    fitted = {
        name: restore_neurons(weights[name], study.inputs, study.all_edges, evidence, study.settings.neurons)
        for name, evidence in study.evidence.items()
    }
    answer = replace(graph, study=study, neurons=fitted).predict(pd.DataFrame({"nucleus_id": [3, UNKNOWN_ID]}))
    assert answer[["cell_type", "layer"]].isna().all(axis=None)
    assert answer["depth_um"].between(0, 600).tolist() == [True, False]
    assert np.isnan(answer["depth_um"][1])  # a neuron that the run does not know
    assert answer["note"].str.contains("no cell type: the run had no label of it; no layer: the run had no label of it").all()


def test_a_prediction_tells_too_few_labels_from_none(graph):
    """Labels of one class are labels; so is a place that all neurons share."""
    ids = graph.study.cortex.neurons["nucleus_id"].to_numpy()
    study = labelled(labelled(graph.study, "layer", "L4"), "cell_type", np.where(ids < 3, "BC", None))
    for axis in POSITION:
        study = labelled(study, axis, 7.0)
    notes = [_not_learned(study, task) for task in ("layer", "cell_type", "position")]
    assert notes == [
        "the run had too few labels (180 neurons, fewer than two classes of 20)",
        "the run had too few labels (3 neurons, fewer than two classes of 20)",
        "all neurons of the run lie at one place",
    ]
    assert _not_learned(labelled(study, "depth_um", np.nan), "position") == "the run had no label of it"


def test_rare_classes_are_counted_by_name_and_number(finished):
    funnel = pd.read_parquet(finished.folder / "tables" / "funnel.parquet").set_index("step")
    row = funnel.loc["of a cell type that is scored"]
    assert (row["n_before"], row["n_after"]) == (180, 173)
    assert row["reason"] == "6 unknown; fewer than 20 of a class: BC 1; kept, masked"
    assert funnel.loc["of a layer that is scored", "reason"] == "6 unknown; kept, masked"


def test_axons_and_pairs_that_are_not_scored_are_counted(finished, graph):
    funnel = pd.read_parquet(finished.folder / "tables" / "funnel.parquet").set_index(["table", "step"])
    axons = funnel.loc[("axons 7", "of a functional nucleus")]
    assert axons["n_after"] == graph.study.scored_axons.sum() < axons["n_before"] == len(graph.study.pairs.pre)
    scored = pd.read_parquet(finished.folder / "predictions" / "connectivity.parquet")
    assert funnel.loc[("pairs of functional axons, split by axon", "with both cells held out"), "n_after"] == len(scored)
    block = funnel.loc[("pairs of functional axons, split by block", "with both cells held out")]
    assert block["n_after"] < block["n_before"] == len(scored)


def labelled(study: Study, column: str, values: np.ndarray | str | None) -> Study:
    return replace(study, cortex=replace(study.cortex, neurons=study.cortex.neurons.assign(**{column: values})))


def test_a_class_alone_is_nothing_to_tell_apart(graph):
    study = labelled(graph.study, "layer", "L4")
    assert "layer" not in study.tasks
    assert scope.scope_of(study).reasons["layer", ""] == (
        "fewer than two classes have 20 functional neurons (L4 180): nothing can be told apart"
    )


def test_a_class_counts_the_neurons_that_have_an_embedding(graph):
    """A class whose neurons are functional but were left out of brought embeddings can neither be learned nor held out."""
    ids = graph.study.cortex.neurons["nucleus_id"].to_numpy()
    types = np.where(ids < MIN_MEMBERS, "BC", np.where(ids % 2, "4P", "23P")).astype(object)
    study = labelled(graph.study, "cell_type", types)
    assert study.inputs.cell_types == ("23P", "4P", "BC")
    fewer = replace(study, features=study.features[study.features["nucleus_id"] > 4])
    assert fewer.inputs.cell_types == ("23P", "4P")
    assert (fewer.inputs.cell_type[fewer.inputs.rows(np.arange(5, MIN_MEMBERS))] == -1).all()


def test_a_task_is_not_scored_in_a_split_that_leaves_too_few_of_its_labels(graph):
    ids = graph.study.cortex.neurons["nucleus_id"].to_numpy()
    of_one_scan = np.where(ids < 45, np.where(ids % 4 < 2, "L2/3", "L4"), None)
    found = scope.scope_of(labelled(graph.study, "layer", of_one_scan))
    assert found.splits("cell_type") == ["neuron", "scan", "block"]
    assert found.splits("layer") == ["neuron", "block"]
    assert found.reasons["layer", "scan"].endswith("held out 0 labelled neurons are left, 20 are needed")


def test_more_folds_than_neurons_leave_a_fold_empty(graph):
    settings = graph.study.settings.model_copy(update={"neuron_folds": 200})
    reasons = scope.scope_of(replace(graph.study, settings=settings)).reasons
    for task in ("cell_type", "layer", "position"):
        assert reasons[task, ""].endswith("of the split by neuron holds no functional neuron")


def test_a_source_whose_functional_neurons_have_no_output_scores_neurons_and_says_why_not_pairs(graph):
    cortex = graph.study.cortex
    functional = cortex.units["nucleus_id"]
    silent = replace(cortex, synapses=cortex.synapses[~cortex.synapses["pre_nucleus_id"].isin(functional)])
    found = scope.scope_of(replace(graph.study, cortex=silent))
    assert found.pair_splits == ()
    assert found.splits("layer") == ["neuron", "scan", "block"]
    assert re.match(r"fold \d of the split by axon holds 0 axons of functional neurons", found.reasons["connectivity", ""])


def test_a_source_with_nothing_to_score_is_refused_before_a_folder_is_made(tmp_path):
    export = planted_export(tmp_path / "export")
    export.frames = {role: export.frames[role] for role in ("coregistration", "responses")}
    frame = export.frames["coregistration"]
    export.frames["coregistration"] = frame[[name for name in frame if not name.startswith("pial")]]
    with pytest.raises(
        ValueError, match=r"nothing can be scored. connectivity cannot be scored: the source has no wiring .* cell type: no f"
    ):
        graphtwin.run(SMALL, source=str(export.write()), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("least", "classes"), [(20, ("23P", "4P")), (2, ("23P", "4P", "BC"))])
def test_the_least_size_of_a_class_is_a_setting(graph, least, classes):
    ids = graph.study.cortex.neurons["nucleus_id"].to_numpy()
    study = labelled(graph.study, "cell_type", np.where(ids < 5, "BC", np.where(ids % 2, "4P", "23P")).astype(object))
    assert replace(study, settings=study.settings.model_copy(update={"min_members": least})).inputs.cell_types == classes


def test_the_one_basket_cell_is_no_class(graph):
    assert graph.study.inputs.cell_type[graph.study.inputs.rows(np.array([BASKET_ID]))] == -1


def test_a_source_without_positions_has_an_empty_table_of_positions(graph, tmp_path):
    study = graph.study
    for column in POSITION:
        study = labelled(study, column, np.nan)
    assert not study.spread_axes
    job = next(job for job in neurons.neuron_jobs(study, {"neuron": ("cell_type",)}) if job.key.model == "baselines")
    table = neurons.position_table(study, job.work(study, tmp_path / "baselines.ckpt", job.key))
    assert {"split", "permutation", "target", "true_um", "mean_um", "sd_um"} <= set(table)
    assert table.empty
