"""Every row that is asked is answered, in its place, with a word on what was not known."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.graph import load, predict_neurons, predict_pairs
from graphtwin.kinds import RUN, write_kind
from tests.conftest import ROOT
from tests.pipeline.planted_source import BLIND_IDS, DIRECTIONS, FUNCTIONAL, LATER, UNKNOWN_ID, N, planted_export, posts
from tests.test_training import Payload

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def asked() -> pd.DataFrame:
    """Axons onto queried cells in no order, one pair three times."""
    rng = np.random.default_rng(2)
    pairs = pd.DataFrame({"pre_nucleus_id": rng.permutation(N)[:60], "post_nucleus_id": rng.permutation(posts())})
    return pd.concat([pairs, pairs.iloc[[5, 5]]], ignore_index=True)


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


def test_a_run_predicts_the_same_each_time_it_is_loaded(finished, graph, asked):
    pd.testing.assert_frame_equal(predict_pairs(finished.folder, asked), predict_pairs(graph, asked))
    neurons = pd.DataFrame({"nucleus_id": np.arange(30)})
    pd.testing.assert_frame_equal(predict_neurons(load(finished.folder), neurons), predict_neurons(graph, neurons))


def test_unknown_neurons_get_the_overall_rate_and_a_note(graph):
    found = predict_pairs(graph, pd.DataFrame({"pre_nucleus_id": [UNKNOWN_ID, 0, 0], "post_nucleus_id": [1, UNKNOWN_ID, 1]}))
    assert found["note"].tolist()[0].startswith("pre neuron unknown")
    assert found["note"].tolist()[1].startswith("post neuron unknown")
    assert found["note"].tolist()[2] == ""
    np.testing.assert_allclose(found["probability"].iloc[:2], graph.study.pairs.prevalence)


def test_a_neuron_without_a_position_is_predicted_and_noted(graph):
    found = predict_pairs(graph, pd.DataFrame({"pre_nucleus_id": [BLIND_IDS[3], 0], "post_nucleus_id": [1, BLIND_IDS[0]]}))
    assert "pre neuron lacks a position" in found["note"].iloc[0]
    assert "post neuron lacks a position" in found["note"].iloc[1]
    assert found["probability"].between(0, 1).all()


def test_a_target_that_nobody_queried_is_noted(graph):
    assert "was not queried" in predict_pairs(graph, pd.DataFrame({"pre_nucleus_id": [1], "post_nucleus_id": [2]}))["note"].iloc[0]


def test_zero_rows_are_answered_with_zero_rows(graph):
    empty = pd.DataFrame({"pre_nucleus_id": [], "post_nucleus_id": []})
    assert predict_pairs(graph, empty).columns.tolist() == ["pre_nucleus_id", "post_nucleus_id", "probability", "expected_size", "note"]
    found = predict_neurons(graph, pd.DataFrame({"nucleus_id": []}))
    assert len(found) == 0
    assert {"cell_type", "layer", "depth_um", "depth_um_sd"} <= set(found.columns)


def test_ids_as_floats_are_refused(graph):
    with pytest.raises(ValueError, match="ids are stored as float64"):
        predict_pairs(graph, pd.DataFrame({"pre_nucleus_id": [1.0], "post_nucleus_id": [2.0]}))


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
    with pytest.raises(ValueError, match=rf"root ids of materialization {materialization}, but the run knows those of \[7, 9\]"):
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
    assert found["note"].tolist()[1].startswith("neuron unknown to the run")
    assert found["note"].tolist()[2].startswith("no functional responses")
    assert "fitted on this neuron's labels" in found["note"].tolist()[3]
    pd.testing.assert_frame_equal(found.iloc[[0]], found.iloc[[4]].set_index(pd.Index([0])))


def test_a_neuron_without_function_gets_frequencies_that_sum_to_one(graph):
    found = predict_neurons(graph, pd.DataFrame({"nucleus_id": [UNKNOWN_ID, 0]}))
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
