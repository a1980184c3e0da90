from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from graphtwin.cortex.cortex import Cortex
from graphtwin.graph.data.inputs import NodeInputs, node_inputs


def features(cortex: Cortex, n: int = 300) -> pd.DataFrame:
    units = cortex.units.drop_duplicates("nucleus_id").head(n)
    values = np.random.default_rng(0).normal(size=(len(units), 3)).astype(np.float32)
    table = units[["session", "scan_idx", "unit_id", "nucleus_id"]].reset_index(drop=True)
    return table.assign(reliability=0.5, **{f"feature_{index}": values[:, index] for index in range(3)})


@pytest.fixture(scope="module")
def inputs(cortex: Cortex) -> NodeInputs:
    return node_inputs(cortex, features(cortex))


def test_each_neuron_has_the_function_of_its_own_nucleus(cortex: Cortex, inputs: NodeInputs):
    table = features(cortex)
    rows = inputs.rows(table["nucleus_id"].to_numpy())
    np.testing.assert_array_equal(inputs.function[rows, 0], table["feature_0"])
    assert inputs.has_function.sum() == len(table)
    assert not inputs.function[~inputs.has_function].any()


def test_a_class_with_one_functional_member_counts_as_unknown(cortex: Cortex):
    neurons = cortex.neurons.copy()
    rare = neurons.index[neurons["is_functional"] & neurons["nucleus_id"].isin(features(cortex)["nucleus_id"])][0]
    neurons.loc[rare, "cell_type"] = "chandelier"
    inputs = node_inputs(dataclasses.replace(cortex, neurons=neurons), features(cortex))
    assert "chandelier" not in inputs.cell_types
    assert inputs.cell_type[inputs.rows(neurons.loc[[rare], "nucleus_id"].to_numpy())].tolist() == [-1]


def test_an_unknown_position_stays_unknown(cortex: Cortex, inputs: NodeInputs):
    unknown = cortex.neurons.loc[cortex.neurons["depth_um"].isna(), "nucleus_id"].to_numpy()
    rows = inputs.rows(unknown)
    assert (rows >= 0).any()
    assert np.isnan(inputs.position[rows[rows >= 0], 1]).all()


def test_an_unknown_nucleus_has_row_minus_one(inputs: NodeInputs):
    assert inputs.rows(np.array([-5, inputs.nucleus_id[3]])).tolist() == [-1, 3]
