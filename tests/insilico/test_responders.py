"""Responders of any kind answer alike, agree before they are averaged, and are refused in words where they answer nonsense."""

from __future__ import annotations

import pickle
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from graphtwin.coordinates import Monitor
from graphtwin.insilico.responders import (
    DifferentiableResponder,
    Ensemble,
    Responder,
    SubprocessResponder,
    TorchResponder,
    checked,
    differentiable,
    require_differentiable,
    state_channels,
)
from tests.insilico.known_responders import GREY, RATE, SIZE, gabor, linear_units, unit_table


def noise(clips: int = 3, frames: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(*GREY, (clips, frames, *SIZE)).astype(np.float32)


def three_units(**told) -> TorchResponder:
    return linear_units(np.stack([gabor(0, 0, 0), gabor(10, 5, 45), gabor(-20, -10, 90)]), **told)


def running_units() -> TorchResponder:
    """One unit, whose rate is the running speed, and one whose rate is the pupil."""

    def module(clips: torch.Tensor, behaviour: torch.Tensor) -> torch.Tensor:
        return behaviour + 1e-3 * clips.mean((2, 3))[..., None]

    told = {"frame_rate_hz": RATE, "size": SIZE, "grey": GREY, "state_names": ("running", "pupil_size"), "rest": (2.0, 30.0)}
    return TorchResponder(name="runner", units=unit_table(2), module=module, **told)


def broken(change) -> TorchResponder:
    """Three units whose answers are changed on their way."""
    of = three_units()
    return replace(of, module=lambda clips: change(of.module(clips)))


def test_a_torch_module_is_a_responder_with_gradients():
    responder = three_units()
    assert isinstance(responder, Responder)
    assert isinstance(responder, DifferentiableResponder)
    clips = noise()
    answers = responder.respond_clips(clips)
    contrast = (clips - GREY[0]) / GREY[1]
    wanted = np.maximum(5 + np.einsum("cfhw,hw->cf", contrast, gabor(10, 5, 45)), 0)
    np.testing.assert_allclose(answers[..., 1], wanted, rtol=1e-4)
    np.testing.assert_allclose(responder.respond(clips[2]), answers[2], rtol=1e-5)
    shown = torch.full((1, 2, *SIZE), GREY[0], requires_grad=True)
    (slope,) = torch.autograd.grad(responder.drive(shown)[0, 1, 2], shown)
    np.testing.assert_allclose(slope[0, 1].numpy(), gabor(-20, -10, 90) / GREY[1], atol=1e-6)
    assert not slope[0, 0].any()


def test_pictures_are_answered_each_alone():
    pictures = three_units(frame_rate_hz=np.nan)
    shapes = []
    of = pictures.module
    pictures = replace(pictures, module=lambda clips: shapes.append(tuple(clips.shape)) or of(clips))
    clips = noise(2, 5)
    np.testing.assert_allclose(pictures.respond_clips(clips), three_units().respond_clips(clips), rtol=1e-5)
    assert shapes == [(10, 1, *SIZE)]


def test_channels_that_a_state_does_not_name_rest():
    responder = running_units()
    answers = responder.respond_clips(np.zeros((2, 3, *SIZE), dtype=np.float32), {"running": np.array([1.0, 5.0, 9.0])})
    assert answers[1].tolist() == [[1, 30], [5, 30], [9, 30]]
    assert responder.respond(np.zeros((2, *SIZE), dtype=np.float32))[0].tolist() == [2, 30]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"runing": 1.0}, r"runner: state names 'runing' \(nearest 'running'\); the responder knows running, pupil_size"),
        ({"running": np.ones(4)}, r"state 'running' has shape \(4,\), but the clips have 3 frames"),
        ({"running": np.nan}, "1 of 1 numbers of state 'running' are not finite"),
    ],
)
def test_a_state_that_makes_no_sense_is_refused(state, words):
    with pytest.raises(ValueError, match=words):
        state_channels(running_units(), state, 3)
    with pytest.raises(ValueError, match="knows no channel of behaviour"):
        three_units().respond_clips(noise(), {"running": 1.0})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda a: torch.where(torch.arange(3) == 1, torch.nan, a),
            r"linear: 120 of 360 answers are NaN or infinite, of 1 of 3 units \(session-scan_idx-unit_id 1-1-2\); first in clip 0, frame 0",
        ),
        (lambda a: a[..., :2], r"Its table names 3 units and 2 answer"),
        (lambda a: a[:, 1:], r"answers of shape \(4, 29, 3\) to 4 clips of 30 frames, but \(4, 30, 3\)"),
        (lambda a: a.movedim(2, 1), "The axes are in another order"),
        (lambda a: a * 0 + 3, r"all 3 units gave the same number to 4 clips of noise\. They do not see the stimulus"),
    ],
)
def test_answers_that_make_no_sense_are_refused_at_the_door(change, words):
    with pytest.raises(ValueError, match=words):
        checked(broken(change))


