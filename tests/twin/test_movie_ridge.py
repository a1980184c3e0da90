from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.ndimage import gaussian_filter

from graphtwin.sources.formats.recording import Recording, Trial
from graphtwin.training import FitConfig
from graphtwin.twin.data.clips import Clips, clips_of, held_out_clips
from graphtwin.twin.fitting.energy_share import join_ridge
from graphtwin.twin.fitting.fitted_twin import fitted_of, read_twin, write_twin
from graphtwin.twin.fitting.foundation import FoundationConfig, train_foundation
from graphtwin.twin.fitting.movie_ridge import PENALTIES, WINDOWS, Rows, choose, fit_clips, rows_of, windows_of
from graphtwin.twin.model.core import ConvolutionalConfig
from graphtwin.twin.model.movie_drive import MovieDrive, taps_of
from graphtwin.twin.model.network import AnimalStart, Twin, TwinConfig
from graphtwin.twin.model.scattering import FINE_CELLS, FINE_CHANNELS, ORIENTATIONS, SCALES, energies_of_frames
from graphtwin.twin.scores.prediction import predict_trials

HZ = 25.0
CONFIG = TwinConfig(core=ConvolutionalConfig(first=4, hidden=4, blocks=0, features=4), bf16=False)
SITES = ((3, 5), (6, 9))  # cells, down and across, that planted units look at


@cache
def scene(seed: int, frames: int, size: tuple[int, int] = (32, 48)) -> np.ndarray:
    """Patches of smooth noise whose contrast and places change smoothly in time."""
    rng = np.random.default_rng([7, seed])
    noise = gaussian_filter(rng.standard_normal((frames, *size)), (3, 1.2, 1.2))
    contrast = np.exp(gaussian_filter(rng.standard_normal((frames, *size)), (6, 4, 4)) * 25)
    shown = noise * contrast
    return (shown / shown.std()).astype(np.float32)


@cache
def energies_of_scene(seed: int, frames: int) -> np.ndarray:
    return energies_of_frames(torch.from_numpy(scene(seed, frames))).unflatten(2, FINE_CELLS).numpy()


def planted_rates(seed: int, frames: int, units: int, delay: int = 3) -> np.ndarray:
    """Rates of units that weigh three energies of one cell of a scene each, `delay` frames ago."""
    energies = energies_of_scene(seed, frames)
    rng = np.random.default_rng(1)
    rates = []
    for unit in range(units):
        down, across = SITES[unit % len(SITES)]
        drive = energies[:, rng.choice(SCALES * ORIENTATIONS, 3, replace=False), down, across].mean(1)
        rates.append(np.maximum(drive - 0.5 * drive.mean(), 0.02))
    late = np.stack(rates, axis=1)
    return np.concatenate([np.repeat(late[:1], delay, 0), late[:-delay]])


def recorded(scenes: int = 5, frames: int = 100, repeats: int = 4, units: int = 6, scale: float = 4.0, tells: bool = True) -> Recording:
    """Scenes shown several times, two of them to validate and to test; Poisson counts. Without `tells` rates are those of other scenes."""
    videos = [scene(at, frames) for at in range(scenes)]
    rates = [planted_rates(at if tells else 100 + at, frames, units) for at in range(scenes)]
    tier = ["train"] * (scenes - 2) + ["validation", "test"]
    shown = np.repeat(np.arange(scenes), repeats)
    trials = pd.DataFrame({"trial": np.arange(len(shown)), "tier": [tier[at] for at in shown], "stimulus": [f"scene {at}" for at in shown]})
    trials = trials.assign(kind="video", n_frames=frames, has_responses=True)
    table = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(units) + 1, "x_um": np.nan, "y_um": np.nan, "z_um": np.nan})
    counts = [np.random.default_rng([3, row]).poisson(scale * rates[at]).astype(np.float32) for row, at in enumerate(shown)]
    none = np.zeros((frames, 2), dtype=np.float32)

    def opened(row: int) -> Trial:
        return Trial(videos[shown[row]], counts[row], none, none)

    return Recording("scenes", HZ, table, trials, ("pupil_size", "running"), opened)


def correlations(drive: MovieDrive, held: Clips) -> np.ndarray:
    """Correlation of a drive's rates with the mean response to a held-out scene, a unit each."""
    windows = list(held.whole())
    found = drive(torch.from_numpy(windows[0].video), {}, {})[0].numpy()
    mean = np.mean([window.responses[0] for window in windows], axis=0)
    return np.array([np.corrcoef(found[10:, unit], mean[10:, unit])[0, 1] for unit in range(mean.shape[1])])


