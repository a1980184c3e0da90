from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from graphtwin.artifacts import sha256
from graphtwin.sources.loaders.sensorium import read_sensorium
from graphtwin.synthetic.files.sensorium_files import write_dynamic, write_static
from graphtwin.synthetic.function import images
from graphtwin.synthetic.function.images import ImageConfig, prepare_images
from graphtwin.synthetic.function.imaging import fluorescence
from graphtwin.synthetic.function.preferences import TuningConfig, draw_tuning
from graphtwin.synthetic.function.session import MovieConfig, Scan, continuous_activity, play, prepare_scan, programme
from graphtwin.synthetic.function.stimuli import NOVEL_KINDS, film
from tests.synthetic.planted_neurons import planted_neurons, planted_units

pytestmark = pytest.mark.slow


NEURONS = planted_neurons(24)
TUNING = draw_tuning(NEURONS, TuningConfig(), seed=0, animal=1)
UNITS = planted_units(NEURONS)
SHORT = MovieConfig(clip_s=3.0, oracle_clips=2, oracle_repeats=3, test_clips=1, test_repeats=2, novel_repeats=1)
PICTURES = ImageConfig(train=6, validation=2, test=2, test_repeats=3)


def _scan(seed: int = 0) -> Scan:
    return prepare_scan(UNITS, TUNING, programme(SHORT, 0.15, seed, animal=1), seed, animal=1)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    write_dynamic(_scan(), folder, folder / "truth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "FINAL_TEST", 1)
        patch.setattr(images, "FINAL_TEST_REPEATS", 2)
        write_static(prepare_images(UNITS, TUNING, PICTURES, 0, animal=1), folder, folder / "truth")
    return folder


def _only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_a_video_recording_is_read_back_as_it_was_played(out: Path):
    scan = _scan()
    recording = read_sensorium(_only(out, "dynamic1-1-1-Video-*"))
    assert recording.frame_rate_hz == 30
    assert recording.behaviour == ("pupil_size", "running")
    assert recording.units["unit_id"].tolist() == UNITS["unit_id"].tolist()
    np.testing.assert_allclose(recording.units[["x_um", "y_um", "z_um"]], UNITS[["x_um", "z_um", "depth_um"]])
    for name in ("tier", "kind", "n_frames"):
        assert recording.trials[name].tolist() == scan.trials[name].tolist()
    for played in play(scan):
        trial = recording.open_trial(played.row)
        np.testing.assert_array_equal(trial.video, played.video)
        np.testing.assert_array_equal(trial.behaviour.T, [played.behaviour.pupil_size, played.behaviour.running])
        np.testing.assert_array_equal(trial.eye_position, played.behaviour.pupil_center)
        if scan.trials["tier"][played.row] == "live_test_main":
            assert trial.responses is None
        else:
            np.testing.assert_array_equal(trial.responses.T, played.responses)


def test_repeats_are_found_by_their_frames_and_withheld_responses_lie_with_the_truth(out: Path):
    folder = _only(out, "dynamic*")
    scan, recording = _scan(), read_sensorium(folder)
    assert recording.trials.groupby("stimulus")["trial"].apply(list).sort_values().tolist() == sorted(
        scan.trials.groupby(["clip", "kind"])["trial"].apply(list).tolist()
    )
    assert not recording.trials["has_responses"][recording.trials["tier"] == "live_test_main"].any()
    assert recording.trials["has_responses"][recording.trials["tier"] != "live_test_main"].all()
    withheld = scan.trials["trial"][scan.trials["tier"] == "live_test_main"]
    assert sorted(int(file.stem) for file in (out / "truth" / folder.name / "responses").iterdir()) == sorted(withheld)
    for trial in withheld:
        assert not np.nan_to_num(np.load(folder / "data" / "responses" / f"{trial}.npy")).any()
        assert np.load(out / "truth" / folder.name / "responses" / f"{trial}.npy").any()
    assert set(recording.trials["kind"][recording.trials["tier"] == "final_test_bonus"]) == set(NOVEL_KINDS)


def test_files_are_padded_with_nan_to_one_length_and_statistics_are_of_each_frame(out: Path):
    folder = _only(out, "dynamic*")
    scan = _scan()
    shapes = {kind: {np.load(file).shape for file in (folder / "data" / kind).iterdir()} for kind in ("videos", "responses", "behavior")}
    assert shapes == {"videos": {(36, 64, 90)}, "responses": {(24, 90)}, "behavior": {(2, 90)}}
    train = np.flatnonzero(scan.trials["tier"] == "train")
    stack = np.stack([np.load(folder / "data" / "responses" / f"{row}.npy") for row in train])
    for name in ("mean", "std", "min", "max", "median"):
        found = np.load(folder / "meta" / "statistics" / "responses" / "all" / f"{name}.npy")
        np.testing.assert_allclose(found, getattr(np, name)(stack, axis=0), rtol=1e-4, atol=1e-5)
    videos = np.stack([np.load(folder / "data" / "videos" / f"{row}.npy") for row in train])
    levels = {name: np.load(folder / "meta" / "statistics" / "videos" / "all" / f"{name}.npy") for name in ("mean", "std", "median")}
    assert levels["mean"] == pytest.approx(videos.mean(dtype=np.float64), rel=1e-5)
    assert levels["std"] == pytest.approx(videos.std(dtype=np.float64), rel=1e-5)


def test_the_padding_of_short_clips_is_cut_off_again(tmp_path: Path):
    trials = programme(SHORT, 0.15, 0, animal=1)[:4].copy()
    trials["n_frames"] = [90, 61, 90, 75]
    trials["tier"] = "train"
    write_dynamic(prepare_scan(UNITS, TUNING, trials, 0, animal=1), tmp_path)
    recording = read_sensorium(_only(tmp_path, "dynamic*"))
    assert recording.trials["n_frames"].tolist() == [90, 61, 90, 75]
    trial = recording.open_trial(1)
    assert len(trial.video) == len(trial.responses) == len(trial.behaviour) == len(trial.eye_position) == 61
    assert np.isnan(np.load(_only(tmp_path, "dynamic*/data/videos/1.npy"))[..., 61:]).all()


def test_an_image_recording_is_read_back_and_repeats_share_their_image(out: Path):
    folder = _only(out, "static1-1-2-GrayImageNet-*")
    recording = read_sensorium(folder)
    assert np.isnan(recording.frame_rate_hz)
    assert recording.behaviour == ("pupil_size", "pupil_size_change", "running")
    assert recording.trials["tier"].value_counts().to_dict() == {"train": 6, "test": 6, "validation": 2, "final_test": 2}
    assert recording.trials[recording.trials["tier"] == "test"]["stimulus"].nunique() == 2
    trial = recording.open_trial(0)
    assert trial.video.shape == (1, 36, 64)
    assert trial.behaviour.shape == (1, 3)
    truth = np.load(out / "truth" / folder.name / "responses.npy")
    for row in np.flatnonzero(recording.trials["has_responses"]):
        np.testing.assert_array_equal(recording.open_trial(int(row)).responses[0], truth[row])
    same = recording.trials.groupby("stimulus")["trial"].first().index
    assert len(same) == 11
    np.testing.assert_array_equal(np.load(folder / "meta/statistics/responses/stimulus_Frame/std.npy").shape, (24,))


def test_an_archive_beside_the_folder_is_the_same_recording(out: Path, tmp_path: Path):
    folder = _only(out, "dynamic*")
    packed = tmp_path / folder.name
    shutil.make_archive(str(packed), "zip", out, folder.name)
    recording, same = read_sensorium(folder), read_sensorium(packed)  # the folder is not there: its .zip is
    assert same.name == recording.name
    assert same.trials.equals(recording.trials)
    assert same.units.equals(recording.units)
    np.testing.assert_array_equal(same.open_trial(3).video, recording.open_trial(3).video)


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(out: Path, tmp_path: Path):
    files = write_dynamic(_scan(), tmp_path, tmp_path / "truth")
    assert len(files) > 80
    assert all(sha256(file) == sha256(out / file.relative_to(tmp_path)) for file in files)
    write_dynamic(_scan(seed=1), tmp_path)
    assert len(list(tmp_path.glob("dynamic*"))) == 2


def test_a_recording_is_never_written_over_and_a_broken_one_leaves_no_folder(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(FileExistsError, match=r"dynamic1-1-1-Video-\w{16}: this folder exists\. Remove it, or write elsewhere"):
        write_dynamic(_scan(), out)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("graphtwin.synthetic.files.sensorium_files._write_statistics", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_dynamic(_scan(), tmp_path, tmp_path / "truth")
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_repeats_vary_about_what_is_expected(out: Path):
    folder = _only(out, "dynamic*")
    recording = read_sensorium(folder)
    told = recording.trials[(recording.trials["tier"] != "train") & recording.trials["has_responses"]]
    shown = np.concatenate([recording.open_trial(int(at)).responses for at in told.index])
    mean = np.concatenate([np.load(out / "truth" / folder.name / "expected" / f"{at}.npy").T for at in told["trial"]])
    assert shown.mean() == pytest.approx(mean.mean(), rel=0.1)
    agree = [np.corrcoef(a, b)[0, 1] for a, b in zip(shown.T, mean.T, strict=True)]
    assert 0.25 < np.median(agree) < 0.8


def test_noise_ceilings_are_those_of_real_recordings():
    """cc_max of ten repeats, by signal power: Schoppe et al. 2016, doi:10.3389/fncom.2016.00010."""
    neurons = planted_neurons(100, seed=1)
    config = MovieConfig(oracle_clips=1, oracle_repeats=10, test_clips=0, novel_clips=0)
    trials = programme(config, 0.2, 0, animal=1)
    trials = trials[trials["tier"] == "oracle"].reset_index(drop=True)
    tuning = draw_tuning(neurons, TuningConfig(), seed=0, animal=1)
    played = np.stack([trial.responses[:, 50:] for trial in play(prepare_scan(planted_units(neurons), tuning, trials, 0, animal=1))])
    n = len(played)
    mean = played.mean(0)
    signal = (n * mean.var(1, ddof=1) - played.var(2, ddof=1).mean(0)) / (n - 1)
    cc_max = np.sqrt(np.maximum(signal, 0) / mean.var(1))
    assert 0.7 < np.median(cc_max) < 0.92
    assert np.quantile(cc_max, 0.1) > 0.35


def test_a_scan_from_end_to_end_holds_the_samples_of_its_trials():
    scan = _scan()
    played = list(play(scan))
    activity = continuous_activity(scan, iter(played))
    assert activity.shape[0] == 24
    first = played[3].samples
    for unit in (0, 7, 23):
        place = int(first.number[unit])
        np.testing.assert_array_equal(activity[unit, place : place + first.activity.shape[1]], first.activity[unit])
    traces = fluorescence(activity, scan.table, np.random.default_rng(0))
    assert traces.shape == activity.shape
    assert np.isfinite(traces).all()
    assert (traces.mean(1) > 0).all()


def test_training_clips_are_an_animals_own_and_tests_are_shared():
    one, two = (programme(SHORT, 0.15, 0, animal) for animal in (1, 2))
    assert not set(one["clip"][one["tier"] == "train"]) & set(two["clip"][two["tier"] == "train"])
    assert set(one["clip"][one["tier"] == "oracle"]) == set(two["clip"][two["tier"] == "oracle"])
    assert not np.array_equal(film("dead_leaves", 0, "train-1-0", n_frames=5), film("dead_leaves", 0, "train-2-0", n_frames=5))
    assert (one["first_frame"].diff()[1:] > one["n_frames"][:-1].to_numpy()).all()


def test_unknown_kinds_units_of_several_scans_and_nuclei_without_tuning_are_refused():
    with pytest.raises(ValueError, match=r"movies of kinds \['leaves'\] are asked for\. Choose of dead_leaves"):
        programme(MovieConfig(kinds=("leaves",)), 1.0, 0, 1)
    trials = programme(SHORT, 0.15, 0, 1)
    with pytest.raises(ValueError, match=r"units of 2 scans were given\. Prepare one scan at a time"):
        prepare_scan(UNITS.assign(session=[1] * 20 + [2] * 4), TUNING, trials, 0, 1)
    with pytest.raises(ValueError, match=r"24 of 24 units belong to nuclei without tuning\. Tune all neurons first\."):
        prepare_scan(UNITS.assign(nucleus_id=UNITS["nucleus_id"] + 999), TUNING, trials, 0, 1)
