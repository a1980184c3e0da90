"""Noise has its band, orientation, motion and statistics; squares are counted; dots move at their speed, as many together as asked."""

from __future__ import annotations

import numpy as np
import pytest

from graphtwin.coordinates import Monitor
from graphtwin.insilico.stimuli import Monet, RandomDots, Screen, SparseNoise, Trippy, render_batch
from graphtwin.insilico.stimuli.trippy import smoothing

SCREEN = Screen(60, 50, Monitor(width_cm=60, height_cm=40, distance_cm=30), 48.0)  # 1.27 degrees a row, 2.29 a column
DOWN, ACROSS = SCREEN.degrees_a_pixel
FX, FY = np.fft.fftfreq(50, ACROSS)[None], -np.fft.fftfreq(60, DOWN)[:, None]
ONE = {"directions": 1, "segment_s": 2.0, "duration_s": 0.5, "cycles_per_degree": 0.06, "degrees_per_second": 50.0}


def test_monet_moves_every_wave_along_its_direction_at_its_speed():
    noise = Monet(directions=7, segment_s=0.25, duration_s=0.5, cycles_per_degree=0.06, degrees_per_second=50.0, seed=3)
    waves = np.fft.fft2(noise.noise(SCREEN, 24).numpy().astype(np.float64))
    for segment, direction in enumerate(np.radians(noise.directions_deg(2))):
        part = waves[12 * segment : 12 * segment + 12]
        strong = np.abs(part[0]) > 1e-2 * np.abs(part).max()
        turned = np.angle(part[1:] / part[:-1])
        wanted = np.broadcast_to(-2 * np.pi * 50.0 / 48.0 * (FX * np.cos(direction) + FY * np.sin(direction)), turned.shape)
        off = np.angle(np.exp(1j * (turned - wanted)))[:, strong]
        assert strong.sum() > 30
        assert np.abs(off).max() < 0.01
    assert np.abs(np.angle(waves[12] / waves[11]))[strong].std() > 0.5  # a new segment is new noise


def test_monet_keeps_to_its_band_and_lies_across_its_direction():
    frequency, shares, angles = np.hypot(FX, FY), [], []
    for seed in range(20):
        noise = Monet(**ONE, octaves=0.8, orientation_sd_deg=12.0, seed=seed)
        power = np.abs(np.fft.fft2(noise.noise(SCREEN, 1)[0].numpy().astype(np.float64))) ** 2
        octave = np.abs(np.log2(np.maximum(frequency, 1e-9) / 0.06))
        assert power[octave >= 0.8].sum() < 1e-9 * power.sum()
        shares.append(power[octave <= 0.4].sum() / power.sum())
        shown = np.fft.fft2(noise.render(SCREEN)[0].numpy().astype(np.float64))
        assert (np.abs(shown[octave >= 0.8]) ** 2).sum() < 0.02 * (np.abs(shown) ** 2).sum()  # what was cut off is little
        angles.append((power * np.exp(2j * np.arctan2(FY, FX))).sum() / power.sum())
    assert np.mean(shares) > 0.8
    mean = np.mean(angles)
    assert np.degrees(np.angle(mean)) / 2 == pytest.approx(0.0, abs=2.0)  # one direction: rightwards
    spread = np.degrees(np.sqrt(-np.log(np.abs(mean)) / 2))
    assert spread == pytest.approx(12.0 / np.sqrt(2), rel=0.2)  # energy is amplitude squared


def test_monet_shows_every_direction_once_a_round_each_for_its_time_at_its_contrast():
    noise = Monet(directions=5, segment_s=0.25, duration_s=2.5, cycles_per_degree=0.06, contrast=0.6, seed=1)
    directions = noise.directions_deg(10)
    assert sorted(directions[:5]) == sorted(directions[5:]) == [0.0, 72.0, 144.0, 216.0, 288.0]
    shown = noise.noise(SCREEN, 120).numpy()
    assert shown.std((1, 2)) == pytest.approx(0.2, rel=1e-3)  # a third of the contrast
    assert np.abs(shown.mean((1, 2))).max() < 1e-6
    alike = [np.corrcoef(shown[at].ravel(), shown[at + 1].ravel())[0, 1] for at in range(119)]
    assert np.flatnonzero(np.array(alike) < 0.5).tolist() == [12 * segment - 1 for segment in range(1, 10)]
    assert np.abs(noise.render(SCREEN).numpy()).max() == np.float32(0.6)
    beyond = [(np.abs(Monet(**ONE, seed=seed).noise(SCREEN, 1).numpy()) > 1).mean() for seed in range(200)]
    assert 0.001 < np.mean(beyond) < 0.0027  # beyond three standard deviations: of Gaussian pixels 0.27 %, of one segment's fewer


