"""Gratings drift the way they say, a unit that prefers a direction is found to prefer it, and correlations are Pearson's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.coordinates import Monitor
from graphtwin.insilico.measurements.gratings import GratingConfig, grating_responses, measure_tuning
from graphtwin.insilico.measurements.signal_correlation import binned, clip_responses
from graphtwin.insilico.stimuli import DriftingGrating, Screen
from graphtwin.schema import UNIT_KEY
from graphtwin.twin.data.clips import ClipConfig, Clips, clips_of, held_out_clips
from graphtwin.twin.data.in_vivo import in_vivo_responses
from graphtwin.twin.data.scales import Scales
from graphtwin.twin.fitting.animal_responder import AnimalResponder, responders
from graphtwin.twin.fitting.fitted_twin import FittedTwin, KnownAnimal
from graphtwin.twin.fitting.foundation import FoundationConfig
from graphtwin.twin.model.core import ConvolutionalConfig
from graphtwin.twin.model.network import AnimalStart, Twin, TwinConfig
from tests.twin.planted_recording import plant

SIZE, RATE = (36, 64), 30.0
PREFERRED = np.array([0.0, 90.0, 225.0, 157.5])


def drifting_grating(direction: float, cycles_per_frame: float, frames: int) -> np.ndarray:
    """A grating of 0.045 cycles a degree in contrast."""
    shown = DriftingGrating(
        direction_deg=direction, cycles_per_degree=0.045, cycles_per_second=cycles_per_frame * RATE, duration_s=frames / RATE
    )
    return shown.render(Screen(*SIZE, frame_rate_hz=RATE)).numpy()


def motion_detectors(frame_rate_hz: float = RATE, signed_from: float | None = None) -> FittedTwin:
    """A twin whose units answer when a grating of 0.045 cycles a degree drifts their way, and whose last one never changes its mind.

    With `signed_from` its responses are signed, and that number is added to them.
    """
    core = ConvolutionalConfig(first=2, hidden=4, blocks=0, features=2)
    config = FoundationConfig(twin=TwinConfig(core=core, bf16=False, family="poisson" if signed_from is None else "gaussian"))
    units = len(PREFERRED) + 1
    twin = Twin(config.twin, {"planted": AnimalStart(np.zeros((units, 2)), np.ones(units), 2)}).eval()
    waves = np.stack([drifting_grating(angle, 0.25, 2) for angle in PREFERRED])
    carrier = torch.as_tensor(waves[:, 0] + 1j * waves[:, 1], dtype=torch.complex64).flatten(1)

    def forward(name, video, behaviour, eye_position, state=None, gaze_is_known=False):
        seen = video.flatten(2).to(torch.complex64) @ carrier.T.conj()
        before = torch.cat([seen[:, :1] if state is None else state["seen"], seen[:, :-1]], dim=1)
        drift = (before * seen.conj()).imag
        rates = torch.cat([torch.clamp(drift, min=0) + 1.0, torch.ones(*drift.shape[:2], 1)], dim=2)
        return rates[..., None], {"seen": seen[:, -1:]}

    twin.forward = forward
    twin.mean = lambda name, numbers: numbers[..., 0]
    keys = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(units) + 1})
    zero, ones = np.full(units, signed_from or 0.0), np.ones((2, 2))
    scales = Scales((120.0, 50.0), np.full(units, 2.0), zero, ones, ones, (0.0, 0.0), (0, 0, 0))
    known = KnownAnimal(keys, scales, ("pupil_size", "running"), frame_rate_hz, SIZE, Monitor(), frozenset())
    return FittedTwin(twin, config, {"planted": known})


def test_tuning_of_signed_responses_is_of_what_gratings_add_whatever_their_zero():
    config = GratingConfig(cycles_per_degree=(0.045,), cycles_per_second=(2.0,), directions=8, counted_s=0.5, onset_s=0.2)
    tables = [measure_tuning(responders(motion_detectors(signed_from=zero)), config) for zero in (-7.0, 3.0)]
    number = ["gosi", "gdsi", "osi", "dsi", "preferred_direction", "f1_f0"]
    np.testing.assert_allclose(tables[0][number], tables[1][number], rtol=1e-3, atol=1e-3)
    of_rates = measure_tuning(responders(motion_detectors()), config)
    assert (tables[0]["gdsi"][:4] > of_rates["gdsi"][:4]).all()  # a rate of 1 that is there without gratings is left out
    assert tables[0].iloc[-1][number].isna().all()  # a unit that no grating drives prefers nothing


def test_gratings_are_shown_as_the_formula_says_each_after_grey():
    """The whole video of each grating, against a cosine reckoned here in double precision."""
    seen = []
    animal = responders(motion_detectors())[0]

    class Watcher:
        name, units, frame_rate_hz, size, grey, monitor, signed, state_names = (
            getattr(animal, name) for name in ("name", "units", "frame_rate_hz", "size", "grey", "monitor", "signed", "state_names")
        )

        def respond(self, video: np.ndarray, progress: bool = False, state: None = None) -> np.ndarray:
            seen.append(video)
            return np.ones((len(video), len(animal.units)))

        def respond_clips(self, clips: np.ndarray, state: None = None) -> np.ndarray:
            return np.stack([self.respond(clip) for clip in clips])

    config = GratingConfig(directions=4, cycles_per_degree=(0.03, 0.06), cycles_per_second=(4.0,), counted_s=0.5, onset_s=0.2)
    grating_responses(Watcher(), config)
    assert len(seen) == 8
    grey, deviation = animal.grey
    down, across = Monitor().degrees_a_pixel(*SIZE)
    up, right = -down * (np.arange(36) - 17.5)[:, None], across * (np.arange(64) - 31.5)
    for number, video in enumerate(seen):
        angle, spatial = np.radians(90.0 * (number // 2)), (0.03, 0.06)[number % 2]
        time = np.arange(6 + 15)[:, None, None] * 4.0 / RATE
        along = np.cos(angle) * right + np.sin(angle) * up
        wanted = grey + config.contrast_sd * deviation * np.cos(2 * np.pi * (spatial * along - time))
        assert video.dtype == np.float32
        assert (video[:6] == np.float32(grey)).all()
        np.testing.assert_allclose(video[6:], wanted, rtol=0, atol=2e-4)  # a few roundings of 255 in single precision


def test_the_preferred_direction_and_orientation_of_motion_detectors_are_found(caplog):
    table = measure_tuning(responders(motion_detectors()), GratingConfig(cycles_per_degree=(0.03, 0.045), counted_s=1.0, onset_s=0.2))
    known = table.iloc[: len(PREFERRED)]
    apart = np.abs((known["preferred_direction"] - PREFERRED + 180) % 360 - 180)
    assert (apart < 6).all()
    assert (np.abs((known["preferred_orientation"] - PREFERRED + 90) % 180 - 90) < 6).all()
    assert (known["gdsi"] > 0.3).all()
    assert "1 of 5 units give the same answer to all gratings" in caplog.text
    untold = ["gosi", "gdsi", "osi", "dsi", "preferred_orientation", "spatial_frequency_cpd", "temporal_frequency_hz", "direction_000_0"]
    assert table.iloc[-1][untold].isna().all()
    geometric_means = np.sqrt(0.03 * 0.045), 2.0  # of all frequencies shown
    assert (known["spatial_frequency_cpd"] > geometric_means[0] + 0.002).all()  # nearer 0.045
    assert (known["temporal_frequency_hz"] > geometric_means[1] + 0.1).all()  # the faster the drift, the more they answer
    assert (known["f1_f0"] < 0.1).all()
    assert [name for name in table if name.startswith("direction_")][:2] == ["direction_000_0", "direction_022_5"]
    assert table[UNIT_KEY].to_numpy().tolist() == [[1, 1, unit] for unit in range(1, 6)]


def test_units_that_add_light_and_dark_and_rectify_are_simple():
    fitted = motion_detectors()
    filters = torch.as_tensor(drifting_grating(0.0, 0.25, 5)).flatten(1)

    def forward(name, video, behaviour, eye_position, state=None, gaze_is_known=False):
        return torch.relu(video.flatten(2) @ filters.T)[..., None], {}

    fitted.twin.forward = forward
    table = measure_tuning(responders(fitted), GratingConfig(directions=4, cycles_per_degree=(0.045,)))
    assert table["f1_f0"].to_numpy() == pytest.approx(np.pi / 2, rel=0.02)  # of a rectified sine


def test_a_drift_too_fast_for_the_frames_is_left_out_and_counted(caplog):
    table = measure_tuning(
        responders(motion_detectors(frame_rate_hz=6.3)), GratingConfig(cycles_per_degree=(0.045,))
    )  # 4 Hz would seem to drift back at 2.3
    apart = np.abs((table["preferred_direction"].iloc[: len(PREFERRED)] - PREFERRED + 180) % 360 - 180)
    assert (apart < 6).all()
    assert (table["gdsi"].iloc[:3] > 0.8).all()
    assert table["temporal_frequency_hz"].iloc[:-1].between(1.0, 2.0).all()  # means of the two that are left
    assert "1 of 3 temporal frequencies left out, too fast for 6.3 frames a second: 4 Hz" in caplog.text
    with pytest.raises(ValueError, match=r"none of 3 temporal frequencies is below half of the 2 frames a second"):
        measure_tuning(responders(motion_detectors(frame_rate_hz=2.0)))


def test_gratings_too_fine_for_the_pixels_are_left_out_and_counted(caplog):
    config = GratingConfig(directions=4, cycles_per_degree=(0.03, 0.2), cycles_per_second=(2.0,), counted_s=0.5, onset_s=0.2)
    table = measure_tuning(responders(motion_detectors()), config)  # pixels of 3.29 degrees
    assert table["spatial_frequency_cpd"].iloc[:-1].to_numpy() == pytest.approx(0.03)
    assert "1 of 2 spatial frequencies left out, too fine for pixels of 3.29 degrees: 0.2 cycles per degree" in caplog.text
    with pytest.raises(ValueError, match=r"none of 1 spatial frequencies is at most half a cycle a pixel of 3.29 degrees .* 0.15 or less"):
        measure_tuning(responders(motion_detectors()), GratingConfig(cycles_per_degree=(0.2,)))


def test_pictures_do_not_drift():
    with pytest.raises(ValueError, match="trained on single pictures, in which nothing drifts"):
        measure_tuning(responders(motion_detectors(np.nan)))


def test_responses_to_a_long_video_do_not_depend_on_where_it_is_cut(monkeypatch):
    fitted = motion_detectors()
    video = np.random.default_rng(0).uniform(0, 255, (70, *SIZE)).astype(np.float32)
    whole = AnimalResponder(fitted, "planted").respond(video)
    monkeypatch.setattr("graphtwin.twin.fitting.animal_responder.CHUNK", 16)
    assert AnimalResponder(fitted, "planted").respond(video) == pytest.approx(whole, rel=1e-5)
    assert whole.min() == 2.0  # a rate of 1 in the units of the recording


def test_bins_leave_the_start_of_a_clip_out_and_average_the_rest():
    ramp = np.arange(80.0)[:, None] * np.array([1.0, -2.0])
    assert binned(ramp, RATE) == pytest.approx(np.array([[37, 52, 67], [-74, -104, -134]]))
    clips = [np.full((80, *SIZE), 9.0, dtype=np.float32)] * 2
    assert clip_responses(AnimalResponder(motion_detectors(), "planted"), clips).shape == (5, 6)
    with pytest.raises(ValueError, match="none of 1 clips is longer than the part of it that does not count"):
        clip_responses(AnimalResponder(motion_detectors(), "planted"), [clips[0][:20]])


def test_measured_responses_are_means_over_repeats_of_repeated_clips_alone():
    planted = plant(units=5, train=4, test=2, repeats=3)
    train, _ = clips_of(planted.recording, ClipConfig())
    clips: Clips = held_out_clips(train, ("test",))
    found = in_vivo_responses(clips)
    assert found.shape == (5, 2 * 6)
    rows = next(iter(clips.repeats().values()))
    mean = np.mean([planted.trials[row].responses[30:45].mean(0) for row in rows], axis=0)
    assert found[:, 0] == pytest.approx(mean / clips.scales.responses, rel=1e-5)
    everything = replace(clips, rows=np.arange(len(planted.trials)))
    assert in_vivo_responses(everything, 1).shape == (5, 6 * 6)
    with pytest.raises(ValueError, match="none of 2 clips was shown 4 times or more"):
        in_vivo_responses(clips, 4)
