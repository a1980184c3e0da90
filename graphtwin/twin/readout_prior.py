"""What the readouts of many units have in common, and what each of them is most likely to be given that and its own responses.

A unit has few responses for as many weights. Feature weights and bias of all units of all animals on one core are taken as draws from one
Gaussian, whose mean and covariance are those under which the responses of all units together are most likely (empirical Bayes by EM:
Dempster, Laird & Rubin 1977, doi:10.1111/j.2517-6161.1977.tb01600.x; Efron & Morris 1973, doi:10.1080/01621459.1973.10481350). Each unit's
readout is then its posterior mean, to second order around the fitted one. The Gaussian stays with the core: a new animal's readouts are
held by it from the first minute.

Two things keep a unit's responses from counting for more than they say. Their scores vary more than the family expects, by a factor that
is measured and divides them (quasi-likelihood: Wedderburn 1974, doi:10.1093/biomet/61.3.439). And neighbouring frames may repeat each
other, as where slow imaging was interpolated: frames are read as far apart as that lasts, and what they still share divides again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from tqdm import tqdm

from graphtwin.twin.model import Animal, Twin, tensors
from graphtwin.twin.recordings import Clips, Window

PILOT = 4  # trials that tell how far frames repeat each other
LAGS = 40  # frames over which they may
EM_STEPS = 30
UNITS_TOGETHER = 2048
NUMBERS_TOGETHER = 2**25  # that units see, in memory at once: 128 MB
FLOOR = 1e-6  # of variances

Slopes = Float[torch.Tensor, "units frames outputs"]


@dataclass(frozen=True)
class Evidence:
    """What an animal's responses say of feature weights and bias (the last entry) of each unit and output, to second order.

    Attributes:
        start: The readouts around which it holds.
        precision: Minus the second derivative of the log-likelihood.
        pull: The first derivative, plus precision times start.
    """

    start: Float[torch.Tensor, "units outputs entries"]
    precision: Float[torch.Tensor, "units outputs entries entries"]
    pull: Float[torch.Tensor, "units outputs entries"]


@dataclass(frozen=True)
class ReadoutPrior:
    """The Gaussian that readouts are draws from, each output apart."""

    mean: Float[torch.Tensor, "outputs entries"]
    covariance: Float[torch.Tensor, "outputs entries entries"]


def settle(
    twin: Twin, clips: Mapping[str, Clips], warm_up: int, prior: ReadoutPrior | None = None, rounds: int = 2, progress: bool = False
) -> ReadoutPrior:
    """Set the readouts of every animal to their posterior means; returns the prior, which is measured on these animals if none is given.

    Time grows with frames x units x (features + 1)^2, memory with units x (features + 1)^2.

    Args:
        twin: Fitted; feature weights and biases are changed in place.
        clips: Training trials of each animal.
        warm_up: Frames at the start of each trial that are left out.
        prior: Of another twin with the same core.
        rounds: Newton steps, each a pass over the clips.
        progress: Show a bar.
    """
    twin.eval()
    found = prior
    for _ in range(rounds):
        told = {name: evidence(twin, name, part, warm_up, progress) for name, part in clips.items()}
        found = prior or fit_prior(list(told.values()))
        for name, of in told.items():
            _set(twin.animal(name), posterior(of, found)[0])
    assert found is not None  # rounds is at least 1
    return found


def evidence(twin: Twin, name: str, clips: Clips, warm_up: int = 0, progress: bool = False) -> Evidence:
    """What the training responses of one animal say of its readouts, positions and all else kept.

    Args:
        twin: In eval mode.
        name: Of the animal.
        clips: Read once.
        warm_up: Frames at the start of each trial that are left out; pictures leave none out.
        progress: Show a bar.
    """
    animal = twin.animal(name)
    start = _entries(animal)
    precision = torch.zeros(*start.shape, start.shape[-1], device=twin.device)
    first = torch.zeros_like(start)
    squares, curvature = torch.zeros_like(start[..., 0]), torch.zeros_like(start[..., 0])
    every, repeated = (1, 1.0) if clips.pictures else spacing(_correlations(twin, name, clips, warm_up))
    for _, window in tqdm(clips.whole(), total=len(clips.rows), desc="readouts", unit="trial", disable=not progress, leave=False):
        frames = _counted(window, clips, warm_up)[::every]
        if not len(frames):
            continue
        for seen, score, bend in _derivatives(twin, name, window, frames):
            for output in range(start.shape[1]):
                precision[:, output] += torch.bmm((seen * bend[..., output, None].clamp(min=0)).transpose(1, 2), seen)
            first += torch.einsum("ufo,ufe->uoe", score, seen)
            squares += (score**2).sum(1)
            curvature += bend.sum(1)
    clamped = precision[..., -1, -1].clamp(min=FLOOR)  # the last entry of what is seen is 1
    excess = (squares / curvature.clamp(min=FLOOR)).clamp(min=0.05) * repeated
    precision = (precision * (curvature / clamped / excess).clamp(min=0)[..., None, None]).cpu().double()
    at = start.cpu().double()
    return Evidence(at, precision, (first / excess[..., None]).cpu().double() + torch.einsum("uoij,uoj->uoi", precision, at))


def fit_prior(told: Sequence[Evidence]) -> ReadoutPrior:
    """The Gaussian under which all units' responses are most likely.

    Args:
        told: Of each animal.
    """
    start = torch.cat([of.start for of in told])
    apart = start - start.mean(0)
    prior = ReadoutPrior(start.mean(0), torch.einsum("uoi,uoj->oij", apart, apart) / len(start))
    for _ in range(EM_STEPS):
        known = [posterior(of, prior) for of in told]
        means = torch.cat([mean for mean, _ in known])
        centre = means.mean(0)
        apart = means - centre
        within = sum((spread for _, spread in known), torch.zeros_like(prior.covariance))
        prior = ReadoutPrior(centre, (torch.einsum("uoi,uoj->oij", apart, apart) + within) / len(means))
    return prior


def posterior(
    of: Evidence, prior: ReadoutPrior
) -> tuple[Float[torch.Tensor, "units outputs entries"], Float[torch.Tensor, "outputs entries entries"]]:
    """Mean readout of every unit, and the sum over units of the covariances around it.

    Args:
        of: The units' responses.
        prior: What readouts are like before these are seen.
    """
    eye = torch.eye(prior.covariance.shape[-1], dtype=prior.covariance.dtype)
    held = torch.linalg.inv(prior.covariance + FLOOR * eye)
    pulled = of.pull + torch.einsum("oij,oj->oi", held, prior.mean)
    means, spread = [], torch.zeros_like(prior.covariance)
    for part in torch.arange(len(pulled)).split(UNITS_TOGETHER):
        covariance = torch.linalg.inv(of.precision[part] + held)
        means.append(torch.einsum("uoij,uoj->uoi", covariance, pulled[part]))
        spread += covariance.sum(0)
    return torch.cat(means), spread


def _entries(animal: Animal) -> Float[torch.Tensor, "units outputs entries"]:
    """Feature weights, and the bias after them."""
    return torch.cat([animal.readout.weights, animal.readout.bias[..., None]], dim=-1).detach()


@torch.no_grad()
def _set(animal: Animal, entries: Float[torch.Tensor, "units outputs entries"]) -> None:
    """Take feature weights and biases as `_entries` gives them."""
    animal.readout.weights.copy_(entries[..., :-1])
    animal.readout.bias.copy_(entries[..., -1])


def _derivatives(
    twin: Twin, name: str, window: Window, frames: Int[np.ndarray, " frames"]
) -> Iterator[tuple[Float[torch.Tensor, "units frames entries"], Slopes, Slopes]]:
    """What every unit sees in some frames, a 1 after it; the log-likelihood's slope by drives, and its fall; a few frames at a time."""
    animal = twin.animal(name)
    entries = _entries(animal)
    with torch.no_grad():
        features, modulation, _ = twin.see(name, *tensors(window, twin.device))
    responses = torch.from_numpy(window.responses[0]).to(twin.device)
    for rows in torch.from_numpy(frames).to(twin.device).split(max(1, NUMBERS_TOGETHER // (len(entries) * entries.shape[2]))):
        with torch.no_grad():
            seen = animal.readout.seen(features[rows])
            seen = torch.cat([seen, torch.ones_like(seen[..., :1])], dim=-1)
            drives = torch.einsum("fue,uoe->fuo", seen, entries)
        drives.requires_grad_(True)
        answers = animal.answer(drives, modulation[0, rows])
        score = torch.autograd.grad(twin.family.log_likelihood(answers, animal.shape, responses[rows]).sum(), drives, create_graph=True)[0]
        bend = [-torch.autograd.grad(score[..., at].sum(), drives, retain_graph=True)[0][..., at] for at in range(score.shape[-1])]
        yield seen.transpose(0, 1), score.detach().transpose(0, 1), torch.stack(bend, dim=-1).transpose(0, 1)


def spacing(correlations: Float[torch.Tensor, " lags"]) -> tuple[int, float]:
    """Frames from one that is read to the next, half as many as say what one says alone, and how many of those read do that.

    Args:
        correlations: Of scores 0, 1, ... frames apart; those below 0 count as 0.
    """
    of_all = float(1 + 2 * correlations[1:].clamp(min=0).sum())
    every = max(1, int(of_all / 2))
    return every, float(1 + 2 * correlations[every::every].clamp(min=0).sum())


def _correlations(twin: Twin, name: str, clips: Clips, warm_up: int) -> Float[torch.Tensor, " lags"]:
    """Correlations of scores some frames apart, over units and the pilot's trials."""
    products, pairs = torch.zeros(LAGS + 1), torch.zeros(LAGS + 1)
    for row in clips.rows[:PILOT]:
        window = clips.read(int(row))
        frames = _counted(window, clips, warm_up)
        if not len(frames):
            continue
        score = torch.cat([score[..., 0] for _, score, _ in _derivatives(twin, name, window, frames)], dim=1)
        scaled = score / score.square().mean(1, keepdim=True).sqrt().clamp(min=FLOOR)
        for lag in range(min(LAGS + 1, scaled.shape[1])):
            apart = scaled[:, lag:] * scaled[:, : scaled.shape[1] - lag]
            products[lag] += float(apart.sum())
            pairs[lag] += apart.numel()
    found = products / pairs.clamp(min=1.0)
    return found / found[0].clamp(min=FLOOR)


def _counted(window: Window, clips: Clips, warm_up: int) -> Int[np.ndarray, " frames"]:
    """Frames whose responses count."""
    frames = np.flatnonzero(window.counted[0])
    return frames if clips.pictures else frames[frames >= warm_up]
