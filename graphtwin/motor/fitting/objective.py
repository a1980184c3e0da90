"""What a fit of a circuit minimises: squared errors of activity and output over their own variances, with noise that is fitted too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from graphtwin.motor.circuit import Trials
from graphtwin.motor.model import Dynamics, Scales, columns_of

LEAST_NOISE = 1e-4  # variance of the noise that is always there, in the variance of what was recorded: weights stay finite without noise
FLOOR = 1e-6  # variance of a neuron that counts as none, in that of a typical one


@dataclass(frozen=True)
class Seen:
    """What was recorded, in SDs.

    Attributes:
        values: Steps x rows x columns; 0 where nothing was recorded.
        there: 1 where something was, else 0.
        count: Number of values.
    """

    values: torch.Tensor
    there: torch.Tensor
    count: int

    @classmethod
    def of(cls, values: torch.Tensor) -> Seen:
        """From values that are NaN where nothing was recorded."""
        there = torch.isfinite(values)
        return cls(torch.nan_to_num(values), there.to(values), int(there.sum()))

    def cut(self, begin: int, end: int) -> Seen:
        """Some of the steps."""
        there = self.there[begin:end]
        return Seen(self.values[begin:end], there, int(there.sum()))

    def squared(self, predicted: torch.Tensor) -> torch.Tensor:
        """Sum of squared errors."""
        return ((predicted - self.values) * self.there).square().sum()


@dataclass(frozen=True)
class Target:
    """Trials as columns of a batch.

    Attributes:
        trials: Number of trials; further columns are empty.
        drive: Stimulus, steps x stimulated x columns.
        activity: What was recorded, over each neuron's SD, steps x recorded x columns.
        output: Motor output over its SD, steps x outputs x columns.
    """

    trials: int
    drive: torch.Tensor
    activity: Seen
    output: Seen

    def cut(self, begin: int, end: int) -> Target:
        """Some of the steps."""
        return Target(self.trials, self.drive[begin:end], self.activity.cut(begin, end), self.output.cut(begin, end))

    def windows(self, length: int) -> list[Target]:
        """All steps, a window at a time."""
        return [self.cut(begin, begin + length) for begin in range(0, len(self.drive), length)]


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
            len(chosen),
            drive,
            Seen.of(_filled(part.activity / self.deviation, drive.shape[2])),
            Seen.of(_filled(part.output / np.array(self.scales.output), drive.shape[2])),
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
        activity = states[:, :n] / torch.from_numpy(self.deviation).to(states)[:, None]
        found = [(target.activity.squared(activity), target.activity.count)]
        if self.scales.output:
            output = network.output(states[:, n:]) / torch.tensor(self.scales.output).to(states)[:, None]
            found.append((target.output.squared(output), target.output.count))
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

    def descend(self, network: Dynamics, batches: Sequence[Sequence[Target]], prior: Callable[[], torch.Tensor]) -> float:
        """The loss of whole trials, prior and all; its exact gradient is added to that of the network's parameters.

        Trials run through once, and states between windows are kept; then windows run again from the last to the first, and each hands its
        error on to the one before: memory holds the states of one window.

        Args:
            network: The network.
            batches: The windows of each batch of trials.
            prior: Minus the log prior, over the number of values.
        """
        noises = network.noises()
        variances = [torch.exp(2 * noise.detach()) + LEAST_NOISE for noise in noises]
        numbers, parts_of_all = network.numbers(), [part for parts in batches for part in parts]
        counts = [sum(part.activity.count for part in parts_of_all), sum(part.output.count for part in parts_of_all)][: len(noises)]
        squared, total = [0.0] * len(noises), max(sum(counts), 1)
        for parts in batches:
            starts = [network.initial(parts[0].trials)]
            with torch.no_grad():
                for part in parts[:-1]:
                    starts.append(network.window(starts[-1], part.drive, self.trials.stimulated, network.motor[:0], numbers)[1])
            onward: torch.Tensor | None = None
            for at in reversed(range(len(parts))):
                start = starts[at].requires_grad_() if at else starts[at]
                states, last = network.window(start, parts[at].drive, self.trials.stimulated, self.rows(network), numbers)
                errors = self.errors(network, states, parts[at])
                loss = torch.stack([error / (2 * total * by) for (error, _), by in zip(errors, variances, strict=True)]).sum()
                (loss if onward is None else loss + (last * onward).sum()).backward(retain_graph=True)  # type: ignore[no-untyped-call]
                onward = start.grad if at else None
                squared = [sum_ + float(error.detach()) for sum_, (error, _) in zip(squared, errors, strict=True)]
        of_noise = [_normal(torch.tensor(error), count, noise) for error, count, noise in zip(squared, counts, noises, strict=True)]
        loss = torch.stack(of_noise).sum() / total + prior()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

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


def _normal(squared: torch.Tensor, count: int, log_noise: torch.Tensor) -> torch.Tensor:
    """Minus the log likelihood of normal errors."""
    variance = torch.exp(2 * log_noise) + LEAST_NOISE
    return (squared / variance + count * torch.log(variance)).sum() / 2
