"""Each kind of fault of a recording is found on a planted one, and nothing else; a clean one is silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from graphtwin.checks import Finding, check_recording
from graphtwin.checks.finding import is_faulty
from graphtwin.sources.formats import Recording, Trial
from tests.checks.planted_faults import LAG, UNITS, of_clip, of_tier, recording, trials_and_table, with_responses
from tests.twin.planted_recording import plant

HELD = of_tier("oracle")
PAIR = (of_clip("oracle 0")[1], of_clip("oracle 2")[1])
N = len(trials_and_table()[0])
ORDER = np.random.default_rng(3).permutation(UNITS)
DEALT = np.roll(np.random.default_rng(4).permutation(N), 1)


def changed(rows: list[int] | range, change: Callable[[Trial], Trial]) -> Recording:
    return recording(lambda at, trial: change(trial) if at in set(rows) else trial)


def shifted(values: np.ndarray, by: int) -> np.ndarray:
    return values[np.clip(np.arange(len(values)) - by, 0, len(values) - 1)]


def other(at: int) -> Trial:
    return trials_and_table()[0][at]


def still(responses: np.ndarray, unit: int) -> np.ndarray:
    return np.where(np.arange(UNITS) == unit, np.float32(0.7), responses)


def averaged(at: int, trial: Trial) -> Trial:
    clip = trials_and_table()[1]["stimulus"][at]
    return (
        with_responses(trial, np.mean([other(one).responses for one in of_clip(clip)], axis=0)) if of_clip(clip)[0] == at in HELD else trial
    )


def cut_short(trial: Trial, by: int = 15) -> Trial:
    frames = np.concatenate([np.arange(40), np.arange(40 + by, 90), np.full(by, 89)])
    return replace(trial, video=trial.video[frames])


def early_clip() -> Recording:
    table = trials_and_table()[1].copy()
    row = of_clip("oracle 0")[0]
    table.loc[row, ["tier", "stimulus"]] = ["train", "train 99"]
    return recording(lambda at, trial: Trial(*(shifted(part, -6) for part in vars(trial).values())) if at == row else trial, table)


def withheld() -> Recording:
    table = trials_and_table()[1].copy()
    rows = of_tier("train")[:3]
    table.loc[rows, "has_responses"] = False
    return recording(lambda at, trial: replace(trial, responses=None) if at in rows else trial, table)


FAULTS: dict[str, tuple[Callable[[], Recording], str]] = {
    "a tier times 30": (lambda: changed(HELD, lambda one: with_responses(one, 30 * one.responses)), "units of tiers differ"),
    "a tier standardised": (
        lambda: changed(HELD, lambda one: with_responses(one, (one.responses - one.responses.mean(0)) / (one.responses.std(0) + 0.1))),
        "units of tiers differ",
    ),
    "one repeat for all": (
        lambda: changed(of_clip("oracle 1"), lambda one: with_responses(one, other(of_clip("oracle 1")[0]).responses)),
        "repeats are copies",
    ),
    "means among repeats": (lambda: recording(averaged), "averages among single trials"),
    "a held-out clip in training, shifted": (early_clip, "same clip in two tiers"),
    "zeros for half a trial": (
        lambda: changed(HELD[:4], lambda one: with_responses(one, np.where(np.arange(90)[:, None] < 45, one.responses, 0))),
        "frames without responses",
    ),
    "trials without responses": (withheld, "trials without responses"),
    "frames lost on the way": (lambda: changed(HELD[:5], cut_short), "dropped frames"),
    "trials shifted by 12 frames": (
        lambda: changed(HELD[:6], lambda one: with_responses(one, np.roll(one.responses, 12, axis=0))),
        "shifted frames",
    ),
    "answers before their pictures": (
        lambda: changed(range(N), lambda one: with_responses(one, shifted(one.responses, -LAG - 6))),
        "strange delay",
    ),
    "units in another order in a tier": (
        lambda: changed(HELD, lambda one: with_responses(one, one.responses[:, ORDER])),
        "units in another order",
    ),
    "units from last to first in a tier": (
        lambda: changed(HELD, lambda one: with_responses(one, one.responses[:, ::-1])),
        "units in another order",
    ),
    "the eye of other trials": (
        lambda: recording(lambda at, one: replace(one, eye_position=other(int(DEALT[at])).eye_position)),
        "behaviour of another trial",
    ),
    "an eye mirrored in the camera": (
        lambda: changed(range(0, N, 3), lambda one: replace(one, eye_position=np.array([160.0, 0.0]) + [-1.0, 1.0] * one.eye_position)),
        "mirrored or shifted eye",
    ),
    "behaviour of other trials": (
        lambda: recording(lambda at, one: replace(one, behaviour=other(int(DEALT[at])).behaviour)),
        "behaviour of another trial",
    ),
    "behaviour of the trial before": (
        lambda: recording(lambda at, one: replace(one, behaviour=other(max(at - 1, 0)).behaviour)),
        "behaviour of another trial",
    ),
    "a unit that stands still": (lambda: changed(range(N), lambda one: with_responses(one, still(one.responses, 5))), "constant channel"),
    "a unit at its ceiling": (
        lambda: changed(range(N), lambda one: with_responses(one, np.minimum(one.responses, np.where(np.arange(UNITS) == 9, 0.2, np.inf)))),
        "saturated channel",
    ),
    "running in mm/s and more": (
        lambda: changed(range(N), lambda one: replace(one, behaviour=one.behaviour * [1.0, 100.0])),
        "units of behaviour",
    ),
    "units that go": (
        lambda: changed(range(20, 34), lambda one: with_responses(one, np.where(np.arange(UNITS) < 6, 0, one.responses))),
        "units come and go",
    ),
    "height and width exchanged": (lambda: changed(range(N), lambda one: replace(one, video=one.video.transpose(0, 2, 1))), "swapped axes"),
    "height and width exchanged in some trials": (
        lambda: changed(HELD[:4], lambda one: replace(one, video=one.video.transpose(0, 2, 1))),
        "swapped axes",
    ),
    "pictures upside down in some trials": (
        lambda: changed(of_tier("train")[:3], lambda one: replace(one, video=one.video[:, ::-1])),
        "turned pictures",
    ),
    "one name for two pictures": (
        lambda: changed(HELD[:2], lambda one: replace(one, video=one.video[:, ::-1])),
        "one name for several pictures",
    ),
    "responses dealt to other trials": (
        lambda: recording(lambda at, one: with_responses(one, other(int(DEALT[at])).responses)),
        "responses that no stimulus predicts",
    ),
    "responses of some trials exchanged": (
        lambda: recording(lambda at, one: with_responses(one, other({PAIR[0]: PAIR[1], PAIR[1]: PAIR[0]}.get(at, at)).responses)),
        "responses of another trial",
    ),
    "grey levels from 0 to 1 in a tier": (
        lambda: changed(HELD, lambda one: replace(one, video=one.video / 255)),
        "grey levels in two units",
    ),
    "half of the screen is missing": (
        lambda: changed(range(N), lambda one: replace(one, video=np.where(np.arange(32) < 12, np.float32(128), one.video))),
        "blank part of the picture",
    ),
}


@cache
def found(name: str) -> tuple[Finding, ...]:
    return tuple(check_recording(recording() if name == "clean" else FAULTS[name][0]()))


def test_a_clean_recording_is_silent():
    assert found("clean") == ()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_its_name(name: str):
    assert FAULTS[name][1] in {finding.check for finding in found(name)}


@pytest.mark.parametrize("name", FAULTS)
def test_a_finding_says_what_where_how_sure_and_what_to_do(name: str):
    assert is_faulty(found(name))
    assert all(len(part) > 3 for finding in found(name) for part in vars(finding).values())


def test_shifted_trials_are_named_with_their_shift():
    told = [finding for finding in found("trials shifted by 12 frames") if finding.check == "shifted frames"]
    assert "0.8" in told[0].what
    assert all(str(number) in told[0].where for number in sorted(HELD[:6])[:5])


def test_exchanged_trials_name_each_other():
    told = [finding for finding in found("responses of some trials exchanged") if finding.check == "responses of another trial"]
    assert f"{PAIR[0]} (fits" in told[0].where


@pytest.mark.parametrize("rectified", [False, True])
def test_graded_responses_without_noise_divided_by_their_deviation_in_training_are_in_one_unit(rectified):
    """As a network answers: of either sign, never 0 alike, and of a deviation of exactly 1 in the tier that it was divided by."""
    planted = plant(units=60, train=24, test=6, repeats=1, frames=90, gain=0.0)
    potential = np.log(np.stack(planted.rates) + 0.05)
    potential -= np.quantile(potential, 0.4, axis=(0, 1))
    potential = np.maximum(potential, 0) if rectified else potential
    trained = (planted.recording.trials["tier"] == "train").to_numpy()
    potential = (potential / potential[trained].std((0, 1))).astype(np.float32)
    blind = [replace(trial, eye_position=np.full((90, 2), np.nan)) for trial in planted.trials]
    kept = [with_responses(trial, told) for trial, told in zip(blind, potential, strict=True)]
    assert not is_faulty(check_recording(replace(planted.recording, open_trial=lambda row: kept[row]), quick=True))
    gain = np.geomspace(0.1, 10, 60, dtype=np.float32)  # were the training tier alone left as it was recorded
    apart = [with_responses(one, one.responses * gain) if there else one for one, there in zip(kept, trained, strict=True)]
    found = check_recording(replace(planted.recording, open_trial=lambda row: apart[row]), quick=True)
    assert "units of tiers differ" in [finding.check for finding in found]


def test_the_quick_look_needs_no_fit_and_finds_what_sizes_show():
    quick = check_recording(FAULTS["a tier times 30"][0](), quick=True)
    assert [finding.check for finding in quick] == ["units of tiers differ"]
    assert check_recording(recording(), quick=True) == []
