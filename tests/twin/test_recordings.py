from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from graphtwin.execute import rng_for
from graphtwin.sources.formats.recording import Recording, Trial
from graphtwin.twin.data.clips import ClipConfig, Clips, clips_of, held_out_clips
from tests.twin.planted_recording import HZ, Planted, plant


@pytest.fixture
def planted() -> Planted:
    return plant(units=6, train=5, test=2, repeats=3, frames=40)


def spoil(planted: Planted, row: int, **parts: np.ndarray | None) -> Recording:
    planted.trials[row] = replace(planted.trials[row], **parts)
    return planted.recording


def all_of(clips: Clips, name: str) -> np.ndarray:
    return np.concatenate([getattr(window, name)[0] for window in clips.whole()])


def test_training_windows_have_unit_scale_and_held_out_ones_the_same_scale(planted: Planted):
    train, _ = clips_of(planted.recording)
    assert all_of(train, "responses").std(0) == pytest.approx(1.0, abs=1e-4)
    for name in ("video", "behaviour"):
        values = all_of(train, name).reshape(-1, 2)
        assert values.mean() == pytest.approx(0.0, abs=1e-3)
    test = held_out_clips(train, ["test"])
    assert test.scales is train.scales
    first = planted.trials[int(test.rows[0])]
    assert all_of(test, "responses")[:40] * train.scales.responses == pytest.approx(first.responses, abs=1e-4)


def test_validation_stimuli_are_kept_from_training_where_no_tier_is_made_for_them(planted: Planted):
    train, validation = clips_of(planted.recording, seed=4)
    assert (len(train.rows), len(validation.rows)) == (4, 1)
    assert not set(train.repeats()) & set(validation.repeats())
    assert all(np.array_equal(a, b) for a, b in zip(clips_of(planted.recording, seed=4)[1].rows, validation.rows, strict=True))


def test_repeats_are_the_showings_of_a_stimulus(planted: Planted):
    test = held_out_clips(clips_of(planted.recording)[0], ["test"])
    assert [len(rows) for rows in test.repeats().values()] == [3, 3]


def test_a_drawn_window_is_the_same_frames_that_reading_gives(planted: Planted):
    train, _ = clips_of(planted.recording)
    drawn = train.draw(rng_for(1, "windows"), 3, 15 / HZ, left_out_s=4 / HZ)
    again = train.draw(rng_for(1, "windows"), 3, 15 / HZ, left_out_s=4 / HZ)
    assert np.array_equal(drawn.video, again.video)
    assert drawn.counted.sum(1).tolist() == [11] * 3
    whole = dict(zip(train.rows.tolist(), train.whole(), strict=True))
    for video in drawn.video:
        assert any(np.array_equal(video, window.video[0, at : at + 15]) for window in whole.values() for at in range(26))


def test_windows_read_only_their_own_frames(planted: Planted):
    """A trial that fails outside the slice asked for is not looked at there."""

    class Guarded(np.ndarray):
        def __getitem__(self, frames):  # type: ignore[no-untyped-def]
            assert isinstance(frames, slice)
            assert (frames.start, frames.stop) == (5, 9)
            return np.asarray(self)[frames]

    train, _ = clips_of(planted.recording)
    row = int(train.rows[0])
    spoil(planted, row, **{name: values.view(Guarded) for name, values in vars(planted.trials[row]).items()})
    assert train.read(row, 5, 9).video.shape == (1, 4, 16, 24)


def test_half_the_frame_rate_shows_every_other_picture_and_averages_responses(planted: Planted):
    train, _ = clips_of(planted.recording, ClipConfig(frame_rate_hz=15.0))
    row = int(train.rows[0])
    trial, window = planted.trials[row], train.read(row)
    assert window.video.shape[1] == 20
    mean, deviation = train.scales.video
    assert window.video[0] * deviation + mean == pytest.approx(trial.video[::2], abs=1e-3)
    assert window.responses[0] * train.scales.responses == pytest.approx(trial.responses.reshape(20, 2, -1).mean(1), abs=1e-4)


