"""Claims: gaze that is not what it is declared to be is found by what responses say, with what to do; gaze as declared is silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graphtwin.checks import check_recording, gaze
from graphtwin.checks.digest import digest
from graphtwin.checks.gaze import gaze_misread, gaze_off_the_screen, retinal_film
from graphtwin.sources.formats import Recording
from tests.twin.planted_gaze import HEIGHT, SCREEN, WIDTH, Planted, pixels, plant_gaze


@pytest.fixture(scope="module")
def animal() -> Planted:
    return plant_gaze(units=24, train=10, test=0, frames=120)


@pytest.fixture(scope="module")
def long() -> Planted:
    return plant_gaze(units=24, train=12, test=0, frames=240)


@pytest.fixture(autouse=True)
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaze, "SHIFTS_S", (0.2, 0.4))
    monkeypatch.setattr(gaze, "FAR_S", (1.0,))


def with_eye(recording: Recording, change: Callable[[int, np.ndarray], np.ndarray]) -> Recording:
    def open_trial(row: int):
        trial = recording.open_trial(row)
        return replace(trial, eye_position=change(row, trial.eye_position))

    return replace(recording, open_trial=open_trial)


def test_gaze_as_it_is_declared_is_silent_whatever_its_error(animal: Planted):
    assert gaze_off_the_screen(digest(animal.recording)) == []
    erring = with_eye(animal.recording, lambda row, eye: eye + np.repeat(np.random.default_rng(row).standard_normal((12, 2)), 10, axis=0))
    assert gaze_misread(digest(erring)) == []
    assert gaze_misread(digest(replace(with_eye(animal.recording, lambda _, eye: -eye), gaze=None))) == []


@pytest.mark.parametrize(
    ("change", "check", "found", "do"),
    [
        (lambda _, eye: eye[:, ::-1], "gaze read wrongly", "its axes are exchanged", "write the horizontal axis first"),
        (lambda _, eye: np.radians(eye), "gaze read wrongly", "it is in radians", 'write "unit": "radians"'),
        (lambda _, eye: np.roll(eye, 6, axis=0), "gaze at another clock", "gaze is 0.2 s late", 'state it as "delay_s"'),
    ],
)
def test_gaze_that_means_something_else_is_found_with_its_remedy(animal: Planted, change, check: str, found: str, do: str):
    (finding,) = gaze_misread(digest(with_eye(animal.recording, change)))
    assert (finding.check, finding.severity) == (check, "fault")
    assert found in finding.what
    assert finding.do.startswith(do)


@pytest.mark.parametrize(("frames", "found"), [(30, "gaze is 1 s late"), (-33, "gaze is 1.1 s early")])
def test_a_clock_that_is_off_by_a_second_and_more_is_found(long: Planted, frames: int, found: str):
    def at_another_clock(_: int, eye: np.ndarray) -> np.ndarray:
        gone = np.arange(240) < frames if frames > 0 else np.arange(240) >= 240 + frames
        return np.where(gone[:, None], np.nan, np.roll(eye, frames, axis=0))

    (finding,) = gaze_misread(digest(with_eye(long.recording, at_another_clock)))
    assert finding.check == "gaze at another clock"
    assert found in finding.what


def test_gaze_of_other_trials_is_worse_than_none():
    calm = plant_gaze(units=24, train=10, test=0, frames=120, jump_deg=(1.0, 0.6)).recording
    others = with_eye(calm, lambda row, _: 8 * calm.open_trial((row + 1) % 10).eye_position)
    (finding,) = gaze_misread(digest(others))
    assert "responses are better explained without it" in finding.what


def test_gaze_beyond_the_screen_is_a_note_at_times_and_a_fault_where_it_is_pixels(animal: Planted):
    (note,) = gaze_off_the_screen(digest(with_eye(animal.recording, lambda _, eye: np.where(np.arange(120)[:, None] < 12, 40, eye))))
    assert note.severity == "note"
    assert "more than 5 degrees beyond the screen in 10.5% of" in note.what
    (fault,) = gaze_off_the_screen(digest(with_eye(animal.recording, lambda _, eye: 4 * eye + [300, 200])))
    assert fault.severity == "fault"
    assert "pixels of a camera are no degrees" in fault.do


def test_what_follows_from_mirrored_gaze_is_not_told_beside_it(animal: Planted):
    told = check_recording(with_eye(animal.recording, lambda _, eye: eye * [-1, 1]))
    assert [one.check for one in told if one.severity == "fault"] == ["gaze read wrongly"]


def test_the_film_on_the_retina_is_that_of_the_geometry():
    film, looks = np.random.default_rng(0).standard_normal((1, HEIGHT, WIDTH)).astype(np.float32), np.array([[6.0, -4.0]])
    seen = retinal_film(film, looks, SCREEN, grey=-9.0)
    x = (2 * np.arange(WIDTH) + 1) / WIDTH - 1
    right = np.degrees(np.arctan(x * SCREEN.width_cm / 2 / SCREEN.distance_cm))
    row, column = pixels(right, np.full(WIDTH, np.degrees(np.arctan((1 - 21 / 36) * 13.7 / 57))), looks)[:, 0]
    inside = column < WIDTH - 1
    left, top = np.floor(column[inside]).astype(int), np.floor(row[inside]).astype(int)
    by, down = column[inside] - left, row[inside] - top
    expected = (1 - down) * ((1 - by) * film[0, top, left] + by * film[0, top, left + 1])
    expected += down * ((1 - by) * film[0, top + 1, left] + by * film[0, top + 1, left + 1])
    assert seen[0, 10, inside] == pytest.approx(expected, abs=1e-4)
    assert (seen[0, 10, ~inside][1:] == -9).all()


def test_before_gaze_is_known_the_eye_looks_where_it_is_known_first():
    known = np.array([[np.nan, np.nan], [3.0, 1.0], [np.nan, 2.0], [4.0, 0.0]])
    assert gaze._held(known).tolist() == [[3, 1], [3, 1], [3, 1], [4, 0]]
