"""Claims: each layout is read as the releases describe it, and each way in which a recording can be damaged is said with its file."""

from __future__ import annotations

import logging
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphtwin.coordinates import Monitor
from graphtwin.sources.loaders.sensorium import read_sensorium

N_UNITS, N_FRAMES, PADDED = 3, 6, 8


def _save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


def _padded(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, np.full((*array.shape[:-1], PADDED - array.shape[-1]), np.nan)], axis=-1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five trials of video by hand: two of training, two repeats, one of a tier that no release has; no statistics, no config.json."""
    path = tmp_path / "dynamic7-3-4-Video-0123456789abcdef"
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (4, 2, 5, N_FRAMES)).astype(np.float64)
    for trial, clip in enumerate([0, 1, 2, 2, 3]):
        _save(_padded(clips[clip]), path / "data" / "videos" / f"{trial}.npy")
        _save(_padded(rng.gamma(1.0, 1.0, (N_UNITS, N_FRAMES))), path / "data" / "responses" / f"{trial}.npy")
        _save(_padded(rng.random((2, N_FRAMES))), path / "data" / "behavior" / f"{trial}.npy")
        _save(_padded(rng.random((2, N_FRAMES))), path / "data" / "pupil_center" / f"{trial}.npy")
    _save(np.array(["train", "train", "oracle", "oracle", "encore"]), path / "meta" / "trials" / "tiers.npy")
    _save(np.arange(11, 14), path / "meta" / "neurons" / "unit_ids.npy")
    _save(rng.random((N_UNITS, 3)), path / "meta" / "neurons" / "cell_motor_coordinates.npy")
    return path


def _change(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    np.save(path, change(np.load(path)))


def test_a_folder_made_by_hand_is_read_in_frames_first_order_without_its_padding(folder: Path):
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    recording = read_sensorium(folder)
    assert recording.units[["session", "scan_idx", "unit_id"]].to_numpy().tolist() == [[3, 4, 11], [3, 4, 12], [3, 4, 13]]
    assert recording.trials["tier"].tolist() == ["train", "train", "oracle", "oracle", "encore"]  # listed, not refused
    assert recording.trials["n_frames"].tolist() == [N_FRAMES] * 5
    assert recording.trials["kind"].tolist() == ["video"] * 5
    assert recording.trials["stimulus"].nunique() == 4
    assert recording.trials["stimulus"][2] == recording.trials["stimulus"][3]
    trial = recording.open_trial(1)
    stored = {kind: np.load(folder / "data" / kind / "1.npy") for kind in ("videos", "responses", "behavior", "pupil_center")}
    np.testing.assert_array_equal(trial.video[4], stored["videos"][:, :, 4])
    np.testing.assert_array_equal(trial.responses, stored["responses"].T[:N_FRAMES])
    np.testing.assert_array_equal(trial.behaviour, stored["behavior"].T[:N_FRAMES])
    np.testing.assert_array_equal(trial.eye_position, stored["pupil_center"].T[:N_FRAMES])
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before  # nothing is written


def test_the_monitor_is_that_of_the_settings_beside_the_data_or_the_published_one(folder: Path):
    assert read_sensorium(folder).monitor == Monitor(width_cm=55.2, height_cm=31.0, distance_cm=15.0)
    (folder / "config.json").write_text('{"frame_rate_hz": 30, "monitor": {"width_cm": 60, "height_cm": 34, "distance_cm": 25}}')
    assert read_sensorium(folder).monitor == Monitor(width_cm=60.0, height_cm=34.0, distance_cm=25.0)
    shutil.make_archive(str(folder), "zip", folder)
    assert read_sensorium(folder.with_suffix(".zip")).monitor == Monitor(width_cm=60.0, height_cm=34.0, distance_cm=25.0)
    (folder / "config.json").write_text('{"monitor": {"width": 60}}')
    with pytest.raises(ValueError, match=r"config\.json, monitor: 1 setting is wrong: unknown key 'width', nearest 'width_cm'"):
        read_sensorium(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json: is no table of settings as JSON"):
        read_sensorium(folder)


def test_arrays_are_memory_maps_and_a_recording_goes_to_other_processes(folder: Path):
    trial = pickle.loads(pickle.dumps(read_sensorium(folder))).open_trial(0)
    for array in (trial.video, trial.responses):
        while not isinstance(array, np.memmap):
            array = array.base
        assert isinstance(array, np.memmap)


def test_the_padding_may_hold_anything_but_a_frame(folder: Path):
    """Two repeats of different padding are still repeats."""
    for kind in ("videos", "responses", "behavior", "pupil_center"):
        _change(folder / "data" / kind / "3.npy", lambda array: array[..., :N_FRAMES])
    trials = read_sensorium(folder).trials
    assert trials["stimulus"][2] == trials["stimulus"][3]


def test_zeroed_and_absent_responses_are_no_responses(folder: Path):
    _change(folder / "data/responses/2.npy", np.zeros_like)
    (folder / "data/responses/4.npy").unlink()
    recording = read_sensorium(folder)
    assert recording.trials["has_responses"].tolist() == [True, True, False, True, False]
    assert recording.open_trial(2).responses is None
    assert recording.open_trial(4).responses is None


def test_trials_in_which_a_few_units_are_silent_are_answered(folder: Path):
    """A unit on an electrode does not fire in every trial; those in which it does not are not left out of its mean."""
    tiers = np.array(["train"] * 4 + ["final_test"])
    np.save(folder / "meta/trials/tiers.npy", tiers)
    for trial, spikes in enumerate([(0, 0, 0), (1, 0, 0), (0, 0, 0), (0, 2, 1), (0, 0, 0)]):
        _change(folder / f"data/responses/{trial}.npy", lambda array, n=spikes: np.where(np.isnan(array), array, np.array(n)[:, None]))
    recording = read_sensorium(folder, leakage_is_error=False)
    assert recording.trials["has_responses"].tolist() == [True, True, True, True, False]  # a tier of zeros alone is kept back
    silent = recording.open_trial(0).responses
    assert silent is not None
    assert silent.shape == (N_FRAMES, N_UNITS)
    assert not silent.any()


def test_zeros_where_others_answer_with_many_units_are_no_silence(folder: Path):
    np.save(folder / "meta/trials/tiers.npy", np.array(["train"] * 5))
    for trial, spikes in enumerate([(0, 0, 0), (1, 3, 0), (2, 1, 1), (0, 2, 1), (1, 0, 2)]):
        _change(folder / f"data/responses/{trial}.npy", lambda array, n=spikes: np.where(np.isnan(array), array, np.array(n)[:, None]))
    assert read_sensorium(folder).trials["has_responses"].tolist() == [False, True, True, True, True]


def test_zeroed_behaviour_of_a_competition_is_read_as_zeros(folder: Path):
    _change(folder / "data/behavior/2.npy", lambda array: array * 0)
    assert not read_sensorium(folder).open_trial(2).behaviour.any()


def test_lost_eye_tracking_stays_unknown(folder: Path):
    _change(folder / "data/pupil_center/0.npy", lambda array: np.where(np.arange(PADDED) == 2, np.nan, array))
    eye = read_sensorium(folder).open_trial(0).eye_position
    assert np.isnan(eye[2]).all()
    assert np.isfinite(np.delete(eye, 2, axis=0)).all()


def test_one_trial_is_a_recording(folder: Path):
    for kind in ("videos", "responses", "behavior", "pupil_center"):
        for trial in range(1, 5):
            (folder / "data" / kind / f"{trial}.npy").unlink()
    recording = read_sensorium(folder)
    assert len(recording.trials) == 1
    assert recording.open_trial(0).video.shape == (N_FRAMES, 2, 5)


def test_units_that_never_fire_are_counted_and_marked(folder: Path, caplog: pytest.LogCaptureFixture):
    for trial in (0, 1):
        _change(folder / f"data/responses/{trial}.npy", lambda array: array * np.array([[1.0], [0.0], [1.0]]))
    with caplog.at_level(logging.INFO, logger="graphtwin"):
        recording = read_sensorium(folder)
    assert recording.units["fires"].tolist() == [True, False, True]
    assert "1 of 3 units never fire in training. Their column `fires` is False" in caplog.text
    assert "3 units, 5 trials of 4 stimuli (encore 1, oracle 2, train 2); 0 trials have no responses." in caplog.text


def test_a_clip_in_training_and_in_a_test_is_leakage(folder: Path):
    _change(folder / "meta/trials/tiers.npy", lambda _: np.array(["train", "train", "oracle", "train", "encore"]))
    words = r"1 of 4 clips are shown in training and also in \['oracle'\]: scores there would be of clips trained on\. Leave these"
    with pytest.raises(ValueError, match=words + r".*: give them tier none in meta/trials/tiers\.npy\."):
        read_sensorium(folder)
    with pytest.warns(UserWarning, match=words):
        assert len(read_sensorium(folder, leakage_is_error=False).trials) == 5


def test_a_missing_folder_tier_or_trial_file_is_named(folder: Path):
    with pytest.raises(FileNotFoundError, match=r"elsewhere: neither this folder nor elsewhere\.zip exists\. Give the path of a recording"):
        read_sensorium(folder.parent / "elsewhere")
    (folder / "data/behavior/3.npy").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"data/behavior/3\.npy: this file is missing \(nearest 'data/behavior/.*The recording is incomplete"
    ):
        read_sensorium(folder)
    (folder / "meta/trials/tiers.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"meta/trials/tiers\.npy: this file is missing \(nearest .* of \d+ arrays\)"):
        read_sensorium(folder)


def test_too_few_tiers_are_refused(folder: Path):
    _change(folder / "meta/trials/tiers.npy", lambda tiers: tiers[:3])
    with pytest.raises(ValueError, match=r"tiers of 3 trials, but there is data/videos/4\.npy"):
        read_sensorium(folder)


@pytest.mark.parametrize("name", ["data/videos/2.npy", "data/responses/2.npy", "meta/neurons/unit_ids.npy"])
@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"\0" * len(data)])
def test_a_corrupt_file_is_named(folder: Path, name: str, damage: Callable[[bytes], bytes]):
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    with pytest.raises(ValueError, match=rf"{name}: cannot be read as \.npy \(.*\)\. The file is cut short or damaged"):
        read_sensorium(folder)


def test_an_archive_that_is_none_is_refused(folder: Path):
    packed = folder.with_name("dynamic9-1-1.zip")
    packed.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"dynamic9-1-1\.zip: no zip archive \(File is not a zip file\)\. Copy or download it again"):
        read_sensorium(packed)
    table = folder.with_name("pairs.csv")
    table.write_text("a,b")
    with pytest.raises(ValueError, match=r"pairs\.csv: no zip archive .* A recording is a folder, a \.zip or an NWB file"):
        read_sensorium(table)


def test_responses_and_frames_of_different_length_are_refused(folder: Path):
    for length, words in ((4, "responses to 4 frames, but 6 were shown"), (8, "responses to 8 frames, but 6 were shown")):
        _change(folder / "data/responses/1.npy", lambda array, n=length: np.ones((N_UNITS, n)))
        with pytest.raises(ValueError, match=rf"data/responses/1\.npy: {words}\. Responses and frames must have one length"):
            read_sensorium(folder)


def test_video_and_behaviour_of_different_length_are_refused(folder: Path):
    _change(folder / "data/videos/1.npy", lambda array: array[..., :4])
    with pytest.raises(ValueError, match=r"data/videos/1\.npy: 4 finite frames, but data/behavior/1\.npy has 6\. Cut both to one length"):
        read_sensorium(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("kind", ["videos", "behavior"])
def test_what_is_not_finite_between_frames_is_refused(folder: Path, value: float, kind: str):
    def spoil(array: np.ndarray) -> np.ndarray:
        array[..., 2] = value
        return array

    _change(folder / "data" / kind / "0.npy", spoil)
    words = rf"data/{kind}/0\.npy: 1 of 6 frames have NaN or infinite values, first frame \[2\]\. Only padding at the end may be NaN"
    with pytest.raises(ValueError, match=words):
        read_sensorium(folder)


def test_infinite_responses_are_an_error_when_they_are_opened(folder: Path):
    def spoil(array: np.ndarray) -> np.ndarray:
        array[1, 3] = np.inf
        return array

    _change(folder / "data/responses/0.npy", spoil)
    recording = read_sensorium(folder)
    words = r"data/responses/0\.npy: 1 responses are infinite, of 1 of 3 units in 1 of 6 frames, first frame 3\. Set to NaN what was not"
    with pytest.raises(ValueError, match=words):
        recording.open_trial(0)


def test_responses_that_are_no_number_are_handed_over_as_not_held(folder: Path):
    def spoil(array: np.ndarray) -> np.ndarray:
        array[1, 3] = np.nan
        return array

    _change(folder / "data/responses/0.npy", spoil)
    _change(folder / "data/responses/1.npy", lambda array: array * np.nan)
    recording = read_sensorium(folder)
    responses = recording.open_trial(0).responses
    assert np.argwhere(np.isnan(responses)).tolist() == [[3, 1]]
    assert recording.trials["has_responses"].tolist() == [True, False, True, True, True]


def test_responses_of_other_units_are_refused(folder: Path):
    _change(folder / "data/responses/1.npy", lambda array: array[:2])
    with pytest.raises(ValueError, match=r"data/responses/1\.npy: shape \(2, 8\), but 3 rows are expected\. The file belongs to another"):
        read_sensorium(folder)


def test_units_twice_and_places_of_other_units_are_refused(folder: Path):
    _change(folder / "meta/neurons/unit_ids.npy", lambda ids: ids[[0, 0, 1]])
    with pytest.raises(ValueError, match=r"1 of 3 unit_ids occur before\. A unit must have one row"):
        read_sensorium(folder)
    _change(folder / "meta/neurons/unit_ids.npy", lambda ids: ids[:2])
    with pytest.raises(ValueError, match=r"2 unit_ids, but cell_motor_coordinates are \(3, 3\)\. They must be \(units, 3\)"):
        read_sensorium(folder)


def test_a_folder_of_something_else_is_refused(tmp_path: Path):
    _save(np.array(["train"]), tmp_path / "other" / "meta/trials/tiers.npy")
    with pytest.raises(FileNotFoundError, match=r"other: neither data/videos nor data/images is there \(1 arrays\)"):
        read_sensorium(tmp_path / "other")
