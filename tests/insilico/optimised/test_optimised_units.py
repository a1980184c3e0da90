"""What excites and inhibits single units most is known of linear and of energy units; budgets are held, and batches change nothing."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtwin.insilico.optimised import OptimiseConfig, diverse, most_exciting, most_inhibiting
from tests.insilico.known_responders import GREY, RATE, SIZE, gabor
from tests.insilico.optimised.known_units import FILTERS, FREE, PIXELS, contrast, cosine, delayed, energy, linear, pairs_of, responder


def test_what_excites_a_linear_unit_most_is_its_filter_at_the_budget():
    found = most_exciting(linear(), config=FREE)
    alike = [cosine(one, unit) for one, unit in zip(found.patterns[:, 0], FILTERS, strict=True)]
    assert min(alike) > 0.98, alike
    np.testing.assert_allclose(found.table["response"], 5 + 0.1 * np.sqrt(PIXELS), rtol=0.01)
    assert found.table["converged"].all()
    assert (found.table["steps"] < FREE.steps).all()


def test_nothing_is_finer_than_the_limit_and_what_is_half_as_fine_is_found_as_it_is():
    fine = np.hypot(np.fft.fftfreq(SIZE[0])[:, None], np.fft.fftfreq(SIZE[1])[None, :])
    window = np.hanning(SIZE[0])[:, None] * np.hanning(SIZE[1])
    found = most_exciting(linear(), config=FREE.model_copy(update={"cycles_a_pixel": 0.2}))  # the filters have 0.2 to 0.26
    power = np.abs(np.fft.fft2(window * found.patterns[:, 0])) ** 2
    assert (power * (fine > 0.26)).sum() < 0.01 * power.sum()
    free = np.abs(np.fft.fft2(window * FILTERS)) ** 2
    assert (free * (fine > 0.26)).sum() > 0.2 * free.sum()
    coarse = np.stack([gabor(0, 0, 0, 0.02, 12.0), gabor(20, 5, 60, 0.02, 12.0)])
    found = most_exciting(linear(coarse), config=FREE.model_copy(update={"cycles_a_pixel": 0.35}))
    assert min(cosine(one, unit) for one, unit in zip(found.patterns[:, 0], coarse, strict=True)) > 0.97


def test_an_energy_unit_is_driven_as_by_its_own_best_gabor():
    pairs = pairs_of()
    found = most_exciting(energy(pairs), config=FREE)
    size = 0.1 * np.sqrt(PIXELS)
    phases = np.linspace(0, np.pi, 16, endpoint=False)
    own = np.array([[np.cos(phase) * pair[0] + np.sin(phase) * pair[1] for phase in phases] for pair in pairs])
    own *= size / np.linalg.norm(own, axis=(2, 3), keepdims=True)
    best = np.sqrt(np.einsum("uphw,uqhw->upq", own, pairs)[..., :] ** 2 @ np.ones(2) + 1e-3).max(1)
    assert (found.table["response"] >= 0.95 * best).all()


@pytest.mark.parametrize("rms", [0.1, 0.5, 1.2])
def test_budgets_are_held_exactly_and_grey_levels_are_within_their_range(rms: float):
    found = most_exciting(linear(), config=FREE.model_copy(update={"contrast_sd": rms, "darkest": 40.0, "brightest": 200.0}))
    np.testing.assert_allclose(np.sqrt(((found.clips - GREY[0]) ** 2).mean((1, 2, 3))), rms * GREY[1], rtol=1e-4)
    assert found.clips.min() >= 40 - 1e-3
    assert found.clips.max() <= 200 + 1e-3
    np.testing.assert_allclose(found.table["contrast_sd"], rms, rtol=1e-4)


def test_a_mask_lets_nothing_through_where_it_is_0():
    mask = np.zeros(SIZE)
    mask[:, :16] = 1
    found = most_exciting(linear(), config=FREE, mask=mask)
    assert not found.patterns[:, 0, :, 16:].any()
    left = FILTERS[2] * mask
    assert cosine(found.patterns[2, 0], left) > 0.98
    np.testing.assert_allclose(found.table["contrast_sd"], 0.1, rtol=1e-4)


def test_a_unit_is_given_the_same_stimulus_in_any_company():
    units = energy(pairs_of(4))
    together = most_exciting(units, config=FREE)
    alone = [most_exciting(units, [row], FREE) for row in range(4)]
    twos = most_exciting(units, [3, 1, 0, 2], FREE.model_copy(update={"batch": 2}))
    for row, place in zip(range(4), (2, 1, 3, 0), strict=True):
        assert cosine(together.patterns[row], alone[row].patterns[0]) > 0.9999
        assert cosine(together.patterns[row], twos.patterns[place]) > 0.9999
        assert together.table["response"][row] == pytest.approx(alone[row].table["response"][0], rel=1e-4)


def test_one_seed_gives_the_same_bytes_and_another_begins_elsewhere():
    units = energy(pairs_of())
    first, again, other = (most_exciting(units, config=FREE.model_copy(update={"seed": seed})) for seed in (0, 0, 1))
    assert first.clips.tobytes() == again.clips.tobytes()
    assert first.table.equals(again.table)
    assert not np.array_equal(first.clips, other.clips)
    np.testing.assert_allclose(first.table["response"], other.table["response"], rtol=0.03)


def test_inhibiting_goes_below_what_a_grey_screen_is_answered_by():
    found = most_inhibiting(linear(base=5.0), config=FREE)
    assert (found.table["response"] < found.table["response_at_rest"] - 2).all()
    assert min(-cosine(one, unit) for one, unit in zip(found.patterns[:, 0], FILTERS, strict=True)) > 0.98


def test_a_background_that_drives_a_silent_unit_lets_it_be_inhibited(caplog: pytest.LogCaptureFixture):
    units = linear(base=0.0)
    with caplog.at_level(logging.WARNING):
        best = most_exciting(units, config=FREE)
        found = most_inhibiting(units, config=FREE, background=best.clips)
    assert found.table["response"].max() < 0.1 * best.table["response"].min()
    np.testing.assert_allclose(found.table["contrast_sd"], 0.1, rtol=1e-4)


def test_videos_drive_units_that_pictures_do_not():
    units = delayed()
    video = most_exciting(units, config=FREE.model_copy(update={"moving": True}))
    picture = most_exciting(units, config=FREE)
    assert video.clips.shape == (4, 9, *SIZE)
    assert picture.clips.shape == (4, 1, *SIZE)
    assert (picture.table["status"] == "never responds").all()
    assert (video.table["response"] > 1.5 * np.log(2)).all()
    counted = video.patterns[:, 3:]
    steps = np.diff(np.einsum("ufhw,uhw->uf", counted, FILTERS), axis=1)
    assert (np.sign(steps[:, 1:]) != np.sign(steps[:, :-1])).mean() > 0.5  # to and fro


def test_a_still_picture_on_a_responder_of_videos_is_that_of_pictures():
    moving, still = most_exciting(linear(rate=RATE), config=FREE), most_exciting(linear(), config=FREE)
    assert min(cosine(a, b) for a, b in zip(moving.patterns, still.patterns, strict=True)) > 0.999


def test_sets_differ_while_they_keep_the_share_that_was_asked_for():
    units = energy(pairs_of())
    sets = diverse(most_exciting(units, config=FREE), size=3, share=0.7)
    assert len(sets) == 3
    for one in sets[1:]:
        assert (one.table["share"] >= 0.7).all(), one.table["share"].to_list()
    assert (sets[1].table["similarity"] < 0.1).all(), sets[1].table["similarity"]  # other phases do as much
    linear_sets = diverse(most_exciting(linear(), config=FREE), size=2, share=0.7)
    alike = linear_sets[1].table["similarity"]  # a linear one has none: the share is the cosine
    np.testing.assert_allclose(alike, linear_sets[1].table["share"], atol=0.02)
    np.testing.assert_allclose(alike, 0.7, atol=0.05)


def test_a_unit_that_never_responds_is_flagged_and_named(caplog: pytest.LogCaptureFixture):
    of = linear()
    quiet = replace(of, module=lambda clips: of.module(clips) * torch.tensor([1.0, 0.0, 1.0, 1.0]))
    with caplog.at_level(logging.WARNING):
        found = most_exciting(quiet, config=FREE)
    assert found.table["status"].to_list() == ["optimised", "never responds", "optimised", "optimised"]
    assert np.isnan(found.table["response"][1])
    assert np.all(found.clips[1] == np.float32(GREY[0]))
    assert "known: 1 of 4 stimuli were not optimised: never responds (session-scan_idx-unit_id 1-1-2; 4 patterns" in caplog.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"contrast_sd": 4.0}, r"budget: a root mean square contrast of 4 standard deviations, but grey levels 0 to 255 around 120 hold 3"),
        ({"darkest": 130.0}, r"its mean grey level 120 is not between 130 and 255"),
        (
            {"darkest": 200.0, "brightest": 100.0},
            r"darkest grey level 200 is not below the brightest, 100\. Give the range that its screen",
        ),
        ({"cycles_a_pixel": 0.03}, r"cycles_a_pixel 0\.03 ends below one cycle across its 32 pixels, .* Give more than 0\.031"),
        ({"moving": True}, "knows single pictures only, and a video is asked for"),
    ],
)
def test_a_budget_that_cannot_be_met_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        most_exciting(linear(), config=FREE.model_copy(update=change))
    mask = np.zeros(SIZE)
    mask[9, 10:14] = 1
    with pytest.raises(ValueError, match=r"budget: .* of which the mask lets 1% through"):
        most_exciting(linear(), config=FREE.model_copy(update={"contrast_sd": 0.5}), mask=mask)


def test_wrong_rows_masks_backgrounds_and_lengths_are_refused():
    with pytest.raises(ValueError, match=r"1 of 2 rows of units are not among its 4\. Give rows from 0 to 3"):
        most_exciting(linear(), [0, 4], FREE)
    with pytest.raises(ValueError, match=r"mask: shape \(18, 32\); numbers of 0 to 1"):
        most_exciting(linear(), config=FREE, mask=np.full(SIZE, 2.0))
    with pytest.raises(ValueError, match=r"background: shape \(1, 4, 4\)"):
        most_exciting(linear(), config=FREE, background=np.zeros((1, 4, 4)))
    with pytest.raises(ValueError, match="576 of 576 pixels are beyond the grey levels 0 to 255"):
        most_exciting(linear(), config=FREE, background=np.full((1, *SIZE), 300.0))
    with pytest.raises(ValueError, match="a stimulus of 9 frames at 30 Hz, of which 15 do not count"):
        most_exciting(linear(rate=RATE), config=FREE.model_copy(update={"onset_s": 0.5}))


class Deaf:
    """A responder without gradients."""

    def __init__(self, of):
        for name in set(dir(of)) - set(dir(self)) - {"drive", "device", "members"}:
            setattr(self, name, getattr(of, name))


def test_responders_without_gradients_are_refused_in_words():
    with pytest.raises(TypeError, match="known answers without gradients, which are needed here"):
        most_exciting(Deaf(linear()), config=FREE)
    of = linear()
    with pytest.raises(ValueError, match="its answers carry no gradient, though it says it has them"):
        most_exciting(replace(of, module=lambda clips: of.module(clips.detach())), config=FREE)


def test_gradients_and_answers_that_are_no_numbers_are_refused_in_words():
    weights = torch.as_tensor(gabor(0, 0, 0).reshape(-1), dtype=torch.float32)

    def steep(clips: torch.Tensor) -> torch.Tensor:  # the root of 0 has no slope
        return (0 * (contrast(clips) @ weights)).sqrt()[..., None] + contrast(clips).sum(2, keepdim=True)

    units = responder(steep, 1)
    with pytest.raises(ValueError, match=r"gradient of 1 of 1 stimuli is NaN or infinite, though its .* \(first: unit 1-1-1\)"):
        most_exciting(units, config=FREE)
    broken = replace(linear(), module=lambda clips: linear().module(clips) * torch.nan)
    with pytest.raises(ValueError, match=r"known: .* answers are NaN or infinite"):
        most_exciting(broken, config=FREE)


def test_settings_know_their_bounds():
    with pytest.raises(ValueError, match="contrast_sd"):
        OptimiseConfig(contrast_sd=0)
    with pytest.raises(ValueError, match="diverse sets: size 1"):
        diverse(most_exciting(linear(), [0], FREE), size=1)


def test_units_with_next_to_no_slope_where_they_begin_are_found_all_the_same():
    of = linear(base=0.0)
    steep = replace(of, module=lambda clips: torch.exp(15 * (torch.log1p(of.module(clips)) - 2.5)) * 1e-3)
    found = most_exciting(steep, config=FREE.model_copy(update={"steps": 200}))
    assert np.isfinite(found.clips).all()
    assert min(cosine(one, unit) for one, unit in zip(found.patterns[:, 0], FILTERS, strict=True)) > 0.97


def test_a_start_that_silences_a_unit_is_its_most_inhibiting_stimulus(caplog: pytest.LogCaptureFixture):
    units = linear(base=0.0)
    with caplog.at_level(logging.WARNING):
        found = most_inhibiting(units, config=FREE.model_copy(update={"starts": 16}))
    assert found.table["status"].str.startswith("kept its start").all()
    assert found.optimised.all()
    assert (found.table["response"] == 0).all()
    np.testing.assert_allclose(found.table["contrast_sd"], 0.1, rtol=1e-4)
    assert "4 of 4 stimuli were not optimised: kept its start: no gradient there" in caplog.text
