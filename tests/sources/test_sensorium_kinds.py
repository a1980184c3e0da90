"""Claims: recordings of other labs in the layouts of the releases are read for what they are, and what is ambiguous is refused in words."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphtwin.sources.doors import open_recording
from graphtwin.sources.formats.kept_arrays import MOST_BYTES, KeptArrays
from graphtwin.sources.loaders.sensorium import read_sensorium

N_UNITS, N_FRAMES, HEIGHT, WIDTH = 5, 20, 4, 6
KINDS = ("videos", "responses", "behavior", "pupil_center")


def video_folder(path: Path) -> Path:
    """Three trials of video, the last an oracle."""
    rng = np.random.default_rng(0)
    for trial in range(3):
        arrays = {
            "videos": rng.integers(0, 256, (HEIGHT, WIDTH, N_FRAMES)).astype(np.float32),
            "responses": rng.gamma(1.0, 1.0, (N_UNITS, N_FRAMES)),
            "behavior": rng.random((2, N_FRAMES)),
            "pupil_center": rng.random((2, N_FRAMES)),
        }
        for kind, values in arrays.items():
            save(path / "data" / kind / f"{trial}.npy", values)
    save(path / "meta/trials/tiers.npy", np.array(["train", "train", "oracle"]))
    save(path / "meta/neurons/unit_ids.npy", np.arange(N_UNITS))
    save(path / "meta/neurons/cell_motor_coordinates.npy", rng.random((N_UNITS, 3)))
    return path


def picture_folder(path: Path, channels: int = 1) -> Path:
    """Three trials of single pictures."""
    rng = np.random.default_rng(0)
    for trial in range(3):
        save(path / f"data/images/{trial}.npy", rng.uniform(0, 255, (channels, HEIGHT, WIDTH)).astype(np.float32))
        save(path / f"data/responses/{trial}.npy", rng.gamma(1.0, 1.0, N_UNITS))
        save(path / f"data/behavior/{trial}.npy", rng.random(3))
        save(path / f"data/pupil_center/{trial}.npy", rng.random(2))
    save(path / "meta/trials/tiers.npy", np.array(["train", "train", "test"]))
    save(path / "meta/neurons/unit_ids.npy", np.arange(N_UNITS))
    save(path / "meta/neurons/cell_motor_coordinates.npy", rng.random((N_UNITS, 3)))
    return path


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)


def change_all(folder: Path, kind: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for file in (folder / "data" / kind).glob("*.npy"):
        np.save(file, change(np.load(file)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return video_folder(tmp_path / "dynamic7-3-4-Video-0f")


def same(one: Path, other: Path) -> bool:
    """Whether two recordings hand over the same numbers."""
    first, second = open_recording(one), open_recording(other)
    trials = [(first.open_trial(row), second.open_trial(row)) for row in range(len(first.trials))]
    return first.trials.equals(second.trials) and all(
        np.array_equal(vars(a)[name], vars(b)[name]) for a, b in trials for name in ("video", "responses", "behaviour", "eye_position")
    )


def test_two_colour_channels_are_refused_with_their_number_or_the_one_that_is_named_is_read(tmp_path: Path):
    pictures = picture_folder(tmp_path / "static1-4-6-ColorImages", channels=2)
    words = r"images/0\.npy: 2 colour channels \(shape \(2, 4, 6\)\), of which a twin sees one\. Name it in .*config\.json"
    with pytest.raises(ValueError, match=words):
        read_sensorium(pictures)
    for channel in (0, 1):
        (pictures / "config.json").write_text(json.dumps({"channel": channel}))
        stored = np.load(pictures / "data/images/2.npy")
        np.testing.assert_array_equal(read_sensorium(pictures).open_trial(2).video, stored[[channel]])
    (pictures / "config.json").write_text('{"channel": 2}')
    with pytest.raises(ValueError, match=r"2 colour channels .*, but config\.json names channel 2, counted from 0"):
        read_sensorium(pictures)
    (pictures / "config.json").write_text('{"channel": "green"}')
    with pytest.raises(ValueError, match=r"channel is 'green'\. It is the number of a colour channel, counted from 0"):
        read_sensorium(pictures)


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_colour_videos_are_told_on_whichever_axis_their_channels_lie(folder: Path, axis: int):
    videos = [np.load(folder / f"data/videos/{trial}.npy") for trial in range(3)]
    change_all(folder, "videos", lambda video: np.stack([video, video + 1, 0 * video], axis=axis))
    with pytest.raises(ValueError, match=r"videos/\d\.npy: 3 colour channels .*, of which a twin sees one"):
        read_sensorium(folder)
    (folder / "config.json").write_text('{"channel": 1}')
    np.testing.assert_array_equal(read_sensorium(folder).open_trial(1).video, np.moveaxis(videos[1] + 1, -1, 0))


def test_an_axis_of_one_channel_is_no_colour_and_a_picture_without_it_is_read(folder: Path, tmp_path: Path):
    plain = shutil.copytree(folder, tmp_path / "plain" / folder.name)
    change_all(folder, "videos", lambda video: video[None])
    assert same(folder, plain)
    pictures, flat = (picture_folder(tmp_path / name / "static1-1-1") for name in ("a", "b"))
    change_all(flat, "images", lambda image: image[0])
    assert same(pictures, flat)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_first_arrays_are_found_by_their_lengths_and_read(folder: Path, tmp_path: Path, kind: str):
    plain = shutil.copytree(folder, tmp_path / "plain" / folder.name)
    change_all(folder, kind, lambda values: np.moveaxis(values, -1, 0))
    assert same(folder, plain)


@pytest.mark.parametrize("dtype", [">f4", "<f8", ">f8", "u1", "<i2", ">i2", "<u4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_of_every_form_are_the_same_pictures_and_the_same_repeats(folder: Path, tmp_path: Path, dtype: str, order: str):
    plain = shutil.copytree(folder, tmp_path / "plain" / folder.name)
    change_all(folder, "videos", lambda video: np.asarray(video.astype(dtype), order=order))
    assert same(folder, plain)


def test_videos_of_integers_are_padded_where_the_behaviour_is(folder: Path):
    change_all(folder, "behavior", lambda values: np.where(np.arange(N_FRAMES) < 15, values, np.nan))
    change_all(folder, "responses", lambda values: np.where(np.arange(N_FRAMES) < 15, values, np.nan))
    change_all(folder, "videos", lambda video: video.astype(np.uint8))
    recording = read_sensorium(folder)
    assert recording.trials["n_frames"].tolist() == [15] * 3
    assert recording.open_trial(0).video.shape == (15, HEIGHT, WIDTH)


STRAYS = ("data/videos/._0.npy", "data/videos/.ipynb_checkpoints/0-checkpoint.npy", "data/responses/.DS_Store", "data/behavior/Thumbs.db")
STRAYS += ("meta/neurons/._unit_ids.npy", "meta/trials/.ipynb_checkpoints/tiers-checkpoint.npy", "data/pupil_center/desktop.ini")


def test_what_file_managers_and_notebooks_leave_is_passed_over_with_a_word(folder: Path, caplog: pytest.LogCaptureFixture):
    for stray in STRAYS:
        (folder / stray).parent.mkdir(exist_ok=True)
        (folder / stray).write_bytes(b"\0\5\x16\7")
    save(folder / "data/videos/0 (1).npy", np.zeros(3))
    with caplog.at_level(logging.WARNING, "graphtwin"):
        assert len(read_sensorium(folder).trials) == 3
    assert "7 files that file managers or notebooks left are passed over, first data/behavior/Thumbs.db" in caplog.text
    assert "1 arrays under data are not named by a trial's number and passed over, first data/videos/0 (1).npy" in caplog.text


def packed(folder: Path, to: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, prefix + file.relative_to(folder).as_posix())
    return to


@pytest.mark.parametrize("prefix", ["", "dynamic7-3-4-Video-0f/", "./", "a/b/"])
def test_an_archive_with_a_top_folder_leftovers_and_a_suffix_in_capitals_is_read(folder: Path, tmp_path: Path, prefix: str):
    to = packed(folder, tmp_path / "packed.ZIP", prefix)
    with zipfile.ZipFile(to, "a") as archive:
        for stray in (f"__MACOSX/{prefix}data/videos/._0.npy", f"__MACOSX/{prefix}meta/trials/tiers.npy", f"{prefix}data/videos/.DS_Store"):
            archive.writestr(stray, b"\0\5\x16\7")
    assert same(to, folder)


def test_an_archive_of_two_recordings_is_refused(folder: Path, tmp_path: Path):
    to = packed(folder, tmp_path / "two.zip", "one/")
    with zipfile.ZipFile(to, "a") as archive:
        archive.write(folder / "meta/trials/tiers.npy", "two/meta/trials/tiers.npy")
    with pytest.raises(ValueError, match=r"two\.zip: holds 2 recordings, in \['one/', 'two/'\]\. Unpack it"):
        read_sensorium(to)


def test_leading_zeros_and_suffixes_in_capitals_name_the_same_trials_and_two_names_for_one_are_refused(folder: Path, tmp_path: Path):
    plain = shutil.copytree(folder, tmp_path / "plain" / folder.name)
    for number, kind in enumerate(KINDS):
        for trial in range(3):
            (folder / "data" / kind / f"{trial}.npy").rename(folder / "data" / kind / f"{trial:0{number + 2}d}.NPY")
    assert same(folder, plain)
    shutil.copy(plain / "data/videos/0.npy", folder / "data/videos/0.npy")
    with pytest.raises(ValueError, match=r"data/videos/0\.npy and data/videos/00\.NPY are both data/videos/0\.npy\. Remove one"):
        read_sensorium(folder)


def test_a_recording_behind_links_is_read_and_links_in_a_ring_and_to_nothing_are_survived(folder: Path, tmp_path: Path):
    linked = tmp_path / "linked" / folder.name
    (linked / "data").mkdir(parents=True)
    for kind in KINDS:
        (linked / "data" / kind).symlink_to(folder / "data" / kind)
    (linked / "meta").symlink_to(folder / "meta")
    (linked / "data" / "ring").symlink_to(linked / "data")
    assert same(linked, folder)
    assert same(Path(f"{linked}{os.sep}"), folder)
    (folder / "data/videos/1.npy").unlink()
    (folder / "data/videos/1.npy").symlink_to(tmp_path / "annexed")
    with pytest.raises(FileNotFoundError, match=r"videos/1\.npy: is a link to a file that is not there\. Fetch it"):
        read_sensorium(linked)


def test_a_sign_that_names_a_part_of_a_recording_is_refused(folder: Path):
    with pytest.raises(ValueError, match=r"#12: a recording is opened whole, so that nothing is named by '#'\. Give .*0f\."):
        open_recording(f"{folder}#12")


def test_an_unpacked_folder_around_the_recording_is_told_where_it_lies(folder: Path):
    with pytest.raises(FileNotFoundError, match=rf"neither data/videos nor data/images .* as {folder.name} in it does"):
        read_sensorium(folder.parent)


def test_a_trial_that_one_modality_lacks_is_refused_and_one_without_a_picture_is_counted(folder: Path, caplog: pytest.LogCaptureFixture):
    (folder / "data/videos/2.npy").unlink()
    with caplog.at_level(logging.WARNING, "graphtwin"):
        assert read_sensorium(folder).trials["trial"].tolist() == [0, 1]
    assert "1 trials have no picture and are left out, first 2" in caplog.text
    (folder / "data/pupil_center/1.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"data/pupil_center/1\.npy: this file is missing"):
        read_sensorium(folder)


@pytest.mark.parametrize(
    ("settings", "arrays", "rate"),
    [
        ({}, {}, 30.0),
        ({"frame_rate_hz": 60}, {}, 60.0),
        ({"fps": 8.5}, {"meta/trials/fps.npy": np.full(3, 8.5)}, 8.5),
        ({}, {"meta/frame_rate.npy": np.array(15)}, 15.0),
    ],
)
def test_the_frame_rate_is_the_one_that_the_recording_names_and_30_where_it_names_none(folder: Path, settings, arrays, rate):
    (folder / "config.json").write_text(json.dumps(settings))
    for name, values in arrays.items():
        save(folder / name, values)
    assert read_sensorium(folder).frame_rate_hz == rate


@pytest.mark.parametrize("settings", [{"fps": 0}, {"fps": "30"}, {"fps": 30, "frame_rate": 60}, {"frame_rate_hz": [30]}, {"fps": True}])
def test_a_frame_rate_that_is_none_or_several_is_refused(folder: Path, settings: dict):
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"its frame rate is not one number of Hz \(config\.json"):
        read_sensorium(folder)


def test_behaviour_has_the_names_and_folders_the_places_that_the_settings_say(folder: Path):
    (folder / "data/videos").rename(folder / "data/movies")
    (folder / "config.json").write_text('{"links": {"videos": "movies"}, "behavior": ["running", "pupil_size"]}')
    recording = read_sensorium(folder)
    assert recording.behaviour == ("running", "pupil_size")
    assert len(recording.trials) == 3
    (folder / "config.json").write_text('{"links": {"videos": "films"}}')
    with pytest.raises(ValueError, match="links names data/films as videos, but no array is there"):
        read_sensorium(folder)


def test_units_of_other_labs_are_told_apart_by_the_name_of_their_recording(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    names = ("mouse_A_2020-05-01", "mouse_B_2020-05-01", "rec3")
    with caplog.at_level(logging.INFO, "graphtwin"):
        sessions = [read_sensorium(video_folder(tmp_path / name)).units["session"].iloc[0] for name in names]
    assert len(set(sessions)) == 3
    assert min(sessions) > 4  # no part of the date
    assert f"mouse_A_2020-05-01: session {sessions[0]} stands for the name" in caplog.text
    units = read_sensorium(video_folder(tmp_path / "dynamic12-3-4-Video")).units
    assert units[["session", "scan_idx"]].drop_duplicates().to_numpy().tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([0, 1, 2, 3, 2.5]), "1 of 5 are no whole numbers of 64 bits"),
        (np.array([0, 1, 2, 3, np.nan]), "1 of 5 are no whole numbers"),
        (np.array([0, 1, 2, 3, 2.0**60]), r"1 of 5 are floats above 2\^53, which have lost their last digits"),
        (np.array([0, 1, 2, 3, 2**64 - 1], dtype=np.uint64), r"1 of 5 lie above 2\^63 - 1"),
        (np.array(["a", "b", "c", "d", "e"]), "5 of 5 are no whole numbers"),
    ],
)
def test_unit_ids_that_a_float_rounded_or_that_are_none_are_refused(folder: Path, values: np.ndarray, words: str):
    save(folder / "meta/neurons/unit_ids.npy", values)
    with pytest.raises(ValueError, match=rf"unit_ids\.npy: {words}.* Save ids as integers"):
        read_sensorium(folder)


def test_session_and_scan_are_those_of_the_folder_behind_a_link_of_another_name(folder: Path, tmp_path: Path):
    (tmp_path / "mouse_a").symlink_to(folder)
    assert read_sensorium(tmp_path / "mouse_a").units[["session", "scan_idx"]].drop_duplicates().to_numpy().tolist() == [[3, 4]]


def test_images_beside_videos_are_refused_for_one_of_both_would_be_left_out(folder: Path):
    for trial in range(3):
        save(folder / f"data/images/{trial}.npy", np.ones((1, HEIGHT, WIDTH)))
    with pytest.raises(ValueError, match=r"dynamic7-3-4-Video-0f: data holds images and videos, of which one would be left out"):
        read_sensorium(folder)


@pytest.mark.parametrize("values", [np.arange(5.0), np.array(list("01234")), np.arange(5, dtype=">u2")])
def test_unit_ids_that_are_whole_are_read_however_they_are_stored(folder: Path, values: np.ndarray):
    save(folder / "meta/neurons/unit_ids.npy", values)
    assert read_sensorium(folder).units["unit_id"].tolist() == [0, 1, 2, 3, 4]


def test_tiers_are_read_as_bytes_and_numbers_and_unknown_ones_are_told(folder: Path, caplog: pytest.LogCaptureFixture):
    save(folder / "meta/trials/tiers.npy", np.array([b"train ", b"train", b"oracle"]))
    assert read_sensorium(folder).trials["tier"].tolist() == ["train", "train", "oracle"]
    save(folder / "meta/trials/tiers.npy", np.array([0, 0, 1]))
    with caplog.at_level(logging.WARNING, "graphtwin"):
        assert read_sensorium(folder).trials["tier"].tolist() == ["0", "0", "1"]
    assert "no trial is of tier train. Name the tiers to fit among ['0', '1']" in caplog.text


def test_objects_are_told_as_what_they_are_and_never_unpickled(folder: Path):
    np.save(folder / "meta/trials/tiers.npy", np.array(["train", "train", "oracle"], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"tiers\.npy: holds Python objects as a pickle, which is never opened\. Save it again"):
        read_sensorium(folder)


def test_a_header_that_promises_more_than_the_file_holds_is_refused_before_anything_is_allocated(folder: Path, tmp_path: Path):
    path = folder / "data/responses/1.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (N_UNITS, 10**12)})
    words = r"responses/1\.npy: cannot be read as \.npy \(its header promises 40000000000000 bytes"
    for where in (folder, packed(folder, tmp_path / "bomb.zip")):
        with pytest.raises(ValueError, match=words):
            read_sensorium(where)


def test_a_clip_without_a_pixel_is_refused(folder: Path):
    np.save(folder / "data/videos/2.npy", np.empty((HEIGHT, WIDTH, 0)))
    with pytest.raises(ValueError, match=r"videos/2\.npy: shape \(1, 4, 6, 0\), which holds no pixel"):
        read_sensorium(folder)


def test_pictures_of_two_sizes_are_refused_with_how_many_have_which(folder: Path):
    video = np.load(folder / "data/videos/2.npy")
    np.save(folder / "data/videos/2.npy", video[:, :-1])
    with pytest.raises(ValueError, match=r"pictures of 2 sizes: 4 x 6 in 2 trials \(first 0\), 4 x 5 in 1 trials \(first 2\)"):
        read_sensorium(folder)


def test_one_name_for_pictures_that_differ_makes_no_repeats(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    pictures = picture_folder(tmp_path / "static1-1-1")
    save(pictures / "meta/trials/frame_image_id.npy", np.array([7, 7, 8]))
    with caplog.at_level(logging.WARNING, "graphtwin"):
        assert read_sensorium(pictures).trials["stimulus"].nunique() == 3
    assert "1 of 2 names in frame_image_id are given to pictures that differ" in caplog.text


@pytest.mark.parametrize("most", [0, 3 * HEIGHT * WIDTH * 4, MOST_BYTES], ids=["none", "three pictures", "all"])
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_pictures_that_are_kept_are_bit_by_bit_those_that_are_opened_again(tmp_path: Path, monkeypatch, most: int, packed: bool):
    pictures = picture_folder(tmp_path / "static1-1-1")
    if packed:
        shutil.make_archive(str(pictures), "zip", pictures)
    monkeypatch.setattr("graphtwin.sources.loaders.sensorium.KeptArrays", lambda: KeptArrays(most))
    recording = read_sensorium(pictures.with_suffix(".zip") if packed else pictures)
    for row, number in enumerate(recording.trials["trial"]):
        for _ in range(2):
            trial = recording.open_trial(row)
            opened = (trial.video, trial.responses, trial.behaviour, trial.eye_position)
            for values, kind in zip(opened, ("images", "responses", "behavior", "pupil_center"), strict=True):
                stored = np.load(pictures / f"data/{kind}/{number}.npy")
                assert values is not None
                assert values.dtype == stored.dtype
                assert values.tobytes() == stored.tobytes()


def test_arrays_are_kept_up_to_a_bound_and_go_to_no_other_process():
    stored = {name: np.arange(10.0) + at for at, name in enumerate("abc")}
    read: list[str] = []
    kept = KeptArrays(most=160)

    def read_one(name: str) -> np.ndarray:
        read.append(name)
        return stored[name]

    for name in "abcabc":
        np.testing.assert_array_equal(kept.of(name, read_one), stored[name])
    assert read == ["a", "b", "c", "c"]
    assert kept.size == 160
    assert not kept.of("a", stored.__getitem__).flags.writeable
    other = pickle.loads(pickle.dumps(kept))
    assert other.most == 160
    assert not other.arrays


def test_a_picture_that_is_trained_on_under_another_name_is_told(tmp_path: Path, caplog):
    pictures = picture_folder(tmp_path / "static1-1-1")
    save(pictures / "data/images/2.npy", np.load(pictures / "data/images/0.npy"))
    save(pictures / "meta/trials/frame_image_id.npy", np.array([7, 8, 9]))
    with caplog.at_level(logging.WARNING):
        assert read_sensorium(pictures).trials["stimulus"].tolist() == ["7", "8", "9"]
    assert "1 of 1 pictures of tier test are shown in training, pixel by pixel, under other names in frame_image_id" in caplog.text
