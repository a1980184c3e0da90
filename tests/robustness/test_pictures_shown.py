"""What a responder is shown of labelled pictures, and what a table of responses must say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.coordinates import Monitor
from graphtwin.insilico import TorchResponder
from graphtwin.robustness import RobustConfig, load_pictures, on_screen, shown_responses, told_responses

UNITS = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": [0, 1, 2]})


def watcher(rate: float = np.nan, monitor: Monitor | None = None, size: tuple[int, int] = (18, 32)) -> TorchResponder:
    """Means of the left third, middle third and right third of the screen, per frame."""

    def means(clips: torch.Tensor) -> torch.Tensor:
        return torch.stack([part.mean((2, 3)) for part in clips.tensor_split(3, dim=3)], -1)

    known = {} if monitor is None else {"monitor": monitor}
    return TorchResponder(name="watcher", units=UNITS, frame_rate_hz=rate, size=size, grey=(100.0, 40.0), module=means, **known)


def test_a_picture_fills_the_height_that_is_asked_for_in_the_middle_of_grey():
    pictures = np.zeros((2, 8, 8), np.float32)
    pictures[1] = 1.0
    square = Monitor(width_cm=32.0, height_cm=18.0, distance_cm=1000.0)
    screen = on_screen(watcher(monitor=square), pictures, 1.0)
    assert screen.shape == (2, 18, 32)
    assert (screen[0, :, 7:25] == 0).all()
    assert (screen[1, :, 7:25] == 255).all()
    assert (screen[:, :, :7] == 100).all()
    assert (screen[:, :, 25:] == 100).all()
    half = on_screen(watcher(monitor=square), pictures, 0.5)
    assert int((half[1] == 255).sum()) == 81


def test_of_a_screen_with_other_pixels_a_square_stays_square_in_degrees():
    tall = Monitor(width_cm=16.0, height_cm=18.0, distance_cm=1000.0)  # pixels half as wide as high
    screen = on_screen(watcher(monitor=tall), np.ones((1, 8, 8), np.float32), 0.5)[0]
    rows, columns = (screen == 255).any(1).sum(), (screen == 255).any(0).sum()
    assert (rows, columns) == (9, 18)


def test_a_responder_of_movies_sees_each_picture_for_as_long_as_is_said():
    seen: list[torch.Size] = []
    base = watcher(30.0)

    def module(clips: torch.Tensor) -> torch.Tensor:
        seen.append(clips.shape)
        ramp = torch.arange(clips.shape[1], dtype=torch.float32)[None, :, None]
        return base.module(clips) + ramp * torch.ones(3)

    movies = TorchResponder(name="movies", units=UNITS, frame_rate_hz=30.0, size=(18, 32), grey=(100.0, 40.0), module=module)
    pictures = np.random.default_rng(0).random((100, 8, 8)).astype(np.float32)
    found = shown_responses([movies], pictures, RobustConfig(shown_s=0.2))
    assert seen[-1][1] == 6
    still = shown_responses([watcher()], pictures, RobustConfig())
    np.testing.assert_allclose(found, still + 2.5, atol=1e-3)  # the mean of the ramp


def table(data, units: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.random((len(data.keys), units)), columns=[f"u{at}" for at in range(units)]).assign(picture=data.keys)


def test_a_table_of_responses_is_read_by_picture_whatever_its_order(tmp_path):
    data = load_pictures("digits", RobustConfig(pictures=300))
    told = table(data)
    shuffled = pd.concat([told.sample(frac=1, random_state=0), told.head(1).assign(picture="99999")])
    shuffled.to_csv(tmp_path / "responses.csv", index=False)
    found = told_responses(tmp_path / "responses.csv", data)
    np.testing.assert_allclose(found, told.drop(columns="picture").to_numpy(), rtol=1e-5)


def test_tables_that_do_not_fit_are_refused_in_words(tmp_path):
    data, path = load_pictures("digits", RobustConfig(pictures=300)), tmp_path / "responses.csv"
    told = table(data)
    for changed, said in (
        (told.rename(columns={"picture": "pictures"}), "no column 'picture' .nearest 'pictures'"),
        (pd.concat([told, told.head(2)]), "2 of 302 rows name a picture again"),
        (told.iloc[5:], "lacks 5 of 300 pictures of digits, first"),
        (told[["picture", "u0"]], "1 columns beside 'picture'"),
        (told.assign(u1=told["u1"].mask(data.is_test)), rf"NaN or infinite responses to {len(data.test)} of 300 pictures, first"),
        (told.assign(u1="much"), r"of which 1 are no numbers \(u1\)"),
    ):
        changed.to_csv(path, index=False)
        with pytest.raises(ValueError, match=said):
            told_responses(path, data)
