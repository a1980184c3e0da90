"""Claims: what an NWB file declares of its units, times, frames and names is read, whichever lab wrote it, or refused in words."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

from graphtwin.sources.doors import open_recording
from graphtwin.sources.formats.measures import metres, metres_a_second, seconds
from graphtwin.sources.loaders.nwb import read_nwb
from graphtwin.synthetic.files.nwb_files import write_nwb
from tests.synthetic.planted_scan import planted_scan

SCAN = planted_scan()
MOVIE, TREADMILL = "acquisition/stimulus_17797_4_7", "acquisition/treadmill_velocity"
PUPIL, EYE = "acquisition/PupilTracking/pupil_major_radius", "acquisition/EyeTracking/eye_position"
TRACES = "processing/ophys/Fluorescence/RoiResponseSeries"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return write_nwb(SCAN, tmp_path_factory.mktemp("nwb"), seed=0)


@pytest.fixture
def copy(written, tmp_path) -> Path:
    return Path(shutil.copy(written, tmp_path))


@pytest.fixture(scope="module")
def plain(written):
    """What the file says before anything is changed: its first trial and units."""
    recording = read_nwb(written, deconvolve=None)
    return recording.open_trial(0), recording


def edit(path: Path, change: Callable[[h5py.File], object]) -> Path:
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replace_data(file: h5py.File, name: str, values: np.ndarray, **attributes: object) -> None:
    """Put other values under a name, with the attributes of those before, but for the given ones."""
    kept = dict(file[name].attrs)
    del file[name]
    file[name] = values
    file[name].attrs.update(kept | attributes)


@pytest.mark.parametrize(
    ("unit", "conversion", "offset", "cm_a_second"),
    [
        ("m/s", 0.01, 0.0, lambda stored: stored),
        ("cm/s", 1.0, 0.0, lambda stored: stored),
        ("mm/s", 1.0, 0.0, lambda stored: stored / 10),
        ("meters per second", 1.0, 0.0, lambda stored: 100 * stored),
        ("cm s^-1", 2.0, 3.0, lambda stored: 2 * stored + 3),
        ("km/h", 1.0, 0.0, lambda stored: stored / 0.036),
    ],
)
def test_running_is_in_centimetres_a_second_in_whatever_unit_it_is_stored(copy, unit, conversion, offset, cm_a_second):
    edit(copy, lambda file: file[f"{TREADMILL}/data"].attrs.update(unit=unit, conversion=conversion, offset=offset))
    recording = read_nwb(copy, deconvolve=None)
    at = SCAN.imaging_times_s[SCAN.imaging_times_s >= 11.0][: recording.trials["n_frames"][0]]
    stored = np.interp(at, SCAN.treadmill["time_s"], SCAN.treadmill["velocity"])
    np.testing.assert_allclose(recording.open_trial(0).behaviour[:, 1], cm_a_second(stored))


@pytest.mark.parametrize("unit", ["rad/s", "unknown", "a.u.", ""])
def test_running_in_a_unit_that_is_no_speed_is_refused(copy, unit):
    edit(copy, lambda file: file[f"{TREADMILL}/data"].attrs.update(unit=unit))
    with pytest.raises(ValueError, match=rf"the unit of acquisition/treadmill_velocity is '{unit}'; m/s, cm/s or mm/s is needed"):
        read_nwb(copy)


def test_units_of_measure_are_known_by_sign_and_by_word():
    assert [metres(unit) for unit in ("Meters", "micrometers", "µm", "mm", "cm", "px", "")] == [1, 1e-6, 1e-6, 1e-3, 1e-2, None, None]
    assert [seconds(unit) for unit in ("seconds", "s", "ms", "Milliseconds", "frames")] == [1, 1, 1e-3, 1e-3, None]
    assert [metres_a_second(unit) for unit in ("cm·s⁻¹", "m s⁻¹", "m/s^2", "m·s⁻²")] == [0.01, 1, None, None]


def test_conversion_and_offset_of_every_series_are_applied(copy, plain):
    scales = {f"{PUPIL}/data": (0.5, 1.0), f"{EYE}/data": (3.0, -2.0), f"{TRACES}1/data": (10.0, 7.0), f"{TRACES}2/data": (0.1, 0.0)}
    scales[f"{MOVIE}/data"] = (1 / 255, 0.5)

    def scale(file: h5py.File) -> None:
        for name, (conversion, offset) in scales.items():
            file[name].attrs.update(conversion=conversion, offset=offset)

    trial, before = read_nwb(edit(copy, scale), deconvolve=None).open_trial(0), plain[0]
    np.testing.assert_allclose(trial.behaviour[:, 0], 0.5 * before.behaviour[:, 0] + 1)
    np.testing.assert_allclose(trial.eye_position, 3 * before.eye_position - 2)
    np.testing.assert_allclose(trial.responses[:, :6], 10 * before.responses[:, :6] + 7, rtol=1e-6)
    np.testing.assert_allclose(trial.responses[:, 6:], 0.1 * before.responses[:, 6:], rtol=1e-6)
    np.testing.assert_allclose(trial.video, before.video / 255 + 0.5, rtol=1e-6)


def test_deconvolution_gets_traces_in_their_unit_and_a_factor_a_channel_is_one(copy):
    got = []

    def keep(traces, rate_hz):
        got.append(traces)
        return np.abs(traces)

    factors = np.arange(1.0, 7.0)

    def scale(file: h5py.File) -> None:
        file[f"{TRACES}1/channel_conversion"] = factors
        file[f"{TRACES}1/data"].attrs.update(conversion=2.0, offset=-1.0)

    read_nwb(edit(copy, scale), deconvolve=keep).open_trial(0)
    with h5py.File(copy) as file:
        np.testing.assert_allclose(got[0], file[f"{TRACES}1/data"][:] * 2 * factors - 1)


@pytest.mark.parametrize("conversion", [0.0, np.nan, np.inf])
def test_a_conversion_that_leaves_no_values_is_refused(copy, conversion):
    edit(copy, lambda file: file[f"{TRACES}1/data"].attrs.update(conversion=conversion))
    with pytest.raises(ValueError, match=r"RoiResponseSeries1 has conversion .* which leave no values"):
        read_nwb(copy)


def regular(file: h5py.File, name: str, rate: float) -> None:
    """Exchange the timestamps of a series for a starting time and a rate."""
    first = file[f"{name}/timestamps"][0]
    del file[f"{name}/timestamps"]
    file[f"{name}/starting_time"] = first
    file[f"{name}/starting_time"].attrs.update(rate=rate, unit="seconds")


def test_a_starting_time_and_a_rate_are_the_same_as_timestamps(copy, plain):
    def change(file: h5py.File) -> None:
        for name, rate in {f"{TRACES}2": 1 / 0.158, f"{TRACES}1": 1 / 0.158, MOVIE: 30.0, TREADMILL: 60.0}.items():
            regular(file, name, rate)

    trial = read_nwb(edit(copy, change), deconvolve=None).open_trial(2)
    before = plain[1].open_trial(2)
    for name in ("video", "responses", "behaviour", "eye_position"):
        np.testing.assert_allclose(getattr(trial, name), getattr(before, name), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rate", [np.nan, 0.0, -30.0])
def test_a_starting_time_without_a_rate_is_refused(copy, rate):
    edit(copy, lambda file: regular(file, TREADMILL, rate))
    with pytest.raises(ValueError, match=r"treadmill_velocity has no timestamps, starts at 9.25 s and its rate is .* Hz. Its samples"):
        read_nwb(copy)


def test_times_stated_in_milliseconds_are_read_and_unstated_ones_are_refused(copy, plain):
    times = 1000 * SCAN.treadmill["time_s"].to_numpy()
    edit(copy, lambda file: replace_data(file, f"{TREADMILL}/timestamps", times, unit="milliseconds"))
    np.testing.assert_allclose(read_nwb(copy, deconvolve=None).open_trial(0).behaviour, plain[0].behaviour)
    edit(copy, lambda file: file[f"{TREADMILL}/timestamps"].attrs.update(unit="seconds"))
    with pytest.raises(ValueError, match=r"treadmill_velocity lie 16.67 s apart by their timestamps. Were they written in milliseconds\?"):
        read_nwb(copy)
    edit(copy, lambda file: file[f"{TREADMILL}/timestamps"].attrs.update(unit="frames"))
    with pytest.raises(ValueError, match="times of acquisition/treadmill_velocity are stated in 'frames', which is no unit of time"):
        read_nwb(copy)


def test_fast_behaviour_in_milliseconds_and_behaviour_of_another_clock_are_refused_by_their_span(copy):
    fast = 1000 * (9.25 + np.arange(2000) / 500)
    edit(copy, lambda file: replace_data(file, f"{TREADMILL}/timestamps", fast))
    with pytest.raises(
        ValueError, match=r"treadmill_velocity lasts from 9250 to 1.325e\+04 s, the trials from .* s: no trial has any of it"
    ):
        read_nwb(copy)
    from_zero = np.arange(2000.0) * 2
    edit(copy, lambda file: replace_data(file, f"{TREADMILL}/timestamps", from_zero))
    with pytest.raises(
        ValueError, match=r"treadmill_velocity lasts from 0 to 3998 s, the trials .* Were its times written in milliseconds\?"
    ):
        read_nwb(copy)


def test_trials_in_another_unit_than_imaging_are_refused_with_both_spans(copy):
    for name in ("Clip", "Monet2"):
        for end in ("start_time", "stop_time"):
            edit(copy, lambda file, at=f"intervals/{name}/{end}": replace_data(file, at, 1000 * file[at][:]))
    with pytest.raises(ValueError, match=r"no trial is left of 3, .* They last from 1.1e\+04 to 3e\+04 s, imaging and movie both from"):
        read_nwb(copy)


def test_trials_at_times_that_the_file_calls_invalid_are_left_out_and_counted(copy, caplog):
    def spoil(file: h5py.File) -> None:
        group = file.create_group("intervals/invalid_times")
        for name, values in {"id": [0], "start_time": [12.0], "stop_time": [12.5]}.items():
            group[name] = values

    with caplog.at_level(logging.WARNING, "graphtwin"):
        assert read_nwb(edit(copy, spoil), deconvolve=None).trials["trial"].tolist() == [1, 2]
    assert "1 of 3 trials meet times that the file calls invalid; left out" in caplog.text


def test_intervals_that_name_no_stimulus_are_passed_over_with_a_word(copy, caplog):
    def add(file: h5py.File) -> None:
        group = file.create_group("intervals/epochs")
        for name, values in {"id": [0], "start_time": [9.0], "stop_time": [40.0]}.items():
            group[name] = values

    with caplog.at_level(logging.WARNING, "graphtwin"):
        assert len(read_nwb(edit(copy, add), deconvolve=None).trials) == 3
    assert "intervals ['epochs'] tell no condition_hash; passed over" in caplog.text


def test_sessions_of_other_labs_have_a_number_of_their_own_that_is_said(copy, tmp_path, caplog):
    sessions = []
    for name, identifier in (("2020-05-01_mouseA", "a"), ("2020-05-01_mouseA", "b"), ("20200501", "a")):

        def rename(file: h5py.File, name=name, identifier=identifier) -> None:
            replace_data(file, "general/session_id", name)
            replace_data(file, "identifier", identifier)

        with caplog.at_level(logging.INFO, "graphtwin"):
            units = read_nwb(edit(copy, rename), deconvolve=None).units
        sessions.append(int(units["session"].iloc[0]))
        assert f"session {sessions[-1]} stands for subject, session id and identifier ['17797', '{name}', '{identifier}']" in caplog.text
        assert units["unit_id"].is_unique
    assert len(set(sessions)) == 3
    edit(copy, lambda file: file.pop("general/session_id", None) or file.__delitem__("general/session_id"))
    assert len(read_nwb(copy, deconvolve=None).units) == 12


def test_fields_of_other_labs_are_found_by_type_and_their_masks_by_reference(copy, plain, caplog):
    def rename(file: h5py.File) -> None:
        for name in (f"{TRACES}1", f"{TRACES}2"):  # a link to a place that is moved leads nowhere
            replace_data(file, f"{name}/timestamps", SCAN.imaging_times_s)
        file.move("processing/ophys", "processing/imaging")
        file.move("processing/imaging/Fluorescence", "processing/imaging/Traces")
        for number, name in ((1, "left"), (2, "right")):
            file.move(f"processing/imaging/Traces/RoiResponseSeries{number}", f"processing/imaging/Traces/{name}")
            file.move(
                f"processing/imaging/ImageSegmentation/PlaneSegmentation{number}", f"processing/imaging/ImageSegmentation/{name} plane"
            )

    with caplog.at_level(logging.INFO, "graphtwin"):
        recording = read_nwb(edit(copy, rename), deconvolve=None)
    assert "fields are numbered in the order of their names, left, right" in caplog.text
    np.testing.assert_array_equal(recording.open_trial(0).responses, plain[0].responses)
    assert recording.units.equals(plain[1].units)


def test_positions_are_micrometres_in_whatever_unit_the_plane_is_and_unknown_without_one(copy, plain, caplog):
    def change(file: h5py.File) -> None:
        plane = file["general/optophysiology/ImagingPlane1"]
        for name in ("origin_coords", "grid_spacing"):
            replace_data(plane, name, 1e6 * plane[name][:], unit="micrometers")
        del file["general/optophysiology/ImagingPlane2/grid_spacing"]

    with caplog.at_level(logging.WARNING, "graphtwin"):
        units = read_nwb(edit(copy, change), deconvolve=None).units
    before = plain[1].units[["x_um", "y_um", "z_um"]].to_numpy()
    found = units[["x_um", "y_um", "z_um"]].to_numpy()
    np.testing.assert_allclose(found[:6], before[:6])
    assert np.isnan(found[6:]).all()
    assert "PlaneSegmentation2 has no grid_spacing, so that positions of its units are unknown" in caplog.text
    edit(copy, lambda file: file["general/optophysiology/ImagingPlane1/origin_coords"].attrs.update(unit="voxels"))
    with pytest.raises(ValueError, match="origin_coords is 'voxels', which is no unit of length"):
        read_nwb(copy)


def test_a_movie_in_colours_is_refused_with_its_channels_and_one_channel_is_grey(copy, plain):
    with h5py.File(copy) as file:
        grey = file[f"{MOVIE}/data"][:]
    edit(copy, lambda file: replace_data(file, f"{MOVIE}/data", np.stack([grey, grey // 2, grey], axis=-1)))
    with pytest.raises(ValueError, match=r"the movie has shape \(1200, 10, 6, 3\): 3 colour channels, of which a twin sees one"):
        read_nwb(copy)
    green = read_nwb(copy, deconvolve=None, movie=SCAN.movie // 2).open_trial(0).video
    np.testing.assert_array_equal(green, plain[0].video // 2)
    edit(copy, lambda file: replace_data(file, f"{MOVIE}/data", grey[..., None]))
    np.testing.assert_array_equal(read_nwb(copy, deconvolve=None).open_trial(0).video, plain[0].video)


def test_rows_and_columns_of_the_movie_are_those_of_its_stated_dimension(copy, plain):
    def turn(file: h5py.File) -> None:
        replace_data(file, f"{MOVIE}/data", file[f"{MOVIE}/data"][:].transpose(0, 2, 1))
        file[f"{MOVIE}/dimension"] = [10, 6]  # width, height

    np.testing.assert_array_equal(read_nwb(edit(copy, turn), deconvolve=None).open_trial(0).video, plain[0].video)
    edit(copy, lambda file: replace_data(file, f"{MOVIE}/dimension", np.array([64, 36])))
    with pytest.raises(ValueError, match=r"has frames of \(6, 10\) pixels, but states a dimension of \(64, 36\)"):
        read_nwb(copy)


def test_traces_stored_units_first_are_refused_for_what_they_are(copy):
    edit(copy, lambda file: replace_data(file, f"{TRACES}1/data", file[f"{TRACES}1/data"][:].T))
    with pytest.raises(ValueError, match=r"RoiResponseSeries1 has shape \(6, 200\) for 200 times: frames are its second axis"):
        read_nwb(copy)


def test_behaviour_of_another_shape_is_refused(copy):
    edit(copy, lambda file: replace_data(file, f"{TREADMILL}/data", np.zeros((2000, 3))))
    with pytest.raises(ValueError, match=r"treadmill_velocity holds float64 of shape \(2000, 3\); numbers of shape \(2000, 1\) are needed"):
        read_nwb(copy)


def test_the_door_knows_nwb_by_suffix_in_capitals_and_by_content_and_names_a_zarr_store(copy, tmp_path):
    for name in ("scan.NWB", "scan.h5"):
        path = Path(shutil.copy(copy, tmp_path / name))
        assert len(open_recording(path).trials) == 3
    store = tmp_path / "scan.nwb"
    store.mkdir()
    (store / ".zgroup").write_text("{}")
    (tmp_path / "other.nwb.zarr").mkdir()
    for path in (store, tmp_path / "other.nwb.zarr"):
        with pytest.raises(ValueError, match=r"is a Zarr store, and NWB is read from HDF5 alone. Export it with hdmf-zarr"):
            open_recording(path)


def test_a_dataset_that_promises_more_than_the_file_holds_is_refused(copy):
    def promise(file: h5py.File) -> None:
        del file[f"{TREADMILL}/timestamps"]
        file.create_dataset(f"{TREADMILL}/timestamps", (10**12,), "f8", chunks=(1000,))

    with pytest.raises(ValueError, match=r"treadmill_velocity/timestamps promises 8000000000000 bytes .*of which 0 are stored"):
        read_nwb(edit(copy, promise))


def test_a_heap_in_which_the_library_would_go_on_for_ever_is_refused(copy):
    content = bytearray(copy.read_bytes())
    at = content.find(b"GCOL\x01\0\0\0") + 16
    content[at : at + 16] = bytes(16)  # the first object: of no number and no length
    copy.write_bytes(content)
    with pytest.raises(ValueError, match=rf"is damaged within \(an empty object in the heap of texts at byte {at}\)"):
        read_nwb(copy)


def test_infinite_responses_and_masks_that_are_no_row_numbers_are_refused(copy):
    spoilt = np.full((200, 6), np.inf, dtype=np.float32)
    edit(copy, lambda file: replace_data(file, f"{TRACES}1/data", spoilt))
    with pytest.raises(ValueError, match=r"32 frames of .*RoiResponseSeries1 are infinite\. Leave the trial out"):
        read_nwb(copy, deconvolve=None).open_trial(0)
    edit(copy, lambda file: replace_data(file, f"{TRACES}1/rois", np.arange(6.0)))
    with pytest.raises(ValueError, match=r"RoiResponseSeries1 names its masks by float64 of shape \(6,\), which are no row numbers"):
        read_nwb(copy)


def other_lab(path: Path, kind: str) -> np.ndarray:
    """A file as pynwb makes it for a lab of its own habits: presented stimulus, rates, one plane, int16 traces; returns its movie."""
    from pynwb import NWBHDF5IO, NWBFile, TimeSeries
    from pynwb.base import ImageReferences, Images
    from pynwb.behavior import EyeTracking, PupilTracking, SpatialSeries
    from pynwb.epoch import TimeIntervals
    from pynwb.image import GrayscaleImage, ImageSeries, IndexSeries
    from pynwb.ophys import Fluorescence, ImageSegmentation, OpticalChannel, RoiResponseSeries

    rng = np.random.default_rng(0)
    nwb = NWBFile(session_description="a", identifier="mouse-1-a", session_start_time=datetime(2020, 1, 1, tzinfo=UTC))
    movie = rng.integers(0, 255, (40, 10, 6), dtype=np.uint8)
    if kind == "images":
        pictures = [GrayscaleImage(name=f"picture {at}", data=one) for at, one in enumerate(movie)]
        template = Images(name="pictures", images=pictures, order_of_images=ImageReferences(name="order_of_images", data=pictures[::-1]))
        nwb.add_stimulus_template(template)
        shown = rng.integers(0, 40, 300)
        nwb.add_stimulus(IndexSeries(name="shown", data=shown.astype(np.uint32), unit="N/A", rate=10.0, indexed_images=template))
        movie = movie[::-1][shown]
    else:
        movie = rng.integers(0, 255, (300, 10, 6), dtype=np.uint8)
        nwb.add_stimulus(ImageSeries(name="shown", data=movie, unit="n.a.", rate=10.0, format="raw"))
        nwb.add_acquisition(ImageSeries(name="eye camera", data=np.zeros((5, 4, 4), np.uint8), unit="n.a.", rate=1.0, format="raw"))
    device = nwb.create_device(name="scope")
    channel = OpticalChannel(name="green", description="green", emission_lambda=500.0)
    plane = nwb.create_imaging_plane(
        name="plane0", optical_channel=channel, description="", device=device, excitation_lambda=920.0, indicator="x", location="V1"
    )
    segmentation = ImageSegmentation()
    table = segmentation.create_plane_segmentation(name="cells", imaging_plane=plane, description="cells")
    for _ in range(3):
        table.add_roi(pixel_mask=[(1, 2, 1.0), (1, 3, 1.0)])
    module = nwb.create_processing_module(name="ophys", description="imaging")
    module.add(segmentation)
    fluorescence = Fluorescence()
    module.add(fluorescence)
    region = table.create_roi_table_region(description="all", region=[0, 1, 2])
    traces = RoiResponseSeries(
        name="plane0", data=rng.integers(0, 99, (300, 3)).astype(np.int16), unit="dF/F", rois=region, rate=10.0, conversion=0.01
    )
    fluorescence.add_roi_response_series(traces)
    pupil = TimeSeries(name="pupil_major_radius", data=rng.random(600), unit="mm", rate=20.0)
    nwb.add_acquisition(PupilTracking(time_series=pupil))
    eye = SpatialSeries(name="eye_position", data=rng.random((600, 2)), reference_frame="camera", rate=20.0, unit="px")
    nwb.add_acquisition(EyeTracking(spatial_series=eye))
    nwb.add_acquisition(TimeSeries(name="treadmill_velocity", data=np.full(600, 5.0), unit="cm/s", rate=20.0))
    trials = TimeIntervals(name="trials", description="trials")
    trials.add_column(name="condition_hash", description="stimulus")
    for start in (1.0, 8.0):
        trials.add_interval(start_time=start, stop_time=start + 5, condition_hash="a")
    nwb.add_time_intervals(trials)
    with NWBHDF5IO(path, "w") as io:
        io.write(nwb)
    if kind == "template":  # as files of NWB before 2.5 have it, which pynwb reads and no longer writes
        shown = rng.integers(0, 300, 300)
        with h5py.File(path, "r+") as file:
            file.move("stimulus/presentation/shown", "stimulus/templates/shown")
            series = file.create_group("stimulus/presentation/shown again")
            series.attrs["neurodata_type"] = "IndexSeries"
            series["data"] = shown
            series["starting_time"] = 0.0
            series["starting_time"].attrs["rate"] = 10.0
            series["indexed_timeseries"] = h5py.SoftLink("/stimulus/templates/shown")
        return movie[shown]
    return movie


@pytest.mark.parametrize("kind", ["movie", "images", "template"])
def test_a_file_that_pynwb_writes_for_another_lab_is_read(tmp_path, kind, caplog):
    movie = other_lab(tmp_path / "mouse.nwb", kind)
    with caplog.at_level(logging.INFO, "graphtwin"):
        recording = read_nwb(tmp_path / "mouse.nwb", deconvolve=None)
    trial = recording.open_trial(0)
    assert recording.frame_rate_hz == pytest.approx(10.0)
    np.testing.assert_array_equal(trial.video, movie[10:60].transpose(0, 2, 1))
    np.testing.assert_allclose(trial.behaviour[:, 1], 5.0)
    with h5py.File(tmp_path / "mouse.nwb") as file:
        stored = file["processing/ophys/Fluorescence/plane0/data"][10:60]
    np.testing.assert_allclose(trial.responses, 0.01 * stored, rtol=1e-6)
    assert recording.units["field"].unique().tolist() == [0]
    assert np.isnan(recording.units["x_um"]).all()
    assert "pupil_major_radius is in 'mm', and is handed over so" in caplog.text


def test_traces_of_whole_numbers_are_deconvolved_as_the_same_numbers_with_a_point(copy, tmp_path):
    def rounded(file: h5py.File, dtype: str) -> None:
        for number in (1, 2):
            replace_data(file, f"{TRACES}{number}/data", np.round(file[f"{TRACES}{number}/data"][:]).astype(dtype))

    other = Path(shutil.copy(copy, tmp_path / "other.nwb"))
    edit(copy, lambda file: rounded(file, "uint16"))
    edit(other, lambda file: rounded(file, "float64"))
    np.testing.assert_array_equal(read_nwb(copy).open_trial(0).responses, read_nwb(other).open_trial(0).responses)
