"""Gratings have their energy where they are asked to, in degrees on pixels that are not square; windows have their sizes and places."""

from __future__ import annotations

import numpy as np
import pytest

from graphtwin.coordinates import Monitor
from graphtwin.insilico.stimuli import (
    Annulus,
    CentreSurround,
    Disc,
    DriftingGrating,
    Gabor,
    Gaussian,
    Looming,
    Plaid,
    Screen,
    StaticGrating,
    Stimulus,
    Windowed,
    render_batch,
)

SCREEN = Screen(40, 50, Monitor(width_cm=60, height_cm=24, distance_cm=30), 48.0)  # 1.15 degrees a row, 2.29 a column
FINE = Screen(240, 480, Monitor(width_cm=60, height_cm=24, distance_cm=30), 48.0)  # 0.191 degrees a row, 0.239 a column
EXTENT = np.array([SCREEN.extent_deg[1], SCREEN.extent_deg[0]])  # x, y


def contrast(stimulus: Stimulus, screen: Screen = SCREEN) -> np.ndarray:
    return stimulus.render(screen).numpy().astype(np.float64)


def energy(movie: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Share of the energy of each wave cos(2 pi (x fx + y fy - t ft)), ft above 0, and its frequencies fx, fy (a degree), ft (a second)."""
    power = np.abs(np.fft.fftn(movie)) ** 2
    down, across = SCREEN.degrees_a_pixel
    time, rows, columns = (np.fft.fftfreq(n, step) for n, step in zip(movie.shape, (1 / 48.0, down, across), strict=True))
    ft, fy, fx = np.meshgrid(-time, -rows, columns, indexing="ij")
    kept = ft > 0
    return power[kept] / power[kept].sum(), [part[kept] for part in (fx, fy, ft)]


@pytest.mark.parametrize("waves", [(5, 0), (5, 4), (0, 9), (-3, 7), (-11, 0), (-2, -8), (0, -3), (12, -3)])
def test_a_grating_whose_waves_fit_the_screen_has_all_its_energy_at_its_frequencies_and_direction(waves):
    fx, fy = np.array(waves) / EXTENT
    asked = {"direction_deg": np.degrees(np.arctan2(fy, fx)), "cycles_per_degree": np.hypot(fx, fy), "cycles_per_second": 6.0}
    share, found = energy(contrast(DriftingGrating(**asked, phase_deg=70.0)))
    assert share.max() > 1 - 1e-6
    assert [part[share.argmax()] for part in found] == pytest.approx([fx, fy, 6.0], abs=1e-9)


@pytest.mark.parametrize("direction", [0.0, 17.0, 90.0, 133.0, 180.0, 251.0, 300.0])
def test_any_grating_has_its_peak_within_a_bin_of_what_was_asked(direction):
    share, found = energy(contrast(DriftingGrating(direction_deg=direction, cycles_per_degree=0.11, cycles_per_second=7.3)))
    wanted = [0.11 * np.cos(np.radians(direction)), 0.11 * np.sin(np.radians(direction)), 7.3]
    assert (np.abs([part[share.argmax()] for part in found] - np.array(wanted)) <= [*(1 / EXTENT), 1.0]).all()


def test_a_grating_that_drifts_upwards_is_a_frame_later_what_was_lower():
    shown = contrast(DriftingGrating(direction_deg=90.0, cycles_per_degree=0.125 / SCREEN.degrees_a_pixel[0], cycles_per_second=6.0))
    assert shown[8] == pytest.approx(shown[0], abs=1e-5)  # eight frames a cycle
    assert shown[1, :-1] == pytest.approx(shown[0, 1:], abs=1e-5)  # one row a frame
    assert np.ptp(shown, axis=2).max() == 0


def test_a_static_grating_is_a_drifting_one_that_stands_still():
    still = contrast(StaticGrating(orientation_deg=30.0, cycles_per_degree=0.08, phase_deg=40, contrast=0.6))
    right, up = (part.numpy() for part in SCREEN.places())
    wave = 0.08 * (np.cos(np.pi / 6) * right + np.sin(np.pi / 6) * up) + 40 / 360
    assert (still == still[0]).all()
    assert still[0] == pytest.approx(0.6 * np.cos(2 * np.pi * wave), abs=1e-6)
    moving = contrast(DriftingGrating(direction_deg=30.0, cycles_per_degree=0.08, phase_deg=40, contrast=0.6, cycles_per_second=5.0))
    assert (moving[0] == still[0]).all()


def test_a_plaid_is_two_waves_of_equal_energy_and_never_above_its_contrast():
    first, second = np.array([6, 4]) / EXTENT, np.array([6, -4]) / EXTENT
    apart = 2 * np.degrees(np.arctan2(first[1], first[0]))
    shown = contrast(Plaid(apart_deg=apart, cycles_per_degree=np.hypot(*first), cycles_per_second=4.0, contrast=0.8))
    share, (fx, fy, ft) = energy(shown)
    best = np.argsort(share)[-2:]
    assert share[best] == pytest.approx(0.5, abs=1e-5)
    assert sorted(zip(fx[best], fy[best], ft[best], strict=True)) == [pytest.approx((*part, 4.0)) for part in (second, first)]
    assert 0.7 < np.abs(shown).max() <= 0.8 + 1e-6


def envelope(stimulus: Stimulus) -> np.ndarray:
    """What a pattern's phase goes up and down under, of phases a quarter of a cycle apart."""
    even, odd = (contrast(stimulus.model_copy(update={"phase_deg": phase}), FINE)[0] for phase in (0.0, 90.0))
    return np.hypot(even, odd)


def test_a_gabor_has_its_centre_sd_contrast_and_phase():
    patch = Gabor(x_deg=12.0, y_deg=-7.0, sd_deg=4.0, direction_deg=40.0, cycles_per_degree=0.1, contrast=0.7)
    bump, (right, up) = envelope(patch), (part.numpy() for part in FINE.places())
    weight = bump / bump.sum()
    assert ((weight * right).sum(), (weight * up).sum()) == pytest.approx((12.0, -7.0), abs=0.01)
    assert np.sqrt([(weight * (right - 12) ** 2).sum(), (weight * (up + 7) ** 2).sum()]) == pytest.approx(4.0, rel=1e-3)
    assert bump.max() == pytest.approx(0.7, abs=2e-3)
    shown = contrast(patch, FINE)[0]
    row, column = np.unravel_index(shown.argmax(), shown.shape)
    assert (right[column], up[row, 0]) == pytest.approx((12.0, -7.0), abs=0.25)  # brightest at the centre


def test_a_gabor_that_drifts_moves_beneath_its_gaussian():
    shown = contrast(Gabor(sd_deg=12.0, direction_deg=0.0, cycles_per_degree=5 / EXTENT[0], cycles_per_second=6.0))
    share, (fx, _, ft) = energy(shown)
    best = share.argmax()
    assert (fx[best], ft[best]) == pytest.approx((5 / EXTENT[0], 6.0))
    assert share[ft == ft[best]].sum() > 1 - 1e-6
    assert share[fx > 0].sum() > 0.99  # rightwards
    assert shown.std(0).argmax() == pytest.approx(20 * 50 + 25, abs=51)  # most in the middle, which lies between pixels


def test_rings_and_discs_have_their_diameters_in_degrees_whatever_the_pixels():
    right, up = (part.numpy() for part in FINE.places())
    distance, a_pixel = np.hypot(right - 20, up - 5), np.prod(FINE.degrees_a_pixel)
    for inner, outer in ((0.0, 9.0), (6.0, 26.0), (25.0, 30.0)):
        ring = envelope(Annulus(x_deg=20.0, y_deg=5.0, inner_diameter_deg=inner, diameter_deg=outer, cycles_per_degree=0.05))
        assert ring.sum() * a_pixel == pytest.approx(np.pi * (outer**2 - inner**2) / 4, rel=0.01)
        np.testing.assert_allclose(ring[(distance > inner / 2 + 0.2) & (distance < outer / 2 - 0.2)], 1.0, atol=1e-6)
        assert (ring[(distance < inner / 2 - 0.2) | (distance > outer / 2 + 0.2)] == 0).all()
        seen = Windowed(part=StaticGrating(), aperture=Disc(x_deg=20, y_deg=5, diameter_deg=outer, inner_diameter_deg=inner))
        np.testing.assert_allclose(contrast(seen, FINE)[0], ring * contrast(StaticGrating(), FINE)[0], atol=1e-6)


def test_a_gaussian_aperture_is_a_gabor_s():
    place = {"x_deg": 10.0, "y_deg": 3.0}
    wave = {"direction_deg": 0.0, "cycles_per_degree": 0.1, "cycles_per_second": 2.0}
    gabor = Gabor(**place, sd_deg=5, **wave)
    seen = Windowed(part=DriftingGrating(**wave, phase_deg=-360 * 10 * 0.1), aperture=Gaussian(**place, sd_deg=5))
    np.testing.assert_allclose(contrast(seen), contrast(gabor), atol=1e-5)


def test_centre_and_surround_are_a_disc_and_a_ring_of_their_own_directions_and_contrasts():
    shared = {"x_deg": 5.0, "y_deg": -2.0, "cycles_per_degree": 0.06, "cycles_per_second": 3.0, "phase_deg": 20.0}
    both = CentreSurround(
        **shared,
        centre_diameter_deg=10,
        surround_inner_diameter_deg=14,
        surround_diameter_deg=40,
        direction_deg=45,
        surround_direction_deg=170,
        contrast=0.9,
        surround_contrast=0.4,
    )
    centre = Annulus(**shared, diameter_deg=10, direction_deg=45, contrast=0.9)
    surround = Annulus(**shared, diameter_deg=40, inner_diameter_deg=14, direction_deg=170, contrast=0.4)
    np.testing.assert_allclose(contrast(both, FINE), contrast(centre, FINE) + contrast(surround, FINE), atol=1e-6)


@pytest.mark.parametrize("dark", [True, False])
def test_a_looming_disc_grows_as_something_that_comes_near_at_constant_speed(dark):
    half_size_cm, speed_cm_s, first, last = 3.0, 50.0, 6.0, 44.0
    asked = {"size_over_speed_s": half_size_cm / speed_cm_s, "first_diameter_deg": first, "last_diameter_deg": last}
    shown = contrast(Looming(**asked, dark=dark, contrast=0.5, duration_s=1.3), FINE)
    area = np.abs(shown).sum((1, 2)) / 0.5 * np.prod(FINE.degrees_a_pixel)
    distance_cm = half_size_cm / np.tan(np.radians(first) / 2) - speed_cm_s * np.arange(62) / 48.0
    wanted = np.degrees(2 * np.arctan2(half_size_cm, np.maximum(distance_cm, 0)))
    assert 2 * np.sqrt(area / np.pi) == pytest.approx(np.minimum(wanted, last), rel=0.01)
    assert wanted[-1] > last > wanted[30]
    assert shown.min() == (-0.5 if dark else 0.0)


CONTRADICTIONS = [
    (lambda: Annulus(diameter_deg=10, inner_diameter_deg=10), "annulus: its hole of 10 degrees leaves nothing of 10 degrees"),
    (lambda: CentreSurround(centre_diameter_deg=30), r"diameters of centre, hole and surround, 30, 20, 60, must grow outwards"),
    (lambda: Looming(first_diameter_deg=60), "looming: it must grow, from 60 degrees to more than 60"),
]


@pytest.mark.parametrize(("made", "told"), CONTRADICTIONS)
def test_sizes_that_contradict_each_other_are_refused(made, told):
    with pytest.raises(ValueError, match=told):
        made()


def test_a_component_beyond_half_a_cycle_a_pixel_is_what_is_refused_not_the_frequency():
    upwards = DriftingGrating(direction_deg=90.0, cycles_per_degree=0.4)  # 0.46 cycles a row
    assert render_batch([upwards], SCREEN).shape == (1, 48, 40, 50)
    with pytest.raises(ValueError, match=r"0.4 cycles per degree at 0 degrees are 0.92 cycles a pixel.* Give at most 0.218"):
        render_batch([upwards.model_copy(update={"direction_deg": 0.0})], SCREEN)
