"""Attacks with known answers, and checks that find a gradient that is masked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphtwin.robustness import Classifier, gradient_checks
from graphtwin.robustness.attacks import FGSM, PGD, fgsm, pgd, withstood
from graphtwin.robustness.settings import AttackConfig


class Plane(Classifier):
    """Two classes, told by the sign of a weighted sum of pixels less its value at grey."""

    def __init__(self, weights: torch.Tensor) -> None:
        super().__init__((8, 8), 2, 2)
        self.weights = torch.nn.Parameter(weights)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        sum_ = ((pictures - 0.5) * self.weights).sum((1, 2))
        return torch.stack([-sum_, sum_], 1)


class Steps(Plane):
    """The same of pixels that were rounded, through which no gradient passes but a trace."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return super().forward(torch.round(pictures * 8) / 8 + 1e-3 * torch.sin(40 * pictures))


class Blind(Plane):
    """The same, from which no gradient comes back."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return super().forward(pictures.detach() + 0 * pictures)


class Wrong(Plane):
    """The same, whose gradient is that of twice the pictures."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return super().forward(2 * pictures - pictures.detach())


def planted(kind: type[Plane] = Plane, n: int = 60) -> tuple[Plane, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    weights = torch.from_numpy(rng.standard_normal((8, 8)).astype(np.float32))
    pictures = torch.from_numpy((0.5 + 0.05 * rng.standard_normal((n, 8, 8))).clip(0, 1).astype(np.float32))
    plane = Plane(weights).eval()
    return kind(weights).eval(), pictures, plane(pictures).argmax(1)


def test_fgsm_moves_every_pixel_by_the_strength_against_the_class():
    plane, pictures, label = planted()
    moved = fgsm(plane, pictures, label, 0.03)
    wanted = pictures + 0.03 * torch.where(label == 1, -1.0, 1.0)[:, None, None] * plane.weights.detach().sign()
    torch.testing.assert_close(moved, wanted.clamp(0, 1))


def test_of_a_plane_one_step_does_what_any_number_does_and_as_many_fall_as_lie_that_near():
    plane, pictures, label = planted()
    strength = 0.01
    reach = strength * plane.weights.detach().abs().sum()
    far = ((pictures - 0.5) * plane.weights.detach()).sum((1, 2)).abs() > reach
    assert 5 < int(far.sum()) < 55
    still = withstood(plane, pictures, label, strength, AttackConfig(steps=40), 0)
    np.testing.assert_array_equal(still[FGSM][0], far.numpy())
    np.testing.assert_array_equal(still[PGD].all(0), far.numpy())


def test_no_pixel_leaves_its_allowance_or_the_range_of_grey_and_strength_0_changes_nothing():
    plane, pictures, label = planted()
    extreme = pictures.clone()
    extreme[:, 0] = 0.0
    extreme[:, 1] = 1.0
    moved = pgd(plane, extreme, label, 0.1, 10, np.random.default_rng(0))
    assert float((moved - extreme).abs().max()) <= 0.1 + 1e-6
    assert float(moved.min()) >= 0
    assert float(moved.max()) <= 1
    still = withstood(plane, pictures, label, 0.0, AttackConfig(), 0)
    assert still[FGSM].all()
    assert still[PGD].all()


def test_an_honest_gradient_passes_every_check():
    plane, pictures, label = planted()
    found = gradient_checks(plane, planted()[0], pictures, label, AttackConfig(strengths=(0.01,)), 0)
    assert set(found["check"]) == {"gradient", "whole", "restarts", "noise", "FGSM", "transfer"}
    assert found["passed"].all(), found


def test_a_masked_gradient_is_found():
    steps, pictures, label = planted(Steps)
    found = gradient_checks(steps, planted()[0], pictures, label, AttackConfig(strengths=(0.05,)), 0).set_index("check")
    assert not found.loc["transfer", "passed"]
    assert not found.loc["noise", "passed"]


def test_a_gradient_that_is_none_or_wrong_is_found_and_one_that_vanishes():
    for kind in (Blind, Wrong):
        wrong, pictures, label = planted(kind)
        found = gradient_checks(wrong, planted()[0], pictures, label, AttackConfig(strengths=(0.05,)), 0).set_index("check")
        assert not found.loc["gradient", "passed"]
    plane, pictures, label = planted()
    sure = Plane(1e4 * plane.weights.detach()).eval()
    found = gradient_checks(sure, plane, pictures, label, AttackConfig(strengths=(0.05,)), 0).set_index("check")
    assert not found.loc[["gradient", "transfer"], "passed"].any()


def test_no_strength_above_0_leaves_nothing_to_check():
    plane, pictures, label = planted()
    assert not len(gradient_checks(plane, None, pictures, label, AttackConfig(strengths=(0.0,)), 0))
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        AttackConfig(strengths=(-0.1,))
