"""Claims: what a clip is expected to tell of a readout is the Fisher information of its answers, and the posterior that of the mixture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphtwin.twin.fitting.readout_information import expected_information, posterior_precision
from graphtwin.twin.fitting.readout_mixture import Mixture, posterior_covariance
from graphtwin.twin.fitting.readout_prior import ReadoutEvidence
from tests.twin.test_animal_responder import UNITS, noise, random_twin

LEFT_OUT = 12  # frames: .4 s at 30 Hz


def nothing_known(animal) -> ReadoutEvidence:
    head = animal.fitted.twin.animal("random").readout
    entries = torch.cat([head.weights, head.bias[..., None]], dim=-1).detach().double()
    none = torch.zeros(*entries.shape, entries.shape[-1], dtype=torch.float64)
    return ReadoutEvidence(entries, none, torch.zeros_like(entries), 3, torch.full(entries.shape[:2], 2.0, dtype=torch.float64))


@pytest.mark.parametrize(("family", "rate"), [("poisson", 30.0), ("negative_binomial", 30.0), ("poisson", np.nan)])
def test_information_is_that_of_small_changes_of_the_readout(family: str, rate: float):
    animal = random_twin(rate, family)
    clip = torch.from_numpy(noise(2, 1 if np.isnan(rate) else 24))
    of = nothing_known(animal)
    found = expected_information(animal, clip, of, torch.tensor([4, 1]))
    twin, head = animal.fitted.twin, animal.fitted.twin.animal("random").readout
    first = 0 if np.isnan(rate) else LEFT_OUT
    scale = torch.from_numpy(animal.fitted.animals["random"].scales.responses).float()
    slopes = []
    with torch.no_grad():
        rates = animal.drive(clip)[:, first::3]
        for entry in range(of.start.shape[-1]):
            at = head.bias[:, 0] if entry == of.start.shape[-1] - 1 else head.weights[:, 0, entry]
            both = []
            for change in (1e-2, -1e-2):
                at += change
                both.append(animal.drive(clip)[:, first::3])
                at -= change
            slopes.append((both[0] - both[1]) / 2e-2)
    slope = torch.stack(slopes, dim=-1) / scale[:, None]
    shape = twin.animal("random").shape
    numbers = ((rates - torch.from_numpy(animal.fitted.animals["random"].scales.origin).float()) / scale)[..., None]
    variance = twin.family.variance(numbers, shape).detach()
    wanted = torch.einsum("cfui,cfuj,cfu->cuij", slope, slope, 1 / variance) / 2.0
    torch.testing.assert_close(found, wanted[:, [4, 1]], rtol=0.02, atol=0.02 * float(wanted.abs().max()))
    assert found.abs().max() > 1e-3


def test_the_posterior_covariance_of_a_mixture_is_that_of_its_density():
    mixture = Mixture(torch.tensor([0.3, 0.7]).double(), torch.tensor([[-1.0], [2.0]]).double(), torch.tensor([[[0.5]], [[1.5]]]).double())
    precision, pull = torch.tensor([[[0.8]]]).double(), torch.tensor([[0.4]]).double()
    at = np.linspace(-12, 12, 20001)
    prior = sum(
        share / np.sqrt(variance) * np.exp(-((at - mean) ** 2) / (2 * variance))
        for share, mean, variance in ((0.3, -1, 0.5), (0.7, 2, 1.5))
    )
    density = prior * np.exp(-0.4 * at**2 + 0.4 * at)
    density /= density.sum()
    wanted = (density * at**2).sum() - (density * at).sum() ** 2
    np.testing.assert_allclose(posterior_covariance(precision, pull, mixture)[0, 0, 0], wanted, rtol=1e-3)


def test_without_responses_the_posterior_is_the_prior():
    animal = random_twin()
    twin, of = animal.fitted.twin, nothing_known(animal)
    entries = of.start.shape[-1]
    twin.prior_covariance.copy_(2.0 * torch.eye(entries))
    found = posterior_precision(twin, of)
    torch.testing.assert_close(found, 0.5 * torch.eye(entries).double().expand(UNITS, -1, -1), rtol=1e-4, atol=1e-6)
