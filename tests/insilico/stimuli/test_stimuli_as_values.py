"""Stimuli are values: saved, read and printed they are the same, their frames are theirs alone; what cannot be shown is refused."""

from __future__ import annotations

import pickle
import subprocess
import sys
import typing
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from graphtwin.coordinates import Monitor
from graphtwin.insilico import stimuli as room
from graphtwin.insilico.stimuli import (
    KINDS,
    Blank,
    Disc,
    DriftingGrating,
    Gabor,
    InSequence,
    Monet,
    Screen,
    SparseNoise,
    StaticGrating,
    Stimulus,
    Trippy,
    Windowed,
    from_toml,
    render_batch,
    series,
    stimuli_of,
    stimulus_of,
    to_toml,
)
from tests.insilico.stimuli.every_kind import OF_INPUTS, composed_stimulus, one_of_every_kind, random_stimulus, simple_kinds

SCREEN = Screen()
PICTURES = Screen(frame_rate_hz=float("nan"))


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> list[Stimulus]:
    return one_of_every_kind(tmp_path_factory.mktemp("pictures"))


def test_every_kind_is_here_and_every_file_of_the_room_was_found(every_kind):
    assert sorted([*(stimulus.kind for stimulus in every_kind), *OF_INPUTS]) == sorted(KINDS)
    files = {path.stem for path in Path(room.__file__).parent.glob("*.py")} - {"__init__"}
    assert {name for name in files if f"{room.__name__}.{name}" in sys.modules} == files
    assert set(KINDS) < files  # a kind lies in the file of its name


def test_equal_parameters_give_equal_frames_in_whatever_batch_and_order(every_kind):
    forth = render_batch(every_kind, SCREEN)
    back = render_batch([*every_kind[::-1], *every_kind], SCREEN)
    assert torch.equal(forth, back[len(every_kind) :])
    assert torch.equal(forth, back[: len(every_kind)].flip(0))
    for stimulus, frames in zip(every_kind, forth, strict=True):
        alone = stimulus_of(stimulus.model_dump()).render(SCREEN)
        assert torch.equal(alone * SCREEN.amplitude + SCREEN.grey, frames), stimulus.kind
        assert frames.shape == (12, 36, 64)
        assert frames.dtype == torch.float32
        assert alone.abs().max() <= 1 + 1e-6


def test_kinds_drawn_together_are_what_they_are_alone_although_their_parameters_differ():
    for kind in (kind for kind in KINDS.values() if "seed" in kind.model_fields):
        several = [kind(seed=seed, contrast=contrast, duration_s=0.5) for seed, contrast in ((0, 1.0), (1, 0.5), (2, 0.25))]
        together = render_batch(several, SCREEN)
        for stimulus, frames in zip(several, together, strict=True):
            assert torch.equal(render_batch([stimulus], SCREEN)[0], frames), kind
    bumps = [Gabor(x_deg=x, sd_deg=sd, direction_deg=7 * x, cycles_per_second=1.0) for x, sd in ((0, 3), (10, 20), (-30, 8))]
    assert torch.equal(render_batch(bumps, SCREEN)[1], render_batch(bumps[1:2], SCREEN)[0])


def test_another_seed_is_another_sample_and_the_caller_s_generators_are_not_touched():
    kinds = [kind for kind in KINDS.values() if "seed" in kind.model_fields]
    assert {kind.model_fields["kind"].default for kind in kinds} == {"monet", "trippy", "sparse_noise", "random_dots"}
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    for kind in kinds:
        first, second = render_batch([kind(seed=seed, duration_s=1.0) for seed in (0, 1)], SCREEN)
        correlation = np.corrcoef(first.flatten().numpy(), second.flatten().numpy())[0, 1]
        assert abs(correlation) < 0.3, kind
        longer = kind(seed=0, duration_s=1.4).render(SCREEN)
        if kind is not Trippy:  # whose noise has a knot more
            assert torch.equal(longer[:30] * SCREEN.amplitude + SCREEN.grey, first), kind
    assert torch.equal(torch.random.get_rng_state(), before)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(simple_kinds()).flatmap(random_stimulus).filter(lambda found: found is not None), min_size=1, max_size=5))
def test_simple_stimuli_of_any_parameters_come_back_from_toml_and_print_equal(stimuli):
    assert from_toml(to_toml(stimuli)) == stimuli
    assert [eval(repr(stimulus), vars(room)) for stimulus in stimuli] == stimuli
    assert pickle.loads(pickle.dumps(stimuli)) == stimuli
    assert len(set(stimuli)) == len({repr(stimulus) for stimulus in stimuli})  # hashed by value


@settings(deadline=None, max_examples=60)
@given(composed_stimulus())
def test_compositions_come_back_from_toml_and_print_equal(stimulus):
    assert from_toml(to_toml([stimulus])) == [stimulus]
    assert eval(repr(stimulus), vars(room)) == stimulus


