"""Gradients are checked against differences, optima against seeds and candidates; a set can be shown as it lies there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from graphtwin.insilico.optimised import (
    agreement_of_seeds,
    gabor_candidates,
    gradient_agrees,
    most_exciting,
    most_inhibiting,
    stage_of,
    verify,
    write_stimulus_set,
)
from graphtwin.kinds import STIMULUS_SET, kind_of
from tests.insilico.known_responders import GREY, RATE, SIZE, gabor
from tests.insilico.optimised.known_units import FILTERS, FREE, energy, linear, pairs_of


def test_gradients_of_torch_agree_with_differences_and_false_ones_do_not():
    found = most_exciting(energy(pairs_of()), config=FREE)
    told = gradient_agrees(found)
    assert told["agrees"].all(), told
    np.testing.assert_allclose(told["slope"], told["slope_by_differences"], rtol=0.02)
    half = most_exciting(linear(), config=FREE)
    weights = torch.as_tensor(FILTERS.reshape(4, -1), dtype=torch.float32)

    def hides(clips: torch.Tensor) -> torch.Tensor:  # the right half of the screen has no gradient
        seen = torch.cat([clips[..., :16], clips[..., 16:].detach()], -1)
        return 5 + (seen - GREY[0]).flatten(2) @ weights.T / GREY[1]

    wrong = replace(half, stage=stage_of(replace(linear(), module=hides), FREE))
    told = gradient_agrees(wrong)
    assert not told["agrees"][0], told  # sees both halves
    assert told["agrees"][2], told  # lies on the left


def test_seeds_agree_on_linear_units_and_on_what_energy_units_do():
    seeds = [FREE.model_copy(update={"seed": seed}) for seed in range(3)]
    told = agreement_of_seeds([most_exciting(linear(), config=config) for config in seeds])
    assert (told["similarity_lowest"] > 0.97).all()
    told = agreement_of_seeds([most_exciting(energy(pairs_of()), config=config) for config in seeds])
    assert (told["similarity_lowest"] < 0.9).all()
    assert (told["lowest_share"] > 0.95).all()
    assert set(told["best_seed"]) <= {0, 1, 2}
    told = agreement_of_seeds([most_inhibiting(linear(), config=config) for config in seeds])
    assert (told["lowest_share"] > 0.95).all()


def test_an_optimum_beats_all_candidates_where_it_was_made_and_on_another_responder_that_is_alike():
    other = linear(FILTERS + 0.01 * np.random.default_rng(0).standard_normal(FILTERS.shape), name="other")
    found = most_exciting(linear(), config=FREE)
    candidates = gabor_candidates(found.stage, 300)
    assert candidates.shape == (300, 1, *SIZE)
    for responder in (linear(), other):
        told = verify(found, responder, candidates)
        assert (told["percentile"] == 100).all(), told
        assert (told["ratio"] > 1.05).all(), told
    shuffled = replace(other, units=other.units.iloc[::-1].reset_index(drop=True), module=lambda clips: other.module(clips).flip(-1))
    pd.testing.assert_frame_equal(verify(found, shuffled, candidates), told)


def test_on_a_responder_that_knows_nothing_of_it_an_optimum_is_one_among_many():
    found = most_exciting(linear(), config=FREE)
    elsewhere = linear(np.stack([gabor(35, 0, 20), gabor(-30, -15, 0), gabor(30, 15, 135), gabor(30, -10, 60)]), name="elsewhere")
    told = verify(found, elsewhere, gabor_candidates(found.stage, 300))
    assert (told["percentile"] < 95).all(), told
    assert (told["ratio"] < 0.2).all(), told


def test_inhibiting_stimuli_are_ranked_by_how_little_is_answered():
    found = most_inhibiting(linear(), config=FREE)
    told = verify(found, linear(), gabor_candidates(found.stage, 100))
    assert (told["percentile"] == 100).all()
    assert (told["ratio"] > 1).all()


def test_candidates_and_responders_that_do_not_fit_are_refused():
    found = most_exciting(linear(), [0, 1], FREE)
    with pytest.raises(ValueError, match=r"other: lacks 2 of 4 units of known \(first 1-1-3\)"):
        verify(found, linear(FILTERS[:2], name="other"), gabor_candidates(found.stage, 2))
    with pytest.raises(ValueError, match=r"Verify on a responder that sees them as they are"):
        verify(found, linear(rate=RATE), gabor_candidates(found.stage, 2))
    each = most_inhibiting(linear(), [0, 1], FREE, background=found.clips)
    with pytest.raises(ValueError, match="the 2 stimuli have a background each"):
        verify(each, linear(), gabor_candidates(found.stage, 2))


def test_a_set_can_be_shown_as_it_lies_in_its_folder(tmp_path: Path):
    units = linear(rate=RATE)
    config = FREE.model_copy(update={"moving": True})
    found = [most_exciting(units, config=config), most_inhibiting(units, [0], config)]
    candidates = gabor_candidates(found[0].stage, 20)
    other = linear(1.1 * FILTERS, RATE, name="other")
    told = verify(found[0], other, candidates)
    folder = write_stimulus_set(
        found, tmp_path / "set", candidates[:2], [other], {"verified": told}, {"fingerprint": "abc"}, repeats=3, seed=5
    )
    assert kind_of(folder) == STIMULUS_SET
    stimuli, order, expected = (pd.read_csv(folder / f"{name}.csv") for name in ("stimuli", "order", "expected"))
    frames, exact = np.load(folder / "frames_uint8.npy"), np.load(folder / "frames_float32.npy")
    assert stimuli["role"].to_list() == ["optimised"] * 5 + ["control"] * 2 + ["grey"]
    assert frames.shape == (8, 9, *SIZE)
    assert frames.dtype == np.uint8
    assert np.abs(frames - exact).max() <= 0.5
    assert np.all(exact[-1] == np.float32(GREY[0]))
    np.testing.assert_allclose(exact[:4], found[0].clips, atol=1e-3)
    assert [sorted(block["stimulus"]) for _, block in order.groupby("block")] == [list(range(8))] * 3
    assert order["stimulus"][:8].to_list() != order["stimulus"][8:16].to_list()
    np.testing.assert_allclose(np.diff(order["onset_s"]), 1.3)
    at_first = expected[expected["stimulus"] == 0]
    np.testing.assert_allclose(at_first["expected_known"], found[0].answers[0], rtol=1e-4)
    np.testing.assert_allclose(at_first["expected_other"] - 5, 1.1 * (found[0].answers[0] - 5), rtol=1e-3)
    said = json.loads((folder / "set.json").read_text())
    assert said["fingerprint"] == {"fingerprint": "abc"}
    assert said["budget"]["contrast_rms_grey_levels"] == pytest.approx(4.0)
    assert said["screen"]["frame_rate_hz"] == RATE
    assert (folder / "contact_sheet.png").stat().st_size > 5000
    with Image.open(folder / "contact_sheet.gif") as moving:  # stimulus 2 stands third in its first row
        assert moving.n_frames == frames.shape[1]
        moving.seek(3)
        larger = moving.width // 8 // SIZE[1]
        tile = np.asarray(moving.convert("L"))[: SIZE[0] * larger : larger, 2 * moving.width // 8 :: larger][:, : SIZE[1]]
    np.testing.assert_allclose(tile, frames[2, 3], atol=1)
    assert len(pd.read_csv(folder / "verified.csv")) == 4


def test_the_same_set_gives_the_same_bytes_and_is_not_written_over(tmp_path: Path):
    found = most_exciting(linear(), config=FREE)
    one, two = (write_stimulus_set(found, tmp_path / name, repeats=2) for name in ("one", "two"))
    names = sorted(path.name for path in one.iterdir() if path.name != "kind.json")
    assert [name for name in names if (one / name).read_bytes() != (two / name).read_bytes()] == []
    with pytest.raises(FileExistsError, match="a stimulus set is already there"):
        write_stimulus_set(found, one)
    write_stimulus_set(found, one, repeats=1, force=True)
    assert len(pd.read_csv(one / "order.csv")) == 5


def test_grey_levels_of_other_screens_are_stretched_to_bytes_and_said_to_be(tmp_path: Path):
    of = linear()
    units = replace(of, grey=(0.5, 0.2), module=lambda clips: of.module((clips - 0.5) / 0.2 * GREY[1] + GREY[0]))
    found = most_exciting(units, config=FREE.model_copy(update={"darkest": 0.0, "brightest": 1.0}))
    folder = write_stimulus_set(found, tmp_path / "set")
    frames, exact = np.load(folder / "frames_uint8.npy"), np.load(folder / "frames_float32.npy")
    np.testing.assert_allclose(frames / 255, exact, atol=0.002)
    said = json.loads((folder / "set.json").read_text())
    assert (said["budget"]["darkest"], said["budget"]["brightest"]) == (0, 1)
    assert said["files"]["frames_uint8.npy"].startswith("0 is grey level 0, 255 is 1: ")


def test_a_set_leaves_out_what_was_not_optimised_and_is_refused_when_nothing_was(tmp_path: Path):
    of = linear()
    quiet = replace(of, module=lambda clips: of.module(clips) * torch.tensor([1.0, 0.0, 1.0, 1.0]))
    found = most_exciting(quiet, config=FREE)
    folder = write_stimulus_set(found, tmp_path / "set")
    assert pd.read_csv(folder / "stimuli.csv")["unit_id"].dropna().to_list() == [1, 3, 4]
    with pytest.raises(ValueError, match="none of 1 stimuli was optimised: 1 never responds"):
        write_stimulus_set(most_exciting(quiet, [1], FREE), tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(ValueError, match="0 repeats"):
        write_stimulus_set(found, tmp_path / "none", repeats=0)
    with pytest.raises(ValueError, match="of one responder with the same settings"):
        write_stimulus_set([found, most_exciting(linear(), config=FREE)], tmp_path / "none")
