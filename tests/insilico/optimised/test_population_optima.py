"""Groups are told apart, some units are driven while others are held, and other stimuli are answered alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphtwin.insilico.optimised import control, drive_alone, judge_control, metamers, most_discriminating, most_exciting
from tests.insilico.known_responders import GREY, SIZE, gabor, unit_table
from tests.insilico.optimised.known_units import FREE, cosine, energy, linear, pairs_of

# Two units that see the same place and 30 degrees of orientation apart, so that driving one drives the other, and one elsewhere.
NEAR = np.stack([gabor(0, 0, 0), gabor(0, 0, 30), gabor(30, 10, 90)])


def test_what_tells_linear_units_apart_is_the_difference_of_their_filters():
    found = most_discriminating(linear(NEAR), [([0], [1]), ([1, 2], [0])], FREE)
    spread = found.stage.spread
    wanted = [NEAR[0] / spread[0] - NEAR[1] / spread[1], (NEAR[1] / spread[1] + NEAR[2] / spread[2]) / 2 - NEAR[0] / spread[0]]
    assert min(cosine(one, filter_) for one, filter_ in zip(found.patterns[:, 0], wanted, strict=True)) > 0.98
    assert found.table["unit_id"].isna().all()


def test_control_drives_some_units_and_holds_the_rest_within_the_tolerance():
    units = linear(NEAR)
    alone = most_exciting(units, [0], FREE)
    found = control(units, [[0], [2]], within=0.3, config=FREE)
    assert (found.table["held_away"] <= 0.3).all(), found.table["held_away"].to_list()
    assert found.table["held"].all()
    away = (found.answers - found.stage.rest) / found.stage.spread
    assert abs(away[0, 1]) <= 0.3
    assert abs(away[0, 2]) <= 0.3
    assert (alone.answers[0, 1] - found.stage.rest[1]) / found.stage.spread[1] > 2  # were it not held, the other would follow
    orthogonal = NEAR[0] - cosine(NEAR[0], NEAR[1]) * NEAR[1]
    assert cosine(found.patterns[0, 0], orthogonal) > 0.9
    assert found.table["driven"][0] > 0.8 * 0.1 * np.sqrt(NEAR[0].size) * np.linalg.norm(orthogonal) / found.stage.spread[0]


def test_units_that_are_not_held_are_free():
    found = control(linear(NEAR), [[0]], hold=[[2]], within=0.3, config=FREE)
    assert cosine(found.patterns[0, 0], NEAR[0]) > 0.97


def test_without_holding_the_driven_unit_goes_farther_and_so_does_the_one_that_was_held():
    found = control(linear(NEAR), [[0]], [[1]], within=0.3, config=FREE)
    free = drive_alone(found)
    assert cosine(free.patterns[0, 0], NEAR[0]) > 0.98
    held, alone = (judge_control(one, one.stage.responder, within=0.3).iloc[0] for one in (found, free))
    assert [held["held"], alone["held"], held["held_share"], alone["held_share"]] == [True, False, 1.0, 0.0]
    assert alone["driven"] > 1.1 * held["driven"]
    np.testing.assert_allclose([held["driven"], held["held_away"]], found.table[["driven", "held_away"]].iloc[0], rtol=1e-5)


def test_control_is_judged_on_another_responder_in_its_own_units_order_and_spread():
    """The other twin has the units in another order, and answers with twice the gain and another base: nothing changes."""
    found = control(linear(NEAR), [[0]], [[1]], within=0.3, config=FREE)
    other = replace(linear(2 * NEAR[::-1], base=11.0), units=unit_table(3).iloc[::-1].reset_index(drop=True))
    ours, theirs = (judge_control(found, one, within=0.3) for one in (found.stage.responder, other))
    np.testing.assert_allclose(theirs[["driven", "held_away"]], ours[["driven", "held_away"]], rtol=1e-4)
    blind = linear(np.stack([NEAR[0], NEAR[2], NEAR[2]]))
    assert judge_control(found, blind, within=0.3)["held_away"][0] < 0.3
    with pytest.raises(ValueError, match=r"control: exciting stimuli drive and hold no groups of units\. Give those of `control`"):
        judge_control(most_exciting(linear(NEAR), [0], FREE), other)


def test_metamers_are_answered_alike_and_look_otherwise():
    units = energy(pairs_of(4))
    reference = np.random.default_rng(0).normal(*GREY, (2, 1, 9, 16)).repeat(2, 2).repeat(2, 3)
    found = metamers(units, reference, copies=2, config=FREE.model_copy(update={"starts": 16}))
    assert found.table["reference"].to_list() == [0, 0, 1, 1]
    assert (found.table["difference"] < 0.01).all(), found.table["difference"].to_list()
    assert (found.table["similarity"].abs() < 0.5).all(), found.table["similarity"].to_list()
    assert cosine(found.patterns[0], found.patterns[1]) < 0.5


def test_metamers_of_some_units_leave_the_others_alone():
    units = linear(NEAR)
    reference = (GREY[0] + 30 * NEAR[[0]] / np.abs(NEAR[0]).max())[:, None]
    found = metamers(units, reference, units=[0, 1], config=FREE.model_copy(update={"steps": 120}))
    wanted = found.objective.wanted[0]
    np.testing.assert_allclose(found.answers[0, :2], wanted[:2], atol=0.05 * found.stage.spread[:2].max())


def test_what_makes_no_sense_is_refused():
    units = linear(NEAR)
    with pytest.raises(ValueError, match=r"1 units are in both groups \(row 1 first\)"):
        most_discriminating(units, [([0, 1], [1])], FREE)
    with pytest.raises(ValueError, match=r"metamers: 9 copies of each reference, but 4 starts\. Raise starts"):
        metamers(units, np.zeros((1, 1, *SIZE)), copies=9, config=FREE)
    with pytest.raises(ValueError, match=r"1 of 2 have no contrast, and cannot be brought to any"):
        metamers(units, np.stack([np.full((1, *SIZE), 90.0), gabor(0, 0, 0)[None]]), config=FREE)
    with pytest.raises(ValueError, match=r"pictures: shape \(1, 1, 5, 5\)"):
        metamers(units, np.ones((1, 1, 5, 5)), config=FREE)
