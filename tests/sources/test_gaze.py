"""Claims: eye traces that are declared as gaze are read in degrees and without their delay; gaps stay gaps; all else stays pixels."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from graphtwin.sources.formats.gaze import Gaze, without_delay
from graphtwin.sources.loaders.nwb import EYE, read_nwb
from graphtwin.sources.loaders.sensorium import read_sensorium
from graphtwin.synthetic.files.nwb_files import write_nwb
from tests.sources.test_sensorium_kinds import change_all, video_folder
from tests.synthetic.planted_scan import planted_scan

SCAN = planted_scan()


def declared(folder: Path, **entry) -> Path:
    told = json.loads((folder / "config.json").read_text()) if (folder / "config.json").exists() else {}
    (folder / "config.json").write_text(json.dumps(told | {"gaze": entry}))
    return folder


def test_a_folder_that_declares_nothing_hands_over_the_pixels_of_its_camera(tmp_path: Path):
    recording = read_sensorium(video_folder(tmp_path / "video"))
    assert recording.gaze is None


def test_radians_become_degrees_and_what_is_stated_comes_along(tmp_path: Path):
    folder = video_folder(tmp_path / "video")
    stored = read_sensorium(folder).open_trial(0).eye_position
    recording = read_sensorium(declared(folder, unit="radians", error_deg=0.8))
    assert recording.gaze == Gaze(error_deg=0.8, delay_s=0.0)
    np.testing.assert_allclose(recording.open_trial(0).eye_position, np.degrees(stored), rtol=1e-6)
    assert read_sensorium(declared(folder, unit="degrees")).gaze == Gaze(0.0, 0.0)
    np.testing.assert_array_equal(read_sensorium(folder).open_trial(0).eye_position, stored)


def test_a_trace_that_lags_the_eye_is_moved_back_and_its_gaps_are_not_bridged():
    trace = np.column_stack([np.arange(12.0), -np.arange(12.0)])
    trace[6] = np.nan
    moved = without_delay(trace, 0.1, 20.0)
    np.testing.assert_allclose(moved[:4, 0], [2, 3, 4, 5])
    assert np.isnan(moved[4]).all()
    assert np.isnan(moved[10:]).all()
    np.testing.assert_allclose(moved[5:10, 1], -np.arange(7.0, 12.0))
    half = without_delay(trace, 0.025, 20.0)
    np.testing.assert_allclose(half[:5, 0], np.arange(5) + 0.5)
    assert np.isnan(half[[5, 6, 11]]).all()


@pytest.mark.parametrize("delay_s", [0.0, 0.05])
def test_infinite_gaze_is_missing_as_nan_is_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture, delay_s: float):
    known = {}
    for name, value in {"nan": np.nan, "infinite": np.inf}.items():
        folder = declared(video_folder(tmp_path / name), unit="radians", delay_s=delay_s)
        change_all(folder, "pupil_center", lambda stored, value=value: np.where(np.arange(stored.shape[1]) == 4, value, stored))
        caplog.clear()
        recording = read_sensorium(folder)
        known[name] = [recording.open_trial(row).eye_position for row in range(len(recording.trials))]
        told = f"infinite: {len(known[name])} of {sum(map(len, known[name]))} samples of declared gaze are infinite, first in trial 0"
        assert (told in caplog.text) == (name == "infinite")
    for nan, infinite in zip(*known.values(), strict=True):
        np.testing.assert_array_equal(infinite, nan)


def test_the_delay_of_a_folder_is_taken_out_when_a_trial_is_read(tmp_path: Path):
    folder = video_folder(tmp_path / "video")
    stored = read_sensorium(folder).open_trial(0).eye_position
    moved = read_sensorium(declared(folder, unit="degrees", delay_s=0.1)).open_trial(0).eye_position
    np.testing.assert_allclose(moved[:-3], stored[3:], rtol=1e-6)
    assert np.isnan(moved[-3:]).all()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"units": "degrees"}, r"config\.json, gaze: 2 settings are wrong: .*unknown key 'units', nearest 'unit'"),
        ({"unit": "pixels"}, r"config\.json, gaze: 1 setting is wrong: .*unit.*degrees.*radians"),
        ({"unit": "degrees", "error_deg": -1}, r"error_deg.*0 or more"),
        ({"unit": "degrees", "delay_s": 40}, r"delay_s.*less than 5"),
        ({"unit": "degrees", "error_deg": True, "delay_s": "0.1"}, "error_deg = True: give a number.*delay_s = '0.1': give a number"),
        ({"unit": "degrees", "error_deg": float("inf")}, "error_deg = inf: give"),
    ],
)
def test_an_entry_that_declares_something_else_is_refused(tmp_path: Path, entry: dict, words: str):
    folder = declared(video_folder(tmp_path / "video"), **entry)
    with pytest.raises(ValueError, match=words):
        read_sensorium(folder)


def test_gaze_that_is_declared_and_was_not_recorded_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    folder = declared(video_folder(tmp_path / "video"), unit="degrees")
    change_all(folder, "pupil_center", np.zeros_like)
    with caplog.at_level(logging.WARNING, "graphtwin"):
        assert read_sensorium(folder).gaze is None
    assert "declares the gaze, and no eye position was recorded" in caplog.text


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return write_nwb(SCAN, tmp_path_factory.mktemp("nwb"), seed=0)


def in_unit(path: Path, unit: str, comments: str = "no comments", conversion: float = 1.0) -> Path:
    with h5py.File(path, "r+") as file:
        file[EYE].attrs["comments"] = comments
        file[f"{EYE}/data"].attrs["unit"] = unit
        file[f"{EYE}/data"].attrs["conversion"] = conversion
    return path


def test_the_unit_of_the_series_declares_the_gaze_of_a_file(written: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = Path(shutil.copy(written, tmp_path))
    pixels = read_nwb(path, deconvolve=None)
    assert pixels.gaze is None
    at = pixels.open_trial(0).eye_position
    degrees = read_nwb(in_unit(path, "degrees", conversion=0.5), deconvolve=None)
    assert degrees.gaze == Gaze(0.0, 0.0)
    np.testing.assert_allclose(degrees.open_trial(0).eye_position, 0.5 * at)
    radians = read_nwb(in_unit(path, "Radians"), deconvolve=None)
    np.testing.assert_allclose(radians.open_trial(0).eye_position, np.degrees(at))
    with caplog.at_level(logging.INFO, "graphtwin"):
        assert read_nwb(in_unit(path, "volts"), deconvolve=None).gaze is None
    assert "is in 'volts', and is handed over so" in caplog.text


def test_infinite_gaze_of_a_file_is_missing_and_said(written: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = in_unit(Path(shutil.copy(written, tmp_path)), "degrees")
    with h5py.File(path, "r+") as file:
        file[f"{EYE}/data"][::50, 0] = -np.inf
    recording = read_nwb(path, deconvolve=None)
    assert f"{EYE}: they count as missing" in caplog.text
    seen = np.concatenate([recording.open_trial(row).eye_position for row in range(len(recording.trials))])
    assert np.isnan(seen).any()
    assert not np.isinf(seen).any()


def test_the_delay_of_a_file_is_taken_out_by_the_clock_of_its_trace(written: Path, tmp_path: Path):
    path = in_unit(Path(shutil.copy(written, tmp_path)), "deg", '{"error_deg": 0.4, "delay_s": 0.03}')
    recording = read_nwb(path, deconvolve=None)
    assert recording.gaze == Gaze(0.4, 0.03)
    seen = recording.open_trial(1).eye_position  # the second column of the planted trace is the time
    known = np.isfinite(seen[:, 1])
    inside = SCAN.imaging_times_s[SCAN.imaging_times_s >= recording.trials["start_s"][1]][: len(seen)]
    np.testing.assert_allclose(seen[known, 1], inside[known] + 0.03)
    with pytest.raises(ValueError, match=r"eye_position, comments: 1 setting is wrong: unknown key 'error', nearest 'error_deg'"):
        read_nwb(in_unit(path, "deg", '{"error": 1}'), deconvolve=None)
    with pytest.raises(ValueError, match="its comments begin as JSON and are none"):
        read_nwb(in_unit(path, "deg", "{about}"), deconvolve=None)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_declared_gaze_without_a_screen_or_with_an_axis_never_measured_is_doubted_in_words(tmp_path: Path, caplog, value: float):
    folder = declared(video_folder(tmp_path / "video"), unit="degrees")
    read_sensorium(folder)
    assert "declares the gaze and no monitor: degrees become places on a screen of 55.2 x 31 cm at 15 cm" in caplog.text
    assert "axis" not in caplog.text
    change_all(folder, "pupil_center", lambda stored: np.where(np.arange(2)[:, None] == 1, value, stored))
    read_sensorium(folder)
    assert "its vertical axis is NaN or infinite throughout: the view follows nothing" in caplog.text
    change_all(folder, "pupil_center", lambda stored: np.full_like(stored, value))
    assert read_sensorium(folder).gaze is None
    assert "declares the gaze, and no eye position was recorded: the view follows nothing" in caplog.text
