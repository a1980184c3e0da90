"""What controls rest on: no classifier depends on pictures of tests, and an untrained twin keeps of the trained one its places alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtwin.pipeline.robust.run_folder import RobustStudy
from graphtwin.robustness import Recipe, RobustConfig, load_pictures
from graphtwin.robustness import fit as fit_classifier
from graphtwin.twin.fitting import untrained
from tests.twin.test_animal_responder import random_twin

CONFIG = RobustConfig.model_validate({"width": 2, "pictures": 120, "fit": {"epochs": 2, "patience": 2}})


def study(spoiled: bool) -> RobustStudy:
    """Digits and responses; where they are spoiled, pictures, classes and responses of tests are others."""
    data, rng = load_pictures("digits", CONFIG), np.random.default_rng(0)
    responses, first = (rng.gamma(2.0, size=(len(data.label), 12)).astype(np.float32) for _ in range(2))
    if spoiled:
        pictures, label = data.pictures.copy(), data.label.copy()
        pictures[data.is_test], label[data.is_test] = rng.random((len(data.test), *data.size)), rng.permutation(label[data.is_test])
        data = replace(data, pictures=pictures, label=label)
        responses[data.is_test], first[data.is_test] = 100.0, -100.0
    return RobustStudy(data, responses, first, np.zeros(0, np.int64), {}, CONFIG)


@pytest.mark.parametrize("way", ["none", "similarity", "co-training"])
def test_no_classifier_and_no_validation_accuracy_depends_on_what_is_kept_for_tests(way):
    honest, spoiled = study(False), study(True)
    taught = honest.teachers(), spoiled.teachers()
    for teacher in taught[0] if way != "none" else [""]:
        found = [
            fit_classifier(each.data, Recipe(way, teacher, 1.0), rows.get(teacher), CONFIG, 0)
            for each, rows in zip((honest, spoiled), taught, strict=True)
        ]
        assert found[0].validation == found[1].validation
        for name, weights in found[0].classifier.state_dict().items():
            torch.testing.assert_close(weights, found[1].classifier.state_dict()[name], rtol=0, atol=0)


def test_an_untrained_twin_looks_where_the_trained_one_does_and_knows_nothing_else_of_it():
    animal = random_twin()
    head, other = animal.fitted.twin.animal("random"), random_twin(ridge=False).fitted
    first = untrained(animal.fitted, 0)
    torch.testing.assert_close(first.twin.animal("random").readout.residual, head.readout.residual, rtol=0, atol=0)
    assert float(first.twin.animal("random").ridge.share) == 0
    with torch.no_grad():  # of another training of the same animal only the places are the same
        for name, weights in other.twin.named_parameters():
            if not name.endswith("readout.residual"):
                weights.add_(1.0)
    again = untrained(other, 0).twin.state_dict()
    for name, weights in first.twin.state_dict().items():
        torch.testing.assert_close(weights, again[name], rtol=0, atol=0)
    assert not torch.equal(untrained(animal.fitted, 1).twin.state_dict()["animals.0.readout.weights"], again["animals.0.readout.weights"])