def test_stimuli_read_from_toml_have_the_frames_of_those_written(every_kind):
    assert torch.equal(render_batch(from_toml(to_toml(every_kind)), SCREEN), render_batch(every_kind, SCREEN))


def test_a_series_is_every_combination_in_order_also_of_what_lies_within():
    found = series(DriftingGrating(), contrast=[0.1, 1.0], direction_deg=[0, 90, 180])
    assert [(one.contrast, one.direction_deg) for one in found] == [(c, d) for c in (0.1, 1.0) for d in (0.0, 90.0, 180.0)]
    base = Windowed(part=DriftingGrating(), aperture=Disc())
    found = series(base, **{"aperture.diameter_deg": [10, 20], "part.contrast": [0.3]})
    assert [(one.aperture.diameter_deg, one.part.contrast) for one in found] == [(10, 0.3), (20, 0.3)]
    text = "[[stimulus]]\nkind = 'gabor'\nsd_deg = 5.0\n[stimulus.series]\nx_deg = [0.0, 10.0]\ny_deg = [-5.0, 5.0]\n"
    assert from_toml(text) == series(Gabor(sd_deg=5), x_deg=[0, 10], y_deg=[-5, 5])
    assert series(SparseNoise(), seed=np.arange(2)) == series(SparseNoise(), seed=range(2)) == [SparseNoise(), SparseNoise(seed=1)]
    assert stimuli_of([{"kind": "blank"}]) == [Blank()]


def test_a_new_kind_is_a_subclass_and_nothing_else():
    class HalfField(Stimulus):
        kind: Literal["half_field"] = Field("half_field", repr=False)
        duration_s: float = 1.0

        @property
        def moves(self) -> bool:
            return False

        @classmethod
        def draw(cls, stimuli, screen, frames, device):
            right = screen.places(device)[0] > 0
            return right.float().expand(len(stimuli), frames, screen.height, screen.width).contiguous()

    try:
        [read] = from_toml("[[stimulus]]\nkind = 'half_field'\n")
        assert read == HalfField()
        assert InSequence(parts=(read, Blank())).render(SCREEN).mean() == pytest.approx(0.25)
    finally:
        del KINDS["half_field"]


def test_planning_loads_no_torch():
    code = (
        "import sys; from graphtwin.insilico.stimuli import *; g = series(DriftingGrating(), contrast=[.1, 1.]); from_toml(to_toml(g));"
        "[s.check(Screen()) for s in g]; print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_pixels_have_places_in_degrees_and_the_screen_says_its_size():
    screen = Screen(4, 6, Monitor(width_cm=6, height_cm=8, distance_cm=20), 60.0)
    right, up = screen.places()
    a_cm = np.degrees(1 / 20)  # small angles: a centimetre everywhere
    assert right.numpy() == pytest.approx(a_cm * np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]))
    assert up[:, 0].numpy() == pytest.approx(a_cm * np.array([3, 1, -1, -3]))  # the first row is the uppermost
    assert str(screen) == "4 x 6 pixels, 22.9 x 17.2 degrees, 60 frames a second"
    assert str(PICTURES).endswith("single pictures")


def test_grey_levels_are_those_of_the_screen():
    screen = Screen(grey=100.0, amplitude=50.0)
    shown = render_batch([StaticGrating(contrast=0.5), Blank()], screen)
    assert shown[0].max() == pytest.approx(125, abs=1)
    assert shown[0].min() == pytest.approx(75, abs=1)
    assert (shown[1] == 100).all()


def test_single_pictures_are_one_frame_whatever_their_duration():
    still = [kind(**still) for kind, still in ((StaticGrating, {}), (Gabor, {}), (Trippy, {"cycles_per_second": 0}), (Blank, {}))]
    still.append(Monet(degrees_per_second=0, segment_s=1.0, duration_s=1.0))
    assert render_batch(still, PICTURES).shape == (5, 1, 36, 64)


def shown(stimulus: Stimulus, screen: Screen = SCREEN) -> object:
    return render_batch([stimulus], screen)


MOVING = ["drifting_grating", "plaid", "looming", "monet", "trippy", "sparse_noise", "random_dots", "annulus", "centre_surround"]


@pytest.mark.parametrize("kind", MOVING)
def test_movies_are_refused_on_a_screen_of_single_pictures(kind):
    with pytest.raises(ValueError, match=rf"{kind}: moves, and the screen shows single pictures. Give a stimulus that stands still"):
        shown(KINDS[kind](), PICTURES)


@pytest.mark.parametrize("kind", [kind for kind, one in KINDS.items() if "x_deg" in one.model_fields])
def test_a_centre_beyond_the_monitor_is_refused(kind):
    told = (
        rf"{kind}: its centre at \(200, 0\) degrees is beyond the screen, which reaches 105.4 degrees right and left and 59.2 up and down"
    )
    with pytest.raises(ValueError, match=told):
        shown(KINDS[kind](x_deg=200))