@pytest.mark.parametrize("hz", [5.0, 25.0, 120.0])
@pytest.mark.parametrize("span", [0.0, 0.16, 0.32])
def test_windows_in_time_are_means_that_end_at_the_answer(span: float, hz: float):
    taps = taps_of(span, hz)
    torch.testing.assert_close(taps.sum(1), torch.ones(3))
    middles = taps @ (torch.arange(taps.shape[1]) / hz)
    assert (taps >= 0).all()
    assert (middles.diff() > 0).all()
    assert float(middles[-1]) == pytest.approx(max(span, 2 / hz), rel=0.1)


@pytest.mark.parametrize("units", [1, 6, 90])
def test_the_ridge_predicts_planted_units_in_a_scene_that_it_never_saw(units: int):
    recording = recorded(units=units, scale=30.0)
    training, validation = clips_of(recording)
    drive = MovieDrive(units, HZ)
    assert fit_clips(drive, [training, validation])
    assert np.median(correlations(drive, held_out_clips(training, ("test",)))) > 0.6


def test_units_that_nothing_drives_are_expected_near_their_mean():
    training, validation = clips_of(recorded(tells=False))
    drive = MovieDrive(6, HZ)
    fit_clips(drive, [training, validation])
    windows = list(validation.whole())
    found = drive(torch.from_numpy(windows[0].video), {}, {})[0]
    mean = torch.from_numpy(np.mean([window.responses[0] for window in windows], axis=0))
    assert (found.std(0) < 0.5 * mean.std(0)).all()


def test_a_window_is_trusted_where_units_look():
    training, validation = clips_of(recorded(scale=30.0))
    rows = rows_of([training, validation])
    energies = rows.energies[0]
    seen = ((energies - energies.mean(0)) / energies.std(0)).flatten(1, 2).permute(2, 0, 1)
    windows = windows_of(rows.aspect, WINDOWS)
    chosen = choose(seen @ seen.mT, rows, windows, rows.stimulus % 4)
    looks = (windows.T / windows.sum(1) @ chosen.posterior).unflatten(0, FINE_CELLS)  # shape: (down, across, units)
    for unit in range(6):
        down, across = SITES[unit % len(SITES)]
        near = looks[down - 1 : down + 2, across - 1 : across + 2, unit].mean()
        assert near > 4 * looks[:, :, unit].mean()


def test_errors_are_those_of_a_ridge_fitted_without_the_fold():
    """Brute force with explicit weights: standard scores are of all rows, the mean response of those that are fitted."""
    rng = np.random.default_rng(2)
    seen = rng.standard_normal((160, 24, 5)).astype(np.float32)
    seen -= seen.mean(1, keepdims=True)
    responses = rng.standard_normal((24, 2)).astype(np.float32) + seen[30] @ rng.standard_normal((5, 2)).astype(np.float32)
    rows = Rows((), torch.from_numpy(responses), torch.arange(24) // 6, 1.0, 1.5)
    window = np.zeros((1, 160), dtype=np.float32)
    window[0, [30, 31]] = 0.5
    chosen = choose(torch.from_numpy(seen @ seen.transpose(0, 2, 1)), rows, torch.from_numpy(window), rows.stimulus)
    features = np.concatenate([seen[30], seen[31]], axis=1) * 0.5**0.5
    features /= np.sqrt(np.mean((features**2).sum(1)))
    errors = np.zeros((len(PENALTIES), 2))
    for fold in range(4):
        kept, held = np.arange(24) // 6 != fold, np.arange(24) // 6 == fold
        mean, middle = features[kept].mean(0), responses[kept].mean(0)
        x, y = features[kept] - mean, responses[kept] - middle
        for at, penalty in enumerate(PENALTIES):
            weights = np.linalg.solve(x.T @ x + penalty * np.eye(10), x.T @ y)
            errors[at] += ((responses[held] - middle - (features[held] - mean) @ weights) ** 2).sum(0)
    np.testing.assert_allclose(chosen.error.numpy(), errors.min(0), rtol=1e-4)
    np.testing.assert_array_equal(chosen.penalty[0].numpy(), np.float32(np.array(PENALTIES)[errors.argmin(0)]))


def test_pieces_of_a_movie_are_answered_as_the_whole():
    training, validation = clips_of(recorded(scenes=4, frames=120))
    drive = MovieDrive(6, HZ)
    fit_clips(drive, [training, validation])
    video = torch.from_numpy(training.read(0).video)
    whole, pieces, state = drive(video, {}, {}), [], {}
    for start, stop in ((0, 1), (1, 40), (40, 120)):
        left: dict[str, torch.Tensor] = {}
        pieces.append(drive(video[:, start:stop], state, left))
        state = left
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-4, atol=1e-5)


