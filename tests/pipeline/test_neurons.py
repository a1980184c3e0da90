"""Who teaches a neuron job, and what becomes of a class too rare to be learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest

from graphtwin.graph.model.neuron_fit import EVERYTHING, FUNCTION
from graphtwin.graph.runs.study import Study
from graphtwin.pipeline.graph import neuron_jobs as neurons
from graphtwin.pipeline.graph.jobs import JobKey
from tests.pipeline.planted_source import BASKET_ID, few_trees

pytestmark = pytest.mark.slow


def relabelled(study: Study, where: np.ndarray, **values: object) -> Study:
    """The study with other values in some rows of the neurons table."""
    table = study.cortex.neurons.copy()
    for name, value in values.items():
        table.loc[where, name] = value
    return replace(study, cortex=replace(study.cortex, neurons=table))


def every_third(study: Study) -> np.ndarray:
    """Where functional neurons of every scan and place stand in the neurons table."""
    neurons_table = study.cortex.neurons
    return (neurons_table["is_functional"] & (neurons_table["nucleus_id"] % 3 == 0)).to_numpy()


def graph_table(study: Study, split: neurons.Split, fold: int = 0, evidence=FUNCTION) -> pd.DataFrame:
    """The graph model's table of a fold, fitted anew: a checkpoint of an earlier call would be gone on with."""
    with TemporaryDirectory() as folder:
        variant = "everything" if evidence == EVERYTHING else "function"
        return neurons.neuron_graph_job(study, Path(folder) / "fit.ckpt", JobKey(neurons.TASK, "graph", variant, split, fold))


def baseline_table(study: Study, split: neurons.Split, fold: int = 0) -> pd.DataFrame:
    with few_trees():
        return neurons.neuron_baseline_job(study, Path("none.ckpt"), JobKey(neurons.TASK, "baselines", "", split, fold), study.tasks)


def tables(study: Study, split: neurons.Split, evidence=FUNCTION) -> list[pd.DataFrame]:
    """The graph model's and the baselines' tables of fold 0."""
    return [graph_table(study, split, evidence=evidence), baseline_table(study, split)]


def same(one: list[pd.DataFrame], other: list[pd.DataFrame]) -> list[bool]:
    return [a.equals(b) for a, b in zip(one, other, strict=True)]


@pytest.mark.parametrize("evidence", [FUNCTION, EVERYTHING])
def test_a_neuron_of_unknown_position_teaches_neither_graph_model_nor_baseline_where_blocks_are_held_out(graph, evidence):
    nobody = every_third(graph.study)
    lost = dict.fromkeys(["x_um", "depth_um", "z_um"], np.nan)
    two = [relabelled(graph.study, nobody, layer=layer, cell_type="4P", **lost) for layer in ("L2/3", "L4")]
    assert same(*(tables(study, "block", evidence) for study in two)) == [True, True]


def test_where_scans_are_held_out_the_same_neurons_do_teach(graph):
    nobody = every_third(graph.study)
    two = [relabelled(graph.study, nobody, layer=layer) for layer in ("L2/3", "L4")]
    assert same(*(tables(study, "scan") for study in two)) == [False, False]


def test_the_order_of_rows_in_the_tables_changes_predictions_by_rounding_at_most(graph):
    """Rows are sorted by nucleus id before anything is drawn; messages along synapses are summed in the order of the table."""
    study, cortex = graph.study, graph.study.cortex
    names = ("neurons", "units", "synapses", "queried")
    shuffled = replace(cortex, **{name: getattr(cortex, name).sample(frac=1.0, random_state=1) for name in names})
    other = replace(study, cortex=shuffled, features=study.features.sample(frac=1.0, random_state=2))
    for one, moved in zip(*(tables(each, "scan", EVERYTHING) for each in (study, other)), strict=True):
        pd.testing.assert_frame_equal(one, moved, rtol=1e-4, atol=1e-3)


