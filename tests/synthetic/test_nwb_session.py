"""Claims: one playing fills the tape; the NWB file of a tape gives back film, behaviour and activity at the times they had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from graphtwin.artifacts import sha256
from graphtwin.sources.loaders.nwb import read_nwb
from graphtwin.sources.loaders.nwb_coregistration import read_coregistration
from graphtwin.synthetic.files.nwb_files import scan_masks, write_nwb
from graphtwin.synthetic.files.nwb_session import blank_tape, nwb_scan, read_tape, taped, write_tape
from graphtwin.synthetic.function.imaging import RATE_HZ
from graphtwin.synthetic.function.preferences import TuningConfig, draw_tuning
from graphtwin.synthetic.function.session import MovieConfig, play, prepare_scan, programme

SEED, ANIMAL = 5, 3
SHORT = {"oracle_clips": 1, "oracle_repeats": 2, "test_clips": 1, "test_repeats": 1, "novel_clips": 1, "novel_repeats": 1}
MOVIES = MovieConfig(clip_s=2.0, **SHORT)


def cells(n: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "nucleus_id": 700_000 + np.arange(n),
            "brain_area": "V1",
            "layer": "L2/3",
            "cell_type": "23P",
            "cell_class": "excitatory",
            "x_um": rng.uniform(0, 300, n),
            "depth_um": rng.uniform(150, 300, n),
            "z_um": rng.uniform(0, 300, n),
            "rf_x": rng.uniform(-0.5, 0.5, n),
            "rf_y": rng.uniform(-0.5, 0.5, n),
        }
    )


@pytest.fixture(scope="module")
def scan():
    neurons = cells()
    units = neurons[["nucleus_id", "x_um", "depth_um", "z_um"]].assign(session=1, scan_idx=1, unit_id=1 + np.arange(12), field=1)
    units["field"] += np.arange(12) // 6
    return prepare_scan(units, draw_tuning(neurons, TuningConfig(), SEED, ANIMAL), programme(MOVIES, 0.1, SEED, ANIMAL), SEED, ANIMAL)


@pytest.fixture(scope="module")
def matched(scan):
    rows = scan.units.iloc[::2]
    table = rows[["session", "scan_idx", "unit_id"]].assign(target_id=rows["nucleus_id"], pt_root_id=864691135000000001 + 2 * rows.index)
    return table.assign(**{f"pt_position_{axis}": 10_000 + 1000 * rows["unit_id"] for axis in "xyz"}).reset_index(drop=True)


@pytest.fixture(scope="module")
def played(scan):
    """The full tape and the trials that went over it."""
    tape = blank_tape(scan)
    return tape, list(taped(tape, play(scan)))


@pytest.fixture(scope="module")
def recording(played, matched, tmp_path_factory):
    nwb = nwb_scan(played[0], matched)
    path = write_nwb(nwb, tmp_path_factory.mktemp("nwb"), SEED)
    return read_nwb(path, nwb.masks, deconvolve=None, frame_rate_hz=30.0), path, nwb


def test_the_tape_passes_every_trial_on_and_keeps_none_that_is_withheld(scan, played):
    tape, trials = played
    assert [trial.row for trial in trials] == list(range(len(scan.trials)))
    for trial, shown in zip(trials, scan.trials.itertuples(), strict=True):
        on_tape = tape.movie[shown.first_frame : shown.first_frame + shown.n_frames]
        if shown.tier == "live_test_main":
            assert (on_tape == 127).all()
        else:
            np.testing.assert_array_equal(on_tape, trial.video)
    before = blank_tape(scan)
    assert (before.movie == 127).all()
    assert (before.activity != tape.activity).any()


def test_film_and_behaviour_come_back_at_the_frames_of_every_trial(scan, played, recording):
    read, _, _ = recording
    kept = [trial for trial in played[1] if scan.trials["tier"][trial.row] != "live_test_main"]
    assert read.trials["trial"].tolist() == [scan.trials["trial"][trial.row] for trial in kept]
    for row, trial in enumerate(kept):
        found = read.open_trial(row)
        np.testing.assert_array_equal(found.video, trial.video)
        np.testing.assert_allclose(found.behaviour[:, 1], trial.behaviour.running, atol=1e-4)
        tracked = np.isfinite(found.behaviour[:, 0])
        assert tracked.any()
        assert np.abs(found.behaviour[tracked, 0] - trial.behaviour.pupil_size[tracked]).max() < 2.0


def test_repeats_have_one_name_and_kinds_are_told_apart(scan, recording):
    trials = recording[0].trials
    shown = scan.trials.set_index("trial").loc[trials["trial"]]
    names = shown["kind"] + "-" + shown["clip"]
    assert (pd.factorize(trials["stimulus"])[0] == pd.factorize(names)[0]).all()
    assert trials["stimulus"].nunique() == names.nunique() < len(names)
    assert (trials["kind"] == "Monet2").tolist() == (shown["kind"] == "pink_noise").tolist()


def test_units_are_measured_when_their_plane_is_scanned(scan, played, recording):
    read, _, nwb = recording
    at_frames = {trial.row: trial for trial in played[1]}
    row = 3
    trial = at_frames[scan.trials.index[scan.trials["trial"] == read.trials["trial"][row]][0]]
    start_s, period_s = read.trials["start_s"][row], 1 / RATE_HZ
    moments = start_s + np.arange(trial.samples.at_frames(trial.samples.activity, 60).shape[1]) / 30
    found = read.open_trial(row).responses
    for place, unit in enumerate(read.units["unit_id"]):
        masks = nwb.masks.set_index("unit_id")
        taken = nwb.imaging_times_s + masks["ms_delay"][unit] / 1000
        trace = nwb.fluorescence[:, masks.index.get_loc(unit)]
        np.testing.assert_allclose(found[:, place], np.interp(moments, taken, trace), rtol=1e-4)
    delays = nwb.masks.groupby("field")["ms_delay"].first()
    np.testing.assert_allclose(delays, [0.0, 1000 * period_s / 2])


@pytest.mark.filterwarnings("ignore:nperseg=256 is greater")  # the noise of a short scan is estimated from fewer frames
def test_deconvolved_traces_of_the_file_tell_the_time_of_the_activity_to_half_a_sample(scan, played, recording):
    """Both at 30 Hz: the lag, in frames, at which they are most alike; a sample is 4.1 frames."""
    _, path, nwb = recording
    read = read_nwb(path, nwb.masks, frame_rate_hz=30.0)
    played_rows = {scan.trials["trial"][trial.row]: trial for trial in played[1]}
    lags = range(-4, 9)
    alike = np.zeros(len(lags))
    for row, number in enumerate(read.trials["trial"]):
        true, found = played_rows[number].responses[:, 10:-10], read.open_trial(row).responses.T
        for place, lag in enumerate(lags):
            later = found[:, 10 + lag : found.shape[1] - 10 + lag]
            moving = later.std(axis=1) > 0
            alike[place] += sum(
                np.cov(a, b)[0, 1] for a, b in zip(true[moving], later[moving] / found[moving].std(1, keepdims=True), strict=True)
            )
    assert 0 <= lags[int(alike.argmax())] <= 2


def test_a_few_masks_are_artifacts_and_none_of_them_is_matched():
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(2000), "field": 1, "x_um": 0.0, "depth_um": 0.0, "z_um": 0.0})
    masks = scan_masks(units.assign(coregistered=np.arange(2000) % 2 == 0), 0.1, SEED)
    kinds = masks.groupby("coregistered")["mask_type"].value_counts().to_dict()
    assert kinds[True, "soma"] == 1000
    assert 10 < kinds[False, "artifact"] < 60


def test_matches_lie_under_their_units(recording, matched):
    _, path, nwb = recording
    found = read_coregistration(path, nwb.masks, matched)
    assert found["unit_id"].tolist() == matched["unit_id"].tolist()
    np.testing.assert_array_equal(found["pt_position_x"], matched["pt_position_x"])


def test_a_tape_kept_on_disk_makes_the_same_file_and_one_of_another_scan_is_refused(scan, played, recording, matched, tmp_path):
    write_tape(played[0], tmp_path)
    assert sha256(write_nwb(nwb_scan(read_tape(scan, tmp_path), matched), tmp_path, SEED)) == sha256(recording[1])
    with pytest.raises(ValueError, match="a tape of 12 units and 1016 frames, but scan 3-1-1 has 11 units"):
        read_tape(replace(scan, units=scan.units[1:]), tmp_path)


def test_a_session_played_again_is_the_same_file(scan, recording, matched, tmp_path):
    tape = blank_tape(scan)
    for _ in taped(tape, play(scan)):
        pass
    assert sha256(write_nwb(nwb_scan(tape, matched), tmp_path, SEED)) == sha256(recording[1])