def test_what_goes_wrong_later_is_refused_too():
    """The module answers a grey screen with NaN, which no probe of noise shows."""
    responder = checked(broken(lambda a: torch.where((a - a.mean()).abs().max() < 1e-6, torch.nan, a)))
    assert np.isfinite(responder.respond_clips(noise())).all()
    grey = np.full((2, 4, *SIZE), GREY[0], dtype=np.float32)
    with pytest.raises(ValueError, match="24 of 24 answers are NaN or infinite, of 3 of 3 units"):
        responder.respond_clips(grey)
    with pytest.raises(ValueError, match="24 of 24 answers are NaN"):
        responder.drive(torch.as_tensor(grey))
    with pytest.raises(ValueError, match=r"frames of 9 x 9 pixels were given, but it sees 18 x 32"):
        responder.respond(np.zeros((3, 9, 9), dtype=np.float32))


def test_silent_units_negative_rates_and_answers_that_depend_on_company_are_told(caplog):
    checked(broken(lambda a: a * torch.tensor([1.0, 0.0, 1.0])))
    assert "linear: 1 of 3 units (session-scan_idx-unit_id 1-1-2) gave the same number to 4 clips of noise" in caplog.text
    checked(broken(lambda a: a - torch.tensor([0.0, 0.0, 8.0])))
    assert "answers are below 0, of 1 of 3 units (session-scan_idx-unit_id 1-1-3), though it says none is" in caplog.text
    checked(broken(lambda a: a - a.mean(0, keepdim=True)), seed=3)
    assert "answer a clip of noise otherwise alone than after others" in caplog.text
    caplog.clear()
    assert np.array_equal(checked(three_units()).respond_clips(noise()), three_units().respond_clips(noise()))
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"units": unit_table(3).iloc[:, :2]}, "its table of 3 units lacks unit_id"),
        ({"units": unit_table(3).assign(unit_id=7)}, "2 of 3 units repeat a key"),
        ({"units": unit_table(3).assign(unit_id=["left", "mid", "right"])}, "linear: unit_id: 3 of 3 ids"),
        ({"units": unit_table(3).assign(unit_id=[1.0, np.nan, 3.0])}, "linear: unit_id: 1 of 3 ids are missing"),
        ({"frame_rate_hz": -30.0}, "a frame rate of -30 Hz"),
        ({"grey": (120.0, 0.0)}, "grey levels of mean 120 and standard deviation 0"),
    ],
)
def test_a_responder_that_states_nonsense_of_itself_is_refused(told, words):
    with pytest.raises(ValueError, match=words):
        checked(three_units(**told))


def test_an_ensemble_is_the_mean_of_members_that_agree():
    one, two = three_units(), linear_units(np.stack([gabor(0, 0, 90), gabor(0, 5, 45), gabor(9, 9, 0)]))
    both = Ensemble((one, checked(two)))
    clips = noise()
    each = both.respond_each(clips)
    np.testing.assert_allclose(each, [one.respond_clips(clips), two.respond_clips(clips)])
    np.testing.assert_allclose(both.respond_clips(clips), each.mean(0))
    np.testing.assert_allclose(both.respond(clips[1]), each[:, 1].mean(0), rtol=1e-5)
    np.testing.assert_allclose(both.drive(torch.as_tensor(clips)).numpy(), each.mean(0), rtol=1e-5)
    assert differentiable(both)