def test_trippy_has_the_local_frequencies_asked_for_in_all_orientations():
    screen = Screen(48, 64, Monitor(width_cm=48, height_cm=24, distance_cm=30), 60.0)  # 0.95 degrees a row, 1.43 a column
    squares, doubled, phases = [], [], []
    for seed in range(40):
        noise = Trippy(cycles_per_degree=0.05, cycles_per_second=2.0, patch_deg=12.0, seed=seed)
        phase = noise.phase(screen, 40).numpy().astype(np.float64)
        ft, fy, fx = np.gradient(phase / (2 * np.pi), 1 / 60, *screen.degrees_a_pixel)
        squares.append(((fx**2 + fy**2).mean(), (ft**2).mean()))
        doubled.append(np.exp(2j * np.arctan2(fy, fx)).mean())
        phases.append(phase)
    assert np.sqrt(np.mean(squares, axis=0)) == pytest.approx([0.05, 2.0], rel=0.05)
    assert np.abs(np.mean(doubled)) < 0.06  # no orientation is preferred: about 40 x 15 patches
    shown = np.cos(np.stack(phases))
    assert shown.mean() == pytest.approx(0.0, abs=0.05)
    assert (shown**2).mean() == pytest.approx(0.5, abs=0.03)  # a cosine of phases that are equally frequent
    assert noise.render(screen)[:40].numpy() == pytest.approx(shown[-1], abs=0.05)


def test_the_phase_of_trippy_is_as_alike_as_the_gaussian_covariance_says():
    columns, samples = 30, []
    screen = Screen(30, columns, Monitor(width_cm=30, height_cm=30, distance_cm=30), 60.0)
    for seed in range(300):
        phase = Trippy(cycles_per_degree=0.03, cycles_per_second=0.0, patch_deg=15.0, seed=seed).phase(screen, 1)[0].numpy()
        samples.append(phase[:, 0][:, None] - phase)  # without the start
    apart = np.arange(columns) * screen.degrees_a_pixel[1]
    variance = 2 * (np.sqrt(2) * np.pi * 15 * 0.03) ** 2 * (1 - np.exp(-(apart**2) / (2 * 15**2)))
    assert np.mean(np.square(samples), axis=(0, 1)) == pytest.approx(variance, rel=0.15, abs=1e-9)  # sampling error 5 %
    for extent, step, length in ((57.3, 1.91, 15.0), (118.0, 3.29, 30.0), (2.0, 1 / 30, 0.3)):
        made = smoothing(extent, step, length)
        apart = np.subtract.outer(np.arange(len(made)), np.arange(len(made))) * step
        assert made @ made.T == pytest.approx(np.exp(-(apart**2) / (2 * length**2)), abs=1e-5)


@pytest.mark.parametrize("side", [2.0, 4.6, 9.0])
def test_sparse_noise_shows_as_many_whole_squares_as_asked_in_every_picture(side):
    noise = SparseNoise(side_deg=side, squares=7, picture_s=0.25, duration_s=50.0, contrast=0.5, seed=2)
    shown = noise.render(SCREEN).numpy()
    pictures = shown[::12]
    assert (shown.reshape(200, 12, 60, 50) == pictures[:, None]).all()
    rows, columns = noise.side(SCREEN)
    assert (rows, columns) == (round(side / DOWN), round(side / ACROSS))
    assert (np.count_nonzero(pictures, axis=(1, 2)) == 7 * rows * columns).all()
    assert set(np.unique(pictures)) == {-0.5, 0.0, 0.5}
    white = (pictures > 0).sum() / (rows * columns)
    assert abs(white - 700) < 4 * np.sqrt(350)  # 1,400 squares, each white with one chance of two
    often = np.abs(pictures).sum(0) / 0.5
    grid = noise.grid(SCREEN)
    inner = often[often > 0]
    never = np.exp(-1400 / (grid[0] * grid[1]))  # as many places as chance leaves empty
    assert len(inner) == pytest.approx((1 - never) * grid[0] * grid[1] * rows * columns, rel=0.08)
    assert often.max() < 1400 / (grid[0] * grid[1]) + 6 * np.sqrt(1400 / (grid[0] * grid[1]))


