"""Large pictures: few are answered together, one set of distorted ones is held, and what is found does not depend on it."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.robustness import Classifier, RobustConfig, curves, distorted, load_pictures
from graphtwin.robustness import classifier as answered
from graphtwin.robustness.curves import distorted_tests

CONFIG = RobustConfig.model_validate({"pictures": 100, "attack": {"steps": 2, "restarts": 1, "strengths": [0.05], "pictures": 20}})


def test_a_classifier_sees_few_large_pictures_at_a_time_and_says_what_it_says_of_all(monkeypatch):
    data = load_pictures("digits", CONFIG)
    pictures, label = torch.from_numpy(data.pictures), torch.from_numpy(data.label)
    shown: list[int] = []

    class Counting(Classifier):
        def layers(self, pictures: torch.Tensor) -> list[torch.Tensor]:
            shown.append(len(pictures))
            return super().layers(pictures)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        one = Counting(data.size, 10, 4, (0.3, 0.4)).eval()
    whole = one.answers(pictures).clone(), one.gradient(pictures, label), one.last_block(pictures), curves([one], data, CONFIG)[0]
    assert max(shown) == len(pictures)
    shown.clear()
    monkeypatch.setattr(answered, "PIXELS_AT_ONCE", 7 * 64)
    parts = one.answers(pictures), one.gradient(pictures, label), one.last_block(pictures), curves([one], data, CONFIG)[0]
    assert max(shown) == 7
    for a, b in zip(whole[:3], parts[:3], strict=True):
        torch.testing.assert_close(a, b)
    pd.testing.assert_frame_equal(whole[3], parts[3])


def test_distorted_pictures_are_made_one_set_at_a_time(monkeypatch):
    data, made = load_pictures("digits", CONFIG), []
    monkeypatch.setattr(sys.modules[distorted_tests.__module__], "distorted", lambda pictures, *_: made.append(0) or pictures)
    sets = distorted_tests(data, 0)
    assert [len(made) for _ in zip(range(4), sets, strict=False)] == [0, 1, 2, 3]


def test_curves_of_several_classifiers_are_those_of_each():
    data = load_pictures("digits", CONFIG)
    some = [Classifier(data.size, 10, 2, (0.3, 0.4)).eval() for _ in range(2)]
    for one, table in zip(some, curves(some, data, CONFIG), strict=True):
        pd.testing.assert_frame_equal(table, curves([one], data, CONFIG)[0])


@pytest.mark.parametrize("n", [1, 3])
def test_elastic_changes_of_the_first_pictures_do_not_depend_on_how_many_follow(n):
    pictures = np.random.default_rng(0).random((4, 12, 10)).astype(np.float32)
    np.testing.assert_array_equal(distorted(pictures[:n], "elastic", 0.05, 0), distorted(pictures, "elastic", 0.05, 0)[:n])
