from __future__ import annotations

import numpy as np
import pytest
import torch

from graphtwin.coordinates import Monitor
from graphtwin.twin.model.perspective import LARGEST_DEGREES, Perspective, PerspectiveConfig


def turned(yaw_degrees: float, pitch_degrees: float = 0.0, **monitor: float) -> Perspective:
    """A perspective that turns by the same angles at every eye position."""
    perspective = Perspective(PerspectiveConfig(), Monitor(**monitor))
    share = torch.tensor([yaw_degrees, pitch_degrees, 0.0]) / LARGEST_DEGREES
    perspective.angles[2].bias.data = torch.atanh(share)
    return perspective


def test_the_resting_eye_sees_the_video_itself():
    video = torch.randn(2, 3, 36, 64)
    assert torch.allclose(Perspective(PerspectiveConfig(), Monitor())(video, torch.randn(2, 3, 2)), video, atol=1e-4)


def test_the_centre_of_the_view_moves_by_the_tangent_of_the_angle():
    rays = turned(10.0).rays(torch.zeros(1, 2), 3, 3)
    assert rays[0, 1, 1, 0].item() == pytest.approx(15.0 * np.tan(np.radians(10)) / (55.2 / 2), rel=1e-4)
    assert rays[0, 1, 1, 1].item() == pytest.approx(0.0, abs=1e-6)
    rays = turned(10.0, width_cm=60.0, height_cm=34.0, distance_cm=25.0).rays(torch.zeros(1, 2), 3, 3)
    assert rays[0, 1, 1, 0].item() == pytest.approx(25.0 * np.tan(np.radians(10)) / 30.0, rel=1e-4)


@pytest.mark.parametrize("x", [0.0, 0.5, -0.5])
def test_every_line_of_sight_turns_by_the_same_angle(x: float):
    rays = turned(10.0).rays(torch.zeros(1, 2), 1, 400).detach()
    column = int((x + 1) * 200)
    before = (2 * column + 1) / 400 - 1
    angles = [np.degrees(np.arctan(float(at) * 27.6 / 15.0)) for at in (before, rays[0, 0, column, 0])]
    assert angles[1] - angles[0] == pytest.approx(10.0, abs=1e-2)


def test_an_eye_position_far_outside_the_monitor_turns_no_further_than_allowed():
    perspective = Perspective(PerspectiveConfig(), Monitor())
    torch.manual_seed(0)
    for parameter in perspective.parameters():
        torch.nn.init.normal_(parameter, std=5.0)
    seen = perspective(torch.randn(1, 2, 8, 8), torch.tensor([[[1e6, -1e6], [1e9, 1e9]]]))
    assert torch.isfinite(seen).all()


def test_an_eye_that_is_taken_to_rest_costs_nothing():
    video = torch.randn(1, 1, 4, 4)
    assert Perspective(PerspectiveConfig(learn=False), Monitor())(video, torch.randn(1, 1, 2)) is video
