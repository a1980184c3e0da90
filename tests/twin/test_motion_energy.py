from __future__ import annotations

import numpy as np
import pytest

from graphtwin.twin.data.motion_energy import energy_bank


def grating(direction: float, wavelength: float = 7.0, hz: float = 2.6) -> np.ndarray:
    """Drifts towards `direction`, radians, 0 to the right, downwards positive; 60 frames at 30 Hz."""
    y, x = np.mgrid[:36, :64]
    along = (x * np.cos(direction) + y * np.sin(direction)) / wavelength
    return np.cos(2 * np.pi * (along[None] - hz * np.arange(60)[:, None, None] / 30)).astype(np.float32)


@pytest.mark.parametrize("step", range(8))
def test_each_channel_prefers_one_direction(step):
    bank = energy_bank(36, 64, 9, 16, (7.0,), 30.0)
    answers = bank.energies(grating(step * np.pi / 4), np.arange(25, 35))[:, :-1, 4, 8].mean(0)
    preferred = [2 * (step % 4) + (step < 4), 2 * (step % 4) + (step >= 4)]
    best = int(answers.argmax())
    assert best in preferred
    others = np.delete(answers, best)
    assert answers[best] > 1.5 * others.max()


def test_a_drifting_grating_has_the_same_energy_at_all_times():
    answers = energy_bank(36, 64, 9, 16, (7.0,), 30.0).energies(grating(0.0), np.arange(20, 40))[:, :, 4, 8]
    assert answers.std(0).max() < 0.05 * answers.mean(0).max()


def test_energy_is_where_the_contrast_is():
    video = np.zeros((40, 36, 64), dtype=np.float32)
    video[:, 20:28, 8:16] = grating(0.0)[:40, 20:28, 8:16]
    contrast = energy_bank(36, 64, 9, 16, (7.0,), 30.0).energies(video, np.array([20]))[0, -1]
    row, column = np.divmod(contrast.argmax(), 16)
    assert abs(row - 5.5) <= 1
    assert abs(column - 2.5) <= 1


def test_light_without_form_and_what_stands_still_have_no_energy():
    bank = energy_bank(36, 64, 9, 16, (5.0,), 30.0)
    flicker = np.ones((40, 36, 64), dtype=np.float32) * np.sin(np.arange(40))[:, None, None].astype(np.float32)
    still = np.repeat(grating(0.0)[:1], 40, axis=0)
    moving = bank.energies(grating(0.0)[:40], np.array([20]))[0, :-1, 3:6, 5:11].max()
    for video in (flicker, still):
        assert bank.energies(video, np.array([20]))[0, :-1, 3:6, 5:11].max() < 0.1 * moving


def test_pictures_have_energies_of_space_alone():
    bank = energy_bank(36, 64, 9, 16, (7.0, 10.0))
    answers = bank.energies(grating(0.0)[:3], np.arange(3))
    assert answers.shape == (3, 9, 9, 16)
    assert answers[0, :4, 4, 8].argmax() == 0


def test_light_is_signed_where_it_is_and_has_the_time_of_its_change():
    video = np.zeros((60, 36, 64), dtype=np.float32)
    video[30:, 20:28, 8:16] = 1.0
    light = energy_bank(36, 64, 9, 16, (7.0,), 30.0).light(video, np.array([15, 30, 50]))
    assert light.shape == (3, 3, 9, 16)
    assert np.divmod(light[2, 0].argmax(), 16) == (5, 2)
    assert light[:, 0, 5, 2] == pytest.approx([0.0, 0.5 * light[2, 0, 5, 2], light[2, 0, 5, 2]], abs=0.05)
    assert np.abs(light[1, 2, 5, 2]) > 10 * np.abs(light[2, 2, 5, 2])
    assert energy_bank(36, 64, 9, 16, (7.0,), 30.0).light(-video, np.array([50])) == pytest.approx(-light[2:], abs=1e-6)
    assert energy_bank(36, 64, 9, 16, (7.0, 9.0)).light(video[:2], np.arange(2)).shape == (2, 2, 9, 16)
