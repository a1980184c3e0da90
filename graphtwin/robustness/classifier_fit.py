"""Fits of classifiers: the loss of the labels, and beside it that of a similarity or of a code that is predicted as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from graphtwin.artifacts import read_tensors, write_tensors
from graphtwin.execute import seed_for, torch_seeded
from graphtwin.robustness.classifier import Classifier
from graphtwin.robustness.pictures import LabelledPictures
from graphtwin.robustness.recipes import CO_TRAINING, NOISE, NONE, SIMILARITY, SMOOTHING, Recipe
from graphtwin.robustness.settings import RobustConfig
from graphtwin.robustness.teachers import principal, similarity
from graphtwin.shapes import Float, Int
from graphtwin.told import told_as_table
from graphtwin.training import fit

BY_LABELS = Recipe(NONE)
LARGEST = 0.99  # similarity beyond which a picture counts as no more alike: its inverse hyperbolic tangent has no end


@told_as_table
@dataclass(frozen=True)
class FittedClassifier:
    """A classifier and how it did on the pictures that chose its epoch.

    Attributes:
        classifier: The classifier, in eval mode.
        recipe: How it was trained.
        number: Number of its seed.
        validation: Accuracy on its validation pictures.

    Examples:
        >>> classifier
        FittedClassifier: 10 classes of pictures of 8 x 8 pixels
          trained by: none, seed 0
          validation accuracy: 0...
        >>> classifier.predict(pictures.pictures).shape  # pictures x classes
        (80, 10)
        >>> graphtwin.robustness.load(classifier.save("classifier.pt")).validation == classifier.validation
        True
    """

    classifier: Classifier
    recipe: Recipe
    number: int
    validation: float

    def __repr__(self) -> str:
        """How it was trained, what it sees, and how well it did on its validation pictures."""
        of, how = self.classifier, self.recipe.model + (f" of strength {self.recipe.strength:g}" if self.recipe.strength else "")
        seen = f"{of.readout.out_features} classes of pictures of {of.size[0]} x {of.size[1]} pixels"
        return f"FittedClassifier: {seen}\n  trained by: {how}, seed {self.number}\n  validation accuracy: {self.validation:.3f}"

    def predict(self, pictures: Float[np.ndarray, "pictures height width"]) -> Float[np.ndarray, "pictures classes"]:
        """Probability of every class, in the order of `LabelledPictures.classes`.

        Args:
            pictures: Grey levels, black 0, white 1.
        """
        return np.asarray(torch.softmax(self.classifier.answers(torch.from_numpy(np.asarray(pictures, np.float32))), 1))

    def save(self, path: str | Path) -> Path:
        """Write the classifier to one file of tensors, numbers and words.

        Args:
            path: Path of the file to make.
        """
        of = self.classifier
        made = {"size": list(of.size), "classes": of.readout.out_features, "width": of.width}
        told = {"recipe": asdict(self.recipe), "number": self.number, "validation": self.validation}
        return write_tensors(made | told | {"weights": of.state_dict()}, Path(path))


class Taught(nn.Module):
    """A classifier with what it needs in training alone: weights of its layers in the similarity, or a readout of the code.

    Args:
        classifier: The classifier.
        recipe: How it is trained.
        code: Numbers a picture that a co-trained classifier predicts.
    """

    def __init__(self, classifier: Classifier, recipe: Recipe, code: int) -> None:
        super().__init__()
        self.classifier, self.recipe = classifier, recipe
        features = classifier.readout.in_features
        self.of_layers = nn.Parameter(torch.zeros(len(classifier.convolutions) + 1)) if recipe.way == SIMILARITY else None
        self.code = nn.Linear(features, code) if recipe.way == CO_TRAINING else None

    def loss(
        self, pictures: Float[torch.Tensor, "pictures height width"], label: Int[torch.Tensor, " pictures"], taught: torch.Tensor | None
    ) -> torch.Tensor:
        """Loss of a batch.

        Similarity is that of Li et al. 2019, arXiv:1911.04247: the mean square, over pairs of pictures, of what the inverse hyperbolic
        tangents of the teacher's and of the classifier's similarity differ by; the classifier's is a mean over its layers, with weights
        that are learned. Co-training is that of Safarani et al. 2021, arXiv:2107.14344: the mean square error of the code.

        Args:
            pictures: Grey levels.
            label: Class of each picture.
            taught: The teacher's rows for these pictures; None where there is no teacher.
        """
        way, strength = self.recipe.way, self.recipe.strength
        if way == NOISE:
            pictures = (pictures + strength * torch.randn_like(pictures)).clamp(0, 1)
        layers = self.classifier.layers(pictures)
        smoothing = strength if way == SMOOTHING else 0.0
        loss = functional.cross_entropy(self.classifier.readout(layers[-1]), label, label_smoothing=smoothing)
        if taught is None:
            return loss
        if self.code is not None:
            return loss + strength * functional.mse_loss(self.code(layers[-1]), taught)
        assert self.of_layers is not None  # a teacher is given to one of the two ways
        share = torch.softmax(self.of_layers, 0)
        own = torch.stack([share[at] * similarity(layer.flatten(1) - layer.flatten(1).mean(0)) for at, layer in enumerate(layers)]).sum(0)
        pairs = torch.triu_indices(len(label), len(label), offset=1)
        differ = _unbounded(own[pairs[0], pairs[1]]) - _unbounded(similarity(taught)[pairs[0], pairs[1]])
        return loss + strength * differ.square().mean()


def _unbounded(of: torch.Tensor) -> torch.Tensor:
    return torch.atanh(of.clamp(-LARGEST, LARGEST))


def fit_classifier(
    data: LabelledPictures,
    recipe: Recipe = BY_LABELS,
    teacher: Float[np.ndarray, "pictures _"] | None = None,
    config: RobustConfig | None = None,
    number: int = 0,
) -> FittedClassifier:
    """Fit one classifier to the training pictures of its seed.

    Args:
        data: Pictures with labels; those of tests are not looked at.
        recipe: How it is trained; by labels alone by default.
        teacher: The teacher's rows for all pictures, of which those of tests are not looked at; None for recipes without one.
        config: Settings; the usual by default.
        number: Number of the seed, which draws first weights, training pictures and batches: the same for every recipe.

    Raises:
        FloatingPointError: Weights that became infinite.

    Examples:
        >>> graphtwin.robustness.fit(pictures, graphtwin.robustness.Recipe("noise", strength=0.1), config=config)
        FittedClassifier: 10 classes of pictures of 8 x 8 pixels
          trained by: noise of strength 0.1, seed 0
          validation accuracy: 0...
    """
    config = config or RobustConfig()
    training, validation = data.training(config.validation, config.seed, number)
    pictures, label = torch.from_numpy(data.pictures), torch.from_numpy(data.label)
    rows = None
    if teacher is not None:
        rows = teacher if recipe.way == SIMILARITY else _code(teacher, ~data.is_test, config.teaching.components)
    taught = None if rows is None else torch.from_numpy(rows)
    grey = float(data.pictures[training].mean()), float(data.pictures[training].std())
    with torch_seeded(int(seed_for(config.seed, "first weights of a classifier", number).generate_state(1, np.uint32)[0])):
        classifier = Classifier(data.size, len(data.classes), config.width, grey)
        model = Taught(classifier, recipe, 1 if taught is None else taught.shape[1])
    n_batches = max(1, len(training) // config.batch)

    def batches(rng: np.random.Generator) -> Iterator[partial[torch.Tensor]]:
        order = torch.from_numpy(rng.permutation(training))
        for part in torch.split(order, min(config.batch, len(training)))[:n_batches]:
            yield partial(model.loss, pictures[part], label[part], None if taught is None else taught[part])

    def validation_loss() -> float:
        return float(functional.cross_entropy(classifier.answers(pictures[validation]), label[validation]))

    fit(model, batches, n_batches, validation_loss, config.fit, config.seed, f"classifier {number}")
    return FittedClassifier(classifier.eval(), recipe, number, classifier.accuracy(pictures[validation], label[validation]))


def load_classifier(path: str | Path) -> FittedClassifier:
    """The classifier of a file that `FittedClassifier.save` wrote, in eval mode; no code in the file is run.

    Args:
        path: The file; a run of `graphtwin robust train` has its own in the folder `classifiers`.

    Examples:
        >>> graphtwin.robustness.load(classifier.save("classifier.pt"))
        FittedClassifier: 10 classes of pictures of 8 x 8 pixels
          trained by: none, seed 0
          validation accuracy: 0...
    """
    content = read_tensors(path, "Train again.")
    if not isinstance(content, dict) or "recipe" not in content:
        raise ValueError(f"{path}: is no classifier of this version. Name a file that a fit wrote, or train again.")
    classifier = Classifier((content["size"][0], content["size"][1]), content["classes"], content["width"])
    classifier.load_state_dict(content["weights"])
    return FittedClassifier(classifier.eval(), Recipe(**content["recipe"]), content["number"], float(content["validation"]))


def _code(teacher: np.ndarray, seen: np.ndarray, n: int) -> np.ndarray:
    """The code of the pictures that may be seen; 0 for the others."""
    found = principal(teacher[seen], n)
    rows = np.zeros((len(seen), found.shape[1]), np.float32)
    rows[seen] = found
    return rows
