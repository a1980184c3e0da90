"""A circuit in the in silico laboratory: known answers, gradients, and what it cannot be asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtwin.insilico import Ensemble, Responder, checked, differentiable, inputs_of, tune_units, with_members
from graphtwin.insilico.measurements import (
    NoiseConfig,
    describe_inputs,
    fit_fields,
    measure_input_contrasts,
    measure_latencies,
    measure_noise_maps,
    measure_subspaces,
    screen_of,
)
from graphtwin.insilico.optimised import (
    OptimiseConfig,
    control,
    gradient_agrees,
    input_candidates,
    invariance_paths,
    most_exciting,
    most_inhibiting,
    usual_config,
    verify,
)
from graphtwin.insilico.stimuli import DriftingGrating, InSequence, Pulse, Windowed, render_batch
from graphtwin.insilico.stimuli.apertures import Disc
from graphtwin.motor.fitting import spread_of
from graphtwin.motor.responders import CircuitResponder, Senses, eye_of, responders_of, senses_of
from tests.motor.sensed_circuit import DT, PLACES, SENSES, SIGN, STRENGTHS, TAU, circuit, fitted, responder, trials

UP, DOWN = 6, 7  # rows of the neurons that senses reach
EXCITES = np.array(SIGN) > 0


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def noise(clips: int, frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((clips, frames, 1, 6)).astype(np.float32)


def faint(asked: CircuitResponder) -> OptimiseConfig:
    """Input so faint that senses, which are active at rest, answer as it goes up and down."""
    return usual_config(asked).model_copy(update={"contrast_sd": 0.2})


def test_the_most_exciting_input_of_a_neuron_is_the_strength_and_sign_of_its_senses():
    found = most_exciting(responder(), [UP, DOWN], faint(responder()))
    for pattern, counts in zip(found.patterns[:, 0, 0], STRENGTHS.values(), strict=True):
        assert cosine(pattern, np.array(counts) * SIGN) > 0.999


def test_the_most_inhibiting_input_is_the_most_exciting_one_turned_over():
    found = most_inhibiting(responder(), [UP], faint(responder()))
    assert cosine(found.patterns[0, 0, 0], np.array(STRENGTHS["up"]) * SIGN) < -0.999


@pytest.mark.parametrize("state", ["leaky", "graded", "rate"])
def test_gradients_of_answers_are_those_of_differences(state):
    asked = responder(fitted(2, dtype=torch.float64, state=state, response="softplus"))
    clips = torch.from_numpy(noise(2, 5).astype(np.float64)).requires_grad_()
    assert torch.autograd.gradcheck(asked.drive, (clips,), eps=1e-6, atol=1e-6)


def test_gradients_agree_where_stimuli_were_found():
    asked = responder(fitted(response="softplus"))
    assert gradient_agrees(most_exciting(asked, [UP, DOWN, 8]))["agrees"].all()


def test_a_responder_answers_as_the_fit_does():
    fits, clips = fitted(2), noise(5, 40)
    told = fits.predict(clips[:, :, 0], np.arange(6))
    for at, one in enumerate(responders_of(fits, Senses(np.arange(6), 0.0, 1.0, (-3.0, 3.0)))):
        answers = one.respond_clips(clips)
        np.testing.assert_allclose(answers, np.concatenate([told.activity[at], told.output[at]], axis=2), atol=1e-5)


def test_a_clip_is_answered_alike_alone_and_in_any_company():
    asked, clips = responder(), noise(37, 25)
    together = asked.respond_clips(clips)
    for row in (0, 15, 16, 36):
        np.testing.assert_allclose(together[row], asked.respond_clips(clips[row : row + 1])[0], atol=1e-6)
    np.testing.assert_allclose(asked.respond(clips[3]), together[3], atol=1e-6)


def test_a_stimulus_on_the_disk_is_answered_a_window_at_a_time_as_in_one_piece(tmp_path):
    long = noise(1, 1000)
    np.save(tmp_path / "long.npy", long[0])
    asked = responder()
    on_disk = asked.respond(np.load(tmp_path / "long.npy", mmap_mode="r"))
    np.testing.assert_allclose(on_disk, asked.respond_clips(long)[0], atol=1e-5)


def test_units_are_neurons_and_outputs_by_name_and_what_was_removed_is_none():
    units = responder().units
    assert units["neuron"].tolist() == [*SENSES, "up", "down", "pull"]
    assert units["scan_idx"].tolist() == [1] * 8 + [2]
    lesioned = responder(fitted().without(["b"]))
    assert "b" not in set(lesioned.units["neuron"])
    assert np.isfinite(lesioned.respond_clips(noise(1, 5))).all()
    some = responder(neurons=("down",))
    np.testing.assert_allclose(some.respond_clips(noise(2, 9)), responder().respond_clips(noise(2, 9))[..., [7, 8]], atol=1e-6)


def test_a_circuit_is_a_responder_with_gradients_that_passes_the_door(caplog):
    asked = responder()
    assert isinstance(asked, Responder)
    assert differentiable(asked)
    assert inputs_of(checked(asked)) == SENSES
    assert not caplog.records


def test_the_latency_of_a_sense_is_that_of_its_time_constant():
    told = measure_latencies(responder())
    expected = DT * np.log(0.5) / np.log(1 - DT / TAU)  # Euler's step of an exponential to half
    np.testing.assert_allclose(told["latency_s"][:6], expected - DT, atol=0.6 * DT)  # the first frame is one step after the onset
    assert (told["latency_s"][UP:] > told["latency_s"][:6].max()).all()  # and those that senses reach are later


def test_inputs_that_a_unit_answers_are_told_by_noise():
    told = describe_inputs(measure_noise_maps(responder(), config=NoiseConfig(patterns=4000)))
    assert told["strongest_input"].tolist()[:6] == list(SENSES)
    assert (told["input_share"][:6] > 0.97).all()
    assert told["strongest_input"][UP] == "a"
    gains = told.loc[UP, [f"gain_{name}" for name in SENSES]].to_numpy(float)
    assert cosine(gains, np.array(STRENGTHS["up"]) * SIGN) > 0.98
    by_gradient = describe_inputs(measure_noise_maps(responder(), "gradient", NoiseConfig(patterns=400, lags=4)))
    assert by_gradient["strongest_input"].tolist()[:7] == [*SENSES, "a"]


def test_the_preferred_input_is_the_strongest_that_excites():
    told = measure_input_contrasts(responder())
    assert told["preferred_input"].tolist()[:6] == [f"+{name}" for name in SENSES]
    assert told["preferred_input"][UP] == "+a"
    assert told["preferred_input"][DOWN] == "+d"
    answers = told[[name for name in told if name.startswith("contrast_") and name.split("_")[1].isdigit()]].to_numpy()
    assert (np.diff(answers, axis=1) > 0).all()


def test_tuning_of_several_fits_has_their_spread():
    fits = responders_of(fitted(3), Senses(np.arange(6), 0.0, 1.0, (-3.0, 3.0)))
    together = with_members(
        Ensemble(fits, "planted", first_speaks=True), lambda one: tune_units(one, ("latency", "contrast", "adaptation"))
    )
    each = np.stack([measure_latencies(fit)["latency_s"] for fit in fits])
    np.testing.assert_allclose(together["latency_s"], each[0], atol=1e-9)
    np.testing.assert_allclose(together["latency_s_spread"], spread_of(each), atol=1e-9)
    assert (together["latency_s_spread"][:6] > 0).all()
    assert {"preferred_input", "adaptation_index", "adaptation_index_spread"} <= set(together)
    np.testing.assert_allclose(together["adaptation_index"][:6], 0, atol=0.02)  # nothing in this circuit adapts


@pytest.mark.parametrize("what", ["direction", "size", "adapter"])
def test_tuning_in_space_is_refused_in_words_that_say_what_the_circuit_takes(what):
    with pytest.raises(ValueError, match=r"sees no pictures, but takes numbers into 6 inputs without places \(a, b, c, d, \.\.\.\)"):
        tune_units(responder(), (what,))


def test_fields_in_degrees_are_refused():
    maps = measure_noise_maps(responder(), config=NoiseConfig(patterns=100))
    with pytest.raises(ValueError, match="6 inputs without places on a screen, so that no unit has a field in degrees"):
        fit_fields(maps)
    with pytest.raises(ValueError, match="has no fields by covariance"):
        measure_subspaces(responder())


def test_pictures_are_not_drawn_on_inputs_and_pulses_are_on_nothing_else():
    screen = screen_of(responder())
    with pytest.raises(ValueError, match="drawn in degrees of visual angle, and here are 6 inputs without places"):
        render_batch([DriftingGrating()], screen)
    with pytest.raises(ValueError, match="drawn in degrees"):
        render_batch([InSequence(parts=(Pulse(inputs=("a",)), Windowed(part=Pulse(inputs=("a",)), aperture=Disc())))], screen)
    with pytest.raises(ValueError, match="1 of 2 inputs are not among the 6 of the circuit, first 'g'"):
        render_batch([Pulse(inputs=("a", "g"))], screen)
    with pytest.raises(ValueError, match="the pixels of this screen are places"):
        render_batch([Pulse(inputs=("a",))], replace(screen, inputs=()))


def test_optima_do_not_depend_on_the_order_of_the_inputs():
    """Inputs have no neighbours: nothing makes an optimum smooth from one to the next."""
    order = [3, 5, 0, 2, 4, 1]
    there, elsewhere = (most_exciting(responder(fits), [UP]).patterns[0, 0, 0] for fits in (fitted(), fitted(order=order)))
    assert cosine(there[order], elsewhere) > 0.99


def test_an_input_that_only_excites_is_not_made_negative():
    asked = responder(senses=Senses(np.arange(6), 0.0, 1.0, (0.0, 3.0)))
    found = most_exciting(asked, [UP])
    assert found.clips.min() >= 0
    assert cosine(found.patterns[0, 0, 0], np.array(STRENGTHS["up"]) * EXCITES) > 0.99
    assert (input_candidates(found.stage, 50) != 0).any(axis=(1, 2, 3)).all()


def test_what_is_sought_on_some_fits_is_ranked_on_others():
    first, *others = responders_of(fitted(3), Senses(np.arange(6), 0.0, 1.0, (-3.0, 3.0)))
    found = most_exciting(first, [UP, DOWN])
    ranked = verify(found, Ensemble(tuple(others), "others"), input_candidates(found.stage, 200))
    assert (ranked["percentile"] > 90).all()
    assert ((ranked["ratio"] > 0.8) & (ranked["ratio"] < 1.3)).all()


def test_a_moving_stimulus_is_input_over_time_and_does_at_least_as_much():
    asked = responder()
    still = most_exciting(asked, [UP])
    moving = most_exciting(asked, [UP], usual_config(asked).model_copy(update={"moving": True}))
    assert moving.clips.shape == (1, 25, 1, 6)
    assert moving.table["score"][0] > still.table["score"][0]


def test_one_neuron_is_driven_while_another_is_held():
    found = control(responder(), [[UP]], [[DOWN]], within=0.2)
    away = (found.answers[0] - found.stage.rest) / found.stage.spread
    assert away[UP] > 0.5
    assert abs(away[DOWN]) < 0.3


def test_paths_of_a_sense_that_takes_one_input_leave_it_as_a_linear_unit_is_left():
    found = most_exciting(responder(), [0])
    arc = invariance_paths(found, points=4).table["arc_deg"][0]
    assert arc == pytest.approx(64, abs=8)


def test_senses_with_places_see_their_own_pixels_and_the_others_rest():
    places = np.concatenate([PLACES[:5], [[np.nan, np.nan]]])
    eye = eye_of(places, SENSES)
    asked = responder(eye=eye, senses=Senses(np.arange(6), 0.25, 1.0, (-3.0, 3.0)))
    assert len(set(eye.pixel[:5])) == 5
    assert eye.pixel[5] == -1
    height, width = asked.size
    clips = np.full((6, 4, height, width), 0.25, dtype=np.float32)
    for row in range(5):
        clips[row].reshape(4, -1)[:, eye.pixel[row]] = 2.25
    answers = asked.respond_clips(clips)[:, -1, :6]
    added = answers - answers[5]
    assert (np.diag(added)[:5] > 0.5).all()
    np.testing.assert_allclose(added - np.diag(np.diag(added)), 0, atol=1e-6)


def test_places_in_degrees_are_those_of_the_screen():
    eye = eye_of(PLACES)
    screen = screen_of(responder(eye=eye))
    right, up = screen.places()
    row, column = np.divmod(eye.pixel, eye.size[1])
    down, across = screen.degrees_a_pixel
    assert np.abs(right.numpy()[column] - PLACES[:, 0]).max() <= across / 2 + 1e-9
    assert np.abs(up.numpy()[row, 0] - PLACES[:, 1]).max() <= down / 2 + 1e-9


def test_a_circuit_with_places_is_tuned_to_directions_as_its_delays_say():
    """The left sense is slow, the right one fast: what moves to the right is felt together, what moves to the left in turn."""
    fits = fitted()
    one = fits.networks[0]
    with torch.no_grad():
        one.tau[:3] = torch.tensor([1.0, 0.0, -1.0])  # a, b and c
        one.bias[UP] = -0.5  # muscles are moved by what lies above 0 alone
        one.readout.copy_(torch.tensor([[1.0, 0.0]]))
    across = np.concatenate([PLACES[:3], np.full((3, 2), np.nan)])
    asked = responder(fits, eye=eye_of(across), neurons=("up",))
    pull = tune_units(asked, ("direction",)).iloc[1]
    assert pull["direction_000_0"] > 1.1 * pull["direction_180_0"]


def test_senses_are_the_sensory_neurons_that_trials_stimulate_and_rest_is_no_input():
    told = senses_of(circuit(), trials())
    assert told.rows.tolist() == list(range(6))
    assert (told.rest == 0).all()
    given = trials().stimulus
    np.testing.assert_allclose(told.levels, [given.min((0, 1)), given.max((0, 1))])
    np.testing.assert_allclose(told.deviation, np.sqrt((given**2).mean((0, 1))), rtol=1e-6)
    film = replace(trials(), stimulus=trials().stimulus + 3.0)
    np.testing.assert_allclose(senses_of(circuit(), film).rest, 3.0)
    assert senses_of(circuit(), trials(), ("c", "a")).rows.tolist() == [2, 0]


def test_senses_that_see_the_same_pictures_have_one_range():
    told = senses_of(circuit(), trials(), together=True)
    given = trials().stimulus
    assert (told.rest, told.levels) == (0, (given.min(), given.max()))
    assert told.deviation == pytest.approx(np.sqrt((given**2).mean()))
    with pytest.raises(ValueError, match="its 6 senses have a range each, but see the same pictures"):
        responder(eye=eye_of(PLACES), senses=senses_of(circuit(), trials()))


def test_a_sense_that_is_seldom_stimulated_is_as_strong_as_the_others_and_one_that_never_is_goes_nowhere():
    pulses = np.zeros((12, 40, 6))
    for trial in range(12):
        pulses[trial, 20:, max(0, trial - 7)] = 1.0  # the first sense in eight trials, four others in one each, the last in none
    told = senses_of(
        circuit(),
        replace(trials(), stimulus=pulses, activity=np.zeros((12, 40, 8)), output=np.zeros((12, 40, 1)), names=tuple("abcdefghijkl")),
    )
    np.testing.assert_allclose(told.deviation, np.sqrt(pulses.mean()))
    assert told.levels[1].tolist() == [1, 1, 1, 1, 1, 0]
    found = most_exciting(responder(senses=told), [UP], faint(responder()))
    assert (found.clips[..., :5] >= 0).all()
    assert (found.clips[..., 5] == 0).all()


def uneven() -> Senses:
    """What trials tell of senses of which one is weak, one is never below its rest, and one rests at 5."""
    given = trials().stimulus * np.array([1, 0.1, 1, 1, 1, 1]) + np.array([0, 0, 0, 0, 5, 0])
    given[:, :, 2] = np.abs(given[:, :, 2])
    return senses_of(circuit(), replace(trials(), stimulus=given))


@pytest.mark.parametrize("moving", [False, True])
def test_optimised_input_of_each_sense_stays_within_what_that_sense_got(moving):
    asked, senses = responder(senses=uneven()), uneven()
    config = usual_config(asked).model_copy(update={"moving": moving, "contrast_sd": 0.4})
    found = [most_exciting(asked, [UP, DOWN], config), most_inhibiting(asked, [UP], config), control(asked, [[UP]], [[DOWN]], 0.2, config)]
    for one in found:
        assert (one.clips >= senses.levels[0] - 1e-5).all()
        assert (one.clips <= senses.levels[1] + 1e-5).all()
        np.testing.assert_allclose(one.table["contrast_sd"], 0.4, rtol=1e-3)
    ranked = verify(found[0], asked, input_candidates(found[0].stage, 200))
    assert (ranked["percentile"] == 100).all()


def test_contrast_is_counted_in_the_strength_of_each_sense_from_its_own_rest():
    asked = responder(senses=uneven())
    shown = render_batch([Pulse(inputs=("b", "e"))], screen_of(asked, 2.0)).numpy()[0, 0, 0]
    senses = uneven()
    assert senses.deviation[1] == pytest.approx(0.1 * senses_of(circuit(), trials()).deviation[1])
    np.testing.assert_allclose(shown, senses.rest + 2 * senses.deviation * [0, 1, 0, 0, 1, 0], rtol=1e-6)
    assert senses.deviation[1] < 0.15
    assert shown[4] > 5.5
    gains = describe_inputs(measure_noise_maps(asked, config=NoiseConfig(patterns=4000)))
    even = describe_inputs(measure_noise_maps(responder(), config=NoiseConfig(patterns=4000)))
    assert gains["gain_b"][1] / even["gain_b"][1] == pytest.approx(senses.deviation[1], rel=0.05)


def test_senses_of_one_range_answer_as_if_that_were_told_of_all_together():
    each = Senses(np.arange(6), np.zeros(6), np.ones(6), (np.full(6, -3.0), np.full(6, 3.0)))
    for seek in (most_exciting, most_inhibiting):
        one, other = (seek(asked, [UP, DOWN]) for asked in (responder(), responder(senses=each)))
        np.testing.assert_allclose(other.clips, one.clips, atol=1e-5)
    candidates = [input_candidates(found.stage, 100) for found in (one, other)]
    np.testing.assert_array_equal(*candidates)
    ranks = [verify(found, responder(), drawn)["ratio"] for found, drawn in zip((one, other), candidates, strict=True)]
    np.testing.assert_allclose(*ranks, rtol=1e-5)


def test_senses_that_nothing_is_known_of_are_refused():
    with pytest.raises(ValueError, match="1 of 2 neurons that are to take input are stimulated in no trial, first 'up'"):
        senses_of(circuit(), trials(), ("a", "up"))
    with pytest.raises(ValueError, match="input of 6 neurons is 0 in all 4 trials"):
        senses_of(circuit(), replace(trials(), stimulus=np.zeros((4, 40, 6))))
    with pytest.raises(ValueError, match="Input goes into 1 of 2 neurons that are not in the circuit, first number 9"):
        responder(senses=Senses(np.array([0, 9]), 0.0, 1.0, (-1.0, 1.0)))


def test_a_visual_field_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="1 different places in the visual field of 3 inputs"):
        eye_of(np.array([[1.0, 2.0], [1.0, 2.0], [np.nan, np.nan]]))
    with pytest.raises(ValueError, match=r"512 a side at most; farthest out is 'c' at \[9000.0, 0.0\]"):
        eye_of(np.array([[0.0, 0.0], [1.0, 0.0], [9000.0, 0.0]]), ["a", "b", "c"])