def test_a_rate_that_does_not_divide_keeps_the_mean_response(planted: Planted):
    train, _ = clips_of(planted.recording, ClipConfig(frame_rate_hz=24.0))
    row = int(train.rows[0])
    assert train.read(row).responses.shape[1] == 32
    assert (train.read(row).responses[0] * train.scales.responses).mean(0) == pytest.approx(planted.trials[row].responses.mean(0), rel=1e-4)
    assert np.array_equal(train.read(row, 10, 20).responses, train.read(row).responses[:, 10:20])


def test_a_latency_of_two_frames_moves_responses_by_two_frames(planted: Planted):
    train, _ = clips_of(planted.recording, ClipConfig(latency_s=2 / 30))
    row = int(train.rows[0])
    window = train.read(row)
    assert window.video.shape[1] == 38
    assert window.responses[0] * train.scales.responses == pytest.approx(planted.trials[row].responses[2:], abs=1e-4)


def test_a_step_reads_as_many_pictures_as_its_windows_have_frames_and_a_pass_reads_all_together(planted: Planted):
    pictures = [Trial(*(values[:1] for values in vars(trial).values())) for trial in planted.trials]
    recording = replace(planted.recording, frame_rate_hz=float("nan"), open_trial=lambda row: pictures[row])
    train, _ = clips_of(recording, ClipConfig())
    assert train.draw(rng_for(0, "pictures"), 1, 2 / 30, left_out_s=0.4).video.shape[:2] == (2, 1)
    drawn = train.draw(rng_for(0, "pictures"), 4, 2.0, left_out_s=0.4)
    (read,) = train.whole()
    assert drawn.video.shape[:2] == read.video.shape[:2] == (4, 1)  # each picture once, however many could be held
    assert drawn.counted.all()
    np.testing.assert_array_equal(read.responses[:, 0], [train.read(int(row)).responses[0, 0] for row in train.rows])
    with pytest.raises(ValueError, match="single pictures have no length to cut 3 minutes from"):
        train.first_minutes(3.0)


def test_the_first_pictures_come_with_all_their_repeats(planted: Planted):
    pictures = [Trial(*(values[:1] for values in vars(trial).values())) for trial in planted.trials]
    recording = replace(planted.recording, frame_rate_hz=float("nan"), open_trial=lambda row: pictures[row])
    shown = [f"picture {at}" for at in (2, 0, 2, 1, 0)]
    clips = Clips(recording, np.arange(5), clips_of(recording)[0].scales, ClipConfig())
    named = replace(clips, recording=replace(recording, trials=recording.trials.assign(stimulus=(shown * len(pictures))[: len(pictures)])))
    assert named.first_images(2).rows.tolist() == [0, 1, 2, 4]
    assert named.first_images(9).rows.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="0 pictures leave nothing to learn from"):
        named.first_images(0)
    with pytest.raises(ValueError, match="its trials are clips, of which minutes are taken"):
        clips_of(planted.recording)[0].first_images(3)


def test_eye_position_that_was_lost_is_the_mean_and_counted(planted: Planted):
    row = int(clips_of(planted.recording)[0].rows[0])
    lost = planted.trials[row].eye_position.copy()
    lost[:10] = np.nan
    train, _ = clips_of(spoil(planted, row, eye_position=lost))
    assert not train.read(row).eye_position[0, :10].any()
    assert train.scales.missing[1] == pytest.approx(10 / 160)


def test_an_eye_far_off_is_told_with_its_trial_and_eyes_that_only_move_are_not(planted: Planted, caplog: pytest.LogCaptureFixture):
    train, _ = clips_of(planted.recording)
    assert not caplog.records
    row = int(train.rows[1])
    clips_of(spoil(planted, row, eye_position=np.full((40, 2), 1e5, dtype=np.float32)))
    assert f"in 1 of {len(train.rows)} training trials, first trial {row} (" in caplog.text
    assert "set it to NaN" in caplog.text
    caplog.clear()
    clips_of(spoil(planted, row, eye_position=np.full((40, 2), np.nan, dtype=np.float32)))
    assert not caplog.records


