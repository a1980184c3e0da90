from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from scipy.ndimage import gaussian_filter

from graphtwin.sources.formats.recording import Recording, Trial
from graphtwin.training import FitConfig
from graphtwin.twin.data.clips import clips_of, held_out_clips
from graphtwin.twin.fitting.energy_share import SHARES, fullest_share, join_ridge
from graphtwin.twin.fitting.fitted_twin import fitted_of, read_twin, write_twin
from graphtwin.twin.fitting.foundation import FoundationConfig, train_foundation
from graphtwin.twin.fitting.picture_ridge import PENALTIES, Pictures, fit_pictures, fit_ridge, least_error
from graphtwin.twin.model.core import ConvolutionalConfig
from graphtwin.twin.model.network import AnimalStart, Twin, TwinConfig, tensors
from graphtwin.twin.model.picture_drive import PictureDrive
from graphtwin.twin.model.scattering import BLOCKS, ORIENTATIONS, SCALES, scattered
from graphtwin.twin.scores.prediction import predict_trials

CONFIG = TwinConfig(core=ConvolutionalConfig(first=4, hidden=4, blocks=0, features=4), bf16=False)


def grating(cycles: float, angle: float, size: int = 48) -> np.ndarray:
    """A grating of so many cycles a height, its bars at right angles to `angle`."""
    y, x = np.mgrid[:size, :size] / size
    return np.cos(2 * np.pi * cycles * (x * np.cos(angle) + y * np.sin(angle)))


def energies_of(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over cells: energies (scales, orientations), and energies of energies, flat."""
    found = scattered(torch.tensor(picture, dtype=torch.float32)[None])[0].mean(1).numpy()
    return found[: BLOCKS[0]].reshape(SCALES, ORIENTATIONS), found[BLOCKS[0] : BLOCKS[0] + BLOCKS[1]]


@pytest.mark.parametrize("orientation", [0, 3, 6])
@pytest.mark.parametrize("scale", [2, 5])
def test_a_grating_drives_the_filter_of_its_own_frequency_and_orientation_most(scale: int, orientation: int):
    frequency = np.geomspace(1.44, 16.8, SCALES)[scale]
    first, _ = energies_of(grating(frequency, orientation * np.pi / ORIENTATIONS))
    assert np.unravel_index(first.argmax(), first.shape) == (scale, orientation)


def test_energies_of_energies_tell_an_envelope_that_energies_do_not():
    carrier = grating(16.8, np.pi / 2)
    upright, flat = (carrier * (1 + grating(4.0, angle)) for angle in (0.0, np.pi / 2))
    (first, second), (first_flat, second_flat) = energies_of(upright), energies_of(flat)
    by_energies = np.abs(first - first_flat)[7].max() / first[7].max()
    by_second = np.abs(second - second_flat).max() / second.max()
    assert by_second > 3 * by_energies


def test_pictures_of_three_times_as_many_pixels_hold_the_same():
    picture = gaussian_filter(np.random.default_rng(0).standard_normal((48, 60)), 1.0)
    picture = torch.tensor(picture / picture.std(), dtype=torch.float32)[None]
    larger = picture.repeat_interleave(3, 1).repeat_interleave(3, 2)
    torch.testing.assert_close(scattered(larger), scattered(picture), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(8, 9), (16, 24), (36, 64), (97, 50)])
def test_pictures_of_any_size_have_the_same_channels(size: tuple[int, int]):
    found = scattered(torch.randn(2, *size, generator=torch.Generator().manual_seed(0)))
    assert found.shape == (2, sum(BLOCKS), 36)
    assert found.isfinite().all()


def test_the_least_error_is_that_of_the_hat_matrix():
    """Generalised cross-validation by brute force: n |(I - H) y|^2 / tr(I - H)^2, H with the mean (Golub, Heath & Wahba 1979)."""
    rng = np.random.default_rng(1)
    seen = rng.standard_normal((36, 20, 5))
    seen -= seen.mean(1, keepdims=True)
    responses = rng.standard_normal((20, 3)) + seen[14] @ rng.standard_normal((5, 3))
    responses -= responses.mean(0)
    products = seen @ seen.transpose(0, 2, 1)
    dual, through, _ = least_error(torch.tensor(products), torch.tensor(responses))
    for unit in range(3):
        kernel = np.einsum("c,cij->ij", through[:, unit].numpy(), products)
        errors = []
        for penalty in PENALTIES:
            left = np.eye(20) - kernel @ np.linalg.inv(kernel + penalty * np.eye(20)) - 1 / 20
            errors.append((20 * np.sum((left @ responses[:, unit]) ** 2) / np.trace(left) ** 2, penalty))
        expected = np.linalg.solve(kernel + min(errors)[1] * np.eye(20), responses[:, unit])
        np.testing.assert_allclose(dual[:, unit].numpy(), expected, rtol=1e-4, atol=1e-6)


def planted_pictures(pictures: int, units: int, seed: int = 0, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Smooth noise of patches of random contrast, and rates of units that weigh energies of one cell each."""
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.standard_normal((pictures, size, size)), (0, 1.5, 1.5))
    contrast = np.exp(gaussian_filter(rng.standard_normal((pictures, size, size)), (0, 5, 5)) * 8)
    shown = (noise * contrast / (noise * contrast).std()).astype(np.float32)
    energies = scattered(torch.from_numpy(shown)).numpy()
    of_units = np.random.default_rng(1)
    cells, channels = of_units.choice([14, 15, 20, 21], units), of_units.integers(16, BLOCKS[0], (units, 3))
    drive = np.stack([energies[:, at, cell].mean(1) for cell, at in zip(cells, channels, strict=True)], axis=1)
    return shown, np.maximum(1 + 0.5 * (drive - drive.mean(0)) / drive.std(0), 0.05).astype(np.float32)


