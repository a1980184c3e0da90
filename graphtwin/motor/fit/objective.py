"""What a fit of a circuit minimises: squared errors of activity and output over their own variances, with noise that is fitted too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from graphtwin.motor.circuit import Trials
from graphtwin.motor.model import Dynamics, Scales, columns_of

LEAST_NOISE = 1e-4  # variance of the noise that is always there, in the variance of what was recorded: weights stay finite without noise
FLOOR = 1e-6  # variance of a neuron that counts as none, in that of a typical one


@dataclass(frozen=True)
class Target:
    """Trials as columns of a batch.

    Attributes:
        drive: Stimulus, steps x stimulated x columns.
        activity: What was recorded, over each neuron's SD, steps x recorded x columns; NaN where nothing was.
        output: Motor output over its SD, steps x outputs x columns.
    """

    drive: torch.Tensor
    activity: torch.Tensor
    output: torch.Tensor

    def cut(self, begin: int, end: int) -> Target:
        """Some of the steps."""
        return Target(self.drive[begin:end], self.activity[begin:end], self.output[begin:end])


@dataclass(frozen=True)
class Objective:
    """Losses of windows of one recording.

    Attributes:
        trials: The recording.
        deviation: SD of each recorded neuron.
        scales: Units of activity and output.
    """

    trials: Trials
    deviation: np.ndarray
    scales: Scales

    @classmethod
    def of(cls, trials: Trials) -> Objective:
        """Units from the trials that are fitted."""
        deviation = _deviation(trials.activity)
        typical = float(np.median(deviation[deviation > 0])) if (deviation > 0).any() else 1.0
        mean = np.array([np.nanmean(column) if np.isfinite(column).any() else 0.0 for column in np.moveaxis(trials.output, 2, 0)])
        output = _deviation(trials.output)
        scales = Scales(typical, tuple(np.where(output > 0, output, 1.0).tolist()), tuple(mean.tolist()))
        return cls(trials, np.where(deviation**2 > FLOOR * typical**2, deviation, typical), scales)

    def target(self, chosen: np.ndarray) -> Target:
        """Trials by their places, as columns."""
        part = self.trials.chosen(chosen)
        drive = columns_of(part.stimulus)
        return Target(
            drive,
            _filled(part.activity / self.deviation, drive.shape[2]),
            _filled(part.output / np.array(self.scales.output), drive.shape[2]),
        )

    def count(self, chosen: np.ndarray) -> int:
        """Values that were recorded in some trials."""
        return int(np.isfinite(self.trials.activity[chosen]).sum() + np.isfinite(self.trials.output[chosen]).sum())

    def rows(self, network: Dynamics) -> np.ndarray:
        """Neurons that the loss reads: those recorded, then those that the output is read from."""
        return np.r_[self.trials.recorded, network.motor] if self.scales.output else self.trials.recorded

    def errors(self, network: Dynamics, states: torch.Tensor, target: Target) -> list[tuple[torch.Tensor, int]]:
        """Sum of squared errors, in the variance of what was recorded, and number of values: of activity, then of output if there is any.

        Args:
            network: The network.
            states: States of `rows`.
            target: What was recorded then.
        """
        n = len(self.trials.recorded)
        found = [_squared(states[:, :n] / torch.from_numpy(self.deviation).to(states)[:, None], target.activity)]
        if self.scales.output:
            found.append(_squared(network.output(states[:, n:]) / torch.tensor(self.scales.output).to(states)[:, None], target.output))
        return found

    def steps(
        self, network: Dynamics, chosen: np.ndarray, length: int, batch: int, prior: Callable[[], torch.Tensor]
    ) -> Iterator[Callable[[], torch.Tensor]]:
        """The loss of each window of each batch, the state carried on from window to window without its past.

        Args:
            network: The network.
            chosen: Trials, by their places, in the order of the batches.
            length: Steps of a window.
            batch: Trials of a batch.
            prior: Minus the log prior, over the number of values of all training trials.
        """
        for first in range(0, len(chosen), batch):
            places = chosen[first : first + batch]
            target = self.target(places)
            carried: list[torch.Tensor] = []
            for begin in range(0, self.trials.n_steps, length):
                yield partial(self._step, network, target.cut(begin, begin + length), carried, len(places), prior)

    def _step(
        self, network: Dynamics, part: Target, carried: list[torch.Tensor], n: int, prior: Callable[[], torch.Tensor]
    ) -> torch.Tensor:
        """The loss of one window, from the state that is carried; the last one is left there."""
        state = carried.pop() if carried else network.initial(n)
        states, last = network.window(state, part.drive, self.trials.stimulated, self.rows(network))
        carried.append(last.detach())
        found = self.errors(network, states, part)
        total = torch.stack([_normal(error, count, noise) for (error, count), noise in zip(found, network.noises(), strict=True)]).sum()
        return total / max(sum(count for _, count in found), 1) + prior()

    def mean_loss(self, network: Dynamics, chosen: np.ndarray, length: int, batch: int) -> float:
        """Minus the mean log likelihood of a value of some trials, but for a constant, without gradients.

        Noise is what it is found to be in these trials: that of the fit is what training trials have, and would punish, far more than it
        matters, a trial of another kind (a neuron that was never stimulated before) that is predicted less well.
        """
        squared, counts = np.zeros(2), np.zeros(2)
        with torch.no_grad():
            numbers = network.numbers()
            for first in range(0, len(chosen), batch):
                places = chosen[first : first + batch]
                target, state = self.target(places), network.initial(len(places))
                for begin in range(0, self.trials.n_steps, length):
                    part = target.cut(begin, begin + length)
                    states, state = network.window(state, part.drive, self.trials.stimulated, self.rows(network), numbers)
                    for at, (error, count) in enumerate(self.errors(network, states, part)):
                        squared[at] += float(error)
                        counts[at] += count
        there = counts > 0
        variance = squared[there] / counts[there] + LEAST_NOISE
        return float((counts[there] * (np.log(variance) + 1)).sum() / (2 * max(counts.sum(), 1)))


def _deviation(values: np.ndarray) -> np.ndarray:
    """SD of each column over trials and steps; 0 where less than two values are there."""
    columns = np.moveaxis(values, 2, 0)
    return np.array([np.nanstd(column) if np.isfinite(column).sum() > 1 else 0.0 for column in columns])


def _filled(values: np.ndarray, columns: int) -> torch.Tensor:
    """Trials as columns, NaN in those that are empty."""
    trials, steps, width = values.shape
    filled = np.full((steps, width, columns), np.nan, dtype=np.float32)
    filled[:, :, :trials] = np.moveaxis(values, 0, 2)
    return torch.from_numpy(filled)


def _squared(predicted: torch.Tensor, seen: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Sum of squared errors of what was recorded, and how many values that are."""
    there = torch.isfinite(seen)
    return torch.where(there, predicted - torch.nan_to_num(seen), torch.zeros_like(predicted)).square().sum(), int(there.sum())


def _normal(squared: torch.Tensor, count: int, log_noise: torch.Tensor) -> torch.Tensor:
    """Minus the log likelihood of normal errors."""
    variance = torch.exp(2 * log_noise) + LEAST_NOISE
    return (squared / variance + count * torch.log(variance)).sum() / 2
