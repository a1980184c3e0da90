"""Claims: a scan comes back as it was written, each trace under its unit; files with gaps are read and damaged ones refused."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from graphtwin.artifacts import sha256
from graphtwin.sources.formats.deconvolution import oasis
from graphtwin.sources.loaders.nwb import read_nwb
from graphtwin.sources.loaders.nwb_coregistration import read_coregistration
from graphtwin.synthetic.files.nwb_files import write_nwb
from tests.synthetic.planted_scan import PERIOD_S, planted_scan

SCAN = planted_scan()
KEY = ["session", "scan_idx", "unit_id"]
POSITIONS = ["pt_position_x", "pt_position_y", "pt_position_z"]
UNITS = SCAN.masks[[*KEY, "field", "mask_id", "um_x", "um_y", "um_z", "ms_delay"]]
AT_ONCE = UNITS.drop(columns="ms_delay")


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return write_nwb(SCAN, tmp_path_factory.mktemp("nwb"), seed=0)


@pytest.fixture
def copy(written, tmp_path) -> Path:
    return Path(shutil.copy(written, tmp_path))


def change(path: Path, name: str, values=None) -> Path:
    """The file with a dataset replaced, or taken out."""
    with h5py.File(path, "r+") as file:
        del file[name]
        if values is not None:
            file[name] = values
    return path


def test_units_traces_and_trials_come_back_as_written(written):
    recording = read_nwb(written, UNITS, deconvolve=None)
    expected = SCAN.masks.set_index("unit_id").loc[recording.units["unit_id"]]
    assert sorted(recording.units["unit_id"]) == list(range(1, 13))
    for name in ("field", "mask_id", "mask_type"):
        assert recording.units[name].tolist() == expected[name].tolist()
    np.testing.assert_array_equal(recording.units[["x_um", "y_um", "z_um"]], expected[["um_x", "um_y", "um_z"]])
    assert recording.units[[*KEY, "mask_id"]].dtypes.tolist() == [np.dtype("int64")] * 4
    assert recording.trials["trial"].tolist() == [0, 1, 2]
    assert recording.trials["kind"].tolist() == ["Clip", "Monet2", "Clip"]
    assert recording.trials["stimulus"].tolist() == ["clip", "noise", "clip"]
    assert recording.frame_rate_hz == pytest.approx(1 / PERIOD_S)
    times = SCAN.imaging_times_s
    frames = (times >= 11.0) & (times < 16.0)
    trial = read_nwb(written, AT_ONCE, deconvolve=None).open_trial(0)
    np.testing.assert_array_equal(trial.responses, SCAN.fluorescence[frames][:, recording.units["unit_id"] - 1])
    assert recording.trials["n_frames"][0] == frames.sum() == len(trial.video) == len(trial.behaviour)


def test_the_picture_is_the_one_on_the_screen_and_gaps_of_tracking_stay_gaps(written):
    recording = read_nwb(written, UNITS, deconvolve=None)
    for row in range(3):
        at = SCAN.imaging_times_s[(SCAN.imaging_times_s >= recording.trials["start_s"][row])][: recording.trials["n_frames"][row]]
        trial = recording.open_trial(row)
        shown = np.array([np.flatnonzero(SCAN.movie_times_s <= moment)[-1] for moment in at])
        np.testing.assert_array_equal(trial.video, SCAN.movie[shown])
        lost = (at > SCAN.pupil["time_s"][99]) & (at < SCAN.pupil["time_s"][121])
        np.testing.assert_allclose(trial.behaviour[:, 0], np.where(lost, np.nan, 2 * at))
        np.testing.assert_allclose(trial.eye_position, np.where(lost[:, None], np.nan, np.column_stack([np.full(len(at), 3.0), at])))
        velocity = np.interp(at, SCAN.treadmill["time_s"], SCAN.treadmill["velocity"])
        np.testing.assert_allclose(trial.behaviour[:, 1], velocity)
    assert recording.open_trial(0).behaviour.shape[1] == len(recording.behaviour) == 2
    assert np.isnan(recording.open_trial(0).behaviour[:, 0]).any()


@pytest.mark.parametrize("rate", [None, 30.0])
def test_a_ramp_in_time_is_the_same_ramp_in_every_field_whatever_its_delay(rate, tmp_path):
    delays = SCAN.masks["ms_delay"].to_numpy() / 1000
    assert len(np.unique(delays)) == 2
    ramp = (SCAN.imaging_times_s[:, None] + delays).astype(np.float32)
    path = write_nwb(replace(SCAN, fluorescence=ramp), tmp_path, seed=0)
    recording = read_nwb(path, UNITS, deconvolve=None, frame_rate_hz=rate)
    trial = recording.open_trial(1)
    first = 18.0 if rate else SCAN.imaging_times_s[SCAN.imaging_times_s >= 18.0][0]
    at = first + np.arange(recording.trials["n_frames"][1]) * (PERIOD_S if rate is None else 1 / rate)
    np.testing.assert_allclose(trial.responses, np.repeat(at[:, None], 12, axis=1), atol=1e-5)
    assert recording.trials["n_frames"][1] == (150 if rate else 32)
    ignored = read_nwb(path, AT_ONCE, deconvolve=None, frame_rate_hz=rate).open_trial(1)
    assert np.abs(ignored.responses - at[:, None]).max() > 0.07


def test_without_the_table_of_scan_units_no_row_can_be_joined_and_masks_give_the_position(written):
    recording = read_nwb(written, deconvolve=None)
    assert recording.units["unit_id"].tolist() == list(range(-1, -13, -1))
    with_units = read_nwb(written, UNITS, deconvolve=None).units
    apart = recording.units[["x_um", "y_um", "z_um"]].to_numpy() - with_units[["x_um", "y_um", "z_um"]].to_numpy()
    assert np.abs(apart).max() < 1.0  # a pixel is 8 um


def test_activity_is_deconvolved_once_a_field_at_the_first_trial(written):
    calls = []

    def doubled(traces, rate_hz):
        calls.append((traces.shape, round(rate_hz, 3)))
        return 2 * traces

    recording = read_nwb(written, UNITS, deconvolve=doubled)
    assert calls == []
    plain = read_nwb(written, UNITS, deconvolve=None)
    for row in range(3):
        np.testing.assert_allclose(recording.open_trial(row).responses, 2 * plain.open_trial(row).responses, rtol=1e-6)
    assert calls == [((200, 6), 6.329)] * 2


def test_a_trace_of_nan_stays_a_unit_that_was_not_held_and_the_others_are_deconvolved(copy):
    plain = read_nwb(copy, UNITS, deconvolve=lambda traces, rate: 2 * traces).open_trial(1).responses
    with h5py.File(copy, "r+") as file:
        series = next(name for name in file["processing/ophys/Fluorescence"])
        data = file[f"processing/ophys/Fluorescence/{series}/data"]
        data[:, 1] = np.nan
    found = read_nwb(copy, UNITS, deconvolve=lambda traces, rate: 2 * traces).open_trial(1).responses
    lost = np.isnan(found).all(0)
    assert lost.sum() == 1
    np.testing.assert_array_equal(found[:, ~lost], plain[:, ~lost])
    assert np.isnan(read_nwb(copy, UNITS, deconvolve=None).open_trial(1).responses).all(0).tolist() == lost.tolist()


def test_what_cannot_be_deconvolved_is_told_with_its_file_and_series(written):
    def refused(traces, rate_hz):
        return oasis(traces[:50], rate_hz)

    with pytest.raises(ValueError, match=r"\.nwb, .*: a scan of 50 frames \(7\.9 s at 6\.33 Hz\) is too short to deconvolve"):
        read_nwb(written, UNITS, deconvolve=refused).open_trial(0)


def test_reading_changes_no_byte(written):
    before = sha256(written)
    read_nwb(written, UNITS, deconvolve=None).open_trial(0)
    assert sha256(written) == before


def test_matches_are_found_in_the_order_of_units_and_swapped_ones_are_found_in_that_of_masks(written, copy):
    found = read_coregistration(written, UNITS, SCAN.masks)
    matched = SCAN.masks[SCAN.masks["pt_root_id"].notna()]
    assert found["unit_id"].tolist() == matched["unit_id"].tolist() == [1, 4, 7, 10]
    assert set(found["order"]) == {"units"}
    assert found["cave_ids"].tolist() == [(unit,) for unit in matched["unit_id"]]
    np.testing.assert_array_equal(found[POSITIONS], matched[POSITIONS])
    assert not [name for name in found if "root" in name]
    for field, masks in SCAN.masks.groupby("field"):
        for axis in "xyz":
            values = masks.sort_values("mask_id")[f"pt_position_{axis}"].to_numpy()
            change(copy, f"processing/ophys/ImageSegmentation/PlaneSegmentation{field}/pt_{axis}_position", values)
    swapped = read_coregistration(copy, UNITS, SCAN.masks)
    assert set(swapped["order"]) == {"masks"}
    assert dict(zip(swapped["unit_id"], swapped["pt_position_x"], strict=True)) == dict(
        zip(matched["unit_id"], matched["pt_position_x"], strict=True)
    )


def test_matches_that_fit_no_order_are_refused_with_their_number(written):
    other = SCAN.masks.assign(pt_position_x=SCAN.masks["pt_position_x"] + 5000)
    with pytest.raises(ValueError, match=r"field 1: .*for 0 of 2 in the order of units \(2 compared\), 0 of 2 in the order of masks"):
        read_coregistration(written, UNITS, other)
    with pytest.raises(ValueError, match=r"0 of 2 in the order of units \(0 compared\)"):
        read_coregistration(written, UNITS, SCAN.masks.iloc[:0])


def test_a_table_of_another_scan_or_segmentation_is_refused(written):
    with pytest.raises(ValueError, match=r"no unit of session 4, scan 7; it has \(session, scan_idx\) \[\[5, 7\]\]"):
        read_nwb(written, UNITS.assign(session=5))
    with pytest.raises(ValueError, match=r"1 of 6 masks of .*RoiResponseSeries1 are in no row of the table of scan units"):
        read_nwb(written, UNITS.iloc[1:])
    with pytest.raises(ValueError, match=r"1 of 12 rows repeat the key \['field', 'mask_id'\]"):
        read_nwb(written, UNITS.assign(mask_id=[UNITS["mask_id"][1], *UNITS["mask_id"][1:]]))
    with pytest.raises(ValueError, match="column unit_id: 12 of 12 ids are no whole numbers"):
        read_nwb(written, UNITS.assign(unit_id=UNITS["unit_id"] + 0.5))


def test_samples_without_a_time_are_left_out_and_counted(copy, caplog):
    times = SCAN.treadmill["time_s"].to_numpy().copy()
    times[[0, 500]] = np.nan
    change(copy, "acquisition/treadmill_velocity/timestamps", times)
    with caplog.at_level(logging.WARNING, "graphtwin"):
        trial = read_nwb(copy, UNITS, deconvolve=None).open_trial(1)
    assert "2 of 2000 samples of acquisition/treadmill_velocity have no timestamp; left out" in caplog.text
    assert np.isfinite(trial.behaviour[:, 1]).all()


def test_a_trial_outside_the_recording_is_left_out_and_counted(copy, caplog):
    change(copy, "intervals/Clip/start_time", np.array([11.0, 900.0]))
    change(copy, "intervals/Clip/stop_time", np.array([16.0, 905.0]))
    with caplog.at_level(logging.WARNING, "graphtwin"):
        recording = read_nwb(copy, UNITS, deconvolve=None)
    assert "1 of 3 trials lie outside imaging or movie; left out" in caplog.text
    assert [len(recording.open_trial(row).video) for row in range(2)] == recording.trials["n_frames"].tolist()


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("acquisition/treadmill_velocity", None, "acquisition/treadmill_velocity is missing. acquisition holds"),
        ("processing/ophys/Fluorescence", None, r"Fluorescence is missing.*holds"),
        ("intervals", None, "intervals is missing"),
        (
            "general/session_id",
            "session four",
            "the session id is 'session four'; session and scan are read from one written as '4-scan-7'",
        ),
        ("acquisition/stimulus_17797_4_7/timestamps", np.arange(1199.0), "has 1200 samples, but 1199 timestamps. The file is damaged"),
        ("acquisition/stimulus_17797_4_7/timestamps", np.r_[np.nan, np.arange(1199.0)], "1 of 1200 timestamps of .* are NaN"),
        ("acquisition/stimulus_17797_4_7/timestamps", np.zeros(1200), "do not ascend .1199 steps go backwards or stand still"),
        ("processing/ophys/Fluorescence/RoiResponseSeries1/rois", np.arange(5), "has 6 traces, but names 5 masks"),
        ("acquisition/stimulus_17797_4_7", None, "0 series of type ImageSeries in acquisition"),
    ],
)
def test_a_damaged_file_is_refused_by_what_it_lacks(name, values, message, copy):
    with pytest.raises(ValueError, match=message):
        read_nwb(change(copy, name, values), UNITS)


def test_a_file_cut_short_is_refused_with_its_size(copy, tmp_path):
    content = copy.read_bytes()
    copy.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=rf"{len(content) // 2} bytes that cannot be opened as HDF5 .*truncated file.*copy it again"):
        read_nwb(copy, UNITS)
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_nwb(tmp_path / "none.nwb")


def test_a_movie_outside_the_file_is_asked_for(copy):
    with h5py.File(copy, "r+") as file:
        series = file["acquisition/stimulus_17797_4_7"]
        del series["data"]
        series["external_file"] = [b"stimulus_17797_4_7_v4.avi"]
    with pytest.raises(ValueError, match=r"its movie lies outside, in \['stimulus_17797_4_7_v4.avi'\]. Decode it"):
        read_nwb(copy, UNITS)
    outside = read_nwb(copy, UNITS, deconvolve=None, movie=SCAN.movie).open_trial(0)
    assert outside.video.shape == (31, 6, 10)
    with pytest.raises(ValueError, match=r"the movie has shape \(1199, 6, 10\) and 1200 timestamps"):
        read_nwb(copy, UNITS, movie=SCAN.movie[1:])
