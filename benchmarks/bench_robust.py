"""Robust classifiers in core-milliseconds: steps of training with and without a teacher, attacks and distortions, against textbook loops.

python benchmarks/bench_robust.py

The textbook fit takes batches from a data loader and looks at validation pictures after each epoch; the textbook attack asks for the
gradient by `backward()`, which works out that of the weights as well. Both stand beside ours in the same run, on the same classifier and
the same pictures. Rows of several sides show how cost grows with pixels; the teacher has UNITS units.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.bench_twin import core_seconds
from graphtwin.robustness import DISTORTIONS, Classifier, LabelledPictures, RobustConfig, distorted, pgd, tried
from graphtwin.robustness import fit as fit_classifier

CLASSES, PICTURES, UNITS, SIDES = 10, 1024, 200, (8, 16, 32)
EPOCHS = 3
MODELS = ("none", "similarity, twin", "co-training, twin")
STEP = 2.5  # of the largest change, over the number of steps, that a step takes
STRENGTH = 0.05  # largest change of a pixel


def core_ms(work: Callable[[], object]) -> float:
    return 1000 * core_seconds(work, 3)


def classifier_of(side: int) -> Classifier:
    torch.manual_seed(0)
    return Classifier((side, side), CLASSES, RobustConfig().width, (0.5, 0.3))


def textbook_fit(data: LabelledPictures, config: RobustConfig) -> None:
    """Labels alone, from a data loader, with a look at validation pictures after each epoch."""
    training, validation = data.training(config.validation, config.seed, 0)
    pictures, label = torch.from_numpy(data.pictures), torch.from_numpy(data.label)
    classifier = classifier_of(data.size[0])
    loader = DataLoader(TensorDataset(pictures[training], label[training]), batch_size=config.batch, shuffle=True, drop_last=True)
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=config.fit.learning_rate, weight_decay=config.fit.weight_decay)
    for _ in range(config.fit.epochs):
        classifier.train()
        for shown, of in loader:
            optimiser.zero_grad()
            functional.cross_entropy(classifier(shown), of).backward()
            optimiser.step()
        classifier.eval()
        with torch.no_grad():
            functional.cross_entropy(classifier(pictures[validation]), label[validation])


def textbook_pgd(classifier: Classifier, pictures: torch.Tensor, label: torch.Tensor, steps: int) -> torch.Tensor:
    found = (pictures + STRENGTH * (2 * torch.rand_like(pictures) - 1)).clamp(0, 1)
    for _ in range(steps):
        found = found.detach().requires_grad_(True)
        functional.cross_entropy(classifier(found), label).backward()
        assert found.grad is not None
        found = found + STEP * STRENGTH / steps * found.grad.sign()
        found = torch.maximum(torch.minimum(found, pictures + STRENGTH), pictures - STRENGTH).clamp(0, 1)
    return found.detach()


def main() -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    config = RobustConfig(fit=RobustConfig().fit.model_copy(update={"epochs": EPOCHS, "patience": EPOCHS}))
    label = torch.from_numpy(rng.integers(0, CLASSES, PICTURES))
    answers = rng.standard_normal((PICTURES, UNITS)).astype(np.float32)
    for side in SIDES:
        grey = rng.random((PICTURES, side, side), dtype=np.float32)
        keys, is_test = tuple(map(str, range(PICTURES))), np.arange(PICTURES) < PICTURES // 4
        data = LabelledPictures("noise", grey, label.numpy(), keys[:CLASSES], is_test, keys)
        steps = EPOCHS * (len(data.training(config.validation, config.seed, 0)[0]) // config.batch)
        textbook = core_ms(lambda of=data: textbook_fit(of, config)) / steps
        told = []
        for recipe in {one.model: one for one in tried(config.teaching) if one.model in MODELS}.values():
            teacher = answers if recipe.teacher else None
            took = core_ms(lambda of=data, by=recipe, rows=teacher: fit_classifier(of, by, rows, config, 0)) / steps
            told.append(f"{recipe.model} {took:.1f} ({took / textbook:.2f} x)")
        step = f"{side} x {side} pixels: a step of {config.batch} pictures, textbook by labels alone {textbook:.1f} core-ms, ours "
        print(step + ", ".join(told))
        classifier, pictures = classifier_of(side).eval(), torch.from_numpy(grey)
        each = PICTURES * config.attack.steps / 1000
        ours = core_ms(lambda of=classifier, shown=pictures: pgd(of, shown, label, STRENGTH, config.attack.steps, rng)) / each
        theirs = core_ms(lambda of=classifier, shown=pictures: textbook_pgd(of, shown, label, config.attack.steps)) / each
        print(f"{side} x {side} pixels: PGD {ours:.0f} core-us a picture and step, {theirs / ours:.2f} x as fast as the textbook loop")
        by_kind = {kind: core_ms(lambda of=kind, shown=grey: distorted(shown, of, DISTORTIONS[of][1][0], 0)) for kind in DISTORTIONS}
        told = [f"{kind} {1000 * took / PICTURES:.0f}" for kind, took in by_kind.items()]
        print(f"{side} x {side} pixels: core-us a picture, " + ", ".join(told))
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f} MB")


if __name__ == "__main__":
    main()
