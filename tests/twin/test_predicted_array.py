from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graphtwin.twin.data.clips import Clips, clips_of, held_out_clips
from graphtwin.twin.runs import score_predictions
from graphtwin.twin.scores.predicted_array import answers_of
from graphtwin.twin.scores.prediction import showings
from graphtwin.twin.scores.short_trials import long_enough
from graphtwin.twin.scores.unit_scores import all_scores, gather_sums
from tests.twin.planted_recording import Planted, plant
from tests.twin.test_picture_ridge import planted_pictures, recorded


@pytest.fixture(scope="module")
def animal() -> Planted:
    return plant(units=7, train=4, test=2, repeats=3, frames=80)


@pytest.fixture(scope="module")
def held_out(animal: Planted) -> Clips:
    return held_out_clips(clips_of(animal.recording)[0], ["test"])


@pytest.fixture(scope="module")
def truth(animal: Planted, held_out: Clips) -> np.ndarray:
    """The true rates of all test trials, (trials, frames, units)."""
    return np.stack([animal.rates[row] for row in held_out.rows])


def test_true_rates_as_an_array_are_scored_as_numpy_scores_them(animal: Planted, held_out: Clips, truth: np.ndarray):
    sums = gather_sums(showings(held_out, answers_of(truth, held_out, "rates.npy")), 20)
    y = np.concatenate([animal.trials[row].responses[20:] for row in held_out.rows])  # type: ignore[index]
    p = np.concatenate(list(truth[:, 20:]))
    expected = [np.corrcoef(y[:, unit], p[:, unit])[0, 1] for unit in range(7)]
    scores = all_scores(sums, np.ones(len(sums.n)))
    assert scores["single_trial_correlation"] == pytest.approx(expected, abs=1e-5)
    assert np.median(scores["feve"]) == pytest.approx(1.0, abs=0.3)


def test_trials_that_end_before_anything_counts_are_left_out_with_their_number(
    animal: Planted, held_out: Clips, truth: np.ndarray, caplog: pytest.LogCaptureFixture
):
    """Three trials of one of three stimuli are cut to 15 frames; the first 20 of each do not count."""
    both = plant(units=7, train=4, test=3, repeats=3, frames=80)
    short = held_out_clips(clips_of(both.recording)[0], ["test"]).rows[3:6]
    trials = both.recording.trials.assign(n_frames=np.where(np.isin(np.arange(len(both.recording.trials)), short), 15, 80))
    clips = held_out_clips(clips_of(replace(both.recording, trials=trials))[0], ["test"])
    kept = long_enough(clips, 20 / 30)
    assert kept.rows.tolist() == np.setdiff1d(clips.rows, short).tolist()
    assert (
        "3 of 9 trials of tier test last 0.5 s, and the first 0.667 s of each do not count: these trials are left out, and with"
        in caplog.text
    )
    assert "with them 1 of 3 stimuli" in caplog.text
    whole = gather_sums(showings(clips, answers_of(np.stack([both.rates[row] for row in clips.rows]), clips, "F")), 0)
    some = gather_sums(showings(kept, answers_of(np.stack([both.rates[row] for row in clips.rows]), clips, "F")), 20)
    assert (len(whole.n), len(some.n)) == (3, 2)
    assert long_enough(held_out, 20 / 30) is held_out
    with pytest.raises(
        ValueError, match=r"6 of 6 trials of tier test last 2\.67 s, and the first 3 s of each do not count: nothing is left"
    ):
        long_enough(held_out, 3.0)


WRONG = {
    "transposed": (lambda a: a.transpose(2, 1, 0), r"F\.npy: shape \(7, 80, 6\), but \(trials, frames, units\) of what is scored are "
                   r"\(6, 80, 7\): bring its axes into that order"),
    "a frame short": (lambda a: a[:, 1:], r"shape \(6, 79, 7\).*are \(6, 80, 7\): give one prediction a frame from the first on"),
    "a unit short": (lambda a: a[..., 1:], r"shape \(6, 80, 6\).*: give one prediction a unit, in the order of the recording's units"),
    "a trial short": (lambda a: a[1:], r"shape \(5, 80, 7\).*: give one row a trial of tier test that has responses, in the order"),
    "of one trial": (lambda a: a[0], r"shape \(80, 7\).*: give one row a trial of tier test"),
    "NaN": (lambda a: np.where(np.arange(6)[:, None, None] == 2, np.nan, a),
            r"F\.npy: 560 predictions of trial 6 \(row 2 of the array\) are NaN or infinite; give a number for each"),
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG)
def test_arrays_of_another_form_are_refused_with_what_was_found_and_is_needed(held_out: Clips, truth: np.ndarray, fault: str):
    spoil, words = WRONG[fault]
    with pytest.raises(ValueError, match=words):
        answers_of(spoil(truth), held_out, "F.npy")


def test_a_file_without_numbers_is_refused_as_a_file_of_predictions(tmp_path: Path):
    texts = tmp_path / "F.npy"
    np.save(texts, np.array(["a", "b"]))
    with pytest.raises(ValueError, match=r"F\.npy: holds <U1, no numbers\. Save the predictions with numpy\.save"):
        score_predictions(texts, tmp_path)


def test_trials_that_are_shorter_than_others_may_end_in_nan(animal: Planted, truth: np.ndarray):
    trials = animal.recording.trials.copy()
    row = int(np.flatnonzero(trials["tier"] == "test")[-1])
    trials.loc[row, ["n_frames", "stimulus"]] = [60, "short"]
    cut = {row: animal.trials[row]}
    short = type(cut[row])(*(part[:60] for part in vars(cut[row]).values()))
    recording = replace(animal.recording, trials=trials, open_trial=lambda at: short if at == row else animal.trials[at])
    clips = held_out_clips(clips_of(recording)[0], ["test"])
    padded = truth.copy()
    padded[-1, 60:] = np.nan
    sums = gather_sums(showings(clips, answers_of(padded, clips, "F.npy")), 20)
    assert np.isfinite(sums.yp).all()
    assert sums.frames.ravel().tolist() == [60, 60, 40]


def test_a_square_array_that_predicts_better_transposed_is_said(caplog: pytest.LogCaptureFixture):
    shown, rates = planted_pictures(96, 12)
    clips = held_out_clips(clips_of(recorded(shown, rates))[0], ["test"])
    truth = rates[-12:]
    answers_of(truth, clips, "F.npy")
    assert not caplog.text
    answers_of(truth.T.copy(), clips, "F.npy")
    assert "F.npy: has as many trials as units, and predicts better transposed: median correlation" in caplog.text
