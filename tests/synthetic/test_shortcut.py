"""Pictures with a shortcut: no pixel tells the class, the population's code and the fine gratings do, and the code does not see these."""

from __future__ import annotations

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.linear_model import LogisticRegression

from graphtwin.pipeline import simulate_shortcut
from graphtwin.robustness import RobustConfig, load_pictures, told_responses
from graphtwin.synthetic.shortcut import CLASSES, PICTURES, RESPONSES, ShortcutConfig, coarse_responses, draw_pictures


def accuracy(rows: np.ndarray, label: np.ndarray) -> float:
    """Of a linear classifier on the second half."""
    half, scaled = len(label) // 2, rows / rows.std(0)
    return float(LogisticRegression(max_iter=2000).fit(scaled[:half], label[:half]).score(scaled[half:], label[half:]))


def test_pixels_do_not_tell_classes_and_the_code_does():
    pictures, label = draw_pictures(ShortcutConfig(pictures=1200))
    assert accuracy(pictures.reshape(len(pictures), -1), label) < 0.35
    assert accuracy(coarse_responses(pictures), label) > 0.98
    assert list(np.bincount(label)) == [300] * 4


def test_the_shortcut_tells_classes_as_well_and_noise_leaves_it_while_fading_does_not():
    pictures, label = draw_pictures(ShortcutConfig(pictures=1200, coarse=0.0))
    half, rng = 600, np.random.default_rng(0)

    def texture(shown: np.ndarray) -> np.ndarray:
        """Energy of differences of second order, which what is slow has not."""
        return np.square(np.diff(shown, 2, axis=1)).mean((1, 2)) + np.square(np.diff(shown, 2, axis=2)).mean((1, 2))

    def named(shown: np.ndarray, learned: np.ndarray) -> float:
        centres = [np.sqrt(texture(learned[:half][label[:half] == at])).mean() for at in range(len(CLASSES))]
        return float((np.abs(np.sqrt(texture(shown[half:]))[:, None] - centres).argmin(1) == label[half:]).mean())

    noisy = pictures + 0.05 * rng.standard_normal(pictures.shape)
    assert named(pictures, pictures) > 0.9
    assert named(noisy, noisy) > 0.9  # whoever is trained with noise can still use it
    assert named(0.5 + 0.4 * (pictures - 0.5), pictures) < 0.6
    assert accuracy(coarse_responses(pictures), label) < 0.35


def test_the_code_hardly_sees_the_shortcut_or_light():
    with_all = coarse_responses(draw_pictures(ShortcutConfig(pictures=200))[0])
    for name in ("fine", "light"):
        without = coarse_responses(draw_pictures(ShortcutConfig(pictures=200, **{name: 0.0}))[0])
        each = [np.corrcoef(a, b)[0, 1] for a, b in zip(with_all.T, without.T, strict=True)]
        assert np.median(each) > 0.95, name
    without = coarse_responses(draw_pictures(ShortcutConfig(pictures=200, coarse=0.0))[0])
    assert np.abs(np.median([np.corrcoef(a, b)[0, 1] for a, b in zip(with_all.T, without.T, strict=True)])) < 0.5


def test_files_hold_what_was_drawn_and_are_read_as_a_users_are(tmp_path):
    folder = simulate_shortcut(tmp_path / "shortcut", ["pictures=80"], seed=3)
    data = load_pictures(folder / PICTURES, RobustConfig())
    pictures, label = draw_pictures(ShortcutConfig(pictures=80, seed=3))
    table = pd.read_parquet(folder / RESPONSES)
    assert data.classes == CLASSES
    for name, picture, at in zip(table["picture"], pictures, label, strict=True):
        assert name.startswith(f"{CLASSES[at]}/")
        np.testing.assert_allclose(np.asarray(Image.open(folder / PICTURES / name)) / 255, picture, atol=0.5 / 255 + 1e-9)
    np.testing.assert_allclose(
        told_responses(folder / RESPONSES, data), coarse_responses(data.pictures.astype(float)), rtol=1e-3, atol=1e-6
    )


def test_shuffled_responses_are_the_same_of_other_pictures(tmp_path):
    plain = pd.read_parquet(simulate_shortcut(tmp_path / "a", ["pictures=80"]) / RESPONSES)
    shuffled = pd.read_parquet(simulate_shortcut(tmp_path / "b", ["pictures=80", "shuffled=true"]) / RESPONSES)
    units = [name for name in plain if name != "picture"]
    np.testing.assert_array_equal(np.sort(plain[units], axis=0), np.sort(shuffled[units], axis=0))
    assert (plain[units] != shuffled[units]).to_numpy().mean() > 0.9