def test_where_the_first_member_speaks_the_others_say_how_far_it_may_be_off():
    members = tuple(linear_units(np.stack([gabor(0, 0, turn), gabor(0, 5, 45 + turn)])) for turn in (0, 10, 30))
    asked = Ensemble(members, first_speaks=True)
    clips = noise()
    each = asked.respond_each(clips)
    np.testing.assert_allclose(asked.respond_clips(clips), each[0])
    np.testing.assert_allclose(asked.respond(clips[1]), each[0, 1], rtol=1e-5)
    np.testing.assert_allclose(asked.drive(torch.as_tensor(clips)).numpy(), each[0], rtol=1e-5)
    np.testing.assert_allclose(asked.spread(each), np.sqrt(((each[1] - each[0]) ** 2 + (each[2] - each[0]) ** 2) / 2))
    np.testing.assert_allclose(Ensemble(members).spread(each), each.std(0, ddof=1))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"units": unit_table(3, session=2)}, r"units \(3, of which 0 are among the 3 of the first\)"),
        ({"units": unit_table(3)[::-1]}, r"units \(3, of which 3 are among the 3 of the first, in another order\)"),
        ({"size": (9, 16)}, r"size \(9 x 16 pixels, not 18 x 32\)"),
        ({"frame_rate_hz": np.nan}, r"frame rate \(nan Hz, not 30\)"),
        ({"monitor": Monitor(distance_cm=20)}, r"screen \(55.2 x 31 cm at 20 cm, not 55.2 x 31 cm at 15 cm\)"),
    ],
)
def test_members_that_differ_are_refused(told, words):
    with pytest.raises(ValueError, match=rf"ensemble: member 2 of 2 \(other\) differs from the first \(linear\) in {words}"):
        Ensemble((three_units(), three_units(name="other", **told)))
    with pytest.raises(ValueError, match="1 member"):
        Ensemble((three_units(),))


def test_a_module_that_answers_by_chance_is_refused():
    with pytest.raises(ValueError, match="in training mode"):
        replace(three_units(), module=torch.nn.Linear(2, 2).train())


SERVER = """
    import json, os, sys, time
    import numpy as np

    def give(name, write):
        with open(name + ".part", "wb") as file:
            write(file)
        os.replace(name + ".part", name)

    os.chdir(sys.argv[-1])
    give("responder.json", lambda file: file.write(json.dumps(TOLD).encode()))
    asked = 1
    while not os.path.exists("stop"):
        if not os.path.exists("clips_%d.npy" % asked):
            time.sleep(0.002)
            continue
        clips, state = np.load("clips_%d.npy" % asked), np.load("state_%d.npy" % asked)
        state = np.where(np.isnan(state), 0.5, state)
        means = np.stack([clips.mean((2, 3)), clips.std((2, 3))], 2) * state
        ANSWER
        asked += 1
"""
TOLD = {
    "name": "theirs",
    "units": unit_table(2).to_dict("records"),
    "frame_rate_hz": 30,
    "size": list(SIZE),
    "grey": list(GREY),
    "state_names": ["running"],
}
MEANS = 'give("rates_%d.npy" % asked, lambda file: np.save(file, means))'


def server(folder: Path, answer: str = MEANS, told: dict | None = None) -> list[str]:
    """Command of a program in another language, as far as this package can tell: it knows NumPy and the protocol alone."""
    path = folder / "server.py"
    path.write_text(textwrap.dedent(SERVER).replace("TOLD", repr(told or TOLD)).replace("ANSWER", answer))
    return [sys.executable, str(path)]


