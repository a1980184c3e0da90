"""Pulses into inputs by name: known frames, and what cannot be given."""

from __future__ import annotations

import numpy as np
import pytest

from graphtwin.insilico.stimuli import Blank, InSequence, NaturalClip, Pulse, Screen, Superposed, from_toml, render_batch, to_toml

INPUTS = Screen(1, 3, frame_rate_hz=10.0, grey=2.0, amplitude=4.0, inputs=("left", "middle", "right"))


def test_a_pulse_is_a_constant_into_its_inputs_alone():
    shown = render_batch([Pulse(inputs=("right", "left"), contrast=-0.5, duration_s=0.3)], INPUTS).numpy()
    np.testing.assert_array_equal(shown, np.tile([0.0, 2.0, 0.0], (1, 3, 1, 1)))


def test_pulses_in_turn_and_together_are_their_parts():
    left, right = (Pulse(inputs=(name,), contrast=0.5, duration_s=0.2) for name in ("left", "right"))
    turns = InSequence(parts=(left, Blank(duration_s=0.1), right)).render(INPUTS)[:, 0].numpy()
    np.testing.assert_array_equal(turns[:, 0], [0.5, 0.5, 0, 0, 0])
    np.testing.assert_array_equal(turns[:, 2], [0, 0, 0, 0.5, 0.5])
    both = Superposed(parts=(left, right)).render(INPUTS).numpy()
    np.testing.assert_array_equal(both, np.tile([0.5, 0, 0.5], (2, 1, 1)))
    assert from_toml(to_toml([left, turned := InSequence(parts=(left, right))])) == [left, turned]


def test_numbers_of_a_file_go_into_inputs_only_where_there_is_one_for_each(tmp_path):
    for columns in (3, 4):
        np.save(tmp_path / f"{columns}.npy", np.linspace(0, 255, 5 * columns).reshape(5, 1, columns))
    clip = {"frames_per_second": 10.0, "duration_s": 0.5}
    shown = NaturalClip(path=str(tmp_path / "3.npy"), **clip).render(INPUTS).numpy()
    np.testing.assert_allclose(shown.ravel(), np.linspace(-1, 1, 15), atol=1e-6)
    with pytest.raises(ValueError, match="1 x 4 numbers a frame, but there are 3 inputs: give 1 x 3"):
        NaturalClip(path=str(tmp_path / "4.npy"), **clip).render(INPUTS)


def test_names_that_are_not_there_or_there_twice_are_told():
    with pytest.raises(ValueError, match=r"first 'rigth' \(nearest 'right'\)|first 'rigth'.*right"):
        Pulse(inputs=("rigth",)).check(INPUTS)
    with pytest.raises(ValueError, match="1 of 2 inputs are named twice"):
        Pulse(inputs=("left", "left"))
    with pytest.raises(ValueError, match="2 names of inputs for 1 x 3 pixels"):
        Screen(1, 3, inputs=("a", "b"))
