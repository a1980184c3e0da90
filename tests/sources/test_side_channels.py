"""What was not recorded is said, and not filled in: behaviour, eye position, cortical positions."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from graphtwin.sources.loaders.sensorium import read_sensorium
from tests.sources.test_sensorium_kinds import N_FRAMES, N_UNITS, change_all, picture_folder, save, video_folder


@pytest.mark.parametrize("make", [video_folder, picture_folder])
def test_a_recording_without_behaviour_eye_and_positions_says_so(tmp_path: Path, make, caplog: pytest.LogCaptureFixture):
    full = read_sensorium(make(tmp_path / "full"))
    bare = make(tmp_path / "bare")
    for kind in ("behavior", "pupil_center"):
        shutil.rmtree(bare / "data" / kind)
    (bare / "meta/neurons/cell_motor_coordinates.npy").unlink()
    with caplog.at_level(logging.INFO, "graphtwin"):
        recording = read_sensorium(bare)
    assert (
        "bare: not recorded: behaviour (no data/behavior), eye position (no data/pupil_center), cortical positions (no numbers in "
        "meta/neurons/cell_motor_coordinates.npy). A twin does without; nothing is filled in." in caplog.text
    )
    assert recording.behaviour == ()
    assert recording.units[["x_um", "y_um", "z_um"]].isna().all().all()
    for row in range(3):
        found, expected = recording.open_trial(row), full.open_trial(row)
        frames = len(expected.video)
        assert found.behaviour.shape == (frames, 0)
        assert found.eye_position.shape == (frames, 2)
        assert np.isnan(found.eye_position).all()
        np.testing.assert_array_equal(found.video, expected.video)
        np.testing.assert_array_equal(found.responses, expected.responses)
    columns = ["trial", "tier", "stimulus", "n_frames", "has_responses"]
    assert recording.trials[columns].equals(full.trials[columns])


def test_valid_frames_come_from_the_video_where_there_is_no_behaviour(tmp_path: Path):
    folder = video_folder(tmp_path / "bare")
    for kind in ("behavior", "pupil_center"):
        shutil.rmtree(folder / "data" / kind)
    for kind in ("videos", "responses"):
        change_all(folder, kind, lambda values: np.where(np.arange(N_FRAMES) < 15, values, np.nan))
    recording = read_sensorium(folder)
    assert recording.trials["n_frames"].tolist() == [15, 15, 15]
    assert recording.open_trial(1).responses.shape == (15, N_UNITS)
    save(folder / "data/responses/1.npy", np.ones((N_UNITS, 9)))
    with pytest.raises(ValueError, match=r"data/responses/1\.npy: responses to 9 frames, but 15 were shown"):
        read_sensorium(folder)


def test_frames_first_are_found_by_the_responses_where_there_is_no_behaviour(tmp_path: Path):
    folder = video_folder(tmp_path / "bare")
    expected = np.array(read_sensorium(folder).open_trial(0).video)
    for kind in ("behavior", "pupil_center"):
        shutil.rmtree(folder / "data" / kind)
    change_all(folder, "videos", lambda values: np.moveaxis(values, -1, 0))
    np.testing.assert_array_equal(read_sensorium(folder).open_trial(0).video, expected)


def test_channels_of_zeros_over_the_whole_recording_were_not_recorded(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    folder = picture_folder(tmp_path / "static")
    change_all(folder, "behavior", lambda values: values * [1, 0, 1])
    change_all(folder, "pupil_center", np.zeros_like)
    kept = np.load(folder / "data/behavior/1.npy")
    with caplog.at_level(logging.INFO, "graphtwin"):
        recording = read_sensorium(folder)
    assert (
        "not recorded: pupil_size_change (data/behavior is 0 throughout), eye position (data/pupil_center is 0, NaN or infinite "
        "throughout)." in caplog.text
    )
    assert recording.behaviour == ("pupil_size", "running")
    np.testing.assert_array_equal(recording.open_trial(1).behaviour, kept[None, [0, 2]])
    assert np.isnan(recording.open_trial(1).eye_position).all()
    change_all(folder, "behavior", np.zeros_like)
    assert read_sensorium(folder).behaviour == ()
    change_all(folder, "behavior", lambda values: values + 3)
    assert len(read_sensorium(folder).behaviour) == 3  # it stands still, which checks find


def test_a_channel_that_is_not_0_in_one_trial_was_recorded(tmp_path: Path):
    folder = video_folder(tmp_path / "dynamic")
    for number in range(3):
        save(folder / f"data/pupil_center/{number}.npy", np.full((2, N_FRAMES), float(number == 2)))
    assert read_sensorium(folder).open_trial(0).eye_position.tolist() == [[0.0, 0.0]] * N_FRAMES


def test_files_of_some_trials_alone_are_refused_with_their_number(tmp_path: Path):
    folder = picture_folder(tmp_path / "static")
    for number in (0, 2):
        (folder / f"data/behavior/{number}.npy").unlink()
    words = r"data/behavior/0\.npy: this file is missing .*; 2 of 3 trials have none in data/behavior\. .* or take data/behavior away"
    with pytest.raises(FileNotFoundError, match=words):
        read_sensorium(folder)


def test_settings_that_name_no_behaviour_are_believed_and_such_that_name_absent_channels_are_not(tmp_path: Path):
    folder = picture_folder(tmp_path / "static")
    (folder / "config.json").write_text(json.dumps({"behavior": []}))
    assert read_sensorium(folder).behaviour == ()
    (folder / "config.json").write_text(json.dumps({"behavior": ["running"]}))
    shutil.rmtree(folder / "data/behavior")
    with pytest.raises(FileNotFoundError, match=r"data/behavior: not there, but config\.json names its channels \['running'\]"):
        read_sensorium(folder)
