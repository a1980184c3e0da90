"""Settings of classifiers that are drawn to a similarity or a code, and of the tests of their robustness."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from graphtwin.training import FitConfig

Strength = Annotated[float, Field(gt=0)]
Strengths = Annotated[tuple[Strength, ...], Field(min_length=1)]


class TeachingConfig(BaseModel):
    """How strongly classifiers are drawn to what, each strength tried and one chosen by validation accuracy alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    similarity: Strengths = Field(
        (0.1, 0.3, 1.0, 3.0, 10.0), description="Strengths of the loss of similarity, over that of the labels, that are tried."
    )
    co_training: Strengths = Field(
        (0.3, 1.0, 3.0, 10.0, 30.0), description="Strengths of the loss of a predicted code, over that of the labels, that are tried."
    )
    label_smoothing: Strengths = Field(
        (0.1, 0.2, 0.4, 0.6),
        description="Strengths of label smoothing that are tried, each the share of a label that is spread over all classes.",
    )
    noise: Strengths = Field((0.05, 0.1, 0.2, 0.3), description="SDs of noise on training pictures that are tried; black to white is 1.")
    tuning_seeds: int = Field(3, ge=1, description="Classifiers of each strength, by whose mean validation accuracy it is chosen.")
    tolerance: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="Share of validation pictures that a strength may cost: the largest is taken that is no further below the best.",
    )
    low_pass: float = Field(0.1, gt=0, lt=1, description="SD of the Gaussian that low-passes pixels, in widths of a picture.")
    components: int = Field(
        64, ge=2, description="Principal components, at most, of a code that co-trained classifiers predict, whatever the code."
    )

    @model_validator(mode="after")
    def _smooths_less_than_all(self) -> TeachingConfig:
        if max(self.label_smoothing) >= 1:
            raise ValueError(f"label_smoothing: {max(self.label_smoothing):g} leaves nothing of the labels. Give shares below 1.")
        return self


class AttackConfig(BaseModel):
    """Attacks on classifiers with the gradient of their loss, and what is checked of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strengths: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        (0.01, 0.02, 0.05, 0.1),
        min_length=1,
        description="Strengths, the largest change of any pixel; black to white is 1, and 0 changes nothing.",
    )
    steps: int = Field(20, ge=1, description="Steps of projected gradient ascent.")
    restarts: int = Field(2, ge=1, description="Random starts of projected gradient ascent; a picture counts as missed where one succeeds.")
    pictures: int = Field(300, ge=1, description="Test pictures, at most, that are attacked.")


class RobustConfig(BaseModel):
    """What `graphtwin robust train` does: classifiers with a twin's similarity or code, with those of controls, and without.

    Examples:
        >>> graphtwin.robustness.RobustConfig(seeds=3, width=8).seeds
        3
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0, description="The root of every random draw.")
    workers: int = Field(2, ge=1, description="Number of processes, each of one thread; the numbers are the same for any.")
    seeds: int = Field(
        10, ge=1, description="Classifiers of each kind, each of its own first weights and training pictures; intervals are over them."
    )
    pictures: int = Field(2000, ge=20, description="Labelled pictures, at most, of each class as many as can be.")
    validation: float = Field(0.2, gt=0, lt=0.8, description="Share of the pictures that choose epochs and strengths.")
    test: float = Field(0.3, gt=0, lt=0.8, description="Share of the pictures that are kept for tests; a folder may name its own.")
    width: int = Field(16, ge=2, description="Channels of the first layer of a classifier.")
    batch: int = Field(64, ge=8, description="Pictures a step.")
    height: float = Field(1.0, gt=0, le=1, description="Height of a picture on the twin's screen, as a share of the screen's.")
    shown_s: float = Field(0.5, gt=0, description="Seconds that a twin of movies sees each picture; its mean answer counts.")
    frequency_noise: float = Field(0.1, gt=0, description="SD of the noise of one band of spatial frequencies; black to white is 1.")
    fit: FitConfig = Field(
        FitConfig(epochs=25, patience=25, learning_rate=0.006, weight_decay=0.001), description="How long and how fast is fitted."
    )
    teaching: TeachingConfig = Field(TeachingConfig(), description="What classifiers are drawn to, and how strongly.")
    attack: AttackConfig = Field(AttackConfig(), description="Attacks with gradients.")

    @model_validator(mode="after")
    def _leaves_pictures_to_train_on(self) -> RobustConfig:
        if self.validation + self.test > 0.9:
            raise ValueError(
                f"validation {self.validation:g} and test {self.test:g} leave {1 - self.validation - self.test:.2f} of the pictures to "
                "train on. Leave a tenth at least."
            )
        if self.teaching.tuning_seeds > self.seeds:
            raise ValueError(f"teaching.tuning_seeds = {self.teaching.tuning_seeds}, of {self.seeds} seeds. Give as many at most.")
        return self
