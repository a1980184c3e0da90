"""Stimuli in sequence, superposed and through windows are their parts; pictures of files are shown in their own grey levels."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from PIL import Image

from graphtwin.insilico.stimuli import (
    Blank,
    Disc,
    DriftingGrating,
    InSequence,
    Monet,
    NaturalClip,
    NaturalImage,
    Screen,
    StaticGrating,
    Superposed,
    Windowed,
    from_toml,
    natural_images,
    render_batch,
    to_toml,
)

SCREEN = Screen()
PICTURES = Screen(frame_rate_hz=float("nan"))


def test_a_sequence_is_its_parts_one_after_the_other_and_lasts_their_sum():
    parts = (Blank(duration_s=0.5), DriftingGrating(duration_s=0.4), Monet(duration_s=0.3))
    shown = InSequence(parts=parts)
    assert shown.duration_s == pytest.approx(1.2)
    assert torch.equal(shown.render(SCREEN), torch.cat([part.render(SCREEN) for part in parts]))
    twice = InSequence(parts=(shown, shown))
    assert torch.equal(twice.render(SCREEN), torch.cat([shown.render(SCREEN)] * 2))


def test_sequences_whose_parts_have_other_lengths_are_drawn_together():
    first = InSequence(parts=(Blank(duration_s=0.5), DriftingGrating(duration_s=0.5)))
    second = InSequence(parts=(DriftingGrating(duration_s=0.9), Blank(duration_s=0.1)))
    shown = render_batch([first, second], SCREEN)
    assert torch.equal(shown, torch.stack([render_batch([one], SCREEN)[0] for one in (first, second)]))


def test_superposed_stimuli_are_a_sum_which_may_not_leave_the_screen():
    parts = DriftingGrating(contrast=0.4), Monet(contrast=0.6, duration_s=1.0)
    shown = Superposed(parts=parts).render(SCREEN)
    np.testing.assert_allclose(shown.numpy(), sum(part.render(SCREEN).numpy() for part in parts), atol=1e-6)
    with pytest.raises(ValueError, match=r"superposed: contrast reaches 1.4 in \d+ of 69120 pixels of 1 stimuli, and the screen ends at 1"):
        Superposed(parts=(DriftingGrating(contrast=0.7), DriftingGrating(contrast=0.7))).render(SCREEN)
    with pytest.raises(ValueError, match="superposed: parts last 1, 2 s, and all must last equally long"):
        Superposed(parts=(Blank(duration_s=1), Blank(duration_s=2)))


def test_what_parts_may_not_do_is_refused_through_any_composition():
    too_fast = DriftingGrating(cycles_per_second=20)
    for composed in (InSequence(parts=(too_fast,)), Superposed(parts=(Blank(), too_fast)), Windowed(part=too_fast, aperture=Disc())):
        with pytest.raises(ValueError, match="drifting_grating: 20 cycles per second are not below half of the 30 frames a second"):
            composed.render(SCREEN)
        with pytest.raises(ValueError, match=f"{composed.kind}: moves, and the screen shows single pictures"):
            composed.render(PICTURES)
    with pytest.raises(ValueError, match=r"windowed: its centre at \(0, 99\) degrees is beyond the screen"):
        Windowed(part=Blank(), aperture=Disc(y_deg=99)).render(SCREEN)
    still = Windowed(part=InSequence(parts=(StaticGrating(),)), aperture=Disc())
    assert still.render(PICTURES).shape == (1, 36, 64)


@pytest.fixture
def album(tmp_path):
    """Five pictures of the screen's pixels in a file."""
    pictures = np.random.default_rng(1).integers(0, 256, (5, 36, 64)).astype(np.uint8)
    np.save(tmp_path / "album.npy", pictures)
    return str(tmp_path / "album.npy"), pictures


def test_a_picture_of_the_screen_s_pixels_is_shown_in_its_own_grey_levels(album):
    path, pictures = album
    shown = render_batch([NaturalImage(path=path, number=number) for number in (3, 0, 3)], SCREEN)
    assert shown.shape == (3, 15, 36, 64)
    assert shown[:, 7].numpy() == pytest.approx(pictures[[3, 0, 3]].astype(float), abs=1e-4)
    np.save(path, np.zeros((1, 36, 64)))
    assert (NaturalImage(path=path).render(PICTURES) == -1).all()  # black is a picture too
    np.save(path, pictures)
    dim = NaturalImage(path=path, number=3, black=-255, white=510).render(PICTURES)
    assert dim[0].numpy() == pytest.approx((pictures[3] - 127.5) / 382.5, abs=1e-6)


def test_pictures_given_as_an_array_are_kept_in_a_file_that_is_not_written_over(tmp_path):
    pictures = np.random.default_rng(2).random((4, 36, 64)).astype(np.float32)
    path = tmp_path / "mine.npy"
    stimuli = natural_images(pictures, path, white=1.0)
    assert [stimulus.number for stimulus in stimuli] == [0, 1, 2, 3]
    shown = render_batch(from_toml(to_toml(stimuli)), PICTURES)
    assert shown[:, 0].numpy() == pytest.approx(255 * pictures, abs=1e-3)
    with pytest.raises(FileExistsError, match=r"mine.npy: exists"):
        natural_images(pictures, path)


