"""An exposure is read as it was measured: absence is 0 where somebody looked, and nowhere else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.cortex.cortex import Cortex, build
from graphtwin.graph.data import build_graph, node_inputs, pair_exposures, pair_set
from graphtwin.graph.data.inputs import NodeInputs
from graphtwin.sources.loaders import table_folder as tables
from tests.conftest import ROOT

SIX = ROOT + np.arange(6)
MEASURED = pd.DataFrame({"pre_root_id": SIX[[0, 0, 1, 3, 3]], "post_root_id": SIX[[1, 2, 0, 3, 4]], "exposure": [2.0, 0.5, 3.0, 9.0, 0.0]})


def exposed(export, frame: pd.DataFrame = MEASURED, *stated: str) -> Cortex:
    """The small export with this table of exposures."""
    export.frames["exposure"] = frame
    export.stated["exposure"] = list(stated)
    return build(tables.load_folder(export.write(".parquet")))


def values(cortex: Cortex) -> dict[tuple[int, int], float]:
    return {(row.pre_nucleus_id, row.post_nucleus_id): row.exposure for row in cortex.exposure.itertuples()}


def all_nodes(cortex: Cortex) -> NodeInputs:
    names = {"session": 1, "scan_idx": 1, "unit_id": range(5), "nucleus_id": range(5), "reliability": 0.5, "feature_0": np.arange(5.0)}
    return node_inputs(cortex, pd.DataFrame(names))


def test_exposures_are_joined_by_nucleus_with_measure_and_unit_and_a_cell_with_itself_is_counted(export):
    cortex = exposed(export, MEASURED, 'measure = "L_d"', 'unit = "um"')
    assert values(cortex) == {(0, 1): 2.0, (0, 2): 0.5, (1, 0): 3.0, (3, 4): 0.0}
    assert cortex.exposure[["measure", "unit"]].drop_duplicates().to_numpy().tolist() == [["L_d", "um"]]
    assert cortex.provenance["exposure"] == "L_d (um)"
    row = cortex.funnel[cortex.funnel["step"] == "between two nuclei"].set_index("table").loc["exposure 7"]
    assert (row["n_before"], row["n_after"], row["reason"]) == (5, 4, "a cell with itself")


def test_root_ids_and_nucleus_ids_give_the_same_exposures(export):
    by_root = values(exposed(export))
    named = pd.DataFrame({"pre_nucleus_id": MEASURED["pre_root_id"] - ROOT, "post_nucleus_id": MEASURED["post_root_id"] - ROOT})
    assert values(exposed(export, named.assign(exposure=MEASURED["exposure"]))) == by_root


def test_a_measure_without_direction_is_read_in_both(export):
    once = MEASURED.iloc[[0, 1, 4]]
    there = values(exposed(export, once, "symmetric = true"))
    assert there == {(0, 1): 2.0, (1, 0): 2.0, (0, 2): 0.5, (2, 0): 0.5, (3, 4): 0.0, (4, 3): 0.0}
    assert values(exposed(export, pd.concat([once, once.iloc[:1].rename(columns=TURNED)]), "symmetric = true")) == there
    with pytest.raises(ValueError, match=r"1 of 5 pairs have another exposure in the other direction, first 2 and 3 .*symmetric = false"):
        exposed(export, MEASURED, "symmetric = true")


TURNED = {"pre_root_id": "post_root_id", "post_root_id": "pre_root_id"}


def test_pairs_that_are_all_there_in_one_direction_alone_are_refused_until_that_is_meant(export):
    pre, post = np.triu_indices(12, 1)
    one_way = pd.DataFrame({"pre_root_id": ROOT + pre, "post_root_id": ROOT + post, "exposure": 1.0})
    with pytest.raises(ValueError, match=r"45 of 66 pairs are of two cells with rows as axon and as target.*symmetric = true"):
        exposed(export, one_way)
    assert (2, 1) not in values(exposed(export, one_way, "symmetric = false"))
    assert (2, 1) in values(exposed(export, one_way, "symmetric = true"))


@pytest.mark.parametrize(
    ("exposure", "message"),
    [
        (-1.0, r"1 of 5 exposures are negative or infinite, first -1 of the pair \[\d+, \d+\]. An exposure is an amount"),
        (np.inf, "1 of 5 exposures are negative or infinite, first inf"),
        (np.nan, "1 of 5 exposures are missing, first nan of the pair .* no row at all of an axon that was not measured"),
    ],
)
def test_an_exposure_that_is_no_amount_is_refused_with_its_pair(export, exposure, message):
    with pytest.raises(ValueError, match=message):
        exposed(export, MEASURED.assign(exposure=MEASURED["exposure"].where(MEASURED["exposure"] != 0.5, exposure)))


def test_exposures_that_fit_nothing_else_are_refused(export):
    with pytest.raises(ValueError, match="none of its 5 exposures is of two cells with a nucleus"):
        exposed(export, MEASURED.assign(pre_root_id=MEASURED["pre_root_id"] + 999))
    export.materialization["exposure"] = 8
    with pytest.raises(ValueError, match=r"exposures of materialization 8, synapses are of \[7\]"):
        exposed(export)
    export.stated["synapses"] = ['unit = "um"']
    with pytest.raises(ValueError, match=r"synapses.parquet of role 'synapses' has \['unit'\], which are of role 'exposure' alone"):
        exposed(export)


def test_a_pair_without_a_row_is_exposed_to_nothing_where_both_were_measured_and_unknown_elsewhere(export):
    cortex = exposed(export)
    nodes = all_nodes(cortex)
    graph = build_graph(nodes, cortex.synapses, cortex.queried, 1, pair_exposures(nodes, cortex.exposure))
    found = graph.exposures[7].of(np.array([0, 0, 0, 1, 3, 2, 4]), np.array([1, 4, 3, 1, 4, 0, 1]))
    np.testing.assert_array_equal(found, [2.0, 0.0, np.nan, 0.0, 0.0, np.nan, np.nan])  # 3 has no row as target, 2 and 4 none as axon
    assert graph.exposures[7].typical == 2.0
    pairs = pair_set(graph, 7)
    assert pairs.exposure.toarray().tolist() == [[0.0, 2.0, 0.5, 0.0], [3.0, 0.0, 0.0, 0.0]]  # axons 0 and 1 onto 0, 1, 2 and 4
    assert pairs.of_axons(np.array([False, True])).exposure.toarray().tolist() == [[3.0, 0.0, 0.0, 0.0]]
    assert build_graph(nodes, cortex.synapses, cortex.queried, 1).exposures == {}
