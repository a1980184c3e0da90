"""What the readouts of many units have in common, and what each of them is most likely to be given that and its own responses.

A unit has few responses for as many weights. Feature weights and bias of all units of all animals on one core are taken as draws from one
mixture of Gaussians, that under which the responses of all units together are most likely (empirical Bayes: Efron & Morris 1973,
doi:10.1080/01621459.1973.10481350). Units of one component are of one kind, as cells that prefer like directions. Each unit's readout is
then its posterior mean, to second order around the last one. The mixture stays with the core: a new animal's readouts are held by it from
the first minute.

Two things keep a unit's responses from counting for more than they say. Their scores vary more than the family expects, by a factor that
is measured and divides them (quasi-likelihood: Wedderburn 1974, doi:10.1093/biomet/61.3.439). And neighbouring frames may repeat each
other, as where slow imaging was interpolated: frames are read as far apart as that lasts, and what they still share divides again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from graphtwin.coordinates import frames_of
from graphtwin.twin.data import Clips, Window
from graphtwin.twin.fitting.readout_mixture import Mixture, fit_mixture, posterior_mean, share_known
from graphtwin.twin.fitting.readout_neighbours import Neighbours, of_neighbours
from graphtwin.twin.model import COMPONENTS, AnimalHead, Twin, tensors

log = logging.getLogger("graphtwin")

PILOT = 4  # trials that tell how far frames repeat each other
LAGS = 40  # frames apart, at most, at which the scores of frames are compared
MOST_UNITS = 4000  # units, at most, that the mixture is learned from, spread over all
MEASURED = (1, COMPONENTS)  # components of the prior that the first Newton steps measure; later ones keep it
ROUNDS, SETTLED = 6, 1.0  # Newton steps at most; one that moves half of the units by less, nats of their curvature, is the last
NUMBERS_TOGETHER = 2**25  # numbers seen by units that are in memory at once: 128 MB
FLOOR = 1e-6  # least variance and curvature: quotients stay finite

Slopes = Float[torch.Tensor, "units frames outputs"]


@dataclass(frozen=True)
class ReadoutEvidence:
    """What an animal's responses say of feature weights and bias (the last entry) of each unit and output, to second order.

    Attributes:
        start: Readouts around which the evidence holds.
        precision: Minus the second derivative of the log-likelihood.
        pull: The first derivative, plus precision times start.
        every: Frames from one that was read to the next.
        excess: By what precision and pull were divided: how much more scores vary than the family expects, times how many of the frames
            that were read say what one says alone.
    """

    start: Float[torch.Tensor, "units outputs entries"]
    precision: Float[torch.Tensor, "units outputs entries entries"]
    pull: Float[torch.Tensor, "units outputs entries"]
    every: int = 1
    excess: Float[torch.Tensor, "#units #outputs"] = field(default_factory=lambda: torch.ones(1, 1, dtype=torch.float64))


@dataclass(frozen=True)
class ReadoutPrior:
    """Mixture that readouts are draws from, each output apart; components of share 0 are none."""

    share: Float[torch.Tensor, "outputs components"]
    mean: Float[torch.Tensor, "outputs components entries"]
    covariance: Float[torch.Tensor, "outputs components entries entries"]


def settle(
    twin: Twin,
    clips: Mapping[str, Clips],
    left_out_s: float,
    prior: ReadoutPrior | None = None,
    places: Mapping[str, Float[np.ndarray, "units xy"]] | None = None,
    progress: bool = False,
) -> ReadoutPrior:
    """Set the readouts of every animal to their posterior means; returns the prior, which is measured on these animals if none is given.

    How reliable each readout is stays with it: see `share_known`, over its feature weights, whose features have variance 1.

    A step of Newton is a pass over the clips; the fewer the responses, the more of them it takes and the less one costs. Time grows with
    frames x units x (features + 1)^2 a pass, and with units (4,000 at most) x components x (features + 1)^3 for the prior; memory with
    units x (features + 1)^2.

    Args:
        twin: Fitted twin; feature weights and biases are changed in place.
        clips: Training trials of each animal.
        left_out_s: Seconds at the start of each trial that are left out.
        prior: Prior of another twin with the same core; None measures one.
        places: Where units lie in cortex, of the animals whose readouts may be told by those of neighbours.
        progress: Show a progress bar.
    """
    twin.eval()
    found, measured = prior, MEASURED if prior is None else ()
    asked: dict[str, list[Neighbours]] = {}
    for step in range(ROUNDS):
        told = {name: evidence(twin, name, part, left_out_s, progress) for name, part in clips.items()}
        if step < len(measured):
            found = fit_prior(list(told.values()), measured[step], progress)
        assert found is not None  # the prior is given, or measured in the first step
        both = dict(told)
        for name, at in (places or {}).items():
            both[name], asked[name] = with_neighbours(told[name], found, at, asked.get(name) if step >= len(measured) else None)
        means = {name: posterior_means(of, found) for name, of in both.items()}
        for name, mean in means.items():
            _set(twin.animal(name), mean)
        moved = [torch.einsum("uoi,uoij,uoj->u", means[name] - of.start, of.precision, means[name] - of.start) for name, of in told.items()]
        if step + 1 >= len(measured) and float(torch.cat(moved).median()) / 2 < SETTLED:
            break
    assert found is not None
    for name, how in asked.items():
        log.info("%s: %s", name, "; ".join(of_output.said() for of_output in how))
    of_rate = Mixture(found.share[0], found.mean[0], found.covariance[0])
    for name, of in told.items():
        reliability = share_known(of.precision[:, 0], of.pull[:, 0], of_rate, of.start.shape[2] - 1)
        twin.animal(name).reliability.copy_(reliability)
    return found


def evidence(twin: Twin, name: str, clips: Clips, left_out_s: float = 0.0, progress: bool = False) -> ReadoutEvidence:
    """What the training responses of one animal say of its readouts, positions and all else kept; those of a unit that never vary: nothing.

    Args:
        twin: Twin in eval mode.
        name: Name of the animal.
        clips: Training trials of the animal, each read once, a few of them twice.
        left_out_s: Seconds at the start of each trial that are left out; pictures leave none out.
        progress: Show a progress bar.
    """
    animal = twin.animal(name)
    start = _entries(animal)
    precision = torch.zeros(*start.shape, start.shape[-1], device=twin.device)
    first = torch.zeros_like(start)
    squares, curvature = torch.zeros_like(start[..., 0]), torch.zeros_like(start[..., 0])
    lowest, highest = (torch.full(start.shape[:1], end, device=twin.device) for end in (torch.inf, -torch.inf))
    every, repeated = (1, 1.0) if clips.pictures else spacing(_correlations(twin, name, clips, left_out_s))
    for window in clips.whole("readouts" if progress else None):
        frames = _counted(window, clips, left_out_s)[::every]
        if not len(frames):
            continue
        answers = torch.from_numpy(window.responses.reshape(-1, len(start))[frames]).to(twin.device)
        held = _held(window, frames)
        low, high = (answers if held is None else torch.where(held.to(answers.device), answers, end) for end in (torch.inf, -torch.inf))
        lowest, highest = torch.minimum(lowest, low.amin(0)), torch.maximum(highest, high.amax(0))
        for seen, score, bend in _derivatives(twin, name, window, frames):
            for output in range(start.shape[1]):
                precision[:, output] += torch.bmm((seen * bend[..., output, None].clamp(min=0)).transpose(1, 2), seen)
            first += torch.einsum("ufo,ufe->uoe", score, seen)
            squares += (score**2).sum(1)
            curvature += bend.sum(1)
    clamped = precision[..., -1, -1].clamp(min=FLOOR)  # the last entry of what is seen is 1
    excess = (squares / curvature.clamp(min=FLOOR)).clamp(min=0.05) * repeated
    varies = (highest > lowest).float()[:, None]
    precision = (precision * (varies * curvature / clamped / excess).clamp(min=0)[..., None, None]).cpu().double()
    at = start.cpu().double()
    pull = (first * (varies / excess)[..., None]).cpu().double() + torch.einsum("uoij,uoj->uoi", precision, at)
    return ReadoutEvidence(at, precision, pull, every, excess.cpu().double())


def fit_prior(told: Sequence[ReadoutEvidence], components: int = COMPONENTS, progress: bool = False) -> ReadoutPrior:
    """The mixture under which all units' responses are most likely, of each output.

    Args:
        told: Evidence of each animal.
        components: Number of components at most; the prior has room for COMPONENTS, some of no share.
        progress: Show progress bars.
    """
    every = max(1, -(-sum(len(of.start) for of in told) // MOST_UNITS))
    found = []
    for output in range(told[0].start.shape[1]):
        precision, pull, start = (torch.cat([getattr(of, name)[::every, output] for of in told]) for name in ("precision", "pull", "start"))
        mixture = fit_mixture(precision, pull, start, components, progress)
        none = COMPONENTS - len(mixture.share)
        found.append([torch.cat([part, part.new_zeros(none, *part.shape[1:])]) for part in vars(mixture).values()])
    return ReadoutPrior(*(torch.stack(values) for values in zip(*found, strict=True)))


def with_neighbours(
    of: ReadoutEvidence, prior: ReadoutPrior, places: Float[np.ndarray, "units xy"], known: Sequence[Neighbours] | None = None
) -> tuple[ReadoutEvidence, list[Neighbours]]:
    """Evidence of the units' responses and of those of their neighbours in cortex, and how neighbours of each output were asked.

    Args:
        of: Evidence of the units' responses.
        prior: Prior of readouts, before these responses are seen.
        places: Where units lie in cortex, in the plane of its surface.
        known: How neighbours are asked; None finds it.
    """
    added = [
        of_neighbours(of.precision[:, output], of.pull[:, output], Mixture(*parts), places, known[output] if known else None)
        for output, parts in enumerate(zip(prior.share, prior.mean, prior.covariance, strict=True))
    ]
    precision, pull = torch.stack([more for more, _, _ in added], dim=1), torch.stack([towards for _, towards, _ in added], dim=1)
    return replace(of, precision=of.precision + precision, pull=of.pull + pull), [how for _, _, how in added]


def posterior_means(of: ReadoutEvidence, prior: ReadoutPrior) -> Float[torch.Tensor, "units outputs entries"]:
    """Mean readout of every unit.

    Args:
        of: Evidence of the units' responses.
        prior: Prior of readouts, before these responses are seen.
    """
    mixtures = [Mixture(*parts) for parts in zip(prior.share, prior.mean, prior.covariance, strict=True)]
    found = [posterior_mean(of.precision[:, output], of.pull[:, output], mixture) for output, mixture in enumerate(mixtures)]
    return torch.stack(found, dim=1)


def _entries(animal: AnimalHead) -> Float[torch.Tensor, "units outputs entries"]:
    """Feature weights, and the bias after them."""
    return torch.cat([animal.readout.weights, animal.readout.bias[..., None]], dim=-1).detach()


@torch.no_grad()
def _set(animal: AnimalHead, entries: Float[torch.Tensor, "units outputs entries"]) -> None:
    """Take feature weights and biases as `_entries` gives them."""
    animal.readout.weights.copy_(entries[..., :-1])
    animal.readout.bias.copy_(entries[..., -1])


def _derivatives(
    twin: Twin, name: str, window: Window, frames: Int[np.ndarray, " frames"]
) -> Iterator[tuple[Float[torch.Tensor, "units frames entries"], Slopes, Slopes]]:
    """Features that every unit sees, a 1 after them; the log-likelihood's slope by drives, and the slope's fall; a few frames at once.

    Slope and fall are 0 in frames in which a unit was not held: they say nothing of its readout.
    """
    animal = twin.animal(name)
    entries = _entries(animal)
    with torch.no_grad():
        features, modulation, _ = twin.see(name, *tensors(window, twin.device))
    responses = torch.from_numpy(window.responses).flatten(0, 1).to(twin.device)
    showings = torch.from_numpy(window.showings).flatten().to(twin.device)
    modulation = modulation.flatten(0, 1)
    held = None if window.held is None else torch.from_numpy(window.held).flatten(0, 1).to(twin.device)
    for rows in torch.from_numpy(frames).to(twin.device).split(max(1, NUMBERS_TOGETHER // (len(entries) * entries.shape[2]))):
        with torch.no_grad():
            seen = animal.seen(features[rows])
            seen = torch.cat([seen, torch.ones_like(seen[..., :1])], dim=-1)
            drives = torch.einsum("fue,uoe->fuo", seen, entries)
        drives.requires_grad_(True)
        answers = animal.answer(drives, modulation[rows])
        likelihood = twin.family.log_likelihood(answers, animal.shape, responses[rows], showings[rows, None])
        score = torch.autograd.grad(likelihood.sum(), drives, create_graph=True)[0]
        bend = [-torch.autograd.grad(score[..., at].sum(), drives, retain_graph=True)[0][..., at] for at in range(score.shape[-1])]
        told = score.detach(), torch.stack(bend, dim=-1)
        score, fall = told if held is None else (torch.where(held[rows][..., None], part, 0.0) for part in told)
        yield seen.transpose(0, 1), score.transpose(0, 1), fall.transpose(0, 1)


def spacing(correlations: Float[torch.Tensor, " lags"]) -> tuple[int, float]:
    """Frames from one that is read to the next, half as many as say what one says alone, and how many of those read do that.

    Args:
        correlations: Correlations of scores 0, 1, ... frames apart; those below 0 count as 0.
    """
    of_all = float(1 + 2 * correlations[1:].clamp(min=0).sum())
    every = max(1, int(of_all / 2))
    return every, float(1 + 2 * correlations[every::every].clamp(min=0).sum())


def _correlations(twin: Twin, name: str, clips: Clips, left_out_s: float) -> Float[torch.Tensor, " lags"]:
    """Correlations of scores some frames apart, over units and the pilot's trials."""
    products, pairs = torch.zeros(LAGS + 1), torch.zeros(LAGS + 1)
    for row in clips.rows[:PILOT]:
        window = clips.read(int(row))
        frames = _counted(window, clips, left_out_s)
        if not len(frames):
            continue
        score = torch.cat([score[..., 0] for _, score, _ in _derivatives(twin, name, window, frames)], dim=1)
        known = _held(window, frames)
        held = torch.ones(score.shape, dtype=torch.bool) if known is None else known.T
        power = score.square().sum(1, keepdim=True) / held.sum(1, keepdim=True).clamp(min=1).to(score)
        scaled = score / power.sqrt().clamp(min=FLOOR)
        for lag in range(min(LAGS + 1, scaled.shape[1])):
            apart = scaled[:, lag:] * scaled[:, : scaled.shape[1] - lag]
            products[lag] += float(apart.sum())
            pairs[lag] += int((held[:, lag:] & held[:, : held.shape[1] - lag]).sum())
    found = products / pairs.clamp(min=1.0)
    return found / found[0].clamp(min=FLOOR)


def _held(window: Window, frames: Int[np.ndarray, " frames"]) -> Bool[torch.Tensor, "frames units"] | None:
    """Whether each unit was held in frames of one clip or of many pictures in a row; None where all were."""
    return None if window.held is None else torch.from_numpy(window.held.reshape(-1, window.held.shape[-1])[frames])


def _counted(window: Window, clips: Clips, left_out_s: float) -> Int[np.ndarray, " frames"]:
    """Frames whose responses count, those of one clip or of many pictures in a row."""
    frames = np.flatnonzero(window.counted)
    return frames[frames >= frames_of(left_out_s, clips.frame_rate_hz)]