def test_a_program_that_knows_the_protocol_answers_through_files(tmp_path):
    theirs = SubprocessResponder.started(server(tmp_path), limit_s=60.0)
    clips = noise()
    means = np.stack([clips.mean((2, 3)), clips.std((2, 3))], 2)
    np.testing.assert_allclose(checked(theirs).respond_clips(clips), 0.5 * means, rtol=1e-5)
    np.testing.assert_allclose(theirs.respond(clips[0], state={"running": 3.0}), 3 * means[0], rtol=1e-5)
    assert (theirs.name, theirs.size, theirs.state_names, len(theirs.units)) == ("theirs", SIZE, ("running",), 2)
    folder = theirs.program.folder
    assert not list(folder.glob("*_[0-9].npy"))  # what was answered is cleared away
    copy = pickle.loads(pickle.dumps(theirs))
    np.testing.assert_allclose(copy.respond_clips(clips), 0.5 * means, rtol=1e-5)  # in a process of its own
    for one in (theirs, copy):
        one.close()
    assert not folder.exists()
    np.testing.assert_allclose(theirs.respond_clips(clips), 0.5 * means, rtol=1e-5)  # begun again
    theirs.close()


def test_threads_that_ask_one_program_get_their_own_answers(tmp_path):
    theirs = SubprocessResponder.started(server(tmp_path), limit_s=60.0)
    clips = [noise(2, 3, seed) for seed in range(12)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(theirs.respond_clips, clips))
    theirs.close()
    np.testing.assert_allclose([answers[..., 0] for answers in found], [0.5 * one.mean((2, 3)) for one in clips], rtol=1e-5)


@pytest.mark.parametrize(
    ("answer", "words", "error"),
    [
        ("raise RuntimeError('no licence for the toolbox')", r"ended with status 1 before its answer to 3 clips .* no licence", ValueError),
        (
            'give("error_%d.txt" % asked, lambda file: file.write(b"out of GPU memory"))',
            "says instead of its answer to 3 clips of 4 frames: out of GPU memory",
            ValueError,
        ),
        ("time.sleep(60)", r"0.5 s went by without its answer to 3 clips of 4 frames \(rates_1.npy\); it was stopped", TimeoutError),
        (MEANS.replace("np.save(file, means)", "file.write(b'12')"), "rates_1.npy is no .npy file of numbers", ValueError),
        (MEANS.replace("means", "means[:, 1:]"), r"answers of shape \(3, 3, 2\)", ValueError),
    ],
)
def test_what_goes_wrong_on_the_other_side_is_told_in_words(tmp_path, answer, words, error):
    theirs = SubprocessResponder.started(server(tmp_path, answer), limit_s=60.0)
    theirs.program.limit_s = 0.5 if error is TimeoutError else 60.0
    with pytest.raises(error, match=words):
        theirs.respond_clips(noise())
    theirs.close()


def test_a_program_that_does_not_begin_is_told_in_words(tmp_path):
    with pytest.raises(ValueError, match="cannot be started"):
        SubprocessResponder.started(["no-such-program-at-all"])
    for command in ("python serve.py", []):
        with pytest.raises(ValueError, match=r"no list of words. Give the program and its arguments, as \['python', 'serve.py'\]"):
            SubprocessResponder.started(command)
    with pytest.raises(ValueError, match=r"responder.json: .*frame_rte_hz"):
        SubprocessResponder.started(server(tmp_path, told=TOLD | {"frame_rte_hz": 3}), limit_s=60.0)


def test_what_has_no_gradients_is_refused_where_they_are_needed(tmp_path):
    three = TOLD | {"units": unit_table(3).to_dict("records")}
    command = server(tmp_path, MEANS.replace("means", "means[..., [0, 1, 1]]"), three)
    theirs = SubprocessResponder.started(command, limit_s=60.0)
    both = Ensemble((three_units(), theirs))
    assert not differentiable(both)
    assert not differentiable(checked(theirs))
    with pytest.raises(TypeError, match="ensemble: theirs answers without gradients"):
        require_differentiable(both)
    theirs.close()
