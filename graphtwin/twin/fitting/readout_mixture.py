"""A mixture of Gaussians from which readouts are draws, each of them known through its own responses alone: EM and posterior means.

What responses say of a readout x is -x' P x / 2 + x' b, its precision P and pull b. Under a component of mean m and covariance S the
posterior has precision A = P + S^-1 and mean A^-1 (b + S^-1 m), and the responses a likelihood of sqrt(|S^-1| / |A|) times exp of half of
(b + S^-1 m)' A^-1 (b + S^-1 m) - m' S^-1 m, but for what is common to all components. EM: Dempster, Laird & Rubin 1977,
doi:10.1111/j.2517-6161.1977.tb01600.x. A step costs units x components x entries^3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from sklearn.cluster import KMeans

from graphtwin.progress import tqdm

EM_STEPS = 20  # steps of expectation and maximisation; a fixed number
UNITS_A_COMPONENT = 50  # no more components than there are units for
CENTRE_COUNTS = 2.0  # the mean of all readouts counts as so many units in the mean of each component
BLOCK = 64  # units whose matrices stay in the cache
FLOOR = 1e-6  # least variance: matrices can be inverted

Precision = Float[torch.Tensor, "units entries entries"]
Pull = Float[torch.Tensor, "units entries"]


@dataclass(frozen=True)
class Mixture:
    """Mixture of Gaussians; components of share 0 are none."""

    share: Float[torch.Tensor, " components"]
    mean: Float[torch.Tensor, "components entries"]
    covariance: Float[torch.Tensor, "components entries entries"]


@dataclass(frozen=True)
class _Posterior:
    """Posterior of some units: how likely their responses are, and each component is, the mean readout under it, its precision's factor."""

    evidence: Float[torch.Tensor, " units"]
    share: Float[torch.Tensor, "units components"]
    mean: Float[torch.Tensor, "units components entries"]
    factor: Float[torch.Tensor, "units components entries entries"]


