"""The kinds of classifiers that are compared: by labels alone, drawn to a teacher in one of two ways, smoothed labels, noise."""

from __future__ import annotations

from dataclasses import dataclass

from graphtwin.robustness.settings import TeachingConfig
from graphtwin.robustness.teachers import PIXELS, TEACHERS, TWIN

NONE, SMOOTHING, NOISE = "none", "label smoothing", "noise"
SIMILARITY, CO_TRAINING = "similarity", "co-training"
WAYS = (SIMILARITY, CO_TRAINING)


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained.

    Attributes:
        way: none, similarity, co-training, label smoothing or noise.
        teacher: What it is drawn to; empty where it is drawn to nothing.
        strength: How strongly; 0 where there is nothing to choose.

    Examples:
        >>> graphtwin.robustness.Recipe("similarity", "pixels", 1.0).model
        'similarity, pixels'
    """

    way: str
    teacher: str = ""
    strength: float = 0.0

    @property
    def model(self) -> str:
        """Name in tables, the same for every strength."""
        return f"{self.way}, {self.teacher}" if self.teacher else self.way


def tried(config: TeachingConfig) -> list[Recipe]:
    """Every recipe with every strength that is tried.

    Args:
        config: Settings.

    Examples:
        >>> len(graphtwin.robustness.tried(config.teaching))
        59
    """
    of_way = {SIMILARITY: config.similarity, CO_TRAINING: config.co_training}
    taught = [Recipe(way, teacher, strength) for way in WAYS for teacher in TEACHERS for strength in of_way[way]]
    smoothed = [Recipe(SMOOTHING, strength=strength) for strength in config.label_smoothing]
    return [Recipe(NONE), *taught, *smoothed, *(Recipe(NOISE, strength=strength) for strength in config.noise)]


def controls_of(way: str) -> tuple[str, ...]:
    """Names of the models that one drawn to a twin must surely beat before it is said that function adds something.

    Args:
        way: similarity or co-training.
    """
    return (*(Recipe(way, teacher).model for teacher in TEACHERS if teacher != TWIN), NONE, SMOOTHING, NOISE)


def of_pixels(way: str) -> tuple[str, ...]:
    """Those of them that are drawn to pixels, low-passed or not.

    Args:
        way: similarity or co-training.
    """
    return tuple(name for name in controls_of(way) if name.endswith(PIXELS))