def test_pictures_of_another_shape_are_cut_around_their_middle_and_averaged_which_the_log_tells(tmp_path, caplog):
    height, width = SCREEN.extent_deg
    columns = 640
    rows = round(columns * height / width)
    ramp = np.linspace(0, 255, columns)[None] * np.ones((rows + 200, 1))
    ramp[:100], ramp[-100:] = 0, 255  # what lies above and below is cut off
    np.save(tmp_path / "high.npy", ramp[None])
    with caplog.at_level(logging.INFO, logger="graphtwin"):
        shown = render_batch([NaturalImage(path=str(tmp_path / "high.npy"))], PICTURES)[0, 0].numpy()
    assert f"pictures of {rows + 200} x 640 pixels, of which the middle {rows} x 640 fill the screen of 36 x 64" in caplog.text
    wanted = ramp[200].reshape(64, 10).mean(1)  # ten columns a pixel
    assert shown[:, 2:-2] == pytest.approx(np.broadcast_to(wanted[2:-2], (36, 60)), abs=0.5)


def test_a_folder_of_images_is_read_in_the_order_of_names_whatever_their_format_and_size(tmp_path):
    levels = {"b.png": 100, "a.png": 30, "c.npy": 200}
    for number, (name, level) in enumerate(levels.items()):
        picture = np.full((40 + 10 * number, 90), level, dtype=np.uint8)
        picture[0, :2] = 0, 255
        np.save(tmp_path / name, picture) if name.endswith("npy") else Image.fromarray(picture).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    shown = render_batch([NaturalImage(path=str(tmp_path), number=number) for number in range(3)], PICTURES)
    assert shown[:, 0, 18, 32].numpy() == pytest.approx([30, 100, 200], abs=1e-3)


def test_a_clip_starts_where_asked_and_keeps_its_speed_on_a_screen_of_another_rate(tmp_path):
    movie = np.arange(60, dtype=np.float32)[:, None, None] * np.ones((1, 36, 64), dtype=np.float32) * 4
    path = str(tmp_path / "movie.npy")
    np.save(path, movie)
    same = NaturalClip(path=path, first_frame=7, duration_s=0.5).render(SCREEN)
    assert (same[:, 0, 0].numpy() + 1) * 127.5 / 4 == pytest.approx(np.arange(7, 22), abs=1e-4)
    slow = NaturalClip(path=path, frames_per_second=12.0, duration_s=1.0).render(SCREEN)
    assert (slow[:, 0, 0].numpy() + 1) * 127.5 / 4 == pytest.approx(np.floor(np.arange(30) * 12 / 30 + 1e-9), abs=1e-4)
    with pytest.raises(ValueError, match=r"movie.npy: pictures up to number 89 are asked for, of 60. Ask for fewer"):
        NaturalClip(path=path, duration_s=3.0).render(SCREEN)


def test_pictures_that_are_not_what_was_said_are_refused_in_words(album, tmp_path):
    path, _ = album
    np.save(tmp_path / "small.npy", np.random.default_rng(0).random((2, 36, 64)))
    np.save(tmp_path / "flat.npy", np.zeros((36, 64)))
    (tmp_path / "empty").mkdir()
    (tmp_path / "one").mkdir()
    np.save(tmp_path / "one" / "a.npy", np.zeros((2, 36, 64)))
    refused = {
        "small.npy": "small.npy: grey levels from .* to 0.99.*, and black is 0, white 255. Give the levels of this file",
        "flat.npy": r"flat.npy: an array of shape \(36, 64\). Give grey levels \[pictures rows columns\]",
        "empty": r"empty: no image \(.png, .jpg",
        "one": r"a.npy: an array of shape \(2, 36, 64\). Give grey levels \[rows columns\]",
        "none.npy": "none.npy: no such file. Give the path of a .npy",
        "movie.avi": "movie.avi: no .npy and no folder of images",
    }
    for name, told in refused.items():
        with pytest.raises((ValueError, FileNotFoundError), match=told):
            NaturalImage(path=str(tmp_path / name)).render(SCREEN)
    with pytest.raises(ValueError, match=r"album.npy: grey levels from 0 to 255, and black is 10, white 255"):
        NaturalImage(path=path, black=10).render(SCREEN)
    with pytest.raises(ValueError, match=r"album.npy: no picture of number 9 \(1 of 1 asked for\), of 5 from 0"):
        NaturalImage(path=path, number=9).render(SCREEN)
    for kind in (NaturalImage, NaturalClip):
        with pytest.raises(ValueError, match="black, 3, must be below white, 3"):
            kind(path=path, black=3, white=3)