def fit_mixture(
    precision: Precision, pull: Pull, start: Float[torch.Tensor, "units entries"], components: int, progress: bool = False
) -> Mixture:
    """The mixture under which the responses of all units are most likely.

    One Gaussian comes first. Components begin at clusters of what it makes of the units (k-means, whitened); each is held by half of its
    covariance, counted as as many units as there are entries, and by its mean.

    Args:
        precision: Precision P of each unit.
        pull: Pull b of each unit.
        start: Readouts, from whose moments EM begins.
        components: Number of components at most; fewer where units are few.
        progress: Show progress bars.
    """
    apart = start - start.mean(0)
    one = Mixture(torch.ones(1, dtype=start.dtype), start.mean(0)[None], (apart.T @ apart / len(start))[None])
    for _ in tqdm(range(EM_STEPS), desc="kinds of readouts", unit="step", disable=not progress, leave=False):
        one = _likeliest(precision, pull, one)
    if components == 1:
        return one
    means = posterior_mean(precision, pull, one)
    white = ((means - one.mean) @ torch.linalg.cholesky(_inverse(one.covariance[0]))).numpy()
    several = min(components, len(start) // UNITS_A_COMPONENT, len(np.unique(white.round(6), axis=0)))
    if several < 2:
        return one
    number = torch.from_numpy(KMeans(several, n_init=1, random_state=0).fit_predict(white).astype(np.int64))
    share = torch.bincount(number, minlength=several).to(start.dtype) / len(number)
    clusters = torch.stack([means[number == at].mean(0) for at in range(several)])
    found = Mixture(share, clusters, one.covariance.repeat(several, 1, 1))
    for _ in tqdm(range(EM_STEPS), desc="kinds of readouts", unit="step", disable=not progress, leave=False):
        found = _likeliest(precision, pull, found, one)
    return found


def log_evidence(precision: Precision, pull: Pull, mixture: Mixture) -> Float[torch.Tensor, " units"]:
    """Log of the mean over the mixture of what each unit's responses say of a readout x: of exp(-x' P x / 2 + x' b)."""
    return torch.cat([known.evidence for known in _posteriors(precision, pull, mixture)])


def posterior_mean(precision: Precision, pull: Pull, mixture: Mixture) -> Float[torch.Tensor, "units entries"]:
    """Posterior mean of each unit's readout."""
    return torch.cat([torch.einsum("uk,uke->ue", known.share, known.mean) for known in _posteriors(precision, pull, mixture)])


def posterior_covariance(precision: Precision, pull: Pull, mixture: Mixture) -> Float[torch.Tensor, "units entries entries"]:
    """Posterior covariance of each unit's readout, that between components included."""
    found = []
    for known in _posteriors(precision, pull, mixture):
        apart = known.mean - torch.einsum("uk,uke->ue", known.share, known.mean)[:, None]
        within = torch.einsum("uk,ukij->uij", known.share, torch.cholesky_inverse(known.factor))
        found.append(within + torch.einsum("uk,uki,ukj->uij", known.share, apart, apart))
    return torch.cat(found)


def share_known(precision: Precision, pull: Pull, mixture: Mixture, entries: int) -> Float[torch.Tensor, " units"]:
    """How much of the variance that readouts have by the mixture a unit's responses take off, 0 to 1.

    Args:
        precision: Precision P of each unit.
        pull: Pull b of each unit.
        mixture: Mixture that readouts are draws from.
        entries: Number of entries, from the first, whose variances are added up.
    """
    mean = mixture.share @ mixture.mean
    before = mixture.share @ (mixture.covariance.diagonal(dim1=1, dim2=2) + mixture.mean**2) - mean**2
    left = []
    for known in _posteriors(precision, pull, mixture):
        squares = torch.cholesky_inverse(known.factor).diagonal(dim1=2, dim2=3) + known.mean**2
        mean = torch.einsum("uk,uke->ue", known.share, known.mean)
        left.append((torch.einsum("uk,uke->ue", known.share, squares) - mean**2)[:, :entries].sum(1))
    return (1 - torch.cat(left) / before[:entries].sum().clamp(min=FLOOR)).clamp(0, 1)


def _likeliest(precision: Precision, pull: Pull, mixture: Mixture, held_by: Mixture | None = None) -> Mixture:
    """Mixture after a step of EM."""
    size, entries = mixture.mean.shape
    count, first, second = (mixture.mean.new_zeros(size, *shape) for shape in ((), (entries,), (entries, entries)))
    for known in _posteriors(precision, pull, mixture):
        count += known.share.sum(0)
        first += torch.einsum("uk,uke->ke", known.share, known.mean)
        second += torch.einsum("uki,ukj->kij", known.share[..., None] * known.mean, known.mean)
        second += torch.einsum("uk,ukij->kij", known.share, torch.cholesky_inverse(known.factor))
    mean = first / count[:, None] if held_by is None else (first + CENTRE_COUNTS * held_by.mean) / (count[:, None] + CENTRE_COUNTS)
    crossed = first[:, :, None] * mean[:, None]
    spread = second - crossed - crossed.mT + count[:, None, None] * mean[:, :, None] * mean[:, None]
    if held_by is None:
        return Mixture(count / count.sum(), mean, spread / count[:, None, None])
    return Mixture(count / count.sum(), mean, (spread + entries * held_by.covariance / 2) / (count[:, None, None] + entries))


def _posteriors(precision: Precision, pull: Pull, mixture: Mixture) -> Iterator[_Posterior]:
    """Posteriors of a block of units after the other, under the components that have a share."""
    there = mixture.share > 0
    share, mean, covariance = mixture.share[there], mixture.mean[there], mixture.covariance[there]
    held = torch.stack([_inverse(one) for one in covariance])
    pulled = torch.einsum("kij,kj->ki", held, mean)
    constant = share.log() + (torch.logdet(held) - (pulled * mean).sum(1)) / 2
    for units in torch.arange(len(pull)).split(BLOCK):
        factor = torch.linalg.cholesky(precision[units, None] + held)
        towards = pull[units, None] + pulled
        means = torch.cholesky_solve(towards[..., None], factor)[..., 0]
        likelihood = constant + (towards * means).sum(2) / 2 - factor.diagonal(dim1=2, dim2=3).log().sum(2)
        yield _Posterior(torch.logsumexp(likelihood, dim=1), torch.softmax(likelihood, dim=1), means, factor)


def _inverse(covariance: Float[torch.Tensor, "entries entries"]) -> Float[torch.Tensor, "entries entries"]:
    return torch.linalg.inv(covariance + FLOOR * torch.eye(len(covariance), dtype=covariance.dtype))
