"""The wiring of another animal stands beside the models of a run, on the pairs that both animals know."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from graphtwin.cortex import Cortex
from graphtwin.graph.runs import GRAPH_MODEL, Study
from graphtwin.graph.settings import Settings
from graphtwin.pipeline.graph.ceiling_scores import ceiling_table, ceiling_verdicts
from graphtwin.pipeline.graph.held_out_scores import within
from graphtwin.report.tables import ceilings

N = 24


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    """All pairs of 24 cells: contact decides who can connect, and one animal's synapses who does."""
    rng = np.random.default_rng(1)
    pre, post = (side.ravel() for side in np.nonzero(~np.eye(N, dtype=bool)))
    exposure = rng.gamma(1.0, 1.0, len(pre)) * (rng.random(len(pre)) < 0.5)
    connected = rng.random(len(pre)) < np.minimum(0.3 * exposure, 0.9)
    table = pd.DataFrame({"pre_nucleus_id": pre, "post_nucleus_id": post, "connected": connected, "size": 1.0 * connected})
    table["pair_exposure"], table["fold"], table["distance_um"] = exposure, pre % 2, 1.0
    table["exposure"] = exposure / (1 + exposure)
    table[GRAPH_MODEL] = np.clip(0.3 * table["exposure"] + 0.3 * connected * (rng.random(len(pre)) < 0.2) + 0.1, 0, 1)
    table["distance"] = rng.random(len(pre))
    return table


@pytest.fixture(scope="module")
def study(pairs) -> Study:
    """A run whose other animal has nine in ten of these connections, two other ones, and lacks two of the cells."""
    rng = np.random.default_rng(2)
    shared = pairs[pairs["connected"] & (rng.random(len(pairs)) < 0.9)]
    wiring = shared[["pre_nucleus_id", "post_nucleus_id"]].assign(animal="sister", size=rng.integers(1, 9, len(shared)) * 1.0)
    wiring = wiring[~wiring[["pre_nucleus_id", "post_nucleus_id"]].isin([0, 1]).any(axis=1)]
    neurons = pd.DataFrame({"nucleus_id": range(N), "axon_status": None})
    return with_ceiling(neurons, wiring)


def with_ceiling(neurons: pd.DataFrame, wiring: pd.DataFrame) -> Study:
    """A study of which nothing else is read."""
    nothing = dict.fromkeys(("units", "orientations", "root_ids", "synapses", "queried", "funnel"), pd.DataFrame())
    return Study(Settings(replicates=50), Cortex(neurons=neurons, ceiling=wiring, **nothing), pd.DataFrame(), 1)


def test_the_ceiling_is_scored_on_the_pairs_within_exposure_of_cells_that_both_animals_have(pairs, study):
    table = ceiling_table(study, pairs).set_index(["model", "metric"])
    known = ~pairs[["pre_nucleus_id", "post_nucleus_id"]].isin([0, 1]).any(axis=1)
    part = pairs[known & (pairs["pair_exposure"] > 0)]
    keys = pd.MultiIndex.from_frame(part[["pre_nucleus_id", "post_nucleus_id"]])
    size = study.cortex.ceiling.set_index(["pre_nucleus_id", "post_nucleus_id"])["size"].reindex(keys).fillna(0).to_numpy()
    row = table.loc[("wiring of sister", "auc")]
    assert (row["n"], row["n_connected"], row["n_axons"]) == (len(part), part["connected"].sum(), N - 2)
    of_fold = {fold: np.flatnonzero(part["fold"] == fold) for fold in (0, 1)}
    connected = part["connected"].to_numpy()
    aucs = [roc_auc_score(connected[rows], size[rows]) for rows in of_fold.values()]
    assert row["estimate"] == pytest.approx(np.average(aucs, weights=[connected[rows].sum() for rows in of_fold.values()]))
    assert table.loc[("exposure", "auc"), "share"] == 0
    assert 0 < table.loc[(GRAPH_MODEL, "auc"), "share"] < 1
    assert table.loc[("wiring of sister, then exposure", "auc"), "estimate"] > row["estimate"]


def test_the_verdict_says_ceiling_exposure_and_the_share_of_the_way(pairs, study):
    (verdict,) = ceiling_verdicts(ceiling_table(study, pairs))
    assert verdict.finding == "measured"
    assert "the wiring of sister ranks the same pairs within exposure with an AUC of 0.9" in verdict.sentence
    assert "exposure alone with 0." in verdict.sentence
    assert f"Of the way from the one to the other: {GRAPH_MODEL} " in verdict.sentence
    assert ceiling_verdicts(ceiling_table(with_ceiling(study.cortex.neurons, study.cortex.ceiling.head(0)), pairs)) == []


def test_the_verdict_and_the_table_say_why_there_is_no_share_of_the_way(pairs, study):
    """A sister whose synapses are dealt at random is no ceiling."""
    rng = np.random.default_rng(3)
    wiring = study.cortex.ceiling.assign(post_nucleus_id=rng.permutation(study.cortex.ceiling["post_nucleus_id"].to_numpy()))
    wiring = wiring[wiring["pre_nucleus_id"] != wiring["post_nucleus_id"]].drop_duplicates(["pre_nucleus_id", "post_nucleus_id"])
    table = ceiling_table(with_ceiling(study.cortex.neurons, wiring), pairs)
    (verdict,) = ceiling_verdicts(table)
    assert "There is no share of the way: wiring of sister minus exposure is -0." in verdict.sentence
    assert "Of the way from the one to the other" not in verdict.sentence
    (shown,) = ceilings(table)
    assert "AUC: no share of the way: wiring of sister minus exposure is -0." in shown.groups[0].title


def test_a_source_whose_synapses_all_lie_at_exposure_zero_has_no_pairs_within(pairs):
    assert within(pairs).sum() == (pairs["pair_exposure"] > 0).sum()
    assert not within(pairs.assign(pair_exposure=np.where(pairs["connected"], 0.0, pairs["pair_exposure"]))).any()
    assert not within(pairs.drop(columns="pair_exposure")).any()
