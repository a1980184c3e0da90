"""What is asked of a stimulus: small objects that turn the mean answers of all units, and the stimulus itself, into one number to raise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

if TYPE_CHECKING:
    import torch

ALIKE = 1e-3  # spreads from which on answers count as the same
LACKING = 100.0  # what the square of a lacking share of the answer costs, where stimuli are to differ


@runtime_checkable
class Objective(Protocol):
    """What is asked of a batch of stimuli, one question each; an answer must depend on no other stimulus of the batch.

    Attributes:
        name: Name of what is asked for, one word or two.
        targets: Row of the unit that each stimulus is for; -1 where it is for several.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def targets(self) -> Int[np.ndarray, " stimuli"]: ...  # noqa: D102

    def score(
        self,
        answers: Float[torch.Tensor, "some units"],
        shown: Float[torch.Tensor, "some frames height width"],
        rows: Int[np.ndarray, " some"],
    ) -> Float[torch.Tensor, " some"]:
        """How well some stimuli do: more is better.

        Args:
            answers: Mean answers of all units.
            shown: Stimuli, in standard deviations of the grey levels that units are used to, from their mean.
            rows: Numbers of these stimuli among all that are asked for.
        """


@dataclass(frozen=True)
class Drive:
    """One unit as high as may be, or as low.

    Attributes:
        targets: Row of the unit of each stimulus.
        sign: 1 excites, -1 inhibits.
    """

    targets: Int[np.ndarray, " stimuli"]
    sign: float = 1.0

    @property
    def name(self) -> str:
        """What it does to the unit."""
        return "exciting" if self.sign > 0 else "inhibiting"

    def score(
        self,
        answers: Float[torch.Tensor, "some units"],
        shown: Float[torch.Tensor, "some frames height width"],
        rows: Int[np.ndarray, " some"],
    ) -> Float[torch.Tensor, " some"]:
        """The answer of its unit, with the sign."""
        return self.sign * answers[range(len(rows)), self.targets[rows]]


@dataclass(frozen=True)
class Discriminate:
    """One group of units high and another low, each unit in its own spread.

    Attributes:
        groups: Units of the first group as 1, those of the second as -1, others 0.
        spread: What an answer of each unit is measured by.
    """

    groups: Int[np.ndarray, "stimuli units"]
    spread: Float[np.ndarray, " units"]
    name: str = "discriminating"

    @property
    def targets(self) -> Int[np.ndarray, " stimuli"]:
        """Several each."""
        return np.full(len(self.groups), -1)

    def score(
        self,
        answers: Float[torch.Tensor, "some units"],
        shown: Float[torch.Tensor, "some frames height width"],
        rows: Int[np.ndarray, " some"],
    ) -> Float[torch.Tensor, " some"]:
        """Mean of the first group less that of the second."""
        first, second = (answers.new_tensor(_shares(self.groups[rows] == sign) / self.spread) for sign in (1, -1))
        return (answers * (first - second)).sum(1)


@dataclass(frozen=True)
class Control:
    """Some units as high as may be while others hold their level (Bashivan et al. 2019, doi:10.1126/science.aav9436).

    Attributes:
        driven: Units to drive.
        held: Units to hold.
        level: Answer that each unit is to hold.
        spread: What an answer of each unit is measured by.
        within: Spreads from its level that cost nothing.
        weight: What the mean square of what is beyond costs.
    """

    driven: Bool[np.ndarray, "stimuli units"]
    held: Bool[np.ndarray, "stimuli units"]
    level: Float[np.ndarray, " units"]
    spread: Float[np.ndarray, " units"]
    within: float
    weight: float
    name: str = "control"

    @property
    def targets(self) -> Int[np.ndarray, " stimuli"]:
        """Several each."""
        return np.full(len(self.driven), -1)

    def score(
        self,
        answers: Float[torch.Tensor, "some units"],
        shown: Float[torch.Tensor, "some frames height width"],
        rows: Int[np.ndarray, " some"],
    ) -> Float[torch.Tensor, " some"]:
        """Mean of the driven units, less what the held ones cost."""
        away = (answers - answers.new_tensor(self.level)) / answers.new_tensor(self.spread)
        beyond = (away.abs() - self.within).clamp(min=0).square()
        held = answers.new_tensor(self.held[rows].astype(np.float32))
        return (away * answers.new_tensor(_shares(self.driven[rows]))).sum(1) - self.weight * (beyond * held).sum(1)


@dataclass(frozen=True)
class Differ:
    """As unlike some stimuli as may be, while a unit keeps a share of what it did.

    Attributes:
        targets: Row of the unit of each stimulus.
        least: Answer that each unit keeps at least.
        spread: What an answer of each unit is measured by.
        others: Stimuli to be unlike, of unit sum of squares.
    """

    targets: Int[np.ndarray, " stimuli"]
    least: Float[np.ndarray, " stimuli"]
    spread: Float[np.ndarray, " stimuli"]
    others: Float[np.ndarray, "stimuli others pixels"]
    name: str = "diverse"

    def score(
        self,
        answers: Float[torch.Tensor, "some units"],
        shown: Float[torch.Tensor, "some frames height width"],
        rows: Int[np.ndarray, " some"],
    ) -> Float[torch.Tensor, " some"]:
        """The largest cosine with the others, negative; what the unit lacks costs more than it could gain."""
        flat = shown.flatten(1)
        flat = flat / flat.norm(dim=1, keepdim=True)
        alike = (answers.new_tensor(self.others[rows]) @ flat[..., None])[..., 0]
        own = answers[range(len(rows)), self.targets[rows]]
        lacks = (answers.new_tensor(self.least[rows]) - own).clamp(min=0) / answers.new_tensor(self.spread[rows])
        return -alike.amax(1) - LACKING * lacks.square()


@dataclass(frozen=True)
class Match:
    """The same answers of many units as another stimulus gives.

    Attributes:
        wanted: Answer of each unit.
        spread: What an answer of each unit is measured by.
    """

    wanted: Float[np.ndarray, "stimuli units"]
    spread: Float[np.ndarray, " units"]
    name: str = "metamer"

    @property
    def targets(self) -> Int[np.ndarray, " stimuli"]:
        """Several each."""
        return np.full(len(self.wanted), -1)

    def score(
        self,
        answers: Float[torch.Tensor, "some units"],
        shown: Float[torch.Tensor, "some frames height width"],
        rows: Int[np.ndarray, " some"],
    ) -> Float[torch.Tensor, " some"]:
        """The logarithm of the mean squared difference, negative: it rises as long as differences shrink."""
        away = (answers - answers.new_tensor(self.wanted[rows])) / answers.new_tensor(self.spread)
        return -(away.square().mean(1) + ALIKE**2).log()


def _shares(members: Bool[np.ndarray, "stimuli units"]) -> Float[np.ndarray, "stimuli units"]:
    return (members / np.maximum(members.sum(1, keepdims=True), 1)).astype(np.float32)
