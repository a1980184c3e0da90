"""Who teaches a neuron job, and what becomes of a class too rare to be learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from graphtwin.gnn.neurons import EVERYTHING, FUNCTION
from graphtwin.pipeline import neurons
from graphtwin.pipeline.study import Study
from tests.pipeline.planted_source import few_trees


def relabelled(study: Study, where: np.ndarray, **values: object) -> Study:
    """The study with other values in some rows of the neurons table."""
    table = study.cortex.neurons.copy()
    for name, value in values.items():
        table.loc[where, name] = value
    return replace(study, cortex=replace(study.cortex, neurons=table))


def jobs_of(study: Study, tmp_path, split: neurons.Split, evidence=FUNCTION) -> dict[str, pd.DataFrame]:
    """The twin's and the baselines' tables of fold 0."""
    with few_trees():
        return {
            "twin": neurons.twin_job(study, tmp_path / "absent.ckpt", split, 0, evidence, neurons.TWIN),
            "baselines": neurons.baseline_job(study, tmp_path / "absent.ckpt", split, 0, study.tasks),
        }


def same(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame], name: str) -> bool:
    return one[name].equals(other[name])


@pytest.mark.parametrize("evidence", [FUNCTION, EVERYTHING])
def test_a_neuron_of_unknown_position_teaches_neither_twin_nor_baseline_where_blocks_are_held_out(twin, tmp_path, evidence):
    nobody = np.isin(twin.study.cortex.neurons["nucleus_id"], np.arange(0, 60))
    lost = dict.fromkeys(["x_um", "depth_um", "z_um"], np.nan)
    two = [relabelled(twin.study, nobody, layer=layer, cell_type="4P", **lost) for layer in ("L2/3", "L4")]
    one, other = (jobs_of(study, tmp_path / str(i), "block", evidence) for i, study in enumerate(two))
    assert same(one, other, "twin")
    assert same(one, other, "baselines")


def test_where_neurons_are_held_out_the_same_neurons_do_teach(twin, tmp_path):
    nobody = np.isin(twin.study.cortex.neurons["nucleus_id"], np.arange(0, 60))
    two = [relabelled(twin.study, nobody, layer=layer) for layer in ("L2/3", "L4")]
    one, other = (jobs_of(study, tmp_path / str(i), "neuron") for i, study in enumerate(two))
    assert not same(one, other, "twin")
    assert not same(one, other, "baselines")