def test_a_silent_unit_is_not_blown_up(planted: Planted):
    for row in range(len(planted.trials)):
        silent = planted.trials[row].responses.copy()
        silent[:, 0] = 0
        spoil(planted, row, responses=silent)
    hardly = planted.trials[0].responses.copy()
    hardly[7, 1] = 1e6
    spoil(planted, 0, responses=hardly)
    train, _ = clips_of(planted.recording)
    assert train.scales.responses[0] == 1.0
    assert train.scales.responses[1] == pytest.approx(1e6 * np.sqrt(1 / train.n_frames().sum()), rel=0.01)
    assert max(float(window.responses.max()) for window in train.whole()) < 100.001


def test_the_first_minutes_are_whole_trials(planted: Planted):
    train, _ = clips_of(planted.recording)
    assert len(train.first_minutes(50 / 30 / 60.0).rows) == 2
    assert len(train.first_minutes(99.0).rows) == 4
    with pytest.raises(ValueError, match=r"0 minutes leave no trial to learn from\. Give a number above 0"):
        train.first_minutes(0.0)


def test_parts_of_different_length_are_refused(planted: Planted):
    parts = vars(planted.trials[2]) | {"responses": planted.trials[2].responses[:-3]}
    planted.trials[2] = SimpleNamespace(**parts)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=r"planted, trial 2: parts differ in length \(frames: video 40, responses 37, .*Cut them"):
        clips_of(planted.recording)


def test_frames_that_are_not_finite_are_refused_where_they_are(planted: Planted):
    row = int(clips_of(planted.recording)[0].rows[0])
    video = planted.trials[row].video.copy()
    video[3, 2, 1], video[7, 0, 0] = np.nan, np.inf
    train, _ = clips_of(spoil(planted, row, video=video))
    with pytest.raises(ValueError, match=rf"planted, trial {row}: 2 of 40 video frames have NaN or infinite grey levels"):
        train.read(row)


def test_a_missing_tier_names_those_there_are(planted: Planted):
    with pytest.raises(ValueError, match=r"no trial with responses in tier live_test. Tiers with responses: {'test': 6, 'train': 5}"):
        held_out_clips(clips_of(planted.recording)[0], ["live_test"])


def test_a_recording_of_one_trial_is_refused(planted: Planted):
    one = replace(planted.recording, trials=planted.recording.trials.iloc[:1])
    with pytest.raises(ValueError, match=r"1 trial with responses in tier train and no tier to validate on\. A fit needs two stimuli"):
        clips_of(one)


def test_a_stimulus_in_two_tiers_is_leakage(planted: Planted):
    planted.recording.trials["stimulus"] = "the same"
    with pytest.raises(ValueError, match=r"1 stimuli are both trained on and held out .*leakage"):
        clips_of(planted.recording, ClipConfig(validation_tiers=("test",)))


def test_placeholders_for_responses_are_refused(planted: Planted):
    for row in range(len(planted.trials)):
        spoil(planted, row, responses=np.zeros((40, 6), dtype=np.float32))
    with pytest.raises(ValueError, match="no unit ever fires in 4 training trials"):
        clips_of(planted.recording)


def test_windows_longer_than_every_trial_are_refused(planted: Planted):
    with pytest.raises(ValueError, match=r"none of 4 trials has 50 frames \(longest 40\), as a window of 1\.67 s has\. .* \(window_s\)"):
        clips_of(planted.recording)[0].draw(rng_for(0, "w"), 1, 50 / HZ)


def test_two_trials_of_one_stimulus_are_counted_as_such(planted: Planted):
    both = planted.recording.trials.iloc[:2].assign(stimulus="scene")
    with pytest.raises(ValueError, match=r"2 trials of one stimulus with responses in tier train and no tier to validate on\. A fit needs"):
        clips_of(replace(planted.recording, trials=both))


def test_a_recording_without_any_response_says_so_and_names_no_other_tier(planted: Planted):
    none = replace(planted.recording, trials=planted.recording.trials.assign(has_responses=False))
    with pytest.raises(ValueError, match=r"no trial with responses in tier train, nor in any other: they are missing, NaN or 0 throughout"):
        clips_of(none)
