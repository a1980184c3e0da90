"""Claims: places of motor neurons without an order are those that a held-out neuron would be told, and as far off as is said."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from graphtwin.motor.fitting import Condition, place_orders, predict_orders
from graphtwin.motor.model import Inputs, kernels_of
from graphtwin.pipeline.motor import places_of, run_motor
from graphtwin.pipeline.motor.order_run import read_order_study
from tests.motor import command_line
from tests.motor.crawling_circuit import Crawling, crawling
from tests.motor.order_source import MOTOR, order_table, planted, write_source

asked = partial(command_line.command, "motor")


def kernels(one: Crawling) -> dict[str, np.ndarray]:
    return kernels_of(Inputs(one.counts, one.among, one.sign.astype(float)))


def conditions(order: np.ndarray) -> list[Condition]:
    return [Condition(np.arange(order.shape[1]), scipy.stats.rankdata(row, nan_policy="omit")[None]) for row in order]


def test_a_neuron_with_a_place_is_told_as_where_it_is_held_out():
    one, groups = crawling(3, motor=14, premotor=80), np.r_[0, 0, np.arange(1, 13)]
    of, asked_of = kernels(one), conditions(one.order)
    placed, told = place_orders(list(of.values()), asked_of, groups), predict_orders(of, asked_of, groups, "circuit")["circuit"]
    for here, there, condition in zip(placed, told, asked_of, strict=True):
        y = condition.values[0]
        for row in range(14):
            kept = y[groups != groups[row]]
            assert here.mean[row] == pytest.approx(kept.mean() + kept.std() * there.order[0, row], abs=1e-6)


def test_a_neuron_without_a_place_is_told_what_it_would_be_were_it_held_out():
    one, alone = crawling(4, motor=14, premotor=80), np.arange(14)
    order = one.order.copy()
    order[:, 5] = np.nan  # of the others ranks alone are seen, and these are of the others
    without = place_orders(list(kernels(one).values()), conditions(order), alone)
    measured = [Condition(rows.rows, np.where(np.arange(14) == 5, 99.0, rows.values)) for rows in conditions(order)]
    held_out = place_orders(list(kernels(one).values()), measured, alone)
    for here, there in zip(without, held_out, strict=True):
        assert here.mean[5] == pytest.approx(there.mean[5], abs=1e-6)
        assert here.deviation[5] == pytest.approx(there.deviation[5], abs=1e-6)


def test_a_place_in_one_order_alone_is_used_in_that_alone():
    one, alone = crawling(4, motor=14, premotor=80), np.arange(14)
    order = one.order.copy()
    order[1, 5] = np.nan
    forward, backward = place_orders(list(kernels(one).values()), conditions(order), alone)
    assert np.isfinite(forward.mean).all()
    assert np.isfinite(backward.mean).all()
    assert (backward.deviation > 0).all()


def test_places_are_found_and_their_errors_are_as_large_as_is_said():
    said, off = [], []
    for seed in range(8):
        one = crawling(seed, motor=24, premotor=140)
        order = one.order.copy()
        order[:, :8] = np.nan
        for placed, true in zip(place_orders(list(kernels(one).values()), conditions(order), np.arange(24)), one.order, strict=True):
            place = np.interp(true[:8], np.sort(true[8:]), np.arange(1, 17), left=0.5, right=16.5)  # among those that were measured
            off.append((place - placed.mean[:8]) / placed.deviation[:8])
            said.append(scipy.stats.spearmanr(true[:8], placed.mean[:8]).statistic)
    assert np.mean(said) > 0.55
    assert 0.88 <= np.mean(np.abs(np.concatenate(off)) < 1.96) <= 1.0
    assert 0.6 < np.std(np.concatenate(off)) < 1.3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a source in which four motor neurons have no row."""
    folder, table = tmp_path_factory.mktemp("places"), order_table(planted())
    seen = table[~table["name"].isin([f"mn{row}" for row in range(4)])]
    return run_motor(write_source(folder / "source", seen), folder / "run", ["permutations=0", "replicates=0"], workers=1)


@pytest.mark.slow
def test_places_of_motor_neurons_without_an_order_are_predicted_from_the_command_line(run, tmp_path):
    code, said = asked("predict", run, "--out", tmp_path / "places.csv")
    assert code == 0, said
    assert "forward: 4 motor neurons without a place are predicted from 10 with one; each of these, held out, has rank" in said
    table = pd.read_csv(tmp_path / "places.csv")
    assert list(table) == ["condition", "neuron", "synapses", "order", "predicted", "predicted_sd"]
    assert table.groupby("condition").size().to_dict() == {"forward": MOTOR, "backward": MOTOR}
    unseen = table[table["order"].isna()]
    assert set(unseen["neuron"]) == {f"mn{row}" for row in range(4)}
    assert (unseen["predicted_sd"] > 0).all()
    orders = pd.read_csv(run / "orders.csv")
    both = table.merge(orders, on=["condition", "neuron"], suffixes=("", "_before"))
    assert len(both) == 20
    assert (both["order"] == both["order_before"]).all()
    assert scipy.stats.pearsonr(both["predicted"], both["predicted_before"]).statistic > 0.9  # premotor neurons of all, not of some


@pytest.mark.slow
def test_a_motor_neuron_that_gets_no_synapse_has_no_place(run):
    study = read_order_study(run)
    circuit, before = study.circuit, places_of(study)
    kept = circuit.post != circuit.names.index("mn0")
    alone = replace(circuit, **{name: getattr(circuit, name)[kept] for name in ("pre", "post", "count")})
    after = places_of(replace(study, circuit=alone))
    is_alone = (after["neuron"] == "mn0").to_numpy()
    assert before["predicted"].notna().all()
    assert after.loc[is_alone, ["predicted", "predicted_sd"]].isna().all(axis=None)
    assert after.loc[~is_alone, "predicted"].notna().all()


@pytest.mark.slow
def test_what_has_no_meaning_for_places_is_refused(run, tmp_path):
    code, said = asked("predict", run, "--out", tmp_path / "places.h5")
    assert code == 2
    assert ".h5 is no table this writes" in said
    code, said = asked("predict", run, "--strength", "2", "--out", tmp_path / "a.csv")
    assert code == 2
    assert "--strength 2: is of --stimulate alone" in said
    code, said = asked("predict", run, "--stimulate", "pre0", "--out", tmp_path / "a.csv")
    assert code == 2
    assert "`graphtwin motor predict` without a stimulus tells the place of every motor neuron" in said
    code, said = asked("ablate", run, "--neurons", "pre0", "--out", tmp_path / "a.csv")
    assert code == 2
    assert "nothing says what one does that has lost some of its inputs" in said
