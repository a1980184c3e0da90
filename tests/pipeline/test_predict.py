"""Every row that is asked is answered, in its place, with a word on what was not known."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import logit
from sklearn.metrics import roc_auc_score

from graphtwin.evaluation import pair_baselines
from graphtwin.execute import threads
from graphtwin.graph import load
from graphtwin.graph.model import pair_probabilities
from graphtwin.graph.runs import (
    BOOSTED_MESSAGES,
    GRAPH_MODEL,
    MESSAGE_PASSING,
    WITHOUT_MESSAGES,
    fit_pair_rivals,
    predict_neurons,
    predict_pairs,
)
from graphtwin.kinds import RUN, write_kind
from tests.conftest import ROOT
from tests.pipeline.planted_source import BLIND_IDS, DIRECTIONS, FUNCTIONAL, LATER, UNKNOWN_ID, N, few_trees, planted_export, posts
from tests.test_training import Payload

pytestmark = pytest.mark.slow

AS_IT_IS = {name: getattr(pair_baselines, name) for name in ("HistGradientBoostingClassifier", "TRIED_TREES")}


@pytest.fixture(scope="module", autouse=True)
def trees() -> Iterator[None]:
    """Baselines are fitted again from the folder as the run fitted them: of few trees."""
    with few_trees():
        yield


@pytest.fixture(scope="module")
def asked() -> pd.DataFrame:
    """Axons onto other queried cells in no order, one pair three times."""
    rng = np.random.default_rng(2)
    pairs = pd.DataFrame({"pre_nucleus_id": rng.permutation(N)[:60], "post_nucleus_id": rng.permutation(posts())})
    pairs = pairs[pairs["pre_nucleus_id"] != pairs["post_nucleus_id"]]
    return pd.concat([pairs, pairs.iloc[[5, 5]]], ignore_index=True)


def test_a_fitted_graph_says_what_it_predicts_and_by_which_model(graph):
    first, *tasks, folder = repr(graph).splitlines()
    assert folder == f"  folder: {graph.folder}"
    assert first == f"FittedGraph: {len(graph.study.cortex.neurons)} neurons, {len(graph.best)} tasks"
    assert [line.split(": ")[1].split(" (")[0] for line in tasks] == [best.model for best in graph.best.values()]


def test_rows_come_back_in_their_order_and_duplicates_alike(graph, asked):
    found = predict_pairs(graph, asked)
    pd.testing.assert_frame_equal(found[["pre_nucleus_id", "post_nucleus_id"]], asked, check_dtype=False)
    assert found["probability"].between(0, 1).all()
    assert (found["expected_size"] > 0).all()
    np.testing.assert_allclose(found["probability"].iloc[-2:], found["probability"].iloc[5], rtol=1e-6)


def test_a_pair_has_the_same_probability_alone_and_among_others(graph, asked):
    together = predict_pairs(graph, asked)
    alone = pd.concat([predict_pairs(graph, asked.iloc[[row]]) for row in (0, 17, 40)])
    np.testing.assert_allclose(alone["probability"], together["probability"].iloc[[0, 17, 40]], rtol=1e-5)


def test_a_fitted_graph_predicts_pairs_and_neurons_by_the_columns_that_name_them(finished, graph, asked):
    assert graph.folder == finished.folder
    pd.testing.assert_frame_equal(graph.predict(asked, fill_unknown=True), predict_pairs(graph, asked, fill_unknown=True))
    neurons = pd.DataFrame({"nucleus_id": [0, UNKNOWN_ID]})
    pd.testing.assert_frame_equal(graph.predict(neurons, fill_unknown=True), predict_neurons(graph, neurons, fill_unknown=True))
    with pytest.raises(ValueError, match="nucleus_id"):
        graph.predict(pd.DataFrame({"cell": [1]}))


def test_a_run_predicts_the_same_each_time_it_is_loaded(finished, graph, asked):
    pd.testing.assert_frame_equal(predict_pairs(finished.folder, asked), predict_pairs(graph, asked))
    neurons = pd.DataFrame({"nucleus_id": np.arange(30)})
    pd.testing.assert_frame_equal(predict_neurons(load(finished.folder), neurons), predict_neurons(graph, neurons))


WITH_UNKNOWN = pd.DataFrame({"pre_nucleus_id": [UNKNOWN_ID, 0, 0], "post_nucleus_id": [1, UNKNOWN_ID, 1]})


def test_pairs_of_unknown_neurons_are_left_empty_with_a_note(graph):
    found = predict_pairs(graph, WITH_UNKNOWN)
    assert found["note"].tolist() == ["pre neuron unknown to the run: left empty", "post neuron unknown to the run: left empty", ""]
    assert found[["probability", "expected_size"]].isna().all(axis=1).tolist() == [True, True, False]
    assert found["model"].tolist() == ["", "", graph.pair_model]


def test_pairs_of_unknown_neurons_get_the_overall_rate_where_it_is_asked_for(graph):
    found = predict_pairs(graph, WITH_UNKNOWN, fill_unknown=True)
    np.testing.assert_allclose(found["probability"].iloc[:2], graph.study.pairs.prevalence)
    assert found["model"].tolist() == ["overall rate", "overall rate", graph.pair_model]
    assert found["note"].iloc[0] == "pre neuron unknown to the run: overall rate given"


@pytest.mark.parametrize("fill_unknown", [False, True])
def test_a_cell_with_itself_is_left_empty_with_a_note(graph, fill_unknown):
    """Models learn and are scored on pairs of two cells, so that what they said of one with itself would be made up."""
    itself = pd.DataFrame({"pre_nucleus_id": [3, 3], "post_nucleus_id": [3, 1]})
    found = predict_pairs(graph, itself, fill_unknown=fill_unknown)
    assert found[["probability", "expected_size"]].isna().all(axis=1).tolist() == [True, False]
    assert found["model"].tolist() == ["", graph.pair_model]
    assert "a cell with itself: left empty" in found["note"].iloc[0]


def test_pairs_that_the_run_was_fitted_on_are_marked(graph):
    study = graph.study
    axons, cells = study.inputs.nucleus_id[study.pairs.pre], study.inputs.nucleus_id[study.pairs.post]
    other = np.setdiff1d(study.inputs.nucleus_id, cells)[0]
    pairs = {"pre_nucleus_id": [axons[3], axons[3], UNKNOWN_ID, cells[0]], "post_nucleus_id": [cells[0], other, cells[0], cells[0]]}
    assert predict_pairs(graph, pd.DataFrame(pairs))["fitted_on"].tolist() == [True, False, False, False]


def answering(graph, task, model):
    """The graph model of a run in which another model was best at a task."""
    return replace(graph, best={**graph.best, task: replace(graph.best[task], model=model)})


@pytest.mark.parametrize("model", ["boosting", "boosting + tuning", BOOSTED_MESSAGES, "logistic", "distance"])
def test_a_baseline_that_was_best_answers_with_its_fit_on_all_pairs(graph, asked, model):
    ours = answering(graph, "connectivity", model)
    found = predict_pairs(ours, asked)
    rows = [graph.study.inputs.rows(asked[name].to_numpy()) for name in asked]
    with threads(1):
        (fitted,) = fit_pair_rivals(graph.study, graph.study.pairs, [model])(*rows).values()
    np.testing.assert_array_equal(found["probability"], fitted)
    assert found["model"].eq(model).all()
    pd.testing.assert_series_equal(found["expected_size"], predict_pairs(graph, asked)["expected_size"])
    again = predict_pairs(answering(graph, "connectivity", model), asked)
    pd.testing.assert_frame_equal(again, found)  # fitted once more from the folder, the same numbers


@pytest.mark.parametrize("model", [GRAPH_MODEL, WITHOUT_MESSAGES, MESSAGE_PASSING])
def test_a_stack_answers_with_its_weights_of_the_models_in_it(graph, asked, model):
    ours = answering(graph, "connectivity", model)
    found = predict_pairs(ours, asked)["probability"].to_numpy()
    rows = [graph.study.inputs.rows(asked[name].to_numpy()) for name in asked]
    said = {MESSAGE_PASSING: pair_probabilities(graph.pairs, *rows)[0]}
    if model != MESSAGE_PASSING:
        with threads(1):
            said |= fit_pair_rivals(graph.study, graph.study.pairs, ["distance", "logistic", "boosting", BOOSTED_MESSAGES])(*rows)
    weights = {MESSAGE_PASSING: 1.0} if model == MESSAGE_PASSING else graph.stacks[model].weights
    level = 0.0 if model == MESSAGE_PASSING else graph.stacks[model].level
    terms = [weight * logit(np.clip(said[name], 1e-6, 1 - 1e-6)) for name, weight in weights.items()]
    np.testing.assert_allclose(logit(found), sum(terms) + level, atol=1e-3)
    assert ({MESSAGE_PASSING, BOOSTED_MESSAGES} <= set(weights)) == (model == GRAPH_MODEL)


def test_boosting_that_answers_knows_the_planted_rule(graph, monkeypatch):
    for name, value in AS_IT_IS.items():
        monkeypatch.setattr(pair_baselines, name, value)
    near = predict_pairs(answering(graph, "connectivity", "boosting"), every_pair(graph.study))
    connected = (graph.study.pairs.size.toarray() > 0)[graph.study.pairs.pre[:, None] != graph.study.pairs.post[None]]
    assert roc_auc_score(connected, near["probability"]) > 0.8
    assert near["probability"].mean() == pytest.approx(connected.mean(), rel=0.2)  # among all pairs, not among the thinned


def every_pair(study):
    pre, post = (study.inputs.nucleus_id[rows] for rows in (study.pairs.pre, study.pairs.post))
    table = pd.DataFrame({"pre_nucleus_id": np.repeat(pre, len(post)), "post_nucleus_id": np.tile(post, len(pre))})
    return table[table["pre_nucleus_id"] != table["post_nucleus_id"]]


def test_the_model_that_answers_is_the_best_of_the_runs_own_table(finished, graph):
    metrics = pd.read_parquet(finished.folder / "metrics.parquet")
    for task, (split, metric) in {"connectivity": ("axon", "average_precision"), "layer": ("neuron", "balanced_accuracy")}.items():
        rows = metrics.query(f"task == '{task}' and split == '{split}' and metric == '{metric}' and subset == 'all'")
        assert graph.best[task].estimate == rows["estimate"].max()
        assert graph.best[task].model in set(rows.loc[rows["estimate"] == rows["estimate"].max(), "model"])
        assert graph.best[task].others == len(rows)


def test_a_neuron_is_answered_for_by_the_baseline_that_was_best_and_the_evidence_says_so(graph):
    neurons = pd.DataFrame({"nucleus_id": np.arange(40)})
    ours = answering(answering(answering(graph, "layer", "boosting, function"), "depth", "scan alone"), "cell_type", "majority")
    found = predict_neurons(ours, neurons)
    assert found[["cell_type_model", "layer_model", "depth_model"]].iloc[0].tolist() == ["majority", "boosting, function", "scan alone"]
    assert found["evidence"].iloc[0] == "cell type: class frequencies; layer: function; depth: scan"
    assert found["cell_type_probability"].nunique() == 1
    assert found["depth_um"].nunique() == 1  # nuclei 0 to 39 lie in one scan
    assert found["layer_probability"].nunique() > 1
    pd.testing.assert_series_equal(found["layer_from_function"], predict_neurons(graph, neurons)["layer_from_function"])


@pytest.mark.parametrize("name", ["root_id", "pt_root_id"])
@pytest.mark.parametrize(("materialization", "shift"), [(7, 0), (9, LATER)])
def test_neurons_are_asked_by_root_id_too(graph, name, materialization, shift):
    ids = np.array([5, 17, BLIND_IDS[0]])
    by_root = predict_neurons(graph, pd.DataFrame({name: ROOT + shift + ids}), materialization=materialization)
    by_nucleus = predict_neurons(graph, pd.DataFrame({"nucleus_id": ids}))
    assert by_root[name].tolist() == (ROOT + shift + ids).tolist()
    pd.testing.assert_frame_equal(by_root.drop(columns=name), by_nucleus.drop(columns="nucleus_id"))


def test_a_root_id_without_a_nucleus_is_left_empty_and_said(graph):
    found = predict_neurons(graph, pd.DataFrame({"root_id": [ROOT + 5, ROOT + UNKNOWN_ID]}), materialization=7)
    assert found["layer"].notna().tolist() == [True, False]
    assert "its root id belongs to no nucleus, to several, or to none of the run" in found["note"].iloc[1]


def test_root_ids_need_no_materialization_where_the_run_knows_of_one(graph, asked):
    roots_of_one = graph.study.cortex.root_ids.query("materialization == 7")
    study = replace(graph.study, cortex=replace(graph.study.cortex, root_ids=roots_of_one))
    network = answering(graph, "connectivity", MESSAGE_PASSING)  # baselines would be fitted again, on the labels of fewer root ids
    found = predict_pairs(replace(network, study=study), roots(asked))
    pd.testing.assert_frame_equal(found[["probability"]], predict_pairs(network, asked)[["probability"]])


def test_a_materialization_of_nucleus_ids_is_refused(graph, asked):
    with pytest.raises(ValueError, match="pre_nucleus_id and post_nucleus_id, which belong to no materialization, but 7 was given"):
        predict_pairs(graph, asked, 7)


def test_root_ids_beside_nucleus_ids_are_said_to_be_unread(graph, asked, caplog):
    predict_pairs(graph, pd.concat([asked, roots(asked)], axis=1))
    assert "pre_nucleus_id and post_nucleus_id name the cells; pre_pt_root_id, post_pt_root_id are not read" in caplog.text


def test_a_neuron_without_a_position_is_predicted_and_noted(graph):
    found = predict_pairs(graph, pd.DataFrame({"pre_nucleus_id": [BLIND_IDS[3], 0], "post_nucleus_id": [1, BLIND_IDS[0]]}))
    assert "pre neuron lacks a position" in found["note"].iloc[0]
    assert "post neuron lacks a position" in found["note"].iloc[1]
    assert found["probability"].between(0, 1).all()


def test_a_target_that_nobody_queried_is_noted(graph):
    assert "was not queried" in predict_pairs(graph, pd.DataFrame({"pre_nucleus_id": [1], "post_nucleus_id": [2]}))["note"].iloc[0]


def test_zero_rows_are_answered_with_zero_rows(graph):
    empty = pd.DataFrame({"pre_nucleus_id": [], "post_nucleus_id": []})
    assert predict_pairs(graph, empty).columns.tolist() == [
        *empty,
        *("probability", "expected_size", "model", "fitted_on", "note"),
    ]
    found = predict_neurons(graph, pd.DataFrame({"nucleus_id": []}))
    assert len(found) == 0
    assert {"cell_type", "layer", "depth_um", "depth_um_sd"} <= set(found.columns)


def test_ids_that_are_no_whole_numbers_are_refused(graph):
    with pytest.raises(ValueError, match="1 of 1 ids are no whole numbers"):
        predict_pairs(graph, pd.DataFrame({"pre_nucleus_id": [1.5], "post_nucleus_id": [2.0]}))


def roots(pairs: pd.DataFrame, shift: int = 0) -> pd.DataFrame:
    """The pairs by the root ids of a materialization."""
    return (pairs + ROOT + shift).rename(columns=lambda name: name.replace("nucleus_id", "pt_root_id"))


@pytest.mark.parametrize(("materialization", "shift"), [(7, 0), (9, LATER)])
def test_root_ids_of_each_materialization_lead_to_the_same_answer(graph, asked, materialization, shift):
    by_root = predict_pairs(graph, roots(asked, shift), materialization)
    by_nucleus = predict_pairs(graph, asked)
    pd.testing.assert_frame_equal(by_root[["probability", "expected_size"]], by_nucleus[["probability", "expected_size"]])
    assert by_root["pre_pt_root_id"].tolist() == (asked["pre_nucleus_id"] + ROOT + shift).tolist()


@pytest.mark.parametrize("materialization", [None, 8])
def test_root_ids_of_no_known_materialization_are_refused(graph, asked, materialization):
    given = "no materialization was given" if materialization is None else "materialization 8 was given"
    with pytest.raises(ValueError, match=rf"has root ids, {given}, and the run knows those of \[7, 9\]"):
        predict_pairs(graph, roots(asked), materialization)


def test_root_ids_of_another_materialization_than_said_are_refused(graph, asked):
    with pytest.raises(ValueError, match=r"0 of \d+ root ids are of materialization 9, but \d+ are of 7. Give --materialization 7"):
        predict_pairs(graph, roots(asked), 9)


def test_a_root_id_without_a_nucleus_is_noted_and_no_row_is_dropped(graph, asked):
    spoiled = roots(asked)
    spoiled.loc[3, "pre_pt_root_id"] = ROOT + UNKNOWN_ID
    found = predict_pairs(graph, spoiled, 7)
    assert len(found) == len(spoiled)
    assert "pre neuron unknown" in found["note"].iloc[3]


def test_neurons_of_every_kind_are_answered_in_their_order(graph):
    ids = [BLIND_IDS[1], UNKNOWN_ID, FUNCTIONAL + 3, 4, BLIND_IDS[1]]
    found = predict_neurons(graph, pd.DataFrame({"nucleus_id": ids}))
    assert found["nucleus_id"].tolist() == ids
    assert found["note"].tolist()[0] == ""
    assert found["note"].tolist()[1] == "neuron unknown to the run: left empty"
    assert found["note"].tolist()[2].startswith("no functional responses: left empty; the run was fitted on this neuron's labels")
    assert found["note"].tolist()[3] == "the run was fitted on this neuron's labels (cell type, layer, position)"
    assert found["fitted_on"].tolist() == [False, False, True, True, False]
    assert found["layer"].isna().tolist() == [False, True, True, False, False]
    assert found["evidence"].tolist()[1:3] == ["none", "none"]
    pd.testing.assert_frame_equal(found.iloc[[0]], found.iloc[[4]].set_index(pd.Index([0])))


def test_a_neuron_without_function_gets_frequencies_that_sum_to_one(graph):
    found = predict_neurons(graph, pd.DataFrame({"nucleus_id": [UNKNOWN_ID, 0]}), fill_unknown=True)
    assert found["evidence"].iloc[0] == found["layer_model"].iloc[0] == "class frequencies"
    for task in (["probability_23P", "probability_4P"], ["probability_L2/3", "probability_L4"]):
        np.testing.assert_allclose(found[task].sum(axis=1), 1.0)
    assert (found["depth_um_sd"] > 0).all()


def test_a_run_that_is_not_finished_is_refused(tmp_path):
    write_kind(tmp_path, RUN)
    with pytest.raises(ValueError, match=r"a run of the graph model that has not finished\. .*with --resume"):
        load(tmp_path)


def test_the_planted_volume_is_what_the_tests_say(tmp_path):
    frames = planted_export(tmp_path).frames
    assert len(frames["responses"].columns.intersection(DIRECTIONS)) == 8
    assert frames["coregistration"]["pial_y_um"].isna().sum() == len(BLIND_IDS)


def test_a_graph_that_holds_a_program_is_refused_and_nothing_in_it_runs(finished, tmp_path):
    run, mark = tmp_path / "run", tmp_path / "it ran"
    shutil.copytree(finished.folder, run)
    torch.save({"pairs": Payload(mark)}, run / "graph.pt")
    with pytest.raises(ValueError, match=r"graph\.pt: holds more than tensors, numbers and words.*nothing in it was run"):
        load(run)
    assert not mark.exists()


def test_places_have_the_names_of_the_axes_and_none_is_called_depth_that_is_not(graph):
    neurons = pd.DataFrame({"nucleus_id": np.arange(5)})
    cortex = replace(graph.study.cortex, axes=pd.DataFrame({"axis": ["left-right", "dorsoventral", "anteroposterior"]}))
    called = dict(zip(graph.study.axes, cortex.axes["axis"], strict=True))
    stacks = {label: {called.get(task, task): stack for task, stack in of.items()} for label, of in graph.neuron_stacks.items()}
    renamed = replace(graph, study=replace(graph.study, cortex=cortex), neuron_stacks=stacks)
    as_before, found = predict_neurons(graph, neurons), predict_neurons(renamed, neurons)
    assert {f"{axis}_um" for axis in cortex.axes["axis"]} < set(found)
    assert not any("depth" in name for name in found)
    assert found["dorsoventral_um"].between(0, 600).all()
    assert as_before["depth_um"].between(0, 600).all()
