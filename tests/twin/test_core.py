from __future__ import annotations

import numpy as np
import pytest
import torch

from graphtwin.twin.model.core import ConvolutionalConfig, normalised
from graphtwin.twin.model.dense_lstm import DenseLstmConfig
from graphtwin.twin.model.network import PICTURE_FRAMES, AnimalStart, Twin, TwinConfig

CORES = {
    "recurrent": ConvolutionalConfig(first=6, hidden=8, features=8),
    "feedforward": ConvolutionalConfig(kind="feedforward", first=6, hidden=8, features=8),
    "dense_lstm": DenseLstmConfig(growth=4, layers=2, hidden=8, heads=2, features=8),
}


def twin_of(core: str, frame_rate_hz: float = 30.0, **settings: object) -> Twin:
    torch.manual_seed(0)
    start = AnimalStart(np.random.default_rng(0).uniform(-0.8, 0.8, (5, 2)), np.full(5, 0.5), 2, frame_rate_hz=frame_rate_hz)
    twin = Twin(TwinConfig(core=CORES[core], bf16=False, **settings), {"mouse": start}).eval()
    for parameter in twin.parameters():  # weights that start at 0 would hide mistakes
        parameter.data += 0.05 * torch.randn_like(parameter)
    return twin


def clip(frames: int = 30, clips: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(clips, frames, 16, 24), torch.randn(clips, frames, 2), torch.randn(clips, frames, 2)


@pytest.mark.parametrize("core", CORES)
@torch.no_grad()
def test_frame_by_frame_gives_the_numbers_of_the_whole_clip(core: str):
    twin, (video, behaviour, eye) = twin_of(core), clip()
    whole, _ = twin("mouse", video, behaviour, eye)
    state, streamed = None, []
    for t in range(video.shape[1]):
        numbers, state = twin("mouse", video[:, t : t + 1], behaviour[:, t : t + 1], eye[:, t : t + 1], state)
        streamed.append(numbers)
    assert torch.allclose(torch.cat(streamed, 1), whole, atol=1e-5)
    assert whole.std() > 1e-3


@pytest.mark.parametrize("core", CORES)
@torch.no_grad()
def test_a_picture_gives_the_last_numbers_of_a_clip_that_stands_still(core: str):
    twin, (video, behaviour, eye) = twin_of(core, frame_rate_hz=float("nan")), clip(frames=1)
    of_picture, _ = twin("mouse", video, behaviour, eye)
    still = (part.expand(-1, PICTURE_FRAMES, *part.shape[2:]) for part in (video, behaviour, eye))
    of_clip, _ = twin("mouse", *still)
    assert torch.allclose(of_picture[:, 0], of_clip[:, -1], atol=1e-5)
    assert core == "feedforward" or not torch.allclose(of_clip[:, 0], of_clip[:, -1], atol=1e-4)  # a memory needs its frames


def test_from_pictures_a_core_learns_nothing_of_time():
    twin = twin_of("recurrent", float("nan"))
    numbers, _ = twin.train()("mouse", *(part[:, :1] for part in clip(clips=6)))
    numbers.square().sum().backward()
    gradient = twin.core.first.kernels.grad.view(*twin.core.first.shape)
    assert gradient.abs().max() > 1e-3
    torch.testing.assert_close(gradient, gradient.mean(-1, keepdim=True).expand_as(gradient))  # every frame of a kernel is moved alike


@torch.no_grad()
def test_one_frame_of_a_video_is_no_picture():
    video, behaviour, eye = clip(frames=1)
    of_video, of_picture = (twin_of("recurrent", frame_rate_hz=rate)("mouse", video, behaviour, eye)[0] for rate in (30.0, float("nan")))
    assert not torch.allclose(of_video, of_picture, atol=1e-4)


def test_normalised_channels_say_what_is_there_and_not_at_what_contrast():
    x = torch.randn(3, 8, 9, 12, generator=torch.Generator().manual_seed(0))
    strong = normalised(100 * x)
    assert torch.allclose(strong, normalised(1000 * x), atol=1e-3)
    assert float(strong.square().mean()) == pytest.approx(1, abs=0.1)
    assert torch.allclose(normalised(1e-3 * x), 1e-3 * x * 2**0.5, rtol=1e-4)  # below its constant nothing is divided
    elsewhere = x.clone()
    elsewhere[:, :, 6:] *= 50
    assert torch.equal(normalised(elsewhere)[:, :, :5], normalised(x)[:, :, :5])
    assert not torch.allclose(normalised(elsewhere)[:, :, 5], normalised(x)[:, :, 5], atol=0.1)


@pytest.mark.parametrize("core", CORES)
@torch.no_grad()
def test_the_future_changes_nothing(core: str):
    twin, (video, behaviour, eye) = twin_of(core), clip()
    whole, _ = twin("mouse", video, behaviour, eye)
    video[:, 20:], behaviour[:, 20:], eye[:, 20:] = 3.0, -1.0, 2.0
    changed, _ = twin("mouse", video, behaviour, eye)
    assert torch.allclose(changed[:, :20], whole[:, :20], atol=1e-6)
    assert not torch.allclose(changed[:, 20:], whole[:, 20:], atol=1e-3)


@torch.no_grad()
def test_only_a_recurrent_core_remembers_beyond_its_frames():
    for core, remembers in (("recurrent", True), ("feedforward", False)):
        twin, (video, _, eye) = twin_of(core), clip()
        still = torch.zeros(2, 30, 2)
        before, _ = twin("mouse", video, still, eye)
        video[:, :5] = 2.0
        after, _ = twin("mouse", video, still, eye)
        assert (not torch.allclose(before[:, 20:], after[:, 20:], atol=1e-5)) == remembers


@torch.no_grad()
def test_a_still_scene_before_the_clip_is_what_its_first_frame_implies():
    twin, (video, behaviour, eye) = twin_of("feedforward"), clip(12)
    held = [torch.cat([values[:, :1].expand(-1, 12, *values.shape[2:]), values], 1) for values in (video, behaviour, eye)]
    assert torch.allclose(twin("mouse", *held)[0][:, 12:], twin("mouse", video, behaviour, eye)[0], atol=1e-5)


def test_an_unknown_animal_is_refused():
    with pytest.raises(ValueError, match=r"no animal 'rat' in this twin\. It has mouse: transfer it"):
        twin_of("recurrent").animal("rat")


@torch.no_grad()
def test_an_animal_that_answers_late_gets_the_same_answer_that_much_later():
    prompt, (video, _, eye) = twin_of("recurrent"), clip()
    still, gaze = torch.zeros(2, 30, 2), eye[:, :1].expand(-1, 30, -1)
    at_once, _ = prompt("mouse", video, still, gaze)
    late = twin_of("recurrent")
    late.animals[0].delay_s.fill_(4 / 30)
    held = torch.cat([video[:, :1].expand(-1, 4, -1, -1), video], dim=1)[:, :30]
    answered, _ = late("mouse", video, still, gaze)
    assert torch.allclose(answered, prompt("mouse", held, still, gaze)[0], atol=1e-5)
    assert torch.allclose(answered[:, 20:], at_once[:, 16:26], atol=0.02)  # both have forgotten how the clip began
    state, streamed = None, []
    for part in (slice(0, 1), slice(1, 3), slice(3, 30)):
        numbers, state = late("mouse", video[:, part], still[:, part], gaze[:, part], state)
        streamed.append(numbers)
    assert torch.allclose(torch.cat(streamed, 1), answered, atol=1e-5)


@torch.no_grad()
def test_the_same_delay_in_seconds_is_half_as_many_frames_at_half_the_frame_rate():
    late, (video, behaviour, eye) = twin_of("recurrent"), clip()
    for rate, frames in ((30.0, 4), (15.0, 2), (np.nan, 0)):
        late.animals[0].delay_s.fill_(4 / 30)
        late.animals[0].frame_rate_hz = rate
        held = torch.cat([video[:, :1].expand(-1, frames, -1, -1), video], dim=1)[:, :30]
        gaze = eye[:, :1].expand(-1, 30, -1)
        assert torch.allclose(late("mouse", video, behaviour, gaze)[0], twin_of("recurrent")("mouse", held, behaviour, gaze)[0], atol=1e-5)