def test_one_dot_moves_at_its_speed_in_its_direction_and_is_as_large_as_asked():
    dot = RandomDots(direction_deg=30.0, degrees_per_second=40.0, coherence=1.0, lifetime_s=0.5, dots=1, diameter_deg=9.0, duration_s=4.0)
    shown = dot.render(SCREEN).numpy().astype(np.float64)
    right, up = (part.numpy() for part in SCREEN.places())
    places = dot.places(SCREEN, 192)[:, :, 0].numpy().T
    inside = (np.abs(places) + 5.5 < np.array(SCREEN.extent_deg)[::-1] / 2).all(1)
    weight = shown / np.maximum(shown.sum((1, 2), keepdims=True), 1e-9)
    centre = np.stack([(weight * right).sum((1, 2)), (weight * up).sum((1, 2))], axis=1)
    assert inside.sum() > 80
    assert (np.abs(centre - places)[inside].max(0) < np.array([ACROSS, DOWN]) / 10).all()  # a tenth of a pixel
    together = inside[1:] & inside[:-1] & (np.arange(1, 192) % 24 > 0)  # it comes back every 24 frames
    step = np.diff(centre, axis=0)[together] * 48.0
    assert step.mean(0) == pytest.approx([40 * np.cos(np.pi / 6), 40 * np.sin(np.pi / 6)], abs=0.2)
    area = shown.sum((1, 2))[inside] * DOWN * ACROSS
    assert area == pytest.approx(np.pi * 4.5**2, rel=0.06)


def test_a_part_of_the_dots_moves_together_and_equally_many_come_back_in_every_frame():
    cloud = RandomDots(direction_deg=120.0, degrees_per_second=30.0, coherence=0.3, lifetime_s=0.25, dots=200, duration_s=2.0)
    steps = np.diff(cloud.places(SCREEN, 96).permute(1, 2, 0).numpy(), axis=0) * 48.0
    velocity = 30.0 * np.array([np.cos(np.radians(120)), np.sin(np.radians(120))])
    ordered = np.abs(steps - velocity).max(2) < 1e-6
    speed = np.linalg.norm(steps, axis=2)
    lasting = np.isclose(speed, 30.0)
    assert (ordered.any(0)).sum() == 60
    assert ordered[:, 60:].sum() == 0
    reborn = ~lasting
    wrapped = 0.1 * 200  # some leave the screen and come in again
    assert reborn.sum(1).mean() == pytest.approx(200 / 12, abs=wrapped)
    assert (reborn.sum(1) >= 200 // 12).all()  # as many in every frame
    heading = np.arctan2(steps[..., 1], steps[..., 0])[:, 60:][lasting[:, 60:]]
    assert np.abs(np.exp(1j * heading).mean()) < 0.1  # the others go everywhere


def test_dots_stay_spread_over_the_whole_screen_and_half_are_white():
    cloud = RandomDots(dots=100, coherence=1.0, degrees_per_second=60.0, duration_s=4.0)
    shown = cloud.render(SCREEN).numpy()
    quadrants = np.abs(shown).reshape(192, 2, 30, 2, 25).mean((0, 2, 4)).ravel()
    assert quadrants == pytest.approx(quadrants.mean(), rel=0.12)
    assert shown.mean() == pytest.approx(0.0, abs=0.02)
    assert set(np.unique(np.sign(shown))) == {-1, 0, 1}


REFUSED = [
    (Monet(segment_s=0.01), "monet: segments of 0.01 s are less than half a frame"),
    (Monet(degrees_per_second=400), "monet: at 400 degrees per second the band reaches 32 cycles per second, not below half of the 48"),
    (
        Monet(cycles_per_degree=0.002, octaves=0.5),
        "monet: no wave of 0.002 cycles per degree within 0.5 octaves fits the screen of 76",
    ),
    (SparseNoise(squares=5000), "sparse_noise: 5000 squares a picture, and the screen has 12 x 16 places of 6.5 degrees"),
    (SparseNoise(picture_s=0.01), "sparse_noise: pictures of 0.01 s are less than half a frame"),
    (RandomDots(lifetime_s=0.01), "random_dots: a lifetime of 0.01 s is less than half a frame"),
    (RandomDots(degrees_per_second=2000), "random_dots: 2000 degrees per second are half of the screen or more in a frame"),
]


@pytest.mark.parametrize(("stimulus", "told"), REFUSED)
def test_noise_that_this_screen_cannot_show_is_refused(stimulus, told):
    with pytest.raises(ValueError, match=told):
        render_batch([stimulus], SCREEN)
