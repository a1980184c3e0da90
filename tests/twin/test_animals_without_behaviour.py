"""An animal without behaviour, eye position or cortical positions has a twin without them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from graphtwin.checks import check_recording
from graphtwin.sources.formats.recording import Recording, Trial
from graphtwin.twin.data.clips import Window, clips_of, held_out_clips
from graphtwin.twin.fitting.animal_responder import AnimalResponder
from graphtwin.twin.fitting.fitted_twin import fitted_of, read_twin, write_twin
from graphtwin.twin.fitting.foundation import train_foundation
from graphtwin.twin.model.network import AnimalStart, Twin
from graphtwin.twin.scores.energy_ridge import fit_energy_ridge, ridge_sums
from graphtwin.twin.scores.prediction import sums_of
from graphtwin.twin.scores.unit_scores import all_scores
from tests.twin.planted_recording import HZ, plant
from tests.twin.test_foundation import config


def bare(recording: Recording) -> Recording:
    """The recording as a loader hands over one of responses alone."""

    def open_trial(row: int) -> Trial:
        trial = recording.open_trial(row)
        frames = len(trial.video)
        return replace(trial, behaviour=np.zeros((frames, 0), np.float32), eye_position=np.full((frames, 2), np.nan, np.float32))

    return replace(recording, behaviour=(), open_trial=open_trial, units=recording.units.assign(x_um=np.nan, y_um=np.nan, z_um=np.nan))


def test_without_behaviour_nothing_is_modulated_and_without_an_eye_the_view_is_the_video():
    torch.manual_seed(0)
    start = AnimalStart(np.zeros((3, 2)), np.ones(3), 0, frame_rate_hz=HZ, eye=False)
    twin = Twin(config(bf16=False).twin, {"monkey": start}).eval()
    animal = twin.animal("monkey")
    assert not list(animal.modulation.parameters())
    with torch.no_grad():
        animal.gain.normal_()
        for part in animal.perspective.angles.parameters():
            part.normal_()
        video, eye = torch.randn(1, 8, 16, 24), torch.randn(1, 8, 2)
        one, other = (twin("monkey", video, torch.zeros(1, 8, 0), moved)[0] for moved in (eye, torch.zeros_like(eye)))
        torch.testing.assert_close(one, other, rtol=0, atol=0)
        assert animal.view(video, eye, {}, {}) is video
        assert not animal.modulation(torch.zeros(1, 8, 0), {}, {}).any()


def test_an_eye_that_was_found_in_one_trial_was_recorded():
    recording = plant(units=5, train=5, test=1, frames=40).recording
    row = int(clips_of(recording)[0].rows[2])

    def open_trial(at: int) -> Trial:
        trial = recording.open_trial(at)
        return trial if at == row else replace(trial, eye_position=np.full_like(trial.eye_position, np.nan))

    assert clips_of(replace(recording, open_trial=open_trial))[0].scales.eye_recorded
    assert not clips_of(bare(recording))[0].scales.eye_recorded


@pytest.mark.slow
@pytest.mark.parametrize("units", [1, 2, 6])
def test_a_bare_recording_is_trained_settled_scored_written_and_asked(units: int, tmp_path: Path):
    recording = bare(plant(units=units, train=8, test=2, frames=60, name="bare").recording)
    assert not [finding for finding in check_recording(recording, quick=True) if finding.severity == "fault"]
    trained = train_foundation([recording], config(bf16=False))
    train = trained.clips["bare"][0]
    fitted = read_twin(write_twin(fitted_of(trained), tmp_path / "twin.pt"))
    test = fitted.clips(recording, ("test",))
    found = all_scores(sums_of(fitted.twin, test, 0.5, train), np.ones(2))
    again = all_scores(sums_of(trained.twin, held_out_clips(train, ["test"]), 0.5, train), np.ones(2))
    np.testing.assert_array_equal(found["cc_abs"], again["cc_abs"])
    assert np.isfinite(found["cc_abs"]).all()
    ridge = fit_energy_ridge(train, np.zeros((units, 2)), 0.1)
    assert np.isfinite(all_scores(ridge_sums(ridge, test, 0.5), np.ones(2))["cc_abs"]).all()
    assert np.isfinite(AnimalResponder(fitted, "bare").respond(np.zeros((30, 16, 24)))).all()


def test_windows_of_a_bare_recording_are_zeros_of_no_channels():
    window: Window = clips_of(bare(plant(units=3, train=4, test=1, frames=30).recording))[0].read(0)
    assert window.behaviour.shape == (1, 30, 0)
    assert not window.eye_position.any()


def test_a_unit_or_all_units_of_zero_counts():
    recording = plant(units=4, train=5, test=1, frames=40).recording

    def quiet(units: list[int]) -> Recording:
        def open_trial(row: int) -> Trial:
            trial = recording.open_trial(row)
            responses = trial.responses.copy()
            responses[:, units] = 0
            return replace(trial, responses=responses)

        return replace(recording, open_trial=open_trial)

    train = clips_of(quiet([2]))[0]
    assert train.scales.responses[2] == 1.0
    assert not train.read(0).responses[..., 2].any()
    with pytest.raises(ValueError, match="no unit ever fires in 4 training trials"):
        clips_of(quiet([0, 1, 2, 3]))
