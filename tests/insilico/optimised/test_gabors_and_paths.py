"""Optima are likened to Gabors and chosen by a judge; paths of stimuli turn as far as what a unit does not care for allows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binomtest

from graphtwin.insilico import Ensemble
from graphtwin.insilico.optimised import (
    best_of,
    dead_leaves,
    gabors_like,
    halfway,
    invariance_paths,
    most_exciting,
    most_inhibiting,
    share_above,
    shares_along,
    stage_of,
)
from tests.insilico.known_responders import GREY, RATE
from tests.insilico.optimised.known_units import FILTERS, FREE, contrast, cosine, energy, linear, pairs_of, responder

PAIR = pairs_of(1)


def elliptic(pairs: np.ndarray, second: float):
    """Units that answer the length of two filters' outputs, the second weighed by less than 1."""
    weights = torch.as_tensor(pairs.reshape(len(pairs), 2, -1), dtype=torch.float32) * torch.tensor([1.0, second])[:, None]

    def module(clips: torch.Tensor) -> torch.Tensor:
        return torch.einsum("cfp,uqp->cfuq", contrast(clips), weights).square().sum(-1).add(1e-6).sqrt()

    return responder(module, len(pairs))


def test_the_gabor_most_like_an_optimum_is_the_filter_with_its_parameters():
    found = most_exciting(linear(), config=FREE)
    made = gabors_like(found)
    assert (made.table["similarity"] > 0.99).all()
    assert min(cosine(one, unit) for one, unit in zip(made.patterns[:, 0], FILTERS, strict=True)) > 0.995
    np.testing.assert_allclose(made.table["x_deg"], [0, 20, -20, -30], atol=0.3)
    np.testing.assert_allclose(made.table["y_deg"], [0, 10, -10, 15], atol=0.3)
    np.testing.assert_allclose(made.table["cycles_per_degree"], [0.04, 0.04, 0.04, 0.03], rtol=0.05)
    np.testing.assert_allclose(made.table["sd_deg"], 8, rtol=0.05)
    apart = (made.table["direction_deg"] - [0, 45, 90, 120] + 90) % 180 - 90
    assert apart.abs().max() < 1
    np.testing.assert_allclose(made.table["contrast_sd"], 0.1, rtol=1e-4)
    with pytest.raises(ValueError, match="the 4 stimuli are videos, and only pictures are fitted"):
        gabors_like(most_exciting(linear(rate=RATE), config=FREE.model_copy(update={"moving": True, "steps": 1})))


def test_a_judge_takes_the_gabor_where_the_rest_of_the_optimum_is_noise_and_the_optimum_where_it_is_true():
    rng = np.random.default_rng(0)
    noisy = FILTERS + 0.03 * rng.standard_normal(FILTERS.shape)
    found = most_exciting(linear(noisy), config=FREE)
    gabors = gabors_like(found)
    options = {"free": found, "halfway": halfway(found, gabors), "gabor": gabors}
    alike = {name: np.array([cosine(*pair) for pair in zip(one.patterns[:, 0], FILTERS, strict=True)]) for name, one in options.items()}
    assert (alike["free"] < alike["halfway"]).all()
    assert (alike["halfway"] < alike["gabor"]).all()
    by_truth, by_itself = best_of(options, linear()), best_of(options, linear(noisy))
    assert (by_truth.table["shape"] == "gabor").all()
    assert (by_itself.table["shape"] == "free").all()
    np.testing.assert_array_equal(by_truth.clips, gabors.clips)
    assert by_truth.table["response"].to_list() == gabors.table["response"].to_list()


def test_the_optimum_of_a_mean_of_noisy_twins_is_nearer_the_truth_than_that_of_each():
    rng = np.random.default_rng(1)
    members = tuple(linear(FILTERS + 0.04 * rng.standard_normal(FILTERS.shape), name=f"seed {seed}") for seed in range(4))
    one, mean = (most_exciting(units, config=FREE) for units in (members[0], Ensemble(members, "mean")))
    alike = [[cosine(*pair) for pair in zip(found.patterns[:, 0], FILTERS, strict=True)] for found in (one, mean)]
    assert (np.array(alike[1]) > np.array(alike[0]) + 0.1).all()


def test_an_energy_unit_keeps_its_answer_round_the_circle_of_phases():
    found = most_exciting(energy(PAIR), config=FREE)
    paths = invariance_paths(found, points=4)
    assert paths.table["arc_deg"][0] == 360
    assert paths.table["lowest_share"][0] > 0.98
    first, quarter, half, _ = (one.patterns[0, 0] for one in paths.points)
    assert [one.table["angle_deg"][0] for one in paths.points] == [0, 90, 180, 270]
    a, b = cosine(first, PAIR[0, 0]), cosine(first, PAIR[0, 1])
    assert abs(cosine(quarter, b * PAIR[0, 0] - a * PAIR[0, 1])) > 0.99  # the phase a quarter of a cycle away
    assert cosine(half, first) < -0.99
    np.testing.assert_allclose(paths.points[1].table["similarity"], 0, atol=0.02)
    np.testing.assert_allclose([one.table["contrast_sd"][0] for one in paths.points], 0.1, rtol=1e-4)