@pytest.mark.parametrize("units", [1, 6, 90])
def test_the_ridge_predicts_planted_units_on_new_pictures(units: int):
    shown, rates = planted_pictures(200, units)
    energies, responses = scattered(torch.from_numpy(shown)), torch.from_numpy(rates / rates.std(0))
    drive = PictureDrive(units)
    fit_ridge(drive, Pictures(energies[:150], responses[:150], torch.ones(150)))
    found = drive.rates(energies[150:]).numpy()
    assert np.median([np.corrcoef(found[:, unit], rates[150:, unit])[0, 1] for unit in range(units)]) > 0.93
    assert (found > 0).all()


def test_pictures_shown_once_among_pictures_shown_often_weigh_less():
    shown, rates = planted_pictures(200, 8)
    energies, n_repeats = scattered(torch.from_numpy(shown)), np.where(np.arange(150) % 2, 8, 1)
    means = np.random.default_rng(0).poisson(n_repeats[:, None] * rates[:150]) / n_repeats[:, None]
    responses, drive, found = torch.tensor(means / means.std(0), dtype=torch.float32), PictureDrive(8), []
    for counts in (n_repeats, np.ones(150)):
        fit_ridge(drive, Pictures(energies[:150], responses, torch.tensor(counts, dtype=torch.float32)))
        predicted = drive.rates(energies[150:]).numpy()
        found.append(np.mean([np.corrcoef(predicted[:, unit], rates[150:, unit])[0, 1] for unit in range(8)]))
    assert found[0] > found[1] + 0.02


def test_a_unit_that_never_varies_is_expected_at_its_mean():
    shown, rates = planted_pictures(40, 3)
    responses = torch.from_numpy(rates)
    responses[:, 1] = 2.0
    drive = PictureDrive(3)
    energies = scattered(torch.from_numpy(shown))
    fit_ridge(drive, Pictures(energies, responses, torch.ones(40)))
    torch.testing.assert_close(drive.rates(energies)[:, 1], torch.full((40,), 2.0), rtol=1e-3, atol=1e-3)


def test_frames_that_stay_are_answered_as_every_frame_alone():
    shown, rates = planted_pictures(12, 2)
    energies = scattered(torch.from_numpy(shown))
    drive = PictureDrive(2)
    fit_ridge(drive, Pictures(energies, torch.from_numpy(rates), torch.ones(12)))
    order = np.array([[0, 0, 0, 3], [3, 5, 5, 0]])
    torch.testing.assert_close(drive(torch.from_numpy(shown[order]), {}, {}), drive.rates(energies)[torch.from_numpy(order)])