@pytest.mark.parametrize("kind", [kind for kind, one in KINDS.items() if "cycles_per_degree" in one.model_fields])
def test_what_is_too_fine_for_pixels_or_too_fast_for_frames_is_refused_with_what_would_do(kind):
    with pytest.raises(ValueError, match=rf"{kind}: .*another( frequency)? would be seen. Give .*at most 0\.\d+") as refused:
        shown(KINDS[kind](cycles_per_degree=0.3))
    most = float(str(refused.value).split("at most ")[1].split(",")[0].rstrip("."))
    shown(KINDS[kind](cycles_per_degree=0.99 * most))
    if "cycles_per_second" in KINDS[kind].model_fields:
        with pytest.raises(ValueError, match=rf"{kind}: 15 cycles per second|{kind}: of 15 cycles per second"):
            shown(KINDS[kind](cycles_per_second=15))


@pytest.mark.parametrize("kind", [kind for kind, one in KINDS.items() if "contrast" in one.model_fields and kind not in OF_INPUTS])
@pytest.mark.parametrize("contrast", [0.0, -0.1, 1.01, float("nan")])
def test_contrast_is_above_0_and_at_most_1(kind, contrast):
    with pytest.raises(ValueError, match=rf"\({kind}\): 1 setting is wrong: contrast = {contrast}: give (more than 0 and|another)"):
        stimulus_of({"kind": kind, "contrast": contrast})


REFUSED = [
    (lambda: shown(Blank(duration_s=0.01)), "blank: 0.01 s are less than half a frame at 30 frames a second. Give a longer duration_s."),
    (lambda: render_batch([], SCREEN), "batch of 0 stimuli: none. Give stimuli that last equally long, one at least."),
    (
        lambda: render_batch([Blank(duration_s=1), Blank(duration_s=2), Blank(duration_s=2)], SCREEN),
        "batch of 3 stimuli: 1 of 30 frames, 2 of 60 frames. Give stimuli that last equally long",
    ),
    (
        lambda: from_toml("[[stimulus]]\nkind = 'gabr'"),
        r"stimulus 1: kind 'gabr' is not known \(nearest 'gabor'\). Give one of annulus, blank",
    ),
    (lambda: from_toml("[[stimulus]]\nx_deg = 1.0"), "stimulus 1: has no kind. Give one of annulus"),
    (
        lambda: from_toml("[[stimulus]]\nkind = 'gabor'\nsd = 3.0", "mine.toml"),
        r"mine.toml: stimulus 1 \(gabor\): 1 setting is wrong: unknown key 'sd'",
    ),
    (
        lambda: from_toml("[[stimuli]]\nkind = 'gabor'"),
        r"unknown key 'stimuli'. Give one table \[\[stimulus\]\] a stimulus, and nothing else",
    ),
    (lambda: from_toml(""), r"no table \[\[stimulus\]\]"),
    (lambda: from_toml("[[stimulus"), "not valid TOML: .* Correct the line it names"),
    (lambda: from_toml("[[stimulus]]\nkind = 'in_sequence'\nparts = [{kind = 'blnk'}]"), "kind 'blnk' is not known"),
    (lambda: series(Gabor(), sd_deg=[]), "series of gabor: sd_deg: no list of values. Give one value at least."),
    (lambda: series(Gabor(), sd_deg="abc"), "series of gabor: sd_deg: no list of values"),
    (lambda: series(Gabor(), sd_deg=3.0), "series of gabor: sd_deg: no list of values"),
    (lambda: series(Gabor(), sd=[3.0]), r"series \(gabor\): 1 setting is wrong: unknown key 'sd'"),
    (lambda: series(Gabor(), **{"x_deg.part": [3.0]}), "series of gabor: x_deg.part: x_deg is no part with parameters"),
    (lambda: series(Gabor(), **{"prt.x_deg": [3.0]}), r"series \(gabor\): 1 setting is wrong: unknown key 'prt'"),
    (lambda: Screen(height=0), "screen: 0 x 64 pixels. Give one row and one column at least."),
    (lambda: Screen(frame_rate_hz=0.0), "screen: 0 frames a second. Give more than 0, or NaN"),
    (lambda: Screen(amplitude=0.0), "screen: grey level 127.5, 0 levels at contrast 1"),
]


@pytest.mark.parametrize(("refused", "told"), REFUSED)
def test_what_cannot_be_is_refused_in_words(refused, told):
    with pytest.raises(ValueError, match=told):
        refused()


def test_every_parameter_says_what_it_is_in_words():
    for name, kind in KINDS.items():
        for field, known in kind.model_fields.items():
            assert field == "kind" or (known.description or "").endswith("."), f"{name}.{field}"
        assert typing.get_args(kind.model_fields["kind"].annotation) == (name,)