def test_a_linear_unit_keeps_a_share_for_twice_its_arc_cosine_and_no_further():
    paths = invariance_paths(most_exciting(linear(FILTERS[:2]), config=FREE), points=3, share=0.85)
    np.testing.assert_allclose(paths.table["arc_deg"], 2 * np.degrees(np.arccos(0.85)), atol=3)
    np.testing.assert_allclose(paths.table["lowest_share"], -1, atol=0.02)
    np.testing.assert_allclose(paths.points[0].table["share"], 0.85, atol=0.02)
    np.testing.assert_allclose(paths.points[1].table["similarity"], 1, atol=0.01)


def test_a_unit_that_is_half_as_sensitive_to_the_other_phase_keeps_half_there():
    paths = invariance_paths(most_exciting(elliptic(PAIR, 0.5), config=FREE), points=2, share=0.8)
    assert paths.table["lowest_share"][0] == pytest.approx(0.5, abs=0.03)
    # cos(t)^2 + sin(t)^2 / 4 = 0.8^2
    assert paths.table["arc_deg"][0] == pytest.approx(2 * np.degrees(np.arcsin(np.sqrt(0.36 / 0.75))), abs=3)


def test_another_responder_says_which_paths_it_shares():
    paths = invariance_paths(most_exciting(energy(PAIR), config=FREE), points=4)
    alike, other = shares_along(paths, energy(1.1 * PAIR, name="alike")), shares_along(paths, linear(PAIR[0, :1], base=0.0, name="other"))
    assert alike["share_verified"].min() > 0.97
    assert other["share_verified"].min() < 0.1
    assert len(other) == 4


def test_paths_that_make_no_sense_are_refused():
    found = most_exciting(linear(), [0], FREE)
    with pytest.raises(ValueError, match=r"invariance paths: 1 points, share 0\.85"):
        invariance_paths(found, points=1)
    with pytest.raises(ValueError, match="of inhibiting stimuli there are none"):
        invariance_paths(most_inhibiting(linear(), [0], FREE))


def test_a_unit_that_never_responds_has_no_path_and_no_gabor():
    of = linear()
    quiet = replace(of, module=lambda clips: of.module(clips) * torch.tensor([1.0, 0.0, 1.0, 1.0]))
    found = most_exciting(quiet, [0, 1], FREE)
    paths = invariance_paths(found, points=2)
    assert paths.table["arc_deg"].isna().to_list() == [False, True]
    assert np.all(paths.points[0].clips[1] == np.float32(GREY[0]))
    gabors = gabors_like(found)
    assert gabors.table["similarity"].isna().to_list() == [False, True]
    assert gabors.table["status"].to_list() == ["optimised", "never responds"]


def test_dead_leaves_are_the_same_however_many_and_have_power_that_falls_as_natural_pictures_have():
    stage = stage_of(linear(), FREE)
    many = dead_leaves(stage, 120, seed=3)
    np.testing.assert_array_equal(dead_leaves(stage, 70, seed=3), many[:70])
    assert many.min() >= 0
    assert many.max() <= 255
    power = np.mean(np.abs(np.fft.rfft(many[:, 0] - many.mean(), axis=2)) ** 2, axis=(0, 1))[1:12]
    slope = np.polyfit(np.log(np.arange(1, 12)), np.log(power), 1)[0]
    assert -1.2 < slope < -0.8  # along one axis; over both, power falls as 1 / f^2


def test_the_share_of_units_above_all_candidates_has_the_interval_of_wilson():
    ranked = pd.DataFrame({"percentile": [100.0] * 36 + [99.9] * 4 + [np.nan]})
    share, low, high = share_above(ranked)
    wanted = binomtest(36, 40).proportion_ci(method="wilson")
    np.testing.assert_allclose([share, low, high], [0.9, wanted.low, wanted.high], rtol=1e-4)
    assert np.isnan(share_above(ranked.tail(1))).all()


def test_elongated_gabors_are_told_as_they_are():
    right, up = np.meshgrid(np.arange(32) - 15.5, 8.5 - np.arange(18))
    degrees = stage_of(linear(), FREE).responder.monitor.degrees_a_pixel(18, 32)
    right, up = right * degrees[1], up * degrees[0]
    wide = np.exp(-((right / 6) ** 2 + (up / 12) ** 2) / 2) * np.cos(2 * np.pi * 0.04 * right)
    made = gabors_like(most_exciting(linear((wide / np.linalg.norm(wide))[None]), config=FREE))
    assert made.table["aspect"][0] == pytest.approx(2, rel=0.1)
    assert made.table["sd_deg"][0] == pytest.approx(6, rel=0.1)