def recorded(shown: np.ndarray, rates: np.ndarray, noise: int = 0) -> Recording:
    """Pictures as a recording: three quarters to train, an eighth to validate and to test; Poisson counts."""
    count, units = rates.shape
    tiers = np.repeat(["train", "validation", "test"], [count - 2 * (count // 8), count // 8, count // 8])
    trials = pd.DataFrame({"trial": np.arange(count), "tier": tiers, "stimulus": [f"picture {at}" for at in range(count)]})
    trials = trials.assign(kind="picture", n_frames=1, has_responses=True)
    table = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(units) + 1, "x_um": np.nan, "y_um": np.nan, "z_um": np.nan})
    counts = np.random.default_rng(noise).poisson(10 * rates).astype(np.float32)
    still = np.zeros((1, 2), dtype=np.float32)
    return Recording("still", np.nan, table, trials, ("a", "b"), lambda at: Trial(shown[at : at + 1], counts[at : at + 1], still, still))


def untrained(recording: Recording) -> Twin:
    """A twin whose units answer at their mean rate whatever they see."""
    units = len(recording.units)
    torch.manual_seed(0)
    twin = Twin(CONFIG, {"still": AnimalStart(np.zeros((units, 2)), np.ones(units), 2)}).eval()
    torch.nn.init.zeros_(twin.animal("still").readout.weights)
    return twin


def test_a_ridge_that_predicts_has_its_share_and_one_that_does_not_has_none():
    shown, rates = planted_pictures(160, 5)
    training, validation = clips_of(recorded(shown, rates))
    twin = untrained(training.recording)
    assert join_ridge(twin, "still", training, validation, 0.4) >= 0.8
    drive = twin.animal("still").ridge
    drive.patterns.copy_(drive.patterns[:, :, torch.randperm(36, generator=torch.Generator().manual_seed(1))].flip(1) * 3)
    assert fullest_share(twin, "still", validation, 0.4) <= 0.2


def test_the_share_is_the_largest_that_is_not_significantly_worse_than_the_best():
    """Brute force over pictures, one after the other."""
    shown, rates = planted_pictures(200, 5)
    training, validation = clips_of(recorded(shown, rates, noise=1))
    twin = untrained(training.recording)
    drive = twin.animal("still").ridge
    assert isinstance(drive, PictureDrive)
    assert next(fit_pictures(drive, replace(training, rows=training.rows[:10]), validation)) == "training"
    likely = np.zeros((len(validation.rows), len(SHARES)))
    for picture, row in enumerate(validation.rows):
        window = validation.read(int(row))
        for at, share in enumerate(SHARES):
            drive.share.fill_(share)
            with torch.no_grad():
                numbers, _ = twin("still", *tensors(window, twin.device))
                likely[picture, at] = twin.log_likelihood("still", numbers, torch.from_numpy(window.responses), torch.ones(1)).sum()
    best = likely.sum(0).argmax()
    allowed = []
    for at, share in enumerate(SHARES):
        if at == best or stats.ttest_rel(likely[:, best], likely[:, at], alternative="greater").pvalue >= 0.05:
            allowed.append(share)
    assert fullest_share(twin, "still", validation, 0.4) == pytest.approx(max(allowed))
    assert 1.0 > max(allowed) > SHARES[best]


def test_fewer_than_ten_pictures_are_left_to_the_core():
    shown, rates = planted_pictures(10, 3)
    training, validation = clips_of(recorded(shown, rates))
    twin = untrained(training.recording)
    assert join_ridge(twin, "still", replace(training, rows=training.rows[:6]), validation, 0.4) == 0.0
    assert twin.animal("still").ridge.share == 0


@pytest.mark.slow
def test_a_twin_of_pictures_is_read_from_its_file_with_its_ridge(tmp_path: Path):
    shown, rates = planted_pictures(96, 4)
    recording = recorded(shown, rates)
    config = FoundationConfig(twin=CONFIG, fit=FitConfig(epochs=1, patience=1, learning_rate=3e-3, weight_decay=0.0), steps=2)
    trained = train_foundation([recording], config)
    assert trained.shares["still"] > 0
    window = held_out_clips(trained.clips["still"][0], ["test"]).read(90)
    read = read_twin(write_twin(fitted_of(trained), tmp_path / "twin.pt"))
    np.testing.assert_array_equal(predict_trials(read.twin, "still", window), predict_trials(trained.twin, "still", window))
