"""How likely responses are without any stimulus: the baseline of each unit from which bits per response are counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from graphtwin.twin.data import Clips
from graphtwin.twin.model import FAMILIES, ResponseFamily
from graphtwin.twin.scores.response_bins import BINS, ResponseBins, response_bins

LEARNING_RATE, STEPS = 0.05, 400  # settings of Adam, which fits a few numbers a unit; a choice
MOST_FRAMES = 6000  # frames of training that are looked at, or up to twice as many
LEAST_VARIANCE = 1e-6  # least variance, of responses of variance 1
THINNED = 3  # one in so many of the frames looked at tells the few constants of an intercept


@dataclass(frozen=True)
class Intercept:
    """A response distribution that knows the unit and nothing else.

    Attributes:
        numbers: Numbers of the distribution, the same in every frame.
        shape: Constants of the unit.
    """

    numbers: Float[torch.Tensor, "units outputs"]
    shape: Float[torch.Tensor, "units shapes"]


@dataclass(frozen=True)
class Baseline:
    """What is known of the responses without the stimulus.

    Attributes:
        intercept: Intercept of the model's own family.
        bins: Bins of the responses, the same for all families; None where training holds means, which tell nothing of single trials' bins.
    """

    intercept: Intercept
    bins: ResponseBins | None


def intercept(
    family: ResponseFamily, responses: Float[torch.Tensor, "frames units"], n_repeats: Float[torch.Tensor, " frames"] | None = None
) -> Intercept:
    """The constants of each unit that make its responses most likely.

    Args:
        family: Family of the distribution.
        responses: Responses of training frames; NaN where a unit was not held.
        n_repeats: Number of showings that each frame's responses are the mean of; None for single trials.
    """
    held, known = responses.isfinite(), responses.nan_to_num()
    n = torch.ones(len(responses), 1) if n_repeats is None else n_repeats[:, None]
    weight, frames = n * held, held.sum(0).clamp(min=1)
    mean = (weight * known).sum(0) / weight.sum(0).clamp(min=1)
    if family is FAMILIES["gaussian"]:
        variance = (weight * (known - mean) ** 2).sum(0) / frames
        return Intercept(mean[:, None], variance.clamp(min=LEAST_VARIANCE).log()[:, None])
    mean = mean.clamp(min=1e-3)
    if family is FAMILIES["poisson"]:  # whose rate is the mean response
        return Intercept(mean[:, None], torch.tensor(family.shapes).repeat(len(mean), 1))
    log_rate = mean.log().clone().requires_grad_()
    others = torch.zeros(len(mean), family.outputs - 1, requires_grad=True)
    shape = torch.tensor(family.shapes).repeat(len(mean), 1).requires_grad_()
    free = [part for part in (log_rate, others, shape) if part.numel()]
    optimiser = torch.optim.Adam(free, lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        optimiser.zero_grad()
        numbers = torch.cat([log_rate.exp()[:, None], others], dim=1)
        likelihood = family.log_likelihood(numbers.expand(len(known), -1, -1), shape, known, n)
        (-(torch.where(held, likelihood, 0.0).sum(0) / frames).sum()).backward()
        optimiser.step()
        schedule.step()
    return Intercept(torch.cat([log_rate.exp()[:, None], others], dim=1).detach(), shape.detach())


def baseline_of(family: ResponseFamily, train: Clips) -> Baseline:
    """Intercept and bins of the training responses, every so many frames where there are many."""
    step = max(1, int(train.n_frames().sum()) // MOST_FRAMES)
    parts = [(window.known()[window.counted][::step], window.showings[window.counted][::step]) for window in train.whole()]
    responses, showings = (torch.from_numpy(np.concatenate(several)) for several in zip(*parts, strict=True))
    bins = response_bins(responses, BINS, family.signed) if (showings == 1).all() else None
    return Baseline(intercept(family, responses[::THINNED], showings[::THINNED]), bins)
