"""Attacks with the gradient of a classifier's loss, within a largest change of any pixel, and checks that the gradient is not masked."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from graphtwin.execute import rng_for
from graphtwin.robustness.classifier import Classifier
from graphtwin.robustness.settings import AttackConfig
from graphtwin.shapes import Bool, Float, Int

FGSM, PGD = "FGSM", "PGD"
STEP = 2.5  # of the largest change, over the number of steps, that a step takes
WHOLE = 0.5  # largest change under which every picture can be made grey, so that no classifier can be right by more than chance
SLACK = 0.02  # accuracy by which a weaker attack may seem stronger, by the pictures that were drawn
DIFFERS = 0.05  # relative error of a directional derivative, from which the gradient counts as wrong
FEWER = 0.05  # accuracy by which one random start may be weaker than all
PROBED = 16  # pictures on which gradients are compared with finite differences
DELTA = 1e-5  # step of finite differences
CHECKS = ["check", "value", "bound", "passed"]


def fgsm(
    classifier: Classifier, pictures: Float[torch.Tensor, "pictures height width"], label: Int[torch.Tensor, " pictures"], strength: float
) -> Float[torch.Tensor, "pictures height width"]:
    """Every pixel moved by the strength along the sign of the gradient. Source: Goodfellow et al. 2015, arXiv:1412.6572.

    Args:
        classifier: Classifier in eval mode.
        pictures: Grey levels, black 0, white 1.
        label: Class of each.
        strength: Largest change of a pixel.
    """
    return (pictures + strength * classifier.gradient(pictures, label).sign()).clamp(0, 1)


def pgd(
    classifier: Classifier,
    pictures: Float[torch.Tensor, "pictures height width"],
    label: Int[torch.Tensor, " pictures"],
    strength: float,
    steps: int,
    rng: np.random.Generator,
) -> Float[torch.Tensor, "pictures height width"]:
    """Steps along the sign of the gradient from a random start, back into the allowed change after each.

    Source: Madry et al. 2018, arXiv:1706.06083.

    Args:
        classifier: Classifier in eval mode.
        pictures: Grey levels, black 0, white 1.
        label: Class of each.
        strength: Largest change of a pixel.
        steps: Number of steps.
        rng: Draws the start.

    Examples:
        >>> shown, label = torch.from_numpy(pictures.pictures[:6]), torch.from_numpy(pictures.label[:6])
        >>> attacked = graphtwin.robustness.pgd(classifier.classifier, shown, label, 0.05, steps=2, rng=np.random.default_rng(0))
        >>> bool((attacked - shown).abs().max() <= 0.05 + 1e-6)
        True
    """
    start = torch.from_numpy(rng.uniform(-strength, strength, tuple(pictures.shape)).astype(np.float32))
    low, high = (pictures - strength).clamp(0, 1), (pictures + strength).clamp(0, 1)
    found = torch.minimum(torch.maximum(pictures + start, low), high)
    for _ in range(steps):
        moved = found + STEP * strength / steps * classifier.gradient(found, label).sign()
        found = torch.minimum(torch.maximum(moved, low), high)
    return found


def withstood(
    classifier: Classifier,
    pictures: Float[torch.Tensor, "pictures height width"],
    label: Int[torch.Tensor, " pictures"],
    strength: float,
    config: AttackConfig,
    seed: int,
) -> dict[str, Bool[np.ndarray, "restarts pictures"]]:
    """Whether each picture is still named rightly: under FGSM (one row), and under PGD from each random start.

    Args:
        classifier: Classifier in eval mode.
        pictures: Grey levels.
        label: Class of each.
        strength: Largest change of a pixel.
        config: Settings.
        seed: Root of the random starts, the same for every classifier.
    """
    starts = [rng_for(seed, "start of an attack", at) for at in range(config.restarts)]
    each = {FGSM: [fgsm(classifier, pictures, label, strength)]}
    each[PGD] = [pgd(classifier, pictures, label, strength, config.steps, rng) for rng in starts]
    return {name: np.stack([_right(classifier, moved, label) for moved in found]) for name, found in each.items()}


def gradient_checks(
    classifier: Classifier,
    other: Classifier | None,
    pictures: Float[torch.Tensor, "pictures height width"],
    label: Int[torch.Tensor, " pictures"],
    config: AttackConfig,
    seed: int,
) -> pd.DataFrame:
    """Whether the attacks on a classifier are as strong as its gradient promises; what fails a check may only seem robust.

    gradient: error of the derivative along its own direction, beside finite differences in double precision. noise, transfer: random
    signs of the same size, and pictures that were made on another classifier, do no more harm than PGD. FGSM: nor does one step. whole:
    nobody is right by more than chance where every picture may be made grey. restarts: one random start does nearly what all do. Sources:
    Athalye et al. 2018, arXiv:1802.00420; Carlini et al. 2019, arXiv:1902.06705.

    Args:
        classifier: Classifier in eval mode.
        other: Another classifier of the same classes; None leaves `transfer` out.
        pictures: Grey levels.
        label: Class of each.
        config: Settings; the middle of the strengths above 0 is looked at.
        seed: Root of the random draws.

    Returns:
        Columns check, value (accuracy, less that under PGD where attacks are compared), bound, passed.

    Examples:
        >>> shown, label = torch.from_numpy(pictures.pictures[:6]), torch.from_numpy(pictures.label[:6])
        >>> graphtwin.robustness.gradient_checks(classifier.classifier, None, shown, label, config.attack, seed=0).columns.tolist()
        ['check', 'value', 'bound', 'passed']
    """
    positive = sorted(strength for strength in config.strengths if strength > 0)
    if not positive:
        return pd.DataFrame(columns=CHECKS)
    strength = positive[len(positive) // 2]
    rng = rng_for(seed, "checks of an attack")
    still = withstood(classifier, pictures, label, strength, config, seed)
    under_pgd = float(still[PGD].all(0).mean())
    signs = torch.from_numpy(rng.choice([-strength, strength], tuple(pictures.shape)).astype(np.float32))
    weaker = {"noise": float(_right(classifier, (pictures + signs).clamp(0, 1), label).mean()), "FGSM": float(still[FGSM].mean())}
    if other is not None:
        moved = pgd(other, pictures, label, strength, config.steps, rng)
        weaker["transfer"] = float(_right(classifier, moved, label).mean())
    whole = float(withstood(classifier, pictures, label, WHOLE, config, seed)[PGD].all(0).mean())
    commonest = float(np.bincount(label.numpy()).max() / len(label))
    rows = [("gradient", _derivative_error(classifier, pictures[:PROBED], label[:PROBED]), DIFFERS)]
    rows += [("whole", whole - commonest, SLACK), ("restarts", float(still[PGD][0].mean()) - under_pgd, FEWER)]
    found = pd.DataFrame([(*row, row[1] <= row[2]) for row in rows], columns=CHECKS)
    compared = [(name, value - under_pgd, -SLACK, value - under_pgd >= -SLACK) for name, value in weaker.items()]
    return pd.concat([found, pd.DataFrame(compared, columns=CHECKS)], ignore_index=True)


def _right(classifier: Classifier, pictures: torch.Tensor, label: torch.Tensor) -> np.ndarray:
    return np.asarray((classifier.answers(pictures).argmax(1) == label).numpy())


def _derivative_error(classifier: Classifier, pictures: torch.Tensor, label: torch.Tensor) -> float:
    """Relative error of the derivative of the loss along its gradient, beside central differences, in double precision."""
    exact, shown = copy.deepcopy(classifier).double(), pictures.double()
    gradient = exact.gradient(shown, label)
    size = float(gradient.norm())
    if size == 0:
        return 1.0  # a loss without any slope tells an attack nothing
    step = DELTA * gradient / size
    with torch.no_grad():
        ahead, behind = (functional.cross_entropy(exact(shown + sign * step), label, reduction="sum") for sign in (1, -1))
    return abs(float(ahead - behind) / (2 * DELTA) - size) / size
