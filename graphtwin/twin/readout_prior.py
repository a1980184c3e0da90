"""What the readouts of many units have in common, and what each of them is most likely to be given that and its own responses.

A unit has few responses for as many weights. Feature weights and bias of all units of all animals on one core are taken as draws from one
mixture of Gaussians, that under which the responses of all units together are most likely (empirical Bayes by EM: Dempster, Laird & Rubin
1977, doi:10.1111/j.2517-6161.1977.tb01600.x; Efron & Morris 1973, doi:10.1080/01621459.1973.10481350). Units of one component are of one
kind, as cells that prefer like directions. Each unit's readout is then its posterior mean, to second order around the last one. The mixture
stays with the core: a new animal's readouts are held by it from the first minute.

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
from sklearn.cluster import KMeans
from tqdm import tqdm

from graphtwin.twin.model import COMPONENTS, Animal, Twin, tensors
from graphtwin.twin.recordings import Clips, Window

PILOT = 4  # trials that tell how far frames repeat each other
LAGS = 40  # frames over which they may
EM_STEPS = 20
UNITS_A_COMPONENT = 50  # no more components than there are units for
MOST_UNITS = 4000  # that the mixture is learned from, spread over all
MEASURED = 2  # of the Newton steps measure the prior
ROUNDS, SETTLED = 6, 1.0  # Newton steps at most; one that changes the log-likelihood of half of the units by less, nats, is the last
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
    """The mixture that readouts are draws from, each output apart; components of share 0 are none."""

    share: Float[torch.Tensor, "outputs components"]
    mean: Float[torch.Tensor, "outputs components entries"]
    covariance: Float[torch.Tensor, "outputs components entries entries"]


@dataclass(frozen=True)
class _Posterior:
    """What one output's responses and prior say of units' readouts: of each component, and how likely a unit is of each."""

    share: Float[torch.Tensor, "units components"]
    mean: Float[torch.Tensor, "units components entries"]
    covariance: Float[torch.Tensor, "units components entries entries"]


def settle(twin: Twin, clips: Mapping[str, Clips], warm_up: int, prior: ReadoutPrior | None = None, progress: bool = False) -> ReadoutPrior:
    """Set the readouts of every animal to their posterior means; returns the prior, which is measured on these animals if none is given.

    A step of Newton is a pass over the clips; the fewer the responses, the more of them it takes and the less one costs. Time grows with
    frames x units x (features + 1)^2, memory with units x (features + 1)^2.

    Args:
        twin: Fitted; feature weights and biases are changed in place.
        clips: Training trials of each animal.
        warm_up: Frames at the start of each trial that are left out.
        prior: Of another twin with the same core.
        progress: Show a bar.
    """
    twin.eval()
    found = prior
    for step in range(ROUNDS):
        told = {name: evidence(twin, name, part, warm_up, progress) for name, part in clips.items()}
        if prior is None and step < MEASURED:
            found = fit_prior(list(told.values()))
        assert found is not None  # given, or measured in the first step
        means = {name: posterior_means(of, found) for name, of in told.items()}
        for name, mean in means.items():
            _set(twin.animal(name), mean)
        moved = [torch.einsum("uoi,uoij,uoj->u", means[name] - of.start, of.precision, means[name] - of.start) for name, of in told.items()]
        if float(torch.cat(moved).median()) / 2 < SETTLED:
            break
    assert found is not None
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
    """The mixture under which all units' responses are most likely.

    Args:
        told: Of each animal.
    """
    n_units = sum(len(of.start) for of in told)
    of_outputs = []
    for output in range(told[0].start.shape[1]):
        every = max(1, -(-n_units // MOST_UNITS))
        parts = [(of.precision[::every, output], of.pull[::every, output], of.start[::every, output]) for of in told]
        of_outputs.append(_fit_mixture(*(torch.cat(values) for values in zip(*parts, strict=True))))
    return ReadoutPrior(*(torch.stack(values) for values in zip(*of_outputs, strict=True)))


Mixture = tuple[
    Float[torch.Tensor, " components"], Float[torch.Tensor, "components entries"], Float[torch.Tensor, "components entries entries"]
]


def _fit_mixture(
    precision: Float[torch.Tensor, "units entries entries"],
    pull: Float[torch.Tensor, "units entries"],
    start: Float[torch.Tensor, "units entries"],
) -> Mixture:
    """One Gaussian first; then components around clusters of what it makes of the units, each held by half of its covariance."""
    apart = start - start.mean(0)
    mixture: Mixture = torch.ones(1, dtype=start.dtype), start.mean(0)[None], (apart.T @ apart / len(start))[None]
    for _ in range(EM_STEPS):
        mixture = _better(_posterior(precision, pull, mixture))
    centre, covariance = mixture[1][0], mixture[2][0]
    components = min(COMPONENTS, len(start) // UNITS_A_COMPONENT)
    if components > 1:
        means = _posterior(precision, pull, mixture).mean[:, 0]
        white = (means - centre) @ torch.linalg.cholesky(_inverse(covariance))
        number = torch.from_numpy(KMeans(components, n_init=1, random_state=0).fit_predict(white.numpy()).astype(np.int64))
        share = torch.bincount(number, minlength=components).to(start.dtype) / len(number)
        mixture = share, torch.stack([means[number == at].mean(0) for at in range(components)]), covariance.repeat(components, 1, 1)
        for _ in range(EM_STEPS):
            mixture = _better(_posterior(precision, pull, mixture), centre, covariance / 2)
    none = COMPONENTS - len(mixture[0])
    share, mean = torch.cat([mixture[0], torch.zeros(none, dtype=start.dtype)]), torch.cat([mixture[1], centre.repeat(none, 1)])
    return share, mean, torch.cat([mixture[2], covariance.repeat(none, 1, 1)])


def _better(known: _Posterior, centre: torch.Tensor | None = None, covariance: torch.Tensor | None = None) -> Mixture:
    """The mixture that is likeliest given what is known of the units.

    A covariance, where one is given, counts as as many units as it has entries, and the centre as two.
    """
    count = known.share.sum(0)
    mean = torch.einsum("uk,uke->ke", known.share, known.mean)
    mean = mean / count[:, None] if centre is None else (mean + 2 * centre) / (count[:, None] + 2)
    apart = known.mean - mean
    spread = torch.einsum("uk,uki,ukj->kij", known.share, apart, apart) + torch.einsum("uk,ukij->kij", known.share, known.covariance)
    if covariance is None:
        return count / count.sum(), mean, spread / count[:, None, None]
    held = len(covariance)
    return count / count.sum(), mean, (spread + held * covariance) / (count[:, None, None] + held)


def posterior_means(of: Evidence, prior: ReadoutPrior) -> Float[torch.Tensor, "units outputs entries"]:
    """Mean readout of every unit.

    Args:
        of: The units' responses.
        prior: What readouts are like before these are seen.
    """
    of_outputs = []
    for output in range(of.start.shape[1]):
        mixture = prior.share[output], prior.mean[output], prior.covariance[output]
        parts = []
        for units in torch.arange(len(of.start)).split(UNITS_TOGETHER):
            known = _posterior(of.precision[units, output], of.pull[units, output], mixture)
            parts.append(torch.einsum("uk,uke->ue", known.share, known.mean))
        of_outputs.append(torch.cat(parts))
    return torch.stack(of_outputs, dim=1)


def _posterior(
    precision: Float[torch.Tensor, "units entries entries"], pull: Float[torch.Tensor, "units entries"], mixture: Mixture
) -> _Posterior:
    """By Gaussian algebra; a component's share of a unit goes with how likely its responses are under it."""
    found = []
    for share, mean, covariance in zip(*mixture, strict=True):
        if share == 0:
            continue
        held = _inverse(covariance)
        factor = torch.linalg.cholesky(precision + held)
        pulled = pull + held @ mean
        means = torch.cholesky_solve(pulled[..., None], factor)[..., 0]
        evidence = (pulled * means).sum(1) / 2 - factor.diagonal(dim1=1, dim2=2).log().sum(1)
        evidence += share.log() + (torch.logdet(held) - mean @ held @ mean) / 2
        found.append((evidence, means, torch.cholesky_inverse(factor)))
    evidence, means, covariances = (torch.stack(values, dim=1) for values in zip(*found, strict=True))
    return _Posterior(torch.softmax(evidence, dim=1), means, covariances)


def _inverse(covariance: torch.Tensor) -> torch.Tensor:
    return torch.linalg.inv(covariance + FLOOR * torch.eye(len(covariance), dtype=covariance.dtype))


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
