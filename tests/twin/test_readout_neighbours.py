"""Readouts are told by those of neighbours in cortex where these are found to be alike, and else left as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphtwin.twin.fitting.readout_mixture import Mixture, log_evidence, posterior_mean
from graphtwin.twin.fitting.readout_neighbours import Expected, message, of_neighbours, told_of_neighbours


def planted_readouts(
    share: float, noise: float, units: int = 200, entries: int = 12
) -> tuple[np.ndarray, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Places, readouts of variance 1 of which a share is a map, and precision and pull of what responses say of them."""
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 1, (units, 2))
    alike = np.exp(-((places[:, None] - places[None]) ** 2).sum(2) / (2 * 0.25**2)) + 1e-6 * np.eye(units)
    smooth = np.linalg.cholesky(alike) @ rng.standard_normal((units, entries))
    true = 0.5 + np.sqrt(share) * smooth + np.sqrt(1 - share) * rng.standard_normal((units, entries))
    seen = rng.standard_normal((units, entries, entries)) / np.sqrt(entries * noise)
    precision = seen.transpose(0, 2, 1) @ seen
    pull = np.einsum("uij,uj->ui", precision, true) + np.einsum("uji,uj->ui", seen, rng.standard_normal((units, entries)))
    return places, torch.from_numpy(true), torch.from_numpy(precision), torch.from_numpy(pull)


def standard(entries: int) -> Mixture:
    return Mixture(torch.ones(1).double(), torch.zeros(1, entries).double(), torch.eye(entries).double()[None])


def test_readouts_that_are_a_map_are_told_by_neighbours_and_others_lose_nothing():
    for share in (0.8, 0.0):
        places, true, precision, pull = planted_readouts(share, noise=3.0)  # and off the mean of the mixture, all together
        more, towards, how = of_neighbours(precision, pull, standard(12), places)
        alone, told = (posterior_mean(precision + p, pull + b, standard(12)) for p, b in ((0 * more, 0 * towards), (more, towards)))
        if share:
            assert 0.5 <= how.share <= 1.0
            assert (told - true).square().mean() < 0.7 * (alone - true).square().mean()
        else:
            assert how.share == 0
            assert torch.equal(alone, told)


def test_neighbours_at_one_place_say_what_all_units_together_do():
    """Known answer: the posterior mean of each readout under one Gaussian over all of them."""
    _, _, precision, pull = planted_readouts(0.5, noise=1.0, units=20, entries=4)
    shared = 0.6
    rng = np.random.default_rng(1)
    mean, root = torch.from_numpy(rng.standard_normal(4)), torch.from_numpy(rng.standard_normal((4, 4)))
    covariance = root @ root.T + 0.3 * torch.eye(4).double()
    mixture = Mixture(torch.ones(1).double(), mean[None], covariance[None])
    joint = torch.kron(shared * torch.ones(20, 20).double() + (1 - shared) * torch.eye(20).double(), covariance)
    held = torch.linalg.inv(joint)
    wanted = torch.linalg.solve(torch.block_diag(*precision) + held, pull.flatten() + held @ mean.repeat(20)).view(20, 4)
    of_all = Expected(mean, covariance)
    others = (torch.ones(20, 20) - torch.eye(20)).double().to_sparse()
    more, towards = message(told_of_neighbours(precision, pull, of_all, shared), others, of_all)
    assert torch.allclose(posterior_mean(precision + more, pull + towards, mixture), wanted, atol=1e-5)


def test_the_evidence_of_a_unit_is_the_mean_of_its_likelihood_over_the_mixture():
    rng = np.random.default_rng(2)
    mixture = Mixture(torch.tensor([0.3, 0.7]).double(), torch.tensor([[0.0], [1.0]]).double(), torch.tensor([[[0.5]], [[0.2]]]).double())
    precision, pull = torch.tensor([[[2.0]]]).double(), torch.tensor([[0.7]]).double()
    drawn = np.where(rng.random(400_000) < 0.3, 0.5**0.5 * rng.standard_normal(400_000), 1 + 0.2**0.5 * rng.standard_normal(400_000))
    assert float(log_evidence(precision, pull, mixture)) == pytest.approx(np.log(np.exp(-(drawn**2) + 0.7 * drawn).mean()), abs=0.01)