def basket(study: Study) -> np.ndarray:
    """Where the one basket cell stands in the neurons table."""
    return (study.cortex.neurons["nucleus_id"] == BASKET_ID).to_numpy()


@pytest.mark.parametrize("evidence", [FUNCTION, EVERYTHING])
def test_a_class_with_one_member_is_predicted_for_nobody_and_its_name_teaches_nothing(graph, evidence):
    """The member itself is predicted like any other; what it is called changes no number, what layer it has does."""
    study = graph.study
    fold = int(neurons.neuron_folds(study, "neuron")[study.inputs.rows(np.array([BASKET_ID]))[0]])
    nameless, moved = relabelled(study, basket(study), cell_type=None), relabelled(study, basket(study), layer="L4")
    named = graph_table(study, "neuron", 1 - fold, evidence)  # it is on the training side
    assert named.equals(graph_table(nameless, "neuron", 1 - fold, evidence))
    assert not named.equals(graph_table(moved, "neuron", 1 - fold, evidence))
    held_out = graph_table(study, "neuron", fold, evidence).set_index("nucleus_id").loc[BASKET_ID].filter(like="cell_type=")
    assert held_out.index.tolist() == ["cell_type=23P", "cell_type=4P"]
    assert held_out.sum() == pytest.approx(1.0)


def test_the_name_of_a_class_with_one_member_teaches_no_baseline(graph):
    study = graph.study
    folds = range(study.settings.scan_folds)
    named, nameless, moved = (
        [baseline_table(each, "scan", fold) for fold in folds]
        for each in (study, relabelled(study, basket(study), cell_type=None), relabelled(study, basket(study), layer="L4"))
    )
    assert same(named, nameless) == [True, True]
    assert not all(same(named, moved))


def test_a_class_with_one_member_is_left_out_of_its_task_and_no_other(graph):
    study = graph.study
    found = pd.concat(baseline_table(study, "scan", fold) for fold in range(study.settings.scan_folds))
    assert BASKET_ID in set(found["nucleus_id"])
    assert BASKET_ID not in set(neurons.label_table(study, found, "cell_type")["nucleus_id"])
    assert BASKET_ID in set(neurons.label_table(study, found, "layer")["nucleus_id"])
    assert BASKET_ID in set(neurons.position_table(study, found)["nucleus_id"])


@pytest.mark.parametrize("fold", [0, 1])
def test_a_class_with_one_member_that_is_not_masked_breaks_no_job(graph, fold):
    """The training side then has it once, or not at all; both give whole probabilities, and baselines give none to what they never saw."""
    study = replace(graph.study)
    codes = np.array(study.inputs.cell_type)
    codes[study.inputs.rows(np.array([BASKET_ID]))] = 2
    study.__dict__["inputs"] = replace(study.inputs, cell_type=codes, cell_types=("23P", "4P", "BC"))
    for table in (graph_table(study, "scan", fold), baseline_table(study, "scan", fold)):
        probability = table[["cell_type=23P", "cell_type=4P", "cell_type=BC"]].to_numpy()
        np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-6)
        assert (probability >= 0).all()
    seen = codes[neurons.training_rows(study, "scan", fold)].max() == 2
    assert seen or (table["cell_type=BC"] == 0).all()


def test_the_null_of_neurons_has_every_fold_where_neurons_are_few_and_one_where_one_holds_enough(graph, monkeypatch):
    study = graph.study
    folds, held = neurons.n_folds(study, "neuron"), np.bincount(neurons.neuron_folds(study, "neuron")[study.inputs.subjects])
    assert neurons.null_folds(study) == folds > 1
    monkeypatch.setattr(neurons, "ENOUGH_IN_NULL", held[0])
    assert neurons.null_folds(study) == 1
    monkeypatch.setattr(neurons, "ENOUGH_IN_NULL", held[0] + 1)
    assert neurons.null_folds(study) == 2
    permuted = [job.key for job in neurons.neuron_jobs(study, {"neuron": study.tasks}) if job.key.variant == neurons.PERMUTED]
    assert {key.fold for key in permuted} == {0, 1}