def test_rows_are_means_of_what_is_seen_and_answered():
    training, _ = clips_of(recorded(scenes=3, frames=60, repeats=2))
    rows = rows_of([training])
    window = training.read(0)
    video, taps = torch.from_numpy(window.video[0]), taps_of(0.16, HZ)
    energies = energies_of_frames(video)
    begin = 10 + 3  # the second bin of 3 frames after 0.4 s
    expected = torch.stack(
        [sum(tap * energies[begin + late - back] for late in range(3) for back, tap in enumerate(of)) / 3 for of in taps]
    )
    torch.testing.assert_close(rows.energies[0][1], expected, rtol=1e-4, atol=1e-5)
    both = np.mean([training.read(row).responses[0, begin : begin + 3].mean(0) for row in (0, 1)], axis=0)
    np.testing.assert_allclose(rows.responses[1].numpy(), both, rtol=1e-5)


def test_frames_that_nobody_counts_are_no_part_of_a_mean():
    recording = recorded(scenes=3, frames=60, repeats=2)
    opened = recording.open_trial

    def with_gap(row: int) -> Trial:
        trial = opened(row)
        responses = trial.responses.copy()
        if row == 1:
            responses[10:20] = np.nan
        return Trial(trial.video, responses, trial.behaviour, trial.eye_position)

    gappy = Recording(recording.name, HZ, recording.units, recording.trials, recording.behaviour, with_gap)
    training, _ = clips_of(gappy)
    rows = rows_of([training])
    first = training.read(0).responses[0]
    np.testing.assert_allclose(rows.responses[1].numpy(), first[13:16].mean(0), rtol=1e-5)


def test_too_few_rows_leave_the_core_alone():
    training, validation = clips_of(recorded(scenes=3, frames=20))
    twin = Twin(CONFIG, {"scenes": AnimalStart(np.zeros((6, 2)), np.ones(6), 2, frame_rate_hz=HZ)})
    assert join_ridge(twin, "scenes", training, validation, 0.4) == 0.0
    assert float(twin.animal("scenes").ridge.share) == 0.0


def test_few_scenes_are_predicted_by_the_ridge_where_the_core_cannot(tmp_path: Path):
    recording = recorded(scenes=5, scale=10.0)
    config = FoundationConfig(twin=CONFIG, fit=FitConfig(epochs=1), steps=2, windows=2)
    trained = train_foundation([recording], config)
    training = trained.clips["scenes"][0]
    held = held_out_clips(training, ("test",))
    windows = list(held.whole())
    mean = np.mean([window.responses[0] for window in windows], axis=0)[10:]

    def score(twin: Twin) -> float:
        found = predict_trials(twin.eval(), "scenes", windows[0])[0][10:]
        return float(np.median([np.corrcoef(found[:, unit], mean[:, unit])[0, 1] for unit in range(6)]))

    with_ridge = score(trained.twin)
    assert trained.shares["scenes"] > 0.5
    path = write_twin(fitted_of(trained), tmp_path / "twin.pt")
    assert score(read_twin(path).twin) == pytest.approx(with_ridge, abs=1e-6)
    trained.twin.animal("scenes").ridge.share.fill_(0.0)
    assert with_ridge > score(trained.twin) + 0.15


def test_channels_and_cells_of_frames_of_any_size_are_the_same():
    for size in ((12, 20), (36, 64), (144, 256)):
        assert energies_of_frames(torch.zeros(2, *size)).shape == (2, FINE_CHANNELS, FINE_CELLS[0] * FINE_CELLS[1])


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_a_small_share_of_movies_is_left_to_the_core(share: float, monkeypatch: pytest.MonkeyPatch):
    training, validation = clips_of(recorded())
    twin = Twin(CONFIG, {"scenes": AnimalStart(np.zeros((6, 2)), np.ones(6), 2, frame_rate_hz=HZ)}).eval()
    monkeypatch.setattr("graphtwin.twin.fitting.energy_share.fullest_share", lambda *_: share)
    assert join_ridge(twin, "scenes", training, validation, 0.4) == pytest.approx(share if share > 0.2 else 0.0)
    assert float(twin.animal("scenes").ridge.share) == pytest.approx(share if share > 0.2 else 0.0)


def test_a_unit_that_was_away_in_some_trials_is_read_in_the_others():
    recording = recorded(scenes=3, frames=60, repeats=2)
    opened = recording.open_trial

    def away(row: int) -> Trial:
        trial = opened(row)
        responses = trial.responses.copy()
        responses[:, 2] = np.nan if row == 0 else responses[:, 2]
        responses[:, 3] = np.nan
        return Trial(trial.video, responses, trial.behaviour, trial.eye_position)

    training, _ = clips_of(Recording(recording.name, HZ, recording.units, recording.trials, recording.behaviour, away))
    rows = rows_of([training])
    second = training.read(1).responses[0]
    np.testing.assert_allclose(rows.responses[1, 2].numpy(), second[13:16, 2].mean(), rtol=1e-5)
    assert (rows.responses[:, 3] == 0).all()
    drive = MovieDrive(6, HZ)
    fit_clips(drive, [training])
    assert drive(torch.from_numpy(training.read(0).video), {}, {}).isfinite().all()
