"""What to proofread and whom to record next, asked of a finished run by the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.graph.runs import next_neurons, next_pairs
from graphtwin.graph.runs.rule_fit import SLOPE, fit_rule
from graphtwin.statistics import Rows, slope_covariance
from tests.pipeline.test_insilico_commands import command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def open_pairs(graph) -> pd.DataFrame:
    """Pairs of functional neurons whose axon was not observed."""
    inputs = graph.study.inputs
    functional = np.flatnonzero(inputs.has_function)
    axons = np.setdiff1d(functional, graph.study.pairs.pre)[:6]
    pre, post = (side.ravel() for side in np.meshgrid(axons, functional[:30], indexing="ij"))
    apart = pre != post
    return pd.DataFrame({"pre_nucleus_id": inputs.nucleus_id[pre[apart]], "post_nucleus_id": inputs.nucleus_id[post[apart]]})


def test_the_pairs_that_are_chosen_take_off_the_variance_that_the_table_says(finished, graph, open_pairs, tmp_path: Path):
    given, out = tmp_path / "pairs.csv", tmp_path / "next.csv"
    open_pairs.to_csv(given, index=False)
    said = command("next", finished.folder, "--candidates", given, "--budget", 5, "--out", out)
    assert f"pairs: 5 of {len(open_pairs)} are expected to tell" in said
    table = pd.read_csv(out)
    assert list(table) == [
        "order", "pre_nucleus_id", "post_nucleus_id", "probability", "cost", "information_bits", "alone_bits", "total_bits",
    ]  # fmt: skip
    rule = fit_rule(graph.study)
    rows = rule.rows(*(graph.study.inputs.rows(table[name].to_numpy()) for name in ("pre_nucleus_id", "post_nucleus_id")))
    both = Rows(*(np.concatenate([getattr(rule.observed, name), getattr(rows, name)]) for name in ("x", "weight", "group")))
    before, after = (slope_covariance(known, rule.axon_variance)[SLOPE, SLOPE] for known in (rule.observed, both))
    np.testing.assert_allclose(table["total_bits"].iloc[-1], np.log2(before / after) / 2, rtol=1e-4)
    found = next_pairs(finished.folder, 5, open_pairs)
    assert found.total_bits > found.random_bits[2]


def test_a_pair_that_costs_much_is_left_for_cheaper_ones(finished, open_pairs):
    first = next_pairs(finished.folder, 1, open_pairs).table.iloc[0]
    best = (open_pairs["pre_nucleus_id"] == first["pre_nucleus_id"]) & (open_pairs["post_nucleus_id"] == first["post_nucleus_id"])
    dear = next_pairs(finished.folder, len(open_pairs) - 1, open_pairs.assign(cost=np.where(best, 1e6, 1.0))).table
    assert not (dear[["pre_nucleus_id", "post_nucleus_id"]] == first[["pre_nucleus_id", "post_nucleus_id"]]).all(axis=1).any()


def test_neurons_open_the_pairs_that_they_have_with_recorded_ones(finished, graph, tmp_path: Path):
    out = tmp_path / "next.csv"
    assert "neurons: 3 of" in command("next", finished.folder, "--what", "neurons", "--budget", 3, "--out", out)
    table = pd.read_csv(out)
    assert list(table) == ["order", "nucleus_id", "pairs", "information_bits", "alone_bits", "total_bits"]
    study = graph.study
    recorded = fit_rule(study).usable
    for row in table.itertuples():
        at = int(study.inputs.rows(np.array([row.nucleus_id]))[0])
        assert not recorded[at]
        others = np.flatnonzero(recorded)
        sent = np.isin(others, study.pairs.post).sum() if at in study.pairs.pre else 0
        received = np.isin(others, study.pairs.pre).sum() if at in study.pairs.post else 0
        assert row.pairs == sent + received
        recorded[at] = True
    found = next_neurons(finished.folder, 3)
    assert found.total_bits >= found.random_bits[0]


def test_what_cannot_be_chosen_is_told_in_words(finished, graph, open_pairs, tmp_path: Path):
    given, out = tmp_path / "pairs.csv", tmp_path / "next.csv"
    open_pairs.to_csv(given, index=False)

    def said(*words: object) -> str:
        return command("next", finished.folder, *words, "--out", out)

    assert "--budget 0: chooses nothing" in said("--candidates", given, "--budget", 0)
    assert f"from 1 to {len(open_pairs)}" in said("--candidates", given, "--budget", 10**6)
    assert "are chosen with --candidates" in said("--budget", 3)
    assert "stimuli are chosen by a functional twin" in said("--what", "stimuli", "--budget", 3)
    pd.concat([open_pairs, open_pairs.head(2)]).to_csv(given, index=False)
    assert f"2 of {len(open_pairs) + 2} pairs are given twice" in said("--candidates", given, "--budget", 3)
    open_pairs.assign(cost=0.0).to_csv(given, index=False)
    assert "costs are no numbers above 0" in said("--candidates", given, "--budget", 3)
    seen = graph.study.pairs
    ids = graph.study.inputs.nucleus_id
    pd.DataFrame({"pre_nucleus_id": ids[seen.pre[:1]], "post_nucleus_id": ids[seen.post[:1]]}).to_csv(given, index=False)
    assert "there are 0 candidates" in said("--candidates", given, "--budget", 1)
    assert not out.exists()
