from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import Float

from graphtwin.synthetic.function import stimuli


@pytest.mark.parametrize("kind", list(stimuli.KINDS))
def test_a_film_is_made_again_by_its_name_in_whole_grey_levels_and_moves(kind: str):
    frames = stimuli.film(kind, 3, "clip", 1, n_frames=120)
    assert frames.shape == (120, stimuli.HEIGHT, stimuli.WIDTH)
    assert frames.dtype == np.float32
    assert frames.min() >= 0
    assert frames.max() <= 255
    np.testing.assert_array_equal(frames, np.rint(frames))
    np.testing.assert_array_equal(frames, stimuli.film(kind, 3, "clip", 1, n_frames=120))
    assert not np.array_equal(frames, stimuli.film(kind, 3, "clip", 2, n_frames=120))
    assert np.abs(np.diff(frames, axis=0)).mean() > 0.5
    assert 85 < frames.mean() < 170
    assert frames.std() > 15


def test_an_unknown_stimulus_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"stimulus 'gabor' is not known \(nearest 'gabors'\)\. Choose of dead_leaves, "):
        stimuli.film("gabor", 0, n_frames=3)


@pytest.mark.parametrize("kind", ["dead_leaves", "natural_images"])
def test_amplitude_of_natural_pictures_falls_about_as_one_over_frequency(kind: str):
    frames = np.concatenate([stimuli.film(kind, 0, clip, n_frames=300)[::30] for clip in range(4)])
    window = np.outer(np.hanning(stimuli.HEIGHT), np.hanning(stimuli.WIDTH))
    power = (np.abs(np.fft.rfft2((frames - frames.mean()) * window)) ** 2).mean(0)
    frequency = np.hypot(np.fft.fftfreq(stimuli.HEIGHT)[:, None], np.fft.rfftfreq(stimuli.WIDTH))
    within = (frequency > 0.06) & (frequency < 0.4)
    slope = np.polyfit(np.log(frequency[within]), np.log(power[within]), 1)[0] / 2
    assert -1.8 < slope < -0.9


def test_leaves_hide_one_another_and_their_sizes_are_many():
    frames = stimuli.film("dead_leaves", 0, "one", n_frames=2)
    flat = np.mean(np.abs(np.diff(frames[0], axis=1)) < 1)
    edges = np.mean(np.abs(np.diff(frames[0], axis=1)) > 40)
    assert 0.15 < flat < 0.8  # inside leaves
    assert 0.02 < edges < 0.4  # at their borders


def _drift(frames: Float[np.ndarray, "frames height width"]) -> tuple[float, float]:
    """Pixels a frame to the right and up that best explain the film: least squares of brightness constancy."""
    dt = np.diff(frames, axis=0)[:, 1:-1, 1:-1]
    mean = (frames[1:] + frames[:-1]) / 2
    dx = (mean[:, 1:-1, 2:] - mean[:, 1:-1, :-2]) / 2
    dy = (mean[:, :-2, 1:-1] - mean[:, 2:, 1:-1]) / 2
    return tuple(np.linalg.lstsq(np.stack([dx.ravel(), dy.ravel()], 1), -dt.ravel(), rcond=None)[0])


@pytest.mark.parametrize("direction", [0.0, 90.0, 135.0, 247.5])
def test_a_grating_drifts_into_its_direction_at_its_speed(direction: float):
    right, up = _drift(stimuli.grating_film(direction, 0.03, 2.0, 30, contrast=0.5).astype(np.float64))
    assert abs((np.degrees(np.arctan2(up, right)) - direction + 180) % 360 - 180) < 1.0
    assert stimuli.DEGREES_A_PIXEL == 3.29  # films of this simulator were made so
    speed = 2.0 / (0.03 * stimuli.DEGREES_A_PIXEL) / stimuli.FRAME_RATE_HZ
    assert np.hypot(right, up) == pytest.approx(speed, rel=0.15)


def test_gratings_show_every_direction_once():
    frames = stimuli.film("drifting_gratings", 0, 0, n_frames=288).astype(np.float64)
    found = [_direction(segment) for segment in frames.reshape(16, 18, 36, 64)]
    assert sorted(np.rint(np.array(found) / 22.5) % 16) == list(range(16))


def _direction(frames: Float[np.ndarray, "frames height width"]) -> float:
    """Degrees into which the strongest wave of a film drifts, by the sign of its change of phase."""
    window = np.outer(np.hanning(36), np.hanning(64))
    waves = np.fft.fft2((frames - 127.5) * window, s=(512, 512))
    row, column = np.unravel_index(np.abs(waves).sum(0).argmax(), (512, 512))
    wave = waves[:, row, column]
    up, right = -np.fft.fftfreq(512)[row], np.fft.fftfreq(512)[column]
    ahead = -np.sign(np.angle(wave[1:] * np.conj(wave[:-1])).mean())
    return float(np.degrees(np.arctan2(ahead * up, ahead * right)))


def test_photographs_come_from_installed_packages():
    assert len(stimuli.photographs()) >= 2
    assert all(photo.ndim == 2 and min(photo.shape) > 200 for photo in stimuli.photographs().values())
